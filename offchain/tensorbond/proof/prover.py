"""The CPU prover: commits to every tile of every round first, opens what is asked for later."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from tensorbond.proof import merkle
from tensorbond.proof.challenge import (
    TILE,
    Challenge,
    Shape,
    commitment_of,
    next_seed,
    round_leaf,
    row_seed,
    samples,
)
from tensorbond.proof.errors import InputInvalid, ProofTooLarge
from tensorbond.proof.evidence import UNSIGNED, Evidence, Item, encode_item
from tensorbond.proof.memory import MemoryChallenge
from tensorbond.proof.memory_prover import MemoryCpuProver, MemoryProof, Progress
from tensorbond.proof.workload import (
    ELEMENTS,
    LANES,
    Entries,
    Lines,
    digest_product,
    empty_lines,
    generate_lines,
    multiply_tile,
)

BLOCK_LINES = 32
"""Rows of A that a thread multiplies at a time: they stay in its cache while all of B streams by."""


@dataclass(frozen=True)
class Round:
    """What one round computes: tiles of A(seed)·B."""

    challenge: Challenge
    index: int
    seed: bytes

    @property
    def shape(self) -> Shape:
        return self.challenge.shape


class CpuProver:
    """Proves with exact integer arithmetic on `workers` threads (by default every core this process may use).

    Keeps B (n·K elements) while proving and the tile digests of as many rounds as `memory_limit` bytes hold;
    the other rounds are computed again when a proof is opened. Overriding `digest_round` and `tile_entries`
    together changes what is committed to and what is opened for it. `memory` proves the M-phase.
    """

    def __init__(self, workers: int | None = None, memory_limit: int = 1 << 31) -> None:
        if workers is not None and workers < 1:
            raise InputInvalid("workers", workers, "at least 1")
        self.workers = workers or _usable_cores()
        self.memory_limit = memory_limit
        self.memory = MemoryCpuProver(self.workers, memory_limit)

    def warm_up(self) -> None:
        """Loads the compiled workload, which else the first proof would wait for."""
        lines = generate_lines(bytes(32), 0, TILE, LANES)
        digest_product(lines, lines, np.empty((1, 1, 8), np.uint32))
        self.memory.warm_up()

    @overload
    def prove(self, challenge: Challenge, progress: Progress | None = None) -> Proof: ...

    @overload
    def prove(self, challenge: MemoryChallenge, progress: Progress | None = None) -> MemoryProof: ...

    def prove(
        self, challenge: Challenge | MemoryChallenge, progress: Progress | None = None
    ) -> Proof | MemoryProof:
        """Does all the work and returns the proof, its commitment known, its samples not yet asked for.

        `progress` counts rounds; in the M-phase layers, then groups of walkers. Raises ProofTooLarge when one
        round, or the M-phase's labels, do not fit `memory_limit`.
        """
        if isinstance(challenge, MemoryChallenge):
            return self.memory.prove(challenge, progress)
        shape = challenge.shape
        spare = self.memory_limit - self.round_bytes(shape)
        if spare < 0:
            raise ProofTooLarge(self.memory_limit, self.round_bytes(shape))
        columns = self.generate_columns(challenge)
        seeds = [challenge.first_seed]
        roots: list[bytes] = []
        kept: dict[int, NDArray[np.uint32]] = {}
        for index in range(shape.R):
            digests = self.digest_round(Round(challenge, index, seeds[-1]), columns)
            if (len(kept) + 1) * digests.nbytes <= spare:
                kept[index] = digests
            roots.append(merkle.root_of(leaves_of(digests)))
            seeds.append(next_seed(seeds[-1], index, roots[-1]))
            if progress is not None:
                progress(index + 1, shape.R)
        return Proof(self, challenge, tuple(seeds[:-1]), tuple(roots), seeds[-1], kept)

    def generate_columns(self, challenge: Challenge) -> Lines:
        """All of B, one column a line: (n, K)."""
        shape = challenge.shape
        columns: Lines = empty_lines(shape.n, shape.K, shape.profile)

        def generate(first: int) -> None:
            block = columns[first : first + BLOCK_LINES]
            generate_lines(challenge.column_seed, first, len(block), shape.K, block, shape.profile)

        self._run(generate, range(0, shape.n, BLOCK_LINES))
        return columns

    def digest_round(self, work: Round, columns: Lines) -> NDArray[np.uint32]:
        """MIX32x8 of every tile of the round, in tile order: (tiles, 8) words of the leaves."""
        shape = work.shape
        digests = np.empty((shape.m // TILE, shape.tile_columns, 8), np.uint32)
        matrix_seed = row_seed(work.seed)

        def digest(first: int) -> None:
            rows = generate_lines(matrix_seed, first, BLOCK_LINES, shape.K, None, shape.profile)
            digest_product(rows, columns, digests[first // TILE : (first + BLOCK_LINES) // TILE])

        self._run(digest, range(0, shape.m, BLOCK_LINES))
        return digests.reshape(shape.tiles, 8)

    def open_tiles(
        self, work: Round, kept: NDArray[np.uint32] | None, tiles: Sequence[int]
    ) -> list[OpenedTile]:
        """What the proof opens of these tiles of a round, whose digests were `kept` or are computed again."""
        digests = self.digest_round(work, self.generate_columns(work.challenge)) if kept is None else kept
        levels = merkle.build(leaves_of(digests))
        return [(self.tile_entries(work, tile), merkle.path_of(levels, tile)) for tile in tiles]

    def tile_entries(self, work: Round, tile: int) -> Entries:
        """The entries that the proof opens for a tile; their digest must be the committed one."""
        shape = work.shape
        row, column = divmod(tile, shape.tile_columns)
        rest = TILE, shape.K, None, shape.profile
        rows = generate_lines(row_seed(work.seed), TILE * row, *rest)
        return multiply_tile(rows, generate_lines(work.challenge.column_seed, TILE * column, *rest))

    def round_bytes(self, shape: Shape) -> int:
        """Memory that proving one round takes at most, its Merkle tree included."""
        # Above the digests stand their leaves and the inner nodes, as Python objects of about 80 bytes each.
        lines = (shape.n + self.workers * BLOCK_LINES) * shape.K * ELEMENTS[shape.profile].itemsize
        return lines + shape.tiles * (32 + 2 * 88)

    def _run(self, step: Callable[[int], None], firsts: Sequence[int]) -> None:
        if self.workers == 1:
            for first in firsts:
                step(first)
            return
        with ThreadPoolExecutor(self.workers) as pool:
            for _ in pool.map(step, firsts):
                pass


OpenedTile = tuple[Entries, tuple[bytes, ...]]
"""A tile's entries, and its path in its round's tree."""


class TileProver(Protocol):
    """Whoever proved, for opening what it committed to."""

    def open_tiles(self, work: Round, kept: Any, tiles: Sequence[int]) -> list[OpenedTile]: ...


@dataclass(frozen=True, eq=False)
class Proof:
    """A finished computation. `seeds` and `roots` are seed_t and root_t for t = 0 .. R−1.

    `kept` is what the prover kept of some of the rounds.
    """

    prover: TileProver = field(repr=False)
    challenge: Challenge
    seeds: tuple[bytes, ...] = field(repr=False)
    roots: tuple[bytes, ...] = field(repr=False)
    final_seed: bytes
    kept: Mapping[int, Any] = field(repr=False)

    @property
    def round_leaves(self) -> tuple[bytes, ...]:
        """Leaves under roundsRoot, padded."""
        return merkle.pad([round_leaf(*pair) for pair in zip(self.seeds, self.roots, strict=True)])

    @property
    def rounds_root(self) -> bytes:
        return merkle.root_of(self.round_leaves)

    @property
    def commitment(self) -> bytes:
        return commitment_of(self.final_seed, self.rounds_root)

    def open(self, sample_beacon: bytes, signature: bytes = UNSIGNED) -> Evidence:
        """The evidence for the tiles that the sample beacon (32 bytes) asks for."""
        challenge, commitment = self.challenge, self.commitment
        asked = samples(commitment, sample_beacon, challenge.shape)
        rounds = merkle.build(self.round_leaves)
        items: dict[int, bytes] = {}
        for index in sorted({sample.round for sample in asked}):
            work = Round(challenge, index, self.seeds[index])
            wanted = [sample for sample in asked if sample.round == index]
            opened = self.prover.open_tiles(work, self.kept.get(index), [sample.tile for sample in wanted])
            for sample, (entries, tile_path) in zip(wanted, opened, strict=True):
                item = Item(
                    round=index,
                    tile=sample.tile,
                    entries=entries,
                    tile_path=tile_path,
                    seed=work.seed,
                    round_path=merkle.path_of(rounds, index),
                )
                items[sample.index] = encode_item(challenge.shape, item)
        ordered = tuple(items[index] for index in range(challenge.shape.q))
        return Evidence(challenge, sample_beacon, commitment, ordered, self.roots, self.final_seed, signature)


def leaves_of(digests: NDArray[np.uint32]) -> list[bytes]:
    """The Merkle leaves of a round from its digests (tiles, 8)."""
    data = digests.astype("<u4").tobytes()
    return [data[start : start + 32] for start in range(0, len(data), 32)]


def _usable_cores() -> int:
    # macOS cannot tell which cores a process may use.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
