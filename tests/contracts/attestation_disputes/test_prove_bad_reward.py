from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import EpochStatus, Leaf, OracleFault
from tensorbond.oracle.tree import leaf_hash
from tests.chain import Chain
from tests.contracts.attestations.epochs import PROOF_BLOCKS, moving, revoke, status

from .conftest import SECOND, Story
from .epochs import attest_data, no_leaf, prove, punishing, with_leaf

pytestmark = pytest.mark.chain


def before(story: Story, device: int) -> tuple[Leaf, bytes]:
    """The previous leaf with its path; device 4 had none."""
    return story.first.leaves.get(device, no_leaf()), story.first.tree.path(device)


@pytest.mark.parametrize("device", [1, 3, 4])
@pytest.mark.parametrize("change", [1, 10**30])
def test_prove_bad_reward__more__slashes_and_revokes(
    chain: Chain, story: Story, device: int, change: int
) -> None:
    reward = story.second.leaves[device].cumulative_reward + change
    data = with_leaf(story.second, device, cumulative_reward=reward)
    attest_data(chain, data)

    with punishing(chain, SECOND, OracleFault.BAD_REWARD, device, leaf_hash(data.leaves[device])) as found:
        found.append(prove(chain, "proveBadReward", data.leaf_proof(device), *before(story, device)))


@pytest.mark.parametrize("device", [1, 4])
def test_prove_bad_reward__less__slashes_and_revokes(chain: Chain, story: Story, device: int) -> None:
    earned = story.first.leaves[device].cumulative_reward if device == 1 else 0
    data = with_leaf(story.second, device, weight=7, cumulative_reward=earned)
    attest_data(chain, data)

    with punishing(chain, SECOND, OracleFault.BAD_REWARD, device, leaf_hash(data.leaves[device])) as found:
        found.append(prove(chain, "proveBadReward", data.leaf_proof(device), *before(story, device)))


def test_prove_bad_reward__final__slashes_and_leaves_it(chain: Chain, story: Story) -> None:
    data = with_leaf(story.second, 1, cumulative_reward=7)
    attest_data(chain, data)
    chain.mine(PROOF_BLOCKS)

    sent = prove(chain, "proveBadReward", data.leaf_proof(1), *before(story, 1))

    assert len(sent.all("OracleSlashed")) == 3
    assert sent.all("EpochRevoked") == []
    assert status(chain, SECOND) == EpochStatus.FINAL


@pytest.mark.parametrize("device", [1, 2, 3, 4])
def test_prove_bad_reward__honest__reverts(chain: Chain, story: Story, device: int) -> None:
    attest_data(chain, story.second)

    with chain.reverts("FaultNotShown", epoch=SECOND, fault=OracleFault.BAD_REWARD), moving(chain):
        prove(chain, "proveBadReward", story.second.leaf_proof(device), *before(story, device))


def test_prove_bad_reward__another_previous_leaf__reverts(chain: Chain, story: Story) -> None:
    attest_data(chain, story.second)
    proof, path = story.second.leaf_proof(1), story.first.tree.path(1)
    richer = with_leaf(story.first, 1, cumulative_reward=1)
    nothing = replace(story.first, leaves={d: story.first.leaves[d] for d in (2, 3)})

    with chain.reverts("PreviousLeafMismatch", device=2, need=1), moving(chain):
        prove(chain, "proveBadReward", proof, *before(story, 2))
    for other, root in ((richer.leaves[1], richer.root), (no_leaf(), nothing.root)):
        error = {"epoch": SECOND, "have": root, "need": story.first.root}
        with chain.reverts("PreviousLeafNotUnderRoot", **error), moving(chain):
            prove(chain, "proveBadReward", proof, other, path)


def test_prove_bad_reward__absent_previous_leaf_with_a_reward__counts_as_zeros(
    chain: Chain, story: Story
) -> None:
    """What stands beside the zero device of an absent leaf is not looked at."""
    attest_data(chain, story.second)
    absent, path = replace(no_leaf(), cumulative_reward=10**18, weight=5), before(story, 4)[1]

    with chain.reverts("FaultNotShown", epoch=SECOND, fault=OracleFault.BAD_REWARD), moving(chain):
        prove(chain, "proveBadReward", story.second.leaf_proof(4), absent, path)


def test_prove_bad_reward__revoked_and_signed_anew__judges_only_what_stands(
    chain: Chain, story: Story
) -> None:
    """Epoch 2 was honest after the first epoch 1; that one is gone, and so is what followed from it."""
    attest_data(chain, story.second)
    revoke(chain, SECOND)
    attest_data(chain, story.second, round=1)

    with chain.reverts("FaultNotShown", epoch=SECOND, fault=OracleFault.BAD_REWARD), moving(chain):
        prove(chain, "proveBadReward", story.second.leaf_proof(1), *before(story, 1))
    revoke(chain, SECOND)
    with chain.reverts("EpochNotAttested", epoch=SECOND), moving(chain):
        prove(chain, "proveBadReward", story.second.leaf_proof(1), *before(story, 1))


def test_prove_bad_reward__by_a_signer__reverts(chain: Chain, story: Story, seated: list[str]) -> None:
    data = with_leaf(story.second, 1, cumulative_reward=7)
    attest_data(chain, data)

    with chain.reverts("ChallengerIsAccused", challenger=seated[2]), moving(chain):
        prove(chain, "proveBadReward", data.leaf_proof(1), *before(story, 1), sender=seated[2])
