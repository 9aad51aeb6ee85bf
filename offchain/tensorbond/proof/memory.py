"""What the M-phase asks of a device in a slot, and each digest that follows from the question (proof.md §3).

Integers are little-endian; H is SHA-256; tags are ASCII. Labels are numbered layer by layer: label i of layer
l has the number l·W + i. Four labels make a block of 128 bytes; hashed blocks are the leaves under memRoot.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import sha256

from tensorbond.proof.challenge import Due, check_bytes, check_power_of_two
from tensorbond.proof.errors import ShapeInvalid
from tensorbond.proof.merkle import depth_of

LABEL_BYTES = 32
BLOCK_LABELS = 4
BLOCK_BYTES = LABEL_BYTES * BLOCK_LABELS
PARENTS = 16
SEGMENT_STEPS = 64
"""Steps of a walker between two checkpoints."""

LABEL_SAMPLES = 64
SEGMENT_SAMPLES = 32
MEMORY_ITEMS = LABEL_SAMPLES + SEGMENT_SAMPLES
"""Items of an M-phase evidence file; the header is the leaf at this index."""

MAX_LAYERS = 65535
MIN_LAYER, MAX_LAYER = BLOCK_LABELS, 1 << 18
MAX_WALKERS = 1 << 16
MAX_SEGMENTS = 256
MAX_CAP_BITS = 11

MEMORY_KINDS = 32
"""Of 256 values of a beacon's kind byte, those that make the slot an M-phase."""


@dataclass(frozen=True)
class MemoryShape:
    """The dimensions of an M-phase: `layers` of `W` labels, then `walkers` of `steps` each.

    layers is in 1..65535, W a power of two in 4..2^18, walkers one in 1..2^16, steps a multiple of 64 in
    64..16384. Raises ShapeInvalid.
    """

    layers: int
    W: int
    walkers: int
    steps: int

    def __post_init__(self) -> None:
        if not 1 <= self.layers <= MAX_LAYERS:
            raise ShapeInvalid("layers", self.layers, f"1..{MAX_LAYERS}")
        check_power_of_two("W", self.W, MIN_LAYER, MAX_LAYER)
        check_power_of_two("walkers", self.walkers, 1, MAX_WALKERS)
        last = MAX_SEGMENTS * SEGMENT_STEPS
        if not SEGMENT_STEPS <= self.steps <= last or self.steps % SEGMENT_STEPS:
            need = f"a multiple of {SEGMENT_STEPS} in {SEGMENT_STEPS}..{last}"
            raise ShapeInvalid("steps", self.steps, need)

    @property
    def labels(self) -> int:
        return self.layers * self.W

    @property
    def blocks(self) -> int:
        return self.labels // BLOCK_LABELS

    @property
    def depth(self) -> int:
        """Levels between the leaves (padded with zeros) and memRoot."""
        return depth_of(self.blocks)

    @property
    def cap_bits(self) -> int:
        """Levels between memRoot and the cap, whose 2^cap_bits nodes the header carries."""
        return min(MAX_CAP_BITS, self.depth // 2)

    @property
    def lower(self) -> int:
        """Levels between the leaves and the cap: the length of an opening's path."""
        return self.depth - self.cap_bits

    @property
    def segments(self) -> int:
        return self.steps // SEGMENT_STEPS

    @property
    def walk_depth(self) -> int:
        return depth_of(self.walkers)

    @property
    def data_bytes(self) -> int:
        """Bytes of all labels."""
        return LABEL_BYTES * self.labels

    @property
    def bytes_moved(self) -> int:
        """Bytes that the fill and all walks read and write, by the rule of proof.md §3."""
        return 544 * self.labels + BLOCK_BYTES * self.walkers * self.steps


@dataclass(frozen=True)
class MemoryChallenge(Due):
    """An M-phase benchmark that is due."""

    shape: MemoryShape

    @property
    def salt(self) -> bytes:
        place = struct.pack("<Q20sQQ", self.chain_id, self.provider, self.device, self.slot)
        return sha256(b"GPOW1/M" + self.beacon + place + struct.pack("<I", self.shape.layers)).digest()


@dataclass(frozen=True)
class LabelSample:
    """Item `index` (0..63) opens label `number` with its parents."""

    index: int
    number: int


@dataclass(frozen=True)
class SegmentSample:
    """Item `index` (64..95) opens steps 64·segment .. 64·segment + 63 of a walker."""

    index: int
    walker: int
    segment: int


def is_memory_slot(beacon: bytes) -> bool:
    """Whether the slot's phase is M, where the class has one: one slot in eight."""
    check_bytes("beacon", beacon, 32)
    return sha256(b"GPOW1/kind" + beacon).digest()[0] < MEMORY_KINDS


def memory_commitment(mem_root: bytes, walk_root: bytes) -> bytes:
    return sha256(b"GPOW1/MC" + mem_root + walk_root).digest()


def walk_start(mem_root: bytes, walker: int) -> bytes:
    """A walker's state before its first step: 32 words, 128 bytes."""
    stem = b"GPOW1/W" + mem_root
    return b"".join(sha256(stem + struct.pack("<II", walker, j)).digest() for j in range(4))


def next_checkpoint(checkpoint: bytes, state_digest: bytes) -> bytes:
    """h_{j+1} from h_j and H(state after 64(j+1) steps); h_0 is 32 zero bytes."""
    return sha256(checkpoint + state_digest).digest()


def label_samples(commitment: bytes, sample_beacon: bytes, shape: MemoryShape) -> tuple[LabelSample, ...]:
    """The 64 labels that the sample beacon asks a commitment to open; one may be asked for twice."""
    words = _sample_words(b"GPOW1/Q2", commitment, sample_beacon, LABEL_SAMPLES)
    return tuple(LabelSample(i, first % shape.labels) for i, (first, _) in enumerate(words))


def segment_samples(commitment: bytes, sample_beacon: bytes, shape: MemoryShape) -> tuple[SegmentSample, ...]:
    """The 32 walk segments that the sample beacon asks a commitment to open."""
    words = _sample_words(b"GPOW1/Q3", commitment, sample_beacon, SEGMENT_SAMPLES)
    return tuple(
        SegmentSample(LABEL_SAMPLES + i, first % shape.walkers, second % shape.segments)
        for i, (first, second) in enumerate(words)
    )


def _sample_words(tag: bytes, commitment: bytes, sample_beacon: bytes, count: int) -> list[tuple[int, int]]:
    check_bytes("commitment", commitment, 32)
    check_bytes("sample beacon", sample_beacon, 32)
    words = []
    for index in range(count):
        digest = sha256(tag + commitment + sample_beacon + struct.pack("<I", index)).digest()
        first, second = struct.unpack_from("<QQ", digest)
        words.append((first, second))
    return words
