from __future__ import annotations

import pytest

from tensorbond.chain.types import Bond, OracleFault
from tests.chain import Chain

from .epochs import (
    BOND,
    EVIDENCE,
    PROOF_BLOCKS,
    close,
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
    submit,
    withdraw,
)

pytestmark = pytest.mark.chain


def test_slash_oracle__seated__pays_a_quarter_and_burns_the_rest(
    chain: Chain, seated: list[str], stranger: str
) -> None:
    with moving(chain, Attestations=-BOND, bonded=-BOND, stranger=BOND // 4, supply=-(BOND - BOND // 4)):
        sent = slash(chain, 1, 2, stranger)

    assert sent.event("OracleSlashed") == {
        "oracle": seated[2],
        "challenger": stranger,
        "fault": OracleFault.EQUIVOCATION,
        "evidence": EVIDENCE,
        "amount": BOND,
        "toChallenger": BOND // 4,
        "burned": BOND - BOND // 4,
        "totalBonded": 3 * BOND,
    }
    assert chain.call("Attestations", "bondOf", seated[2]) == Bond(0, 1, 0, True)
    assert excluded(chain, 1) == 0b0100


def test_slash_oracle__odd_bond__burns_the_remainder(
    chain: Chain, oracles: list[str], governor: str, stranger: str
) -> None:
    at = chain.address
    chain.deploy(
        "Attestations",
        at["AccessManager"],
        at["TensorbondToken"],
        at["DeviceRegistry"],
        at["AttestationDisputes"],
        7,
        sender=governor,
    )
    join(chain, oracles[0])
    seat(chain, oracles[:1], 1, 0)

    with moving(chain, Attestations=-7, bonded=-7, stranger=1, supply=-6):
        slash(chain, 1, 0, stranger)


def test_slash_oracle__seated__signs_no_more_in_either_set(chain: Chain, seated: list[str]) -> None:
    seat(chain, seated[1:], 2, 1)

    slash(chain, 1, 1)

    assert (excluded(chain, 1), excluded(chain, 2)) == (0b0010, 0b0001)
    mine_to_end(chain, 1)
    with chain.reverts("SignerExcluded", index=1):
        submit(chain, some_statement(chain, 0), (0, 1, 2))
    submit(chain, some_statement(chain, 0), (0, 2, 3))
    with chain.reverts("SignerExcluded", index=0):
        submit(chain, some_statement(chain, 1), (0, 1))
    submit(chain, some_statement(chain, 1), (1, 2))


def test_slash_oracle__named_by_a_set_long_past__drops_out_of_the_sets_in_force(
    chain: Chain, seated: list[str]
) -> None:
    seat(chain, seated, 3, 1)
    for epoch in range(2):
        mine_to_deadline(chain)
        close(chain, epoch)
    seat(chain, seated[1:], 3, 3)

    slash(chain, 1, 3)

    assert [excluded(chain, set_id) for set_id in (1, 2, 3)] == [0, 0b1000, 0b0100]


def test_slash_oracle__after_a_revocation_brings_the_old_set_back__is_excluded_there(
    chain: Chain, seated: list[str]
) -> None:
    seat(chain, seated[1:], 3, 1)
    mine_to_end(chain, 1)
    submit(chain, some_statement(chain, 0))
    submit(chain, some_statement(chain, 1), (0, 1, 2))

    slash(chain, 2, 0)
    revoke(chain, 0)

    assert chain.call("Attestations", "setOf", 0) == 1
    with chain.reverts("SignerExcluded", index=1):
        submit(chain, some_statement(chain, 0, round=1), (0, 1, 2))


def test_slash_oracle__left_before__loses_its_bond_all_the_same(
    chain: Chain, seated: list[str], stranger: str
) -> None:
    leave(chain, seated[0])
    before = chain.call("Attestations", "bondOf", seated[0])

    with moving(chain, Attestations=-BOND, bonded=-BOND, stranger=BOND // 4, supply=-(BOND - BOND // 4)):
        slash(chain, 1, 0, stranger)
    assert chain.call("Attestations", "bondOf", seated[0]) == Bond(
        0, before.left_epoch, before.exposed_until, True
    )
    assert excluded(chain, 1) == 0b0001


def test_slash_oracle__again__reverts(chain: Chain, seated: list[str]) -> None:
    slash(chain, 1, 0)

    with chain.reverts("OracleNotBonded", oracle=seated[0]), moving(chain):
        slash(chain, 1, 0)


def test_slash_oracle__bond_withdrawn__reverts(chain: Chain, seated: list[str]) -> None:
    leave(chain, seated[0])
    mine_to_deadline(chain)
    close(chain, 0)
    chain.mine(PROOF_BLOCKS)
    withdraw(chain, seated[0])

    with chain.reverts("OracleNotBonded", oracle=seated[0]), moving(chain):
        slash(chain, 1, 0)


def test_slash_oracle__others__keep_their_bonds(chain: Chain, seated: list[str]) -> None:
    slash(chain, 1, 0)

    for oracle in seated[1:]:
        assert chain.call("Attestations", "bondOf", oracle) == Bond(BOND, 0, 0, True)


def test_slash_oracle__not_by_the_disputes__reverts(
    chain: Chain, seated: list[str], governor: str, stranger: str
) -> None:
    for account in (governor, stranger):
        with chain.reverts("AttestationDisputesOnly", account=account), moving(chain):
            chain.send("Attestations", "slashOracle", 1, 0, account, 1, EVIDENCE, sender=account)


def test_slash_oracle__unknown_set__reverts(chain: Chain, seated: list[str]) -> None:
    with chain.reverts("SetUnknown", setId=2):
        slash(chain, 2, 0)
    with chain.reverts("SetUnknown", setId=0):
        slash(chain, 0, 0)


def test_slash_oracle__no_such_member__reverts(chain: Chain, seated: list[str]) -> None:
    with chain.reverts("SignerUnknown", index=4, size=4):
        slash(chain, 1, 4)
