"""Trying commitments until the samples fall well.

It works where the commitment makes the samples (Fiat–Shamir), and cannot begin where they come from a block
that is mined after the commitment is in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import count
from math import sqrt

import numpy as np
import pytest

from tensorbond.demo.villains import SkippingProver
from tensorbond.proof import Challenge, Proof, Round, Shape, merkle, next_seed, samples
from tensorbond.proof.prover import leaves_of
from tests.acts import commit_as, mine_to_slot
from tests.chain import Chain
from tests.work import challenge_of, device_as, first_slot_of

from .forging import ExactProver, beacon, judge, multiplications

SHARE, Q = 0.3, 12


@dataclass(frozen=True)
class Ground:
    """A proof that was picked from `tries`, at `hashes` SHA-256 in all."""

    proof: Proof
    skipped: frozenset[int]
    tries: int
    hashes: int

    def survives(self, sample_beacon: bytes) -> bool:
        asked = samples(self.proof.commitment, sample_beacon, self.proof.challenge.shape)
        return self.skipped.isdisjoint(sample.tile for sample in asked)


def fiat_shamir(commitment: bytes) -> bytes:
    return sha256(b"samples of " + commitment).digest()


def grind(challenge: Challenge, sample_beacon_of: Callable[[bytes], bytes]) -> Ground:
    """Skips SHARE of one round, and changes the leaf of a skipped tile until no sample names a skipped one.

    A try hashes one path, the seed, the round's leaf and the commitment, and draws until a sample hits.
    """
    prover = SkippingProver(SHARE, workers=1)
    base = prover.prove(challenge)
    skipped = prover.skipped(Round(challenge, 0, challenge.first_seed))
    levels = merkle.build(leaves_of(base.kept[0]))
    free = min(skipped)
    path = merkle.path_of(levels, free)
    hashes = 0
    for nonce in count():
        leaf = nonce.to_bytes(32, "little")
        root = merkle.fold(leaf, free, path, challenge.shape.tile_depth)
        digests = base.kept[0].copy()
        digests[free] = np.frombuffer(leaf, "<u4")
        final_seed = next_seed(challenge.first_seed, 0, root)
        proof = Proof(prover, challenge, base.seeds, (root,), final_seed, {0: digests})
        ground = Ground(proof, skipped, nonce + 1, hashes)
        asked = samples(proof.commitment, sample_beacon_of(proof.commitment), challenge.shape)
        hits = [sample.index for sample in asked if sample.tile in skipped]
        hashes += len(path) + 4 + (hits[0] + 1 if hits else challenge.shape.q)
        if not hits:
            return replace(ground, hashes=hashes)
    raise AssertionError("unreachable")


@pytest.fixture(scope="module")
def ground(challenge: Challenge) -> list[Ground]:
    """Eight slots' worth of one, since luck decides about a single try."""
    toy = replace(challenge, shape=Shape(256, 256, 1024, 1, Q))
    return [grind(replace(toy, slot=slot), fiat_shamir) for slot in range(40, 48)]


@pytest.mark.unit
def test_grind__samples_from_the_commitment__passes_the_real_verifier(ground, cost) -> None:
    """What a Fiat–Shamir variant would let pass: 30 % skipped, nothing found."""
    for each in ground:
        judge(each.proof.challenge, each.proof.open(fiat_shamir(each.proof.commitment)))
    tries = sum(each.tries for each in ground) / len(ground)
    assert tries < 4 / (1 - SHARE) ** Q
    hashes = sum(each.hashes for each in ground) // len(ground)
    cost(
        f"30 % skipped, q = 12, seed ground with {hashes} hashes, were it Fiat–Shamir",
        *spent(ground),
        "products",
        f"passes, after {tries:.0f} tries",
    )


@pytest.mark.unit
def test_grind__samples_from_a_later_beacon__survives_as_often_as_without(ground, cost) -> None:
    expected = (1 - len(ground[0].skipped) / ground[0].proof.challenge.shape.tiles) ** Q
    trials = 500 * len(ground)
    survived = sum(each.survives(beacon("later", index)) for each in ground for index in range(500))
    assert abs(survived - trials * expected) < 4 * sqrt(trials * expected * (1 - expected))
    cost(
        "30 % skipped, q = 12, the same seeds, as it is",
        *spent(ground),
        "products",
        f"passes {survived} of {trials} times; by chance {trials * expected:.0f}",
    )


def spent(ground: list[Ground]) -> tuple[float, float]:
    """Products that a grinder computes, and that an honest prover does."""
    honest = multiplications(ground[0].proof.challenge.shape)
    return (1 - SHARE) * honest, honest


@pytest.mark.chain
def test_commit__once_the_sample_beacon_is_known__reverts(chain: Chain, provider: str) -> None:
    device = device_as(chain, provider)
    slot = first_slot_of(chain, device)
    proof = ExactProver().prove(challenge_of(chain, device, slot))
    mine_to_slot(chain, slot + 1)
    start = chain.block_number
    with chain.reverts(
        "WindowClosed", slot=slot, blockNumber=start + 1, firstBlock=start - 9, lastBlock=start - 2
    ):
        commit_as(chain, provider, device, slot, proof.commitment)


@pytest.mark.chain
def test_commit__a_second_try_in_the_slot__reverts(chain: Chain, provider: str) -> None:
    device = device_as(chain, provider)
    slot = first_slot_of(chain, device)
    mine_to_slot(chain, slot)
    commit_as(chain, provider, device, slot, beacon("first"))
    with chain.reverts("CommittedAlready", device=device, slot=slot):
        commit_as(chain, provider, device, slot, beacon("second"))
