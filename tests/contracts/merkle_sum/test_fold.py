"""MerkleSum.fold: bad input is named, absent nodes count for nothing, and every byte matters."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from tests.chain import Chain
from tests.leaves import Epoch, encode_leaf, make_leaf

pytestmark = pytest.mark.chain

DEPTH = 20
ZERO = bytes(32)
OWNER = "0x" + "aa" * 20


@pytest.fixture
def tree() -> Epoch:
    return Epoch.of(
        0, [make_leaf(device, OWNER, weight=device) for device in (1, 2, 3, 700, (1 << DEPTH) - 1)]
    )


@pytest.fixture
def harness(bare_chain: Chain) -> Chain:
    bare_chain.deploy("MerkleSumHarness")
    return bare_chain


def fold(chain: Chain, leaf_hash: bytes, weight: int, index: int, path: bytes) -> tuple[bytes, int]:
    root, total = chain.call("MerkleSumHarness", "fold", leaf_hash, weight, index, path)
    return root, total


def test_leaf_hash__any_leaf__is_of_its_608_bytes(harness: Chain) -> None:
    leaf = make_leaf(7, OWNER, weight=(1 << 96) - 1, cumulative_reward=(1 << 128) - 1, outcome_count=9)
    assert len(encode_leaf(leaf)) == 608

    assert harness.call("MerkleSumHarness", "leafHash", leaf) == keccak(encode_leaf(leaf))


@pytest.mark.parametrize("device", [1, 2, 3, 700, (1 << DEPTH) - 1])
def test_fold__true_path__gives_root_and_total(harness: Chain, tree: Epoch, device: int) -> None:
    proof = tree.leaf_proof(device)

    assert fold(harness, keccak(encode_leaf(proof.leaf)), device, device, proof.path) == (
        tree.root,
        tree.total_weight,
    )


def test_fold__only_leaf__meets_absent_siblings_only(harness: Chain) -> None:
    node, total = keccak(b"a leaf"), 5
    expected = node
    for _ in range(DEPTH):
        expected = keccak(expected + total.to_bytes(12, "big") + ZERO + bytes(12))

    assert fold(harness, node, total, 0, bytes(3)) == (expected, 5)


def test_fold__absent_leaf_without_siblings__stays_absent(harness: Chain) -> None:
    assert fold(harness, ZERO, 0, 5, bytes(3)) == (ZERO, 0)


def test_fold__absent_leaf_with_siblings__gives_the_root(harness: Chain, tree: Epoch) -> None:
    """Device 0 has no leaf; that can be shown, too."""
    siblings = tree.leaf_proof(1).path
    leaf = tree.leaves[1]
    path = (int.from_bytes(siblings[:3], "big") | 1).to_bytes(3, "big")
    path += keccak(encode_leaf(leaf)) + leaf.weight.to_bytes(12, "big") + siblings[3:]

    assert fold(harness, ZERO, 0, 0, path) == (tree.root, tree.total_weight)


def test_fold__weight_without_a_hash__is_not_absent(harness: Chain) -> None:
    assert fold(harness, ZERO, 1, 5, bytes(3))[0] != ZERO


def test_fold__most_weight_on_every_level__does_not_wrap(harness: Chain) -> None:
    path = ((1 << DEPTH) - 1).to_bytes(3, "big") + (ZERO + b"\xff" * 12) * DEPTH

    assert fold(harness, ZERO, (1 << 96) - 1, 0, path)[1] == 21 * ((1 << 96) - 1)


@pytest.mark.parametrize("length", range(3))
def test_fold__path_without_a_bitmap__reverts(harness: Chain, length: int) -> None:
    with harness.reverts("PathMalformed", have=length, need=3):
        fold(harness, ZERO, 0, 0, bytes(length))


@pytest.mark.parametrize("change", [-44, -1, 1, 44])
def test_fold__path_of_another_length__reverts(harness: Chain, tree: Epoch, change: int) -> None:
    path = tree.leaf_proof(2).path
    need = len(path)

    with harness.reverts("PathMalformed", have=need + change, need=need):
        fold(harness, ZERO, 0, 2, (path + bytes(44))[: need + change])


@pytest.mark.parametrize("bit", [20, 21, 22, 23])
def test_fold__level_above_the_root__reverts(harness: Chain, bit: int) -> None:
    with harness.reverts("PathMalformed", have=3, need=3):
        fold(harness, ZERO, 0, 0, (1 << bit).to_bytes(3, "big"))


@pytest.mark.parametrize("index", [1 << 20, 1 << 32, (1 << 256) - 1])
def test_fold__index_without_a_place__reverts(harness: Chain, index: int) -> None:
    """Else device 2²⁰ + 1 could show the leaf of device 1."""
    with harness.reverts("PathMalformed", have=3, need=3):
        fold(harness, ZERO, 0, index, bytes(3))


def test_fold__any_flipped_bit__gives_another_root(harness: Chain, tree: Epoch) -> None:
    proof = tree.leaf_proof(2)
    leaf_hash = keccak(encode_leaf(proof.leaf))
    for at in range(3, len(proof.path)):
        path = proof.path[:at] + bytes([proof.path[at] ^ 0x80]) + proof.path[at + 1 :]
        assert fold(harness, leaf_hash, 2, 2, path)[0] != tree.root, at


def test_fold__weight_moved_between_siblings__gives_another_root(harness: Chain) -> None:
    """The sums are hashed apart: 1 + 2 is not 2 + 1."""
    pair = Epoch.of(0, [make_leaf(0, OWNER, weight=1), make_leaf(1, OWNER, weight=2)])
    proof = pair.leaf_proof(0)
    sibling = proof.path[3:35] + (1).to_bytes(12, "big")

    root, total = fold(harness, keccak(encode_leaf(proof.leaf)), 2, 0, proof.path[:3] + sibling)
    assert (root != pair.root, total) == (True, 3)
