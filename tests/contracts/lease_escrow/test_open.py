from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tensorbond.chain.leases import lease_key
from tensorbond.chain.types import LeaseState, LeaseStatus, StopReason
from tests.acts import TUSD, ZERO_ADDRESS
from tests.chain import Chain

from ..permits import permit_and, send_permit, sign_permit
from .leases import RATE, approve, is_held, lease_terms, moving, open_lease, opened_by, state_of, tab_of

WEEK = 7 * 24 * 3600


def test_open__by_the_requester__escrows_the_deposit_and_holds_nothing(
    chain: Chain, requester: str, provider: str, device: int
) -> None:
    terms = lease_terms(chain)
    approve(chain, requester, 2 * TUSD, terms.token)

    with moving(chain, {"requester paid": -2 * TUSD, "escrow paid": 2 * TUSD}):
        sent = chain.send("LeaseEscrow", "open", terms, device, 2 * TUSD, sender=requester)

    lease = opened_by(sent)
    assert sent.event("LeaseOpened") == {
        "lease": 1,
        "requester": requester,
        "provider": provider,
        "terms": terms,
        "device": device,
        "feeBps": 100,
        "exposure": 10**15,
        "deposit": 2 * TUSD,
    }
    assert state_of(chain, lease) == LeaseState(
        2 * TUSD, 0, 0, 0, 0, LeaseStatus.OFFERED, StopReason.NONE, False
    )
    assert not is_held(chain, device)
    assert chain.call("LeaseEscrow", "leaseCount") == 1


def test_open__another_number_or_terms__lead_to_no_lease(chain: Chain, device: int) -> None:
    """Whatever differs: the word lies elsewhere, and is empty."""
    lease = open_lease(chain, device)
    others = [
        (lease.number + 1, lease.lease),
        (lease.number, replace(lease.lease, fee_bps=0)),
        (lease.number, replace(lease.lease, device=device + 1)),
        (lease.number, replace(lease.lease, exposure=1)),
        (lease.number, replace(lease.lease, terms=replace(lease.terms, rate=RATE + 1))),
    ]
    assert len({lease_key(*other) for other in [(lease.number, lease.lease), *others]}) == 6
    for number, terms in others:
        with chain.reverts("LeaseStatusWrong", lease=number, have=LeaseStatus.NONE):
            chain.send("LeaseEscrow", "stop", number, terms, sender=lease.terms.requester)


def test_open__without_a_device__is_a_tab_that_takes_vouchers_at_once(chain: Chain, device: int) -> None:
    tab = tab_of(chain)
    assert state_of(chain, tab).status == LeaseStatus.ACTIVE
    assert tab.sent.event("LeaseStarted")["device"] == 0
    assert not is_held(chain, device)


def test_open__for_another_requester__reverts(
    chain: Chain, stranger: str, requester: str, device: int
) -> None:
    with chain.reverts("RequesterOnly", account=stranger, requester=requester):
        chain.send("LeaseEscrow", "open", lease_terms(chain), device, TUSD, sender=stranger)


@pytest.mark.parametrize(
    ("changes", "field", "have", "bound"),
    [
        ({"provider": ZERO_ADDRESS}, "provider", 0, 1),
        ({"rate": 0}, "voucherBlocks", 0, 50),
        ({"voucher_blocks": 49}, "voucherBlocks", 49, 50),
        ({"voucher_blocks": (1 << 22) + 1}, "voucherBlocks", (1 << 22) + 1, 1 << 22),
        ({"notice": 30 * 86400 + 1}, "notice", 30 * 86400 + 1, 30 * 86400),
        ({"grace": 30 * 86400 + 1}, "grace", 30 * 86400 + 1, 30 * 86400),
        ({"rate": 1, "cap": 1 << 32, "grace": 0}, "cap", 1 << 32, (1 << 32) - 1),
        ({"rate": 1 << 60, "cap": (1 << 87) + 1, "grace": 0}, "cap", (1 << 87) + 1, 1 << 87),
    ],
    ids=[
        "nobody",
        "nothing to pay",
        "hasty",
        "endless",
        "notice",
        "grace",
        "seconds that 32 bits don't hold",
        "money that no word of a token holds",
    ],
)
def test_open__terms_that_bind_for_ever_or_pay_nothing__reverts(
    chain: Chain, requester: str, device: int, changes: dict[str, Any], field: str, have: int, bound: int
) -> None:
    terms = lease_terms(chain, **changes)
    with chain.reverts("TermsInvalid", field=field, have=have, bound=bound):
        chain.send("LeaseEscrow", "open", terms, device, TUSD, sender=requester)


def test_open__a_rate_without_a_device__reverts(chain: Chain, requester: str, device: int) -> None:
    with chain.reverts("TermsInvalid", field="rate", have=RATE, bound=0):
        chain.send("LeaseEscrow", "open", lease_terms(chain), 0, TUSD, sender=requester)


