"""A sealed bid: what it commits to, and the file that keeps its salt until it is revealed."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tensorbond.chain.errors import BidFileInvalid


@dataclass(frozen=True)
class Bid:
    """Who offers to do which job with which device for how much (the payment token's smallest unit)."""

    chain_id: int
    auction: str
    job: int
    provider: str
    device: int
    price: int
    salt: bytes

    @classmethod
    def sealed(cls, chain_id: int, auction: str, job: int, provider: str, device: int, price: int) -> Bid:
        """With a new salt: 32 random bytes, because prices can be guessed."""
        return cls(chain_id, auction, job, provider, device, price, secrets.token_bytes(32))

    @property
    def hash(self) -> bytes:
        """As `SealedAuction.bidHash`."""
        types = ["uint256", "address", "uint256", "address", "uint256", "uint96", "bytes32"]
        return keccak(encode(types, list(vars(self).values())))

    def save(self, path: Path) -> None:
        """Write a new file, for its owner's eyes only: whoever loses the salt can't reveal."""
        text = json.dumps(asdict(self) | {"salt": "0x" + self.salt.hex()}, indent=2) + "\n"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise BidFileInvalid(f"{path} cannot be written: {error.strerror}") from error
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    @classmethod
    def load(cls, path: Path) -> Bid:
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return cls(**data | {"salt": bytes.fromhex(data["salt"].removeprefix("0x"))})
        except OSError as error:
            raise BidFileInvalid(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BidFileInvalid(f"{path} is not a sealed bid") from error
