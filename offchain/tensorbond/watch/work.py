"""Faults of one commitment to the C-phase, as calldata of `WorkDisputes`: out of its evidence, or out of what
was opened of it on chain.

The commitment binds the rounds and the leaves; what follows from them anybody can compute.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tensorbond.chain.types import Link, Place, PlaceKind, RoundOpening
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
from tensorbond.proof.evidence import Evidence, parse_item
from tensorbond.proof.memory import LABEL_SAMPLES, label_samples, segment_samples
from tensorbond.proof.memory_prover import MemoryProof
from tensorbond.proof.prover import Proof, Round
from tensorbond.proof.workload import digest_tiles, generate_lines, multiply_tile

NO_ROUND = RoundOpening(bytes(32), bytes(32), ())


@dataclass(frozen=True)
class TileOpening:
    """What the commitment binds at one tile: the chain takes it as bytes, in an answer and in F3."""

    round: int
    tile: int
    leaf: bytes
    tile_path: tuple[bytes, ...]
    seed: bytes
    round_path: tuple[bytes, ...]
    final_seed: bytes

    def encode(self) -> bytes:
        return b"".join((self.leaf, *self.tile_path, self.seed, *self.round_path, self.final_seed))

    @classmethod
    def parse(cls, shape: Shape, round_index: int, tile: int, data: bytes) -> TileOpening:
        """Of bytes that the chain took for an opening at this place."""
        nodes = tuple(data[at : at + 32] for at in range(0, len(data), 32))
        seed_at = 1 + shape.tile_depth
        return cls(
            round_index, tile, nodes[0], nodes[1:seed_at], nodes[seed_at], nodes[seed_at + 1 : -1], nodes[-1]
        )

    @property
    def root(self) -> bytes:
        """root_t."""
        return merkle.fold(self.leaf, self.tile, self.tile_path, len(self.tile_path))

    @property
    def opened_round(self) -> RoundOpening:
        return RoundOpening(self.seed, self.root, self.round_path)

    @property
    def commitment(self) -> bytes:
        leaf = round_leaf(self.seed, self.root)
        rounds_root = merkle.fold(leaf, self.round, self.round_path, len(self.round_path))
        return commitment_of(self.final_seed, rounds_root)


def open_tile(proof: Proof, round_index: int, tile: int) -> TileOpening:
    """Any tile of a computation, for an answer."""
    work = Round(proof.challenge, round_index, proof.seeds[round_index])
    kept = proof.kept.get(round_index)
    ((entries, tile_path),) = proof.prover.open_tiles(work, kept, [tile])
    (leaf,) = digest_tiles(entries[None])
    round_path = merkle.path_of(merkle.build(proof.round_leaves), round_index)
    return TileOpening(round_index, tile, leaf, tuple(tile_path), work.seed, round_path, proof.final_seed)


def tile_at(place: Place, commitment: bytes, sample_beacon: bytes, shape: Shape) -> tuple[int, int]:
    """The round and the tile that a request for a place of the C-phase is about."""
    if place.kind != PlaceKind.SAMPLE:
        return place.first, place.second
    asked = samples(commitment, sample_beacon, shape)[place.first]
    return asked.round, asked.tile


def answer(proof: Proof | MemoryProof, place: Place, sample_beacon: bytes) -> bytes:
    """What `Challenges.answerItem` takes for a place of what was committed to."""
    if isinstance(proof, Proof):
        where = tile_at(place, proof.commitment, sample_beacon, proof.challenge.shape)
        return open_tile(proof, *where).encode()
    kind, first, second = place.kind, place.first, place.second
    if kind == PlaceKind.SAMPLE:
        asked = (proof.commitment, sample_beacon, proof.challenge.shape)
        if first < LABEL_SAMPLES:
            kind, first = PlaceKind.LABEL, label_samples(*asked)[first].number
        else:
            sample = segment_samples(*asked)[first - LABEL_SAMPLES]
            kind, first, second = PlaceKind.SEGMENT, sample.walker, sample.segment
    return proof.open_label(first) if kind == PlaceKind.LABEL else proof.open_segment(first, second)


def opened_tiles(evidence: Evidence) -> list[TileOpening]:
    """What the commitment binds of an evidence's items: those that fold to it."""
    shape = evidence.challenge.shape
    found = []
    for raw in evidence.items:
        item = parse_item(shape, raw)
        if item.round >= shape.R or item.tile >= shape.tiles:
            continue
        (leaf,) = digest_tiles(item.entries[None])
        path = (item.tile_path, item.seed, item.round_path)
        opened = TileOpening(item.round, item.tile, leaf, *path, evidence.final_seed)
        if opened.commitment == evidence.commitment:
            found.append(opened)
    return found


def bad_links(challenge: Challenge, opened: Sequence[TileOpening]) -> Iterator[Link]:
    """F2: each wrong link between rounds of one commitment that are opened here."""
    rounds = {tile.round: tile.opened_round for tile in opened}
    last = challenge.shape.R
    for index in range(last + 1):
        before = rounds.get(index - 1) if index else NO_ROUND
        here = rounds.get(index) if index < last else NO_ROUND
        if before is None or here is None:
            continue
        need = next_seed(before.seed, index - 1, before.root) if index else challenge.first_seed
        final_seed = opened[0].final_seed
        if (here.seed if index < last else final_seed) != need:
            yield Link(index, final_seed, before, here)


def bad_lane(challenge: Challenge, opened: TileOpening) -> int | None:
    """F3: the first lane of an opened leaf that is not MIX of its entries."""
    shape = challenge.shape
    row, column = divmod(opened.tile, shape.tile_columns)
    rest = TILE, shape.K, None, shape.profile
    rows = generate_lines(row_seed(opened.seed), TILE * row, *rest)
    columns = generate_lines(challenge.column_seed, TILE * column, *rest)
    (leaf,) = digest_tiles(multiply_tile(rows, columns)[None])
    have, need = (struct.unpack("<8I", each) for each in (opened.leaf, leaf))
    return next((lane for lane in range(8) if have[lane] != need[lane]), None)
