"""Invariant 13: a pause blocks no exit. The exits themselves are tried by the tests that `EXITS` names."""

from __future__ import annotations

import pytest

from tests.anvil import ROOT
from tests.contracts.conftest import PAUSABLE

from .exits import EXITS
from .table import table, verbs
from .test_pause import refusing

HERE = ROOT / "tests" / "contracts"


@pytest.mark.parametrize("contract", PAUSABLE)
def test_exits__every_verb_that_a_pause_leaves_open__is_tried_under_one(contract: str) -> None:
    """But those of governor, guardian and peers."""
    free = {verb for verb in verbs(contract) if not table()[contract, verb].fixed} - refusing(contract)
    helpers = {"multicall", "permit"}
    assert {f"{contract}.{verb}" for verb in free - helpers} <= EXITS.keys()


def test_exits__every_test_that_they_name__exists() -> None:
    for verb, (path, name) in EXITS.items():
        assert f"\ndef {name}(" in (HERE / path).read_text(encoding="utf-8"), verb
        assert verb.split(".")[1] in verbs(verb.split(".")[0]), verb
