"""Where a transaction's gas goes: the slots, accounts, bytes, events, signatures and hashes that it pays for.

Of what it called and what it touched, not of its steps: a proof of work has millions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tensorbond.chain.rpc import Rpc

BASE = 21_000
COLD_ACCOUNT = 2_500
"""What the first call to an account costs beyond the later ones."""
ECRECOVER, ECRECOVER_GAS = 1, 3_000
SHA256 = 2
CLEARED = 4_800
"""What comes back for a slot that became zero."""
FLOOR = 10
"""The least that a zero byte of calldata costs; another costs four times that (EIP-7623)."""
_PRECOMPILES = range(1, 0x12)

_Touched = dict[tuple[str, str], int]
"""Slots by account and key, and what they hold."""


@dataclass(frozen=True)
class Account:
    """One transaction's gas; the counts are of what it paid for."""

    total: int
    calldata: int
    new_slots: int
    changed_slots: int
    cold_reads: int
    cold_accounts: int
    signatures: int
    hashing: int
    """By SHA-256."""
    events: int
    refund: int
    floor: int
    """The least that its calldata costs, whatever it does."""

    @property
    def storage(self) -> int:
        """Every slot at its cold price: EIP-2929 and EIP-2200."""
        return 22_100 * self.new_slots + 5_000 * self.changed_slots + 2_100 * self.cold_reads

    @property
    def is_floor(self) -> bool:
        """Whether calldata is all that it pays for."""
        return self.total == BASE + self.floor

    @property
    def computing(self) -> int:
        """The rest: arithmetic, memory, other hashes, warm reads, and writes to a slot already changed."""
        paid = BASE + self.calldata + self.storage + COLD_ACCOUNT * self.cold_accounts
        return self.total + self.refund - paid - ECRECOVER_GAS * self.signatures - self.hashing - self.events


def account(rpc: Rpc, transaction: str) -> Account:
    """Of a mined transaction."""
    receipt = rpc.request("eth_getTransactionReceipt", transaction)
    sent = rpc.request("eth_getTransactionByHash", transaction)
    calldata = bytes.fromhex(sent["input"][2:])
    frames = list(_frames(_trace(rpc, transaction, "callTracer")))
    called = [int(frame["to"], 16) for frame in frames]
    accounts = {address for address in called if address not in _PRECOMPILES} - {int(sent["to"], 16)}
    touched = _touched(_trace(rpc, transaction, "prestateTracer"))
    changes = _trace(rpc, transaction, "prestateTracer", diffMode=True)
    after = _touched(changes["post"])
    changed = {slot: after.get(slot, 0) for slot in _touched(changes["pre"]) | after}
    new = sum(touched.get(slot, 0) == 0 for slot in changed)
    return Account(
        total=int(receipt["gasUsed"], 16),
        calldata=sum(16 if byte else 4 for byte in calldata),
        new_slots=new,
        changed_slots=len(changed) - new,
        cold_reads=len(touched.keys() | changed.keys()) - len(changed),
        cold_accounts=len(accounts),
        signatures=called.count(ECRECOVER),
        hashing=sum(_sha256_gas(frame) for frame in frames if int(frame["to"], 16) == SHA256),
        events=sum(_log_gas(log) for log in receipt["logs"]),
        refund=CLEARED * sum(value == 0 for value in changed.values()),
        floor=sum(4 * FLOOR if byte else FLOOR for byte in calldata),
    )


def _trace(rpc: Rpc, transaction: str, tracer: str, **options: bool) -> Any:
    return rpc.request("debug_traceTransaction", transaction, {"tracer": tracer, "tracerConfig": options})


def _frames(frame: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A call, and all that were made in it."""
    yield frame
    for inner in frame.get("calls", ()):
        yield from _frames(inner)


def _sha256_gas(frame: Mapping[str, Any]) -> int:
    words = -(-_bytes(frame["input"]) // 32)
    return 60 + 12 * words


def _log_gas(log: Mapping[str, Any]) -> int:
    return 375 + 375 * len(log["topics"]) + 8 * _bytes(log["data"])


def _bytes(text: str) -> int:
    return len(text) // 2 - 1


def _touched(accounts: Mapping[str, Any]) -> _Touched:
    return {
        (address, key): int(value, 16)
        for address, account in accounts.items()
        for key, value in account.get("storage", {}).items()
    }
