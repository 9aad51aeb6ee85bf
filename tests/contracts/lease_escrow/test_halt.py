"""A proven fault stops accrual where its slot began, to the second, whatever was done in between."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from tensorbond.chain.types import LeaseStatus, StopReason
from tests.acts import TUSD, current_slot
from tests.chain import Chain
from tests.contracts.challenges.slots import HISTORY, mine_out_of_reach

from .leases import (
    RATE,
    OpenLease,
    act,
    approve,
    at,
    halt,
    header_of,
    is_held,
    ledger_of,
    mine_to_ripe,
    moving,
    next_slot,
    open_lease,
    prove_fault,
    refused,
    ripe_at,
    start_block,
    start_lease,
    started_at,
    state_of,
    tab_of,
    time_of,
)


def test_halt__at_a_proven_fault__claws_back_what_accrued_since(
    chain: Chain, lease: OpenLease, device: int
) -> None:
    slot = next_slot(chain)
    honest = time_of(chain, slot) - started_at(chain, lease)
    assert honest > 0
    chain.mine(30)
    act(chain, lease, "settle")
    prove_fault(chain, device, slot)
    ripe = state_of(chain, lease).ripe_at

    left = 2 * TUSD - honest * RATE
    with moving(chain, {"requester paid": left, "escrow paid": -left}):
        sent = halt(chain, lease, slot)

    assert sent.event("LeaseHalted") == {
        "lease": lease.number,
        "reason": StopReason.FAULTED,
        "slot": slot,
        "haltedAt": time_of(chain, slot),
        "active": honest,
        "refunded": left,
        "ripeAt": ripe,
    }
    state = state_of(chain, lease)
    assert (state.status, state.held_seconds, state.funds) == (LeaseStatus.STOPPED, honest, honest * RATE)
    assert not is_held(chain, device)

    mine_to_ripe(chain, lease)
    fee = honest * RATE // 100
    paid = honest * RATE - fee
    with moving(chain, {"provider paid": paid, "escrow paid": -paid}):
        act(chain, lease, "settle")


def test_halt__what_was_not_settled_before__ripens_from_now(
    chain: Chain, lease: OpenLease, device: int
) -> None:
    slot = next_slot(chain)
    prove_fault(chain, device, slot)
    sent = halt(chain, lease, slot)
    assert sent.event("LeaseHalted")["ripeAt"] == ripe_at(chain)


def test_halt__twice__moves_nothing_twice(chain: Chain, lease: OpenLease, device: int) -> None:
    slot = next_slot(chain)
    prove_fault(chain, device, slot)
    halt(chain, lease, slot)
    active = state_of(chain, lease).held_seconds
    with chain.reverts("NothingToHalt", lease=lease.number, have=active, active=active):
        halt(chain, lease, slot)


def test_halt__fault_before_the_lease_began__refunds_it_all(chain: Chain, device: int) -> None:
    slot = next_slot(chain)
    chain.mine(3)
    lease = start_lease(chain, device)
    chain.mine(20)
    prove_fault(chain, device, slot)
    with moving(chain, {"requester paid": 2 * TUSD, "escrow paid": -2 * TUSD}):
        halt(chain, lease, slot)
    assert state_of(chain, lease).status == LeaseStatus.CLOSED


def test_halt__what_left_before__stays_paid(chain: Chain, lease: OpenLease, device: int) -> None:
    """Only what is held back can be clawed back: its proofs had their time."""
    slot = next_slot(chain)
    chain.mine(20)
    act(chain, lease, "settle")
    mine_to_ripe(chain, lease)
    act(chain, lease, "settle")
    paid = state_of(chain, lease).paid_seconds
    prove_fault(chain, device, slot)
    left = 2 * TUSD - paid * RATE
    with moving(chain, {"requester paid": left, "escrow paid": -left}):
        sent = halt(chain, lease, slot)
    assert sent.event("LeaseHalted")["active"] == paid
    assert sent.event("LeaseClosed") == {"lease": lease.number}
    assert ledger_of(chain).fees == paid * RATE // 100


# Devices that end


def test_halt__device_retired_under_the_lease__pays_to_its_last_slot(
    chain: Chain, provider: str, lease: OpenLease, device: int
) -> None:
    chain.send("DeviceRegistry", "retire", device, sender=provider)
    until = chain.call("DeviceRegistry", "deviceOf", device).until_slot
    with refused(chain, "SlotNotSealed", slot=until):
        act(chain, lease, "halt", b"", 0)
    chain.mine_to(start_block(chain, until) + 12)
    chain.send("Challenges", "seal", until, sender=provider)
    served = time_of(chain, until) - started_at(chain, lease)
    sent = halt(chain, lease, until)
    told = sent.event("LeaseHalted")
    assert (told["reason"], told["active"]) == (StopReason.DEVICE_ENDED, served)
    assert told["refunded"] == 2 * TUSD - served * RATE


def test_halt__device_suspended_by_a_later_fault_than_it_ends__counts_the_earlier(
    chain: Chain, provider: str, lease: OpenLease, device: int
) -> None:
    disputes = chain.impersonate("WorkDisputes")
    until = next_slot(chain) + 1
    chain.send("DeviceRegistry", "suspend", device, until - 1, sender=disputes)
    chain.mine_to(start_block(chain, until + 1) + 2)
    prove_fault(chain, device, until + 1)
    chain.send("Challenges", "seal", until, sender=provider)
    told = halt(chain, lease, until).event("LeaseHalted")
    assert (told["slot"], told["reason"]) == (until, StopReason.DEVICE_ENDED)


def test_halt__device_that_stands__reverts(chain: Chain, lease: OpenLease, device: int) -> None:
    with chain.reverts("DeviceStanding", device=device):
        act(chain, lease, "halt", b"", 0)


def test_halt__an_offer_or_a_tab__reverts(chain: Chain, device: int) -> None:
    offer, tab = open_lease(chain, device), tab_of(chain)
    with chain.reverts("LeaseStatusWrong", lease=offer.number, have=LeaseStatus.OFFERED):
        act(chain, offer, "halt", b"", 0)
    with chain.reverts("LeaseStatusWrong", lease=tab.number, have=LeaseStatus.ACTIVE):
        act(chain, tab, "halt", b"", 0)


# The header


def test_halt__header_of_another_block__reverts(chain: Chain, lease: OpenLease, device: int) -> None:
    """Whoever could choose the block could choose the time."""
    slot = next_slot(chain)
    chain.mine(3)
    prove_fault(chain, device, slot)
    block = start_block(chain, slot)
    with chain.reverts(
        "HeaderMismatch", slot=slot, have=chain.block_hash(block + 1), need=chain.block_hash(block)
    ):
        act(chain, lease, "halt", header_of(chain, block + 1), 0)


def test_halt__a_header_that_is_none__reverts(chain: Chain, lease: OpenLease, device: int) -> None:
    """No block has the hash of such bytes: here the chain's history says that one does."""
    slot = next_slot(chain)
    block = start_block(chain, slot)
    mine_out_of_reach(chain, block)
    bytes_ = b"\xf8" + header_of(chain, block)[1:]
    answer = "0x7f" + keccak(bytes_).hex() + "5f5260205ff3"
    chain.rpc.request("anvil_setCode", HISTORY, answer)
    prove_fault(chain, device, slot)
    with moving(chain, {}), chain.reverts("HeaderMalformed", slot=slot):
        act(chain, lease, "halt", bytes_, 0)


