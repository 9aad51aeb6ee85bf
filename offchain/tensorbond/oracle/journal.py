"""What this oracle has signed: at most one statement for each (epoch, round, previous root, last block)."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from tensorbond.chain.types import Statement
from tensorbond.journal import Journal, JournalError
from tensorbond.oracle.attestation import key_of


class StatementJournal:
    """Record first, then sign. Raises the errors of `tensorbond.journal`."""

    def __init__(self, path: Path, chain_id: int, contract: str, oracle: str) -> None:
        self._journal = Journal(path, f"oracle {oracle} on chain {chain_id}, contract {contract}")

    def record(self, statement: Statement) -> None:
        """After this returns, and only then, the statement may be signed."""
        text = encode_statement(statement)
        self._journal.promise(_subject(statement), keccak(text.encode()), text)

    def recorded(self, epoch: int) -> list[Statement]:
        """All statements that were, or were about to be, signed for an epoch."""
        return [decode_statement(text) for text in self._journal.texts(f"{epoch}/")]

    def close(self) -> None:
        self._journal.close()


def encode_statement(statement: Statement) -> str:
    shown = {
        name: "0x" + value.hex() if isinstance(value, bytes) else value
        for name, value in asdict(statement).items()
    }
    return json.dumps(shown, sort_keys=True)


def decode_statement(text: str) -> Statement:
    """Raises JournalError for what `encode_statement` never gives."""
    try:
        told: dict[str, Any] = json.loads(text)
        values = [told[field.name] for field in fields(Statement)]
        plain: list[Any] = [bytes.fromhex(value[2:]) if isinstance(value, str) else value for value in values]
        return Statement(*plain)
    except (KeyError, TypeError, ValueError) as error:
        raise JournalError(f"the journal holds no statement but {text!r}") from error


def _subject(statement: Statement) -> str:
    epoch, round, previous_root, last_block_hash = key_of(statement)
    return f"{epoch}/{round}/{previous_root.hex()}/{last_block_hash.hex()}"
