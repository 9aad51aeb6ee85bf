"""On a real GPU: `pytest -m gpu`. What the shim cannot show: the compiler, the product, the memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.proof import W2, CpuProver, GpuMemoryExhausted, MemoryShape, Shape, verify
from tensorbond.proof.gpu.bench import largest_memory
from tensorbond.proof.gpu.cuda import CudaDevice
from tensorbond.proof.gpu.prover import GpuProver

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def prover():
    prover = GpuProver(CudaDevice(0))
    prover.warm_up()
    return prover


def test_prove__golden_challenges__equal_the_vectors(
    prover, golden, challenge, evidence, golden_memory, memory_challenge, memory_evidence, sample_beacon
):
    proof, memory_proof = prover.prove(challenge), prover.prove(memory_challenge)
    assert proof.commitment.hex() == golden["commitment"]
    assert memory_proof.commitment.hex() == golden_memory["commitment"]
    assert proof.open(sample_beacon) == evidence
    assert memory_proof.open(sample_beacon) == memory_evidence


@pytest.mark.parametrize(
    "shape", [Shape(2048, 1024, 4096, 2), Shape(1024, 2048, 4096, 2, profile=W2), Shape(256, 256, 32768, 1)]
)
def test_prove__larger_shapes__equal_the_cpu(prover, challenge, sample_beacon, shape):
    asked = replace(challenge, shape=shape)
    have, need = prover.prove(asked), CpuProver().prove(asked)
    assert have.commitment == need.commitment
    assert have.open(sample_beacon) == need.open(sample_beacon)


def test_prove__larger_memory__equals_the_cpu(prover, memory_challenge, sample_beacon):
    asked = replace(memory_challenge, shape=MemoryShape(20, 1 << 14, 1 << 10, 256))
    have, need = prover.prove(asked), CpuProver().prove(asked)
    assert have.commitment == need.commitment
    assert have.open(sample_beacon) == need.open(sample_beacon)


def test_prove__more_memory_than_there_is__is_refused_and_nothing_is_lost(
    prover, challenge, memory_challenge
):
    too_much = MemoryShape(prover.device.total_bytes // (32 << 18) + 1, 1 << 18, 1 << 16, 64)
    with pytest.raises(GpuMemoryExhausted):
        prover.prove(replace(memory_challenge, shape=too_much))
    assert prover.prove(challenge).commitment == CpuProver().prove(challenge).commitment


def test_prove__most_of_the_memory__is_opened_and_verified(prover, memory_challenge, sample_beacon):
    shape = largest_memory(prover.device.total_bytes, prover.device.free_bytes(), 1024)
    asked = replace(memory_challenge, shape=shape)
    proof = prover.prove(asked)
    opened = proof.open(sample_beacon)
    assert verify(asked, proof.commitment, sample_beacon, opened).commitment == proof.commitment
