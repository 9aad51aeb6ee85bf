"""What an audit says: findings, and how much was looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from tensorbond.errors import TensorbondError

Progress = Callable[[str, int, int], None]
"""Called with (what is being checked, done, in all)."""


class AuditImpossible(TensorbondError):
    """The audit could not tell: what it needs to look at isn't there."""


@dataclass(frozen=True)
class Finding:
    """One statement that doesn't hold: `have` is what chain or evidence say, `need` what the audit found."""

    check: str
    subject: str
    have: str
    need: str
    where: str = ""

    def __str__(self) -> str:
        place = f" at {self.where}" if self.where else ""
        return f"{self.check}: {self.subject}{place}: have {self.have}, need {self.need}"


@dataclass
class Report:
    """The audit's result at one block."""

    chain_id: int
    block: int
    block_hash: bytes
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    events_replayed: int = 0
    balances_checked: int = 0
    proofs_checked: int = 0
    epochs_checked: int = 0

    @property
    def ok(self) -> bool:
        return not self.findings

    def expect(self, check: str, subject: str, have: Any, need: Any, where: str = "") -> bool:
        """Add a finding unless `have` equals `need`."""
        if have != need:
            self.findings.append(Finding(check, subject, _show(have), _show(need), where))
        return bool(have == need)

    def expect_at_least(self, check: str, subject: str, have: int, least: int, where: str = "") -> bool:
        """Add a finding unless `have` ≥ `least`."""
        if have < least:
            self.findings.append(Finding(check, subject, str(have), f"at least {least}", where))
        return have >= least

    def expect_at_most(self, check: str, subject: str, have: int, most: int, where: str = "") -> bool:
        """Add a finding unless `have` ≤ `most`."""
        if have > most:
            self.findings.append(Finding(check, subject, str(have), f"at most {most}", where))
        return have <= most

    def balance(self, check: str, subject: str, have: Any, need: int) -> None:
        """Compare a balance that the chain holds with the replayed one."""
        self.balances_checked += 1
        self.expect(check, subject, have, need)

    def to_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "chain_id": self.chain_id,
            "block": self.block,
            "block_hash": "0x" + self.block_hash.hex(),
            "findings": [vars(finding) for finding in self.findings],
            "notes": self.notes,
            "events_replayed": self.events_replayed,
            "balances_checked": self.balances_checked,
            "proofs_checked": self.proofs_checked,
            "epochs_checked": self.epochs_checked,
        }


def _show(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return value.name if isinstance(value, IntEnum) else str(value)
