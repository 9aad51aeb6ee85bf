"""A product through r instead of K dimensions: exact for matrices of rank r, and for nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from tensorbond.proof import Fault, ItemBad, generate_lines, row_seed
from tensorbond.proof.workload import Lines

from .forging import ForgingProver, Product, ended, multiplications, multiply, refusal_of

pytestmark = pytest.mark.unit


class LowRankProver(ForgingProver):
    """Multiplies the best approximation of A that has rank `rank`, rounded to integers.

    Charged r·(K + m)·n multiplications; finding the approximation, which costs more, is free.
    """

    def __init__(self, rank: int) -> None:
        super().__init__()
        self.rank = rank

    def forge(self, rows: Lines, columns: Lines) -> Product:
        (m, K), n = rows.shape, len(columns)
        left, weights, right = np.linalg.svd(rows.astype(np.float64), full_matrices=False)
        thin = right[: self.rank] @ columns.T.astype(np.float64)
        self.spent += self.rank * (K + m) * n
        return np.rint((left[:, : self.rank] * weights[: self.rank]) @ thin).astype(np.int32)


def test_low_rank_prover__matrix_of_its_rank__forges_the_whole_product(challenge) -> None:
    random = np.random.default_rng(8)
    rows = (random.integers(-3, 4, (256, 8)) @ random.integers(-3, 4, (8, 1024))).astype(np.int8)
    columns = generate_lines(challenge.column_seed, 0, 256, 1024)
    prover = LowRankProver(8)
    assert (prover.forge(rows, columns) == multiply(rows, columns)).all()
    assert prover.spent < 0.05 * 256 * 256 * 1024


def test_generate_lines__as_matrix__has_full_rank(challenge) -> None:
    rows = generate_lines(row_seed(challenge.first_seed), 0, 256, 1024)
    values = np.linalg.svd(rows.astype(np.float64), compute_uv=False)
    assert values[-1] > 0.3 * values[0]


@pytest.mark.parametrize("rank", [32, 128])
def test_low_rank_prover__philox_matrices__is_caught(challenge, sample_beacon, cost, rank) -> None:
    prover = LowRankProver(rank)
    refusal = refusal_of(challenge, prover.prove(challenge).open(sample_beacon))
    assert isinstance(refusal, ItemBad)
    assert (refusal.index, refusal.reason) == (0, Fault.ENTRY)
    honest = multiplications(challenge.shape)
    cost(f"low rank, {rank} of 256", prover.spent, honest, "products", ended(refusal))


def test_low_rank_prover__half_the_rank__has_hardly_an_entry_right(challenge) -> None:
    rows = generate_lines(row_seed(challenge.first_seed), 0, 256, 1024)
    columns = generate_lines(challenge.column_seed, 0, 256, 1024)
    assert (LowRankProver(128).forge(rows, columns) == multiply(rows, columns)).mean() < 1e-4
