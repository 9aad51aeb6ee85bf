"""The evidence file of the C-phase, and the tree over either kind that the provider signs (proof.md §4).

Little-endian, no padding; the version tells the profile (1: W1, 2: W2), the shape every length after it:

    "GPOW1EV\\0" ‖ u16 version ‖ u64 chainId ‖ provider20 ‖ u64 device ‖ u64 slot ‖ u32 m, n, K, R, q
    ‖ beacon32 ‖ sampleBeacon32 ‖ commitment32 ‖ q items ‖ root_0 .. root_{R−1} ‖ finalSeed32 ‖ signature65

    item: u32 round ‖ u32 tile ‖ 256 × i32 entries ‖ tile path ‖ seed_t ‖ round path (paths leaf to root)

Items stay raw bytes until `parse_item`: a bad item must survive decoding, for it is shown to the chain as is.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from tensorbond.proof import merkle
from tensorbond.proof.challenge import TILE, U32_END, Challenge, Shape, check_bytes, check_range
from tensorbond.proof.errors import (
    ItemCountWrong,
    ItemLengthWrong,
    LinesInvalid,
    PathDepthWrong,
    RootCountWrong,
)
from tensorbond.proof.memory import MemoryShape
from tensorbond.proof.memory_evidence import MEMORY_MAGIC, MemoryEvidence, memory_evidence_length
from tensorbond.proof.wire import MAX_EVIDENCE_BYTES, PLACE, UNSIGNED, Format, check_length, split
from tensorbond.proof.workload import Entries

__all__ = [
    "MAX_EVIDENCE_BYTES",
    "UNSIGNED",
    "AnyEvidence",
    "Evidence",
    "Item",
    "decode_evidence",
    "encode_item",
    "evidence_leaves",
    "evidence_length",
    "evidence_name",
    "evidence_path",
    "evidence_root",
    "header_leaf",
    "item_leaf",
    "item_length",
    "parse_item",
]

MAGIC = b"GPOW1EV\0"
VERSIONS = (1, 2)
"""By profile."""

_SHAPE = struct.Struct("<IIIII32s32s32s")
_HEAD_BYTES = PLACE.size + _SHAPE.size
_FORMAT = Format(MAGIC, VERSIONS, _HEAD_BYTES)
_ITEM_HEAD = struct.Struct("<II")
_ENTRIES_BYTES = 4 * TILE * TILE


@dataclass(frozen=True, eq=False)
class Item:
    """One opened tile: int32 entries of shape (16, 16), both paths from leaf to root, the round's seed."""

    round: int
    tile: int
    entries: Entries
    tile_path: tuple[bytes, ...]
    seed: bytes
    round_path: tuple[bytes, ...]


@dataclass(frozen=True)
class Evidence:
    """One evidence file. `items` are raw, one for each sample, and may be bad; all lengths fit the shape.

    `signature` is the provider's r ‖ s ‖ v over (commitment, evidenceRoot); this package does not judge it.
    Raises ItemCountWrong, ItemLengthWrong, RootCountWrong, FieldInvalid.
    """

    challenge: Challenge
    sample_beacon: bytes
    commitment: bytes
    items: tuple[bytes, ...]
    roots: tuple[bytes, ...]
    final_seed: bytes
    signature: bytes = UNSIGNED

    def __post_init__(self) -> None:
        shape = self.challenge.shape
        check_bytes("sample beacon", self.sample_beacon, 32)
        check_bytes("commitment", self.commitment, 32)
        check_bytes("final seed", self.final_seed, 32)
        check_bytes("signature", self.signature, 65)
        if len(self.items) != shape.q:
            raise ItemCountWrong(len(self.items), shape.q)
        length = item_length(shape)
        for item in self.items:
            if len(item) != length:
                raise ItemLengthWrong(len(item), length)
        if len(self.roots) != shape.R:
            raise RootCountWrong(len(self.roots), shape.R)
        for root in self.roots:
            check_bytes("root", root, 32)

    def sign(self, signature: bytes) -> Evidence:
        """The same evidence under another signature."""
        return replace(self, signature=signature)

    @property
    def header(self) -> bytes:
        """The bytes of the header leaf."""
        return b"".join((*self.roots, self.final_seed))

    def encode(self) -> bytes:
        due, shape = self.challenge, self.challenge.shape
        version = VERSIONS[shape.profile]
        place = PLACE.pack(MAGIC, version, due.chain_id, due.provider, due.device, due.slot)
        beacons = due.beacon, self.sample_beacon, self.commitment
        dimensions = _SHAPE.pack(shape.m, shape.n, shape.K, shape.R, shape.q, *beacons)
        return b"".join((place, dimensions, *self.items, self.header, self.signature))

    @classmethod
    def decode(cls, data: bytes, limit: int = MAX_EVIDENCE_BYTES) -> Evidence:
        """Reads exactly one file; allocates nothing before its length agrees with the declared shape.

        Raises EvidenceOversized, EvidenceMagicWrong, EvidenceVersionUnknown, EvidenceTruncated,
        EvidenceTrailing, ShapeInvalid.
        """
        _FORMAT.check_start(data, limit)
        _, version, chain_id, provider, device, slot = PLACE.unpack_from(data)
        m, n, K, R, q, beacon, sample_beacon, commitment = _SHAPE.unpack_from(data, PLACE.size)
        shape = Shape(m, n, K, R, q, VERSIONS.index(version))
        check_length(data, evidence_length(shape))
        items_end = _HEAD_BYTES + q * item_length(shape)
        roots_end = items_end + 32 * R
        return cls(
            challenge=Challenge(beacon, chain_id, provider, device, slot, shape),
            sample_beacon=sample_beacon,
            commitment=commitment,
            items=split(data[_HEAD_BYTES:items_end], item_length(shape)),
            roots=split(data[items_end:roots_end], 32),
            final_seed=bytes(data[roots_end : roots_end + 32]),
            signature=bytes(data[roots_end + 32 :]),
        )


