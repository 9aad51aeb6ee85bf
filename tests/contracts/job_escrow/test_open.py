from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain import slots
from tensorbond.chain.types import Job, JobStatus, Terms
from tests.acts import TBND, TUSD, FundedJob, approve_as, submit_as, terms_of, timing
from tests.chain import Chain

from .jobs import is_held, job_hash, moving

PRICE, COLLATERAL = 100 * TUSD, 20 * TBND


@pytest.fixture
def book(chain: Chain, requester: str) -> str:
    """The order book, which can send; the requester has allowed its deposit."""
    chain.send("TestDollar", "approve", chain.address["JobEscrow"], PRICE, sender=requester)
    return chain.impersonate("OrderBook")


def open_job(chain: Chain, sender: str, terms: Terms, device: int) -> FundedJob:
    sent = chain.send("JobEscrow", "open", terms, device, sender=sender)
    slot = sent.event("JobAccepted")["forcedSlot"]
    state = Job(terms, 100, terms.provider, device, slot, JobStatus.ACCEPTED)
    return FundedJob(sent.event("JobFunded")["job"], state, sent)


def test_open__by_the_order_book__funds_and_accepts(
    chain: Chain, provider: str, requester: str, device: int, book: str
) -> None:
    terms = terms_of(chain, requester, provider=provider)
    with moving(
        chain,
        {"requester paid": -PRICE, "escrow paid": PRICE, "tracked": PRICE, "locked": COLLATERAL},
    ):
        job = open_job(chain, book, terms, device)

    assert job.sent.event("JobFunded")["terms"] == terms
    assert job.sent.event("JobAccepted")["collateral"] == COLLATERAL
    assert chain.call("JobEscrow", "jobHash", job.number) == job_hash(job.state)
    assert is_held(chain, device)
    job = submit_as(chain, provider, job)
    assert approve_as(chain, requester, job).event("JobSettled")["paid"] == 99 * TUSD


def test_open__sponsored__takes_the_sponsors_money(
    chain: Chain, provider: str, requester: str, stranger: str, device: int, book: str
) -> None:
    terms = terms_of(chain, stranger, sponsor=requester, provider=provider)
    with moving(
        chain,
        {"requester paid": -PRICE, "escrow paid": PRICE, "tracked": PRICE, "locked": COLLATERAL},
    ):
        open_job(chain, book, terms, device)


@pytest.mark.parametrize("sender", ["requester", "provider", "governor", "stranger"])
def test_open__by_anyone_else__reverts(
    chain: Chain, request: pytest.FixtureRequest, provider: str, requester: str, device: int, sender: str
) -> None:
    """Whoever could call it could spend every allowance to the escrow."""
    account = request.getfixturevalue(sender)
    with chain.reverts("OrderBookOnly", account=account):
        open_job(chain, account, terms_of(chain, requester, provider=provider), device)


def test_open__device_of_another_provider__reverts(
    chain: Chain, provider: str, requester: str, stranger: str, device: int, book: str
) -> None:
    for invited in (stranger, "0x" + "00" * 20):
        with chain.reverts("ProviderNotInvited", have=provider, need=invited):
            open_job(chain, book, terms_of(chain, requester, provider=invited), device)


def test_open__deadlines_that_fund_or_accept_refuse__reverts(
    chain: Chain, provider: str, requester: str, device: int, book: str
) -> None:
    terms = terms_of(chain, requester, provider=provider)
    first = timing(chain)
    forced = slots.forced_slot(first, chain.block_number + 1)
    # The forced slot is known here, and with it when its epoch is final; the review must be over, too.
    final = (
        slots.last_block(first, slots.epoch_of(first, forced)) + first.attest_blocks + first.proof_blocks + 1
    )
    assert final > terms.submit_by + terms.review_blocks
    for early, least in (
        (replace(terms, refund_at=final - 1), final),
        (replace(terms, refund_at=final, review_blocks=final), terms.submit_by + final),
    ):
        with chain.reverts("DeadlineInvalid", field="refundAt", have=early.refund_at, least=least):
            open_job(chain, book, early, device)
    with chain.reverts("DeviceUnfit", field="bondedGops", have=10, need=11):
        open_job(chain, book, replace(terms, min_gops=11), device)
    with chain.reverts("PriceIndivisible", price=PRICE, parts=7):
        open_job(chain, book, replace(terms, parts=7), device)
    assert open_job(chain, book, replace(terms, refund_at=final), device).state.forced_slot == forced


def test_open__while_paused__reverts(
    chain: Chain, provider: str, requester: str, governor: str, device: int, book: str
) -> None:
    chain.send("JobEscrow", "pause", sender=governor)
    with chain.reverts("Paused"):
        open_job(chain, book, terms_of(chain, requester, provider=provider), device)
