"""Skipping a share f of the work survives q samples with probability (1 − f)^q."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from math import sqrt

import pytest

from tensorbond.proof import Fault, ItemBad, Proof, Round, Shape, samples, verify

from .skipping import SkippingProver

pytestmark = pytest.mark.unit

TRIALS = 3000


def beacons(count: int) -> list[bytes]:
    return [sha256(b"sample beacon" + i.to_bytes(4, "little")).digest() for i in range(count)]


def prove_skipping(challenge, share: float, q: int) -> tuple[SkippingProver, Proof]:
    prover = SkippingProver(share)
    return prover, prover.prove(replace(challenge, shape=Shape(256, 256, 1024, 3, q)))


def first_skipped(prover: SkippingProver, proof: Proof, beacon: bytes) -> int | None:
    """The first sample that falls on a tile which the prover skipped."""
    for sample in samples(proof.commitment, beacon, proof.challenge.shape):
        if prover.skips(Round(proof.challenge, sample.round, proof.seeds[sample.round]), sample.tile):
            return sample.index
    return None


@pytest.mark.parametrize(
    ("share", "q"), [(0.01, 16), (0.01, 64), (0.02, 32), (0.05, 8), (0.05, 32), (0.2, 4), (0.5, 1)]
)
def test_verify__share_of_tiles_skipped__is_caught_at_the_predicted_rate(challenge, share, q):
    prover, proof = prove_skipping(challenge, share, q)
    rounds = [Round(proof.challenge, index, seed) for index, seed in enumerate(proof.seeds)]
    skipped = {(work.index, tile) for work in rounds for tile in range(256) if prover.skips(work, tile)}
    survives = (1 - len(skipped) / 768) ** q
    survived = sum(
        not any(
            (sample.round, sample.tile) in skipped
            for sample in samples(proof.commitment, beacon, proof.challenge.shape)
        )
        for beacon in beacons(TRIALS)
    )
    spread = sqrt(TRIALS * survives * (1 - survives))
    assert len(skipped) == pytest.approx(768 * share, abs=4 * sqrt(768 * share))
    assert abs(survived - TRIALS * survives) < 4 * spread


@pytest.mark.parametrize(("share", "q"), [(0.02, 32), (0.05, 8), (0.3, 2)])
def test_verify__skipping_prover__is_caught_exactly_when_a_sample_hits(challenge, share, q):
    prover, proof = prove_skipping(challenge, share, q)
    caught = 0
    for beacon in beacons(60):
        hit = first_skipped(prover, proof, beacon)
        evidence = proof.open(beacon)
        if hit is None:
            verify(proof.challenge, proof.commitment, beacon, evidence)
            continue
        with pytest.raises(ItemBad) as refusal:
            verify(proof.challenge, proof.commitment, beacon, evidence)
        assert (refusal.value.index, refusal.value.reason) == (hit, Fault.ENTRY)
        assert (refusal.value.row, refusal.value.col) == (0, 0)
        caught += 1
    assert 0 < caught < 60


def test_verify__nothing_skipped__is_never_caught(challenge, proof):
    _, honest = prove_skipping(challenge, 0, 8)
    assert honest.commitment == proof.commitment
