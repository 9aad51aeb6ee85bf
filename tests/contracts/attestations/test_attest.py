from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain import digests
from tensorbond.chain.digests import Domain
from tensorbond.chain.types import Attested, EpochStatus, Statement
from tests.acts import domain, sign_as_quorum, sign_statement, statement_of, timing
from tests.chain import Chain, Sent
from tests.conftest import role
from tests.leaves import Epoch, make_leaf

from .epochs import (
    ATTEST_BLOCKS,
    ATTESTED,
    BOND,
    EMISSION,
    HISTORY,
    PROOF_BLOCKS,
    ZERO,
    ZERO_ADDRESS,
    close,
    config_digest,
    deploy_fast,
    high_s,
    last_block,
    leave,
    mine_to_deadline,
    mine_to_end,
    moving,
    revoke,
    seat,
    slash,
    some_statement,
    status,
    submit,
)

pytestmark = pytest.mark.chain


@pytest.fixture
def over(chain: Chain, seated: list[str]) -> Statement:
    """What honest oracles sign of epoch 0, which is over."""
    mine_to_end(chain, 0)
    return some_statement(chain)


def send(chain: Chain, statement: Statement, signers: int, signatures: bytes) -> Sent:
    return chain.send(
        "Attestations", "attest", statement, signers, signatures, sender=role(chain, "stranger")
    )


def recovered(chain: Chain, statement: Statement, signature: bytes) -> str:
    """Whom the contract takes for the signer."""
    return digests.attestation(domain(chain, "Attestations"), statement).signer(signature)


# What stands


def test_attest__quorum_signed__stands(chain: Chain, over: Statement) -> None:
    with moving(chain):
        sent = submit(chain, over, (0, 2, 3))

    assert sent.event("EpochAttested") == {
        "epoch": 0,
        "round": 0,
        "root": over.root,
        "totalWeight": 30,
        "dataDigest": over.data_digest,
        "setId": 1,
        "signers": 0b1101,
    }
    assert chain.call("Attestations", "attestedOf", 0) == (
        over.root,
        Attested(30, sent.block + PROOF_BLOCKS, 1, 0, 0b1101, ATTESTED),
    )
    assert status(chain, 0) == EpochStatus.ATTESTED
    assert chain.call("Attestations", "standingRoot") == over.root
    assert chain.call("Attestations", "nextEpoch") == 1
    assert chain.call("Attestations", "deadline") == last_block(chain, 1) + ATTEST_BLOCKS
    assert (chain.call("Attestations", "settledThrough"), chain.call("Attestations", "finalEmission")) == (
        0,
        0,
    )


def test_attest__everybody_signed__names_everybody(chain: Chain, over: Statement) -> None:
    assert submit(chain, over, (0, 1, 2, 3)).event("EpochAttested")["signers"] == 0b1111


def test_attest__no_leaves__has_no_root(chain: Chain, seated: list[str]) -> None:
    mine_to_end(chain, 0)
    statement = statement_of(chain, Epoch.of(0, []))
    assert (statement.root, statement.total_weight) == (ZERO, 0)

    submit(chain, statement)

    assert status(chain, 0) == EpochStatus.ATTESTED
    assert chain.call("Attestations", "standingRoot") == ZERO


def test_attest__leaves_without_weight__have_a_root(chain: Chain, seated: list[str], provider: str) -> None:
    mine_to_end(chain, 0)
    statement = statement_of(chain, Epoch.of(0, [make_leaf(1, provider)]))
    assert statement.root != ZERO

    submit(chain, statement)

    assert chain.call("Attestations", "attestedOf", 0)[1].total_weight == 0


def test_attest__most_weight__is_kept_whole(chain: Chain, over: Statement) -> None:
    most = (1 << 96) - 1

    submit(chain, replace(over, total_weight=most))

    assert chain.call("Attestations", "attestedOf", 0)[1].total_weight == most


