from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain import digests
from tensorbond.chain.types import Statement
from tensorbond.oracle.attestation import build_statement
from tensorbond.oracle.board import KEPT_EPOCHS, Board, Rejected, SignedStatement, Vote
from tests.offchain.oracle.epochs import word
from tests.offchain.oracle.test_leaves import PUBLISHED
from tests.offchain.signing import ATTESTATIONS, key

pytestmark = pytest.mark.unit

MEMBERS = [key(number) for number in (1, 2, 3)]
STRANGER = key(99)
STATEMENT = build_statement(PUBLISHED, 0, word("previous"), word("last"), word("config"))


def vote(by, digest: bytes = word("digest"), round: int = 0) -> Vote:
    told = digests.vote(ATTESTATIONS, 0, round, digest)
    return Vote(by.address, 0, round, digest, told.sign(by))


def sign(by, statement: Statement = STATEMENT) -> SignedStatement:
    told = digests.attestation(ATTESTATIONS, statement)
    return SignedStatement(by.address, statement, told.sign(by))


@pytest.fixture
def board() -> Board:
    board = Board(ATTESTATIONS)
    board.seat([member.address for member in MEMBERS], 0)
    return board


def test_post_vote__members__are_counted_once_each(board):
    assert [board.post_vote(vote(member)) for member in (*MEMBERS, MEMBERS[0])] == [True, True, True, False]
    assert board.backers(0, 0, word("digest")) == {member.address for member in MEMBERS}
    assert board.backers(0, 0, word("other")) == set()
    assert board.backers(0, 1, word("digest")) == set()


@pytest.mark.parametrize(
    "forged",
    [
        vote(STRANGER),
        replace(vote(STRANGER), oracle=MEMBERS[0].address),
        replace(vote(MEMBERS[0]), statement_digest=word("other")),
        replace(vote(MEMBERS[0]), round=1),
        replace(vote(MEMBERS[0]), signature=bytes(65)),
        replace(vote(MEMBERS[0]), signature=b"short"),
    ],
)
def test_post_vote__not_a_seated_members__is_rejected(board, forged):
    with pytest.raises(Rejected):
        board.post_vote(forged)
    assert board.votes(0, forged.round) == []


def test_post_vote__member_changes_its_mind__counts_for_both_but_not_for_ever(board):
    for number in range(4):
        board.post_vote(vote(MEMBERS[0], word(number)))
    with pytest.raises(Rejected, match="ever more"):
        board.post_vote(vote(MEMBERS[0], word(4)))
    assert board.backers(0, 0, word(3)) == {MEMBERS[0].address}


def test_post_signed__members__are_gathered_by_statement(board):
    board.post_signed(sign(MEMBERS[0]))
    board.post_signed(sign(MEMBERS[1], replace(STATEMENT, root=word("other"))))
    assert board.signatures(STATEMENT) == {MEMBERS[0].address: sign(MEMBERS[0]).signature}
    assert board.rounds(0) == [0]


@pytest.mark.parametrize(
    "forged",
    [
        sign(STRANGER),
        replace(sign(STRANGER), oracle=MEMBERS[0].address),
        replace(sign(MEMBERS[0]), statement=replace(STATEMENT, total_weight=7)),
        replace(sign(MEMBERS[0]), signature=bytes(65)),
    ],
)
def test_post_signed__not_a_seated_members__is_rejected(board, forged):
    with pytest.raises(Rejected):
        board.post_signed(forged)
    assert board.signed(0, 0) == []


def test_equivocations__two_statements_of_one_oracle__are_told(board):
    contradicting = replace(STATEMENT, root=word("other"))
    for signed in (sign(MEMBERS[0]), sign(MEMBERS[1]), sign(MEMBERS[0], contradicting)):
        board.post_signed(signed)
    assert board.equivocations() == [(sign(MEMBERS[0]), sign(MEMBERS[0], contradicting))]
    with pytest.raises(Rejected, match="ever more"):
        board.post_signed(sign(MEMBERS[0], replace(STATEMENT, root=word("third"))))


def test_seat__much_later__forgets_old_epochs(board):
    board.post_vote(vote(MEMBERS[0]))
    board.post_signed(sign(MEMBERS[0]))
    board.seat([MEMBERS[0].address], KEPT_EPOCHS)
    assert (len(board.votes(0, 0)), len(board.signed(0, 0))) == (1, 1)
    board.seat([MEMBERS[0].address], KEPT_EPOCHS + 1)
    assert (board.votes(0, 0), board.signed(0, 0)) == ([], [])
