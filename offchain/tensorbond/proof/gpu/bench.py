"""Measures a GPU: proofs beside the bare product of the same shape, and where the rest of the time goes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tensorbond.proof.bench import Report
from tensorbond.proof.challenge import Challenge, Shape
from tensorbond.proof.evidence import evidence_length
from tensorbond.proof.gpu.device import Device, TimedDevice
from tensorbond.proof.gpu.memory import MemoryPlan, layers_for
from tensorbond.proof.gpu.prover import GpuProver, Workspace, plan_rounds
from tensorbond.proof.memory import LABEL_BYTES, MemoryChallenge, MemoryShape

DIMENSIONS: Sequence[tuple[int, int, int]] = (
    (8192, 8192, 8192),
    (16384, 16384, 8192),
    (16384, 16384, 16384),
    (32768, 32768, 16384),
)
"""m, n and K of what is proven."""
QUICK_SECONDS, FULL_SECONDS = 3.0, 30.0
"""How long a proof should take: R follows from it."""
MAX_ROUNDS = 4096
TIMED_ROUNDS = 4
"""Rounds that are run one kernel at a time, to see what each takes."""
WIDTH, WALKERS = 1 << 18, 1 << 16
"""Labels in a layer, and walkers."""
QUICK_STEPS, FULL_STEPS = 1024, 16384


@dataclass(frozen=True)
class GpuRate:
    """One proof; gops counts 2·m·n·K·R operations, `overhead` is each kernel's share of time, run alone."""

    m: int
    n: int
    K: int
    R: int
    seconds: float
    gops: float
    bare_product_gops: float
    share_of_bare: float
    share_of_peak: float
    overhead: dict[str, float]
    evidence_bytes: int


@dataclass(frozen=True)
class GpuMemoryRate:
    """One M-phase; MB/s as an attestation counts them, `overhead` as in GpuRate, of a small part of it."""

    layers: int
    W: int
    walkers: int
    steps: int
    share_of_memory: float
    seconds: float
    megabytes_per_second: float
    overhead: dict[str, float]
    evidence_bytes: int


def measure_gpu(
    device: Device,
    full: bool = False,
    peak_gops: float | None = None,
    report: Report = lambda _: None,
) -> dict[str, Any]:
    """Everything about one GPU, ready for JSON.

    The peak is `peak_gops`, or else the fastest bare product of this run. The M-phase fills what memory is
    free, up to the share that a class should fill.
    """
    prover = GpuProver(device)
    report("self-test")
    prover.warm_up()
    rates = []
    for m, n, K in DIMENSIONS:
        report(f"prove m={m} n={n} K={K}")
        rates.append(measure_shape(prover, Shape(m, n, K, 1), FULL_SECONDS if full else QUICK_SECONDS))
    peak = peak_gops or max(rate.bare_product_gops for rate in rates)
    report("prove memory")
    memory = measure_memory(prover, FULL_STEPS if full else QUICK_STEPS)
    return {
        "device": device.name,
        "total_bytes": device.total_bytes,
        "prove": [asdict(replace(rate, share_of_peak=rate.gops / peak)) for rate in rates],
        "prove_memory": asdict(memory),
        "peak": {"gops": peak, "measured": peak_gops is None},
    }


def measure_shape(prover: GpuProver, shape: Shape, seconds: float) -> GpuRate:
    """A proof of as many rounds as should take `seconds`, after a bare product of as many."""
    once = bare_product_seconds(prover.device, shape)
    shape = replace(shape, R=min(MAX_ROUNDS, max(1, round(seconds / once))))
    bare = bare_product_seconds(prover.device, shape)
    started = time.perf_counter()
    prover.prove(_challenge(shape))
    taken = time.perf_counter() - started
    gops, bare_gops = shape.operations / taken / 1e9, shape.operations / bare / 1e9
    return GpuRate(
        m=shape.m,
        n=shape.n,
        K=shape.K,
        R=shape.R,
        seconds=taken,
        gops=gops,
        bare_product_gops=bare_gops,
        share_of_bare=gops / bare_gops,
        share_of_peak=0.0,
        overhead=_time_kernels(prover.device, _challenge(replace(shape, R=min(TIMED_ROUNDS, shape.R)))),
        evidence_bytes=evidence_length(shape),
    )


def bare_product_seconds(device: Device, shape: Shape) -> float:
    """Time of all rounds' products alone, in the chunks in which they are proven."""
    plan = plan_rounds(shape, device.free_bytes())
    workspace = Workspace(device, _challenge(shape), plan)
    workspace.multiply()
    device.synchronize()
    started = time.perf_counter()
    for _ in range(shape.R * (shape.m // plan.lines)):
        workspace.multiply()
    device.synchronize()
    return time.perf_counter() - started


def measure_memory(prover: GpuProver, steps: int) -> GpuMemoryRate:
    """An M-phase of as many layers as a class should have, or as fit beside what else lies on the card."""
    device = prover.device
    shape = largest_memory(device.total_bytes, device.free_bytes(), steps)
    started = time.perf_counter()
    prover.prove(_memory_challenge(shape))
    taken = time.perf_counter() - started
    part = replace(shape, layers=max(1, shape.layers // 16), steps=max(64, steps // 16 // 64 * 64))
    return GpuMemoryRate(
        layers=shape.layers,
        W=shape.W,
        walkers=shape.walkers,
        steps=shape.steps,
        share_of_memory=shape.data_bytes / device.total_bytes,
        seconds=taken,
        megabytes_per_second=shape.bytes_moved / taken / 1e6,
        overhead=_time_kernels(device, _memory_challenge(part)),
        evidence_bytes=evidence_length(shape),
    )


def largest_memory(total: int, free: int, steps: int) -> MemoryShape:
    """The layers that fill a class's share of a card, fewer where that much is not free."""
    shape = MemoryShape(layers_for(total, WIDTH), WIDTH, WALKERS, steps)
    while shape.layers > 1 and MemoryPlan(shape).bytes > free:
        excess = MemoryPlan(shape).bytes - free
        shape = replace(shape, layers=max(1, shape.layers - -(-excess // (LABEL_BYTES * WIDTH))))
    return shape


def _time_kernels(device: Device, challenge: Challenge | MemoryChallenge) -> dict[str, float]:
    timed = TimedDevice(device)
    GpuProver(timed).prove(challenge)
    total = sum(timed.seconds.values())
    return {name: seconds / total for name, seconds in sorted(timed.seconds.items())}


def _challenge(shape: Shape) -> Challenge:
    return Challenge(bytes(32), 1, bytes(20), 1, 1, shape)


def _memory_challenge(shape: MemoryShape) -> MemoryChallenge:
    return MemoryChallenge(bytes(32), 1, bytes(20), 1, 1, shape)
