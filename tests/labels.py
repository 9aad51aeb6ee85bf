"""The M-phase written down from proof.md §3, slowly and with nothing of `tensorbond.proof` in it; and provers
that go astray where a test wants them to."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

MASK = 0xFFFFFFFF
STEPS = 64
LABEL_SAMPLES, SEGMENT_SAMPLES = 64, 32
SAMPLES = LABEL_SAMPLES + SEGMENT_SAMPLES


def H(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


def philox(counter: Sequence[int], key: Sequence[int]) -> tuple[int, int, int, int]:
    """Philox4x32-10."""
    x0, x1, x2, x3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * x0, 0xCD9E8D57 * x2
        x0, x1, x2, x3 = (p1 >> 32) ^ x1 ^ k0, p1 & MASK, (p0 >> 32) ^ x3 ^ k1, p0 & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return x0, x1, x2, x3


def tree_of(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """All levels over the leaves, zero-padded to a power of two."""
    level = list(leaves)
    while len(level) & (len(level) - 1):
        level.append(bytes(32))
    levels = [level]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([H(below[i], below[i + 1]) for i in range(0, len(below), 2)])
    return levels


def path_in(levels: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    return [level[(index >> height) ^ 1] for height, level in enumerate(levels[:-1])]


def step(state: Sequence[int], block: bytes) -> list[int]:
    words = struct.unpack("<32I", block)
    y = [(s * 0x9E3779B1 & MASK) ^ word for s, word in zip(state, words, strict=True)]
    sums = [(y[k] + y[(k + 9) & 31]) & MASK for k in range(32)]
    return [(s << 13 | s >> 19) & MASK for s in sums]


def bytes_of(state: Sequence[int]) -> bytes:
    return struct.pack("<32I", *state)


@dataclass(frozen=True)
class Dimensions:
    layers: int
    layer_bits: int
    walker_bits: int
    segments: int

    @property
    def labels(self) -> int:
        return self.layers << self.layer_bits

    @property
    def blocks(self) -> int:
        return self.labels // 4

    @property
    def depth(self) -> int:
        return (self.blocks - 1).bit_length()

    @property
    def cap_bits(self) -> int:
        return min(11, self.depth // 2)

    @property
    def lower(self) -> int:
        return self.depth - self.cap_bits

    @property
    def walkers(self) -> int:
        return 1 << self.walker_bits

    @property
    def words(self) -> list[int]:
        """As the Solidity harness takes it."""
        return [self.layers, self.layer_bits, self.walker_bits, self.segments]


def salt_of(beacon: bytes, chain_id: int, provider: bytes, device: int, slot: int, layers: int) -> bytes:
    return H(
        b"GPOW1/M", beacon, struct.pack("<Q", chain_id), provider, struct.pack("<QQI", device, slot, layers)
    )


def parents_of(dimensions: Dimensions, salt: bytes, number: int) -> list[int]:
    layer, i = number >> dimensions.layer_bits, number & ((1 << dimensions.layer_bits) - 1)
    if layer == 0:
        return []
    s = struct.unpack("<4I", salt[:16])
    below = layer << dimensions.layer_bits
    parents = [number - (1 << dimensions.layer_bits)]
    for j in range(1, 16):
        x = philox((i, layer, j >> 2, s[2]), (s[0], s[1] ^ 0x4D))[j & 3]
        parents.append(x * below >> 32)
    return parents


def label_of(salt: bytes, number: int, parents: Sequence[bytes]) -> bytes:
    return H(struct.pack("<IIQ", 0x4F504731, 0x4C, number), salt[:16], *parents)


@dataclass
class Memory:
    """A whole M-phase. What it gets wrong is set before anything is read from it."""

    dimensions: Dimensions
    salt: bytes
    # Labels that are replaced as soon as they are made: what is made of them is made of the wrong ones.
    wrong_labels: dict[int, bytes] = field(default_factory=dict)
    # (walker, segment): the state at the segment's end is replaced, and walked on from.
    wrong_ends: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    wrong_starts: dict[int, list[int]] = field(default_factory=dict)
    # h before the first segment, which should be zero, by walker.
    wrong_before: dict[int, bytes] = field(default_factory=dict)

    @cached_property
    def labels(self) -> list[bytes]:
        labels: list[bytes] = []
        for number in range(self.dimensions.labels):
            parents = [labels[p] for p in parents_of(self.dimensions, self.salt, number)]
            label = label_of(self.salt, number, parents)
            labels.append(self.wrong_labels.get(number, label))
        return labels

    def block(self, number: int) -> bytes:
        return b"".join(self.labels[4 * number : 4 * number + 4])

    @cached_property
    def tree(self) -> list[list[bytes]]:
        return tree_of([H(self.block(b)) for b in range(self.dimensions.blocks)])

    @property
    def mem_root(self) -> bytes:
        return self.tree[-1][0]

    def start(self, walker: int) -> list[int]:
        if walker in self.wrong_starts:
            return self.wrong_starts[walker]
        digests = [H(b"GPOW1/W", self.mem_root, struct.pack("<II", walker, j)) for j in range(4)]
        return list(struct.unpack("<32I", b"".join(digests)))

    def block_asked(self, state: Sequence[int]) -> int:
        return state[0] * self.dimensions.blocks >> 32

    @cached_property
    def states(self) -> list[list[list[int]]]:
        """By walker, the state at every checkpoint, the start first."""
        found = []
        for walker in range(self.dimensions.walkers):
            state = self.start(walker)
            states = [state]
            for segment in range(self.dimensions.segments):
                for _ in range(STEPS):
                    state = step(state, self.block(self.block_asked(state)))
                state = self.wrong_ends.get((walker, segment), state)
                states.append(state)
            found.append(states)
        return found

    @cached_property
    def chains(self) -> list[list[bytes]]:
        """By walker, h_0 .. h_S."""
        found = []
        for walker, states in enumerate(self.states):
            chain = [self.wrong_before.get(walker, bytes(32))]
            for state in states[1:]:
                chain.append(H(chain[-1], H(bytes_of(state))))
            found.append(chain)
        return found

    @cached_property
    def walk_tree(self) -> list[list[bytes]]:
        return tree_of([chain[-1] for chain in self.chains])

    @property
    def walk_root(self) -> bytes:
        return self.walk_tree[-1][0]

    @property
    def commitment(self) -> bytes:
        return H(b"GPOW1/MC", self.mem_root, self.walk_root)

    # What is opened

    def path(self, number: int) -> list[bytes]:
        return path_in(self.tree, number)

    def walk_path(self, walker: int) -> list[bytes]:
        return path_in(self.walk_tree, walker)

    @property
    def cap(self) -> list[bytes]:
        return self.tree[self.dimensions.lower]

    def opening(self, number: int) -> bytes:
        return self.block(number) + b"".join(self.path(number)[: self.dimensions.lower])

    def cap_path(self, number: int) -> list[bytes]:
        return self.path(number)[self.dimensions.lower :]

    def label_blocks(self, number: int) -> list[int]:
        return [n // 4 for n in (number, *parents_of(self.dimensions, self.salt, number))]

    def segment_blocks(self, walker: int, segment: int) -> list[int]:
        state, blocks = self.states[walker][segment], []
        for _ in range(STEPS):
            blocks.append(self.block_asked(state))
            state = step(state, self.block(blocks[-1]))
        return blocks

    def label_item(self, number: int) -> bytes:
        openings = b"".join(map(self.opening, self.label_blocks(number)))
        whole = 17 * (128 + 32 * self.dimensions.lower)
        return struct.pack("<Q", number) + openings + bytes(whole - len(openings))

    def segment_item(self, walker: int, segment: int) -> bytes:
        states, chain = self.states[walker], self.chains[walker]
        later = b"".join(H(bytes_of(state)) for state in states[segment + 2 :])
        return b"".join(
            (
                struct.pack("<II", walker, segment),
                chain[segment - 1] if segment else bytes(32),
                bytes_of(states[segment]),
                *map(self.opening, self.segment_blocks(walker, segment)),
                later + bytes(32 * (self.dimensions.segments - 1) - len(later)),
                *self.walk_path(walker),
            )
        )

    @property
    def header(self) -> bytes:
        return b"".join((self.mem_root, self.walk_root, *self.cap))

    def caps(self, blocks: Sequence[int], count: int) -> bytes:
        """The paths from the cap to memRoot over `count` openings; zeros where there are fewer blocks."""
        paths = b"".join(node for number in blocks for node in self.cap_path(number))
        return paths + bytes(32 * self.dimensions.cap_bits * count - len(paths))

    def label_opening(self, number: int) -> bytes:
        caps = self.caps(self.label_blocks(number), 17)
        return self.mem_root + self.walk_root + self.label_item(number) + caps

    def segment_opening(self, walker: int, segment: int) -> bytes:
        caps = self.caps(self.segment_blocks(walker, segment), STEPS)
        end = H(bytes_of(self.states[walker][segment + 1]))
        return self.mem_root + self.walk_root + self.segment_item(walker, segment) + caps + end

    # What is asked

    def sample(self, sample_beacon: bytes, index: int) -> tuple[int, int]:
        """(label, 0), or (walker, segment)."""
        label = index < LABEL_SAMPLES
        tag, number = (b"GPOW1/Q2", index) if label else (b"GPOW1/Q3", index - LABEL_SAMPLES)
        digest = H(tag, self.commitment, sample_beacon, struct.pack("<I", number))
        first, second = struct.unpack_from("<QQ", digest)
        if label:
            return first % self.dimensions.labels, 0
        return first % self.dimensions.walkers, second % self.dimensions.segments

    @cached_property
    def _items(self) -> dict[tuple[bytes, int], bytes]:
        return {}

    def item(self, sample_beacon: bytes, index: int) -> bytes:
        known = self._items.get((sample_beacon, index))
        if known is None:
            place = self.sample(sample_beacon, index)
            known = self.label_item(place[0]) if index < LABEL_SAMPLES else self.segment_item(*place)
            self._items[sample_beacon, index] = known
        return known

    def blocks_of(self, sample_beacon: bytes, index: int) -> list[int]:
        place = self.sample(sample_beacon, index)
        return self.label_blocks(place[0]) if index < LABEL_SAMPLES else self.segment_blocks(*place)


class DeepMemory(Memory):
    """An M-phase as large as a card's, of which only what is opened exists: blocks of bytes that nobody made,
    under a tree that is zero everywhere else; and one walker of one segment that leads nowhere.

    Name all labels, and whether the walk, that are going to be opened before anything is read."""

    def __init__(
        self, dimensions: Dimensions, salt: bytes, labels: Sequence[int] = (), walk: bool = False
    ) -> None:
        super().__init__(dimensions, salt)
        numbers = {block for label in labels for block in self.label_blocks(label)}
        if walk:
            numbers |= set(self.segment_blocks(0, 1))
        self._nodes: list[dict[int, bytes]] = [{number: H(self.block(number)) for number in numbers}]
        self._empty = [bytes(32)]
        for _ in range(dimensions.depth):
            below, empty = self._nodes[-1], self._empty[-1]
            parents = {number >> 1 for number in below}
            self._nodes.append({n: H(below.get(2 * n, empty), below.get(2 * n + 1, empty)) for n in parents})
            self._empty.append(H(empty, empty))

    def _node(self, height: int, number: int) -> bytes:
        return self._nodes[height].get(number, self._empty[height])

    def block(self, number: int) -> bytes:
        return b"".join(H(self.salt, struct.pack("<QI", number, j)) for j in range(4))

    @property
    def mem_root(self) -> bytes:
        return self._node(self.dimensions.depth, 0)

    @cached_property
    def states(self) -> list[list[list[int]]]:
        return [[list(range(n, n + 32)) for n in range(self.dimensions.segments + 1)]]

    @property
    def walk_root(self) -> bytes:
        root = self.chains[0][-1]
        for empty in self._walk_path:
            root = H(root, empty)
        return root

    @property
    def _walk_path(self) -> list[bytes]:
        empty = [bytes(32)]
        for _ in range(1, self.dimensions.walker_bits):
            empty.append(H(empty[-1], empty[-1]))
        return empty[: self.dimensions.walker_bits]

    def walk_path(self, walker: int) -> list[bytes]:
        return self._walk_path

    def path(self, number: int) -> list[bytes]:
        return [self._node(height, (number >> height) ^ 1) for height in range(self.dimensions.depth)]

    @property
    def cap(self) -> list[bytes]:
        return [self._node(self.dimensions.lower, n) for n in range(1 << self.dimensions.cap_bits)]
