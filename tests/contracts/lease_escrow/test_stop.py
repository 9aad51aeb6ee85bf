from __future__ import annotations

import pytest

from tensorbond.chain.types import LeaseStatus, StopReason
from tests.acts import TUSD
from tests.chain import Chain

from .leases import (
    GRACE,
    RATE,
    OpenLease,
    act,
    at,
    is_held,
    ledger_of,
    mine_to_ripe,
    moving,
    open_lease,
    refused,
    ripe_at,
    runway,
    start_lease,
    started_at,
    state_of,
    still,
)

# An offer


@pytest.mark.parametrize(
    ("sender", "reason"),
    [("requester", StopReason.REQUESTER_STOPPED), ("operator", StopReason.PROVIDER_STOPPED)],
)
def test_stop__an_offer_by_either_side__refunds_it_all(
    chain: Chain, device: int, sender: str, reason: StopReason
) -> None:
    lease = open_lease(chain, device)
    with moving(chain, {"requester paid": 2 * TUSD, "escrow paid": -2 * TUSD}):
        sent = act(chain, lease, "stop", sender=sender)
    assert sent.event("LeaseStopped") == {
        "lease": lease.number,
        "reason": reason,
        "active": 0,
        "refunded": 2 * TUSD,
        "ripeAt": 0,
    }
    assert state_of(chain, lease).status == LeaseStatus.CLOSED


def test_stop__an_offer_by_a_stranger__only_once_nobody_can_accept_it(chain: Chain, device: int) -> None:
    lease = open_lease(chain, device)
    expired = lease.terms.accept_by + 1
    with chain.reverts("StopEarly", lease=lease.number, have=chain.block_number + 1, need=expired):
        act(chain, lease, "stop")
    chain.mine_to(expired - 1)
    with moving(chain, {"requester paid": 2 * TUSD, "escrow paid": -2 * TUSD}):
        sent = act(chain, lease, "stop")
    assert sent.event("LeaseStopped")["reason"] == StopReason.NOT_ACCEPTED


# A lease that runs


def test_stop__by_the_requester__refunds_what_is_unspent_and_frees_the_device(
    chain: Chain, lease: OpenLease, device: int
) -> None:
    at(chain, lease, 80)
    with moving(chain, {"requester paid": 120 * RATE, "escrow paid": -120 * RATE}):
        sent = act(chain, lease, "stop", sender="requester")
    assert sent.event("LeaseStopped") == {
        "lease": lease.number,
        "reason": StopReason.REQUESTER_STOPPED,
        "active": 80,
        "refunded": 120 * RATE,
        "ripeAt": ripe_at(chain),
    }
    state = state_of(chain, lease)
    assert (state.funds, state.held_seconds, state.status) == (80 * RATE, 80, LeaseStatus.STOPPED)
    assert not is_held(chain, device)
    assert runway(chain, lease) == (0, 80, 0)


def test_stop__with_ripe_money__pays_that_too(chain: Chain, lease: OpenLease) -> None:
    at(chain, lease, 10)
    act(chain, lease, "settle")
    mine_to_ripe(chain, lease)
    chain.set_time(chain.timestamp + 1)
    active = chain.timestamp + 1 - state_of(chain, lease).origin
    paid, left = 10 * RATE * 99 // 100, 2 * TUSD - active * RATE
    with moving(chain, {"provider paid": paid, "requester paid": left, "escrow paid": -paid - left}):
        sent = act(chain, lease, "stop", sender="provider")
    assert sent.event("LeaseSettled")["paidSeconds"] == 10
    assert sent.event("LeaseStopped")["reason"] == StopReason.PROVIDER_STOPPED


def test_stop__when_all_that_is_ripe_is_the_fee__tells_of_it(chain: Chain, device: int) -> None:
    """The hundredth wei is the fee of all: it pays nobody, but is on the books."""
    lease = start_lease(chain, device, 100, rate=1, grace=0)
    at(chain, lease, 99)
    act(chain, lease, "settle")
    mine_to_ripe(chain, lease)
    act(chain, lease, "settle")
    mine_to_ripe(chain, lease)
    with moving(chain, {}):
        settled = act(chain, lease, "stop", sender="requester").event("LeaseSettled")
    assert (settled["paid"], settled["fee"], settled["paidSeconds"]) == (0, 1, 100)
    assert (ledger_of(chain).tracked, ledger_of(chain).fees) == (1, 1)


def test_stop__in_its_first_second__closes_it(chain: Chain, lease: OpenLease) -> None:
    """Nothing has accrued that could ripen; the clock's second is the block's."""
    with still(chain):
        chain.set_time(started_at(chain, lease))
        sent = act(chain, lease, "stop", sender="requester")
    assert sent.event("LeaseStopped")["active"] == 0
    assert state_of(chain, lease).status == LeaseStatus.CLOSED