def test_attest__next_epoch__builds_on_the_standing_root(chain: Chain, over: Statement) -> None:
    submit(chain, over)
    mine_to_end(chain, 1)

    with chain.reverts("PreviousRootMismatch", have=ZERO, need=over.root):
        submit(chain, some_statement(chain, 1, previous_root=ZERO))
    submit(chain, some_statement(chain, 1))


def test_attest__after_a_void_epoch__builds_on_the_root_before_it(chain: Chain, over: Statement) -> None:
    submit(chain, over)
    mine_to_deadline(chain)
    close(chain, 1)
    mine_to_end(chain, 2)
    statement = some_statement(chain, 2)
    assert statement.previous_root == over.root

    submit(chain, statement)


# When


def test_attest__last_block_of_the_epoch__is_too_early(chain: Chain, seated: list[str]) -> None:
    last = last_block(chain, 0)
    chain.mine_to(last - 1)
    statement = Statement(0, 0, ZERO, ZERO, ZERO, 0, ZERO, config_digest(chain, 1, 3, seated))

    with chain.reverts("EpochNotOver", epoch=0, blockNumber=last, lastBlock=last):
        submit(chain, statement)


def test_attest__block_after_the_last__is_early_enough(chain: Chain, over: Statement) -> None:
    assert chain.block_number == last_block(chain, 0)

    assert submit(chain, over).block == last_block(chain, 0) + 1


def test_attest__block_of_the_deadline__is_the_last(chain: Chain, over: Statement) -> None:
    deadline = last_block(chain, 0) + ATTEST_BLOCKS
    assert chain.call("Attestations", "deadline") == deadline
    chain.mine_to(deadline)
    with chain.reverts("DeadlinePassed", epoch=0, blockNumber=deadline + 1, deadline=deadline):
        submit(chain, over)


def test_attest__in_the_block_of_the_deadline__stands(chain: Chain, over: Statement) -> None:
    chain.mine_to(last_block(chain, 0) + ATTEST_BLOCKS - 1)

    assert submit(chain, over).block == last_block(chain, 0) + ATTEST_BLOCKS


def test_attest__out_of_order__reverts(chain: Chain, over: Statement) -> None:
    mine_to_end(chain, 1)
    with chain.reverts("EpochOutOfOrder", have=1, need=0):
        submit(chain, some_statement(chain, 1))
    submit(chain, over)
    with chain.reverts("EpochOutOfOrder", have=0, need=1):
        submit(chain, over)
    with chain.reverts("EpochOutOfOrder", have=(1 << 24) + 1, need=1):
        send(chain, replace(over, epoch=(1 << 24) + 1), 0, b"")


# What is signed


@pytest.mark.parametrize("have", [ZERO, bytes.fromhex("ab" * 32)])
def test_attest__another_last_block__reverts(chain: Chain, over: Statement, have: bytes) -> None:
    with chain.reverts("LastBlockMismatch", have=have, need=over.last_block_hash):
        submit(chain, replace(over, last_block_hash=have))


def test_attest__last_block_out_of_reach_of_blockhash__is_looked_up_in_the_history(
    chain: Chain, oracles: list[str]
) -> None:
    deploy_fast(chain, oracles, attest_blocks=280, proof_blocks=8)
    mine_to_end(chain, 0)
    statement = some_statement(chain)
    chain.mine_to(last_block(chain, 0) + 270)

    submit(chain, statement)

    assert status(chain, 0) == EpochStatus.ATTESTED


def test_attest__last_block_that_nobody_remembers__reverts(chain: Chain, oracles: list[str]) -> None:
    deploy_fast(chain, oracles, attest_blocks=280, proof_blocks=8)
    mine_to_end(chain, 0)
    statement = some_statement(chain)
    chain.mine_to(last_block(chain, 0) + 257)
    chain.rpc.request("anvil_setCode", HISTORY, "0x")

    with chain.reverts("LastBlockMismatch", have=statement.last_block_hash, need=ZERO):
        submit(chain, statement)
    with chain.reverts("LastBlockMismatch", have=ZERO, need=ZERO):
        submit(chain, replace(statement, last_block_hash=ZERO))


