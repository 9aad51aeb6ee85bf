"""Fewer bits than the workload has: a tolerance forgives them, exact integers do not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import freivalds
from tensorbond.proof import Fault, ItemBad, generate_lines, row_seed
from tensorbond.proof.workload import Lines

from .forging import ForgingProver, Product, ended, multiplications, multiply, refusal_of

pytestmark = pytest.mark.unit

Values = NDArray[np.float64]


def to_int4(values: Values) -> Values:
    return np.clip(np.rint(values / 16), -8, 7) * 16


def to_significant(bits: int) -> Callable[[Values], Values]:
    """As a float with that many bits of significand: 4 for fp8 (e4m3), 8 for bf16, 11 for fp16."""

    def rounded(values: Values) -> Values:
        fraction, exponent = np.frexp(values)
        return np.ldexp(np.rint(fraction * (1 << bits)), exponent - bits)

    return rounded


def exact(values: Values) -> Values:
    return values


class QuantisedProver(ForgingProver):
    """Rounds the inputs, or the sums, to what faster units hold. `speed` is their rate against int8's."""

    def __init__(self, inputs: Callable[[Values], Values], sums: Callable[[Values], Values], speed: float):
        super().__init__()
        self.inputs = inputs
        self.sums = sums
        self.speed = speed

    def forge(self, rows: Lines, columns: Lines) -> Product:
        a, b = (self.inputs(lines.astype(np.float64)) for lines in (rows, columns))
        self.spent += int(a.size * len(b) / self.speed)
        return np.rint(self.sums(a @ b.T)).astype(np.int32)


PROVERS = {
    "int4 inputs": (to_int4, exact, 2),
    "fp8 inputs": (to_significant(4), exact, 1),
    "fp16 sums": (exact, to_significant(11), 1),
    "bf16 sums": (exact, to_significant(8), 1),
}


def test_float_check__8_bit_inputs_instead_of_fp32__passes() -> None:
    """What others run: fp32 matrices, answered with 8-bit ones."""
    a, b = freivalds.matrices(512, seed=1)
    lazy = np.rint(a * 255) / 255 @ (np.rint(b * 255) / 255)
    assert (lazy != a @ b).mean() > 0.99
    assert freivalds.check_product(a, b, lazy.astype(np.float32), np.random.default_rng(2))


@pytest.mark.parametrize("kind", PROVERS)
def test_quantised_prover__exact_workload__is_caught(challenge, sample_beacon, cost, kind) -> None:
    prover = QuantisedProver(*PROVERS[kind])
    refusal = refusal_of(challenge, prover.prove(challenge).open(sample_beacon))
    assert isinstance(refusal, ItemBad)
    assert (refusal.index, refusal.reason) == (0, Fault.ENTRY)
    cost(f"quantised, {kind}", prover.spent, multiplications(challenge.shape), "products", ended(refusal))


@pytest.mark.parametrize("kind", PROVERS)
def test_quantised_prover__exact_workload__has_few_entries_right(challenge, kind) -> None:
    rows = generate_lines(row_seed(challenge.first_seed), 0, 256, 1024)
    columns = generate_lines(challenge.column_seed, 0, 256, 1024)
    assert (QuantisedProver(*PROVERS[kind]).forge(rows, columns) == multiply(rows, columns)).mean() < 0.05


def test_quantised_prover__24_bit_sums__is_no_lie(challenge, sample_beacon, honest) -> None:
    """fp32 units may do the work: at this depth they hold every sum, and the answer is the same."""
    proof = QuantisedProver(exact, to_significant(24), 1).prove(challenge)
    assert proof.commitment == honest.commitment
