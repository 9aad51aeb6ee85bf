from __future__ import annotations

import pytest

from tensorbond.chain.types import Bond, EpochStatus, OracleFault
from tests.chain import Chain, Sent
from tests.conftest import role

from .epochs import (
    BOND,
    EMISSION,
    EVIDENCE,
    PROOF_BLOCKS,
    STANDING,
    close,
    deploy_fast,
    excluded,
    join,
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

REWARD = BOND // 4
SIGNERS = (0, 2, 3)


def punish(chain: Chain, epoch: int = 0, challenger: str | None = None, round: int = STANDING) -> Sent:
    """Acting as the disputes, for a stranger."""
    return chain.send(
        "Attestations",
        "punish",
        epoch,
        round,
        challenger or role(chain, "stranger"),
        OracleFault.BAD_SUM,
        EVIDENCE,
        sender=chain.impersonate("AttestationDisputes"),
    )


def taken(count: int) -> dict[str, int]:
    """What the punishment of so many signers moves."""
    return {
        "Attestations": -count * BOND,
        "bonded": -count * BOND,
        "stranger": count * REWARD,
        "supply": -count * (BOND - REWARD),
    }


@pytest.fixture
def attested(chain: Chain, seated: list[str]) -> int:
    """The block in which members 0, 2 and 3 attested epoch 0."""
    mine_to_end(chain, 0)
    return submit(chain, some_statement(chain), SIGNERS).block


def test_punish__standing__takes_every_signers_bond_and_revokes(
    chain: Chain, seated: list[str], attested: int, stranger: str
) -> None:
    with moving(chain, **taken(3)):
        sent = punish(chain)

    assert sent.all("OracleSlashed") == [
        {
            "oracle": seated[index],
            "challenger": stranger,
            "fault": OracleFault.BAD_SUM,
            "evidence": EVIDENCE,
            "amount": BOND,
            "toChallenger": REWARD,
            "burned": BOND - REWARD,
            "totalBonded": (3 - place) * BOND,
        }
        for place, index in enumerate(SIGNERS)
    ]
    assert sent.event("EpochRevoked") == {"epoch": 0, "round": 0}
    assert len(sent.all("Transfer")) == 2
    assert status(chain, 0) == EpochStatus.OPEN
    assert excluded(chain, 1) == 0b1101
    for index in SIGNERS:
        assert chain.call("Attestations", "bondOf", seated[index]) == Bond(0, 2, 0, True)
    assert chain.call("Attestations", "bondOf", seated[1]) == Bond(BOND, 0, 0, True)


def test_punish__earlier_epoch__leaves_the_signers_of_the_later_ones_alone(
    chain: Chain, seated: list[str]
) -> None:
    mine_to_end(chain, 1)
    submit(chain, some_statement(chain, 0), (0, 1, 2))
    submit(chain, some_statement(chain, 1), (1, 2, 3))

    with moving(chain, **taken(3)):
        punish(chain)

    assert [status(chain, epoch) for epoch in (0, 1)] == [EpochStatus.OPEN] * 2
    assert chain.call("Attestations", "bondOf", seated[3]) == Bond(BOND, 0, 0, True)
    with chain.reverts("EpochNotAttested", epoch=1), moving(chain):
        punish(chain, 1)


def test_punish__last_block_of_the_proof_window__revokes(chain: Chain, attested: int) -> None:
    chain.mine_to(attested + PROOF_BLOCKS - 1)

    punish(chain).event("EpochRevoked")


def test_punish__final__slashes_and_leaves_it(chain: Chain, attested: int) -> None:
    chain.mine_to(attested + PROOF_BLOCKS)

    with moving(chain, **taken(3)):
        sent = punish(chain)

    assert sent.all("EpochRevoked") == []
    assert status(chain, 0) == EpochStatus.FINAL
    assert chain.call("Attestations", "finalEmission") == EMISSION
    with chain.reverts("SignersSlashedAlready", epoch=0), moving(chain):
        punish(chain)


def test_punish__some_signer_slashed_before__takes_what_is_left(
    chain: Chain, seated: list[str], attested: int
) -> None:
    slash(chain, 1, 2)

    with moving(chain, **taken(2)):
        sent = punish(chain)

    assert [each["oracle"] for each in sent.all("OracleSlashed")] == [seated[0], seated[3]]


def test_punish__all_signers_slashed_before__revokes(chain: Chain, attested: int) -> None:
    for index in SIGNERS:
        slash(chain, 1, index)

    with moving(chain):
        sent = punish(chain)

    assert sent.event("EpochRevoked") == {"epoch": 0, "round": 0}
    assert sent.all("OracleSlashed") == sent.all("Transfer") == []


def test_punish__signer_that_left__loses_its_bond_all_the_same(
    chain: Chain, seated: list[str], attested: int
) -> None:
    leave(chain, seated[0])
    before = chain.call("Attestations", "bondOf", seated[0])

    with moving(chain, **taken(3)):
        punish(chain)

    after = chain.call("Attestations", "bondOf", seated[0])
    assert after == Bond(0, before.left_epoch, before.exposed_until, True)


def test_punish__in_a_set_that_is_long_past__excludes_from_the_sets_in_force(
    chain: Chain, oracles: list[str]
) -> None:
    deploy_fast(chain, oracles)
    seat(chain, oracles[1:], 2, 1)
    mine_to_end(chain, 1)
    submit(chain, some_statement(chain, 0), (0, 1, 2))
    submit(chain, some_statement(chain, 1), (1, 2))

    punish(chain)

    assert [excluded(chain, set_id) for set_id in (1, 2)] == [0b0111, 0b0011]


def test_punish__attested_anew__judges_the_new_signers(
    chain: Chain, attested: int, seated: list[str]
) -> None:
    revoke(chain, 0)
    submit(chain, some_statement(chain, round=1), (0, 1, 2))

    sent = punish(chain)

    assert [each["oracle"] for each in sent.all("OracleSlashed")] == seated[:3]
    assert sent.event("EpochRevoked") == {"epoch": 0, "round": 1}


@pytest.mark.parametrize("index", SIGNERS)
def test_punish__challenger_signed__reverts(
    chain: Chain, seated: list[str], attested: int, index: int
) -> None:
    with chain.reverts("ChallengerIsAccused", challenger=seated[index]), moving(chain):
        punish(chain, challenger=seated[index])


def test_punish__challenger_is_the_member_that_did_not_sign__is_paid(
    chain: Chain, seated: list[str], attested: int
) -> None:
    changes = taken(3)
    del changes["stranger"]
    with moving(chain, **changes, **{seated[1]: 3 * REWARD}):
        punish(chain, challenger=seated[1])


def test_punish__open__reverts(chain: Chain, seated: list[str], attested: int) -> None:
    with chain.reverts("EpochNotAttested", epoch=1), moving(chain):
        punish(chain, 1)
    revoke(chain, 0)
    with chain.reverts("EpochNotAttested", epoch=0), moving(chain):
        punish(chain)


def test_punish__void__reverts(chain: Chain, seated: list[str]) -> None:
    mine_to_deadline(chain)
    close(chain, 0)

    with chain.reverts("EpochNotAttested", epoch=0), moving(chain):
        punish(chain)


def test_punish__slashed_oracle__never_joins_again(chain: Chain, seated: list[str], attested: int) -> None:
    punish(chain)

    with chain.reverts("OracleSlashedBefore", oracle=seated[0]):
        join(chain, seated[0])


def test_punish__not_by_the_disputes__reverts(
    chain: Chain, attested: int, governor: str, stranger: str
) -> None:
    for account in (governor, stranger):
        with chain.reverts("AttestationDisputesOnly", account=account), moving(chain):
            chain.send("Attestations", "punish", 0, STANDING, account, 2, EVIDENCE, sender=account)
