"""The same product, checked by us and as others check, in one run on one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import freivalds, recompute
from tensorbond.proof import Challenge, CpuProver, Evidence, Shape, verify
from tensorbond.proof.bench import one_core

SIZE = 4096
RUNS = 3


@dataclass(frozen=True)
class Check:
    """`seconds` of one core for one check of a product, the verifier's own inputs included."""

    method: str
    seconds: float
    sent_bytes: int


def measure() -> list[Check]:
    """Freivalds, full recomputation and q = 256 exact tiles on an n = 4096 product."""
    a, b = freivalds.matrices(SIZE, 1)
    product = a @ b
    challenge = Challenge(bytes(32), 1, bytes(20), 1, 1, Shape(SIZE, SIZE, SIZE, 1, 256))
    proof = CpuProver().prove(challenge)
    evidence = proof.open(bytes(32)).encode()
    with one_core():
        return [
            Check(
                "exact tiles, q = 256",
                best_of(
                    lambda: (
                        verify(challenge, proof.commitment, bytes(32), Evidence.decode(evidence)) is not None
                    )
                ),
                len(evidence),
            ),
            Check(
                f"float32 Freivalds and {freivalds.ROWS} rows",
                best_of(lambda: freivalds.check(SIZE, 1, product)),
                4 * SIZE * (1 + freivalds.ROWS),
            ),
            Check(
                "full recomputation",
                best_of(lambda: recompute.check(challenge, proof.commitment), runs=1),
                len(proof.commitment),
            ),
        ]


def best_of(check: Callable[[], bool], runs: int = RUNS) -> float:
    """Least processor time, of all threads, of a check that must pass."""
    best = float("inf")
    for _ in range(runs):
        started = time.process_time()
        if not check():
            raise RuntimeError("a check of an honest product failed")
        best = min(best, time.process_time() - started)
    return best
