"""Every custom error that a contract can raise is expected by a test of that contract, by its name.

What it can raise its ABI says: its own errors, its interface's and those of the libraries it uses. Its tests
are those of the folder that has its name, and what `ALSO` adds.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.anvil import ROOT
from tests.chain import project_artifacts

pytestmark = pytest.mark.unit

HERE = Path(__file__).parent
_ERROR = re.compile(r"^ *error (\w+)\(", re.MULTILINE)

# Where else a contract's errors are expected, and why there.
ALSO: Mapping[str, Mapping[str, str]] = {
    "AttestationDisputes": {
        "attacks/test_save_the_signers_by_equivocating.py": "its defence: a revoked round can be named",
    },
    "Attestations": {
        "attacks/test_save_the_signers_by_equivocating.py": "asks for leaves of a revoked round",
        "attestation_disputes/test_request_leaf.py": "asks for leaves of the disputes' epochs",
    },
    "ComputeProofs": {"work_disputes": "hands on what this judge refuses"},
    "DeviceRegistry": {"governance": "pauses each contract in the same test"},
    "LeafProofs": {"attestation_disputes": "hands on what this judge refuses, and nobody else asks it"},
}

# What no test sees raised, and why.
UNREACHED: Mapping[tuple[str, str], str] = {
    ("LeafProofs", "HeaderMalformed"): "what has the hash of a block is its header",
}


def declared() -> set[str]:
    """Those of this project, not of OpenZeppelin."""
    sources = (ROOT / "contracts").rglob("*.sol")
    return {name for path in sources for name in _ERROR.findall(path.read_text(encoding="utf-8"))}


def raised() -> dict[str, set[str]]:
    """By contract that is deployed."""
    ours, artifacts = declared(), project_artifacts()
    names = [path.stem for path in sorted((ROOT / "contracts").glob("*.sol"))]
    return {
        name: {entry["name"] for entry in artifacts[name].entries if entry["type"] == "error"} & ours
        for name in names
    }


@cache
def expected(place: Path) -> frozenset[str]:
    """The texts in all modules there that expect a refusal: a test may take its error from a table."""
    found: set[str] = set()
    for path in [place] if place.suffix else sorted(place.rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        if any(isinstance(node, ast.Attribute) and node.attr == "reverts" for node in nodes):
            found.update(n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return frozenset(found)


def expected_of(places: Iterable[str]) -> set[str]:
    return {text for place in places for text in expected(HERE / place)}


def folder_of(contract: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", contract).lower()


CONTRACTS = raised()


def test_errors__each_that_is_declared__can_be_raised_by_a_contract() -> None:
    assert len(declared()) > 200
    assert declared() - set().union(*CONTRACTS.values()) == set()


@pytest.mark.parametrize("contract", [name for name, errors in CONTRACTS.items() if errors])
def test_errors__every_one_of_a_contract__is_expected_by_a_test_of_it(contract: str) -> None:
    known = expected_of([folder_of(contract), *ALSO.get(contract, {})])
    listed = {error for of, error in UNREACHED if of == contract}
    assert CONTRACTS[contract] - known == listed


@pytest.mark.parametrize(
    ("contract", "place"), [(contract, place) for contract, places in ALSO.items() for place in places]
)
def test_errors__each_other_place__expects_what_the_contracts_own_do_not(contract: str, place: str) -> None:
    others = [folder_of(contract), *(set(ALSO[contract]) - {place})]
    assert CONTRACTS[contract] & expected(HERE / place) - expected_of(others) != set()
