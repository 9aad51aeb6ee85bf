"""How oracles come to one signed statement: vote, see a quorum of equal votes, record, sign, gather a quorum.

    own draft ─ vote ─► a quorum voted the same ─ journal, then sign ─► a quorum signed ─► attest
                   └──► no quorum in round_blocks: the next round, with evidence gathered anew

A vote binds nobody; a signature binds with the bond. What was signed in an earlier round stays good: the
contract takes the first quorum.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from tensorbond.chain import digests
from tensorbond.chain.digests import Domain
from tensorbond.chain.types import Statement
from tensorbond.journal import PromiseBroken
from tensorbond.oracle.attestation import build_statement, pack_signatures
from tensorbond.oracle.board import Board, Rejected, SignedStatement, Vote
from tensorbond.oracle.journal import StatementJournal
from tensorbond.oracle.leaves import EpochData
from tensorbond.oracle.peers import Peers
from tensorbond.oracle.reader import Turn

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attestation:
    """What `Attestations.attest` takes."""

    statement: Statement
    signers: int
    signatures: bytes


class Ceremony:
    """One oracle's part. `domain`: that of Attestations."""

    def __init__(
        self, board: Board, journal: StatementJournal, account: LocalAccount, domain: Domain
    ) -> None:
        self._board = board
        self._journal = journal
        self._account = account
        self._domain = domain
        self._drafts: dict[int, tuple[Statement, EpochData]] = {}
        self._signed: dict[int, Statement] = {}
        self._refused: set[int] = set()
        self._told: set[tuple[SignedStatement, SignedStatement]] = set()
        self._context: tuple[object, ...] = ()

    @property
    def address(self) -> str:
        return str(self._account.address)

    def begin(self, turn: Turn, last_block_hash: bytes) -> None:
        """Take up a turn. What was signed for it in an earlier life is signed again, and nothing else."""
        self._board.seat(turn.active, turn.epoch)
        context = (turn.epoch, turn.previous_root, turn.config_digest, last_block_hash, turn.least_round)
        if context == self._context:
            return
        self._context = context
        self._drafts.clear()
        self._signed.clear()
        self._refused.clear()
        for statement in self._journal.recorded(turn.epoch):
            fresh = statement.round >= turn.least_round
            if fresh and self._fits(statement) and self.address in turn.active:
                self._vote(statement)
                self._sign(statement)

    def needs_draft(self, round: int) -> bool:
        """Whether this oracle has neither voted nor signed in the round."""
        return round not in self._drafts and round not in self._signed

    def draft(self, round: int, data: EpochData) -> None:
        """Vote for what this oracle found in a round."""
        _, previous_root, config_digest, last_block_hash, _ = self._context
        assert isinstance(previous_root, bytes)
        assert isinstance(config_digest, bytes)
        assert isinstance(last_block_hash, bytes)
        statement = build_statement(data, round, previous_root, last_block_hash, config_digest)
        self._drafts[round] = statement, data
        self._vote(statement)
        log.info("epoch %d round %d: vote for root 0x%s", statement.epoch, round, statement.root.hex())

    def exchange(self, turn: Turn, peers: Peers) -> None:
        """Take over from the peers what they know of the rounds that are still open."""
        for round in self._open_rounds(turn):
            self._post_votes(peers.votes(turn.epoch, round))
            for signed in peers.signatures(turn.epoch, round):
                try:
                    self._board.post_signed(signed)
                except Rejected as error:
                    log.warning("a signature is ignored: %s", error)
        for pair in self._board.equivocations():
            if pair not in self._told:
                self._told.add(pair)
                log.error("%s equivocates: %s and %s", pair[0].oracle, *(each.statement for each in pair))

    def backed(self, turn: Turn) -> EpochData | None:
        """The leaf data that a quorum voted for as this oracle did, if it has yet to sign them."""
        for round, (statement, data) in sorted(self._drafts.items()):
            backers = self._board.backers(turn.epoch, round, self._digest(statement))
            done = round in self._signed or round in self._refused
            if not done and len(backers & turn.active.keys()) >= turn.quorum:
                return data
        return None

    def sign(self, data: EpochData) -> None:
        """Sign the draft of these leaf data, which are published by now. Raises JournalError, except that a
        statement which contradicts a recorded one is left alone."""
        for round, (statement, drafted) in self._drafts.items():
            if drafted is data and round not in self._signed:
                try:
                    self._journal.record(statement)
                except PromiseBroken as error:
                    log.error("round %d is not signed again: %s", round, error)
                    self._refused.add(round)
                    return
                self._sign(statement)
                return

    def attestation(self, turn: Turn) -> Attestation | None:
        """The earliest statement of ours that a quorum signed, ready to be submitted."""
        for _, statement in sorted(self._signed.items()):
            signatures = {
                turn.active[oracle]: signature
                for oracle, signature in self._board.signatures(statement).items()
                if oracle in turn.active
            }
            if 0 < turn.quorum <= len(signatures):
                return Attestation(statement, *pack_signatures(signatures, turn.quorum))
        return None

    def _vote(self, statement: Statement) -> None:
        digest = self._digest(statement)
        told = digests.vote(self._domain, statement.epoch, statement.round, digest)
        vote = Vote(self.address, statement.epoch, statement.round, digest, told.sign(self._account))
        self._post_votes([vote])

    def _sign(self, statement: Statement) -> None:
        signature = digests.attestation(self._domain, statement).sign(self._account)
        self._signed[statement.round] = statement
        self._board.post_signed(SignedStatement(self.address, statement, signature))
        log.info("epoch %d round %d: signed 0x%s", statement.epoch, statement.round, statement.root.hex())

    def _fits(self, statement: Statement) -> bool:
        told = (
            statement.epoch,
            statement.previous_root,
            statement.config_digest,
            statement.last_block_hash,
        )
        return told == self._context[:4]

    def _open_rounds(self, turn: Turn) -> list[int]:
        return sorted(round for round in {*self._drafts, *self._signed} if round >= turn.least_round)[-3:]

    def _post_votes(self, votes: Iterable[Vote]) -> None:
        for vote in votes:
            try:
                self._board.post_vote(vote)
            except Rejected as error:
                log.warning("a vote is ignored: %s", error)

    def _digest(self, statement: Statement) -> bytes:
        return digests.attestation(self._domain, statement).digest
