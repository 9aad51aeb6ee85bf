"""The leaf rules: an epoch's outcomes and the previous leaf give the next leaf (docs/protocol.md, "Leaf").

Exact integers only; ratios are compared by cross-multiplication.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from tensorbond.chain.types import DeviceClass, Leaf, Outcome, OutcomeKind, OutcomeResult
from tensorbond.oracle.duties import memory_shape_of
from tensorbond.oracle.emission import emission_at
from tensorbond.oracle.facts import DeviceFact, EpochFacts
from tensorbond.oracle.tree import ZERO, outcomes_root

IDLE_EPOCHS = 8
"""For how many epochs a kind with nothing due keeps its last ratio."""

IDLE_MAX = (1 << 16) - 1

NATURAL = (OutcomeKind.DRAWN_C, OutcomeKind.DRAWN_M, OutcomeKind.ROLL_CALL)
"""Kinds that count; a forced draw decides its job only."""


@dataclass(frozen=True)
class Tally:
    """One kind's record: due and passed of the last epoch that had some, and the epochs since."""

    due: int = 0
    passed: int = 0
    idle: int = 0

    def after(self, rows: Sequence[Outcome]) -> Tally:
        """The record after an epoch with these rows of the kind."""
        if rows:
            return Tally(len(rows), sum(map(_is_passed, rows)))
        return Tally(self.due, self.passed, min(self.idle + 1, IDLE_MAX))

    def ratio(self, if_never_due: int) -> tuple[int, int]:
        """(numerator, denominator)."""
        if self.idle > IDLE_EPOCHS:
            return 0, 1
        return (self.passed, self.due) if self.due else (if_never_due, 1)


def next_leaves(
    facts: EpochFacts, previous: Mapping[int, Leaf], outcomes: Mapping[int, Sequence[Outcome]]
) -> dict[int, Leaf]:
    """The leaf of every device that ever began, ascending; `previous` are those under the standing root."""
    begun = sorted(
        (device for device in facts.devices if device.from_epoch <= facts.epoch),
        key=lambda device: device.device,
    )
    leaves = {
        device.device: next_leaf(facts, device, previous.get(device.device), outcomes[device.device])
        for device in begun
    }
    return pay(leaves, emission_at(facts.epoch))


def next_leaf(facts: EpochFacts, device: DeviceFact, previous: Leaf | None, rows: Sequence[Outcome]) -> Leaf:
    """The device's leaf of an epoch with these rows, before the epoch's reward."""
    before = previous or _first_leaf(device)
    kinds: dict[int, list[Outcome]] = {kind: [row for row in rows if row.kind == kind] for kind in NATURAL}
    natural = [row for row in rows if row.kind in NATURAL]
    memory = [row for row in natural if facts.is_memory(device, row.slot)]
    compute = [row for row in natural if not facts.is_memory(device, row.slot)]
    drawn_c = Tally(before.due_c, before.passed_c, before.idle_c).after(kinds[OutcomeKind.DRAWN_C])
    drawn_m = Tally(before.due_m, before.passed_m, before.idle_m).after(kinds[OutcomeKind.DRAWN_M])
    roll = Tally(before.due_roll, before.passed_roll, before.idle_roll).after(kinds[OutcomeKind.ROLL_CALL])
    gops = _least(before.min_gops, compute, min(drawn_c.idle, roll.idle))
    bandwidth, vram = 0, 0
    terms = facts.classes[device.class_id]
    if terms.layers:
        idle = min(drawn_m.idle, roll.idle)
        bandwidth = _least(before.min_bandwidth, memory, idle)
        vram = vram_of(terms) if any(map(_is_passed, memory)) else _least(before.vram, memory, idle)
    else:
        drawn_m = Tally()
    leaf = replace(
        before,
        due_c=drawn_c.due,
        passed_c=drawn_c.passed,
        idle_c=drawn_c.idle,
        due_m=drawn_m.due,
        passed_m=drawn_m.passed,
        idle_m=drawn_m.idle,
        due_roll=roll.due,
        passed_roll=roll.passed,
        idle_roll=roll.idle,
        min_gops=gops,
        min_bandwidth=bandwidth,
        vram=vram,
        outcomes_root=outcomes_root(rows),
        outcome_count=len(rows),
    )
    return replace(leaf, weight=weight_of(facts, device, leaf))


def weight_of(facts: EpochFacts, device: DeviceFact, leaf: Leaf) -> int:
    """The weight that follows from what the leaf itself says of its record."""
    if not facts.is_active(device, facts.last_slot):
        return 0
    ratios = [
        Tally(leaf.due_c, leaf.passed_c, leaf.idle_c).ratio(if_never_due=1),
        Tally(leaf.due_roll, leaf.passed_roll, leaf.idle_roll).ratio(if_never_due=0),
    ]
    if facts.classes[device.class_id].layers:
        ratios.append(Tally(leaf.due_m, leaf.passed_m, leaf.idle_m).ratio(if_never_due=1))
    passed, due = reduce(least, ratios)
    return min(leaf.min_gops, device.bonded_gops) * passed // due


def vram_of(terms: DeviceClass) -> int:
    """Bytes of memory that a passed M-phase of the class shows: 92 % of its labels."""
    return 92 * memory_shape_of(terms).data_bytes // 100


def pay(leaves: Mapping[int, Leaf], emission: int) -> dict[int, Leaf]:
    """The leaves, each with ⌊emission · weight / total weight⌋ added; nothing if nobody has weight."""
    total = sum(leaf.weight for leaf in leaves.values())
    return {
        device: replace(
            leaf,
            cumulative_reward=leaf.cumulative_reward + (emission * leaf.weight // total if total else 0),
        )
        for device, leaf in leaves.items()
    }


def least(first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int]:
    """The lesser of two fractions with positive denominators."""
    return first if first[0] * second[1] <= second[0] * first[1] else second


def _least(before: int, rows: Sequence[Outcome], idle: int) -> int:
    """The least throughput that a phase's rows passed with; 0 if none did; what it was, for a while, if none
    were due."""
    if rows:
        return min((row.throughput for row in rows if _is_passed(row)), default=0)
    return 0 if idle > IDLE_EPOCHS else before


def _is_passed(row: Outcome) -> bool:
    return row.result == OutcomeResult.PASSED


def _first_leaf(device: DeviceFact) -> Leaf:
    return Leaf(
        device=device.device,
        provider=device.provider,
        class_id=device.class_id,
        due_c=0,
        passed_c=0,
        idle_c=0,
        due_m=0,
        passed_m=0,
        idle_m=0,
        due_roll=0,
        passed_roll=0,
        idle_roll=0,
        min_gops=0,
        min_bandwidth=0,
        vram=0,
        weight=0,
        cumulative_reward=0,
        outcomes_root=ZERO,
        outcome_count=0,
    )
