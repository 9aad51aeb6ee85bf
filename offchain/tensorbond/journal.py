"""A write-ahead record of promises: before a key signs for a subject, what it signs is on the disk, and a
second, different thing is never signed for the same subject, whatever crashes in between.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from tensorbond.errors import TensorbondError

BUSY_SECONDS = 2.0


class JournalError(TensorbondError):
    """The journal can't vouch for a signature, so nothing may be signed."""


class PromiseBroken(JournalError):
    """Something else was promised for this subject."""


class JournalForeign(JournalError):
    """The journal belongs to another key or contract."""


class JournalLocked(JournalError):
    """Another process writes to the journal."""


class JournalUnwritable(JournalError):
    """The disk is full, read-only or broken, or the file is no journal."""


class Journal:
    """Promises in an SQLite file. `owner` says whose they are (key, chain and contract) and never changes."""

    def __init__(self, path: Path, owner: str) -> None:
        self.path = path
        self._lock = Lock()
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._rows = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._rows.execute("PRAGMA journal_mode = WAL")
                self._rows.execute("PRAGMA synchronous = FULL")
                with self._transaction():
                    self._create(owner)
            except BaseException:
                self._rows.close()
                raise

    def promise(self, subject: str, digest: bytes, text: str = "") -> None:
        """On the disk when this returns; promising the same again changes nothing.

        Raises PromiseBroken if the subject has another digest; JournalLocked, JournalUnwritable.
        """
        with self._lock, self._explained(), self._transaction():
            found = self._rows.execute("SELECT digest FROM promise WHERE subject = ?", (subject,)).fetchone()
            if found is None:
                self._rows.execute("INSERT INTO promise VALUES (?, ?, ?)", (subject, digest, text))
            elif found[0] != digest:
                raise PromiseBroken(
                    f"{self.path} has 0x{found[0].hex()} promised for {subject}, not 0x{digest.hex()}"
                )

    def promised(self, subject: str) -> bytes | None:
        with self._lock, self._explained():
            found = self._rows.execute("SELECT digest FROM promise WHERE subject = ?", (subject,)).fetchone()
        return None if found is None else bytes(found[0])

    def texts(self, prefix: str) -> list[str]:
        """What was promised for all subjects that begin with `prefix`, in the order of the promises."""
        query = "SELECT text FROM promise WHERE substr(subject, 1, ?) = ? ORDER BY rowid"
        with self._lock, self._explained():
            return [str(row[0]) for row in self._rows.execute(query, (len(prefix), prefix))]

    def close(self) -> None:
        with self._lock:
            self._rows.close()

    def _create(self, owner: str) -> None:
        self._rows.execute("CREATE TABLE IF NOT EXISTS journal (owner TEXT NOT NULL) STRICT")
        self._rows.execute(
            "CREATE TABLE IF NOT EXISTS promise"
            " (subject TEXT PRIMARY KEY, digest BLOB NOT NULL, text TEXT NOT NULL) STRICT"
        )
        found = self._rows.execute("SELECT owner FROM journal").fetchone()
        if found is None:
            self._rows.execute("INSERT INTO journal VALUES (?)", (owner,))
        elif found[0] != owner:
            raise JournalForeign(f"{self.path} is the journal of {found[0]}, not of {owner}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._rows.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._rows.execute("COMMIT")
        except BaseException:
            if self._rows.in_transaction:
                self._rows.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise JournalLocked(f"{self.path} is in use by another process") from error
            raise JournalUnwritable(f"{self.path} can't be used: {error}") from error
        except OSError as error:
            raise JournalUnwritable(f"{self.path} can't be used: {error}") from error
