"""An epoch's leaves with their outcomes: what stands under a root, and the file in which it is published.

The file is canonical JSON (sorted keys, no spaces, wei as decimal strings, field names as in Solidity), so
one epoch under one root has exactly one encoding.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Protocol

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from tensorbond.chain.types import ZERO_ADDRESS, Leaf, LeafProof, Outcome, OutcomeProof
from tensorbond.oracle.errors import LeafDataInvalid, LeafUnknown
from tensorbond.oracle.tree import (
    ZERO,
    Tree,
    build_tree,
    encode_leaf,
    encode_outcome,
    outcome_path,
    outcomes_root,
)

VERSION = 1
MAX_BYTES = 1 << 28


class Readable(Protocol):
    """As much of a store as reading leaf data takes."""

    def get(self, name: str, limit: int) -> bytes: ...


@dataclass(frozen=True)
class EpochData:
    """`leaves` ascending by device; `outcomes` of every leaf, in the order of its outcomesRoot."""

    chain_id: int
    epoch: int
    leaves: Mapping[int, Leaf]
    outcomes: Mapping[int, Sequence[Outcome]]

    @cached_property
    def tree(self) -> Tree:
        return build_tree(self.leaves.values())

    @property
    def root(self) -> bytes:
        return self.tree.root

    @property
    def total_weight(self) -> int:
        return self.tree.total

    @cached_property
    def data_digest(self) -> bytes:
        """keccak256 over each leaf's encoding followed by its outcomes', ascending by device."""
        parts: list[bytes] = []
        for device in sorted(self.leaves):
            parts.append(encode_leaf(self.leaves[device]))
            parts.extend(map(encode_outcome, self.outcomes[device]))
        return keccak(b"".join(parts))

    def leaf(self, device: int) -> Leaf:
        try:
            return self.leaves[device]
        except KeyError:
            raise LeafUnknown(f"epoch {self.epoch} has no leaf for device {device}") from None

    def leaf_proof(self, device: int) -> LeafProof:
        return LeafProof(self.epoch, self.leaf(device), self.tree.path(device))

    def leaves_proof(self, devices: Iterable[int]) -> tuple[list[Leaf], bytes]:
        """What `Rewards.claimMany` takes: leaves in order of id, and the path that they share."""
        found = sorted(set(devices))
        return [self.leaf(device) for device in found], self.tree.paths(found)

    def outcome_proof(self, device: int, slot: int, job: int = 0) -> OutcomeProof:
        """Of the device's drawn slot, or of the draw that `job` forced."""
        self.leaf(device)
        rows = self.outcomes[device]
        for index, row in enumerate(rows):
            if (row.slot, row.job) == (slot, job):
                return OutcomeProof(row, index, outcome_path(rows, index))
        raise LeafUnknown(
            f"device {device} has no outcome for slot {slot} and job {job} in epoch {self.epoch}"
        )

    def encode(self) -> bytes:
        shown = {
            "version": VERSION,
            "chainId": self.chain_id,
            "epoch": self.epoch,
            "root": _hex(self.root),
            "totalWeight": str(self.total_weight),
            "dataDigest": _hex(self.data_digest),
            "leaves": [
                _show(self.leaves[device]) | {"outcomes": [_show(row) for row in self.outcomes[device]]}
                for device in sorted(self.leaves)
            ],
        }
        return json.dumps(shown, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def parse(cls, raw: bytes) -> EpochData:
        """What the bytes tell, be it consistent and in canonical form or not, as far as a leaf can. Raises
        LeafDataInvalid."""
        with _explained():
            told = json.loads(raw)
            if type(told["version"]) is not int or told["version"] != VERSION:
                raise LeafDataInvalid(f"leaf data of version {told['version']!r}, this reads {VERSION}")
            leaves = [_parse(Leaf, row) for row in told["leaves"]]
            rows = [tuple(_parse(Outcome, each) for each in row["outcomes"]) for row in told["leaves"]]
            return cls(
                _int(told["chainId"]),
                _int(told["epoch"]),
                {leaf.device: leaf for leaf in leaves},
                {leaf.device: each for leaf, each in zip(leaves, rows, strict=True)},
            )

    @classmethod
    def decode(cls, raw: bytes) -> EpochData:
        """Raises LeafDataInvalid unless the bytes are exactly what `encode` gives."""
        data = cls.parse(raw)
        with _explained():
            for device, leaf in data.leaves.items():
                rows = data.outcomes[device]
                if (leaf.outcomes_root, leaf.outcome_count) != (outcomes_root(rows), len(rows)):
                    raise LeafDataInvalid(f"the outcomes of device {device} are not those of its leaf")
            canonical = data.encode()
        if canonical != raw:
            raise LeafDataInvalid("leaf data are not in canonical form")
        return data


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError, AttributeError) as error:
        raise LeafDataInvalid(f"leaf data do not decode: {error!r}") from error


