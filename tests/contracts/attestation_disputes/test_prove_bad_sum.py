from __future__ import annotations

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from tensorbond.chain.types import EpochStatus, OracleFault
from tensorbond.oracle.tree import DEPTH, encode_leaf
from tests.chain import Chain
from tests.contracts.attestations.epochs import PROOF_BLOCKS, moving, status

from .conftest import SECOND, Story
from .epochs import Tree, attest_data, prove, punishing, with_leaf

pytestmark = pytest.mark.chain

ZERO = bytes(32)
EMPTY_NODE = keccak(bytes(88))


def attest_tree(chain: Chain, story: Story, tree: Tree) -> None:
    root, total = tree.root
    attest_data(chain, story.second, root=root, total_weight=total)


def test_prove_bad_sum__attested_total_is_another__slashes_and_revokes(chain: Chain, story: Story) -> None:
    tree = Tree.of(story.second)
    attest_data(chain, story.second, total_weight=story.second.total_weight + 1)
    node = replace(tree.proof(SECOND, DEPTH, 0), sum=story.second.total_weight + 1)

    with punishing(chain, SECOND, OracleFault.BAD_SUM, 0, story.second.root) as found:
        found.append(prove(chain, "proveBadSum", node))


@pytest.mark.parametrize("level", [1, 2, 7, 19])
def test_prove_bad_sum__inner_node_weighs_more_than_its_children__slashes_and_revokes(
    chain: Chain, story: Story, level: int
) -> None:
    honest = Tree.of(story.second)
    digest, total = honest.levels[level][0]
    tree = Tree.of(story.second, {(level, 0): (digest, total + 5)})
    attest_tree(chain, story, tree)

    with punishing(chain, SECOND, OracleFault.BAD_SUM, 0, digest) as found:
        found.append(prove(chain, "proveBadSum", tree.proof(SECOND, level, 0)))


def test_prove_bad_sum__leaf_weighs_more_than_it_says__slashes_and_revokes(
    chain: Chain, story: Story
) -> None:
    digest, weight = Tree.of(story.second).levels[0][2]
    tree = Tree.of(story.second, {(0, 2): (digest, weight + 1)})
    attest_tree(chain, story, tree)

    with punishing(chain, SECOND, OracleFault.BAD_SUM, 0, digest) as found:
        found.append(prove(chain, "proveBadSum", tree.proof(SECOND, 0, 2)))


def test_prove_bad_sum__leaf_in_another_devices_place__slashes_and_revokes(
    chain: Chain, story: Story
) -> None:
    leaf = story.second.leaves[2]
    raw = encode_leaf(leaf)
    honest = Tree.of(story.second)
    tree = Tree(honest.leaves | {6: raw}, honest.weights | {6: leaf.weight})
    attest_tree(chain, story, tree)

    with punishing(chain, SECOND, OracleFault.BAD_SUM, 0, keccak(raw)) as found:
        found.append(prove(chain, "proveBadSum", tree.proof(SECOND, 0, 6)))


@pytest.mark.parametrize("level", [0, 3])
def test_prove_bad_sum__absent_node_with_a_sum__slashes_and_revokes(
    chain: Chain, story: Story, level: int
) -> None:
    tree = Tree.of(story.second, {(level, 9): (ZERO, 77)})
    attest_tree(chain, story, tree)

    with punishing(chain, SECOND, OracleFault.BAD_SUM, 0, ZERO) as found:
        found.append(prove(chain, "proveBadSum", tree.proof(SECOND, level, 9)))


def test_prove_bad_sum__present_node_over_two_absent_children__slashes_and_revokes(
    chain: Chain, story: Story
) -> None:
    tree = Tree.of(story.second, {(4, 5): (EMPTY_NODE, 0)})
    attest_tree(chain, story, tree)

    with punishing(chain, SECOND, OracleFault.BAD_SUM, 0, EMPTY_NODE) as found:
        found.append(prove(chain, "proveBadSum", tree.proof(SECOND, 4, 5)))


def test_prove_bad_sum__two_lies_on_one_path__the_higher_is_shown(chain: Chain, story: Story) -> None:
    honest = Tree.of(story.second)
    lies = {(level, 0): (honest.levels[level][0][0], 3 * level) for level in (2,)}
    tree = Tree.of(story.second, lies)
    twice = Tree.of(story.second, lies | {(9, 0): (tree.levels[9][0][0], 1)})
    attest_tree(chain, story, twice)

    below = twice.proof(SECOND, 2, 0)
    with chain.reverts("LeafNotUnderRoot", epoch=SECOND, have=_folded(tree, 2), need=twice.root[0]):
        prove(chain, "proveBadSum", below)
    with punishing(chain, SECOND, OracleFault.BAD_SUM, 0, tree.levels[9][0][0]) as found:
        found.append(prove(chain, "proveBadSum", twice.proof(SECOND, 9, 0)))


