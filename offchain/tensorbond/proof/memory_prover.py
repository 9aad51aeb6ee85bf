"""The M-phase on a CPU: fills the labels, walks them, and opens what is asked for later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tensorbond.proof.errors import ProofTooLarge
from tensorbond.proof.labels import (
    LANES,
    Words,
    fill_labels,
    hash_blocks,
    hash_pairs,
    next_blocks,
    parent_numbers,
    step_states,
    walk,
)
from tensorbond.proof.memory import (
    BLOCK_LABELS,
    LABEL_BYTES,
    SEGMENT_STEPS,
    LabelSample,
    MemoryChallenge,
    MemoryShape,
    SegmentSample,
    label_samples,
    memory_commitment,
    next_checkpoint,
    segment_samples,
    walk_start,
)
from tensorbond.proof.memory_evidence import MemoryEvidence
from tensorbond.proof.wire import UNSIGNED

Progress = Callable[[int, int], None]
"""Called with (steps done, steps in all) after each step, in the caller's thread."""

CHUNK_LABELS = 1 << 14
"""Labels that a thread fills at a time."""
CHUNK_WALKERS = LANES
"""Walkers that a thread walks at a time: their reads overlap."""

Numbers = NDArray[np.int64]


class Memory(Protocol):
    """The filled labels and the tree over them, wherever they lie."""

    def blocks(self, numbers: Numbers) -> Words:
        """The blocks with these numbers: (count, 32) words."""

    def nodes(self, height: int, numbers: Numbers) -> Words:
        """Nodes of the tree, `height` levels above the hashed blocks; padding included: (count, 8) words."""


@dataclass(frozen=True, eq=False)
class Tree:
    """A SHA-256 tree over leaves (count, 8) padded with zeros to 2^depth; `levels` hold no padding."""

    levels: tuple[Words, ...]
    padding: Words
    """One node of each height over nothing but padding: (depth + 1, 8)."""

    @classmethod
    def over(cls, leaves: Words, depth: int) -> Tree:
        padding = np.zeros((depth + 1, 8), np.uint32)
        levels = [leaves]
        for height in range(depth):
            padding[height + 1] = hash_pairs(padding[height][None], padding[height])[0]
            levels.append(hash_pairs(levels[-1], padding[height]))
        return cls(tuple(levels), padding)

    @property
    def root(self) -> bytes:
        return bytes(self.levels[-1][0].tobytes())

    def nodes(self, height: int, numbers: Numbers) -> Words:
        level = self.levels[height]
        found: Words = level[np.minimum(numbers, len(level) - 1)]
        found[numbers >= len(level)] = self.padding[height]
        return found


@dataclass(frozen=True, eq=False)
class HostMemory:
    """Labels (count, 8) and their tree in this process."""

    labels: Words
    tree: Tree

    def blocks(self, numbers: Numbers) -> Words:
        found: Words = self.labels.reshape(-1, 8 * BLOCK_LABELS)[numbers]
        return found

    def nodes(self, height: int, numbers: Numbers) -> Words:
        return self.tree.nodes(height, numbers)


