"""What the chain says about one epoch, read at one pinned block: all that judging needs but evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tensorbond.chain.slots import first_slot, start_of
from tensorbond.chain.types import DeviceClass, Timing
from tensorbond.oracle.errors import FactsContradict
from tensorbond.proof.memory import is_memory_slot

Place = tuple[int, int]
"""(device, slot)"""


@dataclass(frozen=True)
class SlotFact:
    """A sealed slot: its beacon, the next slot's beacon, and the timestamp of its first block."""

    slot: int
    beacon: bytes
    sample_beacon: bytes
    started_at: int


@dataclass(frozen=True)
class DeviceFact:
    """A device as it was known at the epoch's last block.

    `holds`: the times in which a job held it, oldest first, each from the block that accepted the job up to,
    not including, the block that closed it.
    """

    device: int
    provider: str
    class_id: int
    bonded_gops: int
    from_epoch: int
    until_slot: int
    holds: tuple[tuple[int, int], ...] = ()

    def is_held(self, block: int) -> bool:
        """Whether a job held the device in the block."""
        return any(since <= block < until for since, until in self.holds)


@dataclass(frozen=True)
class CommitFact:
    """A commit record, by its event; `timestamp` is its block's."""

    device: int
    slot: int
    key: str
    commitment: bytes
    timestamp: int


@dataclass(frozen=True)
class ForcedDraw:
    """A benchmark that accepting `job` forced upon its device."""

    job: int
    device: int
    slot: int


@dataclass(frozen=True)
class EpochFacts:
    """`slots`: the epoch's, from the first on; all of them once it is over.

    Raises FactsContradict where the parts do not fit together.
    """

    chain_id: int
    epoch: int
    timing: Timing
    slots: tuple[SlotFact, ...]
    devices: tuple[DeviceFact, ...]
    classes: Mapping[int, DeviceClass]
    commits: Mapping[Place, CommitFact]
    forced: tuple[ForcedDraw, ...]

    def __post_init__(self) -> None:
        timing = self.timing
        first, count = first_slot(timing, self.epoch), timing.epoch_slots
        have = [fact.slot for fact in self.slots]
        if not 0 < len(have) <= count or have != list(range(first, first + len(have))):
            raise FactsContradict(f"epoch {self.epoch} has {count} slots from {first}, not {have}")
        ids = [device.device for device in self.devices]
        if len(set(ids)) != len(ids):
            raise FactsContradict(f"a device is listed twice in {ids}")
        unknown = {device.class_id for device in self.devices} - set(self.classes)
        if unknown:
            raise FactsContradict(f"devices of unknown classes {sorted(unknown)}")
        strangers = {draw.device for draw in self.forced} - set(ids)
        if strangers:
            raise FactsContradict(f"forced draws of unknown devices {sorted(strangers)}")

    @property
    def is_complete(self) -> bool:
        return len(self.slots) == self.timing.epoch_slots

    @property
    def last_slot(self) -> int:
        """The last one known."""
        return self.slots[-1].slot

    def slot(self, slot: int) -> SlotFact:
        return self.slots[slot - self.slots[0].slot]

    def is_active(self, device: DeviceFact, slot: int) -> bool:
        """Whether the device may be drawn in a slot of this epoch."""
        return device.from_epoch <= self.epoch and slot < device.until_slot

    def is_held(self, device: DeviceFact, slot: int) -> bool:
        """Whether a job held the device in the first block of a slot of this epoch."""
        return device.is_held(start_of(self.timing, slot))

    def is_memory(self, device: DeviceFact, slot: int) -> bool:
        """Whether the device proves the M-phase in the slot, if anything; else it's the C-phase."""
        return in_memory_phase(
            self.slot(slot).beacon, self.classes[device.class_id], self.is_held(device, slot)
        )


def in_memory_phase(beacon: bytes, terms: DeviceClass, held: bool) -> bool:
    """Whether a device of the class proves the M-phase in the slot with this beacon: not while it is held."""
    return terms.layers > 0 and not held and is_memory_slot(beacon)
