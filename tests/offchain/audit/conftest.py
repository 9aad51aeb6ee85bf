"""Two markets, each on a chain of its own, played once: one up to the end of its first act, one to the last.

Each test gets a copy; what it does to chain, store and workers is undone.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tensorbond.chain.digests import Signable
from tests.chain import Chain, project_artifacts
from tests.offchain.audit.market import Market
from tests.offchain.audit.story import Jobs, close_market, open_market
from tests.system import deploy_system, free_anvil, oracle_accounts

_signer = cache(Signable.signer)


@pytest.fixture(autouse=True)
def _known_signers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred audits of two markets recover each signature once: it takes most of their time."""
    monkeypatch.setattr(Signable, "signer", lambda signable, signature: _signer(signable, signature))


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """Epoch 1 is over; its attestation is still to come."""
    with _stage(tmp_path_factory.mktemp("opened")) as (market, _):
        yield market


@pytest.fixture(scope="session")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """Everything has happened."""
    with _stage(tmp_path_factory.mktemp("closed")) as (market, jobs):
        close_market(market, jobs)
        yield market


@pytest.fixture
def young_market(opened: Market, tmp_path: Path) -> Iterator[Market]:
    with _copy(opened, tmp_path) as market:
        yield market


@pytest.fixture
def market(closed: Market, tmp_path: Path) -> Iterator[Market]:
    with _copy(closed, tmp_path) as market:
        yield market


@contextmanager
def _stage(folder: Path) -> Iterator[tuple[Market, Jobs]]:
    with free_anvil() as anvil, closing(Chain(anvil.url, project_artifacts())) as chain:
        # However slow the machine, a commitment took as many seconds as blocks.
        chain.rpc.request("anvil_setBlockTimestampInterval", 1)
        deploy_system(chain, folder / "deployment.json")
        market = Market(chain, folder / "deployment.json", folder / "evidence", oracle_accounts(chain, 4))
        yield market, open_market(market)


@contextmanager
def _copy(market: Market, folder: Path) -> Iterator[Market]:
    chain = market.chain
    snapshot, known = chain.snapshot(), (dict(chain.address), dict(chain._abis), dict(chain._names))
    shutil.copytree(market.folder, folder / "evidence")
    yield replace(market, folder=folder / "evidence", workers=dict(market.workers))
    chain.revert_to(snapshot)
    chain.address, chain._abis, chain._names = known
