"""Epochs made up for tests: facts as a chain would tell them, every value given or derived."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from hashlib import sha256

from tensorbond.chain.types import DeviceClass, Timing
from tensorbond.oracle.facts import CommitFact, DeviceFact, EpochFacts, ForcedDraw, Place, SlotFact
from tensorbond.oracle.outcomes import Finding

CHAIN_ID = 31337
NEVER, ALWAYS = 0, 256
DRAWN_ALWAYS = (1 << 32) - 1
OPEN = (1 << 32) - 1
PROVIDER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
OPERATOR = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
SLOT_SECONDS = 10

TERMS = DeviceClass(
    m=256,
    n=256,
    k=1024,
    r=64,
    q=16,
    draw_threshold=1 << 31,
    peak_gops=1000,
    min_gops=1,
    bond_per_gops=10**18,
    miss_penalty=10**17,
    fault_bps=3000,
)
OPERATIONS = 2 * 256 * 256 * 1024 * 64


def word(*parts: object) -> bytes:
    """A hash that stands for something."""
    return sha256(repr(parts).encode()).digest()


def make_timing(slots: int = 4, roll_call: int = NEVER) -> Timing:
    return Timing(0, 0, 100, 10, slots, 60, 30, roll_call)


def make_device(device: int = 1, gops: int = 10, from_epoch: int = 0, until_slot: int = OPEN) -> DeviceFact:
    return DeviceFact(device, PROVIDER, 0, gops, from_epoch, until_slot)


def make_commit(device: int, slot: int, seconds: int = 2) -> CommitFact:
    """A record `seconds` after the slot's start."""
    return CommitFact(device, slot, OPERATOR, word("commitment", device, slot), SLOT_SECONDS * slot + seconds)


def make_facts(
    devices: Sequence[DeviceFact] = (),
    *,
    epoch: int = 0,
    slots: int = 4,
    roll_call: int = NEVER,
    terms: DeviceClass = TERMS,
    commits: Sequence[CommitFact] = (),
    forced: Sequence[ForcedDraw] = (),
    beacons: Mapping[int, bytes] | None = None,
) -> EpochFacts:
    beacons = beacons or {}
    first = epoch * slots
    sealed = [beacons.get(slot, word("beacon", slot)) for slot in range(first, first + slots + 1)]
    return EpochFacts(
        chain_id=CHAIN_ID,
        epoch=epoch,
        timing=make_timing(slots, roll_call),
        slots=tuple(
            SlotFact(first + index, sealed[index], sealed[index + 1], SLOT_SECONDS * (first + index))
            for index in range(slots)
        ),
        devices=tuple(devices),
        classes={0: terms},
        commits={(commit.device, commit.slot): commit for commit in commits},
        forced=tuple(forced),
    )


def make_epoch(
    epoch: int, chance: random.Random, devices: int = 7
) -> tuple[EpochFacts, dict[Place, list[Finding]]]:
    """A busy epoch: some drawn, some not, some late, bad, silent, retired or forced."""
    crowd = [
        make_device(device, 1 + device, from_epoch=device % 3, until_slot=OPEN if device % 4 else 9)
        for device in range(1, devices + 1)
    ]
    slots = range(epoch * 4, epoch * 4 + 4)
    commits = [
        make_commit(device.device, slot, chance.randrange(1, 9))
        for device in crowd
        for slot in slots
        if chance.random() < 0.8
    ]
    findings: dict[Place, list[Finding]] = {}
    for commit in commits:
        kind = chance.random()
        good = Finding(word("good", commit), None)
        bad = Finding(word("bad", commit), chance.randrange(17))
        findings[commit.device, commit.slot] = (
            [good] if kind < 0.6 else [bad] if kind < 0.75 else [bad, good] if kind < 0.85 else []
        )
    forced = [
        ForcedDraw(epoch * 10 + number, chance.choice(crowd).device, chance.choice(slots))
        for number in range(3)
    ]
    return make_facts(crowd, epoch=epoch, roll_call=64, commits=commits, forced=forced), findings
