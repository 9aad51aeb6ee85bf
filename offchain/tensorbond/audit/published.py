"""Leaf data as oracles publish them, read without the oracle's code: what is under a root, row by row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from eth_abi.abi import encode
from eth_abi.exceptions import EncodingError
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from tensorbond.errors import TensorbondError
from tensorbond.store import Store

DEPTH = 20
MAX_BYTES = 1 << 28


class LeafDataUnreadable(TensorbondError):
    """What the store holds under an epoch's name is no leaf data."""


@dataclass(frozen=True)
class Row:
    """One outcome."""

    slot: int
    kind: int
    result: int
    throughput: int
    witness: bytes
    item: int
    job: int

    @property
    def duty(self) -> tuple[int, int, int]:
        """What was due: (slot, kind, job)."""
        return self.slot, self.kind, self.job

    def encoded(self) -> bytes:
        return encode(["(uint32,uint8,uint8,uint32,bytes32,uint32,uint64)"], [tuple(vars(self).values())])

    def __str__(self) -> str:
        told = f"slot {self.slot} kind {self.kind} result {self.result} throughput {self.throughput}"
        return f"{told} witness 0x{self.witness.hex()} item {self.item} job {self.job}"


@dataclass(frozen=True)
class LeafRow:
    """One leaf with its outcomes."""

    device: int
    provider: str
    class_id: int
    due_c: int = 0
    passed_c: int = 0
    idle_c: int = 0
    due_m: int = 0
    passed_m: int = 0
    idle_m: int = 0
    due_roll: int = 0
    passed_roll: int = 0
    idle_roll: int = 0
    min_gops: int = 0
    min_bandwidth: int = 0
    vram: int = 0
    weight: int = 0
    cumulative_reward: int = 0
    outcomes_root: bytes = bytes(32)
    outcome_count: int = 0
    rows: tuple[Row, ...] = ()

    def encoded(self) -> bytes:
        kinds = ",".join(["uint16"] * 9)
        types = f"(uint32,address,uint8,{kinds},uint32,uint32,uint64,uint96,uint128,bytes32,uint16)"
        return encode([types], [tuple(getattr(self, name) for name in LEAF_FIELDS)])


LEAF_FIELDS = tuple(each.name for each in fields(LeafRow) if each.name != "rows")

Leaves = Mapping[int, LeafRow]
"""By device."""


def read_published(store: Store, chain_id: int, epoch: int, root: bytes) -> Leaves:
    """Raises `StoreError`, or `LeafDataUnreadable` for data that can't be what they claim to be."""
    raw = store.get(f"attestations/{chain_id}/{epoch}/{root.hex()}.json", MAX_BYTES)
    leaves: dict[int, LeafRow] = {}
    try:
        for told in json.loads(raw)["leaves"]:
            rows = tuple(Row(**_fields(row, [each.name for each in fields(Row)])) for row in told["outcomes"])
            leaf = LeafRow(**_fields(told, LEAF_FIELDS), rows=rows)
            if leaf.device in leaves:
                raise ValueError(f"device {leaf.device} twice")
            if leaf.device >> DEPTH:
                raise ValueError(f"device {leaf.device} has no place in the tree")
            leaves[leaf.device] = leaf
        digest_of(leaves)
        root_of(leaves)
    except (
        AttributeError,
        EncodingError,
        LookupError,
        OverflowError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise LeafDataUnreadable(f"leaf data of epoch {epoch}: {error!r}") from error
    return leaves


def digest_of(leaves: Leaves) -> bytes:
    """keccak256 over each leaf's encoding followed by its outcomes', ascending by device."""
    parts: list[bytes] = []
    for device in sorted(leaves):
        parts.append(leaves[device].encoded())
        parts.extend(row.encoded() for row in leaves[device].rows)
    return keccak(b"".join(parts))


def root_of(leaves: Leaves) -> tuple[bytes, int]:
    """Root and total weight of the Merkle-sum tree with leaf number `device` for each device."""
    absent = (bytes(32), 0)
    level = {device: (keccak(leaf.encoded()), leaf.weight) for device, leaf in leaves.items()}
    for _ in range(DEPTH):
        above: dict[int, tuple[bytes, int]] = {}
        for parent in {index // 2 for index in level}:
            left, right = level.get(2 * parent, absent), level.get(2 * parent + 1, absent)
            joined = left[0] + left[1].to_bytes(12, "big") + right[0] + right[1].to_bytes(12, "big")
            above[parent] = (keccak(joined), left[1] + right[1])
        level = above
    return level.get(0, absent)


def outcomes_root_of(rows: Sequence[Row]) -> bytes:
    """Zero for no rows; else keccak256 over pairs, padded with zeros to a power of two."""
    if not rows:
        return bytes(32)
    level = [keccak(row.encoded()) for row in rows]
    while len(level) & (len(level) - 1):
        level.append(bytes(32))
    while len(level) > 1:
        level = [keccak(left + right) for left, right in zip(level[::2], level[1::2], strict=True)]
    return level[0]


def _fields(told: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: _value(told[_camel(name)], name) for name in names}


def _value(told: Any, name: str) -> Any:
    if name == "provider":
        return to_checksum_address(told)
    if name not in ("witness", "outcomes_root"):
        return int(told)
    value = bytes.fromhex(told.removeprefix("0x"))
    if len(value) != 32:
        raise ValueError(f"{name} has {len(value)} bytes")
    return value


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.title() for part in tail)
