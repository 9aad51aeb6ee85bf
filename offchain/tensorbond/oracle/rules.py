"""The leaf rules: an epoch's outcomes and the previous leaf give the next leaf (docs/protocol.md, "Leaf").

Exact integers only; ratios are compared by cross-multiplication.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tensorbond.chain.types import Leaf, Outcome, OutcomeKind, OutcomeResult
from tensorbond.oracle.emission import emission_at
from tensorbond.oracle.facts import DeviceFact, EpochFacts
from tensorbond.oracle.tree import ZERO, outcomes_root

IDLE_EPOCHS = 8
"""For how many epochs a kind with nothing due keeps its last ratio."""

IDLE_MAX = (1 << 16) - 1


@dataclass(frozen=True)
class Tally:
    """One kind's record: due and passed of the last epoch that had some, and the epochs since."""

    due: int = 0
    passed: int = 0
    idle: int = 0

    def after(self, rows: Sequence[Outcome]) -> Tally:
        """The record after an epoch with these rows of the kind."""
        if rows:
            return Tally(len(rows), sum(row.result == OutcomeResult.PASSED for row in rows))
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
        device.device: next_leaf(
            device,
            previous.get(device.device),
            outcomes[device.device],
            facts.is_active(device, facts.last_slot),
        )
        for device in begun
    }
    return pay(leaves, emission_at(facts.epoch))


def next_leaf(device: DeviceFact, previous: Leaf | None, rows: Sequence[Outcome], active: bool) -> Leaf:
    """The device's leaf before this epoch's reward; `active`: in the epoch's last slot."""
    before = previous or _first_leaf(device)
    drawn = [row for row in rows if row.kind == OutcomeKind.DRAWN_C]
    rolls = [row for row in rows if row.kind == OutcomeKind.ROLL_CALL]
    compute = Tally(before.due_c, before.passed_c, before.idle_c).after(drawn)
    roll = Tally(before.due_roll, before.passed_roll, before.idle_roll).after(rolls)
    gops = _min_gops(before.min_gops, [*drawn, *rolls], min(compute.idle, roll.idle))
    weight = 0
    if active:
        passed, due = least(compute.ratio(if_never_due=1), roll.ratio(if_never_due=0))
        weight = min(gops, device.bonded_gops) * passed // due
    return replace(
        before,
        due_c=compute.due,
        passed_c=compute.passed,
        idle_c=compute.idle,
        due_roll=roll.due,
        passed_roll=roll.passed,
        idle_roll=roll.idle,
        min_gops=gops,
        weight=weight,
        outcomes_root=outcomes_root(rows),
        outcome_count=len(rows),
    )


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


def _min_gops(before: int, rows: Sequence[Outcome], idle: int) -> int:
    if rows:
        passed = (row.throughput for row in rows if row.result == OutcomeResult.PASSED)
        return min(passed, default=0)
    return 0 if idle > IDLE_EPOCHS else before


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
