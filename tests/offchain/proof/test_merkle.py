from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorbond.proof import FieldInvalid, LeafCountInvalid, LeafIndexInvalid, PathDepthWrong, merkle

from .reference import merkle as reference_root

pytestmark = pytest.mark.unit

digests = st.binary(min_size=32, max_size=32)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(digests, min_size=1, max_size=20), st.data())
def test_fold__path_of_any_leaf__leads_to_the_root(leaves, data):
    padded = merkle.pad(leaves)
    levels = merkle.build(padded)
    index = data.draw(st.integers(0, len(padded) - 1))
    path = merkle.path_of(levels, index)
    folded = merkle.fold(padded[index], index, path, merkle.depth_of(len(leaves)))
    assert folded == merkle.root_of(padded) == reference_root(list(padded))


def test_fold__inner_node_in_place_of_a_leaf__is_refused():
    levels = merkle.build([bytes([i]) * 32 for i in range(8)])
    path = merkle.path_of(levels, 4)
    with pytest.raises(PathDepthWrong, match="path has 2 nodes, need exactly 3"):
        merkle.fold(levels[1][2], 2, path[1:], 3)


def test_fold__path_too_long__is_refused():
    with pytest.raises(PathDepthWrong, match="path has 4 nodes, need exactly 3"):
        merkle.fold(bytes(32), 0, [bytes(32)] * 4, 3)


@pytest.mark.parametrize("index", [-1, 8])
def test_fold__index_outside_the_tree__is_refused(index):
    with pytest.raises(LeafIndexInvalid):
        merkle.fold(bytes(32), index, [bytes(32)] * 3, 3)


def test_fold__node_of_another_length__is_refused():
    with pytest.raises(FieldInvalid):
        merkle.fold(bytes(32), 0, [bytes(64)], 1)
    with pytest.raises(FieldInvalid):
        merkle.fold(bytes(64), 0, [], 0)


@pytest.mark.parametrize("count", [0, 3, 6, 7])
def test_build__leaves_no_power_of_two__is_refused(count):
    with pytest.raises(LeafCountInvalid):
        merkle.build([bytes(32)] * count)


def test_build__leaf_of_another_length__is_refused():
    with pytest.raises(FieldInvalid):
        merkle.build([bytes(32), bytes(31)])


@pytest.mark.parametrize("index", [-1, 4])
def test_path_of__leaf_outside_the_tree__is_refused(index):
    with pytest.raises(LeafIndexInvalid):
        merkle.path_of(merkle.build([bytes(32)] * 4), index)


def test_pad__five_leaves__adds_three_zero_leaves():
    leaves = [bytes([i]) * 32 for i in range(1, 6)]
    assert merkle.pad(leaves) == (*leaves, bytes(32), bytes(32), bytes(32))


def test_pad__no_leaves__is_refused():
    with pytest.raises(LeafCountInvalid):
        merkle.pad([])


def test_root_of__one_leaf__is_the_leaf():
    assert merkle.root_of([b"x" * 32]) == b"x" * 32
