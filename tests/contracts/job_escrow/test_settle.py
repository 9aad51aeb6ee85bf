from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import CloseReason, JobStatus, OutcomeKind, OutcomeResult
from tests.acts import TBND, TUSD, FundedJob
from tests.chain import Chain
from tests.leaves import folded, folded_outcome

from .jobs import (
    Draw,
    accepted_job,
    attest_draw,
    forced_epoch,
    is_held,
    job_hash,
    moving,
    settle,
    submitted_job,
)

COLLATERAL = 20 * TBND


def test_settle__draw_passed_and_final__stranger_pays_the_provider(
    chain: Chain, provider: str, submitted: FundedJob, device: int
) -> None:
    draw = attest_draw(chain, submitted)
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
        sent = settle(chain, submitted, draw)

    assert sent.event("JobSettled") == {
        "job": submitted.number,
        "provider": provider,
        "token": chain.address["TestDollar"],
        "reason": CloseReason.OUTCOME_PASSED,
        "paid": paid,
        "fee": fee,
        "tracked": fee,
    }
    closed = replace(submitted.state, status=JobStatus.SETTLED)
    assert chain.call("JobEscrow", "jobHash", submitted.number) == job_hash(closed)
    assert not is_held(chain, device)


def test_settle__within_the_review__reverts_until_it_ends(chain: Chain, device: int) -> None:
    job = submitted_job(chain, device, review_blocks=120)
    draw = attest_draw(chain, job)
    deadline = job.state.submitted_at + 120

    chain.mine_to(deadline - 1)
    with chain.reverts("DeadlineNotPassed", job=job.number, blockNumber=deadline, deadline=deadline):
        settle(chain, job, draw)

    assert settle(chain, job, draw).block == deadline + 1


def test_settle__attested_but_not_final__reverts(chain: Chain, submitted: FundedJob) -> None:
    draw = attest_draw(chain, submitted, final=False)
    with chain.reverts("EpochNotFinal", epoch=forced_epoch(chain, submitted)):
        settle(chain, submitted, draw)


def test_settle__leaf_of_no_attestation__reverts(chain: Chain, submitted: FundedJob) -> None:
    draw = attest_draw(chain, submitted)
    forged = replace(draw.leaf, leaf=replace(draw.leaf.leaf, min_gops=9))
    error = {"epoch": draw.leaf.epoch, "have": folded(forged), "need": folded(draw.leaf)}
    with moving(chain, {}), chain.reverts("LeafNotUnderRoot", **error):
        settle(chain, submitted, Draw(forged, draw.outcome))


def test_settle__outcome_of_no_leaf__reverts(chain: Chain, submitted: FundedJob) -> None:
    draw = attest_draw(chain, submitted, OutcomeResult.MISSED)
    forged = replace(draw.outcome, outcome=replace(draw.outcome.outcome, result=OutcomeResult.PASSED))
    error = {"have": folded_outcome(forged), "need": draw.leaf.leaf.outcomes_root}
    with moving(chain, {}), chain.reverts("OutcomeNotUnderLeaf", **error):
        settle(chain, submitted, Draw(draw.leaf, forged))


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": OutcomeKind.DRAWN_C},
        {"kind": OutcomeKind.ROLL_CALL},
        {"job": 2},
        {"job": 0},
        {"slot": 7},
    ],
    ids=str,
)
def test_settle__pass_of_another_draw__reverts(
    chain: Chain, submitted: FundedJob, changes: dict[str, int]
) -> None:
    draw = attest_draw(chain, submitted, **changes)
    row = draw.outcome.outcome
    with chain.reverts("OutcomeNotForced", job=submitted.number, slot=row.slot, outcomeJob=row.job):
        settle(chain, submitted, draw)


def test_settle__pass_of_another_device__reverts(chain: Chain, submitted: FundedJob) -> None:
    draw = attest_draw(chain, submitted, device=submitted.state.device + 1)
    with chain.reverts(
        "OutcomeNotForced",
        job=submitted.number,
        slot=submitted.state.forced_slot,
        outcomeJob=submitted.number,
    ):
        settle(chain, submitted, draw)


