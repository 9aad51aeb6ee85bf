from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorbond.chain.types import DeviceClass, Leaf, Outcome, OutcomeKind, OutcomeResult
from tensorbond.oracle.emission import emission_at
from tensorbond.oracle.facts import DeviceFact
from tensorbond.oracle.outcomes import judge_epoch
from tensorbond.oracle.rules import IDLE_EPOCHS, IDLE_MAX, least, next_leaf, next_leaves, pay
from tensorbond.oracle.tree import ZERO, outcomes_root
from tests.leaves import make_leaf, make_outcome
from tests.offchain.oracle.epochs import (
    MEMORY,
    PROVIDER,
    TERMS,
    beacon_of,
    make_device,
    make_epoch,
    make_facts,
)

pytestmark = pytest.mark.unit

C, M, ROLL, FORCED = map(int, OutcomeKind)
PASSED, MISSED, SLOW = (
    int(each) for each in (OutcomeResult.PASSED, OutcomeResult.MISSED, OutcomeResult.SLOW)
)
VRAM = 92 * 64 * 1024 * 32 // 100


def leaf_after(
    device: DeviceFact, before: Leaf | None, rows: Sequence[Outcome], terms: DeviceClass = TERMS
) -> Leaf:
    """The leaf of an epoch whose slots 0 and 1 are of the C-phase, 2 and 3 of the M-phase."""
    beacons = {slot: beacon_of(slot, memory=slot > 1) for slot in range(4)}
    return next_leaf(make_facts([device], terms=terms, beacons=beacons), device, before, rows)


def memory_leaf(rows: Sequence[Outcome], before: Leaf | None = None, gops: int = 10) -> Leaf:
    return leaf_after(make_device(gops=gops), before, rows, MEMORY)


def passed(kind: int, gops: int, slot: int = 0) -> Outcome:
    return make_outcome(slot, kind, PASSED, throughput=gops)


def missed(kind: int, slot: int = 0) -> Outcome:
    return make_outcome(slot, kind, MISSED)


def test_next_leaf__new_device_that_passed_only_draws__has_no_weight_yet():
    leaf = leaf_after(make_device(gops=10), None, [passed(C, 8)])
    assert (leaf.due_c, leaf.passed_c, leaf.idle_c) == (1, 1, 0)
    assert (leaf.due_roll, leaf.passed_roll, leaf.idle_roll) == (0, 0, 1)
    assert (leaf.min_gops, leaf.weight) == (8, 0)


def test_next_leaf__new_device_that_passed_a_roll_call__has_weight_without_any_draw():
    leaf = leaf_after(make_device(gops=10), None, [passed(ROLL, 8)])
    assert (leaf.due_c, leaf.idle_c, leaf.due_roll, leaf.passed_roll) == (0, 1, 1, 1)
    assert leaf.weight == 8


def test_prime_intellect_uncapped_work_units__more_measured_than_bonded__weighs_what_is_bonded():
    leaf = leaf_after(make_device(gops=5), None, [passed(ROLL, 8)])
    assert (leaf.min_gops, leaf.weight) == (8, 5)


def test_next_leaf__several_passes__takes_the_least():
    rows = [passed(C, 9), passed(ROLL, 7), passed(C, 8)]
    assert leaf_after(make_device(gops=100), None, rows).min_gops == 7


def test_next_leaf__forced_rows__count_for_nothing_but_the_outcomes_root():
    rows = [passed(ROLL, 8), make_outcome(1, FORCED, MISSED, job=4), passed(FORCED, 1)]
    leaf = leaf_after(make_device(gops=10), None, rows)
    assert (leaf.due_c, leaf.due_roll, leaf.min_gops, leaf.weight) == (0, 1, 8, 8)
    assert (leaf.outcomes_root, leaf.outcome_count) == (outcomes_root(rows), 3)


def test_next_leaf__one_of_two_draws_missed__weighs_half_rounded_down():
    rows = [passed(ROLL, 9), passed(C, 9), missed(C)]
    assert leaf_after(make_device(gops=9), None, rows).weight == 4


def test_next_leaf__all_missed__weighs_nothing():
    leaf = leaf_after(make_device(), None, [missed(C), missed(ROLL)])
    assert (leaf.due_c, leaf.passed_c, leaf.min_gops, leaf.weight) == (1, 0, 0, 0)