def test_attest__last_block_that_was_forgotten_while_it_was_attested__stands_anew(
    chain: Chain, oracles: list[str]
) -> None:
    """One equivocation, shown late, must not make void what the others can attest anew."""
    deploy_fast(chain, oracles, attest_blocks=280, proof_blocks=8)
    mine_to_end(chain, 1)
    for epoch in (0, 1):
        submit(chain, some_statement(chain, epoch))
    revoke(chain, 0)
    statements = [some_statement(chain, 0, round=1), some_statement(chain, 1, round=1)]
    mine_to_end(chain, 2)
    unattested = some_statement(chain, 2)
    chain.mine_to(last_block(chain, 2) + 257)
    chain.rpc.request("anvil_setCode", HISTORY, "0x")

    submit(chain, statements[0])
    submit(chain, replace(statements[1], previous_root=chain.call("Attestations", "standingRoot")))

    assert [status(chain, epoch) for epoch in (0, 1)] == [EpochStatus.ATTESTED] * 2
    last = replace(unattested, previous_root=chain.call("Attestations", "standingRoot"))
    with chain.reverts("LastBlockMismatch", have=last.last_block_hash, need=ZERO):
        submit(chain, last)


def test_attest__another_configuration__reverts(chain: Chain, over: Statement) -> None:
    with chain.reverts("ConfigDigestMismatch", have=ZERO, need=over.config_digest):
        submit(chain, replace(over, config_digest=ZERO))


def test_attest__more_weight_than_a_sum_holds__reverts(chain: Chain, over: Statement) -> None:
    with chain.reverts("TotalWeightTooLarge", have=1 << 96, most=(1 << 96) - 1):
        submit(chain, replace(over, total_weight=1 << 96))


def test_attest__weight_without_a_root__reverts(chain: Chain, over: Statement) -> None:
    with chain.reverts("TotalWeightTooLarge", have=1, most=0):
        submit(chain, replace(over, root=ZERO, total_weight=1))


def test_attest__any_first_round__is_taken(chain: Chain, over: Statement) -> None:
    assert submit(chain, replace(over, round=255)).event("EpochAttested")["round"] == 255


def test_attest__round_that_no_word_holds__reverts(chain: Chain, over: Statement) -> None:
    with chain.reverts("RoundTooLarge", have=256, most=255):
        submit(chain, replace(over, round=256))


def test_attest__revoked_round__is_spent(chain: Chain, over: Statement) -> None:
    submit(chain, replace(over, round=3))
    revoke(chain, 0)

    for spent in (0, 3):
        with chain.reverts("RoundSpent", have=spent, least=4):
            submit(chain, replace(over, round=spent))
    submit(chain, replace(over, round=4))
    assert chain.call("Attestations", "attestedOf", 0)[1].round == 4


def test_attest__revoked_with_an_earlier_epoch__round_is_spent_too(chain: Chain, over: Statement) -> None:
    mine_to_end(chain, 1)
    submit(chain, over)
    submit(chain, some_statement(chain, 1, round=2))
    revoke(chain, 0)
    submit(chain, replace(over, round=1))

    with chain.reverts("RoundSpent", have=2, least=3):
        submit(chain, some_statement(chain, 1, round=2))
    submit(chain, some_statement(chain, 1, round=3))


# Who signs


def test_attest__one_short_of_the_quorum__reverts(chain: Chain, over: Statement) -> None:
    with chain.reverts("QuorumMissing", have=2, need=3):
        submit(chain, over, (1, 3))


def test_attest__nobody__reverts(chain: Chain, over: Statement) -> None:
    with chain.reverts("QuorumMissing", have=0, need=3):
        send(chain, over, 0, b"")


def test_attest__low_threshold__still_needs_two_thirds(chain: Chain, bonded: list[str]) -> None:
    seat(chain, bonded, 1, 0)
    mine_to_end(chain, 0)

    with chain.reverts("QuorumMissing", have=2, need=3):
        submit(chain, some_statement(chain), (0, 1))


