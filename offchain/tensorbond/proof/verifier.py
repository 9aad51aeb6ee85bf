"""Judges evidence against a challenge, a commitment and a sample beacon; trusts nothing in the file.

Shares with the prover the challenge, the reference workload and the Merkle file, and no other computation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tensorbond.proof import merkle
from tensorbond.proof.bad_item import BadItem
from tensorbond.proof.challenge import (
    TILE,
    Challenge,
    Sample,
    commitment_of,
    next_seed,
    round_leaf,
    row_seed,
    samples,
)
from tensorbond.proof.errors import (
    EvidenceMisaddressed,
    Fault,
    HeaderBad,
    ItemBad,
    WrongBeacon,
    WrongChain,
    WrongCommitment,
    WrongDevice,
    WrongProvider,
    WrongSampleBeacon,
    WrongShape,
    WrongSlot,
)
from tensorbond.proof.evidence import AnyEvidence, Evidence, Item, evidence_root, parse_item
from tensorbond.proof.memory import MemoryChallenge
from tensorbond.proof.memory_evidence import MemoryEvidence
from tensorbond.proof.memory_verifier import find_bad_memory_item, judge_memory_item
from tensorbond.proof.workload import Lines, digest_tiles, empty_lines, generate_lines, multiply_tile

KEPT_BYTES = 1 << 26
"""Rows kept for items that share them; beyond it they are generated again."""


AnyChallenge = Challenge | MemoryChallenge


@dataclass(frozen=True)
class Verified:
    """What was proven: the work of the challenge's shape was committed to and opened."""

    challenge: AnyChallenge
    commitment: bytes
    evidence_root: bytes

    @property
    def operations(self) -> int:
        """Multiplications and additions that were done; 0 in the M-phase."""
        return self.challenge.shape.operations if isinstance(self.challenge, Challenge) else 0

    @property
    def bytes_moved(self) -> int:
        """Bytes of device memory that were written and read; 0 in the C-phase."""
        return self.challenge.shape.bytes_moved if isinstance(self.challenge, MemoryChallenge) else 0


@dataclass(frozen=True)
class Chain:
    """What follows from seed_0 and the header's roots: seed_t for t < R, seed_R, and roundsRoot."""

    seeds: tuple[bytes, ...]
    final_seed: bytes
    rounds_root: bytes


def verify(
    challenge: AnyChallenge, commitment: bytes, sample_beacon: bytes, evidence: AnyEvidence
) -> Verified:
    """What the evidence proves about the challenge.

    Raises an EvidenceMisaddressed when it is about something else, and ItemBad or HeaderBad for what
    `find_bad_item` finds. The signature is not judged.
    """
    bad = find_bad_item(challenge, commitment, sample_beacon, evidence)
    if bad is None:
        return Verified(challenge, commitment, evidence_root(evidence))
    if bad.index == len(evidence.items):
        raise HeaderBad(bad.index, bad.reason, bad.have, bad.need)
    raise ItemBad(bad.index, bad.reason, bad.have, bad.need, bad.row, bad.col, bad.opening)


def find_bad_item(
    challenge: AnyChallenge, commitment: bytes, sample_beacon: bytes, evidence: AnyEvidence
) -> BadItem | None:
    """The bad leaf that counts, or None.

    C-phase: the first bad item, else the header if that is bad. An item is judged by itself: it opens its
    sample, folds to what the commitment binds, and each entry is the product of its row under the item's own
    seed and its column. Whether that seed is the chain's is the header's matter.
    M-phase: the header if that is bad, else the first bad item.
    Raises an EvidenceMisaddressed when the evidence is about something else.
    """
    check_address(challenge, commitment, sample_beacon, evidence)
    if isinstance(challenge, MemoryChallenge) and isinstance(evidence, MemoryEvidence):
        return find_bad_memory_item(challenge, commitment, sample_beacon, evidence)
    if isinstance(challenge, Challenge) and isinstance(evidence, Evidence):
        return _find_bad_tile(challenge, commitment, sample_beacon, evidence)
    raise WrongShape(evidence.challenge.shape, challenge.shape)


