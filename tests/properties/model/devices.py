"""Devices, the schedule, the draws and what was committed."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise

from eth_utils.crypto import keccak

from tensorbond.chain.types import DeviceClass, Timing
from tests.words import words

from .books import OPEN, ZERO, Deployed, first_slot, require, start_of
from .staking import Staking

MAX_SESSION = 64
COMMITTED, FAULT_PAID, MISSED, ITEM_SHIFT = 1, 2, 4, 5


@dataclass
class DeviceBook:
    provider: str
    class_id: int
    gops: int
    from_epoch: int
    bond: int
    full_bond: int
    until_slot: int = OPEN
    held: bool = False
    forced_slot: int = 0
    # Faults
    faults: int = 0
    last_epoch: int = 0
    earliest: int = OPEN
    misses: int = 0
    miss_epoch: int = 0
    claimed: int = 0


def record_of(commitment: bytes, timestamp: int, key: str) -> bytes:
    return keccak(words(commitment, timestamp, key))


class Devices(Staking):
    def __init__(self, deployed: Deployed) -> None:
        super().__init__(deployed)
        self.classes = list(deployed.classes)
        self.devices: dict[int, DeviceBook] = {}
        self.beacons: dict[int, bytes] = {}
        self.records: dict[tuple[int, int], tuple[bytes, int]] = {}
        # By key: the first device and the one past the last, and from which epoch on.
        self.sessions: dict[str, tuple[int, int, int]] = {}
        # What the records are of: commitment, time and key.
        self.commits: dict[tuple[int, int], tuple[bytes, int, str]] = {}

    def add_class(self, sender: str, terms: DeviceClass) -> None:
        self.require_governor(sender)
        require(terms.q > 0, "ClassTermsInvalid", "q", terms.q, 1)
        self.classes.append(terms)

    @property
    def least_entry(self) -> int:
        """The first epoch that a timing entry may begin with."""
        forced = self.coming_slot + 1
        return max(self.epoch + 1, self.timings[-1].from_epoch, self.epoch_of_slot(forced)) + 1

    def ends_before(self, timing: Timing) -> list[tuple[int, Timing]]:
        """The entries before one, each with the last block of its last epoch."""
        pairs = pairwise(self.timings)
        return [(later.from_block - 1, t) for t, later in pairs if later.from_block <= timing.from_block]

    def schedule(self, sender: str, timing: Timing) -> None:
        self.require_governor(sender)
        last, least = self.timings[-1], self.least_entry
        most = least + 1_024
        require(timing.from_epoch >= least, "TimingInvalid", "fromEpoch", timing.from_epoch, least)
        require(timing.from_epoch <= most, "TimingInvalid", "fromEpoch", timing.from_epoch, most)
        exposed = timing.slot_blocks * timing.epoch_slots + timing.attest_blocks + 2 * timing.proof_blocks
        for name, have, bound in (
            ("attestBlocks", timing.attest_blocks, 2 * timing.slot_blocks),
            ("proofBlocks", timing.proof_blocks, timing.slot_blocks),
            ("unbondingBlocks", self.unbonding_blocks, exposed),
        ):
            require(have >= bound, "TimingInvalid", name, have, bound)
        from_slot = first_slot(last, timing.from_epoch)
        self.timings.append(replace(timing, from_slot=from_slot, from_block=start_of(last, from_slot)))

    def register(self, provider: str, class_id: int, gops: int, count: int) -> None:
        require(class_id < len(self.classes), "ClassUnknown", class_id)
        terms = self.classes[class_id]
        least, most = terms.min_gops, terms.peak_gops
        require(least <= gops <= most, "BondedGopsOutOfRange", gops, least, most)
        require(1 <= count <= 64, "CountOutOfRange", count, 64)
        bond = gops * terms.bond_per_gops
        self._lock(provider, bond * count)
        for _ in range(count):
            device = len(self.devices) + 1
            self.devices[device] = DeviceBook(provider, class_id, gops, self.epoch + 1, bond, bond)

    def retire(self, sender: str, device: int) -> None:
        require(device in self.devices, "DeviceUnknown", device)
        book = self.devices[device]
        require(sender == book.provider, "ProviderOnly", sender, book.provider)
        require(book.until_slot == OPEN, "DeviceRetiredAlready", device, book.until_slot)
        until = self.epoch + 2
        book.until_slot = first_slot(self.timing_of(until), until)

    def is_active(self, device: int, slot: int) -> bool:
        book = self.devices[device]
        return slot < book.until_slot and book.from_epoch <= self.epoch_of_slot(slot)

    def suspend_uncovered(self, device: int) -> None:
        book = self.devices[device]
        position = self.position(book.provider)
        after = deepcopy(position)
        released = after.release(self.block)
        require(after.short_since > 0, "ProviderCovered", book.provider)
        grace_until = after.short_since + self.timing.slot_blocks * self.timing.epoch_slots
        require(self.block > grace_until, "GraceRunning", book.provider, after.short_since, grace_until)
        require(book.until_slot > self.slot + 1, "DeviceRetiredAlready", device, book.until_slot)
        book.until_slot = self.slot + 1
        self.total_staked += released
        self.positions[book.provider] = after

    # Challenges

    def seal(self, slot: int) -> None:
        require(slot not in self.beacons, "SlotSealedAlready", slot)
        start = self.slot_start(slot)
        require(self.block > start, "SlotNotStarted", slot, start, self.block)
        self.beacons[slot] = self.hash_of(self.slot_start(slot))

    def window_of(self, slot: int) -> tuple[int, int]:
        t = self.timing_at(slot)
        return start_of(t, slot) + 1, start_of(t, slot + 1) - 2

    def open_session(self, sender: str, first: int, count: int) -> None:
        require(1 <= count <= MAX_SESSION, "SessionSizeInvalid", count, MAX_SESSION)
        from_epoch = 0
        for device in range(first, first + count):
            self._require_key(sender, device)
            from_epoch = max(from_epoch, self.devices[device].from_epoch)
        self.sessions[sender] = first, first + count, from_epoch

    def set_operator(self, provider: str, operator: str, valid: bool) -> None:
        """The session of the key before ends."""
        revoked = self.operator_of(provider)
        super().set_operator(provider, operator, valid)
        self.sessions.pop(revoked, None)

    def _require_key(self, sender: str, device: int) -> None:
        require(device in self.devices, "DeviceUnknown", device)
        operator = self.operator_of(self.devices[device].provider)
        require(sender == operator, "OperatorOnly", sender, operator)

    def in_session(self, sender: str, device: int, slot: int) -> bool:
        first, end, from_epoch = self.sessions.get(sender, (0, 0, 0))
        return first <= device < end and self.epoch_of_slot(slot) >= from_epoch

    def commit(self, sender: str, device: int, slot: int, commitment: bytes) -> None:
        require(commitment != ZERO, "CommitmentZero")
        first, last = self.window_of(slot)
        require(first <= self.block <= last, "WindowClosed", slot, self.block, first, last)
        if not self.in_session(sender, device, slot):
            require(device in self.devices, "DeviceUnknown", device)
            require(self.is_active(device, slot), "DeviceNotActive", device, slot)
            self._require_key(sender, device)
        require((device, slot) not in self.records, "CommittedAlready", device, slot)
        if slot not in self.beacons:
            self.seal(slot)
        self.commits[device, slot] = commitment, self.timestamp, sender
        self.records[device, slot] = record_of(commitment, self.timestamp, sender), COMMITTED

    def is_drawn(self, device: int, slot: int) -> bool:
        require(slot in self.beacons, "SlotNotSealed", slot)
        require(device in self.devices, "DeviceUnknown", device)
        if not self.is_active(device, slot):
            return False
        beacon = self.beacons[slot]
        if sha256(b"GPOW1/roll" + beacon).digest()[0] < self.timing_at(slot).roll_call:
            return True
        lot = sha256(b"GPOW1/draw" + beacon + device.to_bytes(8, "little")).digest()[:4]
        return int.from_bytes(lot, "little") < self.classes[self.devices[device].class_id].draw_threshold
