"""`tensorbond.chain.slots` against `Slots.sol`, and the forced slot against what it promises."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorbond.chain import slots
from tensorbond.chain.types import Timing
from tests.chain import Chain

timings = st.builds(
    Timing,
    from_epoch=st.integers(0, 2**20),
    from_slot=st.integers(0, 2**28),
    from_block=st.integers(0, 2**36),
    slot_blocks=st.integers(4, 2**16 - 1),
    epoch_slots=st.integers(1, 2**16 - 1),
    attest_blocks=st.integers(0, 2**32 - 1),
    proof_blocks=st.integers(0, 2**32 - 1),
    roll_call=st.integers(0, 256),
)
offsets = st.integers(0, 2**20)


@pytest.fixture(scope="module")
def harness(bare_system: Chain) -> Chain:
    bare_system.deploy("SlotsHarness")
    return bare_system


@settings(max_examples=60, deadline=None)
@given(timing=timings, offset=offsets)
def test_slots__any_entry__agree_with_solidity(harness: Chain, timing: Timing, offset: int) -> None:
    slot, block, epoch = timing.from_slot + offset, timing.from_block + offset, timing.from_epoch + offset
    for name, twin, argument in (
        ("startOf", slots.start_of, slot),
        ("slotAt", slots.slot_at, block),
        ("epochOf", slots.epoch_of, slot),
        ("firstSlot", slots.first_slot, epoch),
        ("lastBlock", slots.last_block, epoch),
    ):
        assert harness.call("SlotsHarness", name, timing, argument) == twin(timing, argument), name
    assert harness.call("SlotsHarness", "epochBlocks", timing) == slots.epoch_blocks(timing)


@given(timing=timings, offset=offsets)
def test_forced_slot__any_block__is_the_first_that_starts_a_slot_later(timing: Timing, offset: int) -> None:
    block = timing.from_block + offset
    forced = slots.forced_slot(timing, block)
    assert slots.start_of(timing, forced) >= block + timing.slot_blocks
    assert slots.start_of(timing, forced - 1) < block + timing.slot_blocks


@given(timing=timings, offset=offsets)
def test_last_block__any_epoch__is_followed_by_the_next(timing: Timing, offset: int) -> None:
    epoch = timing.from_epoch + offset
    last = slots.last_block(timing, epoch)
    assert slots.epoch_of(timing, slots.slot_at(timing, last)) == epoch
    assert slots.epoch_of(timing, slots.slot_at(timing, last + 1)) == epoch + 1