def _folded(tree: Tree, level: int) -> bytes:
    """The root that the path gives where no other lie stands above."""
    return tree.root[0]


def test_prove_bad_sum__final__slashes_and_leaves_it(chain: Chain, story: Story) -> None:
    digest, weight = Tree.of(story.second).levels[0][2]
    tree = Tree.of(story.second, {(0, 2): (digest, weight + 1)})
    attest_tree(chain, story, tree)
    chain.mine(PROOF_BLOCKS)

    sent = prove(chain, "proveBadSum", tree.proof(SECOND, 0, 2))

    assert len(sent.all("OracleSlashed")) == 3
    assert sent.all("EpochRevoked") == []
    assert status(chain, SECOND) == EpochStatus.FINAL
    with chain.reverts("SignersSlashedAlready", epoch=SECOND), moving(chain):
        prove(chain, "proveBadSum", tree.proof(SECOND, 0, 2))


@pytest.mark.parametrize(
    ("level", "index"), [(0, 1), (0, 2), (0, 3), (0, 9), (1, 0), (3, 4), (12, 0), (20, 0)]
)
def test_prove_bad_sum__honest_tree__reverts(chain: Chain, story: Story, level: int, index: int) -> None:
    attest_data(chain, story.second)

    with chain.reverts("FaultNotShown", epoch=SECOND, fault=OracleFault.BAD_SUM), moving(chain):
        prove(chain, "proveBadSum", Tree.of(story.second).proof(SECOND, level, index))


def test_prove_bad_sum__other_sum_than_is_hashed__reverts(chain: Chain, story: Story) -> None:
    attest_data(chain, story.second)
    tree = Tree.of(story.second)

    node = tree.proof(SECOND, DEPTH, 0)
    total = story.second.total_weight
    with chain.reverts("TotalWeightMismatch", epoch=SECOND, have=total + 1, need=total), moving(chain):
        prove(chain, "proveBadSum", replace(node, sum=total + 1))
    node = tree.proof(SECOND, 1, 0)
    lying = Tree.of(story.second, {(1, 0): (tree.levels[1][0][0], node.sum + 1)})
    with (
        chain.reverts("LeafNotUnderRoot", epoch=SECOND, have=lying.root[0], need=tree.root[0]),
        moving(chain),
    ):
        prove(chain, "proveBadSum", replace(node, sum=node.sum + 1))


def test_prove_bad_sum__inner_node_as_a_leaf_or_a_leaf_as_a_node__reverts(chain: Chain, story: Story) -> None:
    attest_data(chain, story.second)
    tree = Tree.of(story.second)
    leaf, node = tree.proof(SECOND, 0, 2), tree.proof(SECOND, 1, 1)

    for wrong in (
        replace(leaf, level=1, index=1),
        replace(node, level=0, index=2),
        replace(leaf, preimage=leaf.preimage[:-1]),
        replace(node, preimage=node.preimage + b"\0"),
    ):
        level, length = wrong.level, len(wrong.preimage)
        with chain.reverts("NodeMalformed", level=level, length=length), moving(chain):
            prove(chain, "proveBadSum", wrong)


@pytest.mark.parametrize("changes", [{"level": 21}, {"index": 1 << 20}, {"path": b""}, {"path": b"\xff" * 3}])
def test_prove_bad_sum__path_of_another_shape__reverts(
    chain: Chain, story: Story, changes: dict[str, object]
) -> None:
    attest_data(chain, story.second)
    node = replace(Tree.of(story.second).proof(SECOND, 0, 9), **changes)  # type: ignore[arg-type]
    need = 3 + 44 * (
        20 if changes.get("path") == b"\xff" * 3 else bin(int.from_bytes(node.path[:3])).count("1")
    )
    if "level" in changes:
        need = 0

    with chain.reverts("PathMalformed", have=len(node.path), need=need), moving(chain):
        prove(chain, "proveBadSum", node)


def test_prove_bad_sum__by_a_signer__reverts(chain: Chain, story: Story, seated: list[str]) -> None:
    attest_data(chain, story.second, total_weight=1)
    node = replace(Tree.of(story.second).proof(SECOND, DEPTH, 0), sum=1)

    with chain.reverts("ChallengerIsAccused", challenger=seated[0]), moving(chain):
        prove(chain, "proveBadSum", node, sender=seated[0])


def test_prove_bad_sum__not_attested_revoked_or_void__reverts(chain: Chain, story: Story) -> None:
    node = Tree.of(with_leaf(story.second, 1, weight=1)).proof(SECOND, 0, 1)

    with chain.reverts("EpochNotAttested", epoch=SECOND), moving(chain):
        prove(chain, "proveBadSum", node)
    chain.mine_to(chain.call("Attestations", "deadline"))
    chain.send("Attestations", "close", SECOND, sender=chain.accounts[5])
    with chain.reverts("EpochNotAttested", epoch=SECOND), moving(chain):
        prove(chain, "proveBadSum", node)
