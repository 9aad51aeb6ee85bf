"""The chain at one block, asked in batches: thousands of single calls would take longer than all else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tensorbond.audit.findings import Progress
from tensorbond.chain.errors import ContractRefused, ReplyMalformed, RpcError, RpcUnreachable
from tensorbond.chain.network import BlockRef, Network

BATCH = 256
"""Requests at a time; fewer where the endpoint refuses."""

Item = TypeVar("Item")
Call = tuple[Any, ...]
"""(contract, function, *arguments)"""


@dataclass(frozen=True)
class Unanswered:
    """A call that the contract refused, or that gave nothing one can read."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class Pinned:
    """`network` at `block`. Raises `ChainError` where no endpoint answers or the block is no longer there."""

    def __init__(self, network: Network, block: BlockRef, tell: Progress) -> None:
        self.network, self.block, self.tell = network, block, tell
        self._headers: dict[int, BlockRef] = {block.number: block}

    def calls(self, calls: Sequence[Call], what: str) -> list[Any]:
        """What each call returns, or `Unanswered`."""
        return self._in_batches(calls, self._ask, what)

    def headers(self, numbers: Iterable[int]) -> Mapping[int, BlockRef]:
        """Number, hash and time of these blocks (and of any that were asked for before)."""
        missing = sorted(set(numbers) - self._headers.keys())
        found = self._in_batches(missing, self.network.blocks, "headers")
        self._headers |= zip(missing, found, strict=True)
        return self._headers

    def calldata(
        self, contract: str, function: str, transactions: Iterable[str]
    ) -> dict[str, tuple[Any, ...]]:
        """By transaction, the arguments with which it called the function; those that didn't are left out."""
        wanted = sorted(set(transactions))
        found = self._in_batches(
            wanted,
            lambda hashes: self.network.rpc.batch([("eth_getTransactionByHash", (each,)) for each in hashes]),
            "transactions",
        )
        abi, address = self.network.abi(contract), self.network.address(contract).lower()
        decoded = {}
        for name, transaction in zip(wanted, found, strict=True):
            told = transaction or {}
            data = bytes.fromhex((told.get("input") or "0x")[2:])
            if (told.get("to") or "").lower() == address and data[:4] == abi.function(function).selector:
                decoded[name] = abi.decode_call(function, data)
        return decoded

    def _ask(self, calls: Sequence[Call]) -> list[Any]:
        try:
            return self.network.calls(calls, self.block)
        except (ContractRefused, ReplyMalformed) as error:
            if len(calls) == 1:
                return [Unanswered(str(error))]
            middle = len(calls) // 2
            return self._ask(calls[:middle]) + self._ask(calls[middle:])

    def _in_batches(
        self, items: Sequence[Item], ask: Callable[[Sequence[Item]], list[Any]], what: str
    ) -> list[Any]:
        answers: list[Any] = []
        size = BATCH
        while len(answers) < len(items):
            self.tell(what, len(answers), len(items))
            batch = items[len(answers) : len(answers) + size]
            try:
                answers += ask(batch)
            except (RpcError, RpcUnreachable):
                # An endpoint that is down, or has left the block, is not asked again and again.
                self.network.require_canonical(self.block)
                if len(batch) == 1:
                    raise
                size = len(batch) // 2
        self.tell(what, len(answers), len(items))
        return answers
