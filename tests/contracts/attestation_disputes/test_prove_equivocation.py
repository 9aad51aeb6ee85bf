from __future__ import annotations

from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tensorbond.chain import digests
from tensorbond.chain.digests import Domain
from tensorbond.chain.types import EpochStatus, OracleFault, Statement
from tests.acts import domain, sign_statement
from tests.chain import Chain, Sent
from tests.conftest import role
from tests.contracts.attestations.epochs import (
    BOND,
    PROOF_BLOCKS,
    ZERO_ADDRESS,
    close,
    excluded,
    high_s,
    leave,
    mine_to_deadline,
    mine_to_end,
    moving,
    revoke,
    seat,
    some_statement,
    status,
    submit,
    withdraw,
)

pytestmark = pytest.mark.chain

REWARD = BOND // 4
OTHER = bytes.fromhex("0d" * 32)
CONFLICTS = [{"root": OTHER}, {"total_weight": 31}, {"data_digest": OTHER}]


@pytest.fixture
def honest(chain: Chain, seated: list[str]) -> Statement:
    """What the chain says of epoch 0, which is over."""
    mine_to_end(chain, 0)
    return some_statement(chain)


@pytest.fixture
def lie(honest: Statement) -> Statement:
    return replace(honest, root=OTHER)


def prove(
    chain: Chain,
    first: Statement,
    second: Statement,
    oracle: str,
    index: int,
    *,
    set_id: int = 1,
    sender: str | None = None,
    signatures: tuple[bytes, bytes] | None = None,
) -> Sent:
    """By a stranger, with both signatures of `oracle`."""
    if signatures is None:
        signatures = sign_statement(chain, first, oracle), sign_statement(chain, second, oracle)
    return chain.send(
        "AttestationDisputes",
        "proveEquivocation",
        first,
        signatures[0],
        second,
        signatures[1],
        set_id,
        index,
        sender=sender or role(chain, "stranger"),
    )


def taken() -> dict[str, int]:
    """What a slash moves."""
    return {"Attestations": -BOND, "bonded": -BOND, "stranger": REWARD, "supply": -(BOND - REWARD)}


# What it does


def test_prove_equivocation__standing_on_the_signature__slashes_and_revokes(
    chain: Chain, seated: list[str], stranger: str, honest: Statement, lie: Statement
) -> None:
    submit(chain, honest, (0, 1, 2))

    with moving(chain, **taken()):
        sent = prove(chain, honest, lie, seated[1], 1)

    assert sent.event("EquivocationProven") == {
        "epoch": 0,
        "oracle": seated[1],
        "challenger": stranger,
        "round": 0,
        "amount": BOND,
        "reward": REWARD,
    }
    ours = domain(chain, "Attestations")
    pair = [digests.attestation(ours, statement).digest for statement in (honest, lie)]
    assert sent.event("OracleSlashed") == {
        "oracle": seated[1],
        "challenger": stranger,
        "fault": OracleFault.EQUIVOCATION,
        "evidence": keccak(encode(["bytes32", "bytes32"], pair)),
        "amount": BOND,
        "toChallenger": REWARD,
        "burned": BOND - REWARD,
        "totalBonded": 3 * BOND,
    }
    assert sent.event("EpochRevoked") == {"epoch": 0, "round": 0}
    assert status(chain, 0) == EpochStatus.OPEN
    assert chain.call("Attestations", "nextEpoch") == 0
    assert excluded(chain, 1) == 0b0010


@pytest.mark.parametrize("changes", CONFLICTS, ids=lambda changes: next(iter(changes)))
@pytest.mark.parametrize("swapped", [False, True])
def test_prove_equivocation__any_difference_in_either_order__slashes(
    chain: Chain, seated: list[str], honest: Statement, changes: dict[str, object], swapped: bool
) -> None:
    pair = [honest, replace(honest, **changes)]
    if swapped:
        pair.reverse()

    with moving(chain, **taken()):
        prove(chain, *pair, seated[3], 3)


