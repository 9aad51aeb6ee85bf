from __future__ import annotations

import pytest

from tensorbond.chain.types import LeaseStatus
from tests.acts import TUSD
from tests.chain import Chain

from .leases import (
    GRACE,
    RATE,
    OpenLease,
    act,
    approve,
    at,
    moving,
    open_lease,
    runway,
    start_lease,
    started_at,
    state_of,
    still,
    tab_of,
    top_up,
)


def test_top_up__by_the_requester__adds_to_its_money(chain: Chain, requester: str, lease: OpenLease) -> None:
    with moving(chain, {"requester paid": -TUSD, "escrow paid": TUSD}):
        sent = top_up(chain, lease, TUSD)
    assert sent.event("LeaseToppedUp") == {
        "lease": lease.number,
        "funder": requester,
        "amount": TUSD,
        "funds": 3 * TUSD,
        "shares": 0,
        "generation": 0,
    }
    state = state_of(chain, lease)
    assert (state.funds, state.shared, state.origin) == (3 * TUSD, False, started_at(chain, lease))


def test_top_up__a_paused_lease__goes_on_from_now(chain: Chain, lease: OpenLease) -> None:
    """The 300 seconds without money cost nothing."""
    approve(chain, lease.terms.requester, TUSD, lease.terms.token)
    at(chain, lease, 500)
    sent = act(chain, lease, "topUp", TUSD, sender="requester")
    assert sent.event("LeaseResumed") == {
        "lease": lease.number,
        "active": 200,
        "origin": started_at(chain, lease) + 300,
    }
    assert runway(chain, lease) == (100, 200, TUSD)


@pytest.mark.parametrize("first", ["settle", "topUp"])
def test_top_up__either_side_of_a_settlement__pauses_are_counted_alike(
    chain: Chain, lease: OpenLease, first: str
) -> None:
    """No order of the two makes a provider work for nothing, or a requester pay for a pause."""
    chain.send(lease.terms.token, "approve", chain.address["LeaseEscrow"], TUSD, sender=lease.terms.requester)
    verbs = [("settle", (), 1_000), ("topUp", (TUSD,), 1_000)]
    for verb, args, seconds in verbs if first == "settle" else verbs[::-1]:
        at(chain, lease, seconds + (verb != first))
        act(chain, lease, verb, *args, sender="requester")
    at(chain, lease, 1_050)
    chain.mine()
    resumed = 1_000 if first == "topUp" else 1_001
    assert runway(chain, lease) == (
        100 - (1_050 - resumed),
        200 + 1_050 - resumed,
        TUSD - RATE * (1_050 - resumed),
    )


def test_top_up__in_the_second_in_which_money_ends__is_no_pause(chain: Chain, lease: OpenLease) -> None:
    chain.send(lease.terms.token, "approve", chain.address["LeaseEscrow"], TUSD, sender=lease.terms.requester)
    at(chain, lease, 200)
    sent = act(chain, lease, "topUp", TUSD, sender="requester")
    assert sent.all("LeaseResumed") == []
    assert state_of(chain, lease).origin == started_at(chain, lease)


def test_top_up__seconds_worth_of_dust_on_a_paused_lease__reverts(chain: Chain, lease: OpenLease) -> None:
    """Else a second paid in every grace would keep the device almost for nothing."""
    chain.send(lease.terms.token, "approve", chain.address["LeaseEscrow"], TUSD, sender=lease.terms.requester)
    at(chain, lease, 250)
    with chain.reverts("DepositInsufficient", lease=lease.number, have=GRACE - 1, need=GRACE):
        act(chain, lease, "topUp", GRACE * RATE - 1, sender="requester")
    act(chain, lease, "topUp", GRACE * RATE, sender="requester")


def test_top_up__dust_on_a_running_lease__is_taken(chain: Chain, lease: OpenLease) -> None:
    top_up(chain, lease, 1)
    assert state_of(chain, lease).funds == 2 * TUSD + 1


def test_top_up__more_than_the_cap_in_all__reverts(chain: Chain, lease: OpenLease) -> None:
    with chain.reverts("DepositExceedsCap", lease=lease.number, have=10 * TUSD + 1, most=10 * TUSD):
        top_up(chain, lease, 8 * TUSD + 1)


def test_top_up__past_the_exposure_of_its_opening__reverts(chain: Chain, governor: str, device: int) -> None:
    token = chain.address["TestDollar"]
    chain.send("LeaseEscrow", "allowToken", token, 3 * TUSD, sender=governor)
    lease = start_lease(chain, device)
    chain.send("LeaseEscrow", "allowToken", token, 9 * TUSD, sender=governor)
    with chain.reverts("ExposureExceeded", token=token, have=4 * TUSD, most=3 * TUSD):
        top_up(chain, lease, 2 * TUSD)