class MemoryCpuProver:
    """Fills and walks with `workers` threads; refuses what needs more than `memory_limit` bytes.

    Overriding `fill` or `walk` changes what is committed to.
    """

    def __init__(self, workers: int, memory_limit: int) -> None:
        self.workers = workers
        self.memory_limit = memory_limit

    def warm_up(self) -> None:
        """Loads the compiled workload, which else the first proof would wait for."""
        small = MemoryChallenge(bytes(32), 0, bytes(20), 0, 0, MemoryShape(2, 4, 1, SEGMENT_STEPS))
        MemoryCpuProver(1, memory_bytes(small.shape)).prove(small)

    def prove(self, challenge: MemoryChallenge, progress: Progress | None = None) -> MemoryProof:
        """Fills, hashes and walks; `progress` counts layers, then groups of walkers. Raises ProofTooLarge."""
        shape = challenge.shape
        if memory_bytes(shape) > self.memory_limit:
            raise ProofTooLarge(self.memory_limit, memory_bytes(shape))
        total = shape.layers + len(_starts(shape.walkers, CHUNK_WALKERS))
        done = 0

        def count() -> None:
            nonlocal done
            done += 1
            if progress is not None:
                progress(done, total)

        with ThreadPoolExecutor(self.workers) as pool:
            labels = self.fill(challenge, pool, count)
            leaves = hash_blocks(labels.reshape(-1, 8 * BLOCK_LABELS))
            memory = HostMemory(labels, Tree.over(leaves, shape.depth))
            ends = self.walk(challenge, memory, pool, count)
        walks = Tree.over(ends, shape.walk_depth)
        return MemoryProof(challenge, memory.tree.root, walks.root, memory, walks)

    def fill(self, challenge: MemoryChallenge, pool: ThreadPoolExecutor, count: Callable[[], None]) -> Words:
        """All labels, layer by layer: (labels, 8)."""
        shape, salt = challenge.shape, challenge.salt
        labels = np.empty((shape.labels, 8), np.uint32)
        chunk = min(CHUNK_LABELS, shape.W)
        places = _starts(shape.W, chunk)
        for layer in range(shape.layers):
            fill = partial(fill_labels, labels, salt, layer, shape.W, chunk)
            for _ in pool.map(fill, places):
                pass
            count()
        return labels

    def walk(
        self,
        challenge: MemoryChallenge,
        memory: HostMemory,
        pool: ThreadPoolExecutor,
        count: Callable[[], None],
    ) -> Words:
        """Each walker's last checkpoint hash: (walkers, 8)."""
        shape = challenge.shape
        blocks, root = memory.labels.reshape(-1, 8 * BLOCK_LABELS), memory.tree.root
        ends = np.empty((shape.walkers, 8), np.uint32)

        def finish(first: int) -> None:
            group = range(first, min(first + CHUNK_WALKERS, shape.walkers))
            ends[group.start : group.stop] = walk(blocks, start_states(root, group), shape.segments)

        for _ in pool.map(finish, _starts(shape.walkers, CHUNK_WALKERS)):
            count()
        return ends


