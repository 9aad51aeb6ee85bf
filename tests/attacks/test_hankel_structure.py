"""Elements f(s + i + j) make Hankel matrices, whose product slides along its diagonals: O(n²), not O(n³).

C[i+1, j+1] = C[i, j] + a[i+1, K−1]·b[K−1, j+1] − a[i, 0]·b[0, j]
"""

from __future__ import annotations

import numpy as np
import pytest

from tensorbond.proof import Fault, ItemBad, generate_lines, row_seed
from tensorbond.proof.workload import Lines

from .forging import ForgingProver, Product, ended, multiplications, multiply, refusal_of

pytestmark = pytest.mark.unit


class SlidingProver(ForgingProver):
    """Computes the first row and the first column, and slides the rest."""

    def forge(self, rows: Lines, columns: Lines) -> Product:
        (m, K), n = rows.shape, len(columns)
        product = np.empty((m, n), np.int32)
        product[:1] = multiply(rows[:1], columns)
        product[:, :1] = multiply(rows, columns[:1])
        first_row, last_row = rows[:, 0].astype(np.int32), rows[:, -1].astype(np.int32)
        first_column, last_column = columns[:, 0].astype(np.int32), columns[:, -1].astype(np.int32)
        for i in range(m - 1):
            product[i + 1, 1:] = (
                product[i, :-1] + last_row[i + 1] * last_column[1:] - first_row[i] * first_column[:-1]
            )
        self.spent += (m + n - 1) * K + 2 * (m - 1) * (n - 1)
        return product


def hankel_lines(lines: int, K: int, seed: int) -> Lines:
    """Lines as others generate them: element k of line i is f(seed + i + k)."""
    sequence = np.random.default_rng(seed).integers(-128, 128, lines + K - 1, np.int8)
    return np.lib.stride_tricks.sliding_window_view(sequence, K).copy()


def test_sliding_prover__hankel_matrices__forges_the_whole_product() -> None:
    rows, columns = hankel_lines(512, 512, 1), hankel_lines(512, 512, 2)
    prover = SlidingProver()
    assert (prover.forge(rows, columns) == multiply(rows, columns)).all()
    assert prover.spent < 0.01 * 512**3


def test_generate_lines__shifted_by_one__are_unrelated(challenge) -> None:
    lines = generate_lines(row_seed(challenge.first_seed), 0, 256, 1024)
    equal = (lines[1:, :-1] == lines[:-1, 1:]).mean()
    assert equal == pytest.approx(1 / 256, rel=0.1)


def test_sliding_prover__philox_matrices__is_caught(challenge, sample_beacon, cost) -> None:
    prover = SlidingProver()
    proof = prover.prove(challenge)
    refusal = refusal_of(challenge, proof.open(sample_beacon))
    assert isinstance(refusal, ItemBad)
    assert refusal.reason is Fault.ENTRY
    cost("Hankel structure", prover.spent, multiplications(challenge.shape), "products", ended(refusal))


def test_sliding_prover__philox_matrices__has_right_only_what_it_computed(challenge) -> None:
    rows = generate_lines(row_seed(challenge.first_seed), 0, 256, 1024)
    columns = generate_lines(challenge.column_seed, 0, 256, 1024)
    right = SlidingProver().forge(rows, columns) == multiply(rows, columns)
    assert right[0].all()
    assert right[:, 0].all()
    assert right[1:, 1:].mean() < 1e-4