def test_top_up__nothing__reverts(chain: Chain, lease: OpenLease) -> None:
    with chain.reverts("AmountZero"):
        act(chain, lease, "topUp", 0, sender="requester")


def test_top_up__an_offer__reverts(chain: Chain, device: int) -> None:
    lease = open_lease(chain, device)
    with chain.reverts("LeaseStatusWrong", lease=lease.number, have=LeaseStatus.OFFERED):
        top_up(chain, lease, TUSD)


def test_top_up__after_a_notice__reverts(chain: Chain, device: int) -> None:
    lease = start_lease(chain, device, notice=1_000)
    act(chain, lease, "giveNotice", sender="provider")
    with chain.reverts("LeaseStatusWrong", lease=lease.number, have=LeaseStatus.ENDING):
        top_up(chain, lease, TUSD)


def test_top_up__a_tab__adds_what_vouchers_can_draw(chain: Chain) -> None:
    tab = tab_of(chain)
    top_up(chain, tab, TUSD)
    assert runway(chain, tab) == (2**256 - 1, 0, 3 * TUSD)


# Others fund it too


def test_top_up__by_another__shares_what_is_unspent(
    chain: Chain, requester: str, stranger: str, lease: OpenLease
) -> None:
    """At half time a dollar is left; so is the stranger's."""
    chain.send(lease.terms.token, "approve", chain.address["LeaseEscrow"], TUSD, sender=stranger)
    at(chain, lease, 100)
    with moving(chain, {"stranger paid": -TUSD, "escrow paid": TUSD}):
        sent = act(chain, lease, "topUp", TUSD, sender="stranger")
    assert sent.event("LeaseShared") == {"lease": lease.number, "requester": requester, "shares": TUSD}
    assert sent.event("LeaseToppedUp")["shares"] == TUSD
    share = chain.call("LeaseEscrow", "shareOf", lease.number, lease.lease, stranger)
    assert (share.shares, share.generation, share.refunded) == (TUSD, 1, 0)


def test_top_up__by_another_when_all_is_spent__leaves_the_requester_no_share(
    chain: Chain, requester: str, stranger: str, lease: OpenLease
) -> None:
    approve(chain, stranger, TUSD, lease.terms.token)
    at(chain, lease, 500)

    sent = act(chain, lease, "topUp", TUSD, sender="stranger")

    assert sent.event("LeaseShared") == {"lease": lease.number, "requester": requester, "shares": 0}
    found = sent.event("LeaseToppedUp")
    assert (found["funder"], found["amount"], found["shares"]) == (stranger, TUSD, TUSD)
    shares = [
        chain.call("LeaseEscrow", "shareOf", lease.number, lease.lease, account).shares
        for account in (requester, stranger)
    ]
    assert shares == [0, TUSD]


def test_top_up__twice_by_another__adds_up_its_shares(chain: Chain, stranger: str, lease: OpenLease) -> None:
    bought = [
        top_up(chain, lease, amount, "stranger").event("LeaseToppedUp")["shares"] for amount in (TUSD, 7)
    ]
    share = chain.call("LeaseEscrow", "shareOf", lease.number, lease.lease, stranger)
    assert (share.shares, share.generation) == (sum(bought), 1)
    assert bought[1] >= 7


def test_top_up__when_nothing_is_left__begins_a_new_generation(
    chain: Chain, stranger: str, auditor: str, requester: str, lease: OpenLease
) -> None:
    top_up(chain, lease, TUSD, "stranger")
    chain.send(lease.terms.token, "approve", chain.address["LeaseEscrow"], TUSD, sender=auditor)
    at(chain, lease, 5_000)
    sent = act(chain, lease, "topUp", TUSD, sender="auditor")
    assert sent.event("LeaseToppedUp")["generation"] == 2
    act(chain, lease, "stop", sender="requester")
    for spent in (stranger, requester):
        with chain.reverts("NothingToRefund", lease=lease.number, funder=spent):
            act(chain, lease, "refund", spent)


def test_top_up__too_little_for_a_share__reverts(
    chain: Chain, governor: str, requester: str, stranger: str, device: int
) -> None:
    """Where a new generation finds a unit left over, a share is worth a little more than one: whoever
    pays one unit would get none."""
    dear = 5_000 * TUSD
    for account in (requester, stranger):
        chain.send("TestDollar", "mint", account, 2 * dear, sender=governor)
    with still(chain):
        lease = start_lease(chain, device, dear + 1, rate=dear, cap=10 * dear, grace=0)
        approve(chain, stranger, 2 * dear, lease.terms.token)
        act(chain, lease, "topUp", dear, sender="stranger")
        chain.set_time(started_at(chain, lease) + 100)
        assert act(chain, lease, "topUp", dear, sender="stranger").event("LeaseToppedUp")["generation"] == 2
        with chain.reverts("AmountZero"):
            top_up(chain, lease, 1)
