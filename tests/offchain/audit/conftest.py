"""A market that has been played once for all tests of this folder; each test starts from its end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chain import Chain
from tests.conftest import oracle_accounts
from tests.offchain.audit.market import Market
from tests.offchain.audit.story import play


@pytest.fixture(scope="module")
def played(system: Chain, deployment_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    snapshot = system.snapshot()
    market = Market(system, deployment_file, tmp_path_factory.mktemp("evidence"), oracle_accounts(system, 4))
    play(market)
    yield market
    system.revert_to(snapshot)


@pytest.fixture
def market(played: Market, tmp_path: Path) -> Iterator[Market]:
    """Its own copy: what a test does to chain and store is undone."""
    snapshot = played.chain.snapshot()
    known = dict(played.chain.address), dict(played.chain._abis), dict(played.chain._names)
    folder = tmp_path / "evidence"
    shutil.copytree(played.folder, folder)
    yield replace(played, folder=folder, workers=dict(played.workers))
    played.chain.revert_to(snapshot)
    played.chain.address, played.chain._abis, played.chain._names = known
