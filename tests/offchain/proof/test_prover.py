from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tensorbond.proof import (
    CpuProver,
    FieldInvalid,
    InputInvalid,
    ProofTooLarge,
    Shape,
    commitment_of,
    digest_tiles,
    parse_item,
    samples,
    verify,
)

from . import reference

pytestmark = pytest.mark.unit


def test_prove__golden_challenge__equals_the_vector(golden, proof):
    assert [seed.hex() for seed in proof.seeds] == golden["seeds"]
    assert [root.hex() for root in proof.roots] == golden["roots"]
    assert proof.final_seed.hex() == golden["final_seed"]
    assert proof.rounds_root.hex() == golden["rounds_root"]
    assert proof.commitment.hex() == golden["commitment"]


@pytest.mark.parametrize(("m", "n", "K", "R"), [(256, 512, 1024, 1), (512, 256, 1024, 3)])
def test_prove__oblong_shape__equals_plain_python(golden, challenge, m, n, K, R):
    seeds, roots, rounds_root, commitment = reference.commit(
        golden["inputs"] | {"m": m, "n": n, "K": K, "R": R}
    )
    proof = CpuProver().prove(replace(challenge, shape=Shape(m, n, K, R, 4)))
    assert proof.seeds == tuple(seeds)
    assert proof.roots == tuple(roots)
    assert proof.rounds_root == rounds_root
    assert proof.commitment == commitment


@pytest.mark.parametrize(
    "shape",
    [
        Shape(256, 256, 1024, 1, 1),
        Shape(512, 256, 1024, 5, 16),
        Shape(256, 1024, 2048, 2, 40),
        Shape(256, 256, 32768, 1, 3),
    ],
)
def test_open__any_shape__is_verified(challenge, sample_beacon, shape):
    asked = replace(challenge, shape=shape)
    proof = CpuProver().prove(asked)
    verified = verify(asked, proof.commitment, sample_beacon, proof.open(sample_beacon))
    assert verified.operations == 2 * shape.m * shape.n * shape.K * shape.R
    assert verified.commitment == proof.commitment == commitment_of(proof.final_seed, proof.rounds_root)


def test_open__golden_beacon__opens_the_vector_s_tiles(golden, challenge, evidence):
    for known, data in zip(golden["samples"], evidence.items, strict=True):
        item = parse_item(challenge.shape, data)
        assert (item.round, item.tile) == (known["round"], known["tile"])
        assert item.entries[0].tolist() == known["first_row"]
        assert digest_tiles(item.entries[None])[0].hex() == known["leaf"]
        assert [node.hex() for node in item.tile_path] == known["path"]
        assert [node.hex() for node in item.round_path] == known["round_path"]
        assert item.seed.hex() == golden["seeds"][known["round"]]


def test_open__another_beacon__opens_other_tiles_of_the_same_commitment(challenge, proof):
    evidence = proof.open(b"\x01" * 32)
    asked = samples(proof.commitment, b"\x01" * 32, challenge.shape)
    opened = [parse_item(challenge.shape, data) for data in evidence.items]
    assert [(item.round, item.tile) for item in opened] == [(sample.round, sample.tile) for sample in asked]
    assert verify(challenge, proof.commitment, b"\x01" * 32, evidence).commitment == proof.commitment


def test_open__short_beacon__is_refused(proof):
    with pytest.raises(FieldInvalid):
        proof.open(bytes(31))


@pytest.mark.parametrize("workers", [1, 3])
def test_prove__any_number_of_workers__is_the_same_proof(challenge, proof, workers):
    assert CpuProver(workers).prove(challenge).commitment == proof.commitment


def test_prove__progress_asked_for__counts_rounds(challenge):
    seen = []
    CpuProver().prove(challenge, lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_open__rounds_not_kept__computes_them_again(challenge, evidence, sample_beacon):
    kept = CpuProver(workers=1).prove(challenge)
    limit = CpuProver(workers=1).round_bytes(challenge.shape) + kept.kept[0].nbytes
    proof = CpuProver(workers=1, memory_limit=limit).prove(challenge)
    assert set(proof.kept) == {0}
    assert proof.open(sample_beacon) == evidence


def test_prove__memory_limit_below_one_round__is_refused(challenge):
    with pytest.raises(ProofTooLarge, match="may use 1000 bytes, this shape needs"):
        CpuProver(memory_limit=1000).prove(challenge)


def test_prover__no_workers__is_refused():
    with pytest.raises(InputInvalid):
        CpuProver(workers=0)


def test_prove__overridden_digests__are_what_is_committed(challenge, proof):
    class Flipper(CpuProver):
        def digest_round(self, work, columns):
            digests = super().digest_round(work, columns)
            digests[5, 0] ^= np.uint32(1)
            return digests

    assert Flipper().prove(challenge).commitment != proof.commitment
