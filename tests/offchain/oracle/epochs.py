"""Epochs made up for tests: facts as a chain would tell them, every value given or derived."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import count, islice

from tensorbond.chain.types import DeviceClass, Timing
from tensorbond.oracle.facts import CommitFact, DeviceFact, EpochFacts, ForcedDraw, Place, SlotFact
from tensorbond.oracle.outcomes import Finding
from tensorbond.proof.memory import is_memory_slot

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
MEMORY = replace(
    TERMS, layers=64, layer_bits=10, walker_bits=6, segments=2, peak_bandwidth=30, min_bandwidth=5
)
"""A class with an M-phase that moves 36,700,160 bytes."""


def word(*parts: object) -> bytes:
    """A hash that stands for something."""
    return sha256(repr(parts).encode()).digest()


def beacon_of(number: int, memory: bool) -> bytes:
    """The `number`-th hash that makes a slot of the M-phase, or of the C-phase."""
    found = (each for each in count() if is_memory_slot(word("phase", each)) == memory)
    return word("phase", next(islice(found, number, None)))


def make_timing(slots: int = 4, roll_call: int = NEVER) -> Timing:
    return Timing(0, 0, 100, 10, slots, 60, 30, roll_call)


def make_device(
    device: int = 1,
    gops: int = 10,
    from_epoch: int = 0,
    until_slot: int = OPEN,
    holds: tuple[tuple[int, int], ...] = (),
) -> DeviceFact:
    return DeviceFact(device, PROVIDER, 0, gops, from_epoch, until_slot, holds)


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
    epoch: int, chance: random.Random, devices: int = 7, terms: DeviceClass = MEMORY
) -> tuple[EpochFacts, dict[Place, list[Finding]]]:
    """A busy epoch: some drawn, some not, some late, bad, silent, retired or forced."""
    crowd = [
        make_device(
            device,
            1 + device,
            from_epoch=device % 3,
            until_slot=OPEN if device % 4 else 9,
            holds=((100, 125), (140, 165)) if device % 5 == 1 else (),
        )
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
    beacons = {
        slot: beacon_of(slot, memory=chance.random() < 0.4) for slot in range(epoch * 4, epoch * 4 + 5)
    }
    told = {"terms": terms, "beacons": beacons, "roll_call": 64, "commits": commits, "forced": forced}
    return make_facts(crowd, epoch=epoch, **told), findings
