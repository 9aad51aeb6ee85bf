"""Skipping a share f of the work survives q samples with probability (1 − f)^q, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import pytest

from benchmarks import survival
from tensorbond.demo.villains import SkippingProver
from tensorbond.proof import Fault, ItemBad, Proof, Round, Shape, samples

from .forging import beacon, ended, judge, multiplications, refusal_of

pytestmark = pytest.mark.unit

TRIALS = 2000


def prove_skipping(challenge, share: float, q: int) -> Proof:
    asked = replace(challenge, shape=Shape(256, 256, 1024, 3, q))
    return SkippingProver(share, workers=1).prove(asked)


def first_hit(proof: Proof, sample_beacon: bytes) -> int | None:
    """The first sample that falls on a tile which the prover skipped."""
    assert isinstance(proof.prover, SkippingProver)
    for sample in samples(proof.commitment, sample_beacon, proof.challenge.shape):
        if sample.tile in proof.prover.skipped(
            Round(proof.challenge, sample.round, proof.seeds[sample.round])
        ):
            return sample.index
    return None


@pytest.mark.parametrize(("share", "q"), [(0.02, 32), (0.05, 8), (0.3, 2)])
def test_skipping_prover__sixty_beacons__is_caught_exactly_when_a_sample_hits(challenge, share, q) -> None:
    proof = prove_skipping(challenge, share, q)
    caught = 0
    for index in range(60):
        evidence = proof.open(beacon("sample", index))
        hit = first_hit(proof, evidence.sample_beacon)
        if hit is None:
            judge(proof.challenge, evidence)
            continue
        refusal = refusal_of(proof.challenge, evidence)
        assert isinstance(refusal, ItemBad)
        assert (refusal.index, refusal.reason) == (hit, Fault.ENTRY)
        assert (refusal.row, refusal.col) == (0, 0)
        caught += 1
    assert 0 < caught < 60


def test_survival__every_share_and_count__is_the_predicted_one() -> None:
    for point in survival.measure(TRIALS):
        spread = sqrt(TRIALS * point.expected * (1 - point.expected))
        assert abs(point.survived - TRIALS * point.expected) <= 4 * spread + 1, point


def test_skipping_prover__two_percent_at_256_samples__is_caught_99_times_of_100(challenge, cost) -> None:
    proof = prove_skipping(challenge, 0.02, 256)
    refused = [first_hit(proof, beacon("sample", index)) is not None for index in range(1000)]
    assert sum(refused) >= 985
    refusal = refusal_of(proof.challenge, proof.open(beacon("sample")))
    honest = multiplications(proof.challenge.shape)
    cost("2 % of the tiles skipped, q = 256", 0.98 * honest, honest, "products", ended(refusal))


def test_skipping_prover__nothing_skipped__is_the_honest_prover(challenge, honest) -> None:
    assert SkippingProver(0, workers=1).prove(challenge).commitment == honest.commitment