# Pauses


def paused_lease(chain: Chain, device: int) -> tuple[OpenLease, list[int]]:
    """200 seconds of money, 300 without, 100 with, 500 without, and on: with a slot's start in each part."""
    lease = start_lease(chain, device, deposit=200 * RATE, grace=0, cap=100 * TUSD)
    approve(chain, lease.terms.requester, 100 * TUSD, lease.terms.token)
    slots, origin = [], started_at(chain, lease)
    for seconds, money in ((50, 0), (400, 100), (550, 0), (900, 100), (1_150, 0)):
        chain.mine_to(start_block(chain, next_slot_number(chain)) - 1)
        chain.set_time(origin + seconds)
        chain.mine()
        slots.append(next_slot_number(chain) - 1)
        chain.send("Challenges", "seal", slots[-1], sender=chain.accounts[5])
        if money:
            at(chain, lease, seconds + 100)
            act(chain, lease, "topUp", money * RATE, sender="requester")
    return lease, slots


def next_slot_number(chain: Chain) -> int:
    return current_slot(chain) + 1


@pytest.mark.parametrize(
    ("part", "active"),
    [(0, 50), (1, 200), (2, 250), (3, 300), (4, 400)],
    ids=["before any pause", "in the first", "between", "in the second", "in a third"],
)
def test_halt__a_lease_with_pauses__counts_active_seconds_only(
    chain: Chain, device: int, part: int, active: int
) -> None:
    lease, slots = paused_lease(chain, device)
    # Resumed at 500 with 200 seconds behind it, and at 1,000 with 300.
    origins = [started_at(chain, lease) + 300, started_at(chain, lease) + 700]
    resumed = {0: origins[0], 1: origins[0], 2: origins[1], 3: origins[1], 4: 0}[part]
    prove_fault(chain, device, slots[part])
    for wrong in {0, *origins, 12345} - {resumed}:
        time = time_of(chain, slots[part])
        with refused(chain, "PauseMismatch", lease=lease.number, origin=wrong, time=time):
            halt(chain, lease, slots[part], wrong)
    assert halt(chain, lease, slots[part], resumed).event("LeaseHalted")["active"] == active


def test_halt__while_its_notice_runs__stops_it_at_once(chain: Chain, device: int) -> None:
    lease = start_lease(chain, device, notice=1_000)
    act(chain, lease, "giveNotice", sender="provider")
    slot = next_slot(chain)
    prove_fault(chain, device, slot)
    assert halt(chain, lease, slot).event("LeaseHalted")["reason"] == StopReason.FAULTED
    assert not is_held(chain, device)
