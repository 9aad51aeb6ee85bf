from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorbond.proof import (
    FieldInvalid,
    LinesInvalid,
    digest_product,
    digest_tiles,
    generate_lines,
    multiply_tile,
    philox4x32,
    row_seed,
)

from . import reference
from .conftest import VECTORS

pytestmark = pytest.mark.unit

thorough = settings(max_examples=40, deadline=None, derandomize=True)
words = st.integers(0, 2**32 - 1)
seeds = st.binary(min_size=32, max_size=32)


@pytest.mark.parametrize("known", json.loads((VECTORS / "philox4x32.json").read_text())["vectors"])
def test_philox4x32__known_answer__is_given(known):
    counter, key, output = (
        tuple(int(word, 16) for word in known[part]) for part in ("counter", "key", "output")
    )
    assert philox4x32(counter, key) == reference.philox(counter, key) == output


@thorough
@given(st.tuples(words, words, words, words), st.tuples(words, words))
def test_philox4x32__any_counter__equals_plain_python(counter, key):
    assert philox4x32(counter, key) == reference.philox(counter, key)


@thorough
@given(seeds, st.integers(0, 2**32 - 3), st.integers(1, 20))
def test_generate_lines__any_seed_and_place__equal_plain_python(matrix_seed, first, blocks):
    lines = generate_lines(matrix_seed, first, 2, 16 * blocks)
    assert lines.dtype == np.int8
    assert lines.tolist() == [reference.line(matrix_seed, first + i, 16 * blocks) for i in range(2)]


def test_generate_lines__golden_seeds__equal_the_vector(golden, challenge):
    rows = generate_lines(row_seed(challenge.first_seed), 0, 1, 32)
    columns = generate_lines(challenge.column_seed, 0, 1, 32)
    assert rows[0].tolist() == golden["A0_row0_first32"]
    assert columns[0].tolist() == golden["B_col0_first32"]


def test_generate_lines__one_line__takes_every_value_of_an_int8():
    assert set(generate_lines(bytes(32), 0, 1, 32768)[0].tolist()) == set(range(-128, 128))


def test_generate_lines__buffer_given__fills_it():
    buffer = np.zeros((3, 64), np.int8)
    assert generate_lines(bytes(32), 5, 3, 64, buffer) is buffer
    assert (buffer == generate_lines(bytes(32), 5, 3, 64)).all()


@pytest.mark.parametrize(
    "arguments",
    [
        (0, 1, 24),
        (0, 1, 0),
        (0, 0, 32),
        (-1, 1, 32),
        (2**32 - 1, 2, 32),
        (0, 1, 32, np.zeros((1, 16), np.int8)),
        (0, 1, 32, np.zeros((1, 32), np.uint8)),
        (0, 2, 32, np.zeros((2, 64), np.int8)[:, ::2]),
    ],
)
def test_generate_lines__range_or_buffer_wrong__is_refused(arguments):
    with pytest.raises(LinesInvalid):
        generate_lines(bytes(32), *arguments)


def test_generate_lines__short_seed__is_refused():
    with pytest.raises(FieldInvalid):
        generate_lines(bytes(16), 0, 1, 32)


@thorough
@given(st.integers(0, 2**32 - 1), st.sampled_from([16, 48, 1024, 2048]))
def test_multiply_tile__any_lines__equals_wide_arithmetic(number, K):
    random = np.random.default_rng(number)
    rows, columns = random.integers(-128, 128, (2, 16, K)).astype(np.int8)
    assert (multiply_tile(rows, columns) == rows.astype(np.int64) @ columns.astype(np.int64).T).all()


@pytest.mark.parametrize(("a", "b"), [(-128, -128), (-128, 127), (127, 127)])
def test_multiply_tile__extreme_lines_of_the_longest_class__stay_exact(a, b):
    rows, columns = (np.full((16, 32768), value, np.int8) for value in (a, b))
    assert (multiply_tile(rows, columns) == a * b * 32768).all()


def test_multiply_tile__operands_of_another_shape__is_refused():
    with pytest.raises(LinesInvalid):
        multiply_tile(np.zeros((16, 32), np.int8), np.zeros((16, 48), np.int8))
    with pytest.raises(LinesInvalid):
        multiply_tile(np.zeros((8, 32), np.int8), np.zeros((8, 32), np.int8))
    with pytest.raises(LinesInvalid):
        multiply_tile(np.zeros((16, 40), np.int8), np.zeros((16, 40), np.int8))


@thorough
@given(st.integers(0, 2**32 - 1))
def test_digest_tiles__any_entries__equal_plain_python(number):
    random = np.random.default_rng(number)
    tiles = random.integers(-(2**31), 2**31, (3, 16, 16)).astype(np.int32)
    assert digest_tiles(tiles) == [reference.mix(tile.tolist()) for tile in tiles]


def test_digest_tiles__one_entry_changed__changes_its_lane_only():
    tile = np.zeros((16, 16), np.int32)
    plain = digest_tiles(tile[None])[0]
    for row in range(16):
        for col in range(16):
            tile[row, col] = 1
            changed = digest_tiles(tile[None])[0]
            tile[row, col] = 0
            lanes = [
                lane
                for lane in range(8)
                if changed[4 * lane : 4 * lane + 4] != plain[4 * lane : 4 * lane + 4]
            ]
            assert lanes == [2 * (row // 4) + col // 8]


def test_digest_product__oblong__equals_tile_by_tile():
    rows, columns = generate_lines(b"a" * 32, 0, 32, 1024), generate_lines(b"b" * 32, 0, 48, 1024)
    digests = np.empty((2, 3, 8), np.uint32)
    digest_product(rows, columns, digests)
    for i in range(2):
        for j in range(3):
            entries = multiply_tile(rows[16 * i : 16 * i + 16], columns[16 * j : 16 * j + 16])
            assert digests[i, j].tobytes() == digest_tiles(entries[None])[0]


def test_digest_product__buffer_of_another_shape__is_refused():
    lines = generate_lines(bytes(32), 0, 32, 1024)
    with pytest.raises(LinesInvalid):
        digest_product(lines, lines, np.empty((2, 1, 8), np.uint32))
