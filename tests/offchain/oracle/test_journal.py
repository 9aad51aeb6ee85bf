from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tensorbond.journal import JournalError, JournalForeign, PromiseBroken
from tensorbond.oracle.journal import StatementJournal, decode_statement
from tests.offchain.oracle.epochs import word
from tests.offchain.oracle.test_board import STATEMENT
from tests.offchain.signing import ATTESTATIONS, CHAIN_ID

pytestmark = pytest.mark.unit

ORACLE = "0x" + "0a" * 20


def open_journal(path: Path, oracle: str = ORACLE) -> StatementJournal:
    return StatementJournal(path, CHAIN_ID, ATTESTATIONS.address, oracle)


@pytest.mark.parametrize("field", ["root", "total_weight", "data_digest", "config_digest"])
def test_record__contradicting_statement__is_refused(tmp_path, field):
    journal = open_journal(tmp_path / "journal")
    journal.record(STATEMENT)
    journal.record(STATEMENT)
    other = replace(STATEMENT, **{field: 7 if field == "total_weight" else word("other")})
    with pytest.raises(PromiseBroken):
        journal.record(other)
    assert journal.recorded(STATEMENT.epoch) == [STATEMENT]
    journal.close()


@pytest.mark.parametrize("field", ["epoch", "round", "previous_root", "last_block_hash"])
def test_record__about_something_else__is_taken(tmp_path, field):
    journal = open_journal(tmp_path / "journal")
    value = getattr(STATEMENT, field)
    other = replace(STATEMENT, root=word("r"), **{field: value + 1 if isinstance(value, int) else word("x")})
    journal.record(STATEMENT)
    journal.record(other)
    told = journal.recorded(0) + journal.recorded(1)
    assert told == [STATEMENT, other]
    assert journal.recorded(10) == []
    journal.close()


def test_journal__of_another_oracle__is_refused(tmp_path):
    open_journal(tmp_path / "journal").close()
    with pytest.raises(JournalForeign):
        open_journal(tmp_path / "journal", "0x" + "0b" * 20)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"epoch": "0xzz"}'])
def test_decode_statement__no_statement__is_named(text):
    with pytest.raises(JournalError):
        decode_statement(text)


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.offchain.oracle.test_journal import open_journal
from tests.offchain.oracle.test_board import STATEMENT
open_journal(Path(sys.argv[1])).record(STATEMENT)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_record__killed_right_after__still_refuses_another(tmp_path):
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", KILLED, str(tmp_path / "journal")]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    journal = open_journal(tmp_path / "journal")
    with pytest.raises(PromiseBroken):
        journal.record(replace(STATEMENT, root=word("other")))
    assert journal.recorded(0) == [STATEMENT]
    journal.close()
