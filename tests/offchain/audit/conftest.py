"""A market that is played once for all tests of a module: they start from its first act, or from its last.

A module uses `young_market` or `market`, not both: the chain has one state at a time.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chain import Chain
from tests.conftest import oracle_accounts
from tests.offchain.audit.market import Market
from tests.offchain.audit.story import Jobs, close_market, open_market

Stage = tuple[Market, Jobs]


@pytest.fixture(scope="module")
def opened(system: Chain, deployment_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Epoch 1 is over; its attestation is still to come."""
    snapshot = system.snapshot()
    market = Market(system, deployment_file, tmp_path_factory.mktemp("evidence"), oracle_accounts(system, 4))
    yield market, open_market(market)
    system.revert_to(snapshot)


@pytest.fixture(scope="module")
def closed(opened: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """Everything has happened."""
    with _copy(opened[0], tmp_path_factory.mktemp("copy")) as market:
        close_market(market, opened[1])
        yield market


@pytest.fixture
def young_market(opened: Stage, tmp_path: Path) -> Iterator[Market]:
    with _copy(opened[0], tmp_path) as market:
        yield market


@pytest.fixture
def market(closed: Market, tmp_path: Path) -> Iterator[Market]:
    with _copy(closed, tmp_path) as market:
        yield market


@contextmanager
def _copy(market: Market, folder: Path) -> Iterator[Market]:
    """What is done to its chain, its store and its workers is undone."""
    chain = market.chain
    snapshot, known = chain.snapshot(), (dict(chain.address), dict(chain._abis), dict(chain._names))
    shutil.copytree(market.folder, folder / "evidence")
    yield replace(market, folder=folder / "evidence", workers=dict(market.workers))
    chain.revert_to(snapshot)
    chain.address, chain._abis, chain._names = known