def test_stop__by_a_stranger__reverts(
    chain: Chain, stranger: str, requester: str, provider: str, lease: OpenLease
) -> None:
    with chain.reverts("PartyOnly", account=stranger, requester=requester, provider=provider):
        act(chain, lease, "stop")


def test_stop__twice__reverts(chain: Chain, lease: OpenLease) -> None:
    at(chain, lease, 10)
    act(chain, lease, "stop", sender="requester")
    with chain.reverts("LeaseStatusWrong", lease=lease.number, have=LeaseStatus.STOPPED):
        act(chain, lease, "stop", sender="requester")


# Without money


def test_stop__a_paused_lease_within_its_grace__only_by_the_requester(
    chain: Chain, stranger: str, requester: str, provider: str, device: int
) -> None:
    lease = start_lease(chain, device, notice=1_000)
    at(chain, lease, 200 + GRACE)
    with refused(chain, "NoticeNeeded", lease=lease.number, notice=1_000):
        act(chain, lease, "stop", sender="provider")
    at(chain, lease, 200 + GRACE)
    with refused(chain, "PartyOnly", account=stranger, requester=requester, provider=provider):
        act(chain, lease, "stop")
    at(chain, lease, 200 + GRACE)
    sent = act(chain, lease, "stop", sender="requester")
    assert sent.event("LeaseStopped")["reason"] == StopReason.EXHAUSTED


def test_stop__a_paused_lease_past_its_grace__by_anyone(chain: Chain, device: int) -> None:
    lease = start_lease(chain, device, notice=1_000)
    at(chain, lease, 200 + GRACE + 1)
    with moving(chain, {}):
        sent = act(chain, lease, "stop")
    told = sent.event("LeaseStopped")
    assert (told["reason"], told["active"], told["refunded"]) == (StopReason.EXHAUSTED, 200, 0)
    assert not is_held(chain, device)


def test_stop__what_does_not_buy_a_second__goes_back(chain: Chain, device: int) -> None:
    lease = start_lease(chain, device, deposit=2 * TUSD + 77)
    at(chain, lease, 1_000)
    with moving(chain, {"requester paid": 77, "escrow paid": -77}):
        act(chain, lease, "stop")


# With notice


@pytest.mark.parametrize(
    ("sender", "reason"),
    [("requester", StopReason.REQUESTER_STOPPED), ("provider", StopReason.PROVIDER_STOPPED)],
)
def test_give_notice__by_either_side__ends_accrual_at_its_end(
    chain: Chain, device: int, sender: str, reason: StopReason
) -> None:
    """However late anybody calls stop."""
    lease = start_lease(chain, device, notice=60)
    at(chain, lease, 30)
    told = act(chain, lease, "giveNotice", sender=sender).event("LeaseNoticed")
    assert told == {
        "lease": lease.number,
        "by": chain.accounts[4] if sender == "requester" else chain.accounts[2],
        "endsAt": chain.timestamp + 60,
        "stopFrom": chain.block_number,
    }
    assert runway(chain, lease) == (60, 30, 170 * RATE)
    at(chain, lease, 89)
    with refused(chain, "StopEarly", lease=lease.number, have=told["endsAt"] - 1, need=told["endsAt"]):
        act(chain, lease, "stop", sender=sender)
    at(chain, lease, 150)
    with moving(chain, {"requester paid": 110 * RATE, "escrow paid": -110 * RATE}):
        sent = act(chain, lease, "stop")
    assert (sent.event("LeaseStopped")["active"], sent.event("LeaseStopped")["reason"]) == (90, reason)


def test_give_notice__twice__moves_no_date(chain: Chain, device: int) -> None:
    lease = start_lease(chain, device, notice=60)
    act(chain, lease, "giveNotice", sender="provider")
    with chain.reverts("LeaseStatusWrong", lease=lease.number, have=LeaseStatus.ENDING):
        act(chain, lease, "giveNotice", sender="requester")


def test_give_notice__by_a_stranger__reverts(
    chain: Chain, stranger: str, requester: str, provider: str, device: int
) -> None:
    lease = start_lease(chain, device, notice=60)
    with chain.reverts("PartyOnly", account=stranger, requester=requester, provider=provider):
        act(chain, lease, "giveNotice")


def test_stop__without_the_notice_it_needs__reverts(chain: Chain, device: int) -> None:
    lease = start_lease(chain, device, notice=60)
    with chain.reverts("NoticeNeeded", lease=lease.number, notice=60):
        act(chain, lease, "stop", sender="requester")


def test_give_notice__money_ends_before_the_notice__both_count(chain: Chain, device: int) -> None:
    lease = start_lease(chain, device, notice=1_000)
    at(chain, lease, 150)
    act(chain, lease, "giveNotice", sender="requester")
    assert runway(chain, lease)[0] == 50
    at(chain, lease, 200 + GRACE + 1)
    assert act(chain, lease, "stop").event("LeaseStopped")["reason"] == StopReason.EXHAUSTED
