"""A disputed job from its price to its end, each way that an arbiter can decide it, and silent ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import CloseReason, JobStatus, Verdict
from tests.acts import TBND, TUSD, FundedJob, accept_as, approve_as, dispute_as, fund_as, submit_as
from tests.chain import Chain, Sent
from tests.contracts.job_escrow.jobs import (
    attest_draw,
    forced_epoch,
    job_hash,
    moving,
    refund_by_outcome,
    settle,
)
from tests.contracts.oracle_arbiter.verdicts import (
    FOR_PROVIDER,
    FOR_REQUESTER,
    bitmap,
    decide,
    question,
    send,
    sign,
    verdict_of,
)
from tests.system import role

PRICE, FEE, BOND, COLLATERAL = 100 * TUSD, 1 * TUSD, 10 * TUSD, 20 * TBND
TO_PROVIDER = {
    "provider paid": PRICE - FEE + BOND,
    "escrow paid": -(PRICE - FEE + BOND),
    "tracked": -(PRICE - FEE + BOND),
    "fees": FEE,
    "locked": -COLLATERAL,
}
TO_REQUESTER = {
    "requester paid": PRICE + BOND,
    "escrow paid": -(PRICE + BOND),
    "tracked": -(PRICE + BOND),
    "locked": -COLLATERAL,
}
BOND_BACK = {"requester paid": BOND, "escrow paid": -BOND, "tracked": -BOND}


def resolve(chain: Chain, job: FundedJob) -> Sent:
    """By a stranger."""
    return chain.send("JobEscrow", "resolve", job.number, job.state, sender=role(chain, "stranger"))


def past_verdict(chain: Chain, job: FundedJob) -> None:
    """In the next block a dispute without a verdict is over."""
    chain.mine_to(job.state.verdict_by)


def undisputed(job: FundedJob) -> FundedJob:
    """As the job is once its arbiter was silent."""

    return replace(job, state=replace(job.state, status=JobStatus.SUBMITTED))


@pytest.mark.parametrize(
    ("for_provider", "moved", "event", "reason", "verdict"),
    [
        (
            FOR_PROVIDER,
            TO_PROVIDER,
            "JobSettled",
            CloseReason.VERDICT_FOR_PROVIDER,
            Verdict.FOR_PROVIDER,
        ),
        (
            FOR_REQUESTER,
            TO_REQUESTER,
            "JobRefunded",
            CloseReason.VERDICT_FOR_REQUESTER,
            Verdict.FOR_REQUESTER,
        ),
    ],
    ids=["provider", "requester"],
)
def test_resolve__the_oracles_decide__the_winner_gets_price_and_bond(
    chain: Chain,
    requester: str,
    provider: str,
    device: int,
    for_provider: bool,
    moved: dict[str, int],
    event: str,
    reason: CloseReason,
    verdict: Verdict,
) -> None:
    """Fund, accept, submit, object, decide, and anyone carries it out; then the device is free again."""
    job = accept_as(chain, provider, fund_as(chain, requester), device)
    job = submit_as(chain, provider, job)
    with moving(chain, {name: -amount for name, amount in BOND_BACK.items()}):
        job = dispute_as(chain, requester, job)
    with moving(chain, {}):
        decide(chain, job, for_provider)
    with moving(chain, moved):
        sent = resolve(chain, job)

    assert sent.event("DisputeResolved")["verdict"] == verdict
    assert sent.event(event)["reason"] == reason
    chain.mine(10)
    accept_as(chain, provider, fund_as(chain, requester), device)


def test_resolve__twice__reverts(chain: Chain, disputed: FundedJob) -> None:
    decide(chain, disputed, FOR_PROVIDER)
    resolve(chain, disputed)
    with chain.reverts(
        "JobStateMismatch",
        job=disputed.number,
        have="0x" + job_hash(disputed.state).hex(),
        need="0x" + chain.call("JobEscrow", "jobHash", disputed.number).hex(),
    ):
        resolve(chain, disputed)


def test_resolve__no_verdict_yet__waits_for_it(chain: Chain, disputed: FundedJob) -> None:
    """To the last block that the arbiter has; and a verdict in that block still counts."""
    chain.mine_to(disputed.state.verdict_by - 2)
    with chain.reverts("VerdictPending", job=disputed.number, verdictBy=disputed.state.verdict_by):
        resolve(chain, disputed)
    decide(chain, disputed, FOR_REQUESTER)
    with moving(chain, TO_REQUESTER):
        resolve(chain, disputed)


def test_resolve__one_signature_short_of_a_quorum__is_silent(chain: Chain, disputed: FundedJob) -> None:
    with chain.reverts("QuorumMissing", have=2, need=3):
        decide(chain, disputed, FOR_REQUESTER, (1, 3))
    past_verdict(chain, disputed)
    with moving(chain, BOND_BACK):
        sent = resolve(chain, disputed)
    assert sent.event("DisputeResolved")["verdict"] == Verdict.NONE


def test_resolve__silent__then_the_attested_outcome_pays(chain: Chain, disputed: FundedJob) -> None:
    past_verdict(chain, disputed)
    with moving(chain, BOND_BACK):
        resolve(chain, disputed)
    job = undisputed(disputed)
    draw = attest_draw(chain, job)
    paid = PRICE - FEE
    moved = TO_PROVIDER | {"provider paid": paid, "escrow paid": -paid, "tracked": -paid}
    with moving(chain, moved):
        assert settle(chain, job, draw).event("JobSettled")["reason"] == CloseReason.OUTCOME_PASSED


def test_resolve__silent__then_the_requester_may_approve_and_not_object_again(
    chain: Chain, requester: str, disputed: FundedJob
) -> None:
    past_verdict(chain, disputed)
    resolve(chain, disputed)
    job = undisputed(disputed)
    with chain.reverts("DisputedAlready", job=job.number):
        dispute_as(chain, requester, job)
    assert approve_as(chain, requester, job).event("JobSettled")["reason"] == CloseReason.APPROVED


def test_verdict__signed_in_time_and_sent_too_late__decides_nothing(
    chain: Chain, disputed: FundedJob, oracles: list[str]
) -> None:
    """Its state is another one by then."""

    signatures = sign(chain, question(chain, disputed, FOR_REQUESTER), (0, 1, 2))
    past_verdict(chain, disputed)
    resolve(chain, disputed)
    job = undisputed(disputed)
    with chain.reverts(
        "JobStateMismatch",
        job=job.number,
        have="0x" + job_hash(disputed.state).hex(),
        need="0x" + job_hash(job.state).hex(),
    ):
        send(chain, disputed, FOR_REQUESTER, bitmap((0, 1, 2)), signatures)
    with chain.reverts("JobStatusWrong", job=job.number, have=JobStatus.SUBMITTED, need=JobStatus.DISPUTED):
        send(chain, job, FOR_REQUESTER, bitmap((0, 1, 2)), signatures)
    assert verdict_of(chain, job.number) == (False, False)


def test_dispute__open__nothing_else_moves_the_job(chain: Chain, requester: str, disputed: FundedJob) -> None:
    """Neither an outcome, passed or missed, nor a deadline, nor the requester overtakes the arbiter."""
    wrong = {"job": disputed.number, "have": JobStatus.DISPUTED, "need": JobStatus.SUBMITTED}
    with chain.reverts("JobStatusWrong", **wrong):
        approve_as(chain, requester, disputed)
    draw = attest_draw(chain, disputed)
    with moving(chain, {}):
        with chain.reverts("JobStatusWrong", **wrong):
            settle(chain, disputed, draw)
        with chain.reverts("JobStatusWrong", **wrong):
            refund_by_outcome(chain, disputed, draw)
        chain.mine_to(max(disputed.state.terms.refund_at + 1, chain.block_number))
        with chain.reverts("JobStatusWrong", **wrong):
            chain.send("JobEscrow", "refund", disputed.number, disputed.state, sender=requester)
    with moving(chain, BOND_BACK):
        resolve(chain, disputed)


def test_resolve__silent_past_refund_at__leaves_the_provider_a_proof_window_to_settle(
    chain: Chain, requester: str, provider: str, stranger: str, device: int
) -> None:
    """A requester that objects at the last moment doesn't have its money back because time ran out
    meanwhile."""
    submit_by = chain.block_number + 60
    job = fund_as(chain, requester, submit_by=submit_by, review_blocks=150, refund_at=submit_by + 150)
    job = accept_as(chain, provider, job, device)
    chain.mine_to(submit_by - 1)
    job = submit_as(chain, provider, job)
    draw = attest_draw(chain, job)
    chain.mine_to(job.state.terms.refund_at - 2)
    job = dispute_as(chain, requester, job)
    past_verdict(chain, job)
    resolve(chain, job)
    job = undisputed(job)
    assert chain.block_number > job.state.terms.refund_at
    with chain.reverts("OutcomeDecides", job=job.number, epoch=forced_epoch(chain, job)):
        chain.send("JobEscrow", "refund", job.number, job.state, sender=stranger)
    assert settle(chain, job, draw).event("JobSettled")["reason"] == CloseReason.OUTCOME_PASSED
