"""What was wrong in others' sources, looked for in ours."""

from __future__ import annotations

import re

import pytest

from tests.anvil import ROOT

pytestmark = pytest.mark.unit

# Wraps by its definition: the generator, the digests of tiles and of labels. None of them holds money.
WRAPPING = {"LabelProof.sol", "Philox.sol", "TileProduct.sol", "TileProof.sol"}
# How far a share is shifted from one generation to a later one: 32 bits each, of numbers of 32 bits.
SHIFTING = {"Shares.sol": "return part >> 32 * (to - from);"}
# How many sums of money are unchecked: of TBND that there is, whose bound is written beside them.
BOUNDED = {"ProviderStaking.sol": 2, "StakeWords.sol": 1}


def sources() -> dict[str, str]:
    """By file name the code, without comments."""
    files = sorted((ROOT / "contracts").rglob("*.sol"))
    comment = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
    return {path.name: comment.sub("", path.read_text(encoding="utf-8")) for path in files}


def test_lilypad__tx_origin_or_time_as_randomness__is_nowhere() -> None:
    assert len(sources()) > 50
    for name, code in sources().items():
        assert "tx.origin" not in code, name
        assert not re.search(r"%[^;]*block\.(timestamp|prevrandao)|prevrandao|difficulty", code), name


def test_truebit__unchecked_arithmetic__only_in_the_proof_libraries_or_bounded() -> None:
    unchecked = re.compile(r"\bunchecked\s*\{([^}]*)\}")
    found = {name: blocks for name, code in sources().items() if (blocks := unchecked.findall(code))}
    assert found.keys() == WRAPPING | BOUNDED.keys() | SHIFTING.keys()
    for name, shift in SHIFTING.items():
        assert [block.strip() for block in found[name]] == [shift], name
    for name, count in BOUNDED.items():
        assert len(found[name]) == count, name
        assert all(re.fullmatch(r"[^-*<]*", block) for block in found[name]), f"{name}: more than a sum"


# What a contract delegates to: itself (a proof within `proveRevoked`), and a table of members to nobody.
HARMLESS = (
    "Address.functionDelegateCall(address(this), ",
    'import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";',
    "Clones.cloneWithImmutableArgs(address(0), ",
    "Clones.fetchCloneArgs(",
)


def test_owasp__proxy_initializer_or_self_destruction__is_nowhere() -> None:
    """Nothing of ours is upgraded or ends. (`Multicall`, which calls its own contract, is OpenZeppelin's.)"""
    words = r"delegatecall|callcode|selfdestruct|\bcreate2?\s*\(|clone|upgrade|initializ|proxy"
    for name, code in sources().items():
        for each in HARMLESS:
            code = code.replace(each, "")
        assert not re.search(words, code, re.IGNORECASE), name
