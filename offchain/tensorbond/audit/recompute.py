"""A committed benchmark as the chain alone tells it, to be computed again without any evidence."""

from __future__ import annotations

from dataclasses import dataclass

from tensorbond.chain import BlockRef, Network
from tensorbond.chain.slots import start_of
from tensorbond.chain.types import Device, DeviceClass, Timing
from tensorbond.errors import TensorbondError
from tensorbond.oracle.duties import challenge_for
from tensorbond.oracle.facts import in_memory_phase
from tensorbond.proof import AnyChallenge


class NothingCommitted(TensorbondError):
    """The chain has no commitment of the device in the slot."""

    def __init__(self, device: int, slot: int, block: int) -> None:
        super().__init__(f"device {device} has committed to nothing in slot {slot}, as of block {block}")
        self.device = device
        self.slot = slot


@dataclass(frozen=True)
class Committed:
    """What a device committed to, and the benchmark that it was to compute; `block` is the commit's."""

    challenge: AnyChallenge
    commitment: bytes
    key: str
    block: int


def read_committed(network: Network, device: int, slot: int, block: BlockRef | None = None) -> Committed:
    """The commitment of a device in a slot, checked against its record, and the challenge it answers.

    Raises NothingCommitted, ClassUnsupported, ContractRefused (where event and record differ), ChainError.
    """
    block = block or network.head()
    events = network.events("Challenges", "Committed", until=block, device=device, slot=slot)
    if not events:
        raise NothingCommitted(device, slot, block.number)
    event = events[-1]
    told = event.args
    parts = told["commitment"], told["timestamp"], told["key"]
    network.call("Challenges", "requireRecord", device, slot, *parts, block=block)
    found: Device = network.call("DeviceRegistry", "deviceOf", device, block=block)
    terms: DeviceClass = network.call("DeviceRegistry", "classOf", found.class_id, block=block)
    timing: Timing = network.call("DeviceRegistry", "timingAt", slot, block=block)
    beacon: bytes = network.call("Challenges", "beaconOf", slot, block=block)
    held = terms.layers > 0 and was_held(network, device, start_of(timing, slot))
    memory = in_memory_phase(beacon, terms, held)
    challenge = challenge_for(network.chain_id, found.provider, device, slot, beacon, terms, memory)
    return Committed(challenge, told["commitment"], told["key"], event.block)


def was_held(network: Network, device: int, block: int) -> bool:
    """Whether a job held the device once the block was over."""
    events = [
        event
        for name in ("DeviceHeld", "DeviceReleased")
        for event in network.events("DeviceRegistry", name, until=block, device=device)
    ]
    last = max(events, key=lambda event: (event.block, event.log_index), default=None)
    return last is not None and last.name == "DeviceHeld"
