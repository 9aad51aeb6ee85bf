from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import CloseReason, JobStatus
from tests.acts import TBND, TUSD, FundedJob, approve_as
from tests.chain import Chain, Sent

from .jobs import accepted_job, is_held, job_hash, moving, refund, submitted_job

COLLATERAL = 20 * TBND


def approve_part(chain: Chain, requester: str, job: FundedJob, parts: int) -> tuple[FundedJob, Sent]:
    sent = chain.send("JobEscrow", "approvePart", job.number, job.state, parts, sender=requester)
    state = replace(job.state, paid_parts=job.state.paid_parts + parts)
    return FundedJob(job.number, state, sent), sent


def test_approve_part__three_of_ten__pays_them_and_keeps_the_rest(
    chain: Chain, provider: str, requester: str, device: int
) -> None:
    job = accepted_job(chain, device, parts=10)
    paid, fee = 29_700_000, 300_000

    with moving(chain, {"provider paid": paid, "escrow paid": -paid, "tracked": -paid, "fees": fee}):
        job, sent = approve_part(chain, requester, job, 3)

    assert sent.event("JobPartsPaid") == {
        "job": job.number,
        "provider": provider,
        "token": chain.address["TestDollar"],
        "paidParts": 3,
        "paid": paid,
        "fee": fee,
        "tracked": 100 * TUSD - paid,
    }
    assert chain.call("JobEscrow", "jobHash", job.number) == job_hash(job.state)
    assert is_held(chain, device)


def test_approve_part__one_after_the_other__sum_to_the_price_and_one_fee(
    chain: Chain, requester: str, device: int
) -> None:
    """70 in 7 parts at 1 %: rounded alone, no part would bear a fee."""
    job = submitted_job(chain, device, price=7 * 33, parts=7)
    fees = []
    with moving(
        chain,
        {
            "provider paid": 7 * 33 - 2,
            "escrow paid": -(7 * 33 - 2),
            "tracked": -(7 * 33 - 2),
            "fees": 2,
            "locked": -COLLATERAL,
        },
    ):
        for _ in range(6):
            job, sent = approve_part(chain, requester, job, 1)
            fees.append(sent.event("JobPartsPaid")["fee"])
        _, sent = approve_part(chain, requester, job, 1)
    assert [*fees, sent.event("JobSettled")["fee"]] == [0, 0, 0, 1, 0, 0, 1]


def test_approve_part__the_last_of_a_submitted_job__settles_it(
    chain: Chain, requester: str, device: int
) -> None:
    job, _ = approve_part(chain, requester, submitted_job(chain, device, parts=4), 3)

    _, sent = approve_part(chain, requester, job, 1)

    assert sent.event("JobSettled")["reason"] == CloseReason.APPROVED
    assert sent.event("JobSettled")["paid"] == 24_750_000
    closed = replace(job.state, status=JobStatus.SETTLED)
    assert chain.call("JobEscrow", "jobHash", job.number) == job_hash(closed)
    assert not is_held(chain, device)


def test_approve_part__then_approve__pays_the_rest(chain: Chain, requester: str, device: int) -> None:
    job, _ = approve_part(chain, requester, submitted_job(chain, device, parts=4), 1)
    assert approve_as(chain, requester, job).event("JobSettled")["paid"] == 74_250_000


def test_approve_part__then_refunded__returns_what_was_not_released(
    chain: Chain, requester: str, device: int
) -> None:
    job, _ = approve_part(chain, requester, accepted_job(chain, device, parts=4), 3)
    chain.mine_to(job.state.terms.submit_by)

    back, slash = 25 * TUSD, COLLATERAL
    with moving(
        chain,
        {
            "requester paid": back,
            "escrow paid": -back,
            "tracked": -back,
            "locked": -slash,
            "active": -slash,
            "staked": -slash,
            "staking TBND": -slash,
            "requester TBND": slash // 4,
            "supply": -slash * 3 // 4,
        },
    ):
        sent = refund(chain, job)
    assert sent.event("JobRefunded")["refunded"] == back


@pytest.mark.parametrize(
    ("submitted", "parts", "most"), [(False, 4, 3), (False, 0, 3), (True, 5, 4), (True, 0, 4)]
)
def test_approve_part__none_or_too_many__reverts(
    chain: Chain, requester: str, device: int, submitted: bool, parts: int, most: int
) -> None:
    """All of a job that isn't submitted would settle it without a result."""
    job = (submitted_job if submitted else accepted_job)(chain, device, parts=4)
    with chain.reverts("PartsOutOfRange", job=job.number, have=parts, most=most):
        approve_part(chain, requester, job, parts)


def test_approve_part__of_a_job_in_one_piece__only_once_submitted(
    chain: Chain, requester: str, device: int
) -> None:
    with chain.reverts("PartsOutOfRange", job=1, have=1, most=0):
        approve_part(chain, requester, accepted_job(chain, device), 1)


def test_approve_part__by_the_provider__reverts(
    chain: Chain, provider: str, requester: str, device: int
) -> None:
    job = accepted_job(chain, device, parts=4)
    with chain.reverts("RequesterOnly", account=provider, requester=requester):
        approve_part(chain, provider, job, 1)


def test_approve_part__not_accepted__reverts(chain: Chain, requester: str, funded: FundedJob) -> None:
    with chain.reverts("JobStatusWrong", job=funded.number, have=1, need=3):
        approve_part(chain, requester, funded, 1)


def test_approve_part__with_the_state_before__pays_no_part_twice(
    chain: Chain, requester: str, device: int
) -> None:
    before = accepted_job(chain, device, parts=4)
    after, _ = approve_part(chain, requester, before, 1)
    with chain.reverts("JobStateMismatch", job=1, have=job_hash(before.state), need=job_hash(after.state)):
        approve_part(chain, requester, before, 1)
