"""What is asked of a device in a slot, and each digest that follows from the question (proof.md §1, §2).

Integers are little-endian; H is SHA-256; tags are ASCII.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import sha256

from tensorbond.proof.errors import FieldInvalid, ShapeInvalid
from tensorbond.proof.merkle import depth_of

TILE = 16
"""Rows and columns of a tile."""

MIN_LINES, MAX_LINES = 256, 32768
MIN_DEPTH, MAX_DEPTH = 1024, 32768
MAX_ROUNDS = 65536
MAX_SAMPLES = 16384

W1, W2 = 0, 1
"""The profiles: W1 multiplies full-range int8, W2 nine-bit values, for which int8 units are too narrow."""
PROFILES = ("W1", "W2")
MAX_DEPTH_W2 = 4096

U32_END = 1 << 32
U64_END = 1 << 64


@dataclass(frozen=True)
class Shape:
    """The dimensions of a C-phase: `R` rounds of an (m×K)·(K×n) product, of which `q` tiles are opened.

    m and n are powers of two in 256..32768, K is one in 1024..32768 (W2: ..4096), R is in 1..65536, q in
    1..16384. Raises ShapeInvalid.
    """

    m: int
    n: int
    K: int
    R: int
    q: int = 256
    profile: int = W1

    def __post_init__(self) -> None:
        for name, value in (("m", self.m), ("n", self.n)):
            check_power_of_two(name, value, MIN_LINES, MAX_LINES)
        if self.profile not in (W1, W2):
            raise ShapeInvalid("profile", self.profile, "0 (W1) or 1 (W2)")
        check_power_of_two("K", self.K, MIN_DEPTH, MAX_DEPTH_W2 if self.profile == W2 else MAX_DEPTH)
        for name, value, limit in (("R", self.R, MAX_ROUNDS), ("q", self.q, MAX_SAMPLES)):
            if not 1 <= value <= limit:
                raise ShapeInvalid(name, value, f"1..{limit}")

    @property
    def tile_columns(self) -> int:
        return self.n // TILE

    @property
    def tiles(self) -> int:
        """Tiles in one round; tile t stands at tile row t // tile_columns, tile column t % tile_columns."""
        return self.m // TILE * self.tile_columns

    @property
    def tile_depth(self) -> int:
        return depth_of(self.tiles)

    @property
    def round_depth(self) -> int:
        return depth_of(self.R)

    @property
    def operations(self) -> int:
        """Multiplications and additions in all rounds, 2·m·n·K·R."""
        return 2 * self.m * self.n * self.K * self.R


@dataclass(frozen=True)
class Due:
    """Of whom a benchmark is due: `device` of `provider` (20 bytes) in `slot`, asked by `beacon` (32 bytes).

    chain_id, device and slot are u64. Raises FieldInvalid.
    """

    beacon: bytes
    chain_id: int
    provider: bytes
    device: int
    slot: int

    def __post_init__(self) -> None:
        check_bytes("beacon", self.beacon, 32)
        check_bytes("provider", self.provider, 20)
        for name, value in (("chain id", self.chain_id), ("device", self.device), ("slot", self.slot)):
            check_range(name, value, U64_END - 1)


@dataclass(frozen=True)
class Challenge(Due):
    """A C-phase benchmark that is due."""

    shape: Shape

    @property
    def first_seed(self) -> bytes:
        """seed_0."""
        shape = self.shape
        place = struct.pack("<Q20sQQ", self.chain_id, self.provider, self.device, self.slot)
        dimensions = struct.pack("<IIII", shape.m, shape.n, shape.K, shape.R)
        return sha256(b"GPOW1/S" + self.beacon + place + dimensions).digest()

    @property
    def column_seed(self) -> bytes:
        """The matrix seed of B, one for all rounds."""
        return sha256(b"GPOW1/B" + self.first_seed).digest()


@dataclass(frozen=True)
class Sample:
    """The `index`-th tile to open: `tile` of `round`."""

    index: int
    round: int
    tile: int


def row_seed(seed: bytes) -> bytes:
    """The matrix seed of A in the round whose seed is `seed`."""
    return sha256(b"GPOW1/A" + seed).digest()


def next_seed(seed: bytes, round_index: int, root: bytes) -> bytes:
    """seed_{t+1} from seed_t, t and root_t."""
    return sha256(b"GPOW1/N" + seed + struct.pack("<I", round_index) + root).digest()


def round_leaf(seed: bytes, root: bytes) -> bytes:
    """The leaf of a round under roundsRoot."""
    return sha256(seed + root).digest()


def commitment_of(final_seed: bytes, rounds_root: bytes) -> bytes:
    return sha256(b"GPOW1/C" + final_seed + rounds_root).digest()


def samples(commitment: bytes, sample_beacon: bytes, shape: Shape) -> tuple[Sample, ...]:
    """The q tiles that the sample beacon asks a commitment to open, in order; one may be asked for twice."""
    check_bytes("commitment", commitment, 32)
    check_bytes("sample beacon", sample_beacon, 32)
    stem = sha256(b"GPOW1/Q" + commitment + sample_beacon)
    asked = []
    for index in range(shape.q):
        state = stem.copy()
        state.update(struct.pack("<I", index))
        first, second = struct.unpack_from("<QQ", state.digest())
        asked.append(Sample(index, first % shape.R, second % shape.tiles))
    return tuple(asked)


def draw_word(beacon: bytes, device: int) -> int:
    """The u32 that is compared with the class's threshold."""
    check_bytes("beacon", beacon, 32)
    check_range("device", device, U64_END - 1)
    digest = sha256(b"GPOW1/draw" + beacon + struct.pack("<Q", device)).digest()
    return int.from_bytes(digest[:4], "little")


def is_drawn(beacon: bytes, device: int, threshold: int) -> bool:
    """Whether the device is drawn by itself; threshold is 0 (never) .. 2^32 (always)."""
    check_range("threshold", threshold, U32_END)
    return draw_word(beacon, device) < threshold


def is_roll_call(beacon: bytes, roll_call: int) -> bool:
    """Whether every device is drawn in the slot; roll_call is 0 (never) .. 256 (always)."""
    check_bytes("beacon", beacon, 32)
    check_range("roll call", roll_call, 256)
    return sha256(b"GPOW1/roll" + beacon).digest()[0] < roll_call


def check_bytes(name: str, value: bytes, length: int) -> None:
    """Raises FieldInvalid unless `value` has exactly `length` bytes."""
    if len(value) != length:
        raise FieldInvalid(f"length of {name}", len(value), f"{length} bytes")


def check_range(name: str, value: int, last: int) -> None:
    """Raises FieldInvalid unless `value` is in 0..last."""
    if not 0 <= value <= last:
        raise FieldInvalid(name, value, f"0..{last}")


def check_power_of_two(name: str, value: int, first: int, last: int) -> None:
    """Raises ShapeInvalid unless `value` is a power of two in first..last."""
    if not first <= value <= last or value & (value - 1):
        raise ShapeInvalid(name, value, f"a power of two in {first}..{last}")