AnyEvidence = Evidence | MemoryEvidence


def decode_evidence(data: bytes, limit: int = MAX_EVIDENCE_BYTES) -> AnyEvidence:
    """Reads exactly one file of either kind, told by its magic. Raises what `Evidence.decode` raises."""
    kind = MemoryEvidence if data[:6] == MEMORY_MAGIC[:6] else Evidence
    return kind.decode(data, limit)


def item_length(shape: Shape) -> int:
    """Bytes of every item of the class."""
    return _ITEM_HEAD.size + _ENTRIES_BYTES + 32 * (shape.tile_depth + 1 + shape.round_depth)


def evidence_length(shape: Shape | MemoryShape) -> int:
    """Bytes of every evidence file of the class in a slot of the shape's phase."""
    if isinstance(shape, MemoryShape):
        return memory_evidence_length(shape)
    return _HEAD_BYTES + shape.q * item_length(shape) + 32 * (shape.R + 1) + len(UNSIGNED)


def encode_item(shape: Shape, item: Item) -> bytes:
    """Raises PathDepthWrong, FieldInvalid, LinesInvalid when the item does not fit the class."""
    check_range("round", item.round, U32_END - 1)
    check_range("tile", item.tile, U32_END - 1)
    check_bytes("seed", item.seed, 32)
    if item.entries.shape != (TILE, TILE):
        raise LinesInvalid("tile", item.entries.shape, f"shape {(TILE, TILE)}")
    for path, depth in ((item.tile_path, shape.tile_depth), (item.round_path, shape.round_depth)):
        if len(path) != depth:
            raise PathDepthWrong(len(path), depth)
        for node in path:
            check_bytes("path node", node, 32)
    entries = item.entries.astype("<i4").tobytes()
    head = _ITEM_HEAD.pack(item.round, item.tile)
    return b"".join((head, entries, *item.tile_path, item.seed, *item.round_path))


def parse_item(shape: Shape, data: bytes) -> Item:
    """Any bytes of the class's item length are an item, if a bad one. Raises ItemLengthWrong."""
    if len(data) != item_length(shape):
        raise ItemLengthWrong(len(data), item_length(shape))
    round_index, tile = _ITEM_HEAD.unpack_from(data)
    entries = np.frombuffer(data, "<i4", TILE * TILE, _ITEM_HEAD.size).astype(np.int32)
    nodes = split(data[_ITEM_HEAD.size + _ENTRIES_BYTES :], 32)
    return Item(
        round=round_index,
        tile=tile,
        entries=entries.reshape(TILE, TILE),
        tile_path=nodes[: shape.tile_depth],
        seed=nodes[shape.tile_depth],
        round_path=nodes[shape.tile_depth + 1 :],
    )


def item_leaf(index: int, item: bytes) -> bytes:
    """The leaf of the evidence tree for item `index`, whose raw bytes are `item`."""
    check_range("index", index, U32_END - 1)
    return sha256(b"GPOW1/E" + struct.pack("<I", index) + item).digest()


def header_leaf(evidence: AnyEvidence) -> bytes:
    """The leaf of the evidence tree behind the last item: the header."""
    return item_leaf(len(evidence.items), evidence.header)


def evidence_leaves(evidence: AnyEvidence) -> tuple[bytes, ...]:
    """All item leaves, the header leaf, and zero leaves up to a power of two."""
    items = [item_leaf(index, item) for index, item in enumerate(evidence.items)]
    return merkle.pad([*items, header_leaf(evidence)])


def evidence_root(evidence: AnyEvidence) -> bytes:
    """The root that the provider signs together with the commitment."""
    return merkle.root_of(evidence_leaves(evidence))


def evidence_path(evidence: AnyEvidence, index: int) -> tuple[bytes, ...]:
    """The path of a leaf (an item's index, or the number of items for the header) under the evidence root.

    Leaf to root. Raises FieldInvalid for any other index: padding is nothing that one opens.
    """
    check_range("evidence leaf", index, len(evidence.items))
    return merkle.path_of(merkle.build(evidence_leaves(evidence)), index)


def evidence_name(chain_id: int, device: int, slot: int, commitment: bytes) -> str:
    """The file's name in a store: "chainId/device/slot/commitment", the last as hex without 0x."""
    check_bytes("commitment", commitment, 32)
    return f"{chain_id}/{device}/{slot}/{commitment.hex()}"
