"""Measures this machine: verifying, proving, and the two kernels both rest on, beside their ceilings.

Whatever runs on one core is timed in that core's seconds, pinned to it, and the best of several runs counts;
proving is timed by the wall clock, in one run with the bare product of the same shape.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit, uint32, uint64

from tensorbond.proof.challenge import TILE, Challenge, Shape
from tensorbond.proof.errors import Fault, ProofError
from tensorbond.proof.evidence import Evidence, evidence_root
from tensorbond.proof.memory import MEMORY_ITEMS, MemoryShape
from tensorbond.proof.memory_evidence import MemoryEvidence
from tensorbond.proof.memory_verifier import find_bad_sample
from tensorbond.proof.prover import BLOCK_LINES, CpuProver
from tensorbond.proof.specimens import sparse_evidence, unproven_evidence
from tensorbond.proof.verifier import find_bad_item
from tensorbond.proof.workload import generate_lines, multiply_lines, multiply_tile

CLASS = Shape(16384, 16384, 16384, 256)
"""The shape of a data-centre card's class; verifying is measured at its size, with K and q as asked."""

MEMORY_CLASS = MemoryShape(1 << 14, 1 << 18, 1 << 16, 16384)
"""137 GB of labels under a tree of depth 30, every walker of as many steps as there may be."""

Report = Callable[[str], None]
"""Told what is measured next."""


class Unmeasured(ProofError):
    """What was to be timed did not do what it should."""


@dataclass(frozen=True)
class VerifyRate:
    """One core verifying one proof of q samples after another."""

    K: int
    q: int
    ms_per_sample: float
    proofs_per_core_second: float


@dataclass(frozen=True)
class MemoryVerifyRate:
    """One core verifying one M-phase proof after another, its tree `depth` levels deep."""

    depth: int
    samples: int
    ms_per_sample: float
    proofs_per_core_second: float
    evidence_bytes: int


@dataclass(frozen=True)
class ProveRate:
    """One proof on every core, and the bare product of the same shape; gops counts 2·m·n·K·R operations."""

    m: int
    n: int
    K: int
    R: int
    seconds: float
    gops: float
    bare_product_gops: float


@dataclass(frozen=True)
class KernelRates:
    """One core: elements of matrix lines generated, and multiply-adds of int8 summed, each second."""

    philox_elements_per_s: float
    dot_macs_per_s: float


@contextmanager
def one_core() -> Iterator[None]:
    """Keeps the calling thread on one of the cores it may use, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def best_core_seconds(run: Callable[[], object], seconds: float) -> float:
    """Least processor time of one call of `run`, tried for about `seconds` and at least three times."""
    run()
    best, tries, end = float("inf"), 0, time.perf_counter() + seconds
    while tries < 3 or time.perf_counter() < end:
        started = time.thread_time()
        run()
        best, tries = min(best, time.thread_time() - started), tries + 1
    return best


def measure_kernels(seconds: float = 0.5) -> KernelRates:
    """The package's own Philox lines, and its own 16×16 tiles of products."""
    lines = np.empty((TILE, 16384), np.int8)
    columns = generate_lines(bytes(32), 0, TILE, 16384)
    with one_core():
        philox = best_core_seconds(lambda: generate_lines(bytes(32), 0, TILE, 16384, lines), seconds)
        dot = best_core_seconds(lambda: multiply_tile(lines, columns), seconds)
    return KernelRates(lines.size / philox, TILE * lines.size / dot)


def measure_ceilings(seconds: float = 0.5) -> KernelRates:
    """A plain Philox loop and a plain int8 dot, as the compiler vectorises them, in the nearest cache."""
    words = np.empty((4, 2048), np.uint32)
    a, b = generate_lines(bytes(32), 0, 2, 8192)
    repeats = 64
    with one_core():
        philox = best_core_seconds(lambda: _plain_philox(words, repeats), seconds)
        dot = best_core_seconds(lambda: _plain_dot(a, b, repeats), seconds)
    return KernelRates(repeats * words.nbytes / philox, repeats * a.size / dot)


def measure_verify(K: int, q: int, seconds: float = 1.0) -> VerifyRate:
    """Verifying q samples of a proof as large as CLASS, on one core.

    Raises Unmeasured if the verifier ends elsewhere than at the header.
    """
    evidence = unproven_evidence(replace(CLASS, K=K, q=q))

    def judge() -> None:
        read = Evidence.decode(data)
        bad = find_bad_item(evidence.challenge, evidence.commitment, evidence.sample_beacon, read)
        if bad is None or bad.index != q or bad.reason is not Fault.ROOT:
            raise Unmeasured(f"the verifier stopped at {bad}, not at the header")
        evidence_root(read)

    data = evidence.encode()
    with one_core():
        best = best_core_seconds(judge, seconds)
    return VerifyRate(K, q, best * 1000 / q, 1 / best)


