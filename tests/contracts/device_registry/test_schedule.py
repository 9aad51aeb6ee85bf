from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain import slots
from tensorbond.chain.types import Timing
from tests.acts import current_epoch, timing
from tests.chain import Chain

from .registry import as_peer, schedule

pytestmark = pytest.mark.chain


@pytest.fixture
def first(chain: Chain) -> Timing:
    return timing(chain)


@pytest.fixture
def later(chain: Chain, first: Timing) -> Timing:
    """Shorter slots, longer epochs, from two epochs on; as the registry completes it."""
    epoch = current_epoch(chain) + 2
    slot = slots.first_slot(first, epoch)
    return Timing(
        from_epoch=epoch,
        from_slot=slot,
        from_block=slots.start_of(first, slot),
        slot_blocks=8,
        epoch_slots=6,
        attest_blocks=50,
        proof_blocks=40,
        roll_call=100,
    )


def test_schedule__two_epochs_ahead__takes_effect_there(chain: Chain, first: Timing, later: Timing) -> None:
    sent = schedule(chain, replace(later, from_slot=1, from_block=2))  # given values do not count

    assert sent.event("TimingScheduled") == {"entry": 1, "timing": later}
    assert chain.call("DeviceRegistry", "timingCount") == 2
    assert chain.call("DeviceRegistry", "timingEntry", 0) == first
    assert chain.call("DeviceRegistry", "timingEntry", 1) == later
    assert chain.call("DeviceRegistry", "timingOf", later.from_epoch - 1) == first
    assert chain.call("DeviceRegistry", "timingOf", later.from_epoch) == later
    assert chain.call("DeviceRegistry", "timingAt", later.from_slot - 1) == first
    assert chain.call("DeviceRegistry", "timingAt", later.from_slot) == later
    assert chain.call("DeviceRegistry", "timingNow") == first


def test_timing_now__at_the_entrys_first_block__changes(chain: Chain, first: Timing, later: Timing) -> None:
    schedule(chain, later)

    chain.mine_to(later.from_block - 1)
    assert chain.call("DeviceRegistry", "timingNow") == first
    chain.mine()
    assert chain.call("DeviceRegistry", "timingNow") == later


def test_schedule__behind_a_pending_entry__starts_where_that_one_leads(
    chain: Chain, first: Timing, later: Timing
) -> None:
    schedule(chain, later)
    last = replace(first, from_epoch=later.from_epoch + 3, roll_call=1)

    event = schedule(chain, last).event("TimingScheduled")

    slot = later.from_slot + 3 * later.epoch_slots
    assert event["timing"] == replace(
        last, from_slot=slot, from_block=later.from_block + (slot - later.from_slot) * later.slot_blocks
    )
    assert [chain.call("DeviceRegistry", "timingAt", each).roll_call for each in (0, slot - 1, slot)] == [
        first.roll_call,
        later.roll_call,
        1,
    ]
    assert chain.call("DeviceRegistry", "timingNow") == first


def test_schedule__next_epoch__reverts(chain: Chain, later: Timing) -> None:
    epoch = current_epoch(chain) + 1

    with chain.reverts("TimingInvalid", field="fromEpoch", have=epoch, bound=epoch + 1):
        schedule(chain, replace(later, from_epoch=epoch))


def test_schedule__at_a_pending_entry__reverts(chain: Chain, later: Timing) -> None:
    pending = replace(later, from_epoch=later.from_epoch + 5)
    schedule(chain, pending)

    with chain.reverts(
        "TimingInvalid", field="fromEpoch", have=pending.from_epoch, bound=pending.from_epoch + 1
    ):
        schedule(chain, pending)


