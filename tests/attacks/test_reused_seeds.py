"""A product computed for one question, claimed for another: the first seed holds every field of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tensorbond.proof import Challenge, CpuProver, Fault, ItemBad, Proof, Round, Shape
from tensorbond.proof.workload import Entries, Lines

from .forging import ExactProver, ended, judge, multiplications, refusal_of

pytestmark = pytest.mark.unit


class ReusingProver(CpuProver):
    """Claims the products of an older proof, repeated where the shape asks for more."""

    def __init__(self, source: Proof) -> None:
        super().__init__(workers=1)
        self.source = source

    def digest_round(self, work: Round, columns: Lines) -> NDArray[np.uint32]:
        kept = self.source.kept[work.index % self.source.challenge.shape.R]
        return kept[[self.old_tile(work, tile) for tile in range(work.shape.tiles)]]

    def tile_entries(self, work: Round, tile: int) -> Entries:
        index = work.index % self.source.challenge.shape.R
        old = Round(self.source.challenge, index, self.source.seeds[index])
        return super().tile_entries(old, self.old_tile(work, tile))

    def old_tile(self, work: Round, tile: int) -> int:
        old, (row, column) = self.source.challenge.shape, divmod(tile, work.shape.tile_columns)
        return row % (old.m // 16) * old.tile_columns + column % old.tile_columns


def another(challenge: Challenge, field: str) -> Challenge:
    change = {
        "device": {"device": 4},
        "slot": {"slot": 43},
        "provider": {"provider": b"\x22" * 20},
        "chain": {"chain_id": 1},
        "beacon": {"beacon": bytes(32)},
        "m": {"shape": Shape(512, 256, 1024, 2, 16)},
        "n": {"shape": Shape(256, 512, 1024, 2, 16)},
        "K": {"shape": Shape(256, 256, 2048, 2, 16)},
        "R": {"shape": Shape(256, 256, 1024, 3, 16)},
    }
    return replace(challenge, **change[field])


@pytest.mark.parametrize("field", ["device", "slot", "provider", "chain", "beacon", "m", "n", "K", "R"])
def test_reusing_prover__products_of_another_question__is_caught(
    challenge, sample_beacon, honest, cost, field
) -> None:
    asked = another(challenge, field)
    refusal = refusal_of(asked, ReusingProver(honest).prove(asked).open(sample_beacon))
    assert isinstance(refusal, ItemBad)
    assert (refusal.index, refusal.reason) == (0, Fault.ENTRY)
    cost(
        "products of another device, slot, provider, chain, beacon or shape",
        0,
        multiplications(challenge.shape),
        "products",
        ended(refusal),
    )


def test_reusing_prover__products_of_the_same_question__stand(challenge, sample_beacon, honest) -> None:
    evidence = ReusingProver(honest).prove(challenge).open(sample_beacon)
    judge(challenge, evidence)
    assert evidence.commitment == honest.commitment


def test_first_products__of_every_question__differ(challenge) -> None:
    fields = ("device", "slot", "provider", "chain", "beacon")
    questions = [challenge, *(another(challenge, field) for field in fields)]
    roots = {ExactProver().prove(question).roots[0] for question in questions}
    assert len(roots) == len(questions)