def bad_items(
    challenge: AnyChallenge, commitment: bytes, sample_beacon: bytes, evidence: AnyEvidence
) -> Iterator[BadItem]:
    """Every bad item of evidence about this challenge, each judged by itself; none of the M-phase where the
    header is bad."""
    if isinstance(challenge, MemoryChallenge) and isinstance(evidence, MemoryEvidence):
        for index in range(len(evidence.items)):
            bad = judge_memory_item(challenge, commitment, sample_beacon, evidence, index)
            if bad is not None and bad.index == index:
                yield bad
    elif isinstance(challenge, Challenge) and isinstance(evidence, Evidence):
        for bad in _bad_tiles(challenge, commitment, sample_beacon, evidence):
            if bad.index < len(evidence.items):
                yield bad


def _find_bad_tile(
    challenge: Challenge, commitment: bytes, sample_beacon: bytes, evidence: Evidence
) -> BadItem | None:
    return next(_bad_tiles(challenge, commitment, sample_beacon, evidence), None)


def _bad_tiles(
    challenge: Challenge, commitment: bytes, sample_beacon: bytes, evidence: Evidence
) -> Iterator[BadItem]:
    """The bad items, and after them the header if that is bad."""
    shape = challenge.shape
    items = [parse_item(shape, data) for data in evidence.items]
    asked = samples(commitment, sample_beacon, shape)
    leaves = digest_tiles(np.stack([item.entries for item in items]))
    pairs = list(zip(asked, items, strict=True))
    roots = [
        merkle.fold(leaf, sample.tile, item.tile_path, shape.tile_depth)
        for leaf, (sample, item) in zip(leaves, pairs, strict=True)
    ]
    folded = [
        merkle.fold(round_leaf(item.seed, root), sample.round, item.round_path, shape.round_depth)
        for root, (sample, item) in zip(roots, pairs, strict=True)
    ]
    chain = follow_chain(challenge, evidence.roots)
    bound = _bound_rounds_root(chain, folded, evidence)
    products = multiply_samples(challenge, asked, [item.seed for item in items])
    for index, (sample, item) in enumerate(pairs):
        bad = _judge_tile(index, sample, item, folded[index], bound, products[index])
        if bad is not None:
            yield bad
    header = _find_bad_header(chain, evidence, items, roots)
    if header is not None:
        yield header


def judge_tile(
    challenge: Challenge, commitment: bytes, sample_beacon: bytes, index: int, data: bytes, rounds_root: bytes
) -> BadItem | None:
    """What is bad about one item of the C-phase whose evidence isn't known, under a known roundsRoot."""
    shape = challenge.shape
    item, sample = parse_item(shape, data), samples(commitment, sample_beacon, shape)[index]
    (leaf,) = digest_tiles(item.entries[None])
    root = merkle.fold(leaf, sample.tile, item.tile_path, shape.tile_depth)
    folded = merkle.fold(round_leaf(item.seed, root), sample.round, item.round_path, shape.round_depth)
    (product,) = multiply_samples(challenge, [sample], [item.seed])
    return _judge_tile(index, sample, item, folded, rounds_root, product)


def _judge_tile(
    index: int,
    sample: Sample,
    item: Item,
    folded: bytes,
    bound: bytes | None,
    product: NDArray[np.int32],
) -> BadItem | None:
    if item.round != sample.round:
        return BadItem(index, Fault.ROUND, str(item.round), str(sample.round))
    if item.tile != sample.tile:
        return BadItem(index, Fault.TILE, str(item.tile), str(sample.tile))
    if bound is not None and folded != bound:
        return BadItem(index, Fault.PATH, folded.hex(), bound.hex())
    wrong = item.entries != product
    if wrong.any():
        row, col = divmod(int(wrong.argmax()), TILE)
        return BadItem(index, Fault.ENTRY, str(item.entries[row, col]), str(product[row, col]), row, col)
    return None


def follow_chain(challenge: Challenge, roots: Sequence[bytes]) -> Chain:
    """The seed chain over `roots` (one for each round), from the challenge's own seed_0."""
    seeds = [challenge.first_seed]
    for index, root in enumerate(roots):
        seeds.append(next_seed(seeds[-1], index, root))
    leaves = [round_leaf(seed, root) for seed, root in zip(seeds, roots, strict=False)]
    return Chain(tuple(seeds[:-1]), seeds[-1], merkle.root_of(merkle.pad(leaves)))


