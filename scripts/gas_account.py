"""Where a transaction's gas goes: the slots, accounts, bytes, events and signatures that it pays for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tensorbond.chain.rpc import Rpc

BASE = 21_000
COLD_ACCOUNT = 2_500
"""What the first call to an account costs beyond the later ones."""
ECRECOVER, ECRECOVER_GAS = 1, 3_000
_CALLS = ("CALL", "STATICCALL", "DELEGATECALL", "CALLCODE")
_PRECOMPILES = range(1, 0x12)


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
    events: int
    refund: int

    @property
    def storage(self) -> int:
        """Every slot at its cold price: EIP-2929 and EIP-2200."""
        return 22_100 * self.new_slots + 5_000 * self.changed_slots + 2_100 * self.cold_reads

    @property
    def computing(self) -> int:
        """The rest: arithmetic, memory, hashing, warm reads, and writes to a slot already changed."""
        paid = BASE + self.calldata + self.storage + COLD_ACCOUNT * self.cold_accounts
        return self.total + self.refund - paid - ECRECOVER_GAS * self.signatures - self.events


def account(rpc: Rpc, transaction: str) -> Account:
    """Of a mined transaction, by its trace."""
    receipt = rpc.request("eth_getTransactionReceipt", transaction)
    sent = rpc.request("eth_getTransactionByHash", transaction)
    options = {"disableMemory": True, "disableStorage": True, "enableReturnData": False}
    steps = rpc.request("debug_traceTransaction", transaction, options)["structLogs"]
    calldata = bytes.fromhex(sent["input"][2:])
    new, changed, reads = _slots(steps)
    called = [int(step["stack"][-2], 16) for step in steps if step["op"] in _CALLS]
    accounts = {address for address in called if address not in _PRECOMPILES} - {int(sent["to"], 16)}
    return Account(
        total=int(receipt["gasUsed"], 16),
        calldata=sum(16 if byte else 4 for byte in calldata),
        new_slots=new,
        changed_slots=changed,
        cold_reads=reads,
        cold_accounts=len(accounts),
        signatures=called.count(ECRECOVER),
        events=sum(step["gasCost"] for step in steps if step["op"].startswith("LOG")),
        refund=max((int(step.get("refund", 0)) for step in steps), default=0),
    )


def _slots(steps: Iterable[Mapping[str, Any]]) -> tuple[int, int, int]:
    """Slots that became nonzero, that changed, and that were only read; each once.

    One that was read before it was written is counted where it was written: the read paid 2,100 of its
    price."""
    new = changed = reads = 0
    for step in steps:
        if step["op"] == "SLOAD" and step["gasCost"] == 2_100:
            reads += 1
        if step["op"] == "SSTORE":
            cost = step["gasCost"]
            new += cost >= 20_000
            changed += cost in (2_900, 5_000)
            reads -= cost in (2_900, 20_000)
    return new, changed, reads
