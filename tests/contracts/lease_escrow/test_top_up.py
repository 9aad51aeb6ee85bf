from __future__ import annotations

import pytest

from tensorbond.chain.types import LeaseDeposit, LeaseStatus
from tests.acts import TUSD
from tests.chain import Chain

from ..permits import permit_and, send_permit, sign_permit
from .leases import (
    GRACE,
    RATE,
    OpenLease,
    act,
    approve,
    at,
    deposit_of,
    ledger_of,
    moving,
    open_lease,
    runway,
    start_lease,
    started_at,
    state_of,
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
    }
    state = state_of(chain, lease)
    assert (state.funds, state.shared, state.origin) == (3 * TUSD, False, started_at(chain, lease))


@pytest.mark.parametrize("ahead", [False, True], ids=["", "sent ahead by a stranger"])
def test_top_up__with_a_permit__is_one_transaction(
    chain: Chain, requester: str, stranger: str, lease: OpenLease, ahead: bool
) -> None:
    permit = sign_permit(chain, requester, chain.address["LeaseEscrow"], TUSD, token="TestDollar")
    if ahead:
        send_permit(chain, permit, stranger, "TestDollar")

    with moving(chain, {"requester paid": -TUSD, "escrow paid": TUSD}):
        sent = permit_and(
            chain,
            "LeaseEscrow",
            permit,
            "topUp",
            lease.number,
            lease.lease,
            TUSD,
            token="TestDollar",
        )
    assert sent.event("LeaseToppedUp")["funds"] == 3 * TUSD


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


def test_top_up__past_the_exposure_of_its_opening__as_far_as_the_cap_of_now(
    chain: Chain, governor: str, device: int
) -> None:
    token = chain.address["TestDollar"]
    chain.send("LeaseEscrow", "allowToken", token, 3 * TUSD, sender=governor)
    lease = start_lease(chain, device)
    with chain.reverts("ExposureExceeded", token=token, have=3 * TUSD + 1, most=3 * TUSD):
        top_up(chain, lease, TUSD + 1)
    chain.send("LeaseEscrow", "allowToken", token, 5 * TUSD, sender=governor)
    with chain.reverts("ExposureExceeded", token=token, have=5 * TUSD + 1, most=5 * TUSD):
        top_up(chain, lease, 3 * TUSD + 1)
    top_up(chain, lease, 3 * TUSD)
    assert ledger_of(chain).tracked == 5 * TUSD


@pytest.mark.parametrize("cap", [0, 2 * TUSD], ids=["delisted", "lowered"])
def test_top_up__past_the_cap_of_now__as_far_as_the_exposure_of_its_opening(
    chain: Chain, governor: str, device: int, cap: int
) -> None:
    """Its terms were agreed to under that: no governor stops a lease that runs."""
    token = chain.address["TestDollar"]
    chain.send("LeaseEscrow", "allowToken", token, 4 * TUSD, sender=governor)
    lease = start_lease(chain, device)
    chain.send("LeaseEscrow", "allowToken", token, cap, sender=governor)
    with chain.reverts("ExposureExceeded", token=token, have=4 * TUSD + 1, most=4 * TUSD):
        top_up(chain, lease, 2 * TUSD + 1)
    top_up(chain, lease, 2 * TUSD)
    assert ledger_of(chain).tracked == 4 * TUSD


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


def test_top_up__by_another__keeps_every_deposit_in_its_place(
    chain: Chain, requester: str, stranger: str, lease: OpenLease
) -> None:
    """What the requester has paid until then is one; whatever is spent of it."""
    top_up(chain, lease, TUSD // 2)
    approve(chain, stranger, TUSD, lease.terms.token)
    at(chain, lease, 100)
    with moving(chain, {"stranger paid": -TUSD, "escrow paid": TUSD}):
        sent = act(chain, lease, "topUp", TUSD, sender="stranger")
    assert [event.name for event in sent.events if event.contract == "LeaseEscrow"] == [
        "LeaseShared",
        "LeaseToppedUp",
    ]
    first = 5 * TUSD // 2
    assert sent.event("LeaseShared") == {"lease": lease.number, "requester": requester, "amount": first}
    assert sent.event("LeaseToppedUp") == {
        "lease": lease.number,
        "funder": stranger,
        "amount": TUSD,
        "funds": first + TUSD,
    }
    assert deposit_of(chain, lease, requester) == LeaseDeposit(first, 0)
    assert deposit_of(chain, lease, stranger, first) == LeaseDeposit(TUSD, 0)
    assert deposit_of(chain, lease, stranger) == LeaseDeposit(0, 0)
    assert state_of(chain, lease).shared


def test_top_up__of_a_shared_lease_by_its_requester__is_a_deposit_like_any(
    chain: Chain, requester: str, stranger: str, lease: OpenLease
) -> None:
    for amount, sender in ((TUSD, "stranger"), (7, "requester"), (8, "stranger")):
        sent = top_up(chain, lease, amount, sender)
        assert sent.all("LeaseShared") == [] or sender == "stranger"
    found = [
        deposit_of(chain, lease, funder, place).amount
        for funder, place in (
            (requester, 0),
            (stranger, 2 * TUSD),
            (requester, 3 * TUSD),
            (stranger, 3 * TUSD + 7),
        )
    ]
    assert found == [2 * TUSD, TUSD, 7, 8]


def test_top_up__by_another_of_a_paused_lease__resumes_and_shares_it(
    chain: Chain, requester: str, stranger: str, lease: OpenLease
) -> None:
    approve(chain, stranger, TUSD, lease.terms.token)
    at(chain, lease, 500)

    sent = act(chain, lease, "topUp", TUSD, sender="stranger")

    assert sent.event("LeaseResumed")["active"] == 200
    assert sent.event("LeaseShared") == {"lease": lease.number, "requester": requester, "amount": 2 * TUSD}
    assert deposit_of(chain, lease, stranger, 2 * TUSD) == LeaseDeposit(TUSD, 0)
