"""The evidence file of the M-phase: what a provider publishes about one memory challenge.

Version 1, little-endian, no padding; the shape in the file fixes every length after it:

    "GPOW1MV\\0" ‖ u16 version ‖ u64 chainId ‖ provider20 ‖ u64 device ‖ u64 slot
    ‖ u32 layers, W, walkers, steps ‖ beacon32 ‖ sampleBeacon32 ‖ commitment32
    ‖ 64 label items ‖ 32 segment items ‖ header ‖ signature65

    label item:   u64 number ‖ opening of its own block
                  ‖ 16 openings of the blocks of p_0 .. p_15 (zeros in layer 0)
    segment item: u32 walker ‖ u32 segment c ‖ h_{c−1} (zeros if c = 0) ‖ start state 128
                  ‖ 64 openings in step order
                  ‖ (segments − 1) × H(state) at the checkpoints after this segment's own end, then zeros
                  ‖ the walker's path under walkRoot
    opening:      block 128 ‖ path, leaf to below the cap
    header:       memRoot ‖ walkRoot ‖ cap: the 2^cap_bits nodes at that many levels below memRoot

Items stay raw bytes until they are parsed: a bad item must survive decoding, for it is shown to the chain as
is.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tensorbond.proof.challenge import U32_END, U64_END, check_bytes, check_range
from tensorbond.proof.errors import CapCountWrong, ItemCountWrong, ItemLengthWrong, PathDepthWrong
from tensorbond.proof.memory import (
    BLOCK_BYTES,
    LABEL_SAMPLES,
    MEMORY_ITEMS,
    PARENTS,
    SEGMENT_SAMPLES,
    SEGMENT_STEPS,
    MemoryChallenge,
    MemoryShape,
)
from tensorbond.proof.wire import MAX_EVIDENCE_BYTES, PLACE, UNSIGNED, Format, check_length, split

MEMORY_MAGIC = b"GPOW1MV\0"
MEMORY_VERSION = 1

_SHAPE = struct.Struct("<IIII32s32s32s")
_HEAD_BYTES = PLACE.size + _SHAPE.size
_FORMAT = Format(MEMORY_MAGIC, (MEMORY_VERSION,), _HEAD_BYTES)
_SEGMENT_HEAD = struct.Struct("<II32s128s")


@dataclass(frozen=True)
class Opening:
    """A block of four labels and its path to the cap, leaf first."""

    block: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class LabelItem:
    """An opened label: openings[0] holds it, openings[1 + j] its parent p_j."""

    number: int
    openings: tuple[Opening, ...]


@dataclass(frozen=True)
class SegmentItem:
    """An opened segment; `before` is h_{c−1}, `digests` are segments − 1 state digests, the last c unused."""

    walker: int
    segment: int
    before: bytes
    start: bytes
    openings: tuple[Opening, ...]
    digests: tuple[bytes, ...]
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class MemoryEvidence:
    """One M-phase evidence file. `items` are raw, 64 labels then 32 segments, and may be bad.

    `signature` is the provider's r ‖ s ‖ v over (commitment, evidenceRoot); this package does not judge it.
    Raises ItemCountWrong, ItemLengthWrong, CapCountWrong, FieldInvalid.
    """

    challenge: MemoryChallenge
    sample_beacon: bytes
    commitment: bytes
    items: tuple[bytes, ...]
    mem_root: bytes
    walk_root: bytes
    cap: tuple[bytes, ...]
    signature: bytes = UNSIGNED

    def __post_init__(self) -> None:
        shape = self.challenge.shape
        check_bytes("sample beacon", self.sample_beacon, 32)
        check_bytes("commitment", self.commitment, 32)
        check_bytes("memory root", self.mem_root, 32)
        check_bytes("walk root", self.walk_root, 32)
        check_bytes("signature", self.signature, 65)
        if len(self.items) != MEMORY_ITEMS:
            raise ItemCountWrong(len(self.items), MEMORY_ITEMS)
        for index, item in enumerate(self.items):
            check_memory_item(shape, index, item)
        if len(self.cap) != 1 << shape.cap_bits:
            raise CapCountWrong(len(self.cap), 1 << shape.cap_bits)
        for node in self.cap:
            check_bytes("cap node", node, 32)

    @property
    def header(self) -> bytes:
        """The bytes of the header leaf."""
        return b"".join((self.mem_root, self.walk_root, *self.cap))

    def sign(self, signature: bytes) -> MemoryEvidence:
        """The same evidence under another signature."""
        return replace(self, signature=signature)

    def encode(self) -> bytes:
        due, shape = self.challenge, self.challenge.shape
        place = PLACE.pack(MEMORY_MAGIC, MEMORY_VERSION, due.chain_id, due.provider, due.device, due.slot)
        beacons = due.beacon, self.sample_beacon, self.commitment
        dimensions = _SHAPE.pack(shape.layers, shape.W, shape.walkers, shape.steps, *beacons)
        return b"".join((place, dimensions, *self.items, self.header, self.signature))

    @classmethod
    def decode(cls, data: bytes, limit: int = MAX_EVIDENCE_BYTES) -> MemoryEvidence:
        """Reads exactly one file; allocates nothing before its length agrees with the declared shape.

        Raises EvidenceOversized, EvidenceMagicWrong, EvidenceVersionUnknown, EvidenceTruncated,
        EvidenceTrailing, ShapeInvalid.
        """
        _FORMAT.check_start(data, limit)
        _, _, chain_id, provider, device, slot = PLACE.unpack_from(data)
        layers, W, walkers, steps, beacon, sample_beacon, commitment = _SHAPE.unpack_from(data, PLACE.size)
        shape = MemoryShape(layers, W, walkers, steps)
        check_length(data, memory_evidence_length(shape))
        labels_end = _HEAD_BYTES + LABEL_SAMPLES * label_item_length(shape)
        items_end = labels_end + SEGMENT_SAMPLES * segment_item_length(shape)
        header = split(data[items_end : -len(UNSIGNED)], 32)
        return cls(
            challenge=MemoryChallenge(beacon, chain_id, provider, device, slot, shape),
            sample_beacon=sample_beacon,
            commitment=commitment,
            items=(
                *split(data[_HEAD_BYTES:labels_end], label_item_length(shape)),
                *split(data[labels_end:items_end], segment_item_length(shape)),
            ),
            mem_root=header[0],
            walk_root=header[1],
            cap=header[2:],
            signature=bytes(data[-len(UNSIGNED) :]),
        )


def opening_length(shape: MemoryShape) -> int:
    return BLOCK_BYTES + 32 * shape.lower


def label_item_length(shape: MemoryShape) -> int:
    return 8 + (1 + PARENTS) * opening_length(shape)


def segment_item_length(shape: MemoryShape) -> int:
    hashes = shape.segments - 1 + shape.walk_depth
    return _SEGMENT_HEAD.size + SEGMENT_STEPS * opening_length(shape) + 32 * hashes


def memory_item_length(shape: MemoryShape, index: int) -> int:
    """Bytes of item `index` (0..95) of every evidence file of the class."""
    check_range("item", index, MEMORY_ITEMS - 1)
    return label_item_length(shape) if index < LABEL_SAMPLES else segment_item_length(shape)


def memory_header_length(shape: MemoryShape) -> int:
    return 64 + (32 << shape.cap_bits)


def memory_evidence_length(shape: MemoryShape) -> int:
    """Bytes of every evidence file of the class."""
    items = LABEL_SAMPLES * label_item_length(shape) + SEGMENT_SAMPLES * segment_item_length(shape)
    return _HEAD_BYTES + items + memory_header_length(shape) + len(UNSIGNED)


def encode_label_item(shape: MemoryShape, item: LabelItem) -> bytes:
    """Raises ItemCountWrong, PathDepthWrong or FieldInvalid when the item does not fit the class."""
    check_range("label number", item.number, U64_END - 1)
    return struct.pack("<Q", item.number) + _join_openings(shape, item.openings, 1 + PARENTS)


def parse_label_item(shape: MemoryShape, data: bytes) -> LabelItem:
    """Any bytes of the right length are an item, if a bad one. Raises ItemLengthWrong."""
    check_memory_item(shape, 0, data)
    return LabelItem(int.from_bytes(data[:8], "little"), _split_openings(shape, data[8:]))


def encode_segment_item(shape: MemoryShape, item: SegmentItem) -> bytes:
    """Raises ItemCountWrong, PathDepthWrong or FieldInvalid when the item does not fit the class."""
    check_range("walker", item.walker, U32_END - 1)
    check_range("segment", item.segment, U32_END - 1)
    check_bytes("checkpoint", item.before, 32)
    check_bytes("start state", item.start, BLOCK_BYTES)
    digests = _join_path(item.digests, shape.segments - 1)
    path = _join_path(item.path, shape.walk_depth)
    head = _SEGMENT_HEAD.pack(item.walker, item.segment, item.before, item.start)
    return head + _join_openings(shape, item.openings, SEGMENT_STEPS) + digests + path


def parse_segment_item(shape: MemoryShape, data: bytes) -> SegmentItem:
    """Any bytes of the right length are an item, if a bad one. Raises ItemLengthWrong."""
    start, end = _SEGMENT_HEAD.size, _SEGMENT_HEAD.size + SEGMENT_STEPS * opening_length(shape)
    return replace(parse_segment_frame(shape, data), openings=_split_openings(shape, data[start:end]))


def parse_segment_frame(shape: MemoryShape, data: bytes) -> SegmentItem:
    """The item without its openings. Raises ItemLengthWrong."""
    check_memory_item(shape, LABEL_SAMPLES, data)
    walker, segment, before, start = _SEGMENT_HEAD.unpack_from(data)
    hashes = split(data[_SEGMENT_HEAD.size + SEGMENT_STEPS * opening_length(shape) :], 32)
    return SegmentItem(
        walker=walker,
        segment=segment,
        before=before,
        start=start,
        openings=(),
        digests=hashes[: shape.segments - 1],
        path=hashes[shape.segments - 1 :],
    )


def openings_bytes(shape: MemoryShape, index: int, data: bytes) -> bytes:
    """The part of raw item `index` (0..95) that holds its openings, one behind the other."""
    first, count = (8, 1 + PARENTS) if index < LABEL_SAMPLES else (_SEGMENT_HEAD.size, SEGMENT_STEPS)
    return data[first : first + count * opening_length(shape)]


def check_memory_item(shape: MemoryShape, index: int, data: bytes) -> None:
    """Raises ItemLengthWrong unless the raw item has the length of its place."""
    need = memory_item_length(shape, index)
    if len(data) != need:
        raise ItemLengthWrong(len(data), need)


def _join_openings(shape: MemoryShape, openings: Sequence[Opening], count: int) -> bytes:
    if len(openings) != count:
        raise ItemCountWrong(len(openings), count)
    for opening in openings:
        check_bytes("block", opening.block, BLOCK_BYTES)
    return b"".join(opening.block + _join_path(opening.path, shape.lower) for opening in openings)


def _join_path(path: Sequence[bytes], depth: int) -> bytes:
    if len(path) != depth:
        raise PathDepthWrong(len(path), depth)
    for node in path:
        check_bytes("path node", node, 32)
    return b"".join(path)


def _split_openings(shape: MemoryShape, data: bytes) -> tuple[Opening, ...]:
    return tuple(
        Opening(piece[:BLOCK_BYTES], split(piece[BLOCK_BYTES:], 32))
        for piece in split(data, opening_length(shape))
    )