def multiply_samples(
    challenge: Challenge, asked: Sequence[Sample], seeds: Sequence[bytes]
) -> NDArray[np.int32]:
    """The exact entries of each sample's tile, its rows drawn from the seed beside it: (samples, 16, 16).

    Generates each column of B once, and each row of A once while the rows that samples share fit KEPT_BYTES.
    """
    shape = challenge.shape
    places = [divmod(sample.tile, shape.tile_columns) for sample in asked]
    uses = Counter((seed, row) for seed, (row, _) in zip(seeds, places, strict=True))
    kept: dict[tuple[bytes, int], Lines] = {}
    scratch, columns = (empty_lines(TILE, shape.K, shape.profile) for _ in range(2))
    room = KEPT_BYTES // scratch.nbytes
    products = np.empty((len(asked), TILE, TILE), np.int32)
    column_seed, generated = challenge.column_seed, None
    for position in sorted(range(len(asked)), key=lambda position: places[position][1]):
        row, column = places[position]
        if column != generated:
            generate_lines(column_seed, TILE * column, TILE, shape.K, columns, shape.profile)
            generated = column
        key = (seeds[position], row)
        rows = kept.get(key)
        if rows is None:
            keeps = uses[key] > 1 and len(kept) < room
            buffer = None if keeps else scratch
            rows = generate_lines(row_seed(key[0]), TILE * row, TILE, shape.K, buffer, shape.profile)
            if keeps:
                kept[key] = rows
        products[position] = multiply_tile(rows, columns)
    return products


def check_address(
    challenge: AnyChallenge, commitment: bytes, sample_beacon: bytes, evidence: AnyEvidence
) -> None:
    """Raises the EvidenceMisaddressed for the first thing that the evidence declares otherwise."""
    declared = evidence.challenge
    pairs: tuple[tuple[type[EvidenceMisaddressed], object, object], ...] = (
        (WrongChain, declared.chain_id, challenge.chain_id),
        (WrongProvider, declared.provider, challenge.provider),
        (WrongDevice, declared.device, challenge.device),
        (WrongSlot, declared.slot, challenge.slot),
        (WrongShape, declared.shape, challenge.shape),
        (WrongBeacon, declared.beacon, challenge.beacon),
        (WrongSampleBeacon, evidence.sample_beacon, sample_beacon),
        (WrongCommitment, evidence.commitment, commitment),
    )
    for error, have, need in pairs:
        if have != need:
            raise error(_shown(have), _shown(need))


def _bound_rounds_root(chain: Chain, folded: Sequence[bytes], evidence: Evidence) -> bytes | None:
    """The one roundsRoot under the commitment, or None when neither the header nor an item shows it.

    A false header must not make sound items look bad: an item's own fold may show the roundsRoot as well.
    """
    for final_seed in (chain.final_seed, evidence.final_seed):
        for rounds_root in (chain.rounds_root, *dict.fromkeys(folded)):
            if commitment_of(final_seed, rounds_root) == evidence.commitment:
                return rounds_root
    return None


def _find_bad_header(
    chain: Chain, evidence: Evidence, items: Sequence[Item], roots: Sequence[bytes]
) -> BadItem | None:
    header = evidence.challenge.shape.q
    reached = commitment_of(chain.final_seed, chain.rounds_root)
    if reached == evidence.commitment and chain.final_seed == evidence.final_seed:
        return None
    for item, root in zip(items, roots, strict=True):
        if root != evidence.roots[item.round]:
            return BadItem(header, Fault.ROOT, evidence.roots[item.round].hex(), root.hex())
        if item.seed != chain.seeds[item.round]:
            return BadItem(header, Fault.SEED, item.seed.hex(), chain.seeds[item.round].hex())
    if chain.final_seed != evidence.final_seed:
        return BadItem(header, Fault.FINAL_SEED, evidence.final_seed.hex(), chain.final_seed.hex())
    return BadItem(header, Fault.COMMITMENT, evidence.commitment.hex(), reached.hex())


def _shown(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
