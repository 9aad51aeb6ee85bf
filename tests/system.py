"""The whole system on a chain for tests, and who plays there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tensorbond.chain.deploy import deploy
from tensorbond.chain.lane import Lane, Policy
from tensorbond.chain.parameters import Parameters
from tests.anvil import ROOT, Anvil
from tests.chain import Chain, system_artifacts

TBND = 10**18
TUSD = 10**6
GENESIS_SECONDS = 1_800_000_000

# Accounts of anvil's mnemonic, in order; the ten after them are oracles.
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
FIRST_ORACLE = len(ROLES)


def role(chain: Chain, name: str) -> str:
    return chain.accounts[ROLES.index(name)]


def oracle_accounts(chain: Chain, count: int) -> list[str]:
    """Ascending by address."""
    return sorted(chain.accounts[FIRST_ORACLE : FIRST_ORACLE + count], key=lambda address: int(address, 16))


@contextmanager
def free_anvil() -> Iterator[Anvil]:
    """Without gas fees, so that balances in ether stay out of every test's way. By a clock of its own, one
    second a block: the same transactions give the same hashes, and so the same draws, whenever they run."""
    fees = ("--base-fee", "0", "--gas-price", "0", "--gas-limit", "100000000")
    with Anvil(*fees, "--timestamp", str(GENESIS_SECONDS)) as anvil:
        anvil.rpc.request("anvil_setBlockTimestampInterval", 1)
        yield anvil


def deploy_system(chain: Chain, path: Path, *, unbonding_blocks: int = 0, **timing: int) -> None:
    """Deploy as `scripts/deploy.py` does, make the contracts known by name, hand out money, and wait for the
    genesis block. `timing`: what is different of the first entry; `unbonding_blocks`: if they are, too."""
    governor, treasury = role(chain, "governor"), role(chain, "treasury")
    dollar = chain.deploy("TestDollar")
    parameters = Parameters.load(ROOT / "tests" / "network.toml")
    first = parameters.timing.model_copy(update=timing)
    parameters = parameters.model_copy(
        update={"treasury": treasury, "fee_recipient": treasury, "timing": first}
    )
    if unbonding_blocks:
        parameters = parameters.model_copy(update={"unbonding_blocks": unbonding_blocks})
    lane = Lane(chain.node, chain.key(governor), policy=Policy(poll=0.01))
    deployment = deploy(lane, system_artifacts(), parameters, "test", path, tokens={"TUSD": dollar})
    for name, record in deployment.contracts.items():
        chain.register(name, record.address)

    for name in ("provider", "other_provider", "requester"):
        chain.send("TensorbondToken", "transfer", role(chain, name), 1_000_000 * TBND, sender=treasury)
    for oracle in oracle_accounts(chain, 10):
        chain.send("TensorbondToken", "transfer", oracle, 200_000 * TBND, sender=treasury)
    chain.send("TestDollar", "mint", role(chain, "requester"), 1_000_000 * TUSD, sender=governor)
    chain.mine_to(max(deployment.timing.from_block, chain.block_number))


def isolated(chain: Chain) -> Iterator[Chain]:
    """All that happens on the chain meanwhile is undone, and the names that were given are forgotten."""
    known = dict(chain.address), dict(chain._abis), dict(chain._names)
    snapshot = chain.snapshot()
    yield chain
    chain.revert_to(snapshot)
    chain.address, chain._abis, chain._names = known
