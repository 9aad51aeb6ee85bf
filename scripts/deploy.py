"""Deploy the contracts, or finish a deployment, or find that there is nothing to do.

    python scripts/deploy.py --rpc URL --network devnet
    ape run deploy --rpc URL --network devnet

The parameters come from `deployments/params/<network>.toml`, the key from a keystore or from TENSORBOND_KEY.
Writes `deployments/<network>.json`; until that is done, `deployments/<network>.plan.json` keeps what has been
decided, and an interrupted run is resumed from there. Beside it, in `deployments/<network>/`: addresses.json
for a front end, and the metadata by which Sourcify verifies each contract.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from tensorbond.chain import artifacts
from tensorbond.chain.deploy import deploy, deploy_test_tokens
from tensorbond.chain.keys import load_account
from tensorbond.chain.lane import Lane, Policy
from tensorbond.chain.parameters import Parameters
from tensorbond.chain.publication import publish
from tensorbond.chain.rpc import Rpc
from tensorbond.errors import TensorbondError

ROOT = Path(__file__).resolve().parent.parent

_file = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Deploy the contracts")
@click.option(
    "--rpc", multiple=True, envvar="TENSORBOND_RPC", default=["http://127.0.0.1:8545"], show_default=True
)
@click.option("--network", default="devnet", show_default=True, help="The deployment's name.")
@click.option("--config", type=_file, help="Parameters.  [default: deployments/params/NETWORK.toml]")
@click.option("--output", type=_file, help="What to write.  [default: deployments/NETWORK.json]")
@click.option(
    "--keystore", envvar="TENSORBOND_KEYSTORE", type=_file, help="Encrypted key; else TENSORBOND_KEY."
)
@click.option("--confirmations", type=click.IntRange(1), default=1, show_default=True)
def cli(
    rpc: tuple[str, ...],
    network: str,
    config: Path | None,
    output: Path | None,
    keystore: Path | None,
    confirmations: int,
) -> None:
    """Deploy the contracts, or finish a deployment, or find that there is nothing to do."""
    try:
        _compile()
        parameters = Parameters.load(config or ROOT / "deployments" / "params" / f"{network}.toml")
        path = output or ROOT / "deployments" / f"{network}.json"
        endpoints = Rpc(rpc, chain_id=parameters.chain_id, timeout=30.0)
        lane = Lane(endpoints, load_account(keystore), policy=Policy(confirmations=confirmations, poll=0.1))
        compiled = artifacts.load()
        tokens = deploy_test_tokens(lane, compiled, parameters, path, say=click.echo)
        deployment = deploy(lane, compiled, parameters, network, path, tokens=tokens, say=click.echo)
        publish(compiled, deployment, path.with_suffix(""))
        endpoints.close()
    except TensorbondError as error:
        failure = click.ClickException(str(error))
        failure.exit_code = 2
        raise failure from error


def _compile() -> None:
    """Bring `.build/contracts.json` up to date, in a process of its own: ape may have started this one."""
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "compile.py")], check=False)
    if done.returncode:
        raise click.ClickException("the contracts do not compile")


if __name__ == "__main__":
    cli()
