"""Which benchmarks were due in an epoch: a pure function of what the chain says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tensorbond.chain.types import DeviceClass, OutcomeKind
from tensorbond.oracle.errors import ClassUnsupported
from tensorbond.oracle.facts import DeviceFact, EpochFacts
from tensorbond.proof.challenge import Challenge, Shape, is_drawn, is_roll_call
from tensorbond.proof.errors import ShapeInvalid
from tensorbond.proof.memory import SEGMENT_STEPS, MemoryChallenge, MemoryShape, is_memory_slot
from tensorbond.proof.verifier import AnyChallenge


@dataclass(frozen=True)
class Duty:
    """One benchmark that was due: one row of a leaf's outcomes."""

    device: int
    slot: int
    kind: OutcomeKind
    job: int = 0


def duties(facts: EpochFacts) -> dict[int, tuple[Duty, ...]]:
    """By device with a leaf, ascending: its drawn slots in order, then its forced draws by (slot, job)."""
    forced = _forced(facts)
    return {
        device.device: (*_drawn(facts, device), *forced.get(device.device, ()))
        for device in sorted(facts.devices, key=lambda device: device.device)
        if device.from_epoch <= facts.epoch
    }


def kind_drawn(
    beacon: bytes, roll_call: int, device: int, terms: DeviceClass, held: bool
) -> OutcomeKind | None:
    """Why an active device is drawn in the slot with this beacon, or None where it is not.

    `held`: by a job, in the slot's first block; then nothing of the M-phase is due.
    """
    memory = terms.layers > 0 and is_memory_slot(beacon)
    if memory and held:
        return None
    if is_roll_call(beacon, roll_call):
        return OutcomeKind.ROLL_CALL
    if not is_drawn(beacon, device, terms.draw_threshold):
        return None
    return OutcomeKind.DRAWN_M if memory else OutcomeKind.DRAWN_C


def shape_of(terms: DeviceClass) -> Shape:
    """Of the C-phase. Raises ClassUnsupported where the benchmark is defined for no such shape."""
    try:
        return Shape(terms.m, terms.n, terms.k, terms.r, terms.q, terms.profile)
    except ShapeInvalid as error:
        raise ClassUnsupported(f"a class has a shape that no proof can have: {error}") from error


def memory_shape_of(terms: DeviceClass) -> MemoryShape:
    """Of the M-phase. Raises ClassUnsupported where the benchmark is defined for no such shape."""
    steps = SEGMENT_STEPS * terms.segments
    try:
        return MemoryShape(terms.layers, 1 << terms.layer_bits, 1 << terms.walker_bits, steps)
    except ShapeInvalid as error:
        raise ClassUnsupported(f"a class has an M-phase that no proof can have: {error}") from error


def challenge_for(
    chain_id: int, provider: str, device: int, slot: int, beacon: bytes, terms: DeviceClass, memory: bool
) -> AnyChallenge:
    """The benchmark of a device in a slot, of the M-phase or of the C-phase. Raises ClassUnsupported."""
    due = beacon, chain_id, bytes.fromhex(provider[2:]), device, slot
    return MemoryChallenge(*due, memory_shape_of(terms)) if memory else Challenge(*due, shape_of(terms))


def challenge_of(facts: EpochFacts, device: DeviceFact, slot: int) -> AnyChallenge:
    """The benchmark of a device in a slot of the epoch."""
    return challenge_for(
        facts.chain_id,
        device.provider,
        device.device,
        slot,
        facts.slot(slot).beacon,
        facts.classes[device.class_id],
        facts.is_memory(device, slot),
    )


def _drawn(facts: EpochFacts, device: DeviceFact) -> Iterator[Duty]:
    terms = facts.classes[device.class_id]
    for fact in facts.slots:
        if not facts.is_active(device, fact.slot):
            continue
        held = facts.is_held(device, fact.slot)
        kind = kind_drawn(fact.beacon, facts.timing.roll_call, device.device, terms, held)
        if kind is not None:
            yield Duty(device.device, fact.slot, kind)


def _forced(facts: EpochFacts) -> dict[int, list[Duty]]:
    by_device: dict[int, list[Duty]] = {}
    for draw in sorted(facts.forced, key=lambda draw: (draw.slot, draw.job)):
        if facts.slots[0].slot <= draw.slot <= facts.last_slot:
            duty = Duty(draw.device, draw.slot, OutcomeKind.FORCED, draw.job)
            by_device.setdefault(draw.device, []).append(duty)
    return by_device
