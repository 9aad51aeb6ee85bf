from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import CloseReason, JobStatus, OutcomeKind, OutcomeResult, SlashReason
from tests.acts import TBND, TUSD, FundedJob, mine_to_slot, register_as
from tests.chain import Chain
from tests.work import first_slot_of

from .jobs import (
    accepted_job,
    attest_draw,
    forced_epoch,
    is_held,
    job_hash,
    moving,
    refund_by_outcome,
    submitted_job,
)

PRICE = 100 * TUSD
COLLATERAL = 20 * TBND
BACK = {"requester paid": PRICE, "escrow paid": -PRICE, "tracked": -PRICE, "locked": -COLLATERAL}
SLASHED = {
    "active": -COLLATERAL,
    "staked": -COLLATERAL,
    "staking TBND": -COLLATERAL,
    "requester TBND": COLLATERAL // 4,
    "supply": -(COLLATERAL - COLLATERAL // 4),
}


@pytest.mark.parametrize(
    ("result", "reason", "fault"),
    [
        (OutcomeResult.MISSED, CloseReason.OUTCOME_MISSED, SlashReason.JOB_OUTCOME_MISSED),
        (OutcomeResult.BAD_ITEM, CloseReason.OUTCOME_BAD, SlashReason.JOB_OUTCOME_BAD),
    ],
)
def test_refund_by_outcome__missed_or_bad__slashes_the_collateral(
    chain: Chain,
    requester: str,
    submitted: FundedJob,
    device: int,
    result: OutcomeResult,
    reason: CloseReason,
    fault: SlashReason,
) -> None:
    draw = attest_draw(chain, submitted, result)

    with moving(chain, BACK | SLASHED):
        sent = refund_by_outcome(chain, submitted, draw)

    assert sent.event("JobRefunded") == {
        "job": submitted.number,
        "payer": requester,
        "token": chain.address["TestDollar"],
        "reason": reason,
        "refunded": PRICE,
        "slashed": COLLATERAL,
        "compensated": COLLATERAL // 4,
        "tracked": 0,
    }
    slash = sent.event("StakeSlashed")
    assert (slash["reason"], slash["victim"]) == (fault, requester)
    assert slash["evidence"] == submitted.number.to_bytes(32, "big")
    assert slash["toVictim"] == sent.event("JobRefunded")["compensated"]
    closed = replace(submitted.state, status=JobStatus.REFUNDED)
    assert chain.call("JobEscrow", "jobHash", submitted.number) == job_hash(closed)
    assert not is_held(chain, device)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (OutcomeResult.WITHHELD, CloseReason.OUTCOME_WITHHELD),
        (OutcomeResult.SLOW, CloseReason.OUTCOME_SLOW),
        (0, CloseReason.OUTCOME_WITHHELD),
        (6, CloseReason.OUTCOME_WITHHELD),
    ],
)
def test_refund_by_outcome__withheld_slow_or_unheard_of__unlocks_the_collateral(
    chain: Chain, submitted: FundedJob, device: int, result: int, reason: CloseReason
) -> None:
    draw = attest_draw(chain, submitted, result)

    with moving(chain, BACK):
        sent = refund_by_outcome(chain, submitted, draw)

    event = sent.event("JobRefunded")
    assert event["reason"] == reason
    assert (event["slashed"], event["compensated"]) == (0, 0)
    assert not is_held(chain, device)


def test_refund_by_outcome__bad_item_that_no_transaction_could_refute__unlocks_the_collateral(
    chain: Chain, provider: str, device: int
) -> None:
    """Lines of K = 16,384 bytes: a lying quorum can't be shown wrong, and takes no stake."""
    large = register_as(chain, provider, class_id=2)
    mine_to_slot(chain, first_slot_of(chain, large))
    job = submitted_job(chain, large, class_id=2, collateral=COLLATERAL, price=PRICE)
    draw = attest_draw(chain, job, OutcomeResult.BAD_ITEM)

    with moving(chain, BACK):
        sent = refund_by_outcome(chain, job, draw)

    event = sent.event("JobRefunded")
    assert (event["reason"], event["slashed"]) == (CloseReason.OUTCOME_BAD, 0)
    assert sent.all("StakeSlashed") == []


def test_refund_by_outcome__odd_collateral__what_the_event_says_is_what_was_paid(
    chain: Chain, requester: str, device: int
) -> None:
    job = submitted_job(chain, device, collateral=7)
    draw = attest_draw(chain, job, OutcomeResult.MISSED)
    before = chain.balance("TensorbondToken", requester)

    event = refund_by_outcome(chain, job, draw).event("JobRefunded")

    assert (event["slashed"], event["compensated"]) == (7, 1)
    assert chain.balance("TensorbondToken", requester) - before == 1


def test_refund_by_outcome__passed__reverts(chain: Chain, submitted: FundedJob) -> None:
    draw = attest_draw(chain, submitted)
    with chain.reverts("OutcomePassed", job=submitted.number):
        refund_by_outcome(chain, submitted, draw)


def test_refund_by_outcome__not_final__reverts(chain: Chain, submitted: FundedJob) -> None:
    draw = attest_draw(chain, submitted, OutcomeResult.MISSED, final=False)
    with chain.reverts("EpochNotFinal", epoch=forced_epoch(chain, submitted)):
        refund_by_outcome(chain, submitted, draw)


@pytest.mark.parametrize("changes", [{"kind": OutcomeKind.DRAWN_C}, {"job": 2}, {"slot": 7}], ids=str)
def test_refund_by_outcome__miss_of_another_draw__reverts(
    chain: Chain, submitted: FundedJob, changes: dict[str, int]
) -> None:
    """A natural miss costs the class's fixed sum, not the collateral."""
    draw = attest_draw(chain, submitted, OutcomeResult.MISSED, **changes)
    row = draw.outcome.outcome
    with chain.reverts("OutcomeNotForced", job=submitted.number, slot=row.slot, outcomeJob=row.job):
        refund_by_outcome(chain, submitted, draw)


def test_refund_by_outcome__nothing_submitted__reverts(chain: Chain, device: int) -> None:
    """Else a provider that will not submit could withhold its evidence and save its collateral."""
    job = accepted_job(chain, device)
    draw = attest_draw(chain, job, OutcomeResult.WITHHELD)
    with chain.reverts("JobStatusWrong", job=job.number, have=2, need=3):
        refund_by_outcome(chain, job, draw)


def test_refund_by_outcome__twice__reverts(chain: Chain, submitted: FundedJob) -> None:
    draw = attest_draw(chain, submitted, OutcomeResult.BAD_ITEM)
    refund_by_outcome(chain, submitted, draw)
    closed = FundedJob(submitted.number, replace(submitted.state, status=JobStatus.REFUNDED), submitted.sent)
    with chain.reverts("JobStatusWrong", job=submitted.number, have=6, need=3):
        refund_by_outcome(chain, closed, draw)
