"""The market in motion: agents and oracles as processes of their own, and time between the acts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tensorbond.audit import audit
from tensorbond.chain.types import OutcomeKind, OutcomeResult
from tensorbond.oracle.emission import emission_at
from tests.acts import accept_as, fund_as, submit_as
from tests.flows.market import MEMORY, TBND, Market

pytestmark = pytest.mark.chain

PASSED, WITHHELD, SLOW = OutcomeResult.PASSED, OutcomeResult.WITHHELD, OutcomeResult.SLOW
ROLL, FORCED = OutcomeKind.ROLL_CALL, OutcomeKind.FORCED


def test_market__one_honest_one_silent_provider__only_the_honest_one_is_rewarded(tmp_path: Path) -> None:
    with Market(tmp_path) as market:
        honest, silent = market.register(market.provider), market.register(market.other_provider)
        market.seat_oracles()
        for oracle in market.oracles:
            market.start_oracle(oracle)
        market.start_agent(market.provider)
        # It commits in time, but publishes where nobody looks.
        market.start_agent(market.other_provider, store=str(tmp_path / "elsewhere"))
        market.until_all_serve()

        for slot in (0, 1):
            market.begin_slot(slot)
            records = market.until_committed(slot, honest, silent)
            market.begin_slot(slot + 1)
            market.until_published(record for record in records if record.args["device"] == honest)
        market.begin_slot(3)

        data = market.until_attested(0)
        assert [row.result for row in data.outcomes[honest]] == [PASSED, PASSED]
        assert [row.result for row in data.outcomes[silent]] == [WITHHELD, WITHHELD]
        assert data.leaves[honest].weight > 0
        assert data.leaves[silent].weight == 0
        assert len(market.signers_of(0)) == 2

        market.mine_to_final(0)
        sent = market.chain.send("Rewards", "claim", data.leaf_proof(honest), sender=market.stranger)
        assert sent.event("RewardClaimed")["amount"] == emission_at(0)
        assert market.call("ProviderStaking", "stakeOf", market.provider).vesting == emission_at(0)
        assert market.call("Rewards", "claimedOf", silent) == 0


def test_market__an_oracle_dies_and_another_restarts__the_epoch_is_attested(tmp_path: Path) -> None:
    with Market(tmp_path) as market:
        device = market.register(market.provider)
        market.seat_oracles()
        for oracle in market.oracles:
            market.start_oracle(oracle)
        market.start_agent(market.provider)
        market.until_all_serve()
        lost, restarted, steady = market.oracles

        market.begin_slot(0)
        records = market.until_committed(0, device)
        market.kill(f"oracle-{lost}")
        market.kill(f"oracle-{restarted}")
        market.kill(f"agent-{market.provider}")
        market.start_oracle(restarted)
        market.start_agent(market.provider)
        market.until_all_serve()
        market.begin_slot(1)
        market.until_published(records)
        records = market.until_committed(1, device)
        market.begin_slot(2)
        market.until_published(records)
        market.begin_slot(3)

        data = market.until_attested(0)
        assert [row.result for row in data.outcomes[device]] == [PASSED, PASSED]
        assert market.signers_of(0) == [restarted, steady]
        assert market.stop(f"oracle-{steady}") == 0
        assert market.stop(f"agent-{market.provider}") == 0


def test_market__slots_of_the_m_phase__are_proven_attested_and_audited_but_not_of_a_held_device(
    tmp_path: Path,
) -> None:
    with Market(tmp_path, **MEMORY) as market:
        free, held = market.register(market.provider), market.register(market.other_provider)
        market.seat_oracles()
        for oracle in market.oracles:
            market.start_oracle(oracle)
        for provider in (market.provider, market.other_provider):
            market.start_agent(provider)
        market.until_all_serve()
        head = market.chain.block_number
        deadlines = {"accept_by": head + 90, "submit_by": head + 100, "refund_at": head + 400}
        job = fund_as(market.chain, market.requester, provider=market.other_provider, **deadlines)

        # Epoch 0: a C slot, in which the second device is accepted for a job, then an M slot.
        market.begin_slot(0)
        records = market.until_committed(0, free, held)
        job = submit_as(
            market.chain, market.other_provider, accept_as(market.chain, market.other_provider, job, held)
        )
        market.begin_slot(1, memory=True)
        market.until_published(records)
        records = market.until_committed(1, free)
        # Epoch 1: the job forces a draw in an M slot.
        market.begin_slot(2, memory=True)
        assert job.state.forced_slot == 2
        market.until_published(records)
        records = market.until_committed(2, free, held)
        market.begin_slot(3)
        market.until_published(records)
        records = market.until_committed(3, free, held)
        market.begin_slot(4)
        market.until_published(records)
        market.begin_slot(5)

        first, second = market.until_attested(0), market.until_attested(1)
        assert [(row.slot, row.kind, row.result) for row in first.outcomes[free]] == [
            (0, ROLL, PASSED),
            (1, ROLL, PASSED),
        ]
        assert [(row.slot, row.kind, row.result) for row in first.outcomes[held]] == [(0, ROLL, PASSED)]
        assert [(row.slot, row.kind, row.result, row.job) for row in second.outcomes[held]] == [
            (3, ROLL, PASSED, 0),
            (2, FORCED, PASSED, job.number),
        ]
        leaf, other = first.leaves[free], first.leaves[held]
        gops, bandwidth = (row.throughput for row in first.outcomes[free])
        assert (leaf.min_gops, leaf.min_bandwidth, leaf.vram) == (gops, bandwidth, 92 * 64 * 1024 * 32 // 100)
        assert leaf.min_bandwidth > 0
        assert (other.min_bandwidth, other.vram, other.due_roll, other.passed_roll) == (0, 0, 1, 1)
        assert leaf.weight == min(5, leaf.min_gops)
        assert second.leaves[free].vram == leaf.vram
        report = audit(market.network, market.store)
        assert report.findings == []
        assert report.proofs_checked == 7
        assert report.epochs_checked == 2


def test_market__m_phase_slower_than_its_class__is_slow_and_weighs_half(tmp_path: Path) -> None:
    # 36 MB are moved, and a second is the least that counts: 40 MB/s is beyond everybody.
    with Market(tmp_path, **MEMORY, min_bandwidth=40) as market:
        device = market.register(market.provider)
        market.seat_oracles()
        for oracle in market.oracles:
            market.start_oracle(oracle)
        market.start_agent(market.provider)
        market.until_all_serve()
        market.begin_slot(0)
        records = market.until_committed(0, device)
        market.begin_slot(1, memory=True)
        market.until_published(records)
        records = market.until_committed(1, device)
        market.begin_slot(2)
        market.until_published(records)
        market.begin_slot(3)

        data = market.until_attested(0)
        fast, slow = data.outcomes[device]
        assert (fast.result, slow.result) == (PASSED, SLOW)
        assert slow.throughput < 40
        assert any(slow.witness)
        leaf = data.leaves[device]
        assert (leaf.due_roll, leaf.passed_roll) == (2, 1)
        assert (leaf.min_bandwidth, leaf.vram) == (0, 0)
        assert leaf.weight == min(5, leaf.min_gops) // 2
        # Slow is no fault: nothing can be enforced, and the stake is whole.
        assert market.call("ProviderStaking", "stakeOf", market.provider).active == 1000 * TBND
        assert audit(market.network, market.store).findings == []
