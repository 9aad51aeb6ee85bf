"""The market in motion: agents and oracles as processes of their own, and time between the acts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tensorbond.chain.types import OutcomeResult
from tensorbond.oracle.emission import emission_at
from tests.flows.market import Market

pytestmark = pytest.mark.chain

PASSED, WITHHELD = OutcomeResult.PASSED, OutcomeResult.WITHHELD


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
        before = market.call("TensorbondToken", "balanceOf", market.provider)
        sent = market.chain.send("Rewards", "claim", data.leaf_proof(honest), sender=market.stranger)
        assert sent.event("RewardClaimed")["amount"] == emission_at(0)
        after = market.call("TensorbondToken", "balanceOf", market.provider)
        assert after - before == emission_at(0)
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