def test_schedule__far_ahead__reverts(chain: Chain, first: Timing, later: Timing) -> None:
    """One entry at the end of time would keep out every later one for ever."""
    most = later.from_epoch + 1_024
    for epoch in (most + 1, 2**24 - 1):
        with chain.reverts("TimingInvalid", field="fromEpoch", have=epoch, bound=most):
            schedule(chain, replace(later, from_epoch=epoch))
    schedule(chain, replace(later, from_epoch=most))

    with chain.reverts("TimingInvalid", field="fromEpoch", have=most + 1_026, bound=most + 1_025):
        schedule(chain, replace(first, from_epoch=most + 1_026))
    assert chain.call("DeviceRegistry", "timingCount") == 2


@pytest.mark.parametrize("ahead", [-5, 11], ids=["before the first such epoch", "among them"])
def test_schedule__epoch_of_a_draw_that_a_job_has_forced__reverts(
    chain: Chain, device: int, first: Timing, ahead: int
) -> None:
    """Where an epoch is one slot, a draw is forced two epochs ahead: its proof window stays what it was."""
    single = schedule(chain, replace(first, from_epoch=3, epoch_slots=1)).event("TimingScheduled")["timing"]
    chain.mine_to(single.from_block + ahead)
    _, slot, _, _ = chain.call("DeviceRegistry", "force", device, sender=chain.address["JobEscrow"])
    as_peer(chain, "JobEscrow", "force", device)
    epoch = slots.epoch_of(single, slot)
    was = chain.call("DeviceRegistry", "timingOf", epoch)

    with chain.reverts("TimingInvalid", field="fromEpoch", have=epoch, bound=epoch + 1):
        schedule(chain, replace(first, from_epoch=epoch, epoch_slots=1, proof_blocks=100))
    schedule(chain, replace(first, from_epoch=epoch + 1, epoch_slots=1, proof_blocks=100))
    assert chain.call("DeviceRegistry", "timingOf", epoch) == was


@pytest.mark.parametrize(
    ("field", "change", "have", "bound"),
    [
        ("slotBlocks", {"slot_blocks": 3}, 3, 4),
        ("epochSlots", {"epoch_slots": 0}, 0, 1),
        ("attestBlocks", {"attest_blocks": 15}, 15, 16),
        ("attestBlocks", {"attest_blocks": 8_001}, 8_001, 8_000),
        ("proofBlocks", {"proof_blocks": 7}, 7, 8),
        ("rollCall", {"roll_call": 257}, 257, 256),
        # 8 · 6 + 50 + 2 · 102 = 302 > 300
        ("unbondingBlocks", {"proof_blocks": 102}, 300, 302),
    ],
)
def test_schedule__timing_out_of_range__reverts(
    chain: Chain, later: Timing, field: str, change: dict[str, int], have: int, bound: int
) -> None:
    with chain.reverts("TimingInvalid", field=field, have=have, bound=bound):
        schedule(chain, replace(later, **change))


def test_schedule__exactly_as_long_as_unbonding__is_taken(chain: Chain, later: Timing) -> None:
    schedule(chain, replace(later, proof_blocks=101))

    assert chain.call("DeviceRegistry", "timingCount") == 2


@pytest.mark.parametrize("account", ["provider", "stranger", "treasury"])
def test_schedule__by_anyone_else__reverts(
    chain: Chain, later: Timing, account: str, request: pytest.FixtureRequest
) -> None:
    sender = request.getfixturevalue(account)

    with chain.reverts("AccessManagedUnauthorized", caller=sender):
        chain.send("DeviceRegistry", "schedule", later, sender=sender)


def test_schedule__the_256th_entry__reverts(chain: Chain, later: Timing) -> None:
    for entry in range(1, 255):
        schedule(chain, replace(later, from_epoch=later.from_epoch + entry - 1))

    with chain.reverts("CountOutOfRange", have=256, most=255):
        schedule(chain, replace(later, from_epoch=later.from_epoch + 300))


def test_timing_entry__unknown__reverts(chain: Chain) -> None:
    with chain.reverts("EntryUnknown", entry=1):
        chain.call("DeviceRegistry", "timingEntry", 1)
