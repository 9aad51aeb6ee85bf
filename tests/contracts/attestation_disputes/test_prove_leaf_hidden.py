"""Something in the tree where no device has its place: shown by the node above it, whatever it is."""

from __future__ import annotations

import pytest

from tensorbond.chain.types import OracleFault
from tensorbond.oracle.tree import DEPTH
from tests.acts import register_as
from tests.chain import Chain, project_artifacts
from tests.contracts.attestations.epochs import BOND, moving, revoke

from .conftest import SECOND, Story
from .epochs import Tree, attest_data, prove, punishing
from .test_prove_bad_device import with_device

pytestmark = pytest.mark.chain

FAULT = OracleFault.BAD_DEVICE
ZERO = bytes(32)
LAST = (1 << DEPTH) - 1


def node_of(tree: Tree, level: int, index: int, epoch: int = SECOND) -> tuple[object, ...]:
    """The proof's arguments."""
    return epoch, level, index, *tree.levels[level].get(index, (ZERO, 0)), tree.path(level, index)


# Devices 1 to 4 have begun.


@pytest.mark.parametrize(
    ("place", "level"), [(0, 0), (5, 0), (6, 1), (9, 0), (9, 3), (LAST, 0), (LAST, 17), (LAST, 19)]
)
def test_prove_leaf_hidden__place_of_no_device__slashes_and_revokes(
    chain: Chain, story: Story, place: int, level: int
) -> None:
    data = with_device(story.second, place)
    attest_data(chain, data)
    tree, index = Tree.of(data), place >> level

    with punishing(chain, SECOND, FAULT, index << level, tree.levels[level][index][0]) as found:
        found.append(prove(chain, "proveLeafHidden", *node_of(tree, level, index)))


@pytest.mark.parametrize("weight", [0, 7])
def test_prove_leaf_hidden__node_that_nothing_is_known_to_stand_under__slashes_and_revokes(
    chain: Chain, story: Story, weight: int
) -> None:
    tree = Tree.of(story.second, {(7, 5): (b"\x5a" * 32, weight)})
    root, total = tree.root
    attest_data(chain, story.second, root=root, total_weight=total)

    with punishing(chain, SECOND, FAULT, 5 << 7, b"\x5a" * 32) as found:
        found.append(prove(chain, "proveLeafHidden", *node_of(tree, 7, 5)))


@pytest.mark.parametrize("level", [0, 1])
def test_prove_leaf_hidden__device_that_begins_later__slashes_and_revokes(
    chain: Chain, story: Story, provider: str, level: int
) -> None:
    """Whose id was foreseen, or who registered before the attestation."""
    devices = [register_as(chain, provider) for _ in range(3)]
    assert devices == [5, 6, 7]
    data = with_device(story.second, 6)
    attest_data(chain, data)
    tree, index = Tree.of(data), 6 >> level

    with punishing(chain, SECOND, FAULT, 6, tree.levels[level][index][0]) as found:
        found.append(prove(chain, "proveLeafHidden", *node_of(tree, level, index)))


def test_prove_leaf_hidden__revoked__costs_its_signers_their_bonds(chain: Chain, story: Story) -> None:
    data = with_device(story.second, 9)
    attest_data(chain, data)
    revoke(chain, SECOND)
    attest_data(chain, story.second, round=1)
    node = node_of(Tree.of(data), 3, 1)
    call = project_artifacts()["AttestationDisputes"].abi.encode_call("proveLeafHidden", node)

    taken = 3 * BOND
    with moving(chain, Attestations=-taken, bonded=-taken, auditor=taken // 4, supply=taken // 4 - taken):
        sent = prove(chain, "proveRevoked", 0, call)

    assert (sent.event("FraudProven")["fault"], sent.event("FraudProven")["device"]) == (FAULT, 8)
    assert sent.all("EpochRevoked") == []


# What it refuses


def test_prove_leaf_hidden__honest_tree__reverts(chain: Chain, story: Story, provider: str) -> None:
    """Every node that is there, and the absent ones beside them, though devices ended or registered since."""
    attest_data(chain, story.second)
    register_as(chain, provider, count=3)
    chain.send("DeviceRegistry", "retire", 1, sender=provider)
    tree = Tree.of(story.second)
    for level, nodes in enumerate(tree.levels):
        for index in sorted({each ^ side for each in nodes for side in (0, 1)}):
            if index < 1 << (DEPTH - level):
                with chain.reverts("FaultNotShown", epoch=SECOND, fault=FAULT):
                    chain.call("AttestationDisputes", "proveLeafHidden", *node_of(tree, level, index))


def test_prove_leaf_hidden__absent_node_with_a_sum__is_another_proofs(chain: Chain, story: Story) -> None:
    tree = Tree.of(story.second, {(3, 9): (ZERO, 77)})
    root, total = tree.root
    attest_data(chain, story.second, root=root, total_weight=total)

    with chain.reverts("FaultNotShown", epoch=SECOND, fault=FAULT), moving(chain):
        prove(chain, "proveLeafHidden", *node_of(tree, 3, 9))


def test_prove_leaf_hidden__node_that_is_not_there__reverts(chain: Chain, story: Story) -> None:
    attest_data(chain, story.second)
    tree = Tree.of(story.second)
    epoch, level, index, _, _, path = node_of(tree, 3, 1)
    lie = Tree.of(story.second, {(3, 1): (b"\x5a" * 32, 7)})

    with (
        chain.reverts("LeafNotUnderRoot", epoch=SECOND, have=lie.root[0], need=story.second.root),
        moving(chain),
    ):
        prove(chain, "proveLeafHidden", epoch, level, index, b"\x5a" * 32, 7, path)


@pytest.mark.parametrize(("level", "index"), [(21, 0), (20, 1), (3, 1 << 17)])
def test_prove_leaf_hidden__no_node_of_the_tree__reverts(
    chain: Chain, story: Story, level: int, index: int
) -> None:
    attest_data(chain, story.second)

    with chain.reverts("PathMalformed", have=3, need=0 if level > DEPTH else 3), moving(chain):
        prove(chain, "proveLeafHidden", SECOND, level, index, story.second.root, 0, bytes(3))


def test_prove_leaf_hidden__by_a_signer_or_not_attested__reverts(
    chain: Chain, story: Story, seated: list[str]
) -> None:
    data = with_device(story.second, 9)
    node = node_of(Tree.of(data), 3, 1)
    with chain.reverts("EpochNotAttested", epoch=SECOND), moving(chain):
        prove(chain, "proveLeafHidden", *node)
    attest_data(chain, data)
    with chain.reverts("ChallengerIsAccused", challenger=seated[0]), moving(chain):
        prove(chain, "proveLeafHidden", *node, sender=seated[0])
