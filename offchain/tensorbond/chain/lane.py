"""One key's transactions, one at a time: simulate → sign → send → replace → wait.

    sent ──────────────► mined in a block ──► `confirmations` deep: a receipt
      │  not mined for `patience`  ▲   │
      └► signed anew, ≥ 12.5 % ────┘   └ the block was reorganised away: sent again
         dearer, same nonce

There is never a second transaction in flight, so a lane has no gaps to repair. Whichever of the replacements
is mined, the nonce is spent; if a transaction that this lane did not sign took it, that is
`TransactionDisplaced`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_account.signers.local import LocalAccount

from tensorbond.chain.abi import Abi, decode_error
from tensorbond.chain.errors import (
    ChainError,
    ContractRefused,
    FundsInsufficient,
    RpcError,
    TransactionDisplaced,
    TransactionReverted,
    TransactionStuck,
)
from tensorbond.chain.rpc import Rpc

# A replacement pays at least this much more, in thousandths: nodes refuse less than 10 %, some less than 12.5
# %.
BUMP_PERMILLE = 1125
_GWEI = 10**9
# What nodes say of a transaction that is known or mined already, or not dear enough: its receipt, its nonce
# and the next replacement tell what came of it.
_PASSING = ("known", "imported", "nonce", "underpriced", "replacement", "fee")
# EIP-7825
MAX_TRANSACTION_GAS = 1 << 24


@dataclass(frozen=True)
class Fees:
    max_fee: int
    tip: int

    def bumped(self) -> Fees:
        return Fees(_raised(self.max_fee), _raised(self.tip))

    def at_least(self, other: Fees) -> Fees:
        return Fees(max(self.max_fee, other.max_fee), max(self.tip, other.tip))


def fees_now(rpc: Rpc) -> Fees:
    """What a transaction offers at first: enough though the base fee double."""
    block = rpc.request("eth_getBlockByNumber", "latest", False)
    base = int(block.get("baseFeePerGas", "0x0"), 16)
    try:
        tip = int(rpc.request("eth_maxPriorityFeePerGas"), 16)
    except RpcError:
        tip = _GWEI
    return Fees(2 * base + tip, tip)


@dataclass(frozen=True)
class Policy:
    """How long to wait and how much to pay. Seconds and wei."""

    confirmations: int = 1
    # Unmined for this long: replace.
    patience: float = 15.0
    # Its nonce spent without a receipt for this long: another transaction took it.
    spent_patience: float = 3.0
    # Unmined for this long, replacements included: give up.
    deadline: float = 180.0
    # Never offer more for one gas.
    max_fee_cap: int = 500 * _GWEI
    # Reserve over the estimate, in percent.
    gas_reserve: int = 25
    poll: float = 0.5


@dataclass(frozen=True)
class Mined:
    """A transaction at its requested depth."""

    transaction: str
    block: int
    block_hash: bytes
    gas_used: int
    contract_address: str | None
    logs: Sequence[Mapping[str, Any]]


@dataclass
class _Attempt:
    """The signed versions of one transaction, by hash, newest last."""

    nonce: int
    raw: dict[str, str] = field(default_factory=dict)
    fees: Fees | None = None
    # When the nonce was first seen spent without a receipt of ours.
    spent_at: float | None = None


_locks: dict[tuple[int, str], threading.Lock] = {}
_locks_guard = threading.Lock()


class Lane:
    """Sends the transactions of one key. Threads that share a key share one lane's turn."""

    def __init__(
        self,
        rpc: Rpc,
        account: LocalAccount,
        *,
        policy: Policy | None = None,
        abis: Sequence[Abi] = (),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rpc, self.account, self.policy = rpc, account, policy or Policy()
        self.abis, self._clock, self._sleep = tuple(abis), clock, sleep
        with _locks_guard:
            self._turn = _locks.setdefault((rpc.chain_id, account.address), threading.Lock())

    @property
    def address(self) -> str:
        return str(self.account.address)

    def nonce(self) -> int:
        """The lowest nonce that no mined transaction has."""
        return int(self.rpc.request("eth_getTransactionCount", self.address, "latest"), 16)

    def transact(
        self,
        to: str | None,
        data: bytes,
        *,
        value: int = 0,
        nonce: int | None = None,
        abis: Sequence[Abi] = (),
        label: tuple[str, str] = ("", ""),
        on_signed: Callable[[str], None] | None = None,
    ) -> Mined:
        """Have one transaction mined. `nonce`: the only one it may have; else a displaced one is tried anew.

        Raises `ContractRefused` before anything is sent if the simulation reverts. `on_signed` gets every
        hash before it is sent, so that a caller who dies in between can find out."""
        with self._turn:
            for retry in range(3):
                request = self._request(to, data, value)
                gas = self._simulate(request, [*abis, *self.abis], label)
                attempt = _Attempt(self.nonce() if nonce is None else nonce)
                try:
                    receipt = self._drive(request | {"gas": gas}, attempt, on_signed)
                except TransactionDisplaced:
                    if nonce is not None or retry == 2:
                        raise
                    continue
                return self._judge(receipt, request, [*abis, *self.abis], label)
        raise AssertionError

    def await_mined(self, transaction: str) -> Mined | None:
        """The receipt of a transaction that was sent before; None if no node knows the transaction."""
        if self.rpc.request("eth_getTransactionByHash", transaction) is None:
            return None
        end = self._clock() + self.policy.deadline
        while self._clock() < end:
            receipt = self._settled([transaction])
            if receipt is not None:
                return self._judge(receipt, {}, self.abis, ("", ""))
            self._sleep(self.policy.poll)
        raise TransactionStuck(f"{transaction} was not mined within {self.policy.deadline:.0f} s")

    def _request(self, to: str | None, data: bytes, value: int) -> dict[str, Any]:
        request = {"from": self.address, "data": "0x" + data.hex(), "value": hex(value)}
        return request if to is None else request | {"to": to}

    def _simulate(self, request: Mapping[str, Any], abis: Sequence[Abi], label: tuple[str, str]) -> int:
        """The gas limit. Simulated in the pending block: the one that the transaction would be mined in."""
        try:
            self.rpc.request("eth_call", request, "pending")
            estimate = int(self.rpc.request("eth_estimateGas", request, "pending"), 16)
        except RpcError as error:
            refusal = refusal_of(error, abis, label)
            if refusal is not None:
                raise refusal from None
            if "insufficient funds" in error.message.lower():
                raise FundsInsufficient(f"{self.address}: {error.message}") from None
            raise
        return min(estimate * (100 + self.policy.gas_reserve) // 100, MAX_TRANSACTION_GAS)

    def _drive(
        self, request: Mapping[str, Any], attempt: _Attempt, on_signed: Callable[[str], None] | None
    ) -> Mapping[str, Any]:
        started = replace_at = self._clock()
        pause = 0.01
        while True:
            now = self._clock()
            if now >= started + self.policy.deadline:
                raise TransactionStuck(
                    f"nonce {attempt.nonce} of {self.address} was not mined within "
                    f"{self.policy.deadline:.0f} s; sent {', '.join(attempt.raw) or 'nothing'}"
                )
            if now >= replace_at:
                self._send_anew(request, attempt, on_signed)
                replace_at = now + self.policy.patience
            receipt = self._settled(list(attempt.raw))
            if receipt is not None:
                return receipt
            self._check_displaced(attempt)
            self._sleep(pause)
            pause = min(pause * 2, self.policy.poll)

    def _send_anew(
        self, request: Mapping[str, Any], attempt: _Attempt, on_signed: Callable[[str], None] | None
    ) -> None:
        """Sign at today's fees, and at 12.5 % more than before; at the cap, only repeat what was signed."""
        fees = fees_now(self.rpc)
        if attempt.fees is not None:
            fees = fees.at_least(attempt.fees.bumped())
        if fees.max_fee > self.policy.max_fee_cap and attempt.fees is not None:
            self._send(list(attempt.raw.values())[-1])
            return
        fees = Fees(
            min(fees.max_fee, self.policy.max_fee_cap), min(fees.tip, fees.max_fee, self.policy.max_fee_cap)
        )
        signed = self.account.sign_transaction(
            {
                "type": 2,
                "chainId": self.rpc.chain_id,
                "nonce": attempt.nonce,
                "gas": request["gas"],
                "maxFeePerGas": fees.max_fee,
                "maxPriorityFeePerGas": fees.tip,
                "value": int(request["value"], 16),
                "data": request["data"],
                **({"to": request["to"]} if "to" in request else {}),
            }
        )
        transaction, raw = (
            "0x" + signed.hash.hex().removeprefix("0x"),
            "0x" + bytes(signed.raw_transaction).hex(),
        )
        if on_signed is not None:
            on_signed(transaction)
        attempt.raw[transaction], attempt.fees = raw, fees
        self._send(raw)

    def _send(self, raw: str) -> None:
        try:
            self.rpc.request("eth_sendRawTransaction", raw)
        except RpcError as error:
            said = error.message.lower()
            if "insufficient funds" in said:
                raise FundsInsufficient(f"{self.address}: {error.message}") from None
            if not any(hint in said for hint in _PASSING):
                raise

    def _settled(self, transactions: Sequence[str]) -> Mapping[str, Any] | None:
        """The receipt of the one that was mined, once it is deep enough in the chain that the node tells
        now."""
        for transaction in reversed(transactions):
            receipt: Mapping[str, Any] | None = self.rpc.request("eth_getTransactionReceipt", transaction)
            if receipt is None or receipt.get("blockNumber") is None:
                continue
            head = int(self.rpc.request("eth_blockNumber"), 16)
            if head - int(receipt["blockNumber"], 16) + 1 < self.policy.confirmations:
                return None
            block = self.rpc.request("eth_getBlockByNumber", receipt["blockNumber"], False)
            return receipt if block and block["hash"] == receipt["blockHash"] else None
        return None

    def _check_displaced(self, attempt: _Attempt) -> None:
        """Raise if the nonce is spent by a transaction that isn't ours; send again what the pool has lost.

        A node may count a transaction before it shows the receipt: a nonce spent without one is believed only
        after `spent_patience`."""
        if self.nonce() > attempt.nonce:
            mined = any(self.rpc.request("eth_getTransactionReceipt", each) for each in attempt.raw)
            now = self._clock()
            attempt.spent_at = None if mined else now if attempt.spent_at is None else attempt.spent_at
            if attempt.spent_at is not None and now >= attempt.spent_at + self.policy.spent_patience:
                raise TransactionDisplaced(
                    f"another transaction of {self.address} took nonce {attempt.nonce}"
                )
            return
        attempt.spent_at = None
        newest, raw = list(attempt.raw.items())[-1]
        if self.rpc.request("eth_getTransactionByHash", newest) is None:
            self._send(raw)

    def _judge(
        self,
        receipt: Mapping[str, Any],
        request: Mapping[str, Any],
        abis: Sequence[Abi],
        label: tuple[str, str],
    ) -> Mined:
        if int(receipt["status"], 16) != 1:
            raise self._why(receipt, request, abis, label)
        return Mined(
            transaction=receipt["transactionHash"],
            block=int(receipt["blockNumber"], 16),
            block_hash=bytes.fromhex(receipt["blockHash"][2:]),
            gas_used=int(receipt["gasUsed"], 16),
            contract_address=receipt.get("contractAddress"),
            logs=receipt["logs"],
        )

    def _why(
        self,
        receipt: Mapping[str, Any],
        request: Mapping[str, Any],
        abis: Sequence[Abi],
        label: tuple[str, str],
    ) -> ChainError:
        """It passed the simulation and reverted when mined: ask again in the block's own state."""
        if request:
            try:
                self.rpc.request("eth_call", request, receipt["blockNumber"])
            except RpcError as error:
                refusal = refusal_of(error, abis, label)
                if refusal is not None:
                    return refusal
        return TransactionReverted(
            f"{receipt['transactionHash']} reverted in block {int(receipt['blockNumber'], 16)}"
        )


def refusal_of(error: RpcError, abis: Sequence[Abi], label: tuple[str, str]) -> ContractRefused | None:
    """The decoded revert behind a node's error, or None if it isn't a revert."""
    data = error.data
    if isinstance(data, Mapping):
        data = data.get("data") or data.get("result")
    if isinstance(data, str) and "0x" in data:
        data = data[data.index("0x") :]
        return decode_error(bytes.fromhex(data[2:]), abis, *label)
    if "revert" in error.message.lower():
        return decode_error(b"", abis, *label)
    return None


def _raised(fee: int) -> int:
    return -(-fee * BUMP_PERMILLE // 1000)
