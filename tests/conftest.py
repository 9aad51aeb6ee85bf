"""Fixtures: one anvil a worker, with the whole system on it; each test starts from the same state."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings

from tests.chain import Chain, project_artifacts
from tests.system import deploy_system, free_anvil, isolated, oracle_accounts, role

# Machines are shared: no property fails by the time that one example takes.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

UNDER_APE = Path(sys.argv[0]).name == "ape"


def pytest_configure(config: pytest.Config) -> None:
    """`ape test` gets ape's fixtures, which pyproject.toml keeps out of every other run: they start a
    chain."""
    if UNDER_APE and not config.pluginmanager.has_plugin("ape_test"):
        from ape.pytest.plugin import pytest_configure as configure_ape

        configure_ape(config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test says where it runs: on a chain if it asks for one, else (unless it says otherwise)
    nowhere. What is slow comes first, so that nobody waits for it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    for item in items:
        if not any(item.get_closest_marker(name) for name in ("chain", "gpu", "unit")):
            fixtures = getattr(item, "fixturenames", ())
            item.add_marker("chain" if {"system", "bare_system"} & set(fixtures) else "unit")


@pytest.fixture(autouse=True)
def _no_sockets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit test that opens a connection fails."""
    if request.node.get_closest_marker("unit") and not UNDER_APE:

        def refuse(_: socket.socket, address: object) -> None:
            raise AssertionError(f"a unit test connects to {address}")

        monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="session")
def bare_system() -> Iterator[Chain]:
    """An anvil without any contract."""
    with free_anvil() as anvil, closing(Chain(anvil.url, project_artifacts())) as chain:
        yield chain


@pytest.fixture(scope="session")
def deployment_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `system` writes its deployment."""
    return tmp_path_factory.mktemp("deployments") / "test.json"


@pytest.fixture(scope="session")
def system(deployment_file: Path) -> Iterator[Chain]:
    """The whole system deployed as `scripts/deploy.py` deploys it, and the roles supplied with money."""
    with free_anvil() as anvil, closing(Chain(anvil.url, project_artifacts())) as chain:
        deploy_system(chain, deployment_file)
        yield chain


@pytest.fixture
def bare_chain(bare_system: Chain) -> Iterator[Chain]:
    """For contracts that a test deploys by hand: `chain.deploy`, `chain.impersonate`."""
    yield from isolated(bare_system)


@pytest.fixture
def chain(system: Chain) -> Iterator[Chain]:
    yield from isolated(system)


@pytest.fixture(scope="session")
def governor(system: Chain) -> str:
    return role(system, "governor")


@pytest.fixture(scope="session")
def treasury(system: Chain) -> str:
    """Holds the genesis supply."""
    return role(system, "treasury")


@pytest.fixture(scope="session")
def provider(system: Chain) -> str:
    return role(system, "provider")


@pytest.fixture(scope="session")
def operator(system: Chain) -> str:
    return role(system, "operator")


@pytest.fixture(scope="session")
def requester(system: Chain) -> str:
    return role(system, "requester")


@pytest.fixture(scope="session")
def stranger(system: Chain) -> str:
    return role(system, "stranger")


@pytest.fixture(scope="session")
def auditor(system: Chain) -> str:
    return role(system, "auditor")


@pytest.fixture(scope="session")
def other_provider(system: Chain) -> str:
    return role(system, "other_provider")


@pytest.fixture(scope="session")
def oracles(system: Chain) -> list[str]:
    """Four, ascending by address."""
    return oracle_accounts(system, 4)


@pytest.fixture(scope="session")
def many_oracles(system: Chain) -> list[str]:
    """Ten, ascending by address."""
    return oracle_accounts(system, 10)
