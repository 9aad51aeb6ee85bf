"""What the bot has deposited with its requests and no answer was paid. It goes back to the asker, but only if
somebody calls for it, and nobody else has a reason to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tensorbond.chain.abi import Event
from tensorbond.chain.network import BlockRef, Network
from tensorbond.chain.types import DataRequest, ItemRequest
from tensorbond.follower import Follower
from tensorbond.watch.coverage import CALLS_AT_ONCE
from tensorbond.watch.dispute import Dispute

REQUESTS = {
    "Attestations": "LeafRequested",
    "AttestationDisputes": "EvidenceRequested",
    "Challenges": "ItemRequested",
}
"""By contract, the event of a request for what it keeps."""
RETURN_GAS = 60_000
"""What is worth less than so much gas stays where it is."""

Where = tuple[str, int, int]
"""A request: its contract, and the block and index of its event."""


class Deposits:
    """Of one key that asks."""

    def __init__(self, network: Network, asker: str) -> None:
        self._network = network
        self._asked = [
            Follower(network, contract, (event,), asker=asker) for contract, event in REQUESTS.items()
        ]
        self._over: set[Where] = set()

    def returnable(self, pinned: BlockRef) -> Iterator[Dispute]:
        """What gives back each deposit that no answer can be paid from any more."""
        events = [event for each in self._asked for event in each.until(pinned)]
        asked = [event for event in events if _where(event) not in self._over]
        if not asked:
            return
        least = RETURN_GAS * self._network.max_fee()
        for start in range(0, len(asked), CALLS_AT_ONCE):
            part = asked[start : start + CALLS_AT_ONCE]
            told = self._network.calls([_state_of(event) for event in part], pinned)
            for event, found in zip(part, told, strict=True):
                # A leaf's request is told with its id.
                state: DataRequest | ItemRequest = found[1] if event.contract == "Attestations" else found
                if state.deposit == 0 or (isinstance(state, ItemRequest) and state.answered):
                    self._over.add(_where(event))
                elif state.deposit > least and _is_over(state, pinned):
                    yield _return(event, state)


def _where(event: Event) -> Where:
    return event.contract, event.block, event.log_index


def _state_of(event: Event) -> tuple[Any, ...]:
    args = event.args
    if event.contract == "Attestations":
        return "Attestations", "leafRequestOf", args["epoch"], args["round"], args["device"]
    if event.contract == "Challenges":
        return "Challenges", "requestOf", args["device"], args["slot"], args["place"]
    return "AttestationDisputes", "requestOf", args["request"]


def _is_over(state: DataRequest | ItemRequest, pinned: BlockRef) -> bool:
    if isinstance(state, ItemRequest):
        return pinned.number > state.deadline
    return state.answered or pinned.number > state.answer_by


def _return(event: Event, state: DataRequest | ItemRequest) -> Dispute:
    args, told = event.args, f"{state.deposit} wei"
    if event.contract == "Challenges":
        place = args["place"]
        numbers = f"{place.kind}/{place.first}/{place.second}"
        where: dict[str, int | str] = {"device": args["device"], "slot": args["slot"], "place": numbers}
        return Dispute("itemDeposit", where, (args["device"], args["slot"], place), told=told)
    kind = "leafDeposit" if event.contract == "Attestations" else "evidenceDeposit"
    return Dispute(kind, {"request": "0x" + args["request"].hex()}, (args["request"],), told=told)
