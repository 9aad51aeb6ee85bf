"""`requireFinalLeaf` and `requireFinalOutcome`: what pays, slashes and settles rests on them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import Leaf, LeafProof, OutcomeProof
from tests.acts import Attestation, attest, mine_to_final
from tests.chain import Chain
from tests.leaves import Epoch, folded, make_leaf, make_outcome

from .epochs import PROOF_BLOCKS, ZERO, close, mine_to_deadline, revoke

pytestmark = pytest.mark.chain

DEVICES = (1, 2, 3, 6, (1 << 20) - 1)


@pytest.fixture
def leaves(provider: str) -> list[Leaf]:
    return [make_leaf(device, provider, weight=10 * device, cumulative_reward=device) for device in DEVICES]


@pytest.fixture
def attested(chain: Chain, seated: list[str], leaves: list[Leaf]) -> Attestation:
    """Epoch 0, with five outcomes of device 2 and one of device 3."""
    rows = [make_outcome(slot, kind=2, result=1 + slot % 4, throughput=slot) for slot in range(5)]
    return attest(chain, 0, leaves, {2: rows, 3: rows[:1]})


@pytest.fixture
def final(chain: Chain, attested: Attestation) -> Epoch:
    mine_to_final(chain, 0)
    return attested.epoch


def require_leaf(chain: Chain, proof: LeafProof) -> None:
    assert chain.call("Attestations", "requireFinalLeaf", proof) is None


def require_outcome(chain: Chain, proof: LeafProof, outcome: OutcomeProof) -> None:
    assert chain.call("Attestations", "requireFinalOutcome", proof, outcome) is None


@pytest.mark.parametrize("device", DEVICES)
def test_require_final_leaf__under_a_final_root__holds(chain: Chain, final: Epoch, device: int) -> None:
    require_leaf(chain, final.leaf_proof(device))


def test_require_final_leaf__only_leaf__holds(chain: Chain, seated: list[str], provider: str) -> None:
    only = attest(chain, 0, [make_leaf(5, provider, weight=7)]).epoch
    mine_to_final(chain, 0)

    assert only.leaf_proof(5).path == bytes(3)
    require_leaf(chain, only.leaf_proof(5))


def test_require_final_leaf__in_the_proof_window__reverts(chain: Chain, attested: Attestation) -> None:
    until = chain.call("Attestations", "attestedOf", 0)[1].provable_until
    chain.mine_to(until)
    with chain.reverts("EpochNotFinal", epoch=0):
        require_leaf(chain, attested.epoch.leaf_proof(1))
    chain.mine()
    require_leaf(chain, attested.epoch.leaf_proof(1))


def test_require_final_leaf__revoked__reverts_for_ever(chain: Chain, attested: Attestation) -> None:
    proof = attested.epoch.leaf_proof(1)
    revoke(chain, 0)
    with chain.reverts("EpochNotFinal", epoch=0):
        require_leaf(chain, proof)

    chain.mine(PROOF_BLOCKS + 1)
    with chain.reverts("EpochNotFinal", epoch=0):
        require_leaf(chain, proof)

    mine_to_deadline(chain)
    close(chain, 0)
    with chain.reverts("EpochNotFinal", epoch=0):
        require_leaf(chain, proof)


def test_require_final_leaf__void_epoch_that_carries_the_root__reverts(chain: Chain, final: Epoch) -> None:
    mine_to_deadline(chain)
    close(chain, 1)
    assert chain.call("Attestations", "attestedOf", 1)[0] == final.root

    with chain.reverts("EpochNotFinal", epoch=1):
        require_leaf(chain, replace(final.leaf_proof(1), epoch=1))


@pytest.mark.parametrize("epoch", [1, 2, 1 << 24, 1 << 255])
def test_require_final_leaf__epoch_to_come__reverts(chain: Chain, final: Epoch, epoch: int) -> None:
    with chain.reverts("EpochNotFinal", epoch=epoch):
        require_leaf(chain, replace(final.leaf_proof(1), epoch=epoch))


@pytest.mark.parametrize(
    "changes",
    [
        {"device": 4},
        {"provider": "0x" + "11" * 20},
        {"cumulative_reward": 2},
        {"passed_roll": 1},
        {"outcomes_root": bytes.fromhex("01" * 32)},
        {"outcome_count": 1},
        {"weight": 11},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_require_final_leaf__another_leaf__reverts(
    chain: Chain, final: Epoch, changes: dict[str, object]
) -> None:
    proof = final.leaf_proof(1)
    changed = replace(proof, leaf=replace(proof.leaf, **changes))

    with chain.reverts("LeafNotUnderRoot", epoch=0, have=folded(changed), need=final.root):
        require_leaf(chain, changed)


def test_require_final_leaf__moved_to_another_device__reverts(chain: Chain, final: Epoch) -> None:
    """The place in the tree is the device: a leaf cannot be shown twice."""
    proof = final.leaf_proof(2)
    moved = replace(proof, path=final.leaf_proof(3).path)

    with chain.reverts("LeafNotUnderRoot", epoch=0, have=folded(moved), need=final.root):
        require_leaf(chain, moved)


def test_require_final_leaf__path_with_another_sum__reverts(chain: Chain, final: Epoch) -> None:
    proof = final.leaf_proof(2)
    changed = replace(proof, path=proof.path[:46] + bytes([proof.path[46] ^ 1]) + proof.path[47:])

    with chain.reverts("LeafNotUnderRoot", epoch=0, have=folded(changed), need=final.root):
        require_leaf(chain, changed)


def test_require_final_leaf__path_cut_short__reverts(chain: Chain, final: Epoch) -> None:
    proof = final.leaf_proof(2)
    need = len(proof.path)

    with chain.reverts("PathMalformed", have=need - 1, need=need):
        require_leaf(chain, replace(proof, path=proof.path[:-1]))


def test_require_final_leaf__sums_give_another_total__reverts(
    chain: Chain, seated: list[str], leaves: list[Leaf]
) -> None:
    """Oracles signed a total that their own tree doesn't give: nothing is paid by it."""
    wrong = attest(chain, 0, leaves, total_weight=1)
    mine_to_final(chain, 0)
    have = sum(leaf.weight for leaf in leaves)

    with chain.reverts("TotalWeightMismatch", epoch=0, have=have, need=1):
        require_leaf(chain, wrong.epoch.leaf_proof(1))