def test_next_leaf__nothing_due__keeps_the_record_and_ages():
    before = leaf_after(make_device(gops=10), None, [passed(ROLL, 9), passed(C, 9), missed(C)])
    leaf = leaf_after(make_device(gops=10), before, [])
    kept = replace(before, idle_c=1, idle_roll=1, outcomes_root=ZERO, outcome_count=0)
    assert leaf == kept
    assert leaf.weight == 4


@pytest.mark.parametrize(("idle", "weight"), [(IDLE_EPOCHS - 1, 9), (IDLE_EPOCHS, 0)])
def test_next_leaf__roll_call_too_long_ago__weighs_nothing(idle, weight):
    before = make_leaf(
        1, PROVIDER, due_roll=1, passed_roll=1, idle_roll=idle, due_c=1, passed_c=1, min_gops=9
    )
    leaf = leaf_after(make_device(gops=10), before, [passed(C, 9)])
    assert (leaf.idle_roll, leaf.min_gops, leaf.weight) == (idle + 1, 9, weight)


def test_next_leaf__never_drawn_for_too_long__weighs_nothing():
    before = make_leaf(1, PROVIDER, due_roll=1, passed_roll=1, idle_c=IDLE_EPOCHS, min_gops=9)
    leaf = leaf_after(make_device(gops=10), before, [passed(ROLL, 9)])
    assert (leaf.idle_c, leaf.weight) == (IDLE_EPOCHS + 1, 0)


@pytest.mark.parametrize(("idle", "gops"), [(IDLE_EPOCHS - 1, 9), (IDLE_EPOCHS, 0)])
def test_next_leaf__both_kinds_idle_too_long__forgets_the_rate(idle, gops):
    before = make_leaf(1, PROVIDER, idle_c=idle, idle_roll=idle + 3, min_gops=9)
    assert leaf_after(make_device(), before, []).min_gops == gops


def test_next_leaf__idle_for_ever__stays_within_16_bits():
    before = make_leaf(1, PROVIDER, idle_c=IDLE_MAX, idle_roll=IDLE_MAX)
    leaf = leaf_after(make_device(), before, [])
    assert (leaf.idle_c, leaf.idle_roll) == (IDLE_MAX, IDLE_MAX)


def test_next_leaf__ended_device__keeps_its_record_but_no_weight():
    leaf = leaf_after(make_device(until_slot=3), None, [passed(ROLL, 9)])
    assert (leaf.due_roll, leaf.min_gops, leaf.weight) == (1, 9, 0)


def test_next_leaf__class_without_an_m_phase__has_nothing_of_it():
    leaf = leaf_after(make_device(), None, [passed(ROLL, 9, slot=2), passed(C, 8, slot=3)])
    assert (leaf.due_m, leaf.passed_m, leaf.idle_m, leaf.min_bandwidth, leaf.vram) == (0, 0, 0, 0, 0)
    assert (leaf.min_gops, leaf.weight) == (8, 8)


def test_next_leaf__both_phases_passed__keeps_gops_and_bandwidth_apart():
    rows = [passed(C, 9), passed(ROLL, 8, 1), passed(M, 700, 2), passed(ROLL, 600, 3)]
    leaf = memory_leaf(rows)
    assert (leaf.due_c, leaf.passed_c, leaf.due_m, leaf.passed_m) == (1, 1, 1, 1)
    assert (leaf.due_roll, leaf.passed_roll) == (2, 2)
    assert (leaf.min_gops, leaf.min_bandwidth, leaf.vram, leaf.weight) == (8, 600, VRAM, 8)


def test_next_leaf__never_drawn_for_the_m_phase__counts_as_whole_but_shows_no_memory():
    leaf = memory_leaf([passed(ROLL, 8)])
    assert (leaf.due_m, leaf.idle_m, leaf.min_bandwidth, leaf.vram, leaf.weight) == (0, 1, 0, 0, 8)


@pytest.mark.parametrize("result", [MISSED, SLOW])
def test_next_leaf__one_of_two_m_phases_missed_or_slow__weighs_half(result):
    rows = [passed(ROLL, 9), passed(M, 700, 2), make_outcome(3, M, result, throughput=1)]
    leaf = memory_leaf(rows)
    assert (leaf.due_m, leaf.passed_m, leaf.min_bandwidth, leaf.vram, leaf.weight) == (2, 1, 700, VRAM, 4)


def test_next_leaf__m_phase_due_but_never_passed__shows_no_memory():
    before = memory_leaf([passed(ROLL, 9), passed(M, 700, 2)])
    leaf = memory_leaf([passed(ROLL, 9), make_outcome(2, M, SLOW, throughput=1), missed(ROLL, 3)], before)
    assert (leaf.due_m, leaf.passed_m, leaf.min_bandwidth, leaf.vram, leaf.weight) == (1, 0, 0, 0, 0)
    assert (leaf.due_roll, leaf.passed_roll, leaf.min_gops) == (2, 1, 9)


