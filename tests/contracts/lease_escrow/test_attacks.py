"""What was tried on the money in a lease: to take what a halt gives back, another's deposit, a place in the
cap, a voucher's time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tensorbond.chain import slots
from tensorbond.chain.types import LeaseStatus, StopReason, Timing
from tests.acts import TUSD, current_epoch, timing
from tests.chain import Chain, Sent

from ..device_registry.registry import schedule
from .leases import (
    GRACE,
    RATE,
    OpenLease,
    act,
    approve,
    at,
    header_of,
    mine_to_ripe,
    moving,
    next_slot,
    prove_fault,
    refund,
    refused,
    start_block,
    start_lease,
    started_at,
    state_of,
    tab_of,
    time_of,
    top_up,
    voucher,
)


def at_once(chain: Chain, lease: OpenLease, sender: str, *calls: tuple[str, tuple[Any, ...]]) -> Sent:
    """Several verbs in one transaction."""
    encode = chain._abi("LeaseEscrow").encode_call
    batch = [encode(verb, (lease.number, lease.lease, *args)) for verb, args in calls]
    return chain.send("LeaseEscrow", "multicall", batch, sender=sender)


def served(chain: Chain, lease: OpenLease, slot: int) -> int:
    """Seconds from the lease's start to the slot's."""
    return time_of(chain, slot) - started_at(chain, lease)


@pytest.mark.parametrize("paused", [False, True], ids=["a lease that runs", "one without money"])
def test_take_the_clawback_by_a_deposit_just_before_it__gets_that_back_and_no_more(
    chain: Chain, device: int, requester: str, stranger: str, paused: bool
) -> None:
    """The fault is proven, nobody has halted yet: top up, halt and refund in one transaction."""
    lease = start_lease(chain, device)
    slot = next_slot(chain)
    at(chain, lease, 300 if paused else 150)
    prove_fault(chain, device, slot)
    approve(chain, stranger, 8 * TUSD, lease.terms.token)
    header = header_of(chain, start_block(chain, slot))
    at(chain, lease, 400 if paused else 180)
    resumed = started_at(chain, lease) + 200 if paused else 0
    with moving(chain, {}):
        at_once(
            chain,
            lease,
            stranger,
            ("topUp", (8 * TUSD,)),
            ("halt", (header, resumed)),
            ("refund", (stranger, 2 * TUSD)),
        )
    clawback = 2 * TUSD - served(chain, lease, slot) * RATE
    with moving(chain, {"requester paid": clawback, "escrow paid": -clawback}):
        refund(chain, lease, requester)


def test_take_a_funder_s_clawback_by_one_unit__leaves_the_funder_its_own(
    chain: Chain, device: int, requester: str, stranger: str
) -> None:
    """All of a sponsor's money was spent, after the fault; the requester adds a unit, and halts."""
    lease = start_lease(chain, device, deposit=TUSD, grace=0)
    slot = next_slot(chain)
    top_up(chain, lease, 4 * TUSD, "stranger")
    at(chain, lease, 600)
    prove_fault(chain, device, slot)
    approve(chain, requester, 1, lease.terms.token)
    header = header_of(chain, start_block(chain, slot))
    at(chain, lease, 700)
    resumed = started_at(chain, lease) + 200
    with moving(chain, {}):
        calls = ("topUp", (1,)), ("halt", (header, resumed)), ("refund", (requester, 5 * TUSD))
        at_once(chain, lease, requester, *calls)
    with moving(chain, {"stranger paid": 4 * TUSD, "escrow paid": -4 * TUSD}):
        refund(chain, lease, stranger, TUSD)
    own = TUSD - served(chain, lease, slot) * RATE
    with moving(chain, {"requester paid": own, "escrow paid": -own}):
        refund(chain, lease, requester)


def test_wipe_out_a_funder_by_a_deposit_of_one_unit__takes_none_of_its_money(
    chain: Chain, provider: str, requester: str, stranger: str, auditor: str, device: int
) -> None:
    """Where deposits bought shares, a requester let all but 2⁻³² of theirs be spent; an honest funder's were
    then worth so little each that a unit of the auditor's began anew without them."""
    rate, honest = 10**10, 10**12
    for account in (stranger, auditor):
        chain.send("TestDollar", "mint", account, 3 * honest, sender=provider)
    left = (50 * rate >> 32) + 2
    spent = 50 * rate + left
    lease = start_lease(chain, device, spent - 1, rate=rate, cap=10**13, grace=0)
    top_up(chain, lease, 1, "auditor")
    for account in (stranger, auditor):
        approve(chain, account, honest, lease.terms.token)
    at(chain, lease, 60)
    act(chain, lease, "topUp", honest, sender="stranger")
    at(chain, lease, 65)
    act(chain, lease, "topUp", 1, sender="auditor")
    at(chain, lease, 66)
    act(chain, lease, "stop", sender="requester")

    own = honest - (56 * rate - spent)
    with moving(chain, {"auditor paid": 1, "escrow paid": -1}):
        refund(chain, lease, auditor, spent + honest)
    with chain.reverts("NothingToRefund", lease=lease.number, funder=auditor, **{"from": spent - 1}):
        refund(chain, lease, auditor, spent - 1)
    with moving(chain, {"stranger paid": own, "escrow paid": -own}):
        refund(chain, lease, stranger, spent)


