"""`tensorbond.oracle.rules` and `LeafRules.sol` give the same leaf after any leaf and any rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tensorbond.chain.types import DeviceClass, Leaf, Outcome, OutcomeKind, OutcomeResult, Timing
from tensorbond.oracle import outcomes, rules
from tensorbond.oracle.emission import emission_at
from tensorbond.oracle.facts import DeviceFact, EpochFacts, SlotFact
from tensorbond.oracle.tree import outcomes_root
from tests.chain import Chain

pytestmark = pytest.mark.chain

RANDOM = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PROVIDER = "0x" + "11" * 20
COMPUTE = DeviceClass(1024, 1024, 16384, 64, 16, 1 << 31, 10**18, 0, 1000, 1, 3000)
MEMORY = replace(
    COMPUTE,
    layers=3,
    layer_bits=6,
    walker_bits=2,
    segments=2,
    peak_bandwidth=900,
    min_bandwidth=10,
)
SLOTS = 12
TIMING = Timing(0, 0, 100, 10, SLOTS, 60, 30, 64)

counts = st.one_of(st.integers(0, 9), st.sampled_from([0, 65_534, 65_535]))
idles = st.one_of(st.integers(0, 10), st.sampled_from([65_534, 65_535]))
amounts = st.one_of(st.integers(0, 1_000), st.sampled_from([0, (1 << 32) - 1]))
rows = st.builds(
    Outcome,
    st.integers(0, SLOTS - 1),
    st.sampled_from(OutcomeKind).map(int),
    st.sampled_from(OutcomeResult).map(int),
    amounts,
    st.just(b"\7" * 32),
    st.just(0),
    st.just(0),
)


@st.composite
def leaves(draw: st.DrawFn) -> Leaf:
    """Any that may stand before: passed is at most due."""
    tallies = []
    for _ in range(3):
        due = draw(counts)
        tallies += [due, draw(st.integers(0, due)), draw(idles)]
    least = draw(amounts), draw(amounts), draw(st.integers(0, 9999))
    return Leaf(7, PROVIDER, 0, *tallies, *least, 0, 0, bytes(32), 0)


@pytest.fixture
def harness(bare_chain: Chain) -> Chain:
    bare_chain.deploy("LeafRulesHarness")
    return bare_chain


def facts_of(seed: int, terms: DeviceClass) -> EpochFacts:
    beacons = [sha256(b"%d %d" % (seed, slot)).digest() for slot in range(SLOTS + 1)]
    device = DeviceFact(7, PROVIDER, 0, 300, 0, (1 << 32) - 1)
    slots = tuple(SlotFact(slot, beacons[slot], beacons[slot + 1], 0) for slot in range(SLOTS))
    return EpochFacts(31337, 0, TIMING, slots, (device,), {0: terms}, {}, ())


@RANDOM
@given(
    st.integers(0, 1 << 32),
    st.sampled_from([COMPUTE, MEMORY]),
    st.one_of(st.none(), leaves()),
    st.lists(rows, max_size=10),
    st.data(),
)
def test_next_leaf__any_rows_after_any_leaf__is_the_only_one_that_follows(
    harness: Chain,
    seed: int,
    terms: DeviceClass,
    before: Leaf | None,
    told: Sequence[Outcome],
    data: st.DataObject,
) -> None:
    facts = facts_of(seed, terms)
    device = facts.devices[0]
    if not terms.layers:
        told = [row for row in told if row.kind != OutcomeKind.DRAWN_M]
    leaf = rules.next_leaf(facts, device, before, told)
    first = rules._first_leaf(device)
    in_memory = [facts.is_memory(device, row.slot) for row in told]

    def follows(other: Leaf) -> bool:
        args = other, before or first, list(told), in_memory, terms
        return bool(harness.call("LeafRulesHarness", "follows", *args))

    assert follows(leaf)
    assert harness.call("LeafRulesHarness", "weightOf", leaf, 300, bool(terms.layers)) == leaf.weight
    field = data.draw(st.sampled_from([each.name for each in fields(Leaf)[3:15]]))
    value = getattr(leaf, field)
    assert not follows(replace(leaf, **{field: value - 1 if value else 1}))


@RANDOM
@given(st.integers(0, 1 << 24), st.integers(0, 1 << 60), st.integers(0, 1 << 60))
def test_reward__any_weight__is_the_same(harness: Chain, epoch: int, weight: int, others: int) -> None:
    total = weight + others
    need = emission_at(epoch) * weight // total if total else 0
    assert harness.call("LeafRulesHarness", "rewardOf", epoch, weight, total) == need


memories = st.builds(
    lambda layers, layer_bits, walker_bits, segments: replace(
        MEMORY, layers=layers, layer_bits=layer_bits, walker_bits=walker_bits, segments=segments
    ),
    st.integers(3, 1 << 14),
    st.integers(2, 18),
    st.integers(0, 16),
    st.integers(1, 256),
)


@RANDOM
@given(
    memories,
    st.integers(0, 1 << 40),
    st.one_of(st.integers(-2, 60), st.integers(0, 1 << 20)),
    st.integers(0, 1 << 23),
)
def test_throughput__any_class_and_times__is_the_same(
    harness: Chain, terms: DeviceClass, start: int, elapsed: int, peak: int
) -> None:
    terms = replace(terms, peak_gops=peak, peak_bandwidth=peak)
    times = start, max(0, start + elapsed)
    need = outcomes.throughput_of(terms, *times), outcomes.bandwidth_of(terms, *times)
    assert harness.call("LeafRulesHarness", "throughputOf", terms, *times) == need


@RANDOM
@given(st.lists(rows, max_size=20))
def test_outcomes_root__any_rows__is_the_same(harness: Chain, told: list[Outcome]) -> None:
    assert harness.call("LeafRulesHarness", "rootOf", told) == outcomes_root(told)
