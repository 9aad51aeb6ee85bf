"""The system as the project's own code compiles and deploys it, written down for forge.

`python -m tests.forge.world` writes `.build/forge/`: `alloc.json`, every account's code and storage, and
`world.json`, the contracts' addresses by name, the block and its timestamp.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from contextlib import closing
from pathlib import Path

from tests.anvil import ROOT
from tests.chain import Chain, project_artifacts
from tests.system import deploy_system, free_anvil

FOLDER = ROOT / ".build" / "forge"


def write_world(folder: Path = FOLDER) -> None:
    """Deploy on an anvil of its own and write down what is there then."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        free_anvil() as anvil,
        closing(Chain(anvil.url, project_artifacts())) as chain,
    ):
        deploy_system(chain, Path(scratch) / "forge.json")
        state = json.loads(gzip.decompress(bytes.fromhex(chain.rpc.request("anvil_dumpState")[2:])))
        world = {"address": chain.address, "block": chain.block_number, "timestamp": chain.timestamp}
    alloc = {
        address: {
            "balance": account["balance"],
            "nonce": hex(account["nonce"]),
            "code": account["code"],
            "storage": account["storage"],
        }
        for address, account in state["accounts"].items()
    }
    (folder / "tally").mkdir(parents=True, exist_ok=True)
    (folder / "alloc.json").write_text(json.dumps(alloc))
    (folder / "world.json").write_text(json.dumps(world, indent=1))


if __name__ == "__main__":
    write_world()
