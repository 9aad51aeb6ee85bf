"""Bugs that other escrows had, each by its name; none is ours."""

from __future__ import annotations

import pytest

from tests.acts import TBND, TUSD, FundedJob, accept_as, approve_as, fund_as
from tests.chain import Chain

from .jobs import attest_draw, moving, refund, settle, submitted_job

NOBODY = "0x" + "00" * 20


@pytest.mark.parametrize("claimer", ["requester", "stranger", "provider"])
def test_poco_77_sponsor_refunded_wrongly__whoever_claims__money_goes_to_who_paid(
    chain: Chain, request: pytest.FixtureRequest, requester: str, stranger: str, claimer: str
) -> None:
    """iExec PoCo#77, #80: a claim refunded the requester what a sponsor had paid."""
    job = fund_as(chain, requester, requester=stranger, sponsor=requester)
    chain.mine_to(job.state.terms.accept_by)
    with moving(chain, {"requester paid": 100 * TUSD, "escrow paid": -100 * TUSD, "tracked": -100 * TUSD}):
        refund(chain, job, request.getfixturevalue(claimer))


def test_cancel_task_without_access_control__before_its_deadline__nobody_ends_a_job(
    chain: Chain, requester: str, provider: str, stranger: str, funded: FundedJob, device: int
) -> None:
    """truebit-os IncentiveLayer.cancelTask: anyone cancelled anyone's task."""
    job, terms = funded, funded.state.terms
    for deadline in (terms.accept_by, terms.submit_by):
        for account in (requester, provider, stranger):
            chain.mine()
            wrong = {"job": job.number, "blockNumber": chain.block_number + 1, "deadline": deadline}
            with chain.reverts("DeadlineNotPassed", **wrong):
                refund(chain, job, account)
        if job is funded:
            job = accept_as(chain, provider, job, device)


def test_yagna_3126_invoice_never_accepted__requester_silent__provider_is_paid(
    chain: Chain, submitted: FundedJob
) -> None:
    """Golem: an invoice that nobody accepts is never paid. Here the money is there, and anyone may settle."""
    assert settle(chain, submitted, attest_draw(chain, submitted)).event("JobSettled")["paid"] == 99 * TUSD


def test_livepeer_663_ticket_pays_less_than_its_face__price_not_there__nothing_is_promised(
    chain: Chain, requester: str, stranger: str
) -> None:
    """livepeer/protocol#663: an empty reserve paid winners less. Here no money is owed but what is there."""
    escrow, token = chain.address["JobEscrow"], chain.address["TestDollar"]
    chain.send("TestDollar", "approve", escrow, 1000 * TUSD, sender=stranger)
    have = chain.balance("TestDollar", stranger)
    with chain.reverts("ERC20InsufficientBalance", sender=stranger, balance=have, needed=have + TUSD):
        fund_as(chain, stranger, price=have + TUSD, approve=False)
    for price in (1, 7 * TUSD):
        fund_as(chain, requester, price=price)
    ledger = chain.call("JobEscrow", "ledgerOf", token)
    assert ledger.tracked == chain.balance("TestDollar", escrow) == 1 + 7 * TUSD


def test_pending_bond_removed_emitted_after_delete__swept__event_tells_what_moved(
    chain: Chain, requester: str, stranger: str, submitted: FundedJob
) -> None:
    """Prime Intellect StakeManager: the event read the amount from a slot that it had just deleted."""
    approve_as(chain, requester, submitted)
    token = chain.address["TestDollar"]
    assert chain.send("JobEscrow", "sweep", token, sender=stranger).event("FeesSwept")["amount"] == TUSD


@pytest.mark.parametrize(("price", "fee"), [(99, 0), (100, 1), (199, 1), (10_000, 100), (10_099, 100)])
def test_payment_engine_scaler__fee_of_any_price__is_no_quotient_of_one(
    chain: Chain, requester: str, device: int, price: int, fee: int
) -> None:
    """Lilypad PaymentEngine divided before it multiplied: the ratio was one, or nothing."""
    event = approve_as(chain, requester, submitted_job(chain, device, price=price)).event("JobSettled")
    assert (event["fee"], event["paid"]) == (fee, price - fee)


def test_slash_to_the_slasher__job_not_submitted__who_refunds_gets_nothing(
    chain: Chain, stranger: str, accepted: FundedJob
) -> None:
    """Prime Intellect PrimeNetwork.slash paid the slashed stake to whoever called it."""
    chain.mine_to(accepted.state.terms.submit_by)
    before = chain.balance("TensorbondToken", stranger), chain.balance("TestDollar", stranger)
    event = refund(chain, accepted, stranger).event("JobRefunded")
    assert (event["slashed"], event["compensated"]) == (20 * TBND, 5 * TBND)
    assert before == (chain.balance("TensorbondToken", stranger), chain.balance("TestDollar", stranger))
