"""A requester has its job done, stays silent, and owns one of the oracles that signed for the draw. In the
last block in which that is possible the oracle shows that it equivocated: the epoch is open again, and what
the others attest anew isn't final by `refundAt`. One bond must not buy the price of every job that waits for
its epoch."""

from __future__ import annotations

import pytest

from tensorbond.chain.types import CloseReason, EpochStatus
from tests.acts import TBND, TUSD, FundedJob, close_before
from tests.chain import Chain
from tests.contracts.attestations.epochs import PROOF_BLOCKS, revoke, status
from tests.contracts.job_escrow.conftest import device, market
from tests.contracts.job_escrow.jobs import attest_draw, forced_epoch, moving, refund, settle, submitted_job

__all__ = ["device", "market"]

pytestmark = pytest.mark.chain

PRICE, FEE = 100 * TUSD, 1 * TUSD
UNLOCKED = {"locked": -20 * TBND}
BACK = UNLOCKED | {"requester paid": PRICE, "escrow paid": -PRICE, "tracked": -PRICE}
PAID = UNLOCKED | {
    "provider paid": PRICE - FEE,
    "escrow paid": FEE - PRICE,
    "tracked": FEE - PRICE,
    "fees": FEE,
}


def provable_until(chain: Chain, epoch: int) -> int:
    return int(chain.call("Attestations", "attestedOf", epoch)[1].provable_until)


def require_refused(chain: Chain, job: FundedJob) -> None:
    with chain.reverts("OutcomeDecides", job=job.number, epoch=forced_epoch(chain, job)), moving(chain, {}):
        refund(chain, job)


@pytest.fixture
def reopened(chain: Chain, device: int) -> FundedJob:
    """A job with the least time; its epoch was attested late, and is open again past `refundAt`."""
    submit_by = chain.block_number + 24
    refund_at = submit_by + chain.call("DeviceRegistry", "decisionBlocks")
    job = submitted_job(chain, device, accept_by=submit_by - 20, submit_by=submit_by, refund_at=refund_at)
    epoch = forced_epoch(chain, job)
    close_before(chain, epoch)
    chain.mine_to(chain.call("Attestations", "deadline") - 3)
    attest_draw(chain, job, final=False)
    chain.mine_to(provable_until(chain, epoch) - 1)
    revoke(chain, epoch)
    chain.mine_to(refund_at)
    assert status(chain, epoch) == EpochStatus.OPEN
    assert chain.call("Attestations", "deadline") > refund_at + 4
    return job


def test_reopened__attested_anew__the_provider_is_paid(chain: Chain, reopened: FundedJob) -> None:
    require_refused(chain, reopened)
    draw = attest_draw(chain, reopened, round=1, final=False)
    require_refused(chain, reopened)
    chain.mine_to(provable_until(chain, forced_epoch(chain, reopened)))
    require_refused(chain, reopened)

    with moving(chain, PAID):
        sent = settle(chain, reopened, draw)

    assert sent.event("JobSettled")["reason"] == CloseReason.OUTCOME_PASSED


def test_reopened__outcome_that_nobody_shows__is_refunded_a_proof_window_after_it_is_final(
    chain: Chain, reopened: FundedJob
) -> None:
    attest_draw(chain, reopened, round=1, final=False)
    until = provable_until(chain, forced_epoch(chain, reopened)) + PROOF_BLOCKS
    chain.mine_to(until - 1)
    require_refused(chain, reopened)

    with moving(chain, BACK):
        sent = refund(chain, reopened)

    assert sent.block == until + 1
    assert sent.event("JobRefunded")["reason"] == CloseReason.NOT_ATTESTED


def test_reopened__nobody_attests_anew__is_refunded_once_nobody_can(
    chain: Chain, reopened: FundedJob
) -> None:
    deadline = chain.call("Attestations", "deadline")
    chain.mine_to(deadline - 1)
    require_refused(chain, reopened)

    with moving(chain, BACK):
        sent = refund(chain, reopened)

    assert sent.block == deadline + 1
    assert sent.event("JobRefunded")["reason"] == CloseReason.NOT_ATTESTED


def test_reopened__voided__is_refunded(chain: Chain, reopened: FundedJob) -> None:
    close_before(chain, forced_epoch(chain, reopened) + 1)

    with moving(chain, BACK):
        refund(chain, reopened)
