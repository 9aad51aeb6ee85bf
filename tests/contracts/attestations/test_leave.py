from __future__ import annotations

import pytest

from tensorbond.chain.types import Bond
from tests.chain import Chain

from .epochs import (
    BOND,
    PROOF_BLOCKS,
    close,
    excluded,
    leave,
    mine_to_deadline,
    mine_to_end,
    moving,
    revoke,
    seat,
    slash,
    some_statement,
    submit,
)

pytestmark = pytest.mark.chain


def test_leave__seated__signs_no_more_and_keeps_its_bond_at_stake(chain: Chain, seated: list[str]) -> None:
    with moving(chain):
        sent = leave(chain, seated[1])

    exposed_until = sent.block + PROOF_BLOCKS
    assert sent.event("OracleLeft") == {
        "oracle": seated[1],
        "leftEpoch": 1,
        "exposedUntil": exposed_until,
    }
    assert chain.call("Attestations", "bondOf", seated[1]) == Bond(BOND, 1, exposed_until, True)
    assert excluded(chain, 1) == 0b0010

    mine_to_end(chain, 0)
    with chain.reverts("SignerExcluded", index=1):
        submit(chain, some_statement(chain), (0, 1, 2))
    submit(chain, some_statement(chain), (0, 2, 3))


def test_leave__seated_in_two_sets__drops_out_of_both(chain: Chain, seated: list[str]) -> None:
    assert seat(chain, seated[1:], 2, 1) == 2

    leave(chain, seated[1])

    assert (excluded(chain, 1), excluded(chain, 2)) == (0b0010, 0b0001)


def test_leave__member_of_the_pending_set_only__drops_out_of_it(
    chain: Chain, seated: list[str], many_oracles: list[str]
) -> None:
    newcomer = next(oracle for oracle in many_oracles if oracle not in seated)
    bond = chain.call("Attestations", "BOND")
    chain.send("TensorbondToken", "approve", chain.at("Attestations"), bond, sender=newcomer)
    chain.send("Attestations", "join", "", sender=newcomer)
    members = sorted([newcomer, seated[0]], key=lambda address: int(address, 16))
    seat(chain, members, 2, 1)

    leave(chain, newcomer)

    assert (excluded(chain, 1), excluded(chain, 2)) == (0, 1 << members.index(newcomer))


def test_leave__after_a_revocation__answers_for_all_it_may_have_signed(
    chain: Chain, seated: list[str]
) -> None:
    mine_to_end(chain, 1)
    submit(chain, some_statement(chain, 0))
    submit(chain, some_statement(chain, 1))
    revoke(chain, 0)

    assert leave(chain, seated[0]).event("OracleLeft")["leftEpoch"] == 3


def test_leave__never_seated__is_in_no_set(chain: Chain, bonded: list[str]) -> None:
    assert leave(chain, bonded[0]).event("OracleLeft")["leftEpoch"] == 1
    assert chain.call("Attestations", "bondOf", bonded[0]).seated is False


def test_leave__not_bonded__reverts(chain: Chain, stranger: str) -> None:
    with chain.reverts("OracleNotBonded", oracle=stranger):
        leave(chain, stranger)


def test_leave__again__reverts(chain: Chain, seated: list[str]) -> None:
    before = leave(chain, seated[0]).event("OracleLeft")["leftEpoch"]
    mine_to_deadline(chain)
    close(chain, 0)

    with chain.reverts("OracleLeftAlready", oracle=seated[0]):
        leave(chain, seated[0])
    assert chain.call("Attestations", "bondOf", seated[0]).left_epoch == before


def test_leave__slashed__reverts(chain: Chain, seated: list[str]) -> None:
    slash(chain, 1, 0)

    with chain.reverts("OracleNotBonded", oracle=seated[0]):
        leave(chain, seated[0])
