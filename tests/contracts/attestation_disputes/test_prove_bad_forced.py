from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.audit.balances import job_hash
from tensorbond.chain.types import Job, JobStatus, OracleFault, Outcome, OutcomeKind, Terms
from tensorbond.oracle.leaves import EpochData
from tensorbond.oracle.tree import leaf_hash
from tests.acts import FundedJob, approve_as, fund_as, submit_as
from tests.chain import Chain
from tests.contracts.attestations.epochs import moving

from .conftest import FAST, SECOND, Story
from .epochs import attest_data, prove, punishing, slots_of, with_rows

pytestmark = pytest.mark.chain

FAULT = OracleFault.BAD_FORCED
NOBODY = "0x" + "00" * 20
NO_JOB = Job(Terms(NOBODY, NOBODY, 0, NOBODY, 0, 0, 0, 0, 0, 0, 0, bytes(32)), 0, status=JobStatus.NONE)


def lie_about(story: Story, device: int, *forced: Outcome, without: bool = False) -> EpochData:
    rows = [row for row in story.second.outcomes[device] if not (without and row.kind == OutcomeKind.FORCED)]
    return with_rows(story.second, device, [*rows, *forced])


def test_prove_bad_forced__left_out__slashes_and_revokes(chain: Chain, story: Story) -> None:
    data = lie_about(story, 2, without=True)
    attest_data(chain, data)
    job = story.job

    with punishing(chain, SECOND, FAULT, 2, leaf_hash(data.leaves[2])) as found:
        proof = data.leaf_proof(2), list(data.outcomes[2]), job.number, job.state
        found.append(prove(chain, "proveBadForced", *proof))


def test_prove_bad_forced__left_out_and_closed_since__slashes_and_revokes(
    chain: Chain, story: Story, provider: str, requester: str
) -> None:
    data = lie_about(story, 2, without=True)
    attest_data(chain, data)
    job = submit_as(chain, provider, story.job)
    approve_as(chain, requester, job)
    state = replace(job.state, status=JobStatus.SETTLED)

    with punishing(chain, SECOND, FAULT, 2, leaf_hash(data.leaves[2])) as found:
        proof = data.leaf_proof(2), list(data.outcomes[2]), job.number, state
        found.append(prove(chain, "proveBadForced", *proof))


@pytest.mark.parametrize("job", [0, 3, (1 << 64) - 1])
def test_prove_bad_forced__no_such_job__slashes_and_revokes(chain: Chain, story: Story, job: int) -> None:
    row = replace(story.second.outcomes[2][-1], job=job)
    data = lie_about(story, 1, row)
    attest_data(chain, data)

    with punishing(chain, SECOND, FAULT, 1, leaf_hash(data.leaves[1])) as found:
        proof = data.leaf_proof(1), list(data.outcomes[1]), job, NO_JOB
        found.append(prove(chain, "proveBadForced", *proof))


def test_prove_bad_forced__on_another_device_or_slot__slashes_and_revokes(chain: Chain, story: Story) -> None:
    row, job = story.second.outcomes[2][-1], story.job
    for data, device in (
        (lie_about(story, 1, row), 1),
        (lie_about(story, 2, replace(row, slot=row.slot - 1), without=True), 2),
        (lie_about(story, 2, replace(row, slot=row.slot - 1), row, without=True), 2),
    ):
        snapshot = chain.snapshot()
        attest_data(chain, data)
        with punishing(chain, SECOND, FAULT, device, leaf_hash(data.leaves[device])) as found:
            proof = data.leaf_proof(device), list(data.outcomes[device]), job.number, job.state
            found.append(prove(chain, "proveBadForced", *proof))
        chain.revert_to(snapshot)


def test_prove_bad_forced__job_that_nobody_took__slashes_and_revokes(
    chain: Chain, story: Story, requester: str
) -> None:
    job: FundedJob = fund_as(chain, requester, class_id=FAST)
    row = replace(story.second.outcomes[2][-1], job=job.number)
    data = lie_about(story, 1, row)
    attest_data(chain, data)

    with punishing(chain, SECOND, FAULT, 1, leaf_hash(data.leaves[1])) as found:
        proof = data.leaf_proof(1), list(data.outcomes[1]), job.number, job.state
        found.append(prove(chain, "proveBadForced", *proof))


@pytest.mark.parametrize("device", [1, 2, 3, 4])
def test_prove_bad_forced__honest__reverts(chain: Chain, story: Story, requester: str, device: int) -> None:
    other: FundedJob = fund_as(chain, requester, class_id=FAST)
    attest_data(chain, story.second)
    proof = story.second.leaf_proof(device), list(story.second.outcomes[device])

    for number, state in (
        (story.job.number, story.job.state),
        (other.number, other.state),
        (0, NO_JOB),
        (7, NO_JOB),
        (7, story.job.state),
    ):
        with chain.reverts("FaultNotShown", epoch=SECOND, fault=FAULT), moving(chain):
            prove(chain, "proveBadForced", *proof, number, state)


def test_prove_bad_forced__other_state_than_the_jobs__reverts(chain: Chain, story: Story) -> None:
    attest_data(chain, story.second)
    number, state = story.job.number, story.job.state
    proof = story.second.leaf_proof(1), list(story.second.outcomes[1])

    for wrong in (replace(state, device=1), replace(state, forced_slot=slots_of(chain, SECOND).start)):
        error = {"job": number, "have": job_hash(wrong), "need": job_hash(state)}
        with chain.reverts("JobStateMismatch", **error), moving(chain):
            prove(chain, "proveBadForced", *proof, number, wrong)