def test_prove_equivocation__nothing_attested_yet__slashes_and_revokes_nothing(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    sent = prove(chain, honest, lie, seated[0], 0)

    assert sent.all("EpochRevoked") == []
    with chain.reverts("SignerExcluded", index=0):
        submit(chain, honest, (0, 1, 2))
    submit(chain, honest, (1, 2, 3))


def test_prove_equivocation__attested_without_the_signature__stands(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    submit(chain, honest, (0, 1, 2))

    sent = prove(chain, honest, lie, seated[3], 3)

    assert sent.all("EpochRevoked") == []
    assert status(chain, 0) == EpochStatus.ATTESTED


def test_prove_equivocation__attested_in_another_round_with_the_signature__is_revoked(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    """The round doesn't matter: nothing stands on the word of an oracle that gave two."""
    submit(chain, replace(honest, round=1), (0, 1, 2))

    assert prove(chain, honest, lie, seated[0], 0).event("EpochRevoked") == {"epoch": 0, "round": 1}


def test_prove_equivocation__last_block_of_the_proof_window__revokes(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    attested = submit(chain, honest).block
    chain.mine_to(attested + PROOF_BLOCKS - 1)

    prove(chain, honest, lie, seated[0], 0).event("EpochRevoked")


def test_prove_equivocation__final__slashes_and_leaves_it(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    attested = submit(chain, honest).block
    chain.mine_to(attested + PROOF_BLOCKS)

    with moving(chain, **taken()):
        sent = prove(chain, honest, lie, seated[0], 0)

    assert sent.all("EpochRevoked") == []
    assert status(chain, 0) == EpochStatus.FINAL


def test_prove_equivocation__void__slashes(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    mine_to_deadline(chain)
    close(chain, 0)

    with moving(chain, **taken()):
        prove(chain, honest, lie, seated[0], 0)
    assert status(chain, 0) == EpochStatus.VOID


def test_prove_equivocation__earlier_epoch__revokes_the_later_ones_and_slashes_nobody_else(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    mine_to_end(chain, 1)
    submit(chain, honest, (0, 1, 2))
    submit(chain, some_statement(chain, 1), (1, 2, 3))

    with moving(chain, **taken()):
        prove(chain, honest, lie, seated[0], 0)

    assert [status(chain, epoch) for epoch in (0, 1)] == [EpochStatus.OPEN] * 2
    again = replace(honest, round=1)
    submit(chain, again, (1, 2, 3))
    submit(chain, some_statement(chain, 1, round=1), (1, 2, 3))


def test_prove_equivocation__set_of_the_epoch_is_long_past__slashes_and_excludes_today(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    seat(chain, seated[1:], 2, 1)
    for epoch in (0, 1):
        mine_to_deadline(chain)
        close(chain, epoch)
    seat(chain, seated, 4, 3)

    with moving(chain, **taken()):
        prove(chain, honest, lie, seated[1], 1, set_id=1)

    assert [excluded(chain, set_id) for set_id in (2, 3)] == [0b0001, 0b0010]


# Whom it cannot escape


def test_prove_equivocation__left_just_before__is_slashed(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    submit(chain, honest, (0, 1, 2))
    leave(chain, seated[0])

    with moving(chain, **taken()):
        sent = prove(chain, honest, lie, seated[0], 0)
    assert sent.event("EpochRevoked")["epoch"] == 0


def test_prove_equivocation__left_and_the_epoch_went_void__is_slashed_within_a_proof_window(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    mine_to_deadline(chain)
    left = leave(chain, seated[0]).block
    close(chain, 0)
    chain.mine_to(left + PROOF_BLOCKS - 1)

    with moving(chain, **taken()):
        prove(chain, honest, lie, seated[0], 0)


def test_prove_equivocation__bond_withdrawn__reverts(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    leave(chain, seated[0])
    submit(chain, honest, (1, 2, 3))
    chain.mine(PROOF_BLOCKS + 1)
    withdraw(chain, seated[0])

    with chain.reverts("OracleNotBonded", oracle=seated[0]), moving(chain):
        prove(chain, honest, lie, seated[0], 0)


def test_prove_equivocation__again__reverts(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    prove(chain, honest, lie, seated[0], 0)

    with chain.reverts("OracleNotBonded", oracle=seated[0]), moving(chain):
        prove(chain, honest, replace(honest, total_weight=31), seated[0], 0)


# Who is honest


def test_prove_equivocation__signed_anew_after_a_revocation__is_no_fault(
    chain: Chain, seated: list[str], honest: Statement
) -> None:
    """Honest oracles sign the epoch again, and may have to sign another root: in a greater round."""
    submit(chain, honest)
    revoke(chain, 0)
    anew = replace(honest, round=1, data_digest=OTHER)
    submit(chain, anew)

    with chain.reverts("StatementsNotComparable"), moving(chain):
        prove(chain, honest, anew, seated[0], 0)


@pytest.mark.parametrize(
    "changes",
    [{"epoch": 1}, {"round": 1}, {"previous_root": OTHER}, {"last_block_hash": OTHER}],
    ids=lambda changes: next(iter(changes)),
)
def test_prove_equivocation__not_about_the_same__reverts(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement, changes: dict[str, object]
) -> None:
    for pair in ((honest, replace(lie, **changes)), (replace(lie, **changes), honest)):
        with chain.reverts("StatementsNotComparable"), moving(chain):
            prove(chain, *pair, seated[0], 0)


def test_prove_equivocation__one_statement_twice__reverts(
    chain: Chain, seated: list[str], honest: Statement
) -> None:
    with chain.reverts("StatementsEqual"), moving(chain):
        prove(chain, honest, honest, seated[0], 0)


def test_prove_equivocation__only_the_configurations_differ__reverts(
    chain: Chain, seated: list[str], honest: Statement
) -> None:
    with chain.reverts("StatementsEqual"), moving(chain):
        prove(chain, honest, replace(honest, config_digest=OTHER), seated[0], 0)


def test_prove_equivocation__signed_for_another_configuration__reverts(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    """Such a statement can never be attested: it binds nobody."""
    need = honest.config_digest
    for pair in (
        (honest, replace(lie, config_digest=OTHER)),
        (replace(lie, config_digest=OTHER), honest),
        (replace(honest, config_digest=OTHER), replace(lie, config_digest=OTHER)),
    ):
        with chain.reverts("ConfigDigestMismatch", have=OTHER, need=need), moving(chain):
            prove(chain, *pair, seated[0], 0)


def test_prove_equivocation__signed_for_the_set_to_come__reverts(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    seat(chain, seated[1:], 3, 1)
    coming = chain.call("Attestations", "configDigestOf", 2)

    with chain.reverts("SetNotInForce", have=2, need=1), moving(chain):
        prove(chain, honest, lie, seated[1], 0, set_id=2)
    with chain.reverts("ConfigDigestMismatch", have=coming, need=honest.config_digest), moving(chain):
        prove(chain, honest, replace(lie, config_digest=coming), seated[1], 1)


def test_prove_equivocation__set_where_the_index_is_somebody_else__reverts(
    chain: Chain, seated: list[str]
) -> None:
    """Member 0 of set 2 is guilty; member 0 of set 1 is not."""
    seat(chain, seated[1:], 3, 1)
    mine_to_deadline(chain)
    close(chain, 0)
    mine_to_end(chain, 1)
    honest = some_statement(chain, 1)
    lie = replace(honest, root=OTHER)

    with chain.reverts("SetNotInForce", have=1, need=2), moving(chain):
        prove(chain, honest, lie, seated[1], 0, set_id=1)
    prove(chain, honest, lie, seated[1], 0, set_id=2)


def test_prove_equivocation__no_set_in_force__reverts(chain: Chain, bonded: list[str], stranger: str) -> None:
    seat(chain, bonded, 3, 1)
    mine_to_end(chain, 0)
    nobody = Statement(0, 0, bytes(32), OTHER, OTHER, 0, OTHER, bytes(32))

    with chain.reverts("SetUnknown", setId=0), moving(chain):
        prove(chain, nobody, replace(nobody, root=bytes(32)), bonded[0], 0)


def test_prove_equivocation__no_such_member__reverts(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    with chain.reverts("SignerUnknown", index=4, size=4), moving(chain):
        prove(chain, honest, lie, seated[0], 4)


def test_prove_equivocation__another_members_index__reverts(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    with chain.reverts("SignerMismatch", have=seated[0], need=seated[1]), moving(chain):
        prove(chain, honest, lie, seated[0], 1)


def test_prove_equivocation__two_members_signed_one_each__reverts(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    pair = sign_statement(chain, honest, seated[0]), sign_statement(chain, lie, seated[1])

    with chain.reverts("SignerMismatch", have=seated[1], need=seated[0]), moving(chain):
        prove(chain, honest, lie, seated[0], 0, signatures=pair)
    with chain.reverts("SignerMismatch", have=seated[0], need=seated[1]), moving(chain):
        prove(chain, honest, lie, seated[1], 1, signatures=pair)


@pytest.mark.parametrize("spoilt", [0, 1])
def test_prove_equivocation__malformed_signature__reverts(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement, spoilt: int
) -> None:
    good = [sign_statement(chain, statement, seated[0]) for statement in (honest, lie)]
    for bad in (b"", good[spoilt][:64], good[spoilt] + b"\0", high_s(good[spoilt]), bytes(65)):
        pair = (bad, good[1]) if spoilt == 0 else (good[0], bad)
        with chain.reverts("SignerMismatch", have=ZERO_ADDRESS, need=seated[0]), moving(chain):
            prove(chain, honest, lie, seated[0], 0, signatures=pair)


def test_prove_equivocation__votes__bind_nobody(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    ours, key = domain(chain, "Attestations"), chain.key(seated[0])
    votes = [
        digests.vote(ours, 0, 0, digests.attestation(ours, statement).digest).sign(key)
        for statement in (honest, lie)
    ]

    have = digests.attestation(ours, honest).signer(votes[0])
    with chain.reverts("SignerMismatch", have=have, need=seated[0]), moving(chain):
        prove(chain, honest, lie, seated[0], 0, signatures=(votes[0], votes[1]))


@pytest.mark.parametrize(
    "elsewhere",
    [{"chain_id": 1}, {"address": "0x" + "22" * 20}, {"version": "2"}, {"contract": "Challenges"}],
    ids=lambda elsewhere: next(iter(elsewhere)),
)
def test_prove_equivocation__signed_for_another_domain__reverts(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement, elsewhere: dict[str, object]
) -> None:
    ours = domain(chain, "Attestations")
    theirs: Domain = replace(ours, **elsewhere)
    key = chain.key(seated[0])
    pair = [digests.attestation(theirs, statement).sign(key) for statement in (honest, lie)]

    have = digests.attestation(ours, honest).signer(pair[0])
    with chain.reverts("SignerMismatch", have=have, need=seated[0]), moving(chain):
        prove(chain, honest, lie, seated[0], 0, signatures=(pair[0], pair[1]))


def test_prove_equivocation__by_the_oracle_itself__reverts(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    with chain.reverts("ChallengerIsAccused", challenger=seated[0]), moving(chain):
        prove(chain, honest, lie, seated[0], 0, sender=seated[0])


def test_prove_equivocation__by_another_oracle__is_paid(
    chain: Chain, seated: list[str], honest: Statement, lie: Statement
) -> None:
    with moving(chain, Attestations=-BOND, bonded=-BOND, supply=-(BOND - REWARD), **{seated[1]: REWARD}):
        prove(chain, honest, lie, seated[0], 0, sender=seated[1])
