from __future__ import annotations

import pytest

from tensorbond.chain.types import Bond
from tests.chain import Chain

from .epochs import (
    BOND,
    PROOF_BLOCKS,
    close,
    leave,
    mine_to_deadline,
    mine_to_end,
    moving,
    revoke,
    slash,
    some_statement,
    submit,
    withdraw,
)

pytestmark = pytest.mark.chain


def test_withdraw_bond__never_seated__pays_at_once(chain: Chain, bonded: list[str]) -> None:
    oracle = bonded[0]
    leave(chain, oracle)

    with moving(chain, Attestations=-BOND, bonded=-BOND, **{oracle: BOND}):
        sent = withdraw(chain, oracle)

    assert sent.event("BondWithdrawn") == {"oracle": oracle, "amount": BOND, "totalBonded": 3 * BOND}
    assert chain.call("Attestations", "bondOf", oracle) == Bond(0, 0, 0, False)


def test_withdraw_bond__last_signed_epoch_is_final__pays(chain: Chain, seated: list[str]) -> None:
    oracle = seated[0]
    mine_to_end(chain, 0)
    statement = some_statement(chain)
    leave(chain, oracle)
    attested = submit(chain, statement, (1, 2, 3)).block

    chain.mine_to(attested + PROOF_BLOCKS - 1)
    with chain.reverts("BondStillExposed", oracle=oracle, settledThrough=0, leftEpoch=1), moving(chain):
        withdraw(chain, oracle)
    with moving(chain, Attestations=-BOND, bonded=-BOND, **{oracle: BOND}):
        withdraw(chain, oracle)


def test_withdraw_bond__next_epoch_signed_before_leaving__must_be_settled_too(
    chain: Chain, seated: list[str]
) -> None:
    """It left when epoch 1 was the next, and may have signed a statement of it."""
    mine_to_end(chain, 1)
    submit(chain, some_statement(chain, 0))
    leave(chain, seated[0])
    chain.mine(PROOF_BLOCKS + 1)

    with chain.reverts("BondStillExposed", oracle=seated[0], settledThrough=1, leftEpoch=2):
        withdraw(chain, seated[0])
    submit(chain, some_statement(chain, 1), (1, 2, 3))
    chain.mine(PROOF_BLOCKS)
    withdraw(chain, seated[0])


def test_withdraw_bond__left_before_a_void_epoch_was_closed__waits_for_a_proof_window(
    chain: Chain, seated: list[str]
) -> None:
    """A void epoch is settled at once: whoever signed it twice must not be gone in the same block."""
    oracle = seated[0]
    mine_to_deadline(chain)
    left = leave(chain, oracle).block
    close(chain, 0)
    assert chain.call("Attestations", "settledThrough") == 1

    chain.mine_to(left + PROOF_BLOCKS - 1)
    with chain.reverts(
        "BondStillProvable",
        oracle=oracle,
        blockNumber=left + PROOF_BLOCKS,
        exposedUntil=left + PROOF_BLOCKS,
    ):
        withdraw(chain, oracle)
    withdraw(chain, oracle)


def test_withdraw_bond__epochs_revoked__waits_until_they_are_settled_again(
    chain: Chain, seated: list[str]
) -> None:
    mine_to_end(chain, 1)
    submit(chain, some_statement(chain, 0))
    submit(chain, some_statement(chain, 1))
    revoke(chain, 0)
    leave(chain, seated[0])
    submit(chain, some_statement(chain, 0, round=1), (1, 2, 3))
    chain.mine(PROOF_BLOCKS + 1)

    with chain.reverts("BondStillExposed", oracle=seated[0], settledThrough=1, leftEpoch=3):
        withdraw(chain, seated[0])


def test_withdraw_bond__not_left__reverts(chain: Chain, seated: list[str]) -> None:
    with chain.reverts("OracleNotLeft", oracle=seated[0]), moving(chain):
        withdraw(chain, seated[0])


def test_withdraw_bond__not_bonded__reverts(chain: Chain, stranger: str) -> None:
    with chain.reverts("OracleNotBonded", oracle=stranger):
        withdraw(chain, stranger)


def test_withdraw_bond__again__reverts(chain: Chain, bonded: list[str]) -> None:
    leave(chain, bonded[0])
    withdraw(chain, bonded[0])

    with chain.reverts("OracleNotBonded", oracle=bonded[0]), moving(chain):
        withdraw(chain, bonded[0])


def test_withdraw_bond__slashed_after_leaving__finds_nothing(chain: Chain, seated: list[str]) -> None:
    leave(chain, seated[0])
    slash(chain, 1, 0)

    with chain.reverts("OracleNotBonded", oracle=seated[0]), moving(chain):
        withdraw(chain, seated[0])
