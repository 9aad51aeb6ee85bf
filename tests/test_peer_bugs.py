"""What was wrong in others' sources, looked for in ours."""

from __future__ import annotations

import re

import pytest

from tests.anvil import ROOT

pytestmark = pytest.mark.unit

# Wraps by its definition: the generator, the digests of tiles and of labels. None of them holds money.
WRAPPING = {"LabelProof.sol", "Philox.sol", "TileProof.sol"}


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


def test_truebit__unchecked_arithmetic__only_in_the_proof_libraries() -> None:
    assert {name for name, code in sources().items() if re.search(r"\bunchecked\s*\{", code)} == WRAPPING
