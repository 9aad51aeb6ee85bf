"""A signed bid and signed asks become jobs, in one transaction of anybody's."""

from __future__ import annotations

from typing import Any

import pytest

from tensorbond.chain.orders import unfit
from tensorbond.chain.types import JobStatus
from tests.acts import TBND, TUSD, ZERO_ADDRESS
from tests.chain import Chain
from tests.contracts.permits import sign_permit
from tests.system import role

from .conftest import Devices
from .orders import (
    COLLATERAL,
    PRICE,
    REFUND,
    REVIEW,
    SPEC,
    SUBMIT,
    changed,
    digest,
    is_held,
    is_spent,
    job_ask,
    job_bid,
    job_of,
    match,
    moving,
    offer,
    sign,
)

ASKED = 80 * TUSD


def test_match__an_ask_and_a_bid__is_an_accepted_job(
    chain: Chain, device: int, requester: str, provider: str
) -> None:
    ask, bid = job_ask(chain), job_bid(chain)
    assert unfit(ask, bid) is None
    with moving(chain, requester=-ASKED, JobEscrow=ASKED, provider_locked=COLLATERAL):
        sent = match(chain, bid, offer(chain, ask, device))
    matched = sent.event("JobMatched")
    assert (matched["bid"], matched["ask"]) == (digest(chain, bid), digest(chain, ask))
    state = job_of(chain, matched["job"])
    terms = state.terms
    assert (state.status, state.provider, state.device) == (JobStatus.ACCEPTED, provider, device)
    assert (terms.requester, terms.provider, terms.sponsor) == (requester, provider, ZERO_ADDRESS)
    assert (terms.price, terms.collateral, terms.spec) == (ASKED, COLLATERAL, SPEC)
    assert (terms.submit_by, terms.refund_at) == (sent.block + SUBMIT, sent.block + SUBMIT + REFUND)
    assert terms.review_blocks == REVIEW
    assert is_held(chain, device)
    assert is_spent(chain, ask)
    assert is_spent(chain, bid)
    assert [chain.call("OrderBook", "filledOf", digest(chain, each)) for each in (ask, bid)] == [0, 0]


def test_match__every_term_of_the_bid__is_the_jobs(chain: Chain, device: int, stranger: str) -> None:
    own = {"parts": 4, "callback": stranger, "arbiter": chain.address["OracleArbiter"]}
    ask = job_ask(chain, arbiter=own["arbiter"], spec=SPEC, device=device)
    sent = match(chain, job_bid(chain, **own), offer(chain, ask, device))
    terms = job_of(chain, sent.event("JobMatched")["job"]).terms
    assert {name: getattr(terms, name) for name in own} == own


def test_match__prices_that_cross__costs_what_was_asked(chain: Chain, device: int) -> None:
    ask = job_ask(chain, price=30 * TUSD)
    with moving(chain, requester=-30 * TUSD, JobEscrow=30 * TUSD, provider_locked=COLLATERAL):
        match(chain, job_bid(chain), offer(chain, ask, device))


def test_match__a_bid_for_another_requester__is_paid_and_refunded_to_its_account(
    chain: Chain, device: int, requester: str, stranger: str
) -> None:
    bid = job_bid(chain, requester=stranger)
    with moving(chain, requester=-ASKED, JobEscrow=ASKED, provider_locked=COLLATERAL):
        job = match(chain, bid, offer(chain, job_ask(chain), device)).event("JobMatched")["job"]
    state = job_of(chain, job)
    assert (state.terms.requester, state.terms.sponsor) == (stranger, requester)
    chain.mine_to(state.terms.submit_by)
    with moving(
        chain,
        requester=ASKED,
        JobEscrow=-ASKED,
        **{"provider_locked": -COLLATERAL, "provider active": -COLLATERAL},
    ):
        chain.send("JobEscrow", "refund", job, state, sender=stranger)


def test_match__ones_own_order__needs_no_signature(
    chain: Chain, devices: Devices, requester: str, operator: str, other_provider: str
) -> None:
    first, second, _ = devices.ours
    bids = [job_bid(chain, nonce=nonce) for nonce in range(3)]
    asks = [job_ask(chain, nonce=0), job_ask(chain, nonce=1), job_ask(chain, other_provider)]
    match(chain, bids[0], offer(chain, asks[0], first), signature=b"", sender=requester)
    match(chain, bids[1], offer(chain, asks[1], second, signature=b""), sender=operator)
    match(chain, bids[2], offer(chain, asks[2], devices.others[0], signature=b""), sender=other_provider)
    assert all(is_spent(chain, order) for order in (*bids, *asks))


