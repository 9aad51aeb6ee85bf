"""`tensorbond.oracle.tree` and `MerkleSum.sol` say the same of any leaves, paths and outcomes."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tensorbond.chain.types import Leaf, Outcome
from tensorbond.oracle import tree
from tests.chain import Chain

pytestmark = pytest.mark.chain

RANDOM = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CAPACITY = 1 << tree.DEPTH


def uint(bits: int) -> st.SearchStrategy[int]:
    """Edges included more often than chance would have them."""
    return st.one_of(st.sampled_from([0, 1, (1 << bits) - 1]), st.integers(0, (1 << bits) - 1))


def words(size: int = 32) -> st.SearchStrategy[bytes]:
    return st.one_of(st.just(bytes(size)), st.binary(min_size=size, max_size=size))


devices = st.one_of(st.integers(0, 8), st.sampled_from([CAPACITY - 1]), st.integers(0, CAPACITY - 1))
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
leaves = st.builds(
    Leaf,
    devices,
    addresses,
    uint(8),
    *[uint(16)] * 9,
    uint(32),
    uint(32),
    uint(64),
    st.one_of(st.just(0), uint(91)),
    uint(128),
    words(),
    uint(16),
)
outcomes = st.builds(Outcome, uint(32), uint(8), uint(8), uint(32), words(), uint(32), uint(64))


@pytest.fixture
def harness(bare_chain: Chain) -> Chain:
    bare_chain.deploy("MerkleSumHarness")
    return bare_chain


@RANDOM
@given(st.lists(leaves, min_size=1, max_size=12, unique_by=lambda leaf: leaf.device), st.data())
def test_tree__any_leaves_of_it__fold_together_to_its_root_on_chain(
    harness: Chain, rows: list[Leaf], data: st.DataObject
) -> None:
    built = tree.build_tree(rows)
    some = data.draw(st.lists(st.sampled_from(rows), min_size=1, unique_by=lambda leaf: leaf.device))
    some.sort(key=lambda leaf: leaf.device)
    nodes = [
        word
        for leaf in some
        for word in (leaf.device, int.from_bytes(tree.leaf_hash(leaf), "big"), leaf.weight)
    ]
    path = built.paths(leaf.device for leaf in some)

    assert harness.call("MerkleSumHarness", "foldMany", nodes, path) == (built.root, built.total)
    nodes[1] ^= 1
    assert harness.call("MerkleSumHarness", "foldMany", nodes, path)[0] != built.root


@RANDOM
@given(st.lists(leaves, max_size=12, unique_by=lambda leaf: leaf.device), st.lists(devices, max_size=3))
def test_tree__any_leaves__every_path_folds_to_its_root_on_chain(
    harness: Chain, rows: list[Leaf], absent: list[int]
) -> None:
    built = tree.build_tree(rows)

    for leaf in rows:
        assert harness.call("MerkleSumHarness", "leafHash", leaf) == tree.leaf_hash(leaf)
        assert on_chain(harness, tree.leaf_hash(leaf), leaf.weight, leaf.device, built.path(leaf.device)) == (
            built.root,
            built.total,
        )
    for device in set(absent) - {leaf.device for leaf in rows}:
        assert on_chain(harness, tree.ZERO, 0, device, built.path(device)) == (built.root, built.total)


@RANDOM
@given(words(), uint(96), st.one_of(devices, uint(256)), st.data())
def test_fold__any_path__folds_alike_or_is_refused_alike(
    harness: Chain, leaf_hash: bytes, weight: int, index: int, data: st.DataObject
) -> None:
    bitmap = data.draw(st.one_of(st.just(0), uint(20), uint(24)))
    count = bin(bitmap).count("1") + data.draw(st.sampled_from([0, 0, 0, 0, -1, 1]))
    size = max(0, 44 * count + data.draw(st.sampled_from([0, 0, 0, 0, -1, 1])))
    siblings = data.draw(st.one_of(st.just(bytes(size)), st.binary(min_size=size, max_size=size)))
    path = (bitmap.to_bytes(3, "big") + siblings)[: data.draw(st.sampled_from([None, None, None, 0, 2]))]

    try:
        expected = tree.fold(leaf_hash, weight, index, path)
    except tree.PathMalformed:
        need = 3 + 44 * (int.from_bytes(path[:3], "big") & (1 << 20) - 1).bit_count() if len(path) > 2 else 3
        with harness.reverts("PathMalformed", have=len(path), need=need):
            on_chain(harness, leaf_hash, weight, index, path)
    else:
        assert on_chain(harness, leaf_hash, weight, index, path) == expected


@RANDOM
@given(st.lists(outcomes, min_size=1, max_size=20))
def test_outcomes__any_list__every_path_folds_to_its_root_on_chain(
    harness: Chain, rows: list[Outcome]
) -> None:
    root = tree.outcomes_root(rows)

    for index, row in enumerate(rows):
        path = tree.outcome_path(rows, index)
        assert harness.call("MerkleSumHarness", "foldOutcome", row, index, len(rows), list(path)) == root
        assert tree.fold_outcome(row, index, len(rows), path) == root


@RANDOM
@given(outcomes, st.one_of(st.integers(0, 9), uint(256)), uint(16), st.lists(words(), max_size=17))
def test_fold_outcome__any_path__folds_alike_or_is_refused_alike(
    harness: Chain, row: Outcome, index: int, count: int, path: list[bytes]
) -> None:
    try:
        expected = tree.fold_outcome(row, index, count, path)
    except tree.PathMalformed:
        depth = (count - 1).bit_length() if count else 0
        with harness.reverts("OutcomePathMalformed", have=len(path), need=depth):
            harness.call("MerkleSumHarness", "foldOutcome", row, index, count, path)
    else:
        assert harness.call("MerkleSumHarness", "foldOutcome", row, index, count, path) == expected


def on_chain(chain: Chain, leaf_hash: bytes, weight: int, index: int, path: bytes) -> tuple[bytes, int]:
    root, total = chain.call("MerkleSumHarness", "fold", leaf_hash, weight, index, path)
    return root, total