def test_open__the_greatest_rate__pays_no_second_too_many(
    chain: Chain, requester: str, device: int, governor: str
) -> None:
    """The largest cap there is: nothing overflows, and what doesn't buy a second is refunded."""
    most = (1 << 87) - 1
    chain.send("TestDollar", "mint", requester, most, sender=governor)
    chain.send("LeaseEscrow", "allowToken", chain.address["TestDollar"], 1 << 87, sender=governor)
    lease = open_lease(chain, device, most, rate=most // 2, cap=most, grace=0)
    chain.send("LeaseEscrow", "accept", lease.number, lease.lease, sender=lease.terms.provider)
    chain.set_time(chain.timestamp + WEEK)
    sent = chain.send("LeaseEscrow", "stop", lease.number, lease.lease, sender=requester)
    assert sent.event("LeaseStopped")["active"] == 2
    assert sent.event("LeaseStopped")["refunded"] == 1


def test_open__too_little_for_the_grace__reverts(chain: Chain, requester: str, device: int) -> None:
    with chain.reverts("DepositInsufficient", lease=1, have=99, need=100):
        chain.send("LeaseEscrow", "open", lease_terms(chain), device, 100 * RATE - 1, sender=requester)


def test_open__nothing__reverts(chain: Chain, requester: str, device: int) -> None:
    with chain.reverts("AmountZero"):
        chain.send("LeaseEscrow", "open", lease_terms(chain), device, 0, sender=requester)


def test_open__more_than_the_cap__reverts(chain: Chain, requester: str, device: int) -> None:
    with chain.reverts("DepositExceedsCap", lease=1, have=10 * TUSD + 1, most=10 * TUSD):
        chain.send("LeaseEscrow", "open", lease_terms(chain), device, 10 * TUSD + 1, sender=requester)


def test_open__a_device_number_that_no_word_holds__reverts(chain: Chain, requester: str, device: int) -> None:
    """It would be cut to that of another device."""
    wide = (1 << 32) + device
    with chain.reverts("SafeCastOverflowedUintDowncast", bits=32, value=wide):
        chain.send("LeaseEscrow", "open", lease_terms(chain), wide, TUSD, sender=requester)


def test_open__token_not_on_the_list__reverts(chain: Chain, requester: str, device: int) -> None:
    token = chain.address["TensorbondToken"]
    with chain.reverts("TokenNotAllowed", token=token):
        chain.send("LeaseEscrow", "open", lease_terms(chain, token=token), device, TUSD, sender=requester)


def test_open__token_taken_off_the_list__old_leases_go_on(chain: Chain, governor: str, device: int) -> None:
    lease = open_lease(chain, device)
    sent = chain.send("LeaseEscrow", "allowToken", lease.terms.token, 0, sender=governor)
    assert sent.event("TokenAllowed", "LeaseEscrow") == {"token": lease.terms.token, "cap": 0}
    with chain.reverts("TokenNotAllowed", token=lease.terms.token):
        open_lease(chain, device)
    chain.send("LeaseEscrow", "accept", lease.number, lease.lease, sender=lease.terms.provider)


def test_open__past_the_escrows_exposure__reverts(
    chain: Chain, governor: str, requester: str, device: int
) -> None:
    token = chain.address["TestDollar"]
    chain.send("LeaseEscrow", "allowToken", token, 3 * TUSD, sender=governor)
    open_lease(chain, device)
    with chain.reverts("ExposureExceeded", token=token, have=4 * TUSD, most=3 * TUSD):
        open_lease(chain, device)


def test_open_for__by_anyone_else__reverts(chain: Chain, requester: str, device: int) -> None:
    with chain.reverts("OrderBookOnly", account=requester):
        chain.send("LeaseEscrow", "openFor", lease_terms(chain), device, TUSD, sender=requester)


def test_open_for__by_the_order_book__holds_the_device_and_starts_the_clock(
    chain: Chain, requester: str, provider: str, device: int
) -> None:
    terms = lease_terms(chain, accept_by=0)
    approve(chain, requester, 2 * TUSD, terms.token)
    book = chain.impersonate("OrderBook")

    with moving(chain, {"requester paid": -2 * TUSD, "escrow paid": 2 * TUSD}):
        sent = chain.send("LeaseEscrow", "openFor", terms, device, 2 * TUSD, sender=book)

    assert sent.event("LeaseStarted") == {
        "lease": 1,
        "provider": provider,
        "device": device,
        "startedAt": chain.timestamp,
    }
    assert state_of(chain, opened_by(sent)).status == LeaseStatus.ACTIVE
    assert is_held(chain, device)


def test_open_for__device_of_another_provider__reverts(
    chain: Chain, provider: str, other_provider: str, device: int
) -> None:
    terms = lease_terms(chain, provider=other_provider)
    with chain.reverts("ProviderMismatch", have=provider, need=other_provider):
        chain.send("LeaseEscrow", "openFor", terms, device, TUSD, sender=chain.impersonate("OrderBook"))


@pytest.mark.parametrize("ahead", [False, True], ids=["", "sent ahead by a stranger"])
def test_open__with_a_permit__is_one_transaction(
    chain: Chain, requester: str, stranger: str, device: int, ahead: bool
) -> None:
    permit = sign_permit(chain, requester, chain.address["LeaseEscrow"], 2 * TUSD, token="TestDollar")
    if ahead:
        send_permit(chain, permit, stranger, "TestDollar")

    with moving(chain, {"requester paid": -2 * TUSD, "escrow paid": 2 * TUSD}):
        permit_and(
            chain,
            "LeaseEscrow",
            permit,
            "open",
            lease_terms(chain),
            device,
            2 * TUSD,
            token="TestDollar",
        )