def test_match__part_after_part__fills_both_up_to_their_counts(chain: Chain, devices: Devices) -> None:
    bid, ask = job_bid(chain, count=3), job_ask(chain, count=4)
    filled = [chain.call("OrderBook", "filledOf", digest(chain, each)) for each in (ask, bid)]
    for device in devices.ours[:2]:
        match(chain, bid, offer(chain, ask, device))
        assert not is_spent(chain, bid)
        assert not is_spent(chain, ask)
    filled = [chain.call("OrderBook", "filledOf", digest(chain, each)) for each in (ask, bid)]
    assert filled == [2, 2]
    match(chain, bid, offer(chain, ask, devices.ours[2]))
    assert is_spent(chain, bid)
    assert not is_spent(chain, ask)
    assert chain.call("OrderBook", "filledOf", digest(chain, ask)) == 3
    with chain.reverts("OrderSpent", account=bid.order.account, series=0, nonce=0):
        match(chain, bid, offer(chain, ask, devices.ours[2]))


def test_match__a_whole_bid__is_a_cluster_of_several_providers(
    chain: Chain, devices: Devices, provider: str, other_provider: str
) -> None:
    bid = job_bid(chain, count=4, whole=True)
    ours = offer(chain, job_ask(chain, count=2), *devices.ours[:2], by=role(chain, "operator"))
    others = offer(chain, job_ask(chain, other_provider, count=2, price=90 * TUSD), *devices.others)
    total = 2 * ASKED + 180 * TUSD
    with moving(
        chain,
        requester=-total,
        JobEscrow=total,
        provider_locked=2 * COLLATERAL,
        other_provider_locked=2 * COLLATERAL,
    ):
        sent = match(chain, bid, ours, others)
    matched = sent.all("JobMatched")
    jobs = [job_of(chain, each["job"]) for each in matched]
    assert [job.device for job in jobs] == [*devices.ours[:2], *devices.others]
    assert [job.provider for job in jobs] == [provider, provider, other_provider, other_provider]
    assert [job.terms.price for job in jobs] == [ASKED, ASKED, 90 * TUSD, 90 * TUSD]
    assert {each["bid"] for each in matched} == {digest(chain, bid)}
    assert is_spent(chain, bid)


def test_match__in_the_last_block_of_both__is_in_time(chain: Chain, device: int) -> None:
    bid, ask = job_bid(chain), job_ask(chain)
    chain.mine_to(bid.order.expiry - 1)
    assert match(chain, bid, offer(chain, ask, device)).block == bid.order.expiry == ask.order.expiry


UNFIT = [
    ({"token": "TensorbondToken"}, {}, "token"),
    ({"class_id": 1}, {}, "classId"),
    ({"price": PRICE + 1}, {}, "price"),
    ({"arbiter": "OracleArbiter"}, {}, "arbiter"),
    ({}, {"arbiter": "OracleArbiter"}, "arbiter"),
    ({"spec": bytes(31) + b"\x01"}, {}, "spec"),
    ({"collateral": COLLATERAL - 1}, {}, "collateral"),
    ({"submit_blocks": SUBMIT + 1}, {}, "submitBlocks"),
    ({"hold_blocks": SUBMIT + REFUND - 1}, {}, "holdBlocks"),
]


@pytest.mark.parametrize(("asked", "bidden", "field"), UNFIT)
def test_match__an_ask_that_does_not_fit__reverts(
    chain: Chain, device: int, asked: dict[str, Any], bidden: dict[str, Any], field: str
) -> None:
    resolve = lambda values: {name: chain.address.get(value, value) for name, value in values.items()}  # noqa: E731
    ask, bid = job_ask(chain, **resolve(asked)), job_bid(chain, **resolve(bidden))
    said = {
        "token": (ask.order.token, bid.order.token),
        "classId": (ask.order.class_id, bid.order.class_id),
        "price": (ask.order.price, bid.order.price),
        "arbiter": (ask.arbiter, bid.arbiter),
        "spec": (ask.spec, bid.spec),
        "collateral": (ask.collateral, bid.collateral),
        "submitBlocks": (ask.submit_blocks, bid.submit_blocks),
        "holdBlocks": (ask.hold_blocks, bid.submit_blocks + bid.refund_blocks),
    }[field]
    have, need = (number(value) for value in said)
    assert unfit(ask, bid) == field
    with moving(chain), chain.reverts("OrdersUnfit", field=field, ask=have, bid=need):
        match(chain, bid, offer(chain, ask, device))


