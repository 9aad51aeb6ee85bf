"""The auditor's market, watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tensorbond.watch.bot import Act, Watcher
from tensorbond.watch.config import WatchConfig
from tests.chain import Chain, project_artifacts
from tests.offchain.audit import story
from tests.offchain.audit.conftest import _known_signers, young_market
from tests.offchain.audit.market import Market
from tests.offchain.audit.story import SECOND
from tests.system import deploy_system, free_anvil, oracle_accounts, role

__all__ = ["_known_signers", "young_market"]


class SleepyMarket(Market):
    """The second provider sleeps through the roll call of each epoch, so that there are misses, too."""

    def _is_due(self, device: int, slot: int) -> bool:
        sleeps = device == SECOND and slot % 4 == 1
        return not sleeps and super()._is_due(device, slot)


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """Epoch 1 is over; its attestation is still to come."""
    folder = tmp_path_factory.mktemp("watched")
    with free_anvil() as anvil, closing(Chain(anvil.url, project_artifacts())) as chain:
        # Each transaction is a block, and what the bot asks for is answered within a quarter of the window.
        deploy_system(chain, folder / "deployment.json", proof_blocks=100)
        oracles = oracle_accounts(chain, 4)
        market = SleepyMarket(chain, folder / "deployment.json", folder / "evidence", oracles)
        with pytest.MonkeyPatch.context() as patch:
            # The same work in a shape of which a transaction has room to compute a whole tile.
            for name in ("ALWAYS", "SOMETIMES"):
                patch.setattr(story, name, replace(getattr(story, name), k=1024, r=64))
            story.open_market(market)
        yield market


Watch = Callable[..., list[Act]]


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    """`watch(market)`: what the bot does until nothing more can be done; that it takes back its deposits is
    left out unless it is asked for. Its state stays between calls."""

    def run(market: Market, deposits: bool = False, **told: Any) -> list[Act]:
        config = WatchConfig(
            rpc_urls=(market.chain.url,),
            deployment=market.deployment,
            store_url=str(market.folder),
            state_dir=tmp_path / "watch",
            account=market.chain.key(role(market.chain, "auditor")),
            workers=2,
        )
        found: list[Act] = []
        with closing(Watcher(replace(config, **told))) as watcher:
            while (acts_now := watcher.cycle()) and any(act.is_sent for act in acts_now):
                found += acts_now
        return [act for act in found + acts_now if deposits or not act.kind.endswith("Deposit")]

    return run
