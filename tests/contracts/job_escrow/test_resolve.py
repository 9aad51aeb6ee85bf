from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import CloseReason, JobStatus, Verdict
from tests.acts import TBND, TUSD, FundedJob, dispute_as, submit_as, terms_of
from tests.chain import Chain, Reverted, Sent

from .jobs import (
    accepted_job,
    attest_draw,
    forced_epoch,
    is_held,
    job_hash,
    moving,
    refund,
    settle,
    submitted_job,
)

BOND, COLLATERAL = 10 * TUSD, 20 * TBND
PAID, FEE = 99 * TUSD, 1 * TUSD
ANSWERS, REVERTS, BURNS_GAS, ANSWERS_SHORT, ANSWERS_MUCH = range(5)


@pytest.fixture
def arbiter(chain: Chain) -> str:
    return chain.deploy("ScriptedArbiter")


@pytest.fixture
def disputed(chain: Chain, requester: str, device: int, arbiter: str) -> FundedJob:
    return dispute_as(chain, requester, submitted_job(chain, device, arbiter=arbiter))


def decide(chain: Chain, arbiter: str, decided: int, for_provider: int, manner: int = ANSWERS) -> None:
    chain.send("ScriptedArbiter", "script", manner, decided, for_provider, sender=chain.accounts[9])


def resolve(chain: Chain, job: FundedJob, **options: int) -> Sent:
    return chain.send("JobEscrow", "resolve", job.number, job.state, sender=chain.accounts[9], **options)


def test_resolve__for_the_provider__pays_price_and_bond(
    chain: Chain, provider: str, device: int, arbiter: str, disputed: FundedJob
) -> None:
    decide(chain, arbiter, 1, 1)
    with moving(
        chain,
        {
            "provider paid": PAID + BOND,
            "escrow paid": -PAID - BOND,
            "tracked": -PAID - BOND,
            "fees": FEE,
            "locked": -COLLATERAL,
        },
    ):
        sent = resolve(chain, disputed)

    assert sent.event("DisputeResolved") == {
        "job": disputed.number,
        "account": provider,
        "token": chain.address["TestDollar"],
        "verdict": Verdict.FOR_PROVIDER,
        "bond": BOND,
        "tracked": 100 * TUSD,
    }
    assert sent.event("JobSettled") == {
        "job": disputed.number,
        "provider": provider,
        "token": chain.address["TestDollar"],
        "reason": CloseReason.VERDICT_FOR_PROVIDER,
        "paid": PAID,
        "fee": FEE,
        "tracked": FEE,
    }
    closed = replace(disputed.state, status=JobStatus.SETTLED)
    assert chain.call("JobEscrow", "jobHash", disputed.number) == job_hash(closed)
    assert not is_held(chain, device)


def test_resolve__for_the_requester__returns_price_and_bond_and_unlocks(
    chain: Chain, requester: str, device: int, arbiter: str, disputed: FundedJob
) -> None:
    decide(chain, arbiter, 1, 0)
    back = 100 * TUSD + BOND
    with moving(
        chain,
        {"requester paid": back, "escrow paid": -back, "tracked": -back, "locked": -COLLATERAL},
    ):
        sent = resolve(chain, disputed)

    assert sent.event("DisputeResolved")["verdict"] == Verdict.FOR_REQUESTER
    assert sent.event("JobRefunded")["reason"] == CloseReason.VERDICT_FOR_REQUESTER
    assert (sent.event("JobRefunded")["slashed"], sent.event("JobRefunded")["tracked"]) == (0, 0)
    assert not is_held(chain, device)


def test_resolve__for_the_requester__price_goes_to_the_sponsor_and_bond_to_the_requester(
    chain: Chain, requester: str, stranger: str, arbiter: str, device: int
) -> None:
    job = submitted_job(chain, device, arbiter=arbiter, requester=stranger, sponsor=requester)
    chain.send("TestDollar", "mint", stranger, BOND, sender=stranger)
    job = dispute_as(chain, stranger, job)
    decide(chain, arbiter, 1, 0)
    with moving(
        chain,
        {
            "requester paid": 100 * TUSD,
            "stranger paid": BOND,
            "escrow paid": -100 * TUSD - BOND,
            "tracked": -100 * TUSD - BOND,
            "locked": -COLLATERAL,
        },
    ):
        resolve(chain, job)


