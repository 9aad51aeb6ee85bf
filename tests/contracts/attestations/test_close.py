from __future__ import annotations

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


def test_close__deadline_passed__voids_the_epoch(chain: Chain, seated: list[str], stranger: str) -> None:
    mine_to_deadline(chain)

    with moving(chain):
        sent = close(chain, 0, stranger)

    assert sent.event("EpochVoided") == {"epoch": 0}
    assert status(chain, 0) == EpochStatus.VOID
    assert chain.call("Attestations", "attestedOf", 0) == (ZERO, Attested(0, 0, 0, 0, 0, VOID))
    assert chain.call("Attestations", "nextEpoch") == 1
    assert chain.call("Attestations", "settledThrough") == 1
    assert chain.call("Attestations", "finalEmission") == 0


def test_close__block_of_the_deadline__is_too_early(chain: Chain, seated: list[str]) -> None:
    deadline = last_block(chain, 0) + ATTEST_BLOCKS
    chain.mine_to(deadline - 1)

    with chain.reverts("DeadlineNotPassed", epoch=0, blockNumber=deadline, deadline=deadline):
        close(chain, 0)
    assert close(chain, 0).block == deadline + 1


def test_close__without_any_set__voids_the_epoch(chain: Chain) -> None:
    mine_to_deadline(chain)

    close(chain, 0)

    assert status(chain, 0) == EpochStatus.VOID


def test_close__out_of_order__reverts(chain: Chain, seated: list[str]) -> None:
    mine_to_deadline(chain)
    with chain.reverts("EpochOutOfOrder", have=1, need=0):
        close(chain, 1)
    close(chain, 0)
    with chain.reverts("EpochOutOfOrder", have=0, need=1):
        close(chain, 0)


def test_close__epoch_attested__cannot_be_voided(chain: Chain, seated: list[str]) -> None:
    mine_to_end(chain, 0)
    submit(chain, some_statement(chain))
    chain.mine(ATTEST_BLOCKS)

    with chain.reverts("EpochOutOfOrder", have=0, need=1):
        close(chain, 0)


def test_close__after_an_attested_epoch__carries_its_root_over_and_emits_nothing(
    chain: Chain, seated: list[str]
) -> None:
    mine_to_end(chain, 0)
    statement = some_statement(chain)
    attested = submit(chain, statement).block
    mine_to_deadline(chain)

    close(chain, 1)

    assert chain.call("Attestations", "attestedOf", 1) == (
        statement.root,
        Attested(0, attested + PROOF_BLOCKS, 0, 0, 0, VOID),
    )
    assert chain.call("Attestations", "standingRoot") == statement.root
    assert chain.call("Attestations", "settledThrough") == 2
    assert chain.call("Attestations", "finalEmission") == EMISSION


def test_close__after_a_revocation__has_a_deadline_of_its_own(chain: Chain, seated: list[str]) -> None:
    mine_to_end(chain, 0)
    chain.mine(ATTEST_BLOCKS - 1)
    until = submit(chain, some_statement(chain, round=2)).block + PROOF_BLOCKS
    chain.mine(PROOF_BLOCKS - 1)
    revoked = revoke(chain, 0).block
    deadline = revoked + ATTEST_BLOCKS
    assert chain.call("Attestations", "deadline") == deadline

    chain.mine_to(deadline - 1)
    with chain.reverts("DeadlineNotPassed", epoch=0, blockNumber=deadline, deadline=deadline):
        close(chain, 0)
    close(chain, 0)

    assert status(chain, 0) == EpochStatus.VOID
    assert chain.call("Attestations", "attestedOf", 0) == (ZERO, Attested(0, until, 0, 2, 0, VOID | REVOKED))
    assert chain.call("Attestations", "standingRoot") == ZERO


def test_close__epochs_revoked_together__have_one_deadline(chain: Chain, seated: list[str]) -> None:
    mine_to_end(chain, 1)
    submit(chain, some_statement(chain, 0))
    submit(chain, some_statement(chain, 1))
    deadline = revoke(chain, 0).block + ATTEST_BLOCKS
    chain.mine_to(deadline)

    close(chain, 0)
    close(chain, 1)

    assert [status(chain, epoch) for epoch in (0, 1, 2)] == [
        EpochStatus.VOID,
        EpochStatus.VOID,
        EpochStatus.OPEN,
    ]
    assert chain.call("Attestations", "finalEmission") == 0