@dataclass(frozen=True, eq=False)
class MemoryProof:
    """A finished fill and walk. `memory` still holds every label, `walks` is the tree under walkRoot."""

    challenge: MemoryChallenge
    mem_root: bytes
    walk_root: bytes
    memory: Memory = field(repr=False)
    walks: Tree = field(repr=False)

    @property
    def commitment(self) -> bytes:
        return memory_commitment(self.mem_root, self.walk_root)

    def open(self, sample_beacon: bytes, signature: bytes = UNSIGNED) -> MemoryEvidence:
        """The evidence for the labels and segments that the sample beacon (32 bytes) asks for."""
        challenge, shape, commitment = self.challenge, self.challenge.shape, self.commitment
        labels = self._open_labels(label_samples(commitment, sample_beacon, shape))
        segments = self._open_segments(segment_samples(commitment, sample_beacon, shape))
        cap = self.memory.nodes(shape.lower, np.arange(1 << shape.cap_bits))
        return MemoryEvidence(
            challenge=challenge,
            sample_beacon=sample_beacon,
            commitment=commitment,
            items=(*labels, *segments),
            mem_root=self.mem_root,
            walk_root=self.walk_root,
            cap=tuple(node.tobytes() for node in cap),
            signature=signature,
        )

    def open_label(self, number: int) -> bytes:
        """All that the commitment binds of a label: the chain takes it as an answer, and in F4."""
        (item,) = self._open_labels([LabelSample(0, number)])
        family = (number, *parent_numbers(self.challenge.salt, number, self.challenge.shape.W))
        caps = self._cap_paths(np.array(family) // BLOCK_LABELS)
        rest = bytes(32 * self.challenge.shape.cap_bits * (17 - len(family)))
        return self.mem_root + self.walk_root + item + caps + rest

    def open_segment(self, walker: int, segment: int) -> bytes:
        """Likewise of a segment of a walk."""
        (item,) = self._open_segments([SegmentSample(0, walker, segment)])
        states, visited = self.replay([walker])
        steps = visited[SEGMENT_STEPS * segment : SEGMENT_STEPS * (segment + 1), 0]
        end = sha256(states[segment + 1, 0].tobytes()).digest()
        return self.mem_root + self.walk_root + item + self._cap_paths(steps) + end

    def _cap_paths(self, numbers: Numbers) -> bytes:
        """The paths from the cap to memRoot above these blocks."""
        shape = self.challenge.shape
        parts = [
            self.memory.nodes(height, (numbers >> height) ^ 1) for height in range(shape.lower, shape.depth)
        ]
        return np.concatenate(parts, axis=1).tobytes() if parts else b""

    def open_blocks(self, numbers: Numbers) -> NDArray[np.uint8]:
        """The openings of these blocks, one a row."""
        parts = [self.memory.blocks(numbers)]
        for height in range(self.challenge.shape.lower):
            parts.append(self.memory.nodes(height, (numbers >> height) ^ 1))
        return np.ascontiguousarray(np.concatenate(parts, axis=1)).view(np.uint8)

    def _open_labels(self, asked: Sequence[LabelSample]) -> list[bytes]:
        challenge, items = self.challenge, []
        for sample in asked:
            family = (sample.number, *parent_numbers(challenge.salt, sample.number, challenge.shape.W))
            openings = self.open_blocks(np.array(family) // BLOCK_LABELS)
            item = np.zeros((17, openings.shape[1]), np.uint8)
            item[: len(openings)] = openings
            items.append(sample.number.to_bytes(8, "little") + item.tobytes())
        return items

    def _open_segments(self, asked: Sequence[SegmentSample]) -> list[bytes]:
        shape = self.challenge.shape
        states, visited = self.replay([sample.walker for sample in asked])
        items = []
        for position, sample in enumerate(asked):
            first = sample.segment
            digests = [sha256(state.tobytes()).digest() for state in states[1:, position]]
            checkpoints = [bytes(32)]
            for digest in digests:
                checkpoints.append(next_checkpoint(checkpoints[-1], digest))
            unused = [bytes(32)] * first
            steps = visited[SEGMENT_STEPS * first : SEGMENT_STEPS * (first + 1), position]
            path = [
                self.walks.nodes(height, np.array([(sample.walker >> height) ^ 1]))[0].tobytes()
                for height in range(shape.walk_depth)
            ]
            items.append(
                b"".join(
                    (
                        sample.walker.to_bytes(4, "little"),
                        sample.segment.to_bytes(4, "little"),
                        checkpoints[first - 1] if first else bytes(32),
                        states[first, position].tobytes(),
                        self.open_blocks(steps).tobytes(),
                        *digests[first + 1 :],
                        *unused,
                        *path,
                    )
                )
            )
        return items

    def replay(self, walkers: Sequence[int]) -> tuple[Words, Numbers]:
        """Walks these walkers again.

        Returns their states at the start and at every checkpoint, (segments + 1, walkers, 32), and the blocks
        that they read, (steps, walkers).
        """
        shape = self.challenge.shape
        state = start_states(self.mem_root, walkers)
        states, visited = [state], []
        for step in range(shape.steps):
            numbers = next_blocks(state, shape.blocks)
            visited.append(numbers)
            state = step_states(state, self.memory.blocks(numbers))
            if (step + 1) % SEGMENT_STEPS == 0:
                states.append(state)
        return np.stack(states), np.stack(visited)


def start_states(mem_root: bytes, walkers: Iterable[int]) -> Words:
    """The states of these walkers before their first step: (walkers, 32)."""
    data = b"".join(walk_start(mem_root, walker) for walker in walkers)
    return np.frombuffer(data, "<u4").astype(np.uint32).reshape(-1, 32)


def memory_bytes(shape: MemoryShape) -> int:
    """Memory that proving takes at most: the labels, the tree over their blocks, the walks' tree."""
    tree = 2 * LABEL_BYTES * shape.blocks
    return shape.data_bytes + tree + 2 * LABEL_BYTES * shape.walkers + 4 * 16 * CHUNK_LABELS * 2


def _starts(count: int, chunk: int) -> range:
    return range(0, count, chunk)