def test_attest__one_signature_for_two_members__reverts(
    chain: Chain, over: Statement, seated: list[str]
) -> None:
    once = sign_statement(chain, over, seated[0])
    twice = once + once + sign_statement(chain, over, seated[2])

    with chain.reverts("SignatureInvalid", index=1, have=seated[0], need=seated[1]):
        send(chain, over, 0b0111, twice)


def test_attest__signatures_in_another_order__reverts(
    chain: Chain, over: Statement, seated: list[str]
) -> None:
    a, b, c = (sign_statement(chain, over, oracle) for oracle in seated[:3])

    with chain.reverts("SignatureInvalid", index=0, have=seated[1], need=seated[0]):
        send(chain, over, 0b0111, b + a + c)


def test_attest__stranger_among_the_signers__reverts(
    chain: Chain, over: Statement, seated: list[str], stranger: str
) -> None:
    members = [seated[0], stranger, seated[2]]
    signers, signatures = sign_as_quorum(chain, over, members, (0, 1, 2))

    with chain.reverts("SignatureInvalid", index=1, have=stranger, need=seated[1]):
        send(chain, over, signers, signatures)


def test_attest__upper_half_s__reverts(chain: Chain, over: Statement, seated: list[str]) -> None:
    a, b, c = (sign_statement(chain, over, oracle) for oracle in seated[:3])

    with chain.reverts("SignatureInvalid", index=1, have=ZERO_ADDRESS, need=seated[1]):
        send(chain, over, 0b0111, a + high_s(b) + c)


@pytest.mark.parametrize("v", [0, 1, 26, 29])
def test_attest__other_v__reverts(chain: Chain, over: Statement, seated: list[str], v: int) -> None:
    a, b, c = (sign_statement(chain, over, oracle) for oracle in seated[:3])

    with chain.reverts("SignatureInvalid", index=2, have=ZERO_ADDRESS, need=seated[2]):
        send(chain, over, 0b0111, a + b + c[:64] + bytes([v]))


@pytest.mark.parametrize("length", [0, 64 * 3, 65 * 2, 65 * 3 - 1, 65 * 3 + 1, 65 * 4])
def test_attest__other_length__reverts(chain: Chain, over: Statement, seated: list[str], length: int) -> None:
    signers, signatures = sign_as_quorum(chain, over, seated, (0, 1, 2))

    with chain.reverts("SignaturesLengthWrong", have=length, need=195):
        send(chain, over, signers, (signatures + signatures)[:length])


@pytest.mark.parametrize("bit", [4, 63, 64, 255])
def test_attest__bit_of_no_member__reverts(
    chain: Chain, over: Statement, seated: list[str], bit: int
) -> None:
    _, signatures = sign_as_quorum(chain, over, seated, (0, 1, 2))

    with chain.reverts("SignerUnknown", index=bit, size=4):
        send(chain, over, 0b0111 | 1 << bit, signatures)


def test_attest__member_that_was_slashed__reverts(chain: Chain, over: Statement) -> None:
    slash(chain, 1, 2)

    with chain.reverts("SignerExcluded", index=2):
        submit(chain, over, (0, 1, 2))
    submit(chain, over, (0, 1, 3))


def test_attest__members_left_below_the_quorum__reverts(
    chain: Chain, over: Statement, seated: list[str]
) -> None:
    """The quorum is of those who were seated, not of those who stayed."""
    leave(chain, seated[0])
    leave(chain, seated[3])

    with chain.reverts("QuorumMissing", have=2, need=3):
        submit(chain, over, (1, 2))


def test_attest__no_set_yet__reverts(chain: Chain, bonded: list[str]) -> None:
    mine_to_end(chain, 0)
    last = chain.block_hash(last_block(chain, 0))

    with chain.reverts("SetUnknown", setId=0):
        send(chain, Statement(0, 0, ZERO, last, ZERO, 0, ZERO, ZERO), 0, b"")


