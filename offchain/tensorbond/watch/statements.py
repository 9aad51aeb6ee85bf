"""Signed statements, wherever they are seen: two of one oracle that contradict each other cost its bond.

What was seen is kept on the disk, so that the second one is recognised years later, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from tensorbond.chain import digests
from tensorbond.chain.digests import Domain
from tensorbond.chain.errors import SignatureInvalid
from tensorbond.chain.network import Network
from tensorbond.chain.types import Attested, Statement
from tensorbond.journal import Journal
from tensorbond.oracle.attestation import SIGNATURE_BYTES, equivocates
from tensorbond.oracle.board import SignedStatement
from tensorbond.oracle.journal import decode_statement, encode_statement

Pair = tuple[SignedStatement, SignedStatement]


class Statements:
    """What was seen of each oracle, by epoch; only what seated members signed."""

    def __init__(self, network: Network, journal: Journal) -> None:
        self._journal = journal
        self._domain = network.domain("Attestations")

    def see(self, signed: Iterable[SignedStatement]) -> None:
        """Keep what is new and signed by whom it says."""
        for each in signed:
            subject = self._subject(each)
            if self._journal.promised(subject) is None and is_signed(self._domain, each):
                told = [each.oracle, encode_statement(each.statement), each.signature.hex()]
                text = json.dumps(told)
                self._journal.promise(subject, keccak(text.encode()), text)

    def pairs(self, epoch: int) -> list[Pair]:
        """All contradictions seen about an epoch."""
        return contradictions(self.seen(epoch))

    def seen(self, epoch: int) -> list[SignedStatement]:
        found = []
        for text in self._journal.texts(f"statement/{epoch}/"):
            signer, statement, signature = json.loads(text)
            found.append(SignedStatement(signer, decode_statement(statement), bytes.fromhex(signature)))
        return found

    def _subject(self, signed: SignedStatement) -> str:
        digest = digests.attestation(self._domain, signed.statement).digest
        return f"statement/{signed.statement.epoch}/{signed.oracle}/{digest.hex()}"


def is_signed(domain: Domain, signed: SignedStatement) -> bool:
    """Whether its oracle signed it."""
    try:
        return digests.attestation(domain, signed.statement).signer(signed.signature) == signed.oracle
    except SignatureInvalid:
        return False


def contradictions(signed: Sequence[SignedStatement]) -> list[Pair]:
    """The pairs of statements of one oracle that cost it its bond."""
    return [
        (first, second)
        for at, second in enumerate(signed)
        for first in signed[:at]
        if first.oracle == second.oracle and equivocates(first.statement, second.statement)
    ]


def attested_statements(network: Network, transaction: str, record: Attested) -> list[SignedStatement]:
    """What each signer of an attestation signed, from the calldata that brought it; none if a contract
    submitted it."""
    told = network.rpc.request("eth_getTransactionByHash", transaction)
    if told is None:
        return []
    calldata = bytes.fromhex(told["input"].removeprefix("0x"))
    try:
        statement, signers, signatures = network.abi("Attestations").decode_call("attest", calldata)
    except (LookupError, DecodingError):
        return []
    assert isinstance(statement, Statement)
    members = network.call("Attestations", "membersOf", record.set_id)
    indices = [index for index in range(len(members)) if signers >> index & 1]
    return [
        SignedStatement(
            members[index], statement, signatures[at * SIGNATURE_BYTES : (at + 1) * SIGNATURE_BYTES]
        )
        for at, index in enumerate(indices)
    ]
