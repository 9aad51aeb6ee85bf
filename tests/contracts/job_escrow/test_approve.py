from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import CloseReason, JobStatus
from tests.acts import TBND, TUSD, FundedJob, approve_as, mine_to_slot
from tests.chain import Chain

from .jobs import accepted_job, is_held, job_hash, moving, submitted_job

COLLATERAL = 20 * TBND


def test_approve__submitted__pays_provider_and_fee_and_frees_the_rest(
    chain: Chain, provider: str, requester: str, submitted: FundedJob, device: int
) -> None:
    paid, fee = 99 * TUSD, 1 * TUSD

    with moving(
        chain,
        {
            "provider paid": paid,
            "escrow paid": -paid,
            "tracked": -paid,
            "fees": fee,
            "locked": -COLLATERAL,
        },
    ):
        sent = approve_as(chain, requester, submitted)

    assert sent.event("JobSettled") == {
        "job": submitted.number,
        "provider": provider,
        "token": chain.address["TestDollar"],
        "reason": CloseReason.APPROVED,
        "paid": paid,
        "fee": fee,
        "tracked": fee,
    }
    closed = replace(submitted.state, status=JobStatus.SETTLED)
    assert chain.call("JobEscrow", "jobHash", submitted.number) == job_hash(closed)
    assert not is_held(chain, device)


def test_approve__price_of_one__fee_rounds_to_nothing(chain: Chain, requester: str, device: int) -> None:
    job = submitted_job(chain, device, price=1)
    with moving(chain, {"provider paid": 1, "escrow paid": -1, "tracked": -1, "locked": -COLLATERAL}):
        approve_as(chain, requester, job)


def test_approve__no_collateral__touches_no_stake(chain: Chain, requester: str, device: int) -> None:
    job = submitted_job(chain, device, collateral=0)
    sent = approve_as(chain, requester, job)
    assert [event.name for event in sent.events] == ["DeviceReleased", "JobSettled", "Transfer"]


def test_approve__long_after_every_deadline__still_pays(
    chain: Chain, requester: str, submitted: FundedJob
) -> None:
    chain.mine_to(submitted.state.terms.refund_at + 500)
    assert approve_as(chain, requester, submitted).event("JobSettled")["paid"] == 99 * TUSD


@pytest.mark.parametrize("sender", ["provider", "operator", "stranger", "governor"])
def test_approve__by_anyone_else__reverts(
    chain: Chain, request: pytest.FixtureRequest, requester: str, submitted: FundedJob, sender: str
) -> None:
    account = request.getfixturevalue(sender)
    with chain.reverts("RequesterOnly", account=account, requester=requester):
        approve_as(chain, account, submitted)


def test_approve__nothing_submitted__reverts(chain: Chain, requester: str, device: int) -> None:
    job = accepted_job(chain, device)
    with chain.reverts("JobStatusWrong", job=job.number, have=2, need=3):
        approve_as(chain, requester, job)


def test_approve__twice__reverts(chain: Chain, requester: str, submitted: FundedJob) -> None:
    approve_as(chain, requester, submitted)
    closed = replace(submitted.state, status=JobStatus.SETTLED)

    with chain.reverts("JobStatusWrong", job=submitted.number, have=5, need=3):
        chain.send("JobEscrow", "approve", submitted.number, closed, sender=requester)
    with chain.reverts(
        "JobStateMismatch",
        job=submitted.number,
        have=job_hash(submitted.state),
        need=job_hash(closed),
    ):
        approve_as(chain, requester, submitted)


def test_approve__with_the_state_of_another_job__reverts(
    chain: Chain, requester: str, submitted: FundedJob, provider: str
) -> None:
    """A richer job of one's own can't be closed in place of this one."""
    forged = replace(submitted.state, terms=replace(submitted.state.terms, price=10**9))
    with chain.reverts(
        "JobStateMismatch",
        job=submitted.number,
        have=job_hash(forged),
        need=job_hash(submitted.state),
    ):
        chain.send("JobEscrow", "approve", submitted.number, forged, sender=requester)


def test_approve__released_device__takes_the_next_job(
    chain: Chain, requester: str, submitted: FundedJob, device: int
) -> None:
    approve_as(chain, requester, submitted)
    mine_to_slot(chain, submitted.state.forced_slot)
    assert accepted_job(chain, device).state.device == device
