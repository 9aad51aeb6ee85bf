"""How others check a matrix product: float32, Freivalds with a tolerance, and a few rows recomputed.

The method of Prime Intellect's gpu-challenge, without its faults: rows asked for are counted, and compared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

RTOL = 5e-4
ROWS = 16
"""Rows that are opened and recomputed."""


def matrices(n: int, seed: int) -> tuple[Matrix, Matrix]:
    """Two n×n matrices of uniform float32 in 0..1 that both sides draw from one seed."""
    random = np.random.default_rng(seed)
    return random.random((n, n), np.float32), random.random((n, n), np.float32)


def check_product(a: Matrix, b: Matrix, product: Matrix, random: np.random.Generator) -> bool:
    """A·(B·r) against C·r for one random vector: O(n²), right up to the tolerance."""
    r = random.random(len(b), np.float32)
    return answers_match(a @ (b @ r), product @ r)


def answers_match(expected: Matrix, answered: Matrix) -> bool:
    return bool(np.allclose(answered, expected, rtol=RTOL))


def check_rows(a: Matrix, b: Matrix, product: Matrix, random: np.random.Generator) -> bool:
    """ROWS random rows, recomputed."""
    asked = random.choice(len(a), ROWS, replace=False)
    return bool(np.allclose(product[asked], a[asked] @ b, rtol=RTOL))


def check(n: int, seed: int, product: Matrix) -> bool:
    """The whole check, the verifier's own matrices included."""
    a, b = matrices(n, seed)
    random = np.random.default_rng()
    return check_product(a, b, product, random) and check_rows(a, b, product, random)
