"""The system as the project's own code compiles and deploys it, written down for forge.

`python -m tests.forge.world` writes `.build/forge/`: `alloc.json`, every account's code and storage;
`world.json`, the contracts' addresses by name, the block and its timestamp, and the code of what is tested by
itself; and `calls.json`, every function that changes something, for the play in which a stranger calls
anything.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from tensorbond.chain.abi import Parameter
from tensorbond.chain.artifacts import CONTRACTS, Artifact
from tests.anvil import ROOT
from tests.chain import Chain, project_artifacts, test_artifacts
from tests.system import deploy_system, free_anvil

FOLDER = ROOT / ".build" / "forge"
# Structs of which the play knows real ones: a letter each for `HostilePlay._encode`.
KNOWN = {"struct Job": "J", "struct Lease": "L", "struct LeafProof": "P", "struct Commit": "C"}
# Of an enum the ABI says no more than that it is a byte: as many members as are tried.
MEMBERS = 4


def write_world(folder: Path = FOLDER) -> None:
    """Deploy on an anvil of its own and write down what is there then."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        free_anvil() as anvil,
        closing(Chain(anvil.url, project_artifacts())) as chain,
    ):
        deploy_system(chain, Path(scratch) / "forge.json")
        state = json.loads(gzip.decompress(bytes.fromhex(chain.rpc.request("anvil_dumpState")[2:])))
        address = dict(chain.address)
        world = {"address": address, "block": chain.block_number, "timestamp": chain.timestamp}
    alloc = {
        account_address: {
            "balance": account["balance"],
            "nonce": hex(account["nonce"]),
            "code": account["code"],
            "storage": account["storage"],
        }
        for account_address, account in state["accounts"].items()
    }
    # The library behind the harness needs more stack than forge has, which compiles without the optimizer.
    harness = test_artifacts("MerkleSumHarness")["MerkleSumHarness"]
    world["code"] = {
        "OrderBook": alloc[address["OrderBook"].lower()]["code"],
        "MerkleSumHarness": "0x" + harness.deployed_bytecode.hex(),
    }
    (folder / "tally").mkdir(parents=True, exist_ok=True)
    (folder / "alloc.json").write_text(json.dumps(alloc))
    (folder / "world.json").write_text(json.dumps(world, indent=1))
    (folder / "calls.json").write_text(json.dumps(calls(address), indent=1))


def calls(address: Mapping[str, str]) -> dict[str, list[Any]]:
    """Three columns: the contract, the function's selector, and the types of its arguments."""
    artifacts = project_artifacts()
    rows = [
        (address[name], int.from_bytes(selector), "0x" + program(entry["inputs"]).hex())
        for name in CONTRACTS
        for selector, entry in _verbs(artifacts[name])
    ]
    target, selector, programs = zip(*rows, strict=True)
    return {"target": list(target), "selector": list(selector), "program": list(programs)}


def _verbs(artifact: Artifact) -> Iterator[tuple[bytes, dict[str, Any]]]:
    for entry in artifact.entries:
        if entry["type"] == "function" and entry["stateMutability"] in ("nonpayable", "payable"):
            types = (Parameter.from_json(parameter).type for parameter in entry["inputs"])
            yield keccak(f"{entry['name']}({','.join(types)})".encode())[:4], entry


def program(parameters: list[dict[str, Any]]) -> bytes:
    """The types of a tuple of these, as `HostilePlay._encode` reads them: a letter and a number each."""
    return b"(" + bytes([len(parameters)]) + b"".join(_type(parameter) for parameter in parameters)


def _type(parameter: Mapping[str, Any]) -> bytes:
    kind, internal = parameter["type"], parameter.get("internalType", "")
    if kind.endswith("]"):
        element, _, size = kind[:-1].rpartition("[")
        inner = _type({**parameter, "type": element, "internalType": internal.rpartition("[")[0]})
        return (b"{" + bytes([int(size)]) if size else b"[\0") + inner
    if internal in KNOWN:
        return KNOWN[internal].encode() + b"\0"
    if kind == "tuple":
        return program(parameter["components"])
    if internal.startswith("enum "):
        return b"e" + bytes([MEMBERS])
    if kind.startswith("uint"):
        return b"u" + bytes([int(kind[4:]) // 8])
    if kind == "bool":
        return b"e\2"
    if kind == "address":
        return b"a\0"
    if kind in ("bytes", "string"):
        return b"b\0"
    return b"w" + bytes([int(kind.removeprefix("bytes"))])


if __name__ == "__main__":
    write_world()
