"""How often skipped work survives its samples: drawn as the chain draws them, against (1 − f)^q.

Whether a cheat survives depends on nothing but which places its samples name: tests/attacks holds the
verifier to that. So thousands of commitments can be tried without computing one.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from math import sqrt

import numpy as np

from tensorbond.proof import Shape, samples

SHARES = (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05)
COUNTS = (64, 256, 512)
SHAPE = Shape(256, 256, 1024, 64, max(COUNTS))
PLACES = SHAPE.R * SHAPE.tiles
CONFIDENCE = 1.96


@dataclass(frozen=True)
class Survival:
    """Of `trials` proofs that skip `share` of the places, `survived` were not caught by `q` samples."""

    share: float
    q: int
    trials: int
    survived: int

    @property
    def measured(self) -> float:
        return self.survived / self.trials

    @property
    def expected(self) -> float:
        return float((1 - self.share) ** self.q)

    @property
    def bounds(self) -> tuple[float, float]:
        """Wilson's interval at 95 %."""
        n, p, z = self.trials, self.measured, CONFIDENCE
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        spread = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, middle - spread), middle + spread


def measure(trials: int) -> list[Survival]:
    """`trials` commitments under a beacon of their own, each judged for every share and count at once.

    The places are skipped in one fixed random order, the first f·PLACES of it. The first q samples of a
    longer list are the samples for q.
    """
    order = np.random.default_rng(0).permutation(PLACES)
    skipped = {share: round(share * PLACES) for share in SHARES}
    survived = {(share, q): 0 for share in SHARES for q in COUNTS}
    for trial in range(trials):
        commitment, beacon = (sha256(f"{label} {trial}".encode()).digest() for label in ("work", "beacon"))
        asked = samples(commitment, beacon, SHAPE)
        ranks = order[[sample.round * SHAPE.tiles + sample.tile for sample in asked]]
        earliest = np.minimum.accumulate(ranks)
        for share, q in survived:
            survived[share, q] += int(earliest[q - 1] >= skipped[share])
    return [Survival(skipped[share] / PLACES, q, trials, survived[share, q]) for share, q in survived]
