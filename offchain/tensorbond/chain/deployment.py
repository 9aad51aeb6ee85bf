"""`deployments/<network>.json`: where a network's contracts are, and what they were made with."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

from eth_utils.crypto import keccak
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, ValidationError

from tensorbond.chain.artifacts import CONTRACTS
from tensorbond.chain.errors import DeploymentInvalid
from tensorbond.chain.rpc import Rpc
from tensorbond.chain.types import DeviceClass, Timing

FOLDER = Path("deployments")
ESCROWS = ("JobEscrow", "LeaseEscrow")
# What the governor may set to another number, by "Contract.view"; a file that lacks one tells nothing of it.
SETTINGS = tuple(f"{escrow}.feeBps" for escrow in ESCROWS)

_Address = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")]
_Hash = Annotated[str, Field(pattern="^0x[0-9a-f]{64}$")]


def jsonable(value: Any) -> Any:
    """Integers that a double cannot hold become decimal strings, bytes become hex."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 53 else str(value)
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, dict):
        return {key: jsonable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: jsonable(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ContractRecord(_Model):
    """One deployed contract."""

    address: _Address
    block: int
    transaction: _Hash
    # keccak256 of the runtime code
    code_hash: _Hash
    constructor: Annotated[dict[str, Any], PlainSerializer(jsonable)]


class Deployment(_Model):
    """A deployed network."""

    network: str
    chain_id: int
    deployer: _Address
    governor: _Address
    # Seconds that a governor's call waits.
    governor_delay: int
    guardian: _Address
    timing: Timing
    classes: Annotated[tuple[DeviceClass, ...], PlainSerializer(jsonable)]
    contracts: dict[str, ContractRecord]
    tokens: dict[str, _Address]
    # What each escrow may hold of a token, in its smallest unit: by escrow and symbol.
    caps: Annotated[dict[str, dict[str, int]], PlainSerializer(jsonable)]
    # What the governor may change, by "Contract.view". Whoever changes it changes it here, too.
    settings: dict[str, int]
    # Timing entries after the first.
    schedule: tuple[Timing, ...] = ()

    @classmethod
    def load(cls, path_or_name: str | Path) -> Deployment:
        """Read a file, or `deployments/<name>.json` of the working directory."""
        path = locate(path_or_name)
        try:
            deployment = cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise DeploymentInvalid(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, ValidationError) as error:
            raise DeploymentInvalid(f"{path} is not a deployment: {error}") from error
        for verb, names in (("lacks", deployment._missing()), ("knows no", deployment._unknown())):
            if names:
                raise DeploymentInvalid(f"{path} {verb} {', '.join(names)}")
        return deployment

    def _missing(self) -> list[str]:
        return [
            *(name for name in CONTRACTS if name not in self.contracts),
            *(f"settings.{name}" for name in SETTINGS if name not in self.settings),
            *(name for name in self._cap_names() if name not in self._told_caps()),
        ]

    def _unknown(self) -> list[str]:
        """A number that nothing compares would look as if it were."""
        caps = self._cap_names()
        return [
            *(f"settings.{name}" for name in self.settings if name not in SETTINGS),
            *(name for name in self._told_caps() if name not in caps),
        ]

    def _cap_names(self) -> list[str]:
        return [f"caps.{escrow}.{symbol}" for escrow in ESCROWS for symbol in self.tokens]

    def _told_caps(self) -> list[str]:
        return [f"caps.{escrow}.{symbol}" for escrow, caps in self.caps.items() for symbol in caps]

    def save(self, path: Path) -> None:
        write_atomically(path, json.dumps(self.model_dump(mode="json"), indent=2) + "\n")

    def address(self, contract: str) -> str:
        try:
            return self.contracts[contract].address
        except KeyError:
            raise DeploymentInvalid(f"{self.network} has no contract {contract}") from None

    @property
    def first_block(self) -> int:
        """The block of the first deployed contract: no event of ours is older."""
        return min(record.block for record in self.contracts.values())

    def verify(self, rpc: Rpc) -> None:
        """Raise `DeploymentInvalid` unless the chain holds exactly this code at these addresses."""
        calls = [("eth_getCode", (record.address, "latest")) for record in self.contracts.values()]
        codes = rpc.batch(calls)
        for (name, record), code in zip(self.contracts.items(), codes, strict=True):
            have = "0x" + keccak(hexstr=code).hex()
            if code in ("0x", None, ""):
                raise DeploymentInvalid(f"{self.network}: there is no {name} at {record.address}")
            if have != record.code_hash:
                raise DeploymentInvalid(
                    f"{self.network}: {name} at {record.address} has code hash {have}, "
                    f"need {record.code_hash}"
                )


def locate(path_or_name: str | Path) -> Path:
    path = Path(path_or_name)
    return path if path.suffix == ".json" or path.exists() else FOLDER / f"{path}.json"


def write_atomically(path: Path, text: str) -> None:
    """A reader finds the old file or the new one, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
