"""What others need to know of a deployment, beside its file: addresses for a front end, and the compiler's
metadata, by which Sourcify shows that the code on chain was made from this source."""

from __future__ import annotations

import json
from pathlib import Path

from tensorbond.chain.artifacts import Artifacts
from tensorbond.chain.deployment import Deployment, write_atomically


def publish(artifacts: Artifacts, deployment: Deployment, folder: Path) -> list[Path]:
    """Write `addresses.json` and `metadata/<Contract>.json`. Returns what was written."""
    addresses = folder / "addresses.json"
    write_atomically(addresses, json.dumps(addresses_of(deployment), indent=2) + "\n")
    written = [addresses]
    for name in deployment.contracts:
        path = folder / "metadata" / f"{name}.json"
        # As the compiler wrote it: its hash is the last thing in the code on chain.
        write_atomically(path, artifacts[name].metadata)
        written.append(path)
    return written


def addresses_of(deployment: Deployment) -> dict[str, object]:
    """Names and addresses as JavaScript spells them."""
    return {
        "network": deployment.network,
        "chainId": deployment.chain_id,
        "firstBlock": deployment.first_block,
        "governor": deployment.governor,
        "guardian": deployment.guardian,
        "contracts": {name: record.address for name, record in deployment.contracts.items()},
        "tokens": dict(deployment.tokens),
    }
