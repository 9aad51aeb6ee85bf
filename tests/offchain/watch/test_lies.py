"""The finder alone, off chain: an honest epoch gives nothing, a lie exactly what it is."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorbond.chain.types import Leaf, OutcomeResult
from tensorbond.oracle.leaves import EpochData
from tensorbond.oracle.outcomes import judge_epoch
from tensorbond.oracle.rules import next_leaves
from tensorbond.watch.lies import LieKind, Truth, find_lies
from tensorbond.watch.sums import recover
from tests.offchain.oracle.epochs import CHAIN_ID, make_epoch
from tests.offchain.watch.liars import LIARS

pytestmark = pytest.mark.unit


def honest_epoch(seed: int) -> tuple[Truth, EpochData]:
    """The third epoch in a row, so that leaves have a past."""
    choice = Random(seed)
    previous: dict[int, Leaf] = {}
    while True:
        epoch = choice.randrange(3) if not previous else 3
        facts, findings = make_epoch(epoch, choice)
        outcomes = judge_epoch(facts, findings)
        leaves = next_leaves(facts, previous, outcomes)
        if previous:
            return Truth(facts, previous, findings), EpochData(CHAIN_ID, epoch, leaves, outcomes)
        previous = leaves


@given(st.integers(0, 1 << 32))
@settings(max_examples=40, deadline=None)
def test_find_lies__honest_epoch__finds_nothing(seed):
    truth, data = honest_epoch(seed)
    assert find_lies(truth, data, data.total_weight) == []


@pytest.mark.parametrize("name", LIARS)
@given(st.integers(0, 1 << 32))
@settings(max_examples=10, deadline=None)
def test_find_lies__one_lie__is_the_only_one_found(name, seed):
    liar, kind = LIARS[name]
    truth, honest = honest_epoch(seed)
    signed = liar(truth, honest, Random(seed))
    if signed is None or (signed.data == honest and signed.total_weight == honest.total_weight):
        return
    found = find_lies(truth, signed.data, signed.total_weight)
    if kind == LieKind.SUM:
        tree = recover(signed.data.leaves.values(), signed.root, signed.total_weight)
        assert found == []
        assert tree is not None
        assert tree.wrong == (20, 0)
        return
    assert {lie.kind for lie in found} == {kind}, [str(lie) for lie in found]
    assert all(lie.epoch == honest.epoch and lie.told for lie in found)


def test_find_lies__every_liar__finds_something_to_lie_about():
    told = {
        name
        for seed in range(5)
        for name, (liar, _) in LIARS.items()
        if liar(*honest_epoch(seed), Random(seed)) is not None
    }
    assert told == set(LIARS)


def test_find_lies__withheld_where_evidence_is_known_now__is_told_but_not_provable():
    truth, honest = honest_epoch(1)
    device, index = next(
        (device, index)
        for device, rows in honest.outcomes.items()
        for index, row in enumerate(rows)
        if row.result == OutcomeResult.PASSED
    )
    rows = list(honest.outcomes[device])
    rows[index] = replace(rows[index], result=int(OutcomeResult.WITHHELD), throughput=0, witness=bytes(32))
    outcomes = {**honest.outcomes, device: tuple(rows)}
    leaves = next_leaves(truth.facts, truth.previous, outcomes)
    data = EpochData(CHAIN_ID, honest.epoch, leaves, outcomes)
    (lie,) = find_lies(truth, data, data.total_weight)
    assert (lie.kind, lie.device, lie.row) == (LieKind.UNPROVEN, device, index)
