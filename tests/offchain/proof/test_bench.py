from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from tensorbond.proof import (
    Fault,
    LinesInvalid,
    MemoryShape,
    Shape,
    bench,
    find_bad_item,
    generate_lines,
    multiply_lines,
    specimens,
)
from tensorbond.proof.memory_verifier import find_bad_sample

from .conftest import flip, replace_item

pytestmark = pytest.mark.unit

LARGE = MemoryShape(1 << 12, 1 << 18, 64, 192)


def test_unproven_evidence__judged__falls_only_at_the_header():
    evidence = specimens.unproven_evidence(Shape(1024, 512, 1024, 6, 40))
    bad = find_bad_item(evidence.challenge, evidence.commitment, evidence.sample_beacon, evidence)
    assert (bad.index, bad.reason) == (40, Fault.ROOT)


def test_sparse_evidence__judged__stands():
    evidence, labels, segments = specimens.sparse_evidence(LARGE)
    assert find_bad_sample(evidence.challenge, labels, segments, evidence) is None
    assert len({label.number for label in labels}) == 64
    assert len({segment.walker for segment in segments}) == 32


def test_sparse_evidence__one_bit_changed__falls():
    evidence, labels, segments = specimens.sparse_evidence(LARGE)
    for index in (0, 95):
        changed = replace_item(evidence, index, flip(evidence.items[index], 8 * 4000))
        bad = find_bad_sample(evidence.challenge, labels, segments, changed)
        assert (bad.index, bad.reason) == (index, Fault.OPENING)


def test_measure_verify_memory__large_shape__gives_consistent_rates():
    rate = bench.measure_verify_memory(LARGE, seconds=0)
    assert (rate.depth, rate.samples) == (28, 96)
    assert rate.proofs_per_core_second == pytest.approx(1000 / (96 * rate.ms_per_sample))
    assert rate.evidence_bytes == len(specimens.sparse_evidence(LARGE)[0].encode())


def test_measure_verify__any_shape__gives_consistent_rates():
    rate = bench.measure_verify(1024, 4, seconds=0)
    assert (rate.K, rate.q) == (1024, 4)
    assert rate.ms_per_sample > 0
    assert rate.proofs_per_core_second == pytest.approx(1000 / (4 * rate.ms_per_sample))


def test_measure_verify__verifier_stops_early__is_no_measure(monkeypatch):
    whole = specimens.unproven_evidence

    def with_a_wrong_entry(shape):
        evidence = whole(shape)
        first = bytearray(evidence.items[0])
        first[8] ^= 1
        return replace(evidence, items=(bytes(first), *evidence.items[1:]))

    monkeypatch.setattr(bench, "unproven_evidence", with_a_wrong_entry)
    with pytest.raises(bench.Unmeasured, match="not at the header"):
        bench.measure_verify(1024, 2, seconds=0)


def test_measure_prove__small_shape__counts_the_same_operations_for_both():
    rate = bench.measure_prove(256, 256, 1024, 2)
    assert (rate.m, rate.n, rate.K, rate.R) == (256, 256, 1024, 2)
    assert rate.gops == pytest.approx(2 * 256 * 256 * 1024 * 2 / rate.seconds / 1e9)
    assert rate.bare_product_gops > 0


def test_measure_kernels__and_ceilings__are_rates_of_one_core():
    kernels, ceilings = bench.measure_kernels(0), bench.measure_ceilings(0)
    assert min(*vars(kernels).values(), *vars(ceilings).values()) > 1e6


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system pins no thread to a core")
def test_one_core__inside__is_one_and_afterwards_all_again():
    before = os.sched_getaffinity(0)
    with bench.one_core():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_multiply_lines__oblong__equals_wide_arithmetic():
    rows, columns = generate_lines(b"a" * 32, 0, 32, 1024), generate_lines(b"b" * 32, 0, 48, 1024)
    entries = np.empty((32, 48), np.int32)
    multiply_lines(rows, columns, entries)
    assert (entries == rows.astype(np.int64) @ columns.astype(np.int64).T).all()


@pytest.mark.parametrize(
    ("rows", "entries"), [((32, 64), (32, 32)), ((24, 64), (24, 16)), ((32, 40), (32, 16))]
)
def test_multiply_lines__buffers_that_do_not_fit__are_refused(rows, entries):
    with pytest.raises(LinesInvalid):
        multiply_lines(np.zeros(rows, np.int8), np.zeros((16, rows[1]), np.int8), np.zeros(entries, np.int32))
