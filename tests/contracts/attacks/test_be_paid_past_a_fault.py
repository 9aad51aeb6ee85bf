"""A provider that is leased stops its work, or does it badly, and wants to be paid until the fault is proven,
or longer: it settles first, has others settle, stops the lease, or has a later fault proven first. What
accrues is held back for longer than a proof of its slot may take, and a halt counts to the first block of the
fault's slot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import LeaseStatus, OutcomeKind, OutcomeResult, StopReason
from tests.acts import TBND, TUSD, attest, mine_to_final, submit_as
from tests.chain import Chain
from tests.contracts.job_escrow import jobs
from tests.contracts.job_escrow.conftest import device, market
from tests.contracts.lease_escrow.leases import (
    RATE,
    OpenLease,
    act,
    halt,
    is_held,
    mine_to_ripe,
    moving,
    next_slot,
    prove_fault,
    refused,
    start_lease,
    started_at,
    state_of,
    time_of,
)
from tests.leaves import make_leaf, make_outcome

__all__ = ["device", "market"]

pytestmark = pytest.mark.chain

PAID = 99
"""Hundredths: the rest is the fee."""


@pytest.fixture
def lease(chain: Chain, device: int) -> OpenLease:
    """Two dollars in it: 200 seconds."""
    return start_lease(chain, device)


def is_paid(chain: Chain, lease: OpenLease, active: int, sender: str) -> None:
    """For so many seconds and not one more, once they are ripe, whoever asks."""
    mine_to_ripe(chain, lease)
    paid = active * RATE * PAID // 100
    with moving(chain, {"provider paid": paid, "escrow paid": -paid}):
        act(chain, lease, "settle", sender=sender)
    error = {"lease": lease.number, "have": LeaseStatus.CLOSED}
    with moving(chain, {}), chain.reverts("LeaseStatusWrong", **error):
        act(chain, lease, "settle", sender=sender)


@pytest.mark.parametrize("sender", ["provider", "requester", "stranger"])
@pytest.mark.parametrize("tries", [(), ("before",), ("after",), ("before", "after")], ids=str)
def test_settle__before_the_proof_or_after_it__pays_nothing_past_the_fault(
    chain: Chain, lease: OpenLease, device: int, sender: str, tries: tuple[str, ...]
) -> None:
    slot = next_slot(chain)
    honest = time_of(chain, slot) - started_at(chain, lease)
    chain.mine(20)
    if "before" in tries:
        with moving(chain, {}):
            act(chain, lease, "settle", sender=sender)
        assert state_of(chain, lease).held_seconds > honest
    prove_fault(chain, device, slot)
    if tries == ("after",):
        with moving(chain, {}):
            act(chain, lease, "settle", sender=sender)
        assert state_of(chain, lease).held_seconds > honest
    elif "after" in tries:
        ripe = state_of(chain, lease).ripe_at
        error = {"lease": lease.number, "blockNumber": chain.block_number + 1, "ripeAt": ripe}
        with refused(chain, "HeldBack", **error):
            act(chain, lease, "settle", sender=sender)

    back = 2 * TUSD - honest * RATE
    with moving(chain, {"requester paid": back, "escrow paid": -back}):
        told = halt(chain, lease, slot).event("LeaseHalted")

    assert (told["reason"], told["active"]) == (StopReason.FAULTED, honest)
    is_paid(chain, lease, honest, sender)


def test_settle__proof_and_halt_in_the_last_blocks_before_it_is_ripe__pays_nothing_past_the_fault(
    chain: Chain, provider: str, device: int
) -> None:
    """It settles as soon as it has stopped working; nobody proves that until just before it would be paid."""
    lease = start_lease(chain, device, deposit=5 * TUSD)
    slot = next_slot(chain)
    honest = time_of(chain, slot) - started_at(chain, lease)
    chain.mine()
    act(chain, lease, "settle", sender="provider")
    ripe = state_of(chain, lease).ripe_at
    chain.send("Challenges", "seal", slot, sender=provider)
    # Three transactions prove it.
    chain.mine_to(ripe - 5)
    prove_fault(chain, device, slot)
    assert chain.block_number == ripe - 2

    back = 5 * TUSD - honest * RATE
    with moving(chain, {"requester paid": back, "escrow paid": -back}):
        told = halt(chain, lease, slot).event("LeaseHalted")

    assert (told["active"], told["ripeAt"], chain.block_number) == (honest, ripe, ripe - 1)
    is_paid(chain, lease, honest, "provider")


def test_stop__before_the_proof__pays_nothing_past_the_fault(
    chain: Chain, lease: OpenLease, device: int
) -> None:
    slot = next_slot(chain)
    honest = time_of(chain, slot) - started_at(chain, lease)
    chain.mine(20)
    active = act(chain, lease, "stop", sender="provider").event("LeaseStopped")["active"]
    prove_fault(chain, device, slot)

    back = (active - honest) * RATE
    assert back > 0
    with moving(chain, {"requester paid": back, "escrow paid": -back}):
        sent = halt(chain, lease, slot)

    assert sent.event("LeaseHalted")["reason"] == StopReason.FAULTED
    assert not is_held(chain, device)
    is_paid(chain, lease, honest, "provider")


def test_halt__a_later_fault_proven_first__pays_nothing_past_the_earlier(
    chain: Chain, lease: OpenLease, device: int
) -> None:
    early = next_slot(chain)
    chain.mine(10)
    late = next_slot(chain)
    chain.mine(3)
    prove_fault(chain, device, late)
    halt(chain, lease, late, sender="provider")
    prove_fault(chain, device, early)

    back = (time_of(chain, late) - time_of(chain, early)) * RATE
    with moving(chain, {"requester paid": back, "escrow paid": -back}):
        halt(chain, lease, early)

    is_paid(chain, lease, time_of(chain, early) - started_at(chain, lease), "provider")


def test_job_in_parts__bad_in_its_draw_and_good_in_a_later_one__is_paid_no_further_part(
    chain: Chain, provider: str, requester: str, device: int
) -> None:
    """Three of ten parts are paid when it is caught; a good slot later earns it none of the others."""
    job = jobs.accepted_job(chain, device, parts=10)
    chain.send("JobEscrow", "approvePart", job.number, job.state, 3, sender=requester)
    job = submit_as(chain, provider, replace(job, state=replace(job.state, paid_parts=3)))
    slot = job.state.forced_slot
    epoch = jobs.forced_epoch(chain, job)
    rows = [
        make_outcome(slot, OutcomeKind.FORCED, OutcomeResult.BAD_ITEM, job=job.number, witness=b"\1" * 32),
        make_outcome(slot + 1, OutcomeKind.FORCED, OutcomeResult.PASSED, job=job.number, witness=b"\2" * 32),
    ]
    attested = attest(chain, epoch, [make_leaf(device, provider, weight=7)], {device: rows}).epoch
    mine_to_final(chain, epoch)
    bad, good = (jobs.Draw(attested.leaf_proof(device), attested.outcome_proof(device, i)) for i in (0, 1))

    error = {"job": job.number, "slot": slot + 1, "outcomeJob": job.number}
    for sender in (provider, requester):
        with jobs.moving(chain, {}), chain.reverts("OutcomeNotForced", **error):
            jobs.settle(chain, job, good, sender)
        with (
            jobs.moving(chain, {}),
            chain.reverts("OutcomeNotPassed", job=job.number, result=OutcomeResult.BAD_ITEM),
        ):
            jobs.settle(chain, job, bad, sender)

    left, collateral = 70 * TUSD, 20 * TBND
    slashed = {
        "active": -collateral,
        "staked": -collateral,
        "staking TBND": -collateral,
        "requester TBND": collateral // 4,
        "supply": -(collateral - collateral // 4),
        "locked": -collateral,
    }
    back = {"requester paid": left, "escrow paid": -left, "tracked": -left}
    with jobs.moving(chain, back | slashed):
        jobs.refund_by_outcome(chain, job, bad)