def test_next_leaf__roll_call_of_the_m_phase__measures_no_gops():
    leaf = memory_leaf([passed(ROLL, 700, 2)])
    assert (leaf.min_gops, leaf.min_bandwidth, leaf.vram, leaf.weight) == (0, 700, VRAM, 0)


def test_next_leaf__held_in_a_slot_of_the_m_phase__counts_its_roll_call_as_the_c_phase_it_is():
    # No such row is due; one that is there all the same must not pass for bandwidth.
    device = make_device(holds=((120, 121),))
    leaf = leaf_after(device, None, [passed(ROLL, 700, 2)], MEMORY)
    assert (leaf.min_gops, leaf.min_bandwidth, leaf.vram) == (700, 0, 0)


@pytest.mark.parametrize(("idle", "kept"), [(IDLE_EPOCHS - 1, True), (IDLE_EPOCHS, False)])
def test_next_leaf__m_phase_idle_too_long__is_forgotten_and_weighs_nothing(idle, kept):
    told = {"due_roll": 1, "passed_roll": 1, "idle_roll": idle, "min_bandwidth": 700, "vram": VRAM}
    before = make_leaf(1, PROVIDER, due_m=2, passed_m=2, idle_m=idle, **told)
    leaf = memory_leaf([], before)
    assert (leaf.due_m, leaf.passed_m, leaf.idle_m) == (2, 2, idle + 1)
    assert (leaf.min_bandwidth, leaf.vram) == ((700, VRAM) if kept else (0, 0))
    drawn = memory_leaf([passed(C, 9), passed(ROLL, 9, 1)], before)
    assert drawn.weight == (9 if kept else 0)


def test_pay__two_devices__shares_the_emission_by_weight_and_keeps_the_dust():
    leaves = {
        1: make_leaf(1, PROVIDER, weight=1, cumulative_reward=5),
        2: make_leaf(2, PROVIDER, weight=2),
        3: make_leaf(3, PROVIDER),
    }
    paid = pay(leaves, 100)
    assert [leaf.cumulative_reward for leaf in paid.values()] == [5 + 33, 66, 0]


def test_pay__no_weight_at_all__pays_nobody():
    leaves = {1: make_leaf(1, PROVIDER, cumulative_reward=5)}
    assert pay(leaves, 100) == leaves


fractions = st.tuples(st.integers(0, 70000), st.integers(1, 70000))


@given(fractions, fractions)
def test_least__any_two__is_the_lesser(first, second):
    assert Fraction(*least(first, second)) == min(Fraction(*first), Fraction(*second))


@given(st.randoms(use_true_random=False))
def test_next_leaves__a_run_of_epochs__never_pays_more_than_the_emission_nor_takes_back(chance):
    leaves, total = {}, 0
    for epoch in range(4):
        facts, findings = make_epoch(epoch, chance)
        before = {device: leaf.cumulative_reward for device, leaf in leaves.items()}
        leaves = next_leaves(facts, leaves, judge_epoch(facts, findings))
        assert set(before) <= set(leaves)
        gains = [leaf.cumulative_reward - before.get(device, 0) for device, leaf in leaves.items()]
        assert min(gains, default=0) >= 0
        total += sum(gains)
        assert total <= sum(emission_at(each) for each in range(epoch + 1))
        for device in facts.devices:
            if device.device in leaves:
                assert leaves[device.device].weight <= device.bonded_gops


@given(st.randoms(use_true_random=False))
def test_next_leaves__shuffled_facts__gives_the_same_leaves(chance):
    facts, findings = make_epoch(0, random.Random(1))
    shuffled = replace(
        facts,
        devices=tuple(chance.sample(facts.devices, len(facts.devices))),
        forced=tuple(chance.sample(facts.forced, len(facts.forced))),
        commits=dict(chance.sample(list(facts.commits.items()), len(facts.commits))),
    )
    mixed = {place: chance.sample(found, len(found)) for place, found in findings.items()}
    expected = next_leaves(facts, {}, judge_epoch(facts, findings))
    told = next_leaves(shuffled, {}, judge_epoch(shuffled, mixed))
    assert list(told.items()) == list(expected.items())


def test_next_leaves__no_devices__is_empty():
    assert next_leaves(make_facts(), {}, {}) == {}
