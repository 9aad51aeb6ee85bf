"""The whole GPU prover on the shim: the same commitments and evidence as the CPU prover's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tensorbond.proof import (
    W2,
    CpuProver,
    GpuLost,
    GpuMemoryExhausted,
    GpuWrong,
    Shape,
    verify,
)
from tensorbond.proof.gpu import prover as gpu
from tensorbond.proof.gpu.device import TimedDevice
from tensorbond.proof.gpu.prover import GpuProver, plan_rounds

from .shim import ShimDevice

pytestmark = pytest.mark.unit

SMALL = Shape(256, 512, 1024, 2, 24)


@pytest.fixture
def small(challenge):
    return replace(challenge, shape=SMALL)


@pytest.fixture(scope="module")
def expected(challenge, sample_beacon):
    proof = CpuProver().prove(replace(challenge, shape=SMALL))
    return proof, proof.open(sample_beacon)


def test_prove__golden_challenge__equals_the_vector(device, golden, challenge, evidence, sample_beacon):
    proof = GpuProver(device).prove(challenge)
    assert [root.hex() for root in proof.roots] == golden["roots"]
    assert proof.commitment.hex() == golden["commitment"]
    assert proof.open(sample_beacon) == evidence


@pytest.mark.parametrize(
    "shape", [Shape(256, 512, 1024, 2, 12, W2), Shape(512, 256, 4096, 1, 9, W2), Shape(512, 256, 2048, 3, 9)]
)
def test_prove__either_profile_and_any_shape__equals_the_cpu(device, challenge, sample_beacon, shape):
    asked = replace(challenge, shape=shape)
    have, need = GpuProver(device).prove(asked), CpuProver().prove(asked)
    assert have.roots == need.roots
    assert have.commitment == need.commitment
    assert have.open(sample_beacon) == need.open(sample_beacon)
    assert ("fill_wide_lines" in device.launches) is (shape.profile == W2)
    assert ("mix_wide_tiles" in device.launches) is (shape.profile == W2)


def test_prove__chunk_by_chunk__equals_the_cpu(device, small, expected, sample_beacon, monkeypatch):
    monkeypatch.setattr(gpu, "CHUNK_BYTES", 4 * 64 * SMALL.n)
    monkeypatch.setattr(gpu, "GROUP_TILES", 8)
    plan = plan_rounds(SMALL, device.free_bytes())
    assert (plan.lines, plan.group, plan.groups) == (64, 8, 64)
    proof = GpuProver(device).prove(small)
    assert proof.commitment == expected[0].commitment
    opened = proof.open(sample_beacon)
    assert opened == expected[1]
    assert verify(small, proof.commitment, sample_beacon, opened).commitment == proof.commitment


def test_prove__nothing_kept__computes_rounds_again(device, small, expected, sample_beacon):
    proof = GpuProver(device, host_bytes=0).prove(small)
    assert proof.kept == {}
    assert proof.open(sample_beacon) == expected[1]


def test_prove__and_open__give_all_memory_back(device, small, sample_beacon):
    proof = GpuProver(device).prove(small)
    assert device.used_bytes == 0
    proof.open(sample_beacon)
    assert device.used_bytes == 0


def test_prove__memory_as_planned__is_never_exceeded(kernels, small, expected):
    need = plan_rounds(SMALL, 1 << 30).bytes
    proof = GpuProver(ShimDevice(kernels, need)).prove(small)
    assert proof.commitment == expected[0].commitment


def test_prove__less_memory__takes_smaller_chunks(kernels, small, expected):
    whole = plan_rounds(SMALL, 1 << 30)
    least = plan_rounds(SMALL, whole.bytes - 1)
    assert (whole.lines, least.lines) == (256, 128)
    assert GpuProver(ShimDevice(kernels, least.bytes)).prove(small).commitment == expected[0].commitment


def test_prove__too_little_memory__says_how_much(kernels, small):
    device = ShimDevice(kernels, 100_000)
    with pytest.raises(GpuMemoryExhausted) as caught:
        GpuProver(device).prove(small)
    assert caught.value.have == 100_000
    assert caught.value.need == (512 + 32) * 1024 + 4 * 32 * 512 + 64 * (2 * 32 + 16)
    assert device.launches == []


class FailingDevice(ShimDevice):
    """Fails at its `failing`-th launch, and for ever after."""

    failing = 0

    def launch(self, kernel, threads, *arguments):
        if len(self.launches) >= self.failing:
            raise GpuLost(self.name, "the device is gone")
        super().launch(kernel, threads, *arguments)


@pytest.mark.parametrize("failing", [0, 1, 7, 20])
def test_prove__device_lost__gives_no_commitment(kernels, small, failing):
    device = FailingDevice(kernels)
    device.failing = failing
    rounds = []
    with pytest.raises(GpuLost, match="GPU shim failed: the device is gone"):
        GpuProver(device).prove(small, lambda done, total: rounds.append(done))
    assert len(device.launches) == failing
    assert SMALL.R not in rounds
    assert device.used_bytes == 0


def test_prove__memory_taken_meanwhile__gives_no_commitment(kernels, small):
    class Shared(ShimDevice):
        def free_bytes(self):
            return 1 << 30

        def empty(self, size):
            if self.used_bytes + size > self.total_bytes:
                raise GpuMemoryExhausted(self.total_bytes - self.used_bytes, size)
            return super().empty(size)

    device = Shared(kernels, 700_000)
    with pytest.raises(GpuMemoryExhausted) as caught:
        GpuProver(device).prove(small)
    assert (caught.value.have, caught.value.need) == (700_000 - 512 * 1024, 256 * 1024)
    assert device.launches == []


def test_open__device_lost__gives_no_evidence(kernels, small, sample_beacon):
    device = FailingDevice(kernels)
    device.failing = 1000
    proof = GpuProver(device).prove(small)
    device.failing = len(device.launches) + 5
    with pytest.raises(GpuLost):
        proof.open(sample_beacon)


class FlippingDevice(ShimDevice):
    """Computes one product entry wrong, sometimes."""

    flips = True

    def prepare(self, product, rows, columns, entries):
        multiply = super().prepare(product, rows, columns, entries)

        def multiply_wrong():
            multiply()
            if self.flips:
                entries[0] ^= 1

        return multiply_wrong


def test_open__device_computes_something_else__is_noticed(kernels, small, sample_beacon):
    device = FlippingDevice(kernels)
    device.flips = False
    proof = GpuProver(device).prove(small)
    device.flips = True
    with pytest.raises(GpuWrong, match="of round 0, opened is"):
        proof.open(sample_beacon)


def test_warm_up__right_device__passes(device):
    GpuProver(device).warm_up()


def test_warm_up__wrong_device__is_refused(kernels):
    with pytest.raises(GpuWrong, match="the self-test's commitment is"):
        GpuProver(FlippingDevice(kernels)).warm_up()


def test_prove__progress_asked_for__counts_rounds(device, small):
    seen = []
    GpuProver(device).prove(small, lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_prove__on_a_timed_device__is_the_same_and_tells_where_time_went(device, small, expected):
    timed = TimedDevice(device)
    assert GpuProver(timed).prove(small).commitment == expected[0].commitment
    assert set(timed.seconds) == {"fill_lines", "product", "mix_tiles", "join_nodes", "copy"}
    assert min(timed.seconds.values()) > 0


def test_plan_rounds__largest_class__fits_a_card_of_24_gb():
    plan = plan_rounds(Shape(32768, 32768, 32768, 1), 22 << 30)
    assert plan.lines == 8192
    assert plan.bytes < 3 << 30
    assert np.log2(plan.groups) == 16
