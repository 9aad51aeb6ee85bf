"""Every way to punish a fault has a kind, and every kind a way."""

from __future__ import annotations

import pytest

from tensorbond.chain.artifacts import load
from tensorbond.watch.kinds import KINDS

pytestmark = pytest.mark.unit

DISPUTES = ("WorkDisputes", "AttestationDisputes")


def test_kinds__every_proof_of_the_contracts__has_one():
    compiled = load()
    verbs = {
        (contract, item.name)
        for contract in DISPUTES
        for item in compiled[contract].abi.functions.values()
        if item.name.startswith("prove")
    }
    told = {(kind.contract, kind.function) for kind in KINDS.values() if kind.function.startswith("prove")}
    assert told == verbs


def test_kinds__each__is_a_verb_that_is_no_view_and_says_what_it_shows():
    compiled = load()
    for kind in KINDS.values():
        assert not compiled[kind.contract].abi.function(kind.function).is_view
        assert kind.shows