def test_resolve__undecided__waits_for_the_deadline(chain: Chain, arbiter: str, disputed: FundedJob) -> None:
    chain.mine_to(disputed.state.verdict_by - 1)
    with chain.reverts("VerdictPending", job=disputed.number, verdictBy=disputed.state.verdict_by):
        resolve(chain, disputed)


@pytest.mark.parametrize(
    ("manner", "decided", "for_provider"),
    [
        (ANSWERS, 0, 0),
        (ANSWERS, 0, 1),
        (ANSWERS, 2, 1),
        (ANSWERS, 1, 2),
        (REVERTS, 1, 1),
        (BURNS_GAS, 1, 1),
        (ANSWERS_SHORT, 1, 1),
        (ANSWERS_MUCH, 1, 1),
    ],
)
def test_resolve__arbiter_silent_or_hostile__gives_the_bond_back_and_blocks_nothing(
    chain: Chain, device: int, arbiter: str, disputed: FundedJob, manner: int, decided: int, for_provider: int
) -> None:
    decide(chain, arbiter, decided, for_provider, manner)
    passed = attest_draw(chain, disputed)
    chain.mine_to(max(chain.block_number, disputed.state.verdict_by))

    with moving(chain, {"requester paid": BOND, "escrow paid": -BOND, "tracked": -BOND}):
        sent = resolve(chain, disputed, gas=1_000_000)

    assert sent.event("DisputeResolved")["verdict"] == Verdict.NONE
    state = replace(disputed.state, status=JobStatus.SUBMITTED)
    assert chain.call("JobEscrow", "jobHash", disputed.number) == job_hash(state)
    assert settle(chain, replace(disputed, state=state), passed).event("JobSettled")["paid"] == PAID


def test_resolve__the_default_arbiter_says_nothing__ends_without_a_verdict(
    chain: Chain, requester: str, submitted: FundedJob
) -> None:
    assert chain.call("JobEscrow", "arbiter") == chain.address["OracleArbiter"]
    job = dispute_as(chain, requester, submitted)
    chain.mine_to(job.state.verdict_by)
    assert resolve(chain, job).event("DisputeResolved")["verdict"] == Verdict.NONE


def test_resolve__verdict_after_the_deadline__still_counts(
    chain: Chain, arbiter: str, disputed: FundedJob
) -> None:
    decide(chain, arbiter, 1, 1)
    chain.mine_to(disputed.state.verdict_by + 100)
    assert resolve(chain, disputed).event("DisputeResolved")["verdict"] == Verdict.FOR_PROVIDER


@pytest.mark.parametrize("gas", [150_000, 200_000, 240_000])
def test_resolve__arbiter_starved_of_gas__is_never_taken_for_silent(
    chain: Chain, arbiter: str, disputed: FundedJob, gas: int
) -> None:
    """Else the loser would resolve past the deadline, with just too little gas for the verdict."""
    decide(chain, arbiter, 1, 1)
    chain.mine_to(disputed.state.verdict_by)
    with pytest.raises(Reverted) as caught:
        resolve(chain, disputed, gas=gas)
    assert caught.value.error == "GasInsufficient"
    assert caught.value.args_["have"] < caught.value.args_["need"] < 240_000
    assert chain.call("JobEscrow", "jobHash", disputed.number) == job_hash(disputed.state)


def test_resolve__never_disputed__reverts(chain: Chain, submitted: FundedJob) -> None:
    with chain.reverts("JobStatusWrong", job=submitted.number, have=3, need=4):
        resolve(chain, submitted)


def test_resolve__past_the_refund_deadline__leaves_the_provider_time_to_settle(
    chain: Chain, provider: str, requester: str, device: int
) -> None:
    """The clock stopped: nobody resolves and refunds in one block, ahead of a draw that passed."""
    submit_by = terms_of(chain, requester).submit_by + 100
    job = accepted_job(chain, device, submit_by=submit_by, review_blocks=150, refund_at=submit_by + 150)
    passed = attest_draw(chain, job)
    chain.mine_to(submit_by - 1)
    job = submit_as(chain, provider, job)
    chain.mine_to(submit_by + 148)
    job = dispute_as(chain, requester, job)
    assert job.state.verdict_by > job.state.terms.refund_at
    chain.mine_to(job.state.verdict_by)
    resolve(chain, job)

    job = replace(job, state=replace(job.state, status=JobStatus.SUBMITTED))
    with chain.reverts("OutcomeDecides", job=job.number, epoch=forced_epoch(chain, job)):
        refund(chain, job)
    assert settle(chain, job, passed).event("JobSettled")["paid"] == PAID
