"""The prover on a GPU: the same proofs as the CPU prover's, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from tensorbond.proof import merkle
from tensorbond.proof.challenge import TILE, W2, Challenge, Shape, next_seed, row_seed
from tensorbond.proof.errors import GpuMemoryExhausted, GpuWrong
from tensorbond.proof.gpu.device import Array, Device, Product, Run, join_levels
from tensorbond.proof.gpu.memory import GpuMemoryProver, Residence
from tensorbond.proof.memory import MemoryChallenge, MemoryShape
from tensorbond.proof.memory_prover import MemoryProof, Progress
from tensorbond.proof.prover import CpuProver, OpenedTile, Proof, Round
from tensorbond.proof.workload import Entries

SELF_TESTS = (
    Challenge(bytes(32), 0, bytes(20), 0, 0, Shape(256, 256, 1024, 2, 1)),
    Challenge(bytes(32), 0, bytes(20), 0, 0, Shape(256, 256, 4096, 1, 1, W2)),
    MemoryChallenge(bytes(32), 0, bytes(20), 0, 0, MemoryShape(3, 64, 64, 64)),
)

CHUNK_BYTES = 1 << 30
"""Most of a product that lies in memory at a time."""
LEAST_LINES = 2 * TILE
"""Rows in a product at least: torch._int_mm wants more than 16."""
GROUP_TILES = 64
"""Neighbouring tiles of a tile row that are opened together: what is above them in the tree is kept."""

Nodes = NDArray[np.uint8]
"""The levels of a tree from some height to its root, one after another: (2·count − 1, 32)."""


@dataclass(frozen=True)
class Plan:
    """How a class's rounds lie in a device's memory."""

    shape: Shape
    lines: int
    """Rows of A that are multiplied at a time."""

    @property
    def group(self) -> int:
        """Tiles under one of the nodes that are kept."""
        return min(GROUP_TILES, self.shape.tile_columns)

    @property
    def groups(self) -> int:
        return self.shape.tiles // self.group

    @property
    def chunk_tiles(self) -> int:
        return self.lines // TILE * self.shape.tile_columns

    @property
    def bytes(self) -> int:
        """Memory of the device while proving: columns, rows, products, both trees."""
        shape = self.shape
        lines = (shape.n + self.lines) * line_bytes(shape)
        return lines + 4 * self.lines * shape.n + 64 * (self.chunk_tiles + self.groups)


def plan_rounds(shape: Shape, free: int) -> Plan:
    """The largest chunks that fit `free` bytes. Raises GpuMemoryExhausted when not even the least does."""
    lines = most_lines(shape)
    while lines > LEAST_LINES and Plan(shape, lines).bytes > free:
        lines //= 2
    plan = Plan(shape, lines)
    if plan.bytes > free:
        raise GpuMemoryExhausted(free, plan.bytes)
    return plan


def most_lines(shape: Shape) -> int:
    return min(shape.m, max(LEAST_LINES, CHUNK_BYTES // (4 * shape.n)))


class GpuProver:
    """Proves on one device; has the interface of CpuProver.

    Of each round it keeps the tree above groups of tiles, in this process's memory, up to `host_bytes`; the
    tiles below a group, and rounds beyond that, are computed again when a proof is opened. An error ends a
    proof before there is a commitment.
    """

    def __init__(self, device: Device, host_bytes: int = 1 << 33) -> None:
        self.device = device
        self.host_bytes = host_bytes
        self._residence = Residence()
        self.memory = GpuMemoryProver(device, self._residence)

    def warm_up(self) -> None:
        """Proves something small of either phase, which loads the kernels. Raises GpuWrong if it is wrong."""
        cpu = CpuProver()
        for challenge in SELF_TESTS:
            have, need = self.prove(challenge).commitment, cpu.prove(challenge).commitment
            if have != need:
                raise GpuWrong("the self-test's commitment", have, need)

    @overload
    def prove(self, challenge: Challenge, progress: Progress | None = None) -> Proof: ...

    @overload
    def prove(self, challenge: MemoryChallenge, progress: Progress | None = None) -> MemoryProof: ...

    def prove(
        self, challenge: Challenge | MemoryChallenge, progress: Progress | None = None
    ) -> Proof | MemoryProof:
        """Does all the work and returns the proof, its commitment known, its samples not yet asked for.

        `progress` counts rounds; in the M-phase layers, then segments. Raises GpuMemoryExhausted and GpuLost.
        """
        if isinstance(challenge, MemoryChallenge):
            return self.memory.prove(challenge, progress)
        shape = challenge.shape
        workspace = Workspace(self.device, challenge, self._plan(shape))
        seeds = [challenge.first_seed]
        roots: list[bytes] = []
        kept: dict[int, Nodes] = {}
        spare = self.host_bytes
        for index in range(shape.R):
            nodes = workspace.digest_round(seeds[-1])
            if nodes.nbytes <= spare:
                kept[index] = nodes
                spare -= nodes.nbytes
            roots.append(nodes[-1].tobytes())
            seeds.append(next_seed(seeds[-1], index, roots[-1]))
            if progress is not None:
                progress(index + 1, shape.R)
        return Proof(self, challenge, tuple(seeds[:-1]), tuple(roots), seeds[-1], kept)

    def open_tiles(self, work: Round, kept: Nodes | None, tiles: Sequence[int]) -> list[OpenedTile]:
        """What the proof opens of these tiles of a round. Raises GpuWrong if it is not what was committed."""
        plan = self._plan(work.shape)
        nodes = Workspace(self.device, work.challenge, plan).digest_round(work.seed) if kept is None else kept
        strip = Strip(self.device, work, plan.group)
        return [strip.open(tile, nodes) for tile in tiles]

    def _plan(self, shape: Shape) -> Plan:
        """Labels of an earlier M-phase that are in the way go, to be filled again when they are opened."""
        free = self.device.free_bytes()
        if Plan(shape, most_lines(shape)).bytes > free and self._residence.clear():
            free = self.device.free_bytes()
        return plan_rounds(shape, free)


class Workspace:
    """The memory in which one challenge's rounds are computed."""

    def __init__(self, device: Device, challenge: Challenge, plan: Plan) -> None:
        shape = plan.shape
        self.device, self.plan = device, plan
        self.columns = device.empty(shape.n * line_bytes(shape))
        self.rows = device.empty(plan.lines * line_bytes(shape))
        self.entries = device.empty(4 * plan.lines * shape.n)
        self.chunk_tree = device.empty(64 * plan.chunk_tiles)
        self.tree = device.empty(64 * plan.groups)
        fill_lines(device, shape, self.columns, challenge.column_seed, 0, shape.n)
        self.multiply = device.prepare(
            Product(plan.lines, shape.n, shape.K, is_wide(shape)), self.rows, self.columns, self.entries
        )

    def digest_round(self, seed: bytes) -> Nodes:
        """The tree of a round from its groups of tiles up."""
        device, plan, shape = self.device, self.plan, self.plan.shape
        matrix_seed = row_seed(seed)
        for first in range(0, shape.m, plan.lines):
            fill_lines(device, shape, self.rows, matrix_seed, first, plan.lines)
            self.multiply()
            mix_tiles(device, shape, self.entries, self.chunk_tree, plan.lines, shape.n)
            groups = join_levels(device, self.chunk_tree, plan.chunk_tiles, merkle.depth_of(plan.group))
            place = 32 * (first // TILE * shape.tile_columns // plan.group)
            device.copy(self.tree[place : place + len(groups)], groups)
        join_levels(device, self.tree, plan.groups, merkle.depth_of(plan.groups))
        return device.read(self.tree[: 32 * (2 * plan.groups - 1)]).reshape(-1, 32)


class Strip:
    """Opens tiles of a round: computes again the two tile rows, `group` tiles wide, around each."""

    def __init__(self, device: Device, work: Round, group: int) -> None:
        self.device, self.work, self.group = device, work, group
        self.width, line = TILE * group, line_bytes(work.shape)
        self.rows, self.columns = device.empty(LEAST_LINES * line), device.empty(self.width * line)
        self.entries = device.empty(4 * LEAST_LINES * self.width)
        self.digests = device.empty(2 * 32 * group)
        self.multiply: Run = device.prepare(
            Product(LEAST_LINES, self.width, work.shape.K, is_wide(work.shape)),
            self.rows,
            self.columns,
            self.entries,
        )

    def open(self, tile: int, nodes: Nodes) -> OpenedTile:
        """The tile's entries and its path; its group must be the one in `nodes`. Raises GpuWrong."""
        device, work, shape = self.device, self.work, self.work.shape
        row, column = divmod(tile, shape.tile_columns)
        half, inside = row % 2, column % self.group
        seed, column_seed = row_seed(work.seed), work.challenge.column_seed
        fill_lines(device, shape, self.rows, seed, TILE * (row - half), LEAST_LINES)
        fill_lines(device, shape, self.columns, column_seed, TILE * (column - inside), self.width)
        self.multiply()
        mix_tiles(device, shape, self.entries, self.digests, LEAST_LINES, self.width)
        product = device.read(self.entries).view(np.float32 if is_wide(shape) else np.int32)
        entries: Entries = product.astype(np.int32).reshape(2, TILE, self.group, TILE)
        digests = device.read(self.digests).reshape(2, self.group, 32)[half]
        levels = merkle.build([digest.tobytes() for digest in digests])
        number = tile // self.group
        if levels[-1][0] != nodes[number].tobytes():
            raise GpuWrong(
                f"group {number} of round {work.index}, opened", levels[-1][0], nodes[number].tobytes()
            )
        path = (*merkle.path_of(levels, inside), *path_above(nodes, number))
        return np.ascontiguousarray(entries[half, :, inside]), path


def is_wide(shape: Shape) -> bool:
    """Whether elements are bfloat16, and entries float32."""
    return shape.profile == W2


def line_bytes(shape: Shape) -> int:
    """Bytes of a row of A or a column of B, in the device's type."""
    return shape.K * (2 if is_wide(shape) else 1)


def fill_lines(
    device: Device, shape: Shape, lines: Array, matrix_seed: bytes, first: int, count: int
) -> None:
    """Lines first .. first+count−1 of the matrix with this seed; a thread makes 16 bytes."""
    shift = merkle.depth_of(line_bytes(shape) // 16)
    threads = count << shift
    words = np.frombuffer(matrix_seed, "<u4", 4).astype(np.uint32)
    kernel = "fill_wide_lines" if is_wide(shape) else "fill_lines"
    device.launch(kernel, threads, lines, np.uint64(threads), np.uint32(shift), np.uint32(first), *words)


def mix_tiles(device: Device, shape: Shape, entries: Array, digests: Array, m: int, n: int) -> None:
    """MIX32x8 of every tile of an (m, n) product, in tile order."""
    lanes = m // 4 * (n // 8)
    kernel = "mix_wide_tiles" if is_wide(shape) else "mix_tiles"
    device.launch(kernel, lanes, entries, digests, np.uint64(lanes), np.uint32(merkle.depth_of(n // 8)))


def path_above(nodes: Nodes, number: int) -> tuple[bytes, ...]:
    """The siblings of node `number` of the lowest level, from there to below the root."""
    path, count = [], (len(nodes) + 1) // 2
    start = 0
    while count > 1:
        path.append(nodes[start + (number ^ 1)].tobytes())
        start, count, number = start + count, count // 2, number // 2
    return tuple(path)
