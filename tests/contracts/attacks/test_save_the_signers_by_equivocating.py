"""A signer whose lie is about to be proven contradicts itself through a friend first: the attestation falls
by that, for one bond. Whoever else signed it answers for the lie all the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import EpochStatus, OracleFault, Statement
from tests.acts import sign_statement, statement_of
from tests.chain import Chain, Sent, project_artifacts
from tests.contracts.attestations.epochs import (
    ATTEST_BLOCKS,
    BOND,
    PROOF_BLOCKS,
    STANDING,
    close,
    last_block,
    leave,
    mine_to_deadline,
    mine_to_end,
    moving,
    revoke,
    some_leaves,
    some_statement,
    status,
    submit,
    withdraw,
)
from tests.leaves import Epoch, make_leaf

OTHER = bytes.fromhex("0d" * 32)
ZERO = bytes(32)
REWARD = BOND // 4
DEPOSIT = 10**17

pytestmark = pytest.mark.chain


def equivocate(chain: Chain, told: Statement, oracle: str, friend: str) -> Sent:
    """Member 0 signs another root, too, and a friend proves it."""
    other = replace(told, root=OTHER)
    pair = sign_statement(chain, told, oracle), sign_statement(chain, other, oracle)
    return chain.send(
        "AttestationDisputes", "proveEquivocation", told, pair[0], other, pair[1], 1, 0, sender=friend
    )


def against(chain: Chain, round: int, verb: str, *args: object, sender: str, value: int = 0) -> Sent:
    """The proof of a revoked attestation."""
    proof = project_artifacts()["AttestationDisputes"].abi.encode_call(verb, args)
    return chain.send("AttestationDisputes", "proveRevoked", round, proof, sender=sender, value=value)


def lie_about(chain: Chain, epoch: int) -> Epoch:
    """Leaves of devices that the registry doesn't know."""
    return Epoch.of(epoch, some_leaves(chain))


def truth(chain: Chain, epoch: int, round: int) -> Statement:
    """There are no devices."""
    return replace(
        some_statement(chain, epoch, round),
        root=ZERO,
        total_weight=0,
        data_digest=Epoch.of(epoch, []).data_digest,
    )


@pytest.fixture
def saved(chain: Chain, seated: list[str], stranger: str) -> Epoch:
    """A lie about epoch 0 by members 0, 1 and 2, which member 0 has brought down."""
    mine_to_end(chain, 0)
    told = some_statement(chain)
    submit(chain, told, (0, 1, 2))
    moved = {"Attestations": -BOND, "bonded": -BOND, "stranger": REWARD, "supply": REWARD - BOND}
    with moving(chain, **moved):
        equivocate(chain, told, seated[0], stranger)
    assert status(chain, 0) == EpochStatus.OPEN
    return lie_about(chain, 0)


def taken(count: int) -> dict[str, int]:
    change = count * BOND
    return {
        "Attestations": -change,
        "bonded": -change,
        "auditor": change // 4,
        "supply": change // 4 - change,
    }


def test_saved__lie_is_proven_all_the_same__costs_the_others_their_bonds(
    chain: Chain, seated: list[str], auditor: str, saved: Epoch
) -> None:
    leaf = saved.leaf_proof(1)
    with chain.reverts("EpochNotAttested", epoch=0), moving(chain):
        chain.send("AttestationDisputes", "proveBadDevice", leaf, sender=auditor)

    with moving(chain, **taken(2)):
        sent = against(chain, 0, "proveBadDevice", leaf, sender=auditor)

    assert [each["oracle"] for each in sent.all("OracleSlashed")] == seated[1:3]
    proven = sent.event("FraudProven")
    assert (proven["epoch"], proven["fault"], proven["amount"]) == (0, OracleFault.BAD_DEVICE, 2 * BOND)
    assert sent.all("EpochRevoked") == []
    assert chain.call("Attestations", "bondOf", seated[3]).amount == BOND
    with chain.reverts("SignersSlashedAlready", epoch=0), moving(chain):
        against(chain, 0, "proveBadDevice", leaf, sender=auditor)


def test_saved__attested_anew__only_who_signed_the_lie_answers(
    chain: Chain, seated: list[str], auditor: str, saved: Epoch
) -> None:
    submit(chain, truth(chain, 0, 1), (1, 2, 3))
    old = chain.call("Attestations", "attestationOf", 0, 0)
    assert (old[0], old[1], old[2].signers, old[2].flags) == (saved.root, ZERO, 0b0111, 5)
    assert chain.call("Attestations", "attestationOf", 0, 1)[2].flags == 1
    leaf = saved.leaf_proof(1)
    with chain.reverts("LeafNotUnderRoot", epoch=0, have=saved.root, need=ZERO), moving(chain):
        against(chain, 1, "proveBadDevice", leaf, sender=auditor)

    with moving(chain, **taken(2)):
        sent = against(chain, 0, "proveBadDevice", leaf, sender=auditor)

    assert [each["oracle"] for each in sent.all("OracleSlashed")] == seated[1:3]
    assert status(chain, 0) == EpochStatus.ATTESTED
    assert chain.call("Attestations", "bondOf", seated[3]).amount == BOND


