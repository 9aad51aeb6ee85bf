from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tensorbond.journal import Journal, JournalForeign, JournalLocked, JournalUnwritable, PromiseBroken

pytestmark = pytest.mark.unit

FIRST, SECOND = b"1" * 32, b"2" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.sqlite"


@pytest.fixture
def journal(path: Path):
    opened = Journal(path, "me")
    yield opened
    opened.close()


def test_promise__another_digest__is_refused(journal):
    journal.promise("epoch 1", FIRST, "one")
    journal.promise("epoch 1", FIRST, "one")
    with pytest.raises(PromiseBroken, match="epoch 1"):
        journal.promise("epoch 1", SECOND, "two")
    assert journal.promised("epoch 1") == FIRST
    assert journal.promised("epoch 2") is None
    assert journal.texts("epoch") == ["one"]


def test_texts__prefix__is_taken_literally(journal):
    for subject in ("1/a", "1/b", "11/a", "%/a"):
        journal.promise(subject, FIRST, subject)
    assert journal.texts("1/") == ["1/a", "1/b"]
    assert journal.texts("%") == ["%/a"]


def test_journal__opened_again__remembers(journal, path):
    journal.promise("epoch 1", FIRST)
    journal.close()
    again = Journal(path, "me")
    with pytest.raises(PromiseBroken):
        again.promise("epoch 1", SECOND)
    again.close()


def test_journal__of_somebody_else__is_refused(journal, path):
    with pytest.raises(JournalForeign, match="journal of me, not of you"):
        Journal(path, "you")


def test_journal__no_database__is_named(path):
    path.parent.mkdir()
    path.write_bytes(b"this is no database, " * 100)
    with pytest.raises(JournalUnwritable):
        Journal(path, "me")


def test_journal__folder_is_a_file__is_named(tmp_path):
    (tmp_path / "state").write_bytes(b"")
    with pytest.raises(JournalUnwritable):
        Journal(tmp_path / "state" / "journal.sqlite", "me")


def test_promise__another_writer_holds_the_file__is_named_and_nothing_promised(journal, path, monkeypatch):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal._rows.execute("PRAGMA busy_timeout = 10")
    with pytest.raises(JournalLocked):
        journal.promise("epoch 1", FIRST)
    other.execute("ROLLBACK")
    other.close()
    assert journal.promised("epoch 1") is None
    journal.promise("epoch 1", SECOND)


def test_promise__two_threads_at_once__one_wins(journal):
    refused = []

    def promise(digest: bytes) -> None:
        try:
            journal.promise("epoch 1", digest)
        except PromiseBroken:
            refused.append(digest)

    threads = [threading.Thread(target=promise, args=(bytes([number]) * 32,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7
    assert journal.promised("epoch 1") not in refused


def test_journal__on_disk__is_synchronous_and_write_ahead(journal):
    assert journal._rows.execute("PRAGMA synchronous").fetchone() == (2,)
    assert journal._rows.execute("PRAGMA journal_mode").fetchone() == ("wal",)


KILLED = """
import os, signal, sys
from pathlib import Path
from tensorbond.journal import Journal
journal = Journal(Path(sys.argv[1]), "me")
for number in range(1000):
    journal.promise(f"epoch {number}", b"1" * 32)
    print(number, flush=True)
    if number == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("last", [0, 7])
def test_promise__killed_right_after__is_kept(path, last):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(last)], capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.split() == [str(number) for number in range(last + 1)]
    journal = Journal(path, "me")
    for number in range(last + 1):
        with pytest.raises(PromiseBroken):
            journal.promise(f"epoch {number}", SECOND)
    assert journal.promised(f"epoch {last + 1}") is None
    journal.close()


FULL_DISK = """
import resource, sys
from pathlib import Path
from tensorbond.journal import Journal, JournalUnwritable
journal = Journal(Path(sys.argv[1]), "me")
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
number = 0
try:
    while number < 1000:
        journal.promise(f"epoch {number}", b"1" * 32, "x" * 1000)
        number += 1
except JournalUnwritable as error:
    print(number, error)
"""


def test_promise__disk_is_full__is_named_and_what_was_promised_is_kept(path):
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    kept, said = done.stdout.split(" ", 1)
    assert "can't be used" in said
    journal = Journal(path, "me")
    assert len(journal.texts("epoch")) == int(kept) > 0
    journal.promise(f"epoch {kept}", SECOND)
    journal.close()
