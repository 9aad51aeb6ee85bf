"""What is published of a deployment leads from the code on chain to the source in this folder."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from tensorbond.chain.artifacts import CONTRACTS
from tensorbond.chain.deployment import Deployment
from tensorbond.chain.publication import publish
from tests.anvil import ROOT
from tests.chain import Chain, project_artifacts, system_artifacts


def varint(number: int) -> bytes:
    parts = []
    while True:
        number, low = number >> 7, number & 0x7F
        parts.append(low | (0x80 if number else 0))
        if not number:
            return bytes(parts)


def ipfs_digest(content: bytes) -> bytes:
    """SHA-256 of a file as IPFS stores it: one block of at most 256 KiB, in UnixFS, in a Merkle-DAG node."""
    assert len(content) <= 1 << 18
    size = varint(len(content))
    file = b"\x08\x02\x12" + size + content + b"\x18" + size
    return sha256(b"\x0a" + varint(len(file)) + file).digest()


@pytest.mark.parametrize("name", CONTRACTS)
def test_metadata__of_a_contract__is_named_by_its_code_and_names_this_source(name: str) -> None:
    artifact = project_artifacts()[name]
    metadata = artifact.metadata.encode()
    trailer = artifact.deployed_bytecode[-2 - int.from_bytes(artifact.deployed_bytecode[-2:], "big") :]
    assert b"ipfs\x58\x22\x12\x20" + ipfs_digest(metadata) in trailer
    sources = json.loads(metadata)["sources"]
    assert any(path.startswith(("contracts/", "node_modules/")) for path in sources)
    for path, source in sources.items():
        assert "0x" + keccak((ROOT / path).read_bytes()).hex() == source["keccak256"], path


@pytest.mark.chain
def test_publish__a_deployment__writes_addresses_and_metadata(
    chain: Chain, deployment_file: Path, tmp_path: Path
) -> None:
    deployment = Deployment.load(deployment_file)

    written = publish(system_artifacts(), deployment, tmp_path)

    assert {path.relative_to(tmp_path).as_posix() for path in written} == {
        "addresses.json",
        *(f"metadata/{name}.json" for name in CONTRACTS),
    }
    told = json.loads((tmp_path / "addresses.json").read_text())
    assert told["contracts"] == {name: chain.address[name] for name in CONTRACTS}
    assert told["tokens"] == {"TUSD": chain.address["TestDollar"]}
    assert (told["network"], told["chainId"]) == ("test", 31337)
    assert told["firstBlock"] == deployment.first_block
    assert (told["governor"], told["guardian"]) == (deployment.governor, deployment.guardian)
    compiled = json.loads((tmp_path / "metadata" / "JobEscrow.json").read_text())
    assert compiled["settings"]["compilationTarget"] == {"contracts/JobEscrow.sol": "JobEscrow"}