def data_name(chain_id: int, epoch: int, root: bytes) -> str:
    """Where an epoch's leaf data lie in an evidence store."""
    return f"attestations/{chain_id}/{epoch}/{root.hex()}.json"


def decode_epoch(raw: bytes, chain_id: int, epoch: int, root: bytes) -> EpochData:
    """The leaf data, checked against the root; raises LeafDataInvalid."""
    data = EpochData.decode(raw)
    have, need = (data.chain_id, data.epoch, data.root), (chain_id, epoch, root)
    if have != need:
        raise LeafDataInvalid(f"leaf data are about (chain, epoch, root) {have}, not {need}")
    return data


def load_epoch(store: Readable, chain_id: int, epoch: int, root: bytes) -> EpochData:
    """The leaf data under an epoch's root, from a store; raises its errors, or LeafDataInvalid."""
    return decode_epoch(store.get(data_name(chain_id, epoch, root), MAX_BYTES), chain_id, epoch, root)


NO_LEAF = Leaf(**{each.name: 0 for each in fields(Leaf)} | {"provider": ZERO_ADDRESS, "outcomes_root": ZERO})  # type: ignore[arg-type]
"""What stands for the leaf of an empty place."""


def no_leaves(chain_id: int) -> EpochData:
    """What stands before the first attestation."""
    return EpochData(chain_id, 0, {}, {})


_WEI = {"weight", "cumulative_reward"}
_BYTES = {"witness", "outcomes_root"}
_STRINGS = {"provider"}
_BITS = {
    "device": 32,
    "class_id": 8,
    "min_gops": 32,
    "min_bandwidth": 32,
    "vram": 64,
    "weight": 96,
    "cumulative_reward": 128,
    "slot": 32,
    "kind": 8,
    "result": 8,
    "throughput": 32,
    "item": 32,
    "job": 64,
}
"""Of the numbers as Solidity has them; of the counts 16."""


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.title() for part in tail)


def _show(struct: Leaf | Outcome) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for field in fields(struct):
        value = getattr(struct, field.name)
        if field.name in _WEI:
            value = str(value)
        elif field.name in _BYTES:
            value = _hex(value)
        shown[_camel(field.name)] = value
    return shown


def _parse(kind: type[Any], told: Mapping[str, Any]) -> Any:
    values = []
    for field in fields(kind):
        value = told[_camel(field.name)]
        if field.name in _WEI:
            value = int(_str(value))
        elif field.name in _BYTES:
            value = bytes.fromhex(_str(value).removeprefix("0x"))
        else:
            value = _str(value) if field.name in _STRINGS else _int(value)
        # What no calldata can hold, no proof can be about: such data show nothing.
        if isinstance(value, int) and not 0 <= value < 1 << _BITS.get(field.name, 16):
            raise ValueError(f"{field.name} {value} doesn't fit")
        if isinstance(value, str) and value != to_checksum_address(value):
            raise ValueError(f"{value} is no address in its canonical form")
        if isinstance(value, bytes) and len(value) != 32:
            raise ValueError(f"{field.name} of {len(value)} bytes")
        values.append(value)
    return kind(*values)


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _int(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is no integer")
    return value


def _str(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no string")
    return value
