"""What the compiler made of the contracts: `.build/contracts.json`, written by `scripts/compile.py`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from tensorbond.chain.abi import Abi
from tensorbond.chain.errors import ArtifactMissing

# Every contract of the system, in the order of deployment. `AccessManager` is OpenZeppelin's.
CONTRACTS = (
    "AccessManager",
    "TensorbondToken",
    "ProviderStaking",
    "DeviceRegistry",
    "Challenges",
    "Attestations",
    "ComputeProofs",
    "MemoryProofs",
    "LeafProofs",
    "WorkDisputes",
    "AttestationDisputes",
    "Rewards",
    "JobEscrow",
    "LeaseEscrow",
    "OrderBook",
    "OracleArbiter",
    "SealedAuction",
)

_CHECKOUT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Artifact:
    """One compiled contract."""

    name: str
    entries: list[dict[str, Any]]
    bytecode: bytes
    deployed_bytecode: bytes
    immutable_references: Mapping[str, list[dict[str, int]]]
    # The compiler's own JSON, byte for byte.
    metadata: str = ""

    @cached_property
    def abi(self) -> Abi:
        return Abi(self.name, self.entries)

    def code_matches(self, code: bytes) -> bool:
        """Whether `code` is this contract's runtime code, whatever its immutables hold."""
        return self._masked(code) == self._masked(self.deployed_bytecode)

    def _masked(self, code: bytes) -> bytes:
        masked = bytearray(code)
        for places in self.immutable_references.values():
            for place in places:
                end = min(place["start"] + place["length"], len(masked))
                masked[place["start"] : end] = bytes(max(end - place["start"], 0))
        return bytes(masked)

    @classmethod
    def from_json(cls, name: str, data: Mapping[str, Any]) -> Artifact:
        return cls(
            name=name,
            entries=data["abi"],
            bytecode=bytes.fromhex(data["bytecode"].removeprefix("0x")),
            deployed_bytecode=bytes.fromhex(data["deployed_bytecode"].removeprefix("0x")),
            immutable_references=data.get("immutable_references") or {},
            metadata=data.get("metadata", ""),
        )


@dataclass(frozen=True)
class Artifacts:
    """The compiled contracts by name."""

    contracts: Mapping[str, Artifact]

    def __getitem__(self, name: str) -> Artifact:
        try:
            return self.contracts[name]
        except KeyError:
            raise ArtifactMissing(f"no compiled contract is named {name}") from None

    def __contains__(self, name: object) -> bool:
        return name in self.contracts


@cache
def load(path: Path | None = None) -> Artifacts:
    """Read the compiled contracts: `path`, or `TENSORBOND_ARTIFACTS`, or the checkout's
    `.build/contracts.json`."""
    path = path or Path(os.environ.get("TENSORBOND_ARTIFACTS") or _CHECKOUT / ".build" / "contracts.json")
    try:
        found = json.loads(path.read_text())["contracts"]
    except FileNotFoundError:
        raise ArtifactMissing(f"{path} does not exist: run `make compile`") from None
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ArtifactMissing(f"{path} is not what scripts/compile.py writes") from error
    return Artifacts({name: Artifact.from_json(name, data) for name, data in found.items()})


def code_hash(code: bytes) -> bytes:
    return keccak(code)
