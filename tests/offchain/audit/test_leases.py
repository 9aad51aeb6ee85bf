"""The books of leases from synthetic events: what adds up is silent, every wei that doesn't is a finding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from tensorbond.audit import Finding, Report
from tensorbond.audit.leases import LeaseBooks, replay_leases
from tensorbond.chain.abi import Event
from tensorbond.chain.types import LeaseDeposit, LeaseTerms, StopReason
from tests.offchain.audit.events import (
    DOLLAR,
    ESCROW,
    FEE_BURN_BPS,
    NOBODY,
    TOKEN,
    A,
    B,
    C,
    log,
    together,
    transfer,
)

pytestmark = pytest.mark.unit

CAP = 10_000
HOUR = 3_600


def _replayed(events: Iterable[Event]) -> tuple[LeaseBooks, list[Finding]]:
    books = LeaseBooks(ESCROW, C, {0: HOUR}, TOKEN, FEE_BURN_BPS)
    report = Report(1, 0, bytes(32))
    replay_leases(books, events, report)
    return books, report.findings


def _lease(name: str, **args: Any) -> Event:
    return log("LeaseEscrow", name, **args)


def _begun(token: str = DOLLAR) -> list[Event]:
    return [_lease("TokenAllowed", token=token, cap=CAP), _lease("FeeSet", feeBps=100)]


def _tab(number: int, deposit: int, token: str = DOLLAR) -> list[Event]:
    """Without a device and a rate: only vouchers draw on it."""
    terms = LeaseTerms(B, A, token, 0, 2 * CAP, 0, 0, 50, 0)
    opened = _lease(
        "LeaseOpened",
        lease=number,
        requester=B,
        provider=A,
        terms=terms,
        device=0,
        feeBps=100,
        exposure=CAP,
        deposit=deposit,
    )
    started = _lease("LeaseStarted", lease=number, provider=A, device=0, startedAt=HOUR)
    return together(opened, started, _moved(B, ESCROW, deposit, token))


def _topped_up(number: int, amount: int, funds: int) -> list[Event]:
    told = {"amount": amount, "funds": funds}
    return together(
        _lease("LeaseToppedUp", lease=number, funder=B, **told), _moved(B, ESCROW, amount, DOLLAR)
    )


def _redeemed(number: int, paid: int, fee: int, token: str = DOLLAR, *, refused: bool = False) -> list[Event]:
    told = _lease("VoucherRedeemed", lease=number, provider=A, paid=paid, fee=fee, redeemed=paid + fee)
    owed = _lease("PaymentDeferred", account=A, token=token, amount=paid, owed=paid)
    return together(told, owed if refused else _moved(ESCROW, A, paid, token))


def _stopped(number: int, refunded: int) -> list[Event]:
    told = {"reason": StopReason.REQUESTER_STOPPED, "active": 0, "refunded": refunded, "ripeAt": 0}
    return together(
        _lease("LeaseStopped", lease=number, **told),
        _lease("LeaseClosed", lease=number),
        _moved(ESCROW, B, refunded, DOLLAR),
    )


def _collected(amount: int) -> list[Event]:
    told = _lease("PaymentCollected", account=A, token=DOLLAR, amount=amount)
    return together(told, _moved(ESCROW, A, amount, DOLLAR))


def _moved(payer: str, payee: str, value: int, token: str) -> Event:
    return transfer(payer, payee, value, "TensorbondToken" if token == TOKEN else token)


@pytest.mark.parametrize(
    ("amount", "burned", "gone", "checks"),
    [
        (18, 1, 1, []),
        (19, 0, 0, ["event total"] * 2),
        (17, 2, 2, ["event total"] * 2),
        (17, 1, 1, ["event total"]),
        (18, 1, 0, ["invariant 14"]),
        (18, 1, 2, ["invariant 14"]),
    ],
)
def test_replay_leases__fees_in_tbnd_swept__a_tenth_is_burned(
    amount: int, burned: int, gone: int, checks: list[str]
) -> None:
    told = _lease("FeesSwept", token=TOKEN, to=C, amount=amount, burned=burned, tracked=100)
    moved = [_moved(ESCROW, payee, value, TOKEN) for payee, value in ((NOBODY, gone), (C, amount)) if value]
    swept = together(told, *moved)
    books, findings = _replayed(
        [*_begun(TOKEN), *_tab(1, 2_000, TOKEN), *_redeemed(1, 1_881, 19, TOKEN), *swept]
    )
    assert [finding.check for finding in findings] == checks
    assert books.open_money() == {TOKEN: 100}


def test_replay_leases__fees_in_another_token_swept__none_is_burned() -> None:
    told = _lease("FeesSwept", token=DOLLAR, to=C, amount=19, burned=0, tracked=100)
    swept = together(told, _moved(ESCROW, C, 19, DOLLAR))
    assert _replayed([*_begun(), *_tab(1, 2_000), *_redeemed(1, 1_881, 19), *swept])[1] == []


@pytest.mark.parametrize(
    ("between", "room"),
    [
        ([], 4_000),
        (_topped_up(1, 500, 6_500), 3_500),
        (_redeemed(1, 1_980, 20), 6_000),
        (_redeemed(1, 1_980, 20, refused=True), 4_020),
        ([*_redeemed(1, 1_980, 20, refused=True), *_collected(1_980)], 6_000),
        (_stopped(1, 6_000), 10_000),
    ],
    ids=["opened", "topped up", "redeemed", "refused", "collected", "stopped"],
)
def test_replay_leases__a_deposit_above_the_token_s_cap__is_found(between: list[Event], room: int) -> None:
    """The cap is on all leases together, with what waits to be collected and without fees; the last wei of it
    may be filled, by a lease that is opened or by a top-up."""
    before = [*_begun(), *_tab(1, 6_000), *between]
    assert _found([*before, *_tab(2, room)]) == []
    assert _found([*before, *_tab(2, room + 1)]) == ["escrow"]
    assert _found([*before, *_tab(2, room - 1), *_topped_up(2, 1, room)]) == []
    assert _found([*before, *_tab(2, room - 1), *_topped_up(2, 2, room + 1)]) == ["escrow"]


@pytest.mark.parametrize(
    ("cap", "most"), [(CAP + 1, CAP + 1), (CAP - 1, CAP), (0, CAP)], ids=["raised", "lowered", "delisted"]
)
def test_replay_leases__a_deposit_after_the_cap_was_changed__may_reach_the_greater_of_both(
    cap: int, most: int
) -> None:
    before = [*_begun(), *_tab(1, 9_000), _lease("TokenAllowed", token=DOLLAR, cap=cap)]
    assert _found([*before, *_topped_up(1, most - 9_000, most)]) == []
    assert _found([*before, *_topped_up(1, most - 8_999, most + 1)]) == ["escrow"]


def _shared(funder: str, place: int, refunded: int) -> list[Event]:
    """A tab of 1,000 of B's and 500 of C's, of which a voucher spent 1,100; then a refund."""
    shared = _lease("LeaseShared", lease=1, requester=B, amount=1_000)
    paid = _lease("LeaseToppedUp", lease=1, funder=C, amount=500, funds=1_500)
    told = {"lease": 1, "funder": funder, "from": place, "amount": refunded, "refunded": refunded}
    return [
        *_begun(),
        *_tab(1, 1_000),
        *together(shared, paid, _moved(C, ESCROW, 500, DOLLAR)),
        *_redeemed(1, 1_089, 11),
        *_stopped(1, 0),
        *together(_lease("LeaseRefunded", **told), _moved(ESCROW, funder, refunded, DOLLAR)),
    ]


def test_replay_leases__of_several_funders__each_is_refunded_what_lies_above_all_that_is_spent() -> None:
    books, findings = _replayed(_shared(C, 1_000, 400))
    assert findings == []
    assert books.leases[1].deposits == {(B, 0): LeaseDeposit(1_000, 0), (C, 1_000): LeaseDeposit(500, 400)}
    assert books.open_money() == {DOLLAR: 11}


@pytest.mark.parametrize(
    ("refund", "checks"),
    [
        ((C, 1_000, 399), ["event total", "event total"]),
        ((B, 0, 100), ["event total", "event total"]),
        ((B, 1_000, 400), ["invariant 14", "invariant 14"]),
    ],
    ids=["less", "of what was spent", "of another's place"],
)
def test_replay_leases__a_refund_that_is_not_what_is_unspent__is_found(
    refund: tuple[str, int, int], checks: list[str]
) -> None:
    assert [finding.check for finding in _replayed(_shared(*refund))[1]] == checks


def _found(events: list[Event]) -> list[str]:
    """The checks that complain; the running total is what the leases come to, one by one."""
    books, findings = _replayed(events)
    assert books.open[DOLLAR] == books.open_money()[DOLLAR] - books.fees[DOLLAR]
    return [finding.check for finding in findings]


def test_replay_leases__many_deposits__no_lease_is_added_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each deposit was once compared with the sum over all leases: in a large market, hours."""
    monkeypatch.delattr(LeaseBooks, "open_money")
    deposits = [event for number in range(1, 101) for event in _tab(number, 100)]
    books, findings = _replayed([*_begun(), *deposits, *_topped_up(7, 1, 101)])
    assert books.open == {DOLLAR: 10_001}
    assert [finding.check for finding in findings] == ["escrow"]
