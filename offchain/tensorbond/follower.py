"""Following a contract's events from the beginning on, each read from the chain once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from tensorbond.chain.abi import Event
from tensorbond.chain.errors import ChainReorganised
from tensorbond.chain.network import BlockRef, Network


class Follower:
    """Certain events of a contract. Where the chain has left the block read up to, all are read anew."""

    def __init__(self, network: Network, contract: str, names: Sequence[str], **indexed: Any) -> None:
        self._network = network
        self._contract = contract
        self._names = names
        self._indexed = indexed
        self._events: list[Event] = []
        self._through: BlockRef | None = None

    def until(self, block: BlockRef) -> list[Event]:
        """All events up to and including `block`, in order."""
        if self._through is not None:
            try:
                self._network.require_canonical(self._through)
            except ChainReorganised:
                self._events, self._through = [], None
        since = None if self._through is None else self._through.number + 1
        if self._through is None or block.number > self._through.number:
            self._events += self._network.events(
                self._contract, self._names, since=since, until=block, **self._indexed
            )
            self._through = block
        return self._events[: bisect_right(self._events, block.number, key=lambda event: event.block)]