def number(value: int | str | bytes) -> int:
    if isinstance(value, str):
        return int(value, 16)
    return int.from_bytes(value, "big") if isinstance(value, bytes) else value


def test_match__a_device_that_the_ask_does_not_name__reverts(chain: Chain, devices: Devices) -> None:
    first, second, _ = devices.ours
    with chain.reverts("DeviceNotOffered", have=second, need=first):
        match(chain, job_bid(chain), offer(chain, job_ask(chain, device=first), second))


def test_match__while_the_escrow_is_paused__reverts(chain: Chain, device: int, governor: str) -> None:
    bid = job_bid(chain)
    chain.send("JobEscrow", "pause", sender=governor)
    with moving(chain), chain.reverts("Paused"):
        match(chain, bid, offer(chain, job_ask(chain), device))
    assert not is_spent(chain, bid)


# Depositing and matching in one transaction


def permit_and_match(chain: Chain, device: int, permit: Any, sender: str) -> Any:
    bid, ask = job_bid(chain), job_ask(chain)
    book = chain._abi("OrderBook")
    token, spender = chain.address["TestDollar"], chain.address["JobEscrow"]
    args = permit.owner, spender, permit.value, permit.deadline, permit.v, permit.r, permit.s
    batch = [
        book.encode_call("permit", (token, *args)),
        book.encode_call("matchJobs", (bid, sign(chain, bid), [offer(chain, ask, device)], [])),
    ]
    return chain.send("OrderBook", "multicall", batch, sender=sender)


def test_match__with_the_bidders_permit__is_one_transaction_of_anybodys(
    chain: Chain, device: int, requester: str, stranger: str
) -> None:
    escrow = chain.address["JobEscrow"]
    chain.send("TestDollar", "approve", escrow, 0, sender=requester)
    permit = sign_permit(chain, requester, escrow, ASKED, token="TestDollar")
    with moving(chain, requester=-ASKED, JobEscrow=ASKED, provider_locked=COLLATERAL):
        sent = permit_and_match(chain, device, permit, stranger)
    assert sent.event("JobMatched")["bid"]
    assert chain.call("TestDollar", "allowance", requester, escrow) == 0


def test_match__with_a_permit_that_a_stranger_sent_before__goes_on(
    chain: Chain, device: int, requester: str, stranger: str
) -> None:
    escrow = chain.address["JobEscrow"]
    chain.send("TestDollar", "approve", escrow, 0, sender=requester)
    permit = sign_permit(chain, requester, escrow, ASKED, token="TestDollar")
    args = requester, escrow, permit.value, permit.deadline, permit.v, permit.r, permit.s
    chain.send("TestDollar", "permit", *args, sender=stranger)
    with moving(chain, requester=-ASKED, JobEscrow=ASKED, provider_locked=COLLATERAL):
        permit_and_match(chain, device, permit, stranger)


def test_match__without_an_allowance__reverts(chain: Chain, device: int, requester: str) -> None:
    escrow = chain.address["JobEscrow"]
    chain.send("TestDollar", "approve", escrow, ASKED - 1, sender=requester)
    with (
        moving(chain),
        chain.reverts("ERC20InsufficientAllowance", spender=escrow, allowance=ASKED - 1, needed=ASKED),
    ):
        match(chain, job_bid(chain), offer(chain, job_ask(chain), device))


def test_match__more_collateral_than_is_free__reverts(chain: Chain, device: int, provider: str) -> None:
    free = chain.call("ProviderStaking", "freeOf", provider)
    bid = job_bid(chain, collateral=free + 1)
    ask = changed(job_ask(chain), collateral=10_000 * TBND)
    with moving(chain), chain.reverts("FreeStakeInsufficient", provider=provider, have=free, need=free + 1):
        match(chain, bid, offer(chain, ask, device))
