from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import Attested, EpochStatus
from tests.chain import Chain

from .epochs import (
    ATTEST_BLOCKS,
    EMISSION,
    PROOF_BLOCKS,
    REVOKED,
    VOID,
    ZERO,
    close,
    last_block,
    mine_to_deadline,
    mine_to_end,
    moving,
    revoke,
    some_statement,
    status,
    submit,
)

pytestmark = pytest.mark.chain

OPEN, ATTESTED, FINAL, VOIDED = EpochStatus


@pytest.fixture
def roots(chain: Chain, seated: list[str]) -> list[bytes]:
    """Epochs 0 and 1 are attested, in rounds 1 and 2, the second five blocks later."""
    mine_to_end(chain, 1)
    statements = []
    for epoch in (0, 1):
        chain.mine(4 * epoch)
        statements.append(some_statement(chain, epoch, round=1 + epoch))
        submit(chain, statements[-1])
    return [statement.root for statement in statements]


def test_revoke__standing__opens_it_and_every_later_epoch(chain: Chain, roots: list[bytes]) -> None:
    with moving(chain):
        sent = revoke(chain, 0)

    assert sent.event("EpochRevoked") == {"epoch": 0, "round": 1}
    assert [status(chain, epoch) for epoch in (0, 1)] == [OPEN, OPEN]
    assert chain.call("Attestations", "nextEpoch") == 0
    assert chain.call("Attestations", "standingRoot") == ZERO
    assert chain.call("Attestations", "attestedOf", 0) == (ZERO, Attested(0, 0, 0, 1, 0, REVOKED))
    assert chain.call("Attestations", "attestedOf", 1) == (ZERO, Attested(0, 0, 0, 2, 0, REVOKED))
    assert [chain.call("Attestations", "signersOf", epoch) for epoch in (0, 1)] == [0, 0]
    assert chain.call("Attestations", "deadline") == max(sent.block, last_block(chain, 0)) + ATTEST_BLOCKS


def test_revoke__later_epoch__leaves_the_earlier_one(chain: Chain, roots: list[bytes]) -> None:
    revoke(chain, 1)

    assert [status(chain, epoch) for epoch in (0, 1)] == [ATTESTED, OPEN]
    assert chain.call("Attestations", "standingRoot") == roots[0]
    assert chain.call("Attestations", "nextEpoch") == 1


def test_revoke__re_attested__stands_on_the_same_previous_root(chain: Chain, roots: list[bytes]) -> None:
    revoke(chain, 1)

    statement = some_statement(chain, 1, round=3)
    assert statement.previous_root == roots[0]
    sent = submit(chain, statement)

    assert status(chain, 1) == ATTESTED
    assert chain.call("Attestations", "attestedOf", 1)[1].provable_until == sent.block + PROOF_BLOCKS


def test_revoke__last_block_of_the_proof_window__is_in_time(chain: Chain, roots: list[bytes]) -> None:
    chain.mine_to(chain.call("Attestations", "attestedOf", 0)[1].provable_until - 1)

    revoke(chain, 0)

    chain.mine(5)
    assert chain.call("Attestations", "settledThrough") == 0
    assert chain.call("Attestations", "finalEmission") == 0


def test_revoke__final__reverts(chain: Chain, roots: list[bytes]) -> None:
    chain.mine_to(chain.call("Attestations", "attestedOf", 0)[1].provable_until)

    with chain.reverts("EpochFinal", epoch=0):
        revoke(chain, 0)
    revoke(chain, 1)
    assert [status(chain, epoch) for epoch in (0, 1)] == [FINAL, OPEN]
    assert chain.call("Attestations", "finalEmission") == EMISSION


def test_revoke__open__reverts(chain: Chain, roots: list[bytes]) -> None:
    with chain.reverts("EpochNotAttested", epoch=2):
        revoke(chain, 2)
    revoke(chain, 0)
    for epoch in (0, 1):
        with chain.reverts("EpochNotAttested", epoch=epoch):
            revoke(chain, epoch)


def test_revoke__void__reverts(chain: Chain, seated: list[str]) -> None:
    mine_to_deadline(chain)
    close(chain, 0)

    with chain.reverts("EpochNotAttested", epoch=0):
        revoke(chain, 0)


def test_revoke__void_epoch_after_it__is_open_again_with_its_round_spent(
    chain: Chain, roots: list[bytes]
) -> None:
    revoke(chain, 0)
    mine_to_deadline(chain)
    close(chain, 0)
    statement = some_statement(chain, 1, round=3)
    close(chain, 1)
    mine_to_end(chain, 2)
    submit(chain, some_statement(chain, 2))
    assert [status(chain, epoch) for epoch in (0, 1, 2)] == [VOIDED, VOIDED, ATTESTED]
    assert chain.call("Attestations", "attestedOf", 1)[1].flags == VOID | REVOKED

    with chain.reverts("EpochNotAttested", epoch=1):
        revoke(chain, 1)
    revoke(chain, 2)

    assert [status(chain, epoch) for epoch in (0, 1, 2)] == [VOIDED, VOIDED, OPEN]
    with chain.reverts("EpochOutOfOrder", have=1, need=2):
        submit(chain, statement)


def test_revoke__epoch_before_a_void_one__opens_the_void_one(chain: Chain, seated: list[str]) -> None:
    """A void epoch is for good only once all before it are settled."""
    chain.mine_to(last_block(chain, 0) + ATTEST_BLOCKS - 1)
    first = some_statement(chain, 0)
    submit(chain, first)
    second = some_statement(chain, 1, previous_root=ZERO)
    revoke(chain, 0)
    chain.mine(ATTEST_BLOCKS - 1)
    submit(chain, replace(first, round=1))
    chain.mine(1)
    close(chain, 1)
    assert [status(chain, epoch) for epoch in (0, 1)] == [ATTESTED, VOIDED]
    assert chain.call("Attestations", "settledThrough") == 0

    revoke(chain, 0)

    assert [status(chain, epoch) for epoch in (0, 1)] == [OPEN, OPEN]
    submit(chain, replace(first, round=2))
    submit(chain, replace(second, previous_root=first.root))
    assert [status(chain, epoch) for epoch in (0, 1)] == [ATTESTED, ATTESTED]


def test_revoke__twice__spends_both_rounds(chain: Chain, roots: list[bytes]) -> None:
    revoke(chain, 1)
    submit(chain, some_statement(chain, 1, round=7))
    assert revoke(chain, 1).event("EpochRevoked") == {"epoch": 1, "round": 7}

    with chain.reverts("RoundSpent", have=7, least=8):
        submit(chain, some_statement(chain, 1, round=7))


def test_revoke__not_by_the_disputes__reverts(
    chain: Chain, roots: list[bytes], governor: str, stranger: str
) -> None:
    for account in (governor, stranger):
        with chain.reverts("AttestationDisputesOnly", account=account):
            chain.send("Attestations", "revoke", 0, sender=account)
    assert status(chain, 0) == ATTESTED