def measure_verify_memory(shape: MemoryShape = MEMORY_CLASS, seconds: float = 1.0) -> MemoryVerifyRate:
    """Verifying an M-phase proof as large as `shape`, on one core.

    Raises Unmeasured if the verifier finds anything wrong.
    """
    evidence, labels, segments = sparse_evidence(shape)
    data = evidence.encode()

    def judge() -> None:
        read = MemoryEvidence.decode(data)
        bad = find_bad_sample(evidence.challenge, labels, segments, read)
        if bad is not None:
            raise Unmeasured(f"the verifier stopped at {bad}")
        evidence_root(read)

    with one_core():
        best = best_core_seconds(judge, seconds)
    return MemoryVerifyRate(shape.depth, MEMORY_ITEMS, best * 1000 / MEMORY_ITEMS, 1 / best, len(data))


def measure_prove(m: int, n: int, K: int, R: int, workers: int | None = None) -> ProveRate:
    """One proof, between two bare products of the same shape on as many threads, of which the faster counts.

    Timed by the wall clock.
    """
    shape = Shape(m, n, K, R)
    prover = CpuProver(workers)
    prover.warm_up()
    bare = bare_product_seconds(shape, prover.workers)
    started = time.perf_counter()
    prover.prove(Challenge(bytes(32), 1, bytes(20), 1, 1, shape))
    seconds = time.perf_counter() - started
    bare = min(bare, bare_product_seconds(shape, prover.workers))
    operations = shape.operations / 1e9
    return ProveRate(m, n, K, R, seconds, operations / seconds, operations / bare)


def bare_product_seconds(shape: Shape, workers: int) -> float:
    """Time of R products of two matrices that lie in memory, written to memory: no Philox, MIX or tree."""
    rows = generate_lines(bytes(32), 0, shape.m, shape.K)
    columns = generate_lines(b"\x01" * 32, 0, shape.n, shape.K)
    entries = np.empty((shape.m, shape.n), np.int32)

    def multiply(first: int) -> None:
        block = slice(first, first + BLOCK_LINES)
        multiply_lines(rows[block], columns, entries[block])

    multiply(0)
    started = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        for _ in range(shape.R):
            for _ in pool.map(multiply, range(0, shape.m, BLOCK_LINES)):
                pass
    return time.perf_counter() - started


QUICK_SECONDS, FULL_SECONDS = 0.5, 2.0
"""How long each thing on one core is tried."""
QUICK_DEPTHS: Sequence[int] = (4096, 8192, 16384, 32768)
QUICK_SAMPLES: Sequence[int] = (64, 256)
QUICK_SHAPES: Sequence[tuple[int, int, int, int]] = ((1024, 1024, 4096, 8), (1024, 1024, 16384, 2))
FULL_SHAPES: Sequence[tuple[int, int, int, int]] = (
    (1024, 1024, 4096, 16),
    (2048, 2048, 8192, 4),
    (2048, 2048, 16384, 2),
    (2048, 2048, 32768, 1),
)


def measure_cpu(full: bool = False, report: Report = lambda _: None) -> dict[str, Any]:
    """Everything about this machine's CPU, ready for JSON; about half a minute unless `full`."""
    seconds = FULL_SECONDS if full else QUICK_SECONDS
    report("kernels and ceilings")
    kernels, ceilings = measure_kernels(seconds), measure_ceilings(seconds)
    verified = []
    for K in QUICK_DEPTHS:
        for q in QUICK_SAMPLES:
            report(f"verify K={K} q={q}")
            verified.append(vars(measure_verify(K, q, seconds)))
    report("verify memory")
    verified_memory = vars(measure_verify_memory(MEMORY_CLASS, seconds))
    proved = []
    for shape in FULL_SHAPES if full else QUICK_SHAPES:
        report("prove m={} n={} K={} R={}".format(*shape))
        proved.append(vars(measure_prove(*shape)))
    return {
        "verify": verified,
        "verify_memory": verified_memory,
        "prove": proved,
        **vars(kernels),
        "ceilings": vars(ceilings),
    }


# Self-contained, so that numba's cache of them sees every change.


@njit(cache=True, nogil=True)
def _plain_philox(out: Any, repeats: Any) -> None:
    """Blocks of Philox4x32-10, the words of each in four arrays of their own."""
    m0, m1, half = uint64(0xD2511F53), uint64(0xCD9E8D57), uint64(32)
    for repeat in range(repeats):
        for b in range(out.shape[1]):
            c0, c1, c2, c3 = uint32(b), uint32(repeat), uint32(3), uint32(4)
            k0, k1 = uint32(1), uint32(2)
            for _ in range(10):
                p0, p1 = m0 * uint64(c0), m1 * uint64(c2)
                c0, c1 = uint32(p1 >> half) ^ c1 ^ k0, uint32(p1)
                c2, c3 = uint32(p0 >> half) ^ c3 ^ k1, uint32(p0)
                k0, k1 = uint32(k0 + uint32(0x9E3779B9)), uint32(k1 + uint32(0xBB67AE85))
            out[0, b], out[1, b], out[2, b], out[3, b] = c0, c1, c2, c3


@njit(cache=True, nogil=True)
def _plain_dot(a: Any, b: Any, repeats: Any) -> Any:
    total = np.int32(0)
    for repeat in range(repeats):
        part = np.int32(repeat)
        for k in range(a.size):
            part += np.int32(a[k]) * np.int32(b[k])
        total += part
    return total