def test_saved__by_the_fall_of_the_epoch_before__is_proven_by_the_root_that_stood_then(
    chain: Chain, seated: list[str], auditor: str, stranger: str
) -> None:
    """Epochs 0 and 1 fall by an equivocation about 0. All three epochs are attested anew."""
    first, second, third = (Epoch.of(e, some_leaves(chain, e + 1)) for e in range(3))
    chain.mine_to(last_block(chain, 0) + ATTEST_BLOCKS - 2)
    for epoch in (first, second, third):
        mine_to_end(chain, epoch.number)
        submit(chain, statement_of(chain, epoch), (0, 1, 2))
    revoke(chain, 1)
    submit(chain, statement_of(chain, second, round=1), (0, 1, 2))
    equivocate(chain, statement_of(chain, first, previous_root=ZERO), seated[0], stranger)
    for epoch in range(3):
        submit(chain, truth(chain, epoch, 2), (1, 2, 3))

    found = [chain.call("Attestations", "attestationOf", *each)[:2] for each in ((1, 0), (1, 1), (2, 0))]
    assert found == [(second.root, first.root), (second.root, first.root), (third.root, second.root)]
    leaf, previous = second.leaf_proof(1), first.leaf_proof(1)
    with chain.reverts("PreviousLeafNotUnderRoot", epoch=1, have=ZERO, need=first.root), moving(chain):
        empty = make_leaf(0, "0x" + "00" * 20), bytes(3)
        against(chain, 1, "proveBadReward", leaf, *empty, sender=auditor)
    with moving(chain, **taken(2)):
        against(chain, 1, "proveBadReward", leaf, previous.leaf, previous.path, sender=auditor)
    assert chain.call("Attestations", "bondOf", seated[3]).amount == BOND
    assert [status(chain, epoch) for epoch in range(3)] == [EpochStatus.ATTESTED] * 3


def test_saved__void_since__keeps_the_bonds_until_no_proof_can_touch_them(
    chain: Chain, seated: list[str], auditor: str, saved: Epoch
) -> None:
    until = chain.call("Attestations", "attestationOf", 0, 0)[2].provable_until
    leave(chain, seated[1])
    assert chain.call("Attestations", "bondOf", seated[1]).exposed_until >= until
    for epoch in (0, 1):
        mine_to_deadline(chain)
        close(chain, epoch)
    assert chain.call("Attestations", "attestedOf", 0)[1].provable_until == until
    assert ATTEST_BLOCKS > PROOF_BLOCKS
    withdraw(chain, seated[1])

    with moving(chain, **taken(1)):
        against(chain, 0, "proveBadDevice", saved.leaf_proof(1), sender=auditor)


def test_saved__leaf_that_nobody_shows__is_withheld(
    chain: Chain, seated: list[str], auditor: str, saved: Epoch
) -> None:
    submit(chain, truth(chain, 0, 1), (1, 2, 3))
    asked = [
        chain.send("Attestations", "requestLeaf", 0, 0, device, sender=auditor, value=DEPOSIT).event(
            "LeafRequested"
        )
        for device in (1, 2)
    ]
    assert [(each["round"], each["device"]) for each in asked] == [(0, 1), (0, 2)]
    proof = saved.leaf_proof(1)
    answer = 0, 0, 1, proof.leaf, proof.path, []
    told = chain.send("Attestations", "answerLeaf", *answer, sender=chain.accounts[5])
    assert told.event("LeafAnswered")["request"] == asked[0]["request"]
    chain.mine_to(asked[1]["answerBy"])

    with chain.reverts("AnsweredAlready", request=asked[0]["request"]), moving(chain):
        chain.send("AttestationDisputes", "proveWithheldLeaf", 0, 0, 1, sender=auditor)
    with moving(chain, **taken(2)):
        chain.send("AttestationDisputes", "proveWithheldLeaf", 0, 0, 2, sender=auditor)
    assert status(chain, 0) == EpochStatus.ATTESTED


def test_prove_revoked__nothing_to_prove__reverts(
    chain: Chain, seated: list[str], auditor: str, saved: Epoch
) -> None:
    leaf = saved.leaf_proof(1)
    for round in (1, 255):
        with chain.reverts("RoundNotAttested", epoch=0, round=round), moving(chain):
            against(chain, round, "proveBadDevice", leaf, sender=auditor)
    with chain.reverts("RoundTooLarge", have=256, most=255), moving(chain):
        against(chain, 256, "proveBadDevice", leaf, sender=auditor)
    with chain.reverts("EpochNotAttested", epoch=0), moving(chain):
        chain.send("AttestationDisputes", "proveWithheldLeaf", 0, STANDING, 1, sender=auditor)
    with chain.reverts("ChallengerIsAccused", challenger=seated[1]), moving(chain):
        against(chain, 0, "proveBadDevice", leaf, sender=seated[1])
    encode = project_artifacts()["AttestationDisputes"].abi.encode_call
    inner = encode("proveRevoked", (1, encode("proveBadDevice", (leaf,))))
    for round in (0, 1):
        with chain.reverts("RoundNamedAlready", round=round), moving(chain):
            chain.send("AttestationDisputes", "proveRevoked", round, inner, sender=auditor)
