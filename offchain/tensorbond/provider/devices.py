"""The provider's own devices, and what is due of them in a slot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tensorbond.chain import slots
from tensorbond.chain.network import BlockRef, Network
from tensorbond.chain.types import Device, DeviceClass, Timing
from tensorbond.follower import Follower
from tensorbond.oracle.duties import kind_drawn, shape_of
from tensorbond.proof.challenge import Challenge

NO_RECORD = bytes(32)


@dataclass(frozen=True)
class OwnDevice:
    number: int
    state: Device
    terms: DeviceClass

    @property
    def held(self) -> bool:
        return self.state.held

    @property
    def bond(self) -> int:
        """Wei that it was registered with."""
        return self.state.bonded_gops * self.terms.bond_per_gops

    def is_active(self, epoch: int, slot: int) -> bool:
        return self.state.from_epoch <= epoch and slot < self.state.until_slot


def is_due(
    device: OwnDevice, timing: Timing, slot: int, beacon: bytes, forced: Iterable[tuple[int, int]]
) -> bool:
    """Whether the device must answer in the slot: drawn by lot, by a roll call, or forced by a job."""
    if not device.is_active(slots.epoch_of(timing, slot), slot):
        return False
    drawn = kind_drawn(beacon, timing.roll_call, device.number, device.terms)
    return drawn is not None or (device.number, slot) in forced


def challenge_for(chain_id: int, device: OwnDevice, slot: int, beacon: bytes) -> Challenge:
    provider = bytes.fromhex(device.state.provider[2:])
    return Challenge(beacon, chain_id, provider, device.number, slot, shape_of(device.terms))


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
        return [
            OwnDevice(number, state, self._class(state.class_id))
            for number, state in zip(wanted, states, strict=True)
        ]

    def forced(self, pinned: BlockRef) -> set[tuple[int, int]]:
        """(device, slot) of every draw that an accepted job forced."""
        return {(event.args["device"], event.args["forcedSlot"]) for event in self._accepted.until(pinned)}

    def _class(self, class_id: int) -> DeviceClass:
        if class_id not in self._classes:
            self._classes[class_id] = self._network.call("DeviceRegistry", "classOf", class_id)
        return self._classes[class_id]
