"""What the oracles have told each other about an epoch: votes, which bind nobody, and signatures, which do.

Nothing gets on the board unless a seated member signed it. The daemon writes, the HTTP server reads: every
method may be called from any thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

from tensorbond.chain import digests
from tensorbond.chain.digests import Domain, Signable
from tensorbond.chain.errors import SignatureInvalid
from tensorbond.chain.types import Statement
from tensorbond.oracle.attestation import equivocates

KEPT_EPOCHS = 32
VOTES_PER_MEMBER = 4
STATEMENTS_PER_MEMBER = 2
"""Two that differ are proof of equivocation; a third adds nothing."""

Turn = tuple[int, int]
"""(epoch, round)"""


@dataclass(frozen=True)
class Vote:
    oracle: str
    epoch: int
    round: int
    statement_digest: bytes
    signature: bytes


@dataclass(frozen=True)
class SignedStatement:
    oracle: str
    statement: Statement
    signature: bytes


class Rejected(ValueError):
    """Nothing that a seated member signed; the message says why."""


class Board:
    """`domain`: that of Attestations, in which votes and statements are signed."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._lock = Lock()
        self._members: frozenset[str] = frozenset()
        self._votes: dict[Turn, dict[Vote, None]] = {}
        self._signed: dict[Turn, dict[SignedStatement, None]] = {}

    def seat(self, members: Iterable[str], epoch: int) -> None:
        """Take votes and signatures of these members only, and forget what is long past `epoch`."""
        least = epoch - KEPT_EPOCHS
        with self._lock:
            self._members = frozenset(members)
            self._votes = {turn: held for turn, held in self._votes.items() if turn[0] >= least}
            self._signed = {turn: held for turn, held in self._signed.items() if turn[0] >= least}

    def post_vote(self, vote: Vote) -> bool:
        """Whether the vote is new; raises Rejected. What is known already isn't verified again."""
        self._require_member(vote.oracle)
        with self._lock:
            held = self._votes.setdefault((vote.epoch, vote.round), {})
            known = [each.statement_digest for each in held if each.oracle == vote.oracle]
        if vote.statement_digest in known:
            return False
        if len(known) >= VOTES_PER_MEMBER:
            raise Rejected(f"{vote.oracle} votes for ever more statements in one round")
        told = digests.vote(self._domain, vote.epoch, vote.round, vote.statement_digest)
        _require_signer(vote.oracle, told, vote.signature)
        with self._lock:
            held[vote] = None
        return True

    def post_signed(self, signed: SignedStatement) -> bool:
        """Whether the signature is new; raises Rejected. What is known already isn't verified again."""
        self._require_member(signed.oracle)
        with self._lock:
            held = self._signed.setdefault((signed.statement.epoch, signed.statement.round), {})
            known = [each.statement for each in held if each.oracle == signed.oracle]
        if signed.statement in known:
            return False
        if len(known) >= STATEMENTS_PER_MEMBER:
            raise Rejected(f"{signed.oracle} signs ever more statements in one round")
        _require_signer(signed.oracle, digests.attestation(self._domain, signed.statement), signed.signature)
        with self._lock:
            held[signed] = None
        return True

    def votes(self, epoch: int, round: int) -> list[Vote]:
        with self._lock:
            return list(self._votes.get((epoch, round), ()))

    def signed(self, epoch: int, round: int) -> list[SignedStatement]:
        with self._lock:
            return list(self._signed.get((epoch, round), ()))

    def rounds(self, epoch: int) -> list[int]:
        """The rounds of the epoch in which somebody signed."""
        with self._lock:
            return sorted(turn[1] for turn in self._signed if turn[0] == epoch)

    def backers(self, epoch: int, round: int, statement_digest: bytes) -> set[str]:
        """The members that voted for exactly this statement."""
        votes = self.votes(epoch, round)
        return {vote.oracle for vote in votes if vote.statement_digest == statement_digest}

    def signatures(self, statement: Statement) -> dict[str, bytes]:
        """By member, over exactly this statement."""
        told = self.signed(statement.epoch, statement.round)
        return {each.oracle: each.signature for each in told if each.statement == statement}

    def equivocations(self) -> list[tuple[SignedStatement, SignedStatement]]:
        """Pairs of statements that cost their signer its bond."""
        with self._lock:
            signed = [list(held) for held in self._signed.values()]
        return [
            (first, second)
            for held in signed
            for at, second in enumerate(held)
            for first in held[:at]
            if first.oracle == second.oracle and equivocates(first.statement, second.statement)
        ]

    def _require_member(self, oracle: str) -> None:
        with self._lock:
            if oracle not in self._members:
                raise Rejected(f"{oracle} is not seated")


def _require_signer(oracle: str, told: Signable, signature: bytes) -> None:
    try:
        signer = told.signer(signature)
    except SignatureInvalid as error:
        raise Rejected(f"in the name of {oracle}: {error}") from error
    if signer != oracle:
        raise Rejected(f"in the name of {oracle}, but signed by {signer}")
