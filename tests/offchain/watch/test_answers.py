"""What is read of answers, and what isn't, without a chain; and trees of which only paths are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from eth_utils.crypto import keccak

from tensorbond.chain.errors import RpcError
from tensorbond.chain.network import Network
from tensorbond.chain.types import EvidenceRequest, Record
from tensorbond.oracle.leaves import EpochData
from tensorbond.oracle.tree import build_tree
from tensorbond.proof import merkle
from tensorbond.proof.evidence import item_leaf
from tensorbond.watch.answers import (
    Answers,
    ShownLeaf,
    calls_in,
    data_of,
    find_calls,
    graft,
    hidden_node,
    read_item,
    read_leaf,
)
from tensorbond.watch.attestations import NO_LEAF
from tensorbond.watch.sums import _above, node_path, preimage, recover
from tests.chain import project_artifacts
from tests.offchain.watch.test_lies import honest_epoch

pytestmark = pytest.mark.unit

MOST = 8
CONTRACT, OTHER = "0x" + "aa" * 20, "0x" + "bb" * 20


@pytest.fixture(scope="module")
def data() -> EpochData:
    return next(found for seed in range(20) if len((found := honest_epoch(seed)[1]).leaves) > 2)


def call_of(data: EpochData, place: int) -> tuple[Any, ...]:
    leaf, rows = data.leaves.get(place, NO_LEAF), data.outcomes.get(place, ())
    return data.epoch, 0, place, leaf, data.tree.path(place), tuple(rows)


def shown(data: EpochData, place: int) -> ShownLeaf:
    found = read_leaf(call_of(data, place), data.epoch, place, data.root, 1 << 10)
    assert found is not None
    return found


def network_of(to: str, calldata: bytes, trace: Mapping[str, Any] | None) -> Network:
    """A node that knows one transaction, and its trace if it is given one."""

    def request(method: str, *_: object) -> object:
        if method == "eth_getTransactionByHash":
            return {"to": to, "input": "0x" + calldata.hex()}
        if trace is None:
            raise RpcError("debug_traceTransaction", -32601, "no such method")
        return trace

    abi = project_artifacts()["Attestations"].abi
    return cast(
        Network,
        SimpleNamespace(
            rpc=SimpleNamespace(request=request), abi=lambda name: abi, address=lambda name: CONTRACT
        ),
    )


def test_read_leaf__a_leaf_and_an_absence__fold_to_the_root(data: EpochData):
    place = max(data.leaves)
    assert shown(data, place) == ShownLeaf(place, data.leaves[place], *call_of(data, place)[4:])
    assert shown(data, 1000).leaf is None


@pytest.mark.parametrize("at", [0, 2, 3, 4, 5])
def test_read_leaf__anything_else__shows_nothing(data: EpochData, at: int):
    place = next(place for place, rows in data.outcomes.items() if rows)
    leaf = data.leaves[place]
    other = (data.epoch + 1, 0, place + 1, replace(leaf, weight=leaf.weight + 1), b"\0" * 3, ())
    call = list(call_of(data, place))
    call[at] = other[at]
    assert read_leaf(tuple(call), data.epoch, place, data.root, 1 << 10) is None


def test_read_leaf__more_outcomes_than_there_can_be__need_not_be_told(data: EpochData):
    place = min(data.leaves)
    leaf = replace(data.leaves[place], outcome_count=MOST + 1)
    told = EpochData(data.chain_id, data.epoch, {**data.leaves, place: leaf}, data.outcomes)
    call = data.epoch, 0, place, leaf, told.tree.path(place), ()
    assert read_leaf(call, data.epoch, place, told.root, MOST) == ShownLeaf(place, leaf, call[4], ())


def test_read_leaf__a_root_over_no_outcomes__need_not_be_told(data: EpochData):
    place = min(data.leaves)
    leaf = replace(data.leaves[place], outcome_count=0, outcomes_root=b"\1" * 32)
    told = EpochData(data.chain_id, data.epoch, {**data.leaves, place: leaf}, data.outcomes)
    call = data.epoch, 0, place, leaf, told.tree.path(place), ()
    assert read_leaf(call, data.epoch, place, told.root, MOST) == ShownLeaf(place, leaf, call[4], ())


def test_read_item__under_the_witness__is_taken():
    leaves = merkle.pad([item_leaf(index, bytes([index])) for index in range(5)])
    asked = EvidenceRequest(1, 0, 2, 3, merkle.root_of(leaves), 4, 2, 1)
    path = tuple(merkle.path_of(merkle.build(leaves), 2))
    record = Record(bytes(32), 0, OTHER)
    found = read_item((asked, record, b"\2", path, b""), 1, 2)
    assert found is not None
    assert found[1].item == b"\2"
    assert read_item((asked, record, b"\3", path, b""), 1, 2) is None
    assert read_item((asked, record, b"\2", path[:-1], b""), 1, 2) is None
    assert read_item((asked, record, b"\2", path, b""), 1, 3) is None
    assert read_item((replace(asked, index=5), record, b"\2", path, b""), 1, 2) is None


@pytest.mark.parametrize("way", ["direct", "traced", "searched"])
def test_calls_in__however_it_was_called__are_found(data: EpochData, way: str):
    place = min(data.leaves)
    call = call_of(data, place)
    raw = project_artifacts()["Attestations"].abi.encode_call("answerLeaf", call)
    inner = {"to": CONTRACT, "input": "0x" + raw.hex()}
    network = {
        "direct": lambda: network_of(CONTRACT, raw, None),
        "traced": lambda: network_of(OTHER, b"\1", {"to": OTHER, "input": "0x01", "calls": [inner]}),
        "searched": lambda: network_of(OTHER, b"\7" * 33 + raw + b"\7", None),
    }[way]()
    (found,) = calls_in(network, "0x1", "Attestations", "answerLeaf")
    assert read_leaf(found, data.epoch, place, data.root, 1 << 10) == shown(data, place)


def test_calls_in__what_is_hidden__is_not_found():
    assert list(calls_in(network_of(OTHER, b"\1" * 99, None), "0x1", "Attestations", "answerLeaf")) == []


def test_find_calls__many_decoys__are_tried_up_to_a_limit():
    assert len(list(find_calls(b"\1\2\3\4" * 1000, b"\1\2\3\4"))) == 256


def test_graft__some_leaves__give_their_paths_and_what_is_hidden(data: EpochData):
    places = sorted(data.leaves)
    for count in range(1, len(places) + 1):
        tree = graft([shown(data, place) for place in places[:count]], data.root, data.total_weight)
        assert tree.wrong is None
        assert [tree.tree.path(place) for place in places[:count]] == [
            data.tree.path(place) for place in places[:count]
        ]
        assert hidden_node(tree.tree, places) is None
    assert data_of({place: shown(data, place) for place in places}, data.chain_id, data.epoch) == data


@pytest.mark.parametrize("place", [0, 1 << 19, (1 << 20) - 1])
def test_hidden_node__beside_any_path__is_the_highest_over_no_device(data: EpochData, place: int):
    devices = sorted(data.leaves)
    invented = replace(data.leaves[devices[0]], device=place, weight=3)
    lie = EpochData(data.chain_id, data.epoch, {**data.leaves, place: invented}, {**data.outcomes, place: ()})
    tree = graft([shown(lie, devices[0]), shown(lie, devices[-1])], lie.root, lie.total_weight).tree
    found = hidden_node(tree, devices)
    assert found == ((0, 0) if place == 0 else (19, 1))
    assert tree.levels[found[0]][found[1]] == lie.tree.levels[found[0]][found[1]]
    assert node_path(tree, *found) == node_path(lie.tree, *found)
    assert hidden_node(tree, ()) == (20, 0)


def test_graft__another_total__is_a_wrong_sum_at_the_root(data: EpochData):
    tree = graft([shown(data, min(data.leaves))], data.root, data.total_weight + 1)
    assert (tree.wrong, tree.stated) == ((20, 0), data.total_weight + 1)
    assert keccak(preimage(tree.tree, 20, 0)) == data.root


def test_answers__by_default__are_none():
    assert Answers() == Answers({}, {}, frozenset())


def test_recover__one_false_sum_anywhere__is_found_with_its_path(data: EpochData):
    """The liar adds 7 to one node and hashes on."""
    tree, choice = data.tree, Random(5)
    for level in (0, 1, 3, 19):
        index = choice.choice(sorted(tree.levels[level]))
        digest, weight = tree.levels[level][index]
        root, total = _above(tree, level, index, (digest, weight + 7))[-1]
        found = recover(data.leaves.values(), root, total)
        assert found is not None
        assert (found.wrong, found.stated, found.tree.root) == ((level, index), weight + 7, root)
        assert len(node_path(found.tree, level, index)) >= 3
    assert recover(data.leaves.values(), bytes(32), data.total_weight + 7) is None
    assert recover(data.leaves.values(), bytes(32), data.total_weight) is None
    assert build_tree(data.leaves.values()) == tree
