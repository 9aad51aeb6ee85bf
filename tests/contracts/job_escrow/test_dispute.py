from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import OutcomeResult
from tests.acts import TUSD, FundedJob, approve_as, dispute_as, submit_as
from tests.chain import Chain

from ..permits import permit_and, send_permit, sign_permit
from .jobs import attest_draw, job_hash, moving, refund, refund_by_outcome, settle, submitted_job
from .test_approve_part import approve_part

BOND = 10 * TUSD
VERDICT_BLOCKS = 40


def test_dispute__in_the_last_block_of_the_review__deposits_a_bond(
    chain: Chain, requester: str, submitted: FundedJob
) -> None:
    chain.send("TestDollar", "approve", chain.address["JobEscrow"], BOND, sender=requester)
    last = submitted.state.submitted_at + submitted.state.terms.review_blocks
    chain.mine_to(last - 1)

    with moving(chain, {"requester paid": -BOND, "escrow paid": BOND, "tracked": BOND}):
        sent = chain.send("JobEscrow", "dispute", submitted.number, submitted.state, sender=requester)

    assert sent.event("JobDisputed") == {
        "job": submitted.number,
        "requester": requester,
        "token": chain.address["TestDollar"],
        "bond": BOND,
        "verdictBy": last + VERDICT_BLOCKS,
        "tracked": 110 * TUSD,
    }
    state = replace(submitted.state, status=4, verdict_by=last + VERDICT_BLOCKS)
    assert chain.call("JobEscrow", "jobHash", submitted.number) == job_hash(state)


@pytest.mark.parametrize("ahead", [False, True], ids=["", "sent ahead by a stranger"])
def test_dispute__with_a_permit__is_one_transaction(
    chain: Chain, requester: str, stranger: str, submitted: FundedJob, ahead: bool
) -> None:
    permit = sign_permit(chain, requester, chain.address["JobEscrow"], BOND, token="TestDollar")
    if ahead:
        send_permit(chain, permit, stranger, "TestDollar")

    with moving(chain, {"requester paid": -BOND, "escrow paid": BOND, "tracked": BOND}):
        sent = permit_and(
            chain, "JobEscrow", permit, "dispute", submitted.number, submitted.state, token="TestDollar"
        )
    assert sent.event("JobDisputed")["bond"] == BOND


def test_dispute__review_over__reverts(chain: Chain, requester: str, submitted: FundedJob) -> None:
    last = submitted.state.submitted_at + submitted.state.terms.review_blocks
    chain.mine_to(last)
    with chain.reverts("DeadlinePassed", job=submitted.number, blockNumber=last + 1, deadline=last):
        chain.send("JobEscrow", "dispute", submitted.number, submitted.state, sender=requester)


@pytest.mark.parametrize("sender", ["provider", "stranger"])
def test_dispute__by_anyone_else__reverts(
    chain: Chain, request: pytest.FixtureRequest, requester: str, submitted: FundedJob, sender: str
) -> None:
    account = request.getfixturevalue(sender)
    with chain.reverts("RequesterOnly", account=account, requester=requester):
        chain.send("JobEscrow", "dispute", submitted.number, submitted.state, sender=account)


def test_dispute__nothing_submitted__reverts(chain: Chain, requester: str, accepted: FundedJob) -> None:
    with chain.reverts("JobStatusWrong", job=accepted.number, have=2, need=3):
        chain.send("JobEscrow", "dispute", accepted.number, accepted.state, sender=requester)


def test_dispute__of_a_price_of_one__costs_one(chain: Chain, requester: str, device: int) -> None:
    job = dispute_as(chain, requester, submitted_job(chain, device, price=1))
    assert job.sent.event("JobDisputed")["bond"] == 1


def test_dispute__after_parts_were_released__costs_a_share_of_the_rest(
    chain: Chain, requester: str, device: int
) -> None:
    job, _ = approve_part(chain, requester, submitted_job(chain, device, parts=4), 1)
    assert dispute_as(chain, requester, job).sent.event("JobDisputed")["bond"] == 7_500_000


def test_dispute__until_it_is_resolved__nothing_else_moves_the_job(
    chain: Chain, provider: str, requester: str, submitted: FundedJob
) -> None:
    job = dispute_as(chain, requester, submitted)
    passed = attest_draw(chain, job)
    chain.mine_to(job.state.terms.refund_at + 100)
    wrong = {"job": job.number, "have": 4, "need": 3}
    with chain.reverts("JobStatusWrong", **wrong):
        settle(chain, job, passed)
    with chain.reverts("JobStatusWrong", **wrong):
        refund_by_outcome(chain, job, passed)
    with chain.reverts("JobStatusWrong", **wrong):
        refund(chain, job)
    with chain.reverts("JobStatusWrong", **wrong):
        approve_as(chain, requester, job)
    with chain.reverts("JobStatusWrong", **wrong):
        approve_part(chain, requester, job, 1)
    with chain.reverts("JobStatusWrong", **wrong):
        chain.send("JobEscrow", "dispute", job.number, job.state, sender=requester)
    with chain.reverts("JobStatusWrong", job=job.number, have=4, need=2):
        submit_as(chain, provider, job)


def test_dispute__ended_without_a_verdict__there_is_no_second_one(
    chain: Chain, requester: str, stranger: str, device: int
) -> None:
    """Else a requester with a silent arbiter would keep collateral and device for ever."""
    job = dispute_as(chain, requester, submitted_job(chain, device, review_blocks=80))
    chain.mine_to(job.state.verdict_by)
    chain.send("JobEscrow", "resolve", job.number, job.state, sender=stranger)
    state = replace(job.state, status=3)
    with chain.reverts("DisputedAlready", job=job.number):
        chain.send("JobEscrow", "dispute", job.number, state, sender=requester)


def test_dispute__of_a_draw_that_was_missed__leaves_the_collateral_to_the_outcome(
    chain: Chain, requester: str, stranger: str, submitted: FundedJob
) -> None:
    job = dispute_as(chain, requester, submitted)
    missed = attest_draw(chain, job, OutcomeResult.MISSED)
    chain.mine_to(max(chain.block_number, job.state.verdict_by))
    chain.send("JobEscrow", "resolve", job.number, job.state, sender=stranger)
    open_again = replace(job, state=replace(job.state, status=3))
    assert refund_by_outcome(chain, open_again, missed).event("JobRefunded")["slashed"] > 0
