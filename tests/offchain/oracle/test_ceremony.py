from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tensorbond.chain import digests
from tensorbond.journal import JournalUnwritable
from tensorbond.oracle.attestation import quorum
from tensorbond.oracle.board import Board, SignedStatement, Vote
from tensorbond.oracle.ceremony import Ceremony
from tensorbond.oracle.journal import StatementJournal
from tensorbond.oracle.leaves import EpochData, no_leaves
from tensorbond.oracle.reader import Turn
from tests.offchain.oracle.epochs import CHAIN_ID, make_timing, word
from tests.offchain.oracle.test_leaves import PUBLISHED
from tests.offchain.signing import ATTESTATIONS, key

pytestmark = pytest.mark.unit

ACCOUNTS = sorted((key(number) for number in (1, 2, 3, 4)), key=lambda account: int(account.address, 16))
LAST = word("last block")
OTHER = no_leaves(CHAIN_ID)
TURN = Turn(
    epoch=0,
    timing=make_timing(),
    last_block=139,
    opened=150,
    deadline=199,
    least_round=0,
    round_blocks=7,
    previous_root=bytes(32),
    set_id=1,
    members=tuple(account.address for account in ACCOUNTS),
    quorum=quorum(4, 3),
    config_digest=word("config"),
)


@dataclass
class Others:
    """The boards of all oracles that are up, as their peers see them."""

    boards: list[Board]

    def votes(self, epoch: int, round: int) -> list[Vote]:
        return [vote for board in self.boards for vote in board.votes(epoch, round)]

    def signatures(self, epoch: int, round: int) -> list[SignedStatement]:
        return [signed for board in self.boards for signed in board.signed(epoch, round)]


class Oracle:
    def __init__(self, number: int, folder: Path) -> None:
        self.account = ACCOUNTS[number]
        self.path = folder / f"{number}.sqlite"
        self.start()

    def start(self) -> None:
        self.board = Board(ATTESTATIONS)
        self.journal = StatementJournal(self.path, CHAIN_ID, ATTESTATIONS.address, self.account.address)
        self.ceremony = Ceremony(self.board, self.journal, self.account, ATTESTATIONS)

    def restart(self) -> None:
        self.journal.close()
        self.start()

    def step(self, others: Others, data: EpochData, round: int = 0, turn: Turn = TURN, last=LAST) -> None:
        self.ceremony.begin(turn, last)
        self.ceremony.exchange(turn, others)
        if self.ceremony.needs_draft(round):
            self.ceremony.draft(round, data)
        backed = self.ceremony.backed(turn)
        if backed is not None:
            self.ceremony.sign(backed)

    def signed(self, round: int = 0) -> list[SignedStatement]:
        return [each for each in self.board.signed(0, round) if each.oracle == self.account.address]


@pytest.fixture
def oracles(tmp_path: Path) -> Iterator[list[Oracle]]:
    started = [Oracle(number, tmp_path) for number in range(4)]
    yield started
    for oracle in started:
        oracle.journal.close()


def others(oracles: list[Oracle]) -> Others:
    return Others([oracle.board for oracle in oracles])


def test_ceremony__all_find_the_same__a_quorum_of_signatures_is_packed(oracles):
    for _ in range(3):
        for oracle in oracles:
            oracle.step(others(oracles), PUBLISHED)
    ready = oracles[0].ceremony.attestation(TURN)
    assert ready is not None
    assert (ready.statement.root, ready.statement.round) == (PUBLISHED.root, 0)
    assert ready.signers == 0b111
    parts = [ready.signatures[at : at + 65] for at in range(0, len(ready.signatures), 65)]
    told = digests.attestation(ATTESTATIONS, ready.statement)
    assert [told.signer(part) for part in parts] == list(TURN.members[:3])


def test_ceremony__votes_alone__are_no_signature(oracles):
    oracles[0].step(others(oracles), PUBLISHED)
    oracles[1].step(others(oracles), PUBLISHED)
    oracles[0].step(others(oracles), PUBLISHED)
    assert oracles[0].signed() == []
    assert oracles[0].ceremony.attestation(TURN) is None


def test_ceremony__split_votes__nobody_signs_until_a_round_agrees(oracles):
    for _ in range(3):
        for number, oracle in enumerate(oracles):
            oracle.step(others(oracles), PUBLISHED if number < 2 else OTHER)
    assert all(oracle.signed() == [] for oracle in oracles)
    for _ in range(3):
        for oracle in oracles:
            oracle.step(others(oracles), PUBLISHED, round=1)
    ready = oracles[3].ceremony.attestation(TURN)
    assert ready is not None
    assert ready.statement.round == 1


def test_ceremony__one_finds_something_else__does_not_sign_what_it_did_not_find(oracles):
    for _ in range(3):
        for number, oracle in enumerate(oracles):
            oracle.step(others(oracles), OTHER if number == 3 else PUBLISHED)
    assert oracles[3].signed() == []
    assert oracles[3].ceremony.attestation(TURN) is None
    assert oracles[0].ceremony.attestation(TURN) is not None


