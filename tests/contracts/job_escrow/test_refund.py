from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import CloseReason, JobStatus, OutcomeResult, SlashReason
from tests.acts import TBND, TUSD, ZERO_ADDRESS, FundedJob, accept_as, approve_as, close_before, fund_as
from tests.chain import Chain

from .jobs import attest_draw, forced_epoch, is_held, job_hash, moving, refund, settle

PRICE = 100 * TUSD
COLLATERAL = 20 * TBND
BACK = {"requester paid": PRICE, "escrow paid": -PRICE, "tracked": -PRICE}
# A quarter of the collateral to the requester, the rest burned.
SLASHED = {
    "locked": -COLLATERAL,
    "active": -COLLATERAL,
    "staked": -COLLATERAL,
    "staking TBND": -COLLATERAL,
    "requester TBND": COLLATERAL // 4,
    "supply": -(COLLATERAL - COLLATERAL // 4),
}
PROOF_BLOCKS = 30


def expect_refunded(chain: Chain, job: FundedJob, reason: CloseReason, slashed: int) -> dict[str, object]:
    return {
        "job": job.number,
        "payer": job.state.terms.requester,
        "token": chain.address["TestDollar"],
        "reason": reason,
        "refunded": PRICE,
        "slashed": slashed,
        "compensated": slashed // 4,
        "tracked": 0,
    }


def test_refund__nobody_accepted__requester_gets_the_price_back(chain: Chain, requester: str) -> None:
    job = fund_as(chain, requester)
    chain.mine_to(job.state.terms.accept_by)

    with moving(chain, BACK):
        sent = refund(chain, job)

    assert sent.event("JobRefunded") == expect_refunded(chain, job, CloseReason.NOT_ACCEPTED, 0)
    closed = replace(job.state, status=JobStatus.REFUNDED)
    assert chain.call("JobEscrow", "jobHash", job.number) == job_hash(closed)


def test_refund__may_still_be_accepted__reverts(chain: Chain, funded: FundedJob) -> None:
    deadline = funded.state.terms.accept_by
    chain.mine_to(deadline - 1)
    with chain.reverts("DeadlineNotPassed", job=funded.number, blockNumber=deadline, deadline=deadline):
        refund(chain, funded)


def test_refund__not_submitted__slashes_the_collateral(
    chain: Chain, provider: str, requester: str, accepted: FundedJob, device: int
) -> None:
    chain.mine_to(accepted.state.terms.submit_by)

    with moving(chain, BACK | SLASHED):
        sent = refund(chain, accepted)

    assert sent.event("JobRefunded") == expect_refunded(
        chain, accepted, CloseReason.NOT_SUBMITTED, COLLATERAL
    )
    slash = sent.event("StakeSlashed")
    assert slash["provider"] == provider
    assert slash["challenger"] == ZERO_ADDRESS
    assert slash["victim"] == requester
    assert slash["reason"] == SlashReason.JOB_NOT_SUBMITTED
    assert slash["evidence"] == accepted.number.to_bytes(32, "big")
    assert (slash["toChallenger"], slash["toVictim"]) == (0, COLLATERAL // 4)
    assert slash["burned"] == COLLATERAL - COLLATERAL // 4
    closed = replace(accepted.state, status=JobStatus.REFUNDED)
    assert chain.call("JobEscrow", "jobHash", accepted.number) == job_hash(closed)
    assert not is_held(chain, device)


def test_refund__may_still_be_submitted__reverts(chain: Chain, accepted: FundedJob) -> None:
    deadline = accepted.state.terms.submit_by
    chain.mine_to(deadline - 1)
    with chain.reverts("DeadlineNotPassed", job=accepted.number, blockNumber=deadline, deadline=deadline):
        refund(chain, accepted)


def test_refund__not_submitted_and_no_collateral__slashes_nothing(
    chain: Chain, requester: str, provider: str, device: int
) -> None:
    job = accept_as(chain, provider, fund_as(chain, requester, collateral=0), device)
    chain.mine_to(job.state.terms.submit_by)

    with moving(chain, BACK):
        sent = refund(chain, job)

    assert sent.event("JobRefunded") == expect_refunded(chain, job, CloseReason.NOT_SUBMITTED, 0)
    assert not is_held(chain, device)


def test_refund__not_submitted_while_stake_is_leaving__slash_reaches_both_pools(
    chain: Chain, provider: str, accepted: FundedJob
) -> None:
    """1000 staked, 500 on their way out, 20 slashed: half from each pool, and a quarter for the requester."""
    chain.send("ProviderStaking", "unbond", 500 * TBND, sender=provider)
    chain.mine_to(accepted.state.terms.submit_by)

    half = COLLATERAL // 2
    with moving(chain, BACK | SLASHED | {"active": -half, "unbonding": -half}):
        refund(chain, accepted)


def test_refund__provider_is_its_own_requester__carries_out_a_quarter_at_most(
    chain: Chain, provider: str, device: int
) -> None:
    """A slash must not be a way around the unbonding time."""
    chain.send("TestDollar", "mint", provider, PRICE, sender=provider)
    job = accept_as(chain, provider, fund_as(chain, provider, collateral=990 * TBND), device)
    chain.mine_to(job.state.terms.submit_by)

    with moving(
        chain,
        {
            "provider paid": PRICE,
            "escrow paid": -PRICE,
            "tracked": -PRICE,
            "provider TBND": 990 * TBND // 4,
            "locked": -990 * TBND,
            "active": -990 * TBND,
            "staked": -990 * TBND,
            "staking TBND": -990 * TBND,
            "supply": -990 * TBND * 3 // 4,
        },
    ):
        refund(chain, job, sender=provider)

    assert chain.call("ProviderStaking", "withdrawableOf", provider) == 0


def test_refund__submitted_and_nothing_attested__unlocks_the_collateral(
    chain: Chain, submitted: FundedJob, device: int
) -> None:
    chain.mine_to(submitted.state.terms.refund_at)

    with moving(chain, BACK | {"locked": -COLLATERAL}):
        sent = refund(chain, submitted)

    assert sent.event("JobRefunded") == expect_refunded(chain, submitted, CloseReason.NOT_ATTESTED, 0)
    assert not is_held(chain, device)


def test_refund__submitted_before_refund_at__reverts(chain: Chain, submitted: FundedJob) -> None:
    deadline = submitted.state.terms.refund_at
    chain.mine_to(deadline - 1)
    with chain.reverts("DeadlineNotPassed", job=submitted.number, blockNumber=deadline, deadline=deadline):
        refund(chain, submitted)


def test_refund__epoch_void__refunds(chain: Chain, submitted: FundedJob) -> None:
    close_before(chain, forced_epoch(chain, submitted) + 1)
    chain.mine_to(submitted.state.terms.refund_at)
    assert refund(chain, submitted).event("JobRefunded")["reason"] == CloseReason.NOT_ATTESTED


@pytest.mark.parametrize("result", list(OutcomeResult), ids=lambda result: result.name)
def test_refund__forced_epoch_is_final__outcome_has_a_proof_window_to_be_shown(
    chain: Chain, submitted: FundedJob, result: OutcomeResult
) -> None:
    attest_draw(chain, submitted, result)
    refund_at = submitted.state.terms.refund_at
    epoch = forced_epoch(chain, submitted)

    chain.mine_to(refund_at)
    with chain.reverts("OutcomeDecides", job=submitted.number, epoch=epoch):
        refund(chain, submitted)
    chain.mine_to(refund_at + PROOF_BLOCKS - 1)
    with chain.reverts("OutcomeDecides", job=submitted.number, epoch=epoch):
        refund(chain, submitted)

    sent = refund(chain, submitted)
    assert sent.block == refund_at + PROOF_BLOCKS + 1
    assert sent.event("JobRefunded") == expect_refunded(chain, submitted, CloseReason.NOT_ATTESTED, 0)


def test_refund__twice__reverts(chain: Chain, funded: FundedJob) -> None:
    chain.mine_to(funded.state.terms.accept_by)
    refund(chain, funded)
    closed = FundedJob(funded.number, replace(funded.state, status=JobStatus.REFUNDED), funded.sent)
    with chain.reverts("JobStatusWrong", job=funded.number, have=6, need=3):
        refund(chain, closed)


def test_refund__settled__reverts(chain: Chain, requester: str, submitted: FundedJob) -> None:
    approve_as(chain, requester, submitted)
    chain.mine_to(submitted.state.terms.refund_at)
    closed = FundedJob(submitted.number, replace(submitted.state, status=JobStatus.SETTLED), submitted.sent)
    with chain.reverts("JobStatusWrong", job=submitted.number, have=5, need=3):
        refund(chain, closed)


def test_refund__another_price_in_the_state__reverts(chain: Chain, funded: FundedJob) -> None:
    chain.mine_to(funded.state.terms.accept_by)
    forged = replace(funded.state, terms=replace(funded.state.terms, price=2 * PRICE))
    with chain.reverts(
        "JobStateMismatch", job=funded.number, have=job_hash(forged), need=job_hash(funded.state)
    ):
        refund(chain, FundedJob(funded.number, forged, funded.sent))


def test_refund__provider_has_settled_in_the_grace__reverts(chain: Chain, submitted: FundedJob) -> None:
    draw = attest_draw(chain, submitted)
    chain.mine_to(submitted.state.terms.refund_at)
    settle(chain, submitted, draw)
    chain.mine(PROOF_BLOCKS)
    closed = FundedJob(submitted.number, replace(submitted.state, status=JobStatus.SETTLED), submitted.sent)
    with chain.reverts("JobStatusWrong", job=submitted.number, have=5, need=3):
        refund(chain, closed)