@pytest.mark.parametrize("result", [2, 3, 4, 0, 5])
def test_settle__draw_did_not_pass__reverts(chain: Chain, submitted: FundedJob, result: int) -> None:
    draw = attest_draw(chain, submitted, result)
    with chain.reverts("OutcomeNotPassed", job=submitted.number, result=result):
        settle(chain, submitted, draw)


def test_settle__nothing_submitted__reverts(chain: Chain, device: int) -> None:
    job = accepted_job(chain, device)
    draw = attest_draw(chain, job)
    with chain.reverts("JobStatusWrong", job=job.number, have=2, need=3):
        settle(chain, job, draw)


def test_settle__twice__reverts(chain: Chain, submitted: FundedJob) -> None:
    draw = attest_draw(chain, submitted)
    settle(chain, submitted, draw)
    closed = FundedJob(submitted.number, replace(submitted.state, status=JobStatus.SETTLED), submitted.sent)
    with chain.reverts("JobStatusWrong", job=submitted.number, have=5, need=3):
        settle(chain, closed, draw)


def test_settle__attestation_revoked__reverts(chain: Chain, submitted: FundedJob) -> None:
    draw = attest_draw(chain, submitted, final=False)
    epoch = forced_epoch(chain, submitted)
    disputes = chain.impersonate("AttestationDisputes")
    chain.send("Attestations", "revoke", epoch, sender=disputes)
    chain.mine(100)
    with chain.reverts("EpochNotFinal", epoch=epoch):
        settle(chain, submitted, draw)


def test_settle__after_refund_at_but_before_anyone_refunds__pays(chain: Chain, submitted: FundedJob) -> None:
    draw = attest_draw(chain, submitted)
    chain.mine_to(submitted.state.terms.refund_at + 100)
    assert settle(chain, submitted, draw).event("JobSettled")["paid"] == 99 * TUSD


@pytest.mark.parametrize("proof", [0, 1], ids=["leaf", "outcome"])
def test_settle__a_proof_that_begins_before_the_proofs__reverts(
    chain: Chain, stranger: str, submitted: FundedJob, proof: int
) -> None:
    """The escrow would read another one than it hands on."""
    draw = attest_draw(chain, submitted)
    args = submitted.number, submitted.state, draw.leaf, draw.outcome
    data = bytearray(chain._abi("JobEscrow").encode_call("settle", args))
    head = 4 + 26 * 32
    places = [int.from_bytes(data[head + 32 * each : head + 32 * each + 32], "big") for each in (0, 1)]
    least = 28 * 32
    assert places[0] == least
    places[proof] = least - 1
    data[head + 32 * proof : head + 32 * proof + 32] = (least - 1).to_bytes(32, "big")

    with chain.reverts("ProofMisplaced", leaf=places[0], outcome=places[1], least=least):
        chain.transact(chain.address["JobEscrow"], bytes(data), sender=stranger, function="settle")


def test_settle__proofs_the_other_way_round_in_calldata__settles_all_the_same(
    chain: Chain, stranger: str, submitted: FundedJob
) -> None:
    draw = attest_draw(chain, submitted)
    args = submitted.number, submitted.state, draw.leaf, draw.outcome
    data = chain._abi("JobEscrow").encode_call("settle", args)
    head, least = 4 + 26 * 32, 28 * 32
    second = int.from_bytes(data[head + 32 : head + 64], "big")
    leaf, outcome = data[4 + least : 4 + second], data[4 + second :]
    places = (least + len(outcome)).to_bytes(32, "big") + least.to_bytes(32, "big")

    data = data[:head] + places + outcome + leaf
    sent = chain.transact(chain.address["JobEscrow"], data, sender=stranger, function="settle")

    assert sent.event("JobSettled")["reason"] == CloseReason.OUTCOME_PASSED
