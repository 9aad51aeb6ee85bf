"""The M-phase on a GPU: labels in its memory, walked there, and copied back only where they are opened."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tensorbond.proof.errors import GpuMemoryExhausted, GpuWrong
from tensorbond.proof.gpu.device import Array, Device, join_levels
from tensorbond.proof.labels import Words, hash_blocks, hash_pairs
from tensorbond.proof.memory import BLOCK_BYTES, LABEL_BYTES, SEGMENT_STEPS, MemoryChallenge, MemoryShape
from tensorbond.proof.memory_prover import MemoryProof, Numbers, Progress, Tree

GROUP_HEIGHT = 8
"""Levels below the nodes that are kept: a group of 2^8 blocks is hashed again when one of them is opened."""
CHUNK_BLOCKS = 1 << 20
"""Most blocks that are hashed at a time."""
WAITED_LAYERS = 64
"""Layers that are queued before progress is told."""
KEPT_GROUPS = 1024
"""Groups that stay hashed while a proof is opened."""
FILLED_SHARE = 88
"""Of 100 parts of a card's memory, those that a class's labels should fill at least."""


def layers_for(total_bytes: int, W: int) -> int:
    """Least layers of W labels that fill the share of a card's memory that a class should."""
    return -(-total_bytes * FILLED_SHARE // (100 * LABEL_BYTES * W))


@dataclass(frozen=True)
class MemoryPlan:
    """How a class's labels and the tree over them lie in a device's memory."""

    shape: MemoryShape

    @property
    def height(self) -> int:
        """Of the lowest nodes that are kept, above the hashed blocks."""
        return min(GROUP_HEIGHT, self.shape.depth)

    @property
    def groups(self) -> int:
        """Nodes at that height, padding included."""
        return 1 << (self.shape.depth - self.height)

    @property
    def chunk_blocks(self) -> int:
        return min(CHUNK_BLOCKS, 1 << self.shape.depth)

    @property
    def bytes(self) -> int:
        """Memory of the device while proving: labels, both trees, walkers."""
        walkers = (BLOCK_BYTES + LABEL_BYTES) * self.shape.walkers + LABEL_BYTES
        return self.shape.data_bytes + 2 * LABEL_BYTES * (self.chunk_blocks + self.groups) + walkers


class Residence:
    """The one filled memory that lies on a device, if any; whoever needs the room sends it away."""

    def __init__(self) -> None:
        self._resident: weakref.ref[GpuMemory] | None = None

    def enter(self, memory: GpuMemory) -> None:
        self.clear()
        self._resident = weakref.ref(memory)

    def clear(self) -> bool:
        """Whether that has made room."""
        resident = self._resident() if self._resident is not None else None
        self._resident = None
        return resident is not None and resident.leave()


class GpuMemory:
    """Labels on a device, with the tree above groups of blocks in this process; a `Memory` for MemoryProof.

    Sent away from the device, it is filled again when it is next read.
    """

    def __init__(self, device: Device, residence: Residence, challenge: MemoryChallenge) -> None:
        self.device, self.challenge = device, challenge
        self.plan = MemoryPlan(challenge.shape)
        self._residence = residence
        self._labels: Array | None = None
        self._nodes = np.empty((0, 8), np.uint32)
        self._groups: dict[int, tuple[Words, ...]] = {}

    @property
    def root(self) -> bytes:
        return bytes(self._nodes[-1].tobytes())

    def leave(self) -> bool:
        """Gives the device its memory back; whether there was any to give."""
        had, self._labels = self._labels is not None, None
        return had

    def fill(self, count: Callable[[], None] = lambda: None) -> Array:
        """All labels, layer by layer. Raises GpuMemoryExhausted before anything is computed."""
        device, shape = self.device, self.challenge.shape
        self._residence.enter(self)
        free = device.free_bytes()
        if free < self.plan.bytes:
            raise GpuMemoryExhausted(free, self.plan.bytes)
        labels = device.empty(shape.data_bytes)
        salt = np.frombuffer(self.challenge.salt, "<u4", 4).astype(np.uint32)
        for layer in range(shape.layers):
            device.launch("fill_labels", shape.W, labels, np.uint32(layer), np.uint32(shape.W), *salt)
            if layer % WAITED_LAYERS == WAITED_LAYERS - 1:
                device.synchronize()
            count()
        device.synchronize()
        self._labels = labels
        return labels

    def hash(self) -> None:
        """Hashes all blocks and keeps the tree from its groups up."""
        device, plan, blocks = self.device, self.plan, self.challenge.shape.blocks
        labels = self._filled()
        chunk_tree, tree = device.empty(64 * plan.chunk_blocks), device.empty(64 * plan.groups)
        done = 0
        for first in range(0, blocks, plan.chunk_blocks):
            count = min(plan.chunk_blocks, blocks - first)
            if count < plan.chunk_blocks:
                blank = np.zeros(32 * (plan.chunk_blocks - count), np.uint8)
                device.write(chunk_tree[32 * count : 32 * plan.chunk_blocks], blank)
            source = labels[BLOCK_BYTES * first : BLOCK_BYTES * (first + count)]
            device.launch("hash_blocks", count, source, chunk_tree, np.uint64(count))
            groups = join_levels(device, chunk_tree, plan.chunk_blocks, plan.height)
            device.copy(tree[done : done + len(groups)], groups)
            done += len(groups)
        padding = _padding(plan.height)
        device.write(tree[done : 32 * plan.groups], np.tile(padding, plan.groups - done // 32).view(np.uint8))
        join_levels(device, tree, plan.groups, self.challenge.shape.depth - plan.height)
        self._nodes = device.read(tree[: 32 * (2 * plan.groups - 1)]).view(np.uint32).reshape(-1, 8)

    def walk(self, count: Callable[[], None] = lambda: None) -> Words:
        """Each walker's last checkpoint hash: (walkers, 8)."""
        device, shape = self.device, self.challenge.shape
        labels, walkers = self._filled(), np.uint64(shape.walkers)
        root, states = device.empty(LABEL_BYTES), device.empty(BLOCK_BYTES * shape.walkers)
        chain = device.empty(LABEL_BYTES * shape.walkers)
        device.write(root, np.frombuffer(self.root, np.uint8))
        device.write(chain, np.zeros(LABEL_BYTES * shape.walkers, np.uint8))
        device.launch("start_walkers", 4 * shape.walkers, root, states, np.uint64(4 * shape.walkers))
        for _ in range(shape.segments):
            device.launch(
                "walk_steps",
                8 * shape.walkers,
                labels,
                np.uint64(shape.blocks),
                states,
                walkers,
                np.uint32(SEGMENT_STEPS),
            )
            device.launch("chain_states", shape.walkers, states, chain, walkers)
            device.synchronize()
            count()
        ends: Words = device.read(chain).view(np.uint32).reshape(-1, 8)
        return ends

    def blocks(self, numbers: Numbers) -> Words:
        rows = self.device.read_rows(self._filled(), BLOCK_BYTES, numbers)
        found: Words = np.ascontiguousarray(rows).view(np.uint32)
        return found

    def nodes(self, height: int, numbers: Numbers) -> Words:
        above = height - self.plan.height
        if above >= 0:
            start = 2 * self.plan.groups - (2 * self.plan.groups >> above)
            kept: Words = self._nodes[start + numbers]
            return kept
        mask = (1 << -above) - 1
        found = [self._group(number >> -above)[height][number & mask] for number in numbers.tolist()]
        return np.stack(found)

    def _filled(self) -> Array:
        return self.fill() if self._labels is None else self._labels

    def _group(self, number: int) -> tuple[Words, ...]:
        """All levels of the tree over a group of blocks. Raises GpuWrong if its top is not what was kept."""
        if number not in self._groups:
            if len(self._groups) >= KEPT_GROUPS:
                self._groups.clear()
            self._groups[number] = self._hash_group(number)
        return self._groups[number]

    def _hash_group(self, number: int) -> tuple[Words, ...]:
        width = 1 << self.plan.height
        first = number * width
        end = max(first, min(first + width, self.challenge.shape.blocks))
        blocks = self.device.read(self._filled()[BLOCK_BYTES * first : BLOCK_BYTES * end])
        leaves = np.zeros((width, 8), np.uint32)
        leaves[: end - first] = hash_blocks(blocks.view(np.uint32).reshape(-1, 32))
        levels = [leaves]
        while len(levels[-1]) > 1:
            levels.append(hash_pairs(levels[-1], levels[-1][0]))
        have, need = levels[-1][0].tobytes(), self._nodes[number].tobytes()
        if have != need:
            raise GpuWrong(f"group {number} of blocks, opened", have, need)
        return tuple(levels)


class GpuMemoryProver:
    """Fills, hashes and walks on one device; has the interface of MemoryCpuProver."""

    def __init__(self, device: Device, residence: Residence) -> None:
        self.device = device
        self.residence = residence

    def prove(self, challenge: MemoryChallenge, progress: Progress | None = None) -> MemoryProof:
        """`progress` counts layers, then segments. Raises GpuMemoryExhausted and GpuLost."""
        shape = challenge.shape
        total, done = shape.layers + shape.segments, 0

        def count() -> None:
            nonlocal done
            done += 1
            if progress is not None:
                progress(done, total)

        memory = GpuMemory(self.device, self.residence, challenge)
        memory.fill(count)
        memory.hash()
        walks = Tree.over(memory.walk(count), shape.walk_depth)
        return MemoryProof(challenge, memory.root, walks.root, memory, walks)


def _padding(height: int) -> Words:
    """The node over 2^height zero leaves."""
    node = np.zeros((1, 8), np.uint32)
    for _ in range(height):
        node = hash_pairs(node, node[0])
    padding: Words = node[0]
    return padding
