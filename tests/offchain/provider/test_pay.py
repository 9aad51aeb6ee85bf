"""A requester says nothing: the agent has the job paid before anybody can have it refunded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tensorbond.chain.types import OutcomeKind, OutcomeResult
from tensorbond.provider.agent import Agent
from tensorbond.provider.jobs import RETRY_BLOCKS
from tensorbond.store import Store
from tests.acts import (
    TBND,
    TUSD,
    Attestation,
    FundedJob,
    attest,
    dispute_as,
    join_oracles,
    mine_to_final,
    mine_to_slot,
    register_as,
    stake_as,
)
from tests.chain import Chain
from tests.contracts.job_escrow.jobs import forced_epoch, moving, submitted_job
from tests.leaves import make_leaf, make_outcome
from tests.offchain.cli.conftest import publish
from tests.offchain.provider.test_agent import config, start, store

__all__ = ["config", "start", "store"]

pytestmark = pytest.mark.chain

Start = Callable[..., Agent]

PAID = {
    "provider paid": 99 * TUSD,
    "escrow paid": -99 * TUSD,
    "tracked": -99 * TUSD,
    "fees": TUSD,
    "locked": -20 * TBND,
}


@pytest.fixture
def job(chain: Chain, provider: str, oracles: list[str]) -> FundedJob:
    """Handed in; its draw is forced, and decides it."""
    stake_as(chain, provider, 100 * TBND)
    join_oracles(chain, oracles)
    device = register_as(chain, provider)
    mine_to_slot(chain, 4)
    return submitted_job(chain, device)


def decide(
    chain: Chain, of: FundedJob, store: Store | None, result: int = OutcomeResult.PASSED
) -> Attestation:
    """The forced draw ends so, finally; the leaves are published, if anywhere."""
    row = make_outcome(of.state.forced_slot, OutcomeKind.FORCED, result, job=of.number)
    leaf, epoch = make_leaf(of.state.device, of.state.provider, weight=7), forced_epoch(chain, of)
    attested = attest(chain, epoch, [leaf], {of.state.device: [row]})
    if store is not None:
        publish(Path(store.url), attested)
    mine_to_final(chain, epoch)
    return attested


def settled(chain: Chain) -> list[int]:
    return [event.args["job"] for event in chain.events("JobEscrow", "JobSettled")]


def test_cycle__silent_requester__is_paid_before_it_can_be_refunded(
    chain: Chain, job: FundedJob, start: Start, store: Store
):
    agent = start()
    agent.cycle()
    decide(chain, job, store)
    assert chain.block_number < job.state.terms.refund_at
    with moving(chain, PAID):
        agent.cycle()
    agent.cycle()
    start().cycle()
    assert settled(chain) == [job.number]


def test_cycle__outcome_that_nobody_shows__is_waited_for(
    chain: Chain, job: FundedJob, start: Start, store: Store
):
    """Nobody listens at the endpoints that the oracles published, either."""
    agent = start()
    attested = decide(chain, job, None)
    agent.cycle()
    assert settled(chain) == []
    publish(Path(store.url), attested)
    agent.cycle()
    assert settled(chain) == [], "not asked for at every turn"
    chain.mine(RETRY_BLOCKS)
    with moving(chain, PAID):
        agent.cycle()


@pytest.mark.parametrize("result", [OutcomeResult.WITHHELD, OutcomeResult.SLOW])
def test_cycle__outcome_is_no_pass__sends_nothing(
    chain: Chain, job: FundedJob, start: Start, store: Store, result: OutcomeResult
):
    agent = start()
    decide(chain, job, store, result)
    agent.cycle()
    assert settled(chain) == []
    assert chain.events("JobEscrow", "JobRefunded") == []


def test_cycle__dispute_that_nobody_decides__is_resolved_and_the_job_paid(
    chain: Chain, job: FundedJob, start: Start, store: Store, requester: str
):
    """Until then only `resolve` moves it: a requester could let it lie until it can be refunded."""
    agent, disputed = start(), dispute_as(chain, requester, job)
    agent.cycle()
    assert chain.events("JobEscrow", "DisputeResolved") == []
    decide(chain, job, store)
    assert chain.block_number >= disputed.state.verdict_by
    agent.cycle()
    (resolved,) = chain.events("JobEscrow", "DisputeResolved")
    assert (resolved.args["account"], resolved.args["verdict"]) == (requester, 0)
    with moving(chain, PAID):
        agent.cycle()
