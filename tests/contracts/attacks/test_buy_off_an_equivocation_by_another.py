"""An oracle that lied about a standing epoch has itself slashed for a lie about a settled one, through a
friend: its bond is gone, a quarter of it to the friend, and what stands on its signature must fall all the
same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import EpochStatus, Statement
from tests.acts import sign_statement
from tests.chain import Chain, Sent
from tests.contracts.attestations.epochs import (
    BOND,
    PROOF_BLOCKS,
    mine_to_end,
    moving,
    some_statement,
    status,
    submit,
)

OTHER = bytes.fromhex("0d" * 32)

pytestmark = pytest.mark.chain


def prove(chain: Chain, honest: Statement, oracle: str, sender: str) -> Sent:
    """Member 0 signed another root, too."""
    lie = replace(honest, root=OTHER)
    pair = sign_statement(chain, honest, oracle), sign_statement(chain, lie, oracle)
    return chain.send(
        "AttestationDisputes", "proveEquivocation", honest, pair[0], lie, pair[1], 1, 0, sender=sender
    )


@pytest.fixture
def bought_off(chain: Chain, seated: list[str], auditor: str) -> Statement:
    """What is attested of epoch 1 with the signature of member 0, which the fault in epoch 0 cost its
    bond."""
    mine_to_end(chain, 0)
    first = some_statement(chain)
    submit(chain, first, (0, 1, 2))
    chain.mine(PROOF_BLOCKS)
    mine_to_end(chain, 1)
    second = some_statement(chain, 1)
    submit(chain, second, (0, 1, 2))
    reward = BOND // 4
    with moving(chain, Attestations=-BOND, bonded=-BOND, auditor=reward, supply=reward - BOND):
        assert prove(chain, first, seated[0], auditor).all("EpochRevoked") == []
    assert [status(chain, epoch) for epoch in (0, 1)] == [EpochStatus.FINAL, EpochStatus.ATTESTED]
    return second


def test_bought_off__still_provable__is_revoked_and_costs_nobody_more(
    chain: Chain, seated: list[str], stranger: str, bought_off: Statement
) -> None:
    with moving(chain):
        sent = prove(chain, bought_off, seated[0], stranger)

    assert sent.event("EpochRevoked") == {"epoch": 1, "round": 0}
    assert sent.all("OracleSlashed") == []
    assert sent.event("EquivocationProven") == {
        "epoch": 1,
        "oracle": seated[0],
        "challenger": stranger,
        "round": 0,
        "amount": 0,
        "reward": 0,
    }
    assert [status(chain, epoch) for epoch in (0, 1)] == [EpochStatus.FINAL, EpochStatus.OPEN]


def test_bought_off__attested_anew_by_the_others__stands(
    chain: Chain, seated: list[str], stranger: str, bought_off: Statement
) -> None:
    prove(chain, bought_off, seated[0], stranger)
    submit(chain, replace(bought_off, round=1), (1, 2, 3))

    with chain.reverts("OracleNotBonded", oracle=seated[0]), moving(chain):
        prove(chain, bought_off, seated[0], stranger)
    assert status(chain, 1) == EpochStatus.ATTESTED


def test_bought_off__final__stands(
    chain: Chain, seated: list[str], stranger: str, bought_off: Statement
) -> None:
    chain.mine(PROOF_BLOCKS + 1)

    with chain.reverts("OracleNotBonded", oracle=seated[0]), moving(chain):
        prove(chain, bought_off, seated[0], stranger)
    assert status(chain, 1) == EpochStatus.FINAL
