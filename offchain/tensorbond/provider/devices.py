"""The provider's own devices, and what is due of them in a slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tensorbond.chain import slots
from tensorbond.chain.network import BlockRef, Network
from tensorbond.chain.types import Device, DeviceClass, Timing
from tensorbond.follower import Follower
from tensorbond.oracle.duties import challenge_for, kind_drawn
from tensorbond.oracle.facts import in_memory_phase
from tensorbond.proof.verifier import AnyChallenge

NO_RECORD = bytes(32)


@dataclass(frozen=True)
class OwnDevice:
    number: int
    state: Device
    terms: DeviceClass
    held: bool

    @property
    def bond(self) -> int:
        """Wei that it was registered with."""
        return self.state.bonded_gops * self.terms.bond_per_gops

    def is_active(self, epoch: int, slot: int) -> bool:
        return self.state.from_epoch <= epoch and slot < self.state.until_slot


@dataclass(frozen=True)
class Draw:
    """What a slot says of every device: its beacon, and who is held or forced by a job in it."""

    slot: int
    beacon: bytes
    held: frozenset[int] = frozenset()
    forced: frozenset[int] = frozenset()


def is_due(device: OwnDevice, timing: Timing, draw: Draw) -> bool:
    """Whether the device must answer in the slot: drawn by lot, by a roll call, or forced by its job."""
    if not device.is_active(slots.epoch_of(timing, draw.slot), draw.slot):
        return False
    held = device.number in draw.held
    drawn = kind_drawn(draw.beacon, timing.roll_call, device.number, device.terms, held)
    return drawn is not None or device.number in draw.forced


def challenge_of(chain_id: int, device: OwnDevice, draw: Draw) -> AnyChallenge:
    """The M-phase in its slots, but the C-phase while a job holds the device."""
    memory = in_memory_phase(draw.beacon, device.terms, device.number in draw.held)
    provider, slot, beacon = device.state.provider, draw.slot, draw.beacon
    return challenge_for(chain_id, provider, device.number, slot, beacon, device.terms, memory)


def longest_run(numbers: Sequence[int], most: int) -> range:
    """Of ascending numbers the most that follow one another, at most so many, and of equal runs the first."""
    best, first = range(0), 0
    for at, number in enumerate(numbers):
        if at and number != numbers[at - 1] + 1:
            first = at
        if at - first == most:
            first += 1
        if at - first + 1 > len(best):
            best = range(numbers[first], number + 1)
    return best


class Devices:
    """What the chain says of one provider's devices."""

    def __init__(self, network: Network, provider: str, only: frozenset[int] | None = None) -> None:
        self._network = network
        self._only = only
        self._registered = Follower(network, "DeviceRegistry", ("DeviceRegistered",), provider=provider)
        self._accepted = Follower(network, "JobEscrow", ("JobAccepted",), provider=provider)
        self._classes: dict[int, DeviceClass] = {}

    def at(self, pinned: BlockRef) -> list[OwnDevice]:
        """Ascending by number."""
        numbers = [event.args["device"] for event in self._registered.until(pinned)]
        wanted = [number for number in numbers if self._only is None or number in self._only]
        states: list[Device] = self._network.calls(
            [("DeviceRegistry", "deviceOf", number) for number in wanted], pinned
        )
        held: list[bool] = self._network.calls(
            [("DeviceRegistry", "isHeld", number) for number in wanted], pinned
        )
        return [
            OwnDevice(number, state, self._class(state.class_id), is_held)
            for number, state, is_held in zip(wanted, states, held, strict=True)
        ]

    def draw(self, devices: Sequence[OwnDevice], slot: int, beacon: bytes, pinned: BlockRef) -> Draw:
        """What a slot asks of these devices."""
        numbers = [device.number for device in devices]
        told: list[bool] = self._network.calls(
            [("DeviceRegistry", "heldIn", number, slot) for number in numbers], pinned
        )
        held = (number for number, held in zip(numbers, told, strict=True) if held)
        forced = (
            event.args["device"] for event in self._accepted.until(pinned) if event.args["forcedSlot"] == slot
        )
        return Draw(slot, beacon, frozenset(held), frozenset(forced))

    def _class(self, class_id: int) -> DeviceClass:
        if class_id not in self._classes:
            self._classes[class_id] = self._network.call("DeviceRegistry", "classOf", class_id)
        return self._classes[class_id]
