"""A governor's call: made, or scheduled, and made after the delay that AccessManager keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tensorbond.chain.errors import ChainError
from tensorbond.chain.handover import MANAGER
from tensorbond.chain.lane import Lane
from tensorbond.chain.network import BlockRef, Network
from tensorbond.chain.roles import PAUSE

# Contract, function and its arguments.
Call = tuple[str, str, tuple[Any, ...]]


@dataclass(frozen=True)
class Outcome:
    """What came of a call: done, scheduled, waiting, or refused (it isn't this key's to make).

    `wait`: seconds until it can be made."""

    state: str
    wait: int = 0
    operation: bytes = b""


@dataclass(frozen=True)
class Scheduled:
    """A call that waits. `ready_at`: the timestamp from which on it can be made, for a week."""

    operation: bytes
    caller: str
    contract: str
    function: str
    args: tuple[Any, ...]
    target: str
    data: bytes
    ready_at: int


def govern(lane: Lane, network: Network, call: Call) -> Outcome:
    """Make a call; or schedule it, if this key's calls wait. Asked again after the delay it is made."""
    contract, function, args = call
    target, data = network.address(contract), network.abi(contract).encode_call(function, args)
    immediate, delay = network.call(MANAGER, "canCall", lane.address, target, data[:4])
    if immediate:
        transact(lane, network, call)
        return Outcome("done")
    if not delay:
        return Outcome("refused")
    operation = network.call(MANAGER, "hashOperation", lane.address, target, data)
    ready_at = network.call(MANAGER, "getSchedule", operation)
    if not ready_at:
        transact(lane, network, (MANAGER, "schedule", (target, data, 0)))
        return Outcome("scheduled", delay, operation)
    wait = ready_at - network.head().timestamp
    if wait > 0:
        return Outcome("waiting", wait, operation)
    transact(lane, network, call)
    return Outcome("done", operation=operation)


def transact(lane: Lane, network: Network, call: Call) -> None:
    contract, function, args = call
    abi = network.abi(contract)
    lane.transact(
        network.address(contract),
        abi.encode_call(function, args),
        abis=[abi, network.abi(MANAGER)],
        label=(contract, function),
    )


def scheduled(network: Network, block: BlockRef) -> Iterator[Scheduled]:
    """What waits or could be made, the oldest first."""
    found = {
        e.args["operationId"]: e.args for e in network.events(MANAGER, "OperationScheduled", until=block)
    }
    names = {record.address: name for name, record in network.deployment.contracts.items()}
    for operation, told in found.items():
        ready_at = network.call(MANAGER, "getSchedule", operation, block=block)
        if not ready_at:
            continue
        contract, function, args = names.get(told["target"], told["target"]), "0x" + told["data"].hex(), ()
        if told["target"] in names:
            for item in network.abi(contract).functions.values():
                if item.selector == told["data"][:4]:
                    function = item.name
                    args = network.abi(contract).decode_call(item.signature, told["data"])
        yield Scheduled(
            operation, told["caller"], contract, function, args, told["target"], told["data"], ready_at
        )


def pausable(network: Network) -> list[str]:
    """The contracts whose new business can be stopped."""
    return [name for name in network.deployment.contracts if PAUSE in network.abi(name).functions]


def cancel(lane: Lane, network: Network, operation: bytes) -> Scheduled:
    """Cancel what is scheduled: the guardian, the governor, or who scheduled it."""
    for found in scheduled(network, network.head()):
        if found.operation == operation:
            transact(lane, network, (MANAGER, "cancel", (found.caller, found.target, found.data)))
            return found
    raise ChainError(f"no call 0x{operation.hex()} is scheduled")
