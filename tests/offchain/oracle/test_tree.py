from __future__ import annotations

from dataclasses import fields

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from tensorbond.chain.types import Leaf, Outcome
from tensorbond.oracle.tree import (
    DEPTH,
    ZERO,
    PathMalformed,
    TreeInvalid,
    build_tree,
    encode_leaf,
    encode_outcome,
    fold,
    fold_outcome,
    leaf_hash,
    outcome_hash,
    outcome_path,
    outcomes_root,
)
from tests.leaves import Epoch, make_leaf, make_outcome
from tests.offchain.oracle.epochs import PROVIDER

pytestmark = pytest.mark.unit

words = st.binary(min_size=32, max_size=32)


def uint(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << bits) - 1)


outcomes = st.builds(Outcome, uint(32), uint(8), uint(8), uint(32), words, uint(32), uint(64))
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
leaves = st.builds(
    Leaf,
    st.integers(0, (1 << DEPTH) - 1),
    addresses,
    uint(8),
    *[uint(16)] * 9,
    uint(32),
    uint(32),
    uint(64),
    uint(70),
    uint(128),
    words,
    uint(16),
)
forests = st.lists(leaves, max_size=12, unique_by=lambda leaf: leaf.device)


@given(leaves)
def test_encode_leaf__any_leaf__equals_the_abi(leaf):
    types = ["uint32", "address", "uint8", *["uint16"] * 9, "uint32", "uint32", "uint64", "uint96", "uint128"]
    values = [getattr(leaf, field.name) for field in fields(Leaf)]
    assert encode_leaf(leaf) == encode([*types, "bytes32", "uint16"], values)
    assert len(encode_leaf(leaf)) == 608


@given(outcomes)
def test_encode_outcome__any_outcome__equals_the_abi(outcome):
    types = ["uint32", "uint8", "uint8", "uint32", "bytes32", "uint32", "uint64"]
    assert encode_outcome(outcome) == encode(
        types, [getattr(outcome, field.name) for field in fields(Outcome)]
    )


def test_encode_leaf__short_bytes32__refuses():
    with pytest.raises(ValueError, match="32 bytes"):
        encode_leaf(make_leaf(1, PROVIDER, outcomes_root=b"short"))


@given(forests)
def test_build_tree__any_leaves__equals_a_second_reading_of_the_format(forest):
    tree, other = build_tree(forest), Epoch.of(0, forest)
    assert (tree.root, tree.total) == (other.root, other.total_weight)
    for leaf in forest:
        assert tree.path(leaf.device) == other.leaf_proof(leaf.device).path


@given(forests, st.randoms())
def test_build_tree__shuffled_leaves__gives_the_same_root(forest, chance):
    shuffled = list(forest)
    chance.shuffle(shuffled)
    assert build_tree(shuffled) == build_tree(forest)


@given(forests)
def test_fold__path_of_every_leaf__gives_root_and_total(forest):
    tree = build_tree(forest)
    for leaf in forest:
        path = tree.path(leaf.device)
        assert fold(leaf_hash(leaf), leaf.weight, leaf.device, path) == (tree.root, tree.total)


@given(forests, st.integers(0, (1 << DEPTH) - 1))
def test_fold__path_of_an_absent_leaf__proves_its_absence(forest, device):
    tree = build_tree(forest)
    if device not in {leaf.device for leaf in forest}:
        assert fold(ZERO, 0, device, tree.path(device)) == (tree.root, tree.total)


def test_build_tree__no_leaves__is_absent():
    tree = build_tree([])
    assert (tree.root, tree.total, tree.path(5)) == (ZERO, 0, bytes(3))


def test_build_tree__two_leaves_for_one_device__refuses():
    leaf = make_leaf(3, PROVIDER)
    with pytest.raises(TreeInvalid, match="two leaves for device 3"):
        build_tree([leaf, leaf])


def test_build_tree__device_out_of_range__refuses():
    with pytest.raises(TreeInvalid, match="1048576"):
        build_tree([make_leaf(1 << DEPTH, PROVIDER)])


def test_build_tree__weights_beyond_96_bits__refuses():
    heavy = [make_leaf(device, PROVIDER, weight=1 << 95) for device in (1, 2)]
    with pytest.raises(TreeInvalid, match="96 bits"):
        build_tree(heavy)


@pytest.mark.parametrize(
    "path",
    [b"", bytes(2), bytes(4), b"\x00\x00\x01", b"\x10\x00\x00" + bytes(44), b"\x00\x00\x01" + bytes(43)],
)
def test_fold__malformed_path__refuses(path):
    with pytest.raises(PathMalformed):
        fold(ZERO, 0, 1, path)


@pytest.mark.parametrize("index", [-1, 1 << DEPTH])
def test_fold__index_outside_the_tree__refuses(index):
    with pytest.raises(PathMalformed):
        fold(ZERO, 0, index, bytes(3))


@given(st.lists(outcomes, min_size=1, max_size=9))
def test_outcome_path__every_index__folds_to_the_root(rows):
    root = outcomes_root(rows)
    for index, row in enumerate(rows):
        assert fold_outcome(row, index, len(rows), outcome_path(rows, index)) == root


@given(st.lists(outcomes, min_size=1, max_size=9))
def test_outcomes_root__any_rows__equals_a_second_reading_of_the_format(rows):
    other = Epoch.of(0, [make_leaf(1, PROVIDER)], {1: rows})
    assert other.leaves[1].outcomes_root == outcomes_root(rows)


def test_outcomes_root__none__is_zero():
    assert outcomes_root([]) == ZERO


def test_outcomes_root__one__is_its_hash():
    row = make_outcome(4)
    assert (outcomes_root([row]), outcome_path([row], 0)) == (outcome_hash(row), ())


def test_outcome_path__index_out_of_range__refuses():
    with pytest.raises(PathMalformed):
        outcome_path([make_outcome(1)], 1)


def test_fold_outcome__path_of_another_depth__refuses():
    row = make_outcome(1)
    with pytest.raises(PathMalformed):
        fold_outcome(row, 0, 2, ())
