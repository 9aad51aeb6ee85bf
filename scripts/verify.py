"""Verify a network: is it what its deployment file and this source say?

    python scripts/verify.py --network devnet --rpc URL

Compares code, constructor arguments, roles with their delays, and parameters with
`deployments/<network>.json`, and that with `deployments/params/<network>.toml` and with what a front end
reads, `deployments/<network>/addresses.json`, where they exist.
Exit code 0: all of it agrees; 1: something does not; 2: could not tell (no answer, another chain, no file).
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tensorbond.chain import artifacts
from tensorbond.chain.deployment import Deployment
from tensorbond.chain.errors import DeploymentInvalid
from tensorbond.chain.network import Network
from tensorbond.chain.parameters import Parameters
from tensorbond.chain.rpc import Rpc
from tensorbond.chain.verification import Report, verify
from tensorbond.errors import TensorbondError

ROOT = Path(__file__).resolve().parent.parent

_file = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Verify a network")
@click.option(
    "--rpc", multiple=True, envvar="TENSORBOND_RPC", default=["http://127.0.0.1:8545"], show_default=True
)
@click.option("--network", default="devnet", show_default=True, help="The deployment's name.")
@click.option("--deployment", type=_file, help="Its file.  [default: deployments/NETWORK.json]")
@click.option("--config", type=_file, help="Its parameters.  [default: deployments/params/NETWORK.toml]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def cli(
    rpc: tuple[str, ...], network: str, deployment: Path | None, config: Path | None, as_json: bool
) -> None:
    """Verify a network: is it what its deployment file and this source say?

    Exit code 0: it is; 1: something differs; 2: could not tell."""
    try:
        _compile()
        file = deployment or ROOT / "deployments" / f"{network}.json"
        told = Deployment.load(file)
        published = _published(file.with_suffix("") / "addresses.json")
        path = config or ROOT / "deployments" / "params" / f"{network}.toml"
        parameters = Parameters.load(path) if config or path.exists() else None
        endpoints = Rpc(rpc, chain_id=told.chain_id, timeout=30.0)
        try:
            report = verify(Network(endpoints, told, artifacts.load()), parameters, published)
        finally:
            endpoints.close()
    except TensorbondError as error:
        if as_json:
            click.echo(json.dumps({"network": network, "ok": None, "error": str(error)}, indent=2))
        else:
            click.echo(f"could not tell: {error}", err=True)
        sys.exit(2)
    if published is None:
        report.notes.append("there is no addresses.json beside the deployment file")
    click.echo(json.dumps(_jsonable(network, told, report), indent=2) if as_json else _text(network, report))
    sys.exit(0 if report.ok else 1)


def _published(path: Path) -> dict[str, Any] | None:
    """What was written for a front end, if anything was. Raises `DeploymentInvalid`."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DeploymentInvalid(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise DeploymentInvalid(f"{path} is not an object")
    return found


def _jsonable(network: str, deployment: Deployment, report: Report) -> dict[str, Any]:
    return {
        "network": network,
        "chain_id": deployment.chain_id,
        "block": report.block.number,
        "ok": report.ok,
        "findings": [asdict(finding) for finding in report.findings],
        "notes": report.notes,
        "compared": report.compared,
    }


def _text(network: str, report: Report) -> str:
    compared = ", ".join(f"{count} of {check}" for check, count in report.compared.items())
    verdict = "is what it should be" if report.ok else f"differs in {len(report.findings)} values"
    return "\n".join(
        [
            f"{network} at block {report.block.number} {verdict}; compared: {compared}",
            *map(str, report.findings),
            *(f"note: {note}" for note in report.notes),
        ]
    )


def _compile() -> None:
    """Bring `.build/contracts.json` up to date, in a process of its own."""
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "compile.py")], check=False)
    if done.returncode:
        raise TensorbondError("the contracts do not compile")


if __name__ == "__main__":
    cli()