def test_attest__old_set__signs_no_more(chain: Chain, seated: list[str], many_oracles: list[str]) -> None:
    seat(chain, seated[1:], 3, 1)
    mine_to_end(chain, 1)
    submit(chain, some_statement(chain, 0))
    old, new = (chain.call("Attestations", "configDigestOf", set_id) for set_id in (1, 2))

    with chain.reverts("ConfigDigestMismatch", have=old, need=new):
        submit(chain, some_statement(chain, 1, config_digest=old), members=seated)
    with chain.reverts("SignatureInvalid", index=0, have=seated[0], need=seated[1]):
        submit(chain, some_statement(chain, 1), members=seated)
    submit(chain, some_statement(chain, 1), members=seated[1:])


# Replay


def test_attest__signed_for_another_chain__reverts(chain: Chain, over: Statement, seated: list[str]) -> None:
    elsewhere = Domain("Attestations", 1, chain.address["Attestations"])
    signable = digests.attestation(elsewhere, over)
    signatures = [signable.sign(chain.key(oracle)) for oracle in seated[:3]]

    have = recovered(chain, over, signatures[0])
    with chain.reverts("SignatureInvalid", index=0, have=have, need=seated[0]):
        send(chain, over, 0b0111, b"".join(signatures))


def test_attest__signed_for_another_contract__reverts(
    chain: Chain, over: Statement, seated: list[str]
) -> None:
    elsewhere = Domain("Attestations", 31337, chain.address["AttestationDisputes"])
    signable = digests.attestation(elsewhere, over)
    signatures = [signable.sign(chain.key(oracle)) for oracle in seated[:3]]

    have = recovered(chain, over, signatures[0])
    with chain.reverts("SignatureInvalid", index=0, have=have, need=seated[0]):
        send(chain, over, 0b0111, b"".join(signatures))


