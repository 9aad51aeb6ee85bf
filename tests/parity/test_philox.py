"""`tensorbond.proof.workload` against the library Philox: generator, lines and products."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tensorbond.proof import generate_lines, philox4x32
from tests.anvil import ROOT
from tests.chain import Chain

pytestmark = pytest.mark.chain

words = st.integers(0, 2**32 - 1)
seeds = st.binary(min_size=32, max_size=32)
KNOWN = json.loads((ROOT / "tests" / "vectors" / "philox4x32.json").read_text())["vectors"]


@pytest.fixture(scope="module")
def harness(bare_system: Chain) -> Iterator[Chain]:
    snapshot = bare_system.snapshot()
    bare_system.deploy("PhiloxHarness")
    yield bare_system
    bare_system.revert_to(snapshot)


def blocks(chain: Chain, first: list[int], rest: list[int], key: list[int]) -> list[tuple[int, ...]]:
    return [tuple(block) for block in chain.call("PhiloxHarness", "blocks", first, rest, key)]


@pytest.mark.parametrize("known", KNOWN)
def test_philox__known_answer__is_given(harness: Chain, known: dict) -> None:
    counter, key, output = ([int(word, 16) for word in known[part]] for part in ("counter", "key", "output"))
    assert blocks(harness, [counter[0]] * 4, counter[1:], key) == [tuple(output)] * 4


@settings(max_examples=40, deadline=None)
@given(
    first=st.lists(words, min_size=4, max_size=4),
    rest=st.lists(words, min_size=3, max_size=3),
    key=st.lists(words, min_size=2, max_size=2),
)
def test_philox__any_counter_and_key__is_the_same(
    harness: Chain, first: list[int], rest: list[int], key: list[int]
) -> None:
    ours = [philox4x32((each, *rest), tuple(key)) for each in first]
    assert blocks(harness, first, rest, key) == ours


@settings(max_examples=25, deadline=None)
@given(seed=seeds, line=words, steps=st.integers(1, 6))
@example(seed=bytes(32), line=0, steps=1)
@example(seed=b"\xff" * 32, line=2**32 - 1, steps=5)
def test_row_and_column__any_seed_and_line__are_the_same_elements(
    harness: Chain, seed: bytes, line: int, steps: int
) -> None:
    ours = generate_lines(seed, line, 1, 64 * steps)[0].tolist()
    for function in ("row", "column"):
        assert list(harness.call("PhiloxHarness", function, seed, line, 64 * steps)) == ours


@settings(max_examples=25, deadline=None)
@given(
    row_seed=seeds,
    row=words,
    column_seed=seeds,
    column=words,
    elements=st.sampled_from([64, 128, 1024, 4096, 16384]),
)
def test_dot__any_two_lines__is_the_same(
    harness: Chain, row_seed: bytes, row: int, column_seed: bytes, column: int, elements: int
) -> None:
    a = generate_lines(row_seed, row, 1, elements)[0].astype(np.int64)
    b = generate_lines(column_seed, column, 1, elements)[0].astype(np.int64)
    total, _ = harness.call("PhiloxHarness", "dot", row_seed, row, column_seed, column, elements)
    assert total == int(a @ b)


@pytest.mark.parametrize("elements", [64, 1024, 16384, 2**17 - 64])
@pytest.mark.parametrize("a", [0, 1, 127, 128, 255])
@pytest.mark.parametrize("b", [0, 128, 255])
def test_dot__lines_of_one_byte__does_not_run_over(harness: Chain, elements: int, a: int, b: int) -> None:
    have = harness.call("PhiloxHarness", "dotOf", bytes([a]) * elements, bytes([b]) * elements)
    assert have == elements * (a - 128) * (b - 128)


@pytest.mark.parametrize("elements", [32, 4096, 2**15 - 32])
@pytest.mark.parametrize("a", [0, 1, 256, 511, 0xFE00, 0xFFFF])
@pytest.mark.parametrize("b", [0, 256, 511])
def test_dot_wide__lines_of_one_value__does_not_run_over(
    harness: Chain, elements: int, a: int, b: int
) -> None:
    lines = (value.to_bytes(2, "big") * elements for value in (a, b))
    have = harness.call("PhiloxHarness", "dotWideOf", *lines)
    assert have == elements * ((a & 511) - 256) * ((b & 511) - 256)


@settings(max_examples=25, deadline=None)
@given(data=st.data(), elements=st.sampled_from([64, 192]))
def test_dot__any_bytes__pairs_block_with_block(harness: Chain, data: st.DataObject, elements: int) -> None:
    """A row's bytes in a column's order: lanes reversed."""
    row = data.draw(st.binary(min_size=elements, max_size=elements))
    column = data.draw(st.binary(min_size=elements, max_size=elements))
    # Words of four lanes of eight bytes; a column has its lanes in reverse.
    lanes = np.frombuffer(column, np.uint8).reshape(-1, 4, 8)[:, ::-1].reshape(-1)
    a = np.frombuffer(row, np.uint8).astype(np.int64) - 128
    have = harness.call("PhiloxHarness", "dotOf", row, column)
    assert have == int(a @ (lanes.astype(np.int64) - 128))
