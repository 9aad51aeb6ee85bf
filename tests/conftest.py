"""Fixtures: one anvil a worker, with the whole system on it; each test starts from the same state."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tensorbond.chain.artifacts import CONTRACTS
from tensorbond.chain.deploy import constructor_arguments, create_address, deploy
from tensorbond.chain.lane import Lane, Policy
from tensorbond.chain.parameters import Parameters
from tests.anvil import ROOT, Anvil
from tests.chain import Chain, Reverted, project_artifacts, system_artifacts

TBND = 10**18
TUSD = 10**6

ROLES = (
    "governor",
    "treasury",
    "provider",
    "operator",
    "requester",
    "stranger",
    "auditor",
    "other_provider",
)
FIRST_ORACLE = 8


UNDER_APE = Path(sys.argv[0]).name == "ape"


def pytest_configure(config: pytest.Config) -> None:
    """`ape test` gets ape's fixtures, which pyproject.toml keeps out of every other run: they start a
    chain."""
    if UNDER_APE and not config.pluginmanager.has_plugin("ape_test"):
        from ape.pytest.plugin import pytest_configure as configure_ape

        configure_ape(config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test says where it runs: on a chain if it asks for one, else (unless it says otherwise)
    nowhere."""
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
    with _anvil() as anvil, closing(Chain(anvil.url, project_artifacts())) as chain:
        yield chain


@pytest.fixture(scope="session")
def deployment_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `system` writes its deployment."""
    return tmp_path_factory.mktemp("deployments") / "test.json"


@pytest.fixture(scope="session")
def system(deployment_file: Path) -> Iterator[Chain]:
    """The whole system deployed as `scripts/deploy.py` deploys it, and the roles supplied with money."""
    with _anvil() as anvil, closing(Chain(anvil.url, project_artifacts())) as chain:
        deploy_system(chain, deployment_file)
        yield chain


@pytest.fixture
def bare_chain(bare_system: Chain) -> Iterator[Chain]:
    """For contracts that a test deploys by hand: `chain.deploy`, `chain.impersonate`."""
    yield from _isolated(bare_system)


@pytest.fixture
def chain(system: Chain) -> Iterator[Chain]:
    yield from _isolated(system)


@pytest.fixture
def governor(system: Chain) -> str:
    return role(system, "governor")


@pytest.fixture
def treasury(system: Chain) -> str:
    """Holds the genesis supply."""
    return role(system, "treasury")


@pytest.fixture
def provider(system: Chain) -> str:
    return role(system, "provider")


@pytest.fixture
def operator(system: Chain) -> str:
    return role(system, "operator")


@pytest.fixture
def requester(system: Chain) -> str:
    return role(system, "requester")


@pytest.fixture
def stranger(system: Chain) -> str:
    return role(system, "stranger")


@pytest.fixture
def auditor(system: Chain) -> str:
    return role(system, "auditor")


@pytest.fixture
def other_provider(system: Chain) -> str:
    return role(system, "other_provider")


@pytest.fixture
def oracles(system: Chain) -> list[str]:
    """Four, ascending by address."""
    return oracle_accounts(system, 4)


@pytest.fixture
def many_oracles(system: Chain) -> list[str]:
    """Ten, ascending by address."""
    return oracle_accounts(system, 10)


def _anvil() -> Anvil:
    """Without gas fees, so that balances in ether stay out of every test's way."""
    return Anvil("--base-fee", "0", "--gas-price", "0", "--gas-limit", "100000000")


def role(chain: Chain, name: str) -> str:
    return chain.accounts[ROLES.index(name)]


def oracle_accounts(chain: Chain, count: int) -> list[str]:
    return sorted(chain.accounts[FIRST_ORACLE : FIRST_ORACLE + count], key=lambda address: int(address, 16))


def deploy_system(chain: Chain, path: Path) -> None:
    """Deploy, make the contracts known by name, hand out money, and wait for the genesis block."""
    governor, treasury = role(chain, "governor"), role(chain, "treasury")
    dollar = chain.deploy("TestDollar")
    parameters = Parameters.load(ROOT / "deployments" / "params" / "devnet.toml").model_copy(
        update={"treasury": treasury, "fee_recipient": treasury}
    )
    if any(name not in system_artifacts() for name in CONTRACTS):
        return _deploy_what_there_is(chain, parameters, dollar)
    lane = Lane(chain.rpc, chain.key(governor), policy=Policy(poll=0.01))
    artifacts = system_artifacts()
    deployment = deploy(lane, artifacts, parameters, "test", path, tokens={"TUSD": dollar})
    for name, record in deployment.contracts.items():
        chain.register(name, record.address)

    supply(chain)
    chain.mine_to(max(deployment.timing.from_block, chain.block_number))


def supply(chain: Chain) -> None:
    governor, treasury = role(chain, "governor"), role(chain, "treasury")
    for name in ("provider", "other_provider", "requester"):
        chain.send("TensorbondToken", "transfer", role(chain, name), 1_000_000 * TBND, sender=treasury)
    for oracle in oracle_accounts(chain, 10):
        chain.send("TensorbondToken", "transfer", oracle, 200_000 * TBND, sender=treasury)
    chain.send("TestDollar", "mint", role(chain, "requester"), 1_000_000 * TUSD, sender=governor)


def _deploy_what_there_is(chain: Chain, parameters: Parameters, dollar: str) -> None:
    """While contracts are still being written: leave out what is missing or does not deploy yet."""
    governor = role(chain, "governor")
    nonce = int(chain.rpc.request("eth_getTransactionCount", governor, "latest"), 16)
    at = {name: create_address(governor, nonce + index) for index, name in enumerate(CONTRACTS)}
    genesis = chain.block_number + 40
    for name in CONTRACTS:
        arguments = constructor_arguments(name, parameters, governor, at, genesis)
        try:
            chain.call_constructor(name, *arguments.values(), sender=governor)
            chain.deploy(name, *arguments.values(), sender=governor)
        except (LookupError, Reverted) as error:
            print(f"left out of the system: {name}: {error}")
            chain.transact(governor, b"", sender=governor)
    if "DeviceRegistry" in chain.address:
        for terms in parameters.classes:
            chain.send("DeviceRegistry", "addClass", terms.to_struct(), sender=governor)
    if "JobEscrow" in chain.address:
        chain.send("JobEscrow", "allowToken", dollar, True, sender=governor)
    if "TensorbondToken" in chain.address:
        supply(chain)
    chain.mine_to(genesis)


def _isolated(chain: Chain) -> Iterator[Chain]:
    known = dict(chain.address), dict(chain._abis), dict(chain._names)
    snapshot = chain.snapshot()
    yield chain
    chain.revert_to(snapshot)
    chain.address, chain._abis, chain._names = known