@pytest.mark.parametrize(
    "changes",
    [
        {"round": 1},
        {"root": bytes.fromhex("77" * 32)},
        {"total_weight": 31},
        {"data_digest": bytes.fromhex("77" * 32)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_attest__signed_otherwise__reverts(
    chain: Chain, over: Statement, seated: list[str], changes: dict[str, object]
) -> None:
    signers, signatures = sign_as_quorum(chain, over, seated, (0, 1, 2))
    changed = replace(over, **changes)

    have = recovered(chain, changed, signatures[:65])
    with chain.reverts("SignatureInvalid", index=0, have=have, need=seated[0]):
        send(chain, changed, signers, signatures)


def test_attest__signatures_of_the_last_epoch__revert(
    chain: Chain, over: Statement, seated: list[str]
) -> None:
    signers, signatures = sign_as_quorum(chain, over, seated, (0, 1, 2))
    send(chain, over, signers, signatures)
    mine_to_end(chain, 1)
    following = some_statement(chain, 1)

    have = recovered(chain, following, signatures[:65])
    with chain.reverts("SignatureInvalid", index=0, have=have, need=seated[0]):
        send(chain, following, signers, signatures)


def test_attest__votes_for_signatures__revert(chain: Chain, over: Statement, seated: list[str]) -> None:
    """A vote binds nobody."""
    ours = domain(chain, "Attestations")
    vote = digests.vote(ours, 0, 0, digests.attestation(ours, over).digest)
    votes = [vote.sign(chain.key(oracle)) for oracle in seated[:3]]

    have = recovered(chain, over, votes[0])
    with chain.reverts("SignatureInvalid", index=0, have=have, need=seated[0]):
        send(chain, over, 0b0111, b"".join(votes))


# Proof windows


def test_attest__shorter_proof_window_from_now_on__overtakes_no_earlier_epoch(
    chain: Chain, seated: list[str], governor: str
) -> None:
    """Were epoch 3 final before epoch 2, a revocation of 2 would undo what is final."""
    first = timing(chain)
    chain.send("DeviceRegistry", "schedule", replace(first, from_epoch=3, proof_blocks=10), sender=governor)
    for epoch in (0, 1):
        mine_to_deadline(chain)
        close(chain, epoch)
    chain.mine_to(last_block(chain, 2) + ATTEST_BLOCKS - 1)
    earlier = submit(chain, some_statement(chain, 2))
    later = submit(chain, some_statement(chain, 3))

    until = [chain.call("Attestations", "attestedOf", epoch)[1].provable_until for epoch in (2, 3)]
    assert until == [earlier.block + PROOF_BLOCKS, earlier.block + PROOF_BLOCKS]
    assert later.block + 10 < until[1]
    chain.mine_to(until[1])
    assert [status(chain, epoch) for epoch in (2, 3)] == [EpochStatus.ATTESTED] * 2
    chain.mine()
    assert [status(chain, epoch) for epoch in (2, 3)] == [EpochStatus.FINAL] * 2


# Exposure: quorum × bond covers the emission of whatever isn't settled


def test_attest__bonds_below_one_emission__reverts(chain: Chain, oracles: list[str]) -> None:
    bond = 333 * 10**18
    deploy_fast(chain, oracles, bond)
    mine_to_end(chain, 0)

    with chain.reverts("ExposureExceeded", have=1_000 * 10**18, most=3 * bond):
        submit(chain, some_statement(chain), (0, 1, 2, 3))


def test_attest__bonds_cover_two_epochs__a_third_waits_for_the_first_to_be_final(
    chain: Chain, oracles: list[str]
) -> None:
    deploy_fast(chain, oracles, 2_999 * 10**18 // 3, attest_blocks=100, proof_blocks=40)
    mine_to_end(chain, 2)
    first = submit(chain, some_statement(chain, 0))
    submit(chain, some_statement(chain, 1))

    with chain.reverts("ExposureExceeded", have=3_000 * 10**18, most=3 * (2_999 * 10**18 // 3)):
        submit(chain, some_statement(chain, 2))
    chain.mine_to(first.block + 40)
    submit(chain, some_statement(chain, 2))
    assert chain.call("Attestations", "settledThrough") == 1


def test_attest__revoked_epochs__are_not_exposed(chain: Chain, oracles: list[str]) -> None:
    deploy_fast(chain, oracles, 667 * 10**18, attest_blocks=100, proof_blocks=40)
    mine_to_end(chain, 1)
    submit(chain, some_statement(chain, 0))
    submit(chain, some_statement(chain, 1))
    revoke(chain, 0)

    submit(chain, some_statement(chain, 0, round=1))
    submit(chain, some_statement(chain, 1, round=1))


def test_attest__after_forty_void_epochs__nothing_is_exposed(chain: Chain, oracles: list[str]) -> None:
    deploy_fast(chain, oracles, 334 * 10**18)
    for epoch in range(40):
        mine_to_deadline(chain)
        close(chain, epoch)
    mine_to_end(chain, 40)

    submit(chain, some_statement(chain, 40))


def test_attest__void_epochs_after_one_that_is_not_final__count_until_it_is(
    chain: Chain, oracles: list[str]
) -> None:
    """More of them than one verb counts as settled: the count may lag behind, the check doesn't."""
    deploy_fast(chain, oracles, 334 * 10**18, proof_blocks=144)
    mine_to_end(chain, 0)
    first = submit(chain, some_statement(chain, 0))
    for epoch in range(1, 34):
        mine_to_deadline(chain)
        close(chain, epoch)
    with chain.reverts("ExposureExceeded", have=35_000 * 10**18, most=1_002 * 10**18):
        submit(chain, some_statement(chain, 34))
    mine_to_deadline(chain)
    assert close(chain, 34).block == first.block + 144
    assert chain.call("Attestations", "settledThrough") == 0

    submit(chain, some_statement(chain, 35))

    assert chain.call("Attestations", "settledThrough") == 35
    assert chain.call("Attestations", "finalEmission") == 1_000 * 10**18


def test_attest__bonds_of_this_deployment__cover_three_hundred_epochs(
    chain: Chain, seated: list[str]
) -> None:
    assert chain.call("Attestations", "quorumOf", 1) * BOND == 300 * EMISSION