@pytest.mark.parametrize("index", range(5))
def test_require_final_outcome__under_the_leaf__holds(chain: Chain, final: Epoch, index: int) -> None:
    require_outcome(chain, final.leaf_proof(2), final.outcome_proof(2, index))


def test_require_final_outcome__only_outcome__holds(chain: Chain, final: Epoch) -> None:
    assert final.outcome_proof(3, 0).path == ()
    require_outcome(chain, final.leaf_proof(3), final.outcome_proof(3, 0))


def test_require_final_outcome__not_final__reverts(chain: Chain, attested: Attestation) -> None:
    with chain.reverts("EpochNotFinal", epoch=0):
        require_outcome(chain, attested.epoch.leaf_proof(2), attested.epoch.outcome_proof(2, 0))


def test_require_final_outcome__leaf_not_under_the_root__reverts(chain: Chain, final: Epoch) -> None:
    """A leaf made up around a true outcome."""
    proof = final.leaf_proof(2)
    changed = replace(proof, leaf=replace(proof.leaf, device=3))

    with chain.reverts("LeafNotUnderRoot", epoch=0, have=folded(changed), need=final.root):
        require_outcome(chain, changed, final.outcome_proof(2, 0))


@pytest.mark.parametrize("changes", [{"result": 3}, {"job": 1}, {"slot": 9}, {"witness": bytes([1]) * 32}])
def test_require_final_outcome__another_outcome__reverts(
    chain: Chain, final: Epoch, changes: dict[str, object]
) -> None:
    leaf = final.leaf_proof(3)
    proof = final.outcome_proof(3, 0)
    changed = replace(proof, outcome=replace(proof.outcome, **changes))
    have = Epoch.of(0, [leaf.leaf], {3: [changed.outcome]}).leaves[3].outcomes_root

    with chain.reverts("OutcomeNotUnderLeaf", have=have, need=leaf.leaf.outcomes_root):
        require_outcome(chain, leaf, changed)


def test_require_final_outcome__of_another_device__reverts(chain: Chain, final: Epoch) -> None:
    with chain.reverts("OutcomePathMalformed", have=0, need=3):
        require_outcome(chain, final.leaf_proof(2), final.outcome_proof(3, 0))


def test_require_final_outcome__index_past_the_count__reverts(chain: Chain, final: Epoch) -> None:
    """Place 5 of 8 is padding."""
    with chain.reverts("OutcomePathMalformed", have=3, need=3):
        require_outcome(chain, final.leaf_proof(2), replace(final.outcome_proof(2, 4), index=5))


def test_require_final_outcome__leaf_without_outcomes__reverts(chain: Chain, final: Epoch) -> None:
    assert final.leaves[1].outcomes_root == ZERO

    with chain.reverts("OutcomePathMalformed", have=0, need=0):
        require_outcome(chain, final.leaf_proof(1), final.outcome_proof(3, 0))
