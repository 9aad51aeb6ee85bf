"""`/.well-known/security.txt` (RFC 9116): where whoever runs this oracle wants to hear of a hole in it."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tensorbond.oracle.errors import OracleError

_FIELD = re.compile(r"([A-Za-z][A-Za-z-]*):[ \t]*(\S.*?)[ \t]*", re.ASCII)
_REACHED_BY = ("https://", "mailto:", "tel:")
_ONCE = ("expires", "preferred-languages")
_MOST_BYTES = 32 * 1024


class SecurityTxtInvalid(OracleError):
    """A file that RFC 9116 doesn't allow, or that has expired."""


@dataclass(frozen=True)
class SecurityTxt:
    """A file as its author wrote it, signed or not."""

    text: str
    expires: datetime

    @classmethod
    def load(cls, path: Path) -> SecurityTxt:
        """Raises `SecurityTxtInvalid`, also for a file that has expired."""
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise SecurityTxtInvalid(f"{path}: {error.strerror}") from error
        try:
            found = cls.parse(raw)
        except SecurityTxtInvalid as error:
            raise SecurityTxtInvalid(f"{path}: {error}") from error
        if found.current() is None:
            raise SecurityTxtInvalid(f"{path}: it expired on {found.expires:%Y-%m-%d}")
        return found

    @classmethod
    def parse(cls, raw: bytes) -> SecurityTxt:
        if len(raw) > _MOST_BYTES:
            raise SecurityTxtInvalid(f"it has more than {_MOST_BYTES} bytes")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise SecurityTxtInvalid("it is not UTF-8") from error
        fields: dict[str, list[str]] = defaultdict(list)
        for line in text.splitlines():
            if field := _FIELD.fullmatch(line):
                fields[field[1].lower()].append(field[2])
        if not fields["contact"]:
            raise SecurityTxtInvalid("it names no Contact")
        for contact in fields["contact"]:
            if not contact.lower().startswith(_REACHED_BY):
                raise SecurityTxtInvalid(f"Contact {contact!r} begins with none of {', '.join(_REACHED_BY)}")
        if twice := [name for name in _ONCE if len(fields[name]) > 1]:
            raise SecurityTxtInvalid(f"it has {twice[0]} more than once")
        return cls(text, _time("".join(fields["expires"])))

    def current(self) -> str | None:
        """The text, until it expires."""
        return self.text if datetime.now(UTC) < self.expires else None


def _time(told: str) -> datetime:
    try:
        found = datetime.fromisoformat(told.upper())
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise SecurityTxtInvalid(f"Expires is {told!r}, not a time like 2027-01-31T00:00:00Z")
    return found