def test_ceremony__one_is_down__the_others_attest(oracles):
    for _ in range(3):
        for oracle in oracles[1:]:
            oracle.step(others(oracles[1:]), PUBLISHED)
    ready = oracles[1].ceremony.attestation(TURN)
    assert ready is not None
    assert ready.signers == 0b1110


def test_ceremony__two_are_down__nobody_attests(oracles):
    for _ in range(3):
        for oracle in oracles[:2]:
            oracle.step(others(oracles[:2]), PUBLISHED)
    assert all(oracle.signed() == [] for oracle in oracles)


def test_ceremony__excluded_member__neither_counts_nor_signs(oracles):
    turn = replace(TURN, excluded=0b0001)
    for _ in range(3):
        for oracle in oracles[1:]:
            oracle.step(others(oracles), PUBLISHED, turn=turn)
    assert oracles[1].ceremony.attestation(turn).signers == 0b1110
    turn = replace(TURN, excluded=0b0011)
    assert oracles[1].ceremony.attestation(turn) is None


def test_ceremony__restarted_after_signing__signs_the_very_same_again(oracles):
    for _ in range(2):
        for oracle in oracles:
            oracle.step(others(oracles), PUBLISHED)
    before = oracles[0].signed()
    assert before
    oracles[0].restart()
    # Meanwhile it would come to another result in the same round.
    oracles[0].step(others(oracles), OTHER)
    assert oracles[0].signed() == before
    assert oracles[0].board.equivocations() == []


def test_ceremony__killed_between_journal_and_signature__signs_that_and_nothing_else(oracles):
    oracle = oracles[0]
    oracle.ceremony.begin(TURN, LAST)
    oracle.ceremony.draft(0, PUBLISHED)
    (statement, _), *_ = oracle.ceremony._drafts.values()
    oracle.journal.record(statement)
    oracle.restart()
    for _ in range(3):
        for each in oracles:
            each.step(others(oracles), OTHER)
    assert [each.statement for each in oracle.signed()] == [statement]


def test_ceremony__journal_promises_another_statement__leaves_the_round_alone(oracles):
    oracle = oracles[0]
    oracle.step(others(oracles), PUBLISHED)
    (statement, _), *_ = oracle.ceremony._drafts.values()
    oracle.journal.record(replace(statement, root=word("another process with the same key")))
    for _ in range(3):
        for each in oracles:
            each.step(others(oracles), PUBLISHED)
    assert oracle.signed() == []
    assert oracle.ceremony.attestation(TURN) is None
    assert oracles[1].ceremony.attestation(TURN) is not None


def test_ceremony__journal_can_not_be_written__signs_nothing(oracles, monkeypatch):
    def full(_: object) -> None:
        raise JournalUnwritable("the disk is full")

    monkeypatch.setattr(oracles[0].journal, "record", full)
    for oracle in oracles[1:]:
        oracle.step(others(oracles), PUBLISHED)
        oracle.step(others(oracles), PUBLISHED)
    oracles[0].step(others(oracles), PUBLISHED)
    with pytest.raises(JournalUnwritable):
        oracles[0].step(others(oracles), PUBLISHED)
    assert oracles[0].signed() == []


def test_ceremony__chain_reorganised__begins_anew_without_equivocating(oracles):
    for _ in range(2):
        for oracle in oracles:
            oracle.step(others(oracles), PUBLISHED)
    for _ in range(3):
        for oracle in oracles:
            oracle.step(others(oracles), OTHER, last=word("another last block"))
    ready = oracles[0].ceremony.attestation(TURN)
    assert ready is not None
    assert ready.statement.last_block_hash == word("another last block")
    assert all(oracle.board.equivocations() == [] for oracle in oracles)


def test_ceremony__epoch_was_revoked__nothing_of_the_spent_rounds_is_used_again(oracles):
    for _ in range(2):
        for oracle in oracles:
            oracle.step(others(oracles), PUBLISHED)
    revoked = replace(TURN, least_round=1)
    oracles[0].restart()
    for oracle in oracles:
        oracle.ceremony.begin(revoked, LAST)
        assert oracle.ceremony.attestation(revoked) is None
    for _ in range(3):
        for oracle in oracles:
            oracle.step(others(oracles), PUBLISHED, round=1, turn=revoked)
    ready = oracles[0].ceremony.attestation(revoked)
    assert ready is not None
    assert ready.statement.round == 1


def test_ceremony__stranger__takes_no_part(tmp_path):
    oracle = Oracle(0, tmp_path)
    turn = replace(TURN, members=TURN.members[1:])
    oracle.ceremony.begin(turn, LAST)
    assert oracle.ceremony.attestation(turn) is None
    oracle.journal.close()


@pytest.mark.parametrize(("block", "round"), [(150, 0), (156, 0), (157, 1), (164, 2), (150 + 7 * 400, 255)])
def test_round_at__blocks_since_the_turn_opened__counts_rounds(block, round):
    assert TURN.round_at(block) == round


def test_round_at__after_a_revocation__begins_behind_the_spent_round():
    assert replace(TURN, least_round=4).round_at(157) == 5
