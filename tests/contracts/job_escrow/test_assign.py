from __future__ import annotations

from dataclasses import replace

import pytest

from tests.acts import TUSD, FundedJob, accept_as, approve_as, fund_as, submit_as
from tests.chain import Chain

from .jobs import job_hash, moving, refund

NOBODY = "0x" + "00" * 20


def assign(chain: Chain, sender: str, job: FundedJob, provider: str, price: int) -> FundedJob:
    sent = chain.send("JobEscrow", "assign", job.number, job.state, provider, price, sender=sender)
    terms = replace(job.state.terms, provider=provider, price=price)
    return FundedJob(job.number, replace(job.state, terms=terms), sent)


@pytest.fixture
def invited(chain: Chain, requester: str, stranger: str, device: int) -> FundedJob:
    """A job that `stranger` may pass on, as an auction would."""
    return fund_as(chain, requester, provider=stranger, parts=4)


def test_assign__at_a_lower_price__returns_the_difference(
    chain: Chain, provider: str, requester: str, stranger: str, invited: FundedJob
) -> None:
    back = 40 * TUSD
    with moving(chain, {"requester paid": back, "escrow paid": -back, "tracked": -back}):
        job = assign(chain, stranger, invited, provider, 60 * TUSD)

    assert job.sent.event("JobAssigned") == {
        "job": job.number,
        "provider": provider,
        "token": chain.address["TestDollar"],
        "price": 60 * TUSD,
        "returned": back,
        "tracked": 60 * TUSD,
    }
    assert chain.call("JobEscrow", "jobHash", job.number) == job_hash(job.state)


def test_assign__then_done__pays_the_lower_price(
    chain: Chain, provider: str, requester: str, stranger: str, device: int, invited: FundedJob
) -> None:
    job = assign(chain, stranger, invited, provider, 60 * TUSD)
    job = submit_as(chain, provider, accept_as(chain, provider, job, device))
    sent = approve_as(chain, requester, job)
    assert (sent.event("JobSettled")["paid"], sent.event("JobSettled")["tracked"]) == (59_400_000, 600_000)


def test_assign__at_the_same_price__moves_no_money(
    chain: Chain, provider: str, stranger: str, invited: FundedJob
) -> None:
    with moving(chain, {}):
        assign(chain, stranger, invited, provider, 100 * TUSD)


def test_assign__sponsored__returns_the_difference_and_the_rest_to_the_sponsor(
    chain: Chain, provider: str, requester: str, stranger: str
) -> None:
    job = fund_as(chain, requester, requester=stranger, sponsor=requester, provider=stranger)
    with moving(chain, {"requester paid": 100 * TUSD, "escrow paid": -100 * TUSD, "tracked": -100 * TUSD}):
        job = assign(chain, stranger, job, provider, 60 * TUSD)
        chain.mine_to(job.state.terms.accept_by)
        assert refund(chain, job).event("JobRefunded")["payer"] == requester


def test_assign__to_oneself_at_a_higher_price__reverts(
    chain: Chain, stranger: str, invited: FundedJob
) -> None:
    with chain.reverts("PriceRaised", have=100 * TUSD + 4, most=100 * TUSD):
        assign(chain, stranger, invited, stranger, 100 * TUSD + 4)


def test_assign__raised_back_after_it_fell__reverts(
    chain: Chain, provider: str, stranger: str, invited: FundedJob
) -> None:
    job = assign(chain, stranger, invited, provider, 60 * TUSD)
    with chain.reverts("PriceRaised", have=61 * TUSD, most=60 * TUSD):
        assign(chain, provider, job, provider, 61 * TUSD)
    with chain.reverts("ProviderNotInvited", have=stranger, need=provider):
        assign(chain, stranger, job, stranger, 60 * TUSD)


@pytest.mark.parametrize("sender", ["requester", "provider", "governor"])
def test_assign__by_anyone_but_the_invited__reverts(
    chain: Chain, request: pytest.FixtureRequest, stranger: str, invited: FundedJob, sender: str
) -> None:
    account = request.getfixturevalue(sender)
    with chain.reverts("ProviderNotInvited", have=account, need=stranger):
        assign(chain, account, invited, account, 1)


def test_assign__nobody_invited__reverts(chain: Chain, stranger: str, funded: FundedJob) -> None:
    with chain.reverts("ProviderNotInvited", have=stranger, need=NOBODY):
        assign(chain, stranger, funded, stranger, 1)


def test_assign__to_nobody_for_nothing_or_in_crumbs__reverts(
    chain: Chain, provider: str, stranger: str, invited: FundedJob
) -> None:
    """Nobody would be anybody: the requester invited one."""
    with chain.reverts("ProviderZero"):
        assign(chain, stranger, invited, NOBODY, 60 * TUSD)
    with chain.reverts("PriceZero"):
        assign(chain, stranger, invited, provider, 0)
    with chain.reverts("PriceIndivisible", price=61, parts=4):
        assign(chain, stranger, invited, provider, 61)


def test_assign__after_accept_by__reverts(
    chain: Chain, provider: str, stranger: str, invited: FundedJob
) -> None:
    deadline = invited.state.terms.accept_by
    chain.mine_to(deadline)
    with chain.reverts("DeadlinePassed", job=invited.number, blockNumber=deadline + 1, deadline=deadline):
        assign(chain, stranger, invited, provider, 60 * TUSD)


def test_assign__accepted_already__reverts(chain: Chain, provider: str, accepted: FundedJob) -> None:
    with chain.reverts("JobStatusWrong", job=accepted.number, have=2, need=1):
        assign(chain, provider, accepted, provider, 1)
