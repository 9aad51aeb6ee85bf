"""Answering without the product: C·r costs O(n²) as A·(B·r), and 16×16 tiles can be computed when asked for.

So nothing is asked that has not been committed to. What is left is to fit true entries to a made-up leaf:
MIX32x8 can be inverted, but only by spoiling an entry in each of its eight lanes.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import freivalds
from tensorbond.proof import TILE, CpuProver, Fault, ItemBad, Round, digest_tiles, samples
from tensorbond.proof.workload import Entries, Lines

from .forging import ended, multiplications, refusal_of

pytestmark = pytest.mark.unit

WORD = 1 << 32


class LazyProver(CpuProver):
    """Commits to a digest out of thin air for every tile; computes the tiles that are asked for, truly."""

    def __init__(self) -> None:
        super().__init__(workers=1)
        self.spent = 0

    def digest_round(self, work: Round, columns: Lines) -> NDArray[np.uint32]:
        random = np.random.default_rng(int.from_bytes(work.seed, "little"))
        return random.integers(0, WORD, (work.shape.tiles, 8), np.uint32)

    def tile_entries(self, work: Round, tile: int) -> Entries:
        self.spent += TILE * TILE * work.shape.K
        return super().tile_entries(work, tile)


class FittingProver(LazyProver):
    """Changes one entry in each lane so that the tile digests to the leaf that was committed to."""

    def tile_entries(self, work: Round, tile: int) -> Entries:
        entries = super().tile_entries(work, tile)
        leaf = self.digest_round(work, np.empty((0, 0), np.int8))[tile]
        return fit(entries, [int(word) for word in leaf])


def fit(entries: Entries, leaf: list[int]) -> Entries:
    """The entries with the last one of each lane replaced so that their MIX32x8 is `leaf`."""
    fitted = entries.copy()
    for lane, want in enumerate(leaf):
        top, left = 4 * (lane >> 1), 8 * (lane & 1)
        words = entries[top : top + 4, left : left + 8].astype(np.uint32).ravel().tolist()
        h = (0x9E3779B9 + lane) % WORD
        for word in words[:-1]:
            h = (rotate(h ^ mix(word), 13) * 5 + 0xE6546B64) % WORD
        before = rotate((want - 0xE6546B64) * pow(5, -1, WORD) % WORD, 32 - 13)
        word = unmix(before ^ h)
        fitted[top + 3, left + 7] = np.uint32(word).astype(np.int32)
    return fitted


def mix(word: int) -> int:
    return rotate(word * 0xCC9E2D51 % WORD, 15) * 0x1B873593 % WORD


def unmix(mixed: int) -> int:
    turned = rotate(mixed * pow(0x1B873593, -1, WORD) % WORD, 32 - 15)
    return turned * pow(0xCC9E2D51, -1, WORD) % WORD


def rotate(word: int, count: int) -> int:
    return (word << count | word >> (32 - count)) % WORD


def test_freivalds_check__product_never_computed__passes() -> None:
    """What others run: the answer C·r is asked for, so C need not be."""
    a, b = freivalds.matrices(1024, seed=1)
    r = np.random.default_rng(2).random(1024, np.float32)
    product = a @ b
    lazy = a @ (b @ r)
    assert freivalds.answers_match(product @ r, lazy)


def test_fit__any_leaf__digests_to_it() -> None:
    random = np.random.default_rng(3)
    entries = random.integers(-(10**6), 10**6, (TILE, TILE)).astype(np.int32)
    leaf = random.integers(0, WORD, 8, np.uint32)
    fitted = fit(entries, leaf.tolist())
    assert digest_tiles(fitted[np.newaxis]) == [leaf.astype("<u4").tobytes()]
    assert (fitted != entries).sum() == 8


def test_lazy_prover__true_tiles_on_demand__do_not_fold(challenge, sample_beacon, cost) -> None:
    prover = LazyProver()
    refusal = refusal_of(challenge, prover.prove(challenge).open(sample_beacon))
    assert isinstance(refusal, ItemBad)
    assert (refusal.index, refusal.reason) == (0, Fault.PATH)
    cost(
        "lazy: tiles computed when asked",
        prover.spent,
        multiplications(challenge.shape),
        "products",
        ended(refusal),
    )


def test_fitting_prover__leaf_matched_by_inverting_mix__has_eight_wrong_entries(
    challenge, sample_beacon, cost
) -> None:
    prover = FittingProver()
    proof = prover.prove(challenge)
    refusal = refusal_of(challenge, proof.open(sample_beacon))
    assert isinstance(refusal, ItemBad)
    assert (refusal.index, refusal.reason, refusal.row, refusal.col) == (0, Fault.ENTRY, 3, 7)
    cost(
        "lazy, MIX32x8 inverted",
        prover.spent,
        multiplications(challenge.shape),
        "products",
        ended(refusal),
    )
    first = samples(proof.commitment, sample_beacon, challenge.shape)[0]
    work = Round(challenge, first.round, proof.seeds[first.round])
    truth = CpuProver.tile_entries(prover, work, first.tile)
    assert (prover.tile_entries(work, first.tile) != truth).sum() == 8
