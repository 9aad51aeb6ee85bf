from __future__ import annotations

from dataclasses import replace

import pytest

from tests.acts import FundedJob, submit_as
from tests.chain import Chain

from .jobs import is_held, job_hash, moving

RESULT = bytes(range(32))


@pytest.mark.parametrize("sender", ["provider", "operator"])
def test_submit__by_the_provider_or_its_operator__keeps_the_result_and_moves_nothing(
    chain: Chain, request: pytest.FixtureRequest, provider: str, accepted: FundedJob, device: int, sender: str
) -> None:
    with moving(chain, {}):
        job = submit_as(chain, request.getfixturevalue(sender), accepted, RESULT)

    assert job.sent.event("JobSubmitted") == {
        "job": job.number,
        "provider": provider,
        "result": RESULT,
        "submittedAt": job.sent.block,
    }
    assert (job.state.result, job.state.submitted_at) == (RESULT, job.sent.block)
    assert chain.call("JobEscrow", "jobHash", job.number) == job_hash(job.state)
    assert is_held(chain, device)


def test_submit__by_the_requester__reverts(
    chain: Chain, operator: str, requester: str, accepted: FundedJob
) -> None:
    with chain.reverts("OperatorOnly", account=requester, operator=operator):
        submit_as(chain, requester, accepted)


def test_submit__in_the_last_block__submits(chain: Chain, provider: str, accepted: FundedJob) -> None:
    chain.mine_to(accepted.state.terms.submit_by - 1)
    assert submit_as(chain, provider, accepted).sent.block == accepted.state.terms.submit_by


def test_submit__a_block_too_late__reverts(chain: Chain, provider: str, accepted: FundedJob) -> None:
    deadline = accepted.state.terms.submit_by
    chain.mine_to(deadline)
    with chain.reverts("DeadlinePassed", job=accepted.number, blockNumber=deadline + 1, deadline=deadline):
        submit_as(chain, provider, accepted)


def test_submit__before_accepting__reverts(
    chain: Chain, provider: str, funded: FundedJob, device: int
) -> None:
    with chain.reverts("JobStatusWrong", job=funded.number, have=1, need=2):
        submit_as(chain, provider, funded)


def test_submit__twice__reverts(chain: Chain, provider: str, submitted: FundedJob) -> None:
    with chain.reverts("JobStatusWrong", job=submitted.number, have=3, need=2):
        submit_as(chain, provider, submitted, RESULT)


def test_submit__another_device_in_the_state__reverts(
    chain: Chain, provider: str, accepted: FundedJob
) -> None:
    forged = replace(accepted.state, device=accepted.state.device + 1)
    with chain.reverts(
        "JobStateMismatch", job=accepted.number, have=job_hash(forged), need=job_hash(accepted.state)
    ):
        chain.send("JobEscrow", "submit", accepted.number, forged, RESULT, sender=provider)
