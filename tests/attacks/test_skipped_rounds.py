"""Rounds left out: the seed of each follows from the root of the one before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tensorbond.demo.villains import digest_words
from tensorbond.proof import (
    TILE,
    CpuProver,
    Fault,
    HeaderBad,
    ItemBad,
    ItemLengthWrong,
    RootCountWrong,
    Round,
    Shape,
)
from tensorbond.proof.workload import Entries, Lines
from tests.offchain.proof.skipping import reuse_rounds

from .forging import beacon, ended, multiplications, refusal_of

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def chained(challenge):
    """Four rounds."""
    return replace(challenge, shape=Shape(256, 256, 1024, 4, 16))


class HalfwayProver(CpuProver):
    """Computes the first half of the rounds, and claims zeros for the rest."""

    def __init__(self) -> None:
        super().__init__(workers=1)

    def digest_round(self, work: Round, columns: Lines) -> NDArray[np.uint32]:
        if 2 * work.index < work.shape.R:
            return super().digest_round(work, columns)
        return np.tile(digest_words(np.zeros((TILE, TILE), np.int32)), (work.shape.tiles, 1))

    def tile_entries(self, work: Round, tile: int) -> Entries:
        if 2 * work.index < work.shape.R:
            return super().tile_entries(work, tile)
        return np.zeros((TILE, TILE), np.int32)


class RepeatingProver(CpuProver):
    """Computes the first round, and claims its product for every later one, under a sound chain of seeds."""

    def __init__(self) -> None:
        super().__init__(workers=1)
        self.first: Round | None = None
        self.digests: NDArray[np.uint32] | None = None

    def digest_round(self, work: Round, columns: Lines) -> NDArray[np.uint32]:
        if self.digests is None:
            self.first, self.digests = work, super().digest_round(work, columns)
        return self.digests

    def tile_entries(self, work: Round, tile: int) -> Entries:
        assert self.first is not None
        return super().tile_entries(self.first, tile)


def test_halfway_prover__half_of_four_rounds__is_caught(chained, cost) -> None:
    refusal = refusal_of(chained, HalfwayProver().prove(chained).open(beacon("sample")))
    assert isinstance(refusal, ItemBad)
    assert refusal.reason is Fault.ENTRY
    honest = multiplications(chained.shape)
    cost("half of the rounds skipped", honest / 2, honest, "products", ended(refusal))


def test_repeating_prover__one_product_for_four_rounds__is_caught(chained, cost) -> None:
    refusal = refusal_of(chained, RepeatingProver().prove(chained).open(beacon("sample")))
    assert isinstance(refusal, ItemBad)
    assert refusal.reason is Fault.ENTRY
    honest = multiplications(chained.shape)
    cost("one round's product for all", honest / 4, honest, "products", ended(refusal))


def test_reused_round__under_its_own_seed_every_time__is_the_headers_fault(chained, cost) -> None:
    """Every item is true for the seed that it opens with; only the chain of seeds gives the due one."""
    refusal = refusal_of(chained, reuse_rounds(chained).open(beacon("sample")))
    assert isinstance(refusal, HeaderBad)
    assert (refusal.index, refusal.reason) == (16, Fault.SEED)
    honest = multiplications(chained.shape)
    cost("one round with its seed for all", honest / 4, honest, "products", ended(refusal))


def test_fewer_rounds__declared_as_more__have_another_form(challenge, chained, sample_beacon, honest) -> None:
    evidence = honest.open(sample_beacon)
    with pytest.raises(ItemLengthWrong):
        replace(evidence, challenge=chained)
    three = replace(challenge, shape=replace(chained.shape, R=3))
    evidence = CpuProver(1).prove(three).open(sample_beacon)
    with pytest.raises(RootCountWrong):
        replace(evidence, challenge=chained)


def test_fewer_rounds__last_root_repeated__is_caught(challenge, chained, sample_beacon, cost) -> None:
    three = replace(challenge, shape=replace(chained.shape, R=3))
    evidence = CpuProver(1).prove(three).open(sample_beacon)
    padded = replace(evidence, challenge=chained, roots=(*evidence.roots, evidence.roots[-1]))
    refusal = refusal_of(chained, padded)
    assert isinstance(refusal, ItemBad)
    honest = multiplications(chained.shape)
    cost("three rounds declared as four", 3 * honest / 4, honest, "products", ended(refusal))
