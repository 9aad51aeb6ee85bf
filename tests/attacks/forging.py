"""Provers that make up whole products, and what every attack does with a proof."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest
from numpy.typing import NDArray

from tensorbond.proof import (
    TILE,
    Challenge,
    CpuProver,
    Evidence,
    EvidenceBad,
    Round,
    Shape,
    digest_tiles,
    generate_lines,
    row_seed,
    verify,
)
from tensorbond.proof.workload import Entries, Lines

Product = NDArray[np.int32]
"""A·B, (m, n)."""


class ExactProver(CpuProver):
    """Honest, on one core."""

    def __init__(self) -> None:
        super().__init__(workers=1)


class ForgingProver(CpuProver):
    """Commits to what `forge` returns as the product of every round, and opens just that.

    `spent` counts the multiplications of int8 values that `forge` reports.
    """

    def __init__(self) -> None:
        super().__init__(workers=1)
        self.spent = 0
        self.tiles: dict[bytes, NDArray[np.int32]] = {}

    def forge(self, rows: Lines, columns: Lines) -> Product:
        """The product of A (m, K) and B, given as its columns (n, K), or what passes for it."""
        raise NotImplementedError

    def digest_round(self, work: Round, columns: Lines) -> NDArray[np.uint32]:
        rows = generate_lines(row_seed(work.seed), 0, work.shape.m, work.shape.K)
        self.tiles[work.seed] = tiles_of(self.forge(rows, columns))
        return np.frombuffer(b"".join(digest_tiles(self.tiles[work.seed])), "<u4").reshape(-1, 8)

    def tile_entries(self, work: Round, tile: int) -> Entries:
        return self.tiles[work.seed][tile]


def tiles_of(product: Product) -> NDArray[np.int32]:
    """(tiles, 16, 16), in tile order."""
    m, n = product.shape
    blocks = product.reshape(m // TILE, TILE, n // TILE, TILE).swapaxes(1, 2)
    return np.ascontiguousarray(blocks.reshape(-1, TILE, TILE), np.int32)


def multiply(rows: NDArray[np.int8], columns: NDArray[np.int8]) -> Product:
    """The exact product, for comparison: float64 holds every sum."""
    return (rows.astype(np.float64) @ columns.T.astype(np.float64)).astype(np.int32)


def multiplications(shape: Shape) -> int:
    """Of int8 values, in all rounds of honest work."""
    return shape.operations // 2


def beacon(label: str, index: int = 0) -> bytes:
    return sha256(f"{label} {index}".encode()).digest()


def judge(challenge: Challenge, evidence: Evidence) -> None:
    """Verify what is opened for a commitment to the challenge."""
    verify(challenge, evidence.commitment, evidence.sample_beacon, evidence)


def refusal_of(challenge: Challenge, evidence: Evidence) -> EvidenceBad:
    """Why the verifier says that the evidence is bad."""
    with pytest.raises(EvidenceBad) as refusal:
        judge(challenge, evidence)
    return refusal.value


def ended(refusal: EvidenceBad) -> str:
    """For the table of costs."""
    return f"{type(refusal).__name__}: {refusal.reason.value}"
