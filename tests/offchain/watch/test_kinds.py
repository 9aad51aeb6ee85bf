"""Every way to punish a fault has a kind, and every kind a way."""

from __future__ import annotations

import pytest

from tensorbond.watch.kinds import KINDS
from tests.anvil import ROOT
from tests.chain import system_artifacts

pytestmark = pytest.mark.unit

DISPUTES = ("WorkDisputes", "AttestationDisputes")


def test_kinds__every_proof_of_the_contracts__has_one():
    compiled = system_artifacts()
    verbs = {
        (contract, item.name)
        for contract in DISPUTES
        for item in compiled[contract].abi.functions.values()
        if item.name.startswith("prove")
    }
    told = {(kind.contract, kind.function) for kind in KINDS.values() if kind.function.startswith("prove")}
    # One brings any of the others against an attestation that was revoked.
    assert told == verbs - {("AttestationDisputes", "proveRevoked")}


def test_kinds__each__is_a_verb_that_is_no_view_and_says_what_it_shows():
    compiled = system_artifacts()
    for kind in KINDS.values():
        assert not compiled[kind.contract].abi.function(kind.function).is_view
        assert kind.shows


def test_kinds__the_table_in_the_docs__is_this_one():
    told = (ROOT / "docs" / "watch.md").read_text()
    rows = [line for line in told.splitlines() if line.startswith("| ") and "`" in line]
    need = [f"| {name} | `{kind.contract}.{kind.function}` | {kind.shows} |" for name, kind in KINDS.items()]
    assert rows == need
