"""The whole M-phase on the shim: the same commitments and evidence as the CPU prover's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.proof import (
    CpuProver,
    GpuLost,
    GpuMemoryExhausted,
    GpuWrong,
    MemoryChallenge,
    MemoryShape,
    verify,
)
from tensorbond.proof.gpu import memory as gpu
from tensorbond.proof.gpu.memory import MemoryPlan, layers_for
from tensorbond.proof.gpu.prover import GpuProver, plan_rounds

from .shim import ShimDevice
from .test_prover import FailingDevice

pytestmark = pytest.mark.unit

SMALL = MemoryShape(3, 64, 4, 128)


@pytest.fixture
def small(memory_challenge) -> MemoryChallenge:
    return replace(memory_challenge, shape=SMALL)


def test_prove__golden_challenge__equals_the_vector(
    device, golden_memory, memory_challenge, memory_evidence, sample_beacon
):
    proof = GpuProver(device).prove(memory_challenge)
    assert proof.mem_root.hex() == golden_memory["mem_root"]
    assert proof.walk_root.hex() == golden_memory["walk_root"]
    assert proof.commitment.hex() == golden_memory["commitment"]
    assert proof.open(sample_beacon) == memory_evidence


@pytest.mark.parametrize(
    "shape",
    [
        MemoryShape(1, 16, 1, 64),
        MemoryShape(3, 64, 4, 128),
        MemoryShape(5, 128, 2, 64),
        MemoryShape(33, 16, 8, 192),
    ],
)
@pytest.mark.parametrize(("height", "chunk"), [(8, 1 << 20), (2, 8), (0, 1)])
def test_prove__any_shape_in_any_chunks__equals_the_cpu(
    device, memory_challenge, sample_beacon, monkeypatch, shape, height, chunk
):
    monkeypatch.setattr(gpu, "GROUP_HEIGHT", height)
    monkeypatch.setattr(gpu, "CHUNK_BLOCKS", chunk)
    monkeypatch.setattr(gpu, "KEPT_GROUPS", 2)
    challenge = replace(memory_challenge, shape=shape)
    have, need = GpuProver(device).prove(challenge), CpuProver().prove(challenge)
    assert (have.mem_root, have.walk_root) == (need.mem_root, need.walk_root)
    opened = have.open(sample_beacon)
    assert opened == need.open(sample_beacon)
    assert verify(challenge, have.commitment, sample_beacon, opened).commitment == have.commitment


def test_prove__memory_as_planned__is_never_exceeded_and_given_back(kernels, small, sample_beacon):
    device = ShimDevice(kernels, MemoryPlan(SMALL).bytes)
    proof = GpuProver(device).prove(small)
    assert device.used_bytes == SMALL.data_bytes
    proof.open(sample_beacon)
    del proof
    assert device.used_bytes == 0


def test_prove__too_little_memory__says_how_much_before_it_begins(kernels, small):
    need = 32 * 192 + 64 * (64 + 1) + 160 * 4 + 32
    device = ShimDevice(kernels, need - 1)
    with pytest.raises(GpuMemoryExhausted) as caught:
        GpuProver(device).prove(small)
    assert (caught.value.have, caught.value.need) == (need - 1, need)
    assert (device.launches, device.used_bytes) == ([], 0)


@pytest.mark.parametrize("failing", [0, 2, 3, 9, 10, 14])
def test_prove__device_lost__gives_no_commitment(kernels, small, failing):
    device = FailingDevice(kernels)
    device.failing = failing
    seen = []
    with pytest.raises(GpuLost, match="the device is gone"):
        GpuProver(device).prove(small, lambda done, total: seen.append((done, total)))
    assert len(device.launches) == failing
    assert (5, 5) not in seen


def test_prove__progress_asked_for__counts_layers_and_segments(device, small):
    seen = []
    GpuProver(device).prove(small, lambda done, total: seen.append((done, total)))
    assert seen == [(step, 5) for step in range(1, 6)]


def test_open__labels_sent_away_for_another_proof__fills_them_again(kernels, challenge, small, sample_beacon):
    room = plan_rounds(challenge.shape, 1 << 30).bytes
    device = ShimDevice(kernels, max(room, MemoryPlan(SMALL).bytes))
    prover = GpuProver(device)
    memory, need = prover.prove(small), CpuProver().prove(small)
    assert prover.prove(challenge).commitment == CpuProver().prove(challenge).commitment
    assert device.used_bytes == 0
    launched = len(device.launches)
    assert memory.open(sample_beacon) == need.open(sample_beacon)
    assert device.launches[launched:] == ["fill_labels"] * SMALL.layers


def test_prove__room_enough__leaves_the_labels_where_they_are(device, challenge, small):
    prover = GpuProver(device)
    memory = prover.prove(small)
    prover.prove(challenge)
    assert device.used_bytes == SMALL.data_bytes
    other = prover.prove(replace(small, slot=small.slot + 1))
    assert device.used_bytes == SMALL.data_bytes
    assert memory.commitment != other.commitment


def test_open__labels_changed_meanwhile__is_noticed(device, small, sample_beacon):
    proof = GpuProver(device).prove(small)
    proof.memory._labels[::32] ^= 1
    with pytest.raises(GpuWrong, match="of blocks, opened is"):
        proof.open(sample_beacon)


def test_layers_for__cards__fill_at_least_88_percent_and_leave_room_for_the_trees():
    for gib in (8, 24, 80, 141):
        total = gib << 30
        layers = layers_for(total, 1 << 18)
        shape = MemoryShape(layers, 1 << 18, 1 << 16, 16384)
        assert shape.data_bytes >= 0.88 * total > shape.data_bytes - 32 * (1 << 18)
        assert MemoryPlan(shape).bytes < 0.9 * total