def test_starve_a_lease_by_a_tab_that_fills_the_cap__a_higher_cap_feeds_it(
    chain: Chain, device: int, governor: str, stranger: str
) -> None:
    """The tab is the attacker's own, and costs it nothing; the lease was opened under the lower cap."""
    token = chain.address["TestDollar"]
    chain.send("LeaseEscrow", "allowToken", token, 20 * TUSD, sender=governor)
    lease = start_lease(chain, device)
    tab_of(chain, 18 * TUSD, requester=stranger, provider=stranger, cap=18 * TUSD)
    with chain.reverts("ExposureExceeded", token=token, have=20 * TUSD + 1, most=20 * TUSD):
        top_up(chain, lease, 1)
    chain.send("LeaseEscrow", "allowToken", token, 100 * TUSD, sender=governor)
    with moving(chain, {"requester paid": -8 * TUSD, "escrow paid": 8 * TUSD}):
        top_up(chain, lease, 8 * TUSD)


@pytest.mark.parametrize(
    ("deposit", "rate", "grace"),
    [(4 * TUSD, 5 * TUSD, 0), (2 * TUSD + RATE - 1, RATE, GRACE)],
    ids=["a rate above the deposit", "what no second buys any more"],
)
def test_stop_a_lease_without_money_under_a_voucher_in_flight__needs_its_notice(
    chain: Chain,
    device: int,
    requester: str,
    provider: str,
    stranger: str,
    deposit: int,
    rate: int,
    grace: int,
) -> None:
    """What is left buys no second, but is the provider's by a voucher that it hasn't sent yet."""
    options = {"rate": rate, "grace": grace, "notice": 1_000, "voucher_blocks": 50}
    lease = start_lease(chain, device, deposit, **options)
    owed = deposit % rate
    signed = voucher(chain, lease, owed)
    at(chain, lease, 201 + GRACE)
    with moving(chain, {}), chain.reverts("NoticeNeeded", lease=lease.number, notice=1_000):
        act(chain, lease, "stop", sender="requester")
    with chain.reverts("PartyOnly", account=stranger, requester=requester, provider=provider):
        act(chain, lease, "stop")

    ends = act(chain, lease, "giveNotice", sender="requester").event("LeaseNoticed")["endsAt"]
    at(chain, lease, ends - 1 - started_at(chain, lease))
    with refused(chain, "StopEarly", lease=lease.number, have=ends - 1, need=ends):
        act(chain, lease, "stop", sender="requester")
    fee = owed // 100
    with moving(chain, {"provider paid": owed - fee, "escrow paid": fee - owed}):
        act(chain, lease, "redeem", owed, signed)
    chain.set_time(ends)
    chain.mine(50)
    told = act(chain, lease, "stop").event("LeaseStopped")
    assert (told["reason"], told["refunded"]) == (StopReason.REQUESTER_STOPPED, 0)
    mine_to_ripe(chain, lease)
    if state_of(chain, lease).status != LeaseStatus.CLOSED:
        act(chain, lease, "settle")
    assert state_of(chain, lease).status == LeaseStatus.CLOSED


@pytest.mark.parametrize("entries", [1, 2])
def test_be_paid_past_a_fault_by_settling_under_a_quicker_timing__waits_for_the_slower_epoch_before_it(
    chain: Chain, device: int, entries: int
) -> None:
    """What was earned in a slow epoch was noted in a quick one, and left with that one's windows."""
    slow = timing(chain)
    lease = start_lease(chain, device)
    quick = quicker(chain, slow, entries)
    chain.mine_to(quick.from_block)
    act(chain, lease, "settle")
    windows = slow.attest_blocks + slow.proof_blocks + slots.epoch_blocks(slow)
    ripe = last_block_under(chain) + windows
    assert state_of(chain, lease).ripe_at == ripe
    chain.mine_to(ripe - 2)
    with refused(chain, "HeldBack", lease=lease.number, blockNumber=ripe - 1, ripeAt=ripe):
        act(chain, lease, "settle")
    chain.mine()
    assert act(chain, lease, "settle").event("LeaseSettled")["paid"] > 0


def test_be_paid_past_a_fault_by_stopping_under_a_quicker_timing__keeps_what_ripens_its_date(
    chain: Chain, device: int
) -> None:
    slow = timing(chain)
    lease = start_lease(chain, device)
    quick = quicker(chain, slow, 1)
    chain.mine_to(quick.from_block - 2)
    act(chain, lease, "settle")
    ripe = state_of(chain, lease).ripe_at
    chain.mine_to(quick.from_block)
    act(chain, lease, "stop", sender="requester")
    assert state_of(chain, lease).ripe_at == ripe


def quicker(chain: Chain, slow: Timing, entries: int) -> Timing:
    """The last of so many entries, an epoch apart, under which an epoch is a slot and windows are short."""
    epoch = current_epoch(chain) + 2
    for at_epoch in range(epoch, epoch + entries):
        quick = replace(
            slow, from_epoch=at_epoch, slot_blocks=4, epoch_slots=1, attest_blocks=8, proof_blocks=4
        )
        scheduled = schedule(chain, quick).event("TimingScheduled")["timing"]
    found: Timing = scheduled
    return found


def last_block_under(chain: Chain) -> int:
    """Of the first entry's last epoch."""
    return int(chain.call("DeviceRegistry", "timingEntry", 1).from_block) - 1
