"""What is false in an attestation: a pure function of what was attested and of what chain and evidence say.

Each rule is applied to what the attestation itself says of the steps before, as the fraud proofs do: one lie
is one `Lie`, and not one for each number that follows from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, fields
from enum import StrEnum

from tensorbond.chain.types import Leaf, Outcome, OutcomeKind, OutcomeResult
from tensorbond.oracle.duties import Duty, duties
from tensorbond.oracle.emission import emission_at
from tensorbond.oracle.facts import DeviceFact, EpochFacts, Place
from tensorbond.oracle.leaves import EpochData
from tensorbond.oracle.outcomes import NO_WITNESS, Finding, judge
from tensorbond.oracle.rules import next_leaf, weight_of
from tensorbond.oracle.tree import ZERO
from tensorbond.proof.memory import MEMORY_ITEMS


class LieKind(StrEnum):
    """By the fraud proof that it calls for (design: §4)."""

    SUM = "badSum"
    REWARD = "badReward"
    WEIGHT = "badWeight"
    DEVICE = "badDevice"
    LEAF_MISSING = "leafMissing"
    LEAF_HIDDEN = "leafHidden"
    """What a path shows to be there, in places of no device."""
    THROUGHPUT = "badThroughput"
    OUTCOMES = "badOutcomes"
    FORCED = "badForced"
    PASS = "falsePass"
    FAIL = "falseFail"
    LEAF_WITHHELD = "withheldLeaf"
    """The data digest's leaves are nowhere to be had: to be asked for on chain."""
    EVIDENCE_WITHHELD = "withheldEvidence"
    """A witness that nobody can show: to be asked for on chain."""
    UNPROVEN = "unproven"
    """We came to something else, but nothing shows that the oracles could know it."""


@dataclass(frozen=True)
class Lie:
    """`device`: whose leaf, `row`: which of its outcomes, `job`: whose forced draw, if it is about one."""

    kind: LieKind
    epoch: int
    device: int | None = None
    row: int | None = None
    told: str = ""
    """What was attested, and what is so, for people."""
    job: int | None = None

    @property
    def about(self) -> dict[str, int | str]:
        """What there is of it, by name."""
        told = {"epoch": self.epoch, "device": self.device, "outcome": self.row, "job": self.job}
        return {name: value for name, value in told.items() if value is not None}

    @property
    def subject(self) -> str:
        return " ".join(f"{name} {value}" for name, value in self.about.items())

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}: {self.told}"


@dataclass(frozen=True)
class Truth:
    """What chain and evidence say of an epoch; `previous` as it stood, be it true or not."""

    facts: EpochFacts
    previous: Mapping[int, Leaf]
    findings: Mapping[Place, Collection[Finding]]
    known: Set[int] | None = None
    """Whose previous leaf, or its absence, is known; None: everybody's."""

    @property
    def devices(self) -> dict[int, DeviceFact]:
        """All that have a leaf, ascending."""
        begun = (device for device in self.facts.devices if device.from_epoch <= self.facts.epoch)
        return {device.device: device for device in sorted(begun, key=lambda device: device.device)}


def find_lies(
    truth: Truth, attested: EpochData, total_weight: int, places: Set[int] | None = None
) -> list[Lie]:
    """All that is false in the leaves and outcomes of an epoch; `total_weight`: as attested, be it their sum
    or not (`tensorbond.watch.sums` looks into that). `places`: the devices whose leaf, or its absence, is
    known; None: all."""
    return list(_lies(truth, attested, total_weight, places))


def _lies(truth: Truth, attested: EpochData, total_weight: int, places: Set[int] | None) -> Iterator[Lie]:
    facts = truth.facts
    devices, due = truth.devices, duties(facts)
    all_places = attested.leaves.keys() | devices.keys()
    for device in sorted(all_places if places is None else all_places & places):
        if device not in devices:
            yield Lie(LieKind.DEVICE, facts.epoch, device, None, "a leaf for a device that had not begun")
        elif device not in attested.leaves:
            yield Lie(LieKind.LEAF_MISSING, facts.epoch, device, None, "no leaf for a device that had begun")
        else:
            leaf, rows = attested.leaves[device], attested.outcomes[device]
            if counts_impossibly(leaf, 2 * facts.timing.epoch_slots):
                told = f"{leaf.outcome_count} outcomes under 0x{leaf.outcomes_root.hex()}"
                yield Lie(LieKind.OUTCOMES, facts.epoch, device, None, told)
                continue
            yield from _leaf_lies(truth, devices[device], leaf, rows, total_weight)
            yield from _row_lies(truth, devices[device], due[device], rows)


def _leaf_lies(
    truth: Truth, device: DeviceFact, leaf: Leaf, rows: Sequence[Outcome], total_weight: int
) -> Iterator[Lie]:
    facts = truth.facts
    is_its_own = (leaf.provider, leaf.class_id) == (device.provider, device.class_id)
    if not is_its_own:
        told = f"of {leaf.provider} in class {leaf.class_id}, not of {device.provider} in {device.class_id}"
        yield Lie(LieKind.DEVICE, facts.epoch, device.device, None, told)
    if truth.known is not None and device.device not in truth.known:
        weight = weight_of(facts, device, leaf)
        if is_its_own and leaf.weight != weight:
            told = f"weight {leaf.weight}, not {weight} by the leaf itself"
            yield Lie(LieKind.WEIGHT, facts.epoch, device.device, None, told)
        return
    previous = truth.previous.get(device.device)
    need = next_leaf(facts, device, previous, rows)
    wrong = [
        f"{field.name} {have}, not {getattr(need, field.name)}"
        for field in fields(Leaf)
        if field.name not in ("provider", "class_id", "weight", "cumulative_reward")
        and (have := getattr(leaf, field.name)) != getattr(need, field.name)
    ]
    if wrong:
        yield Lie(LieKind.OUTCOMES, facts.epoch, device.device, None, "; ".join(wrong))
    elif leaf.weight != need.weight:
        told = f"weight {leaf.weight}, not {need.weight}"
        yield Lie(LieKind.WEIGHT, facts.epoch, device.device, None, told)
    before = 0 if previous is None else previous.cumulative_reward
    reward = before + (emission_at(facts.epoch) * leaf.weight // total_weight if total_weight else 0)
    if leaf.cumulative_reward != reward:
        told = f"cumulative reward {leaf.cumulative_reward}, not {reward}"
        yield Lie(LieKind.REWARD, facts.epoch, device.device, None, told)


def _row_lies(
    truth: Truth, device: DeviceFact, due: Sequence[Duty], rows: Sequence[Outcome]
) -> Iterator[Lie]:
    """Rows that are not the device's, rows left out, and false results."""
    epoch = truth.facts.epoch
    natural = [(duty.slot, int(duty.kind)) for duty in due if duty.kind != OutcomeKind.FORCED]
    forced = [(duty.slot, duty.job) for duty in due if duty.kind == OutcomeKind.FORCED]
    have_natural = [(row.slot, row.kind) for row in rows if row.kind != OutcomeKind.FORCED]
    have_forced = [(row.slot, row.job) for row in rows if row.kind == OutcomeKind.FORCED]
    kinds = [row.kind == OutcomeKind.FORCED for row in rows]
    if have_natural != natural or kinds != sorted(kinds) or have_forced != sorted(set(have_forced)):
        told = f"outcomes of (slot, kind) {have_natural}, drawn were {natural}"
        yield Lie(LieKind.OUTCOMES, epoch, device.device, None, told)
    for index, row in enumerate(rows):
        if row.kind == OutcomeKind.FORCED and (row.slot, row.job) not in forced:
            told = f"job {row.job} forced no draw in slot {row.slot}"
            yield Lie(LieKind.FORCED, epoch, device.device, index, told, row.job)
    for slot, job in sorted(set(forced) - set(have_forced)):
        told = f"no outcome for the draw that job {job} forced in slot {slot}"
        yield Lie(LieKind.FORCED, epoch, device.device, None, told, job)
    known = {(duty.slot, duty.job): duty for duty in due}
    for index, row in enumerate(rows):
        duty = known.get((row.slot, row.job))
        if duty is not None and duty.kind == row.kind:
            lie = _result_lie(truth, device, duty, row)
            if lie is not None:
                yield Lie(lie[0], epoch, device.device, index, lie[1])


def _result_lie(truth: Truth, device: DeviceFact, duty: Duty, row: Outcome) -> tuple[LieKind, str] | None:
    """What is false in the result of a row that is due, if anything is."""
    facts = truth.facts
    commit = facts.commits.get((device.device, duty.slot))
    findings = truth.findings.get((device.device, duty.slot), ())
    need = judge(facts, device, duty, findings)
    if row == need:
        return None
    told = f"{_show(row)}, not {_show(need)}"
    in_memory = duty.kind != OutcomeKind.FORCED and facts.is_memory(device, duty.slot)
    if not is_well_formed(row, MEMORY_ITEMS if in_memory else facts.classes[device.class_id].q):
        return LieKind.OUTCOMES, f"{told}: it tells what its result doesn't"
    says_work = is_pass(row)
    if commit is None and row.result != OutcomeResult.MISSED:
        return (LieKind.PASS if says_work else LieKind.FAIL), f"{told}: there is no record"
    if commit is not None and row.result == OutcomeResult.MISSED:
        return LieKind.FAIL, f"{told}: there is a record"
    shown = next((finding for finding in findings if finding.root == row.witness), None)
    if says_work or row.result == OutcomeResult.BAD_ITEM:
        if shown is None:
            # Time and work are on the chain, whatever the evidence shows.
            measured = judge(facts, device, duty, [Finding(row.witness, None)])
            if says_work and is_pass(measured) and row != measured:
                return LieKind.THROUGHPUT, f"{_show(row)}, not {_show(measured)}"
            return LieKind.EVIDENCE_WITHHELD, f"{told}: nobody shows evidence with this root"
        if says_work and shown.bad_item is not None:
            return LieKind.PASS, f"{told}: item {shown.bad_item} is bad"
        if not says_work and shown.bad_item is None:
            return LieKind.FAIL, f"{told}: every item is good"
        if says_work and is_pass(need):
            return LieKind.THROUGHPUT, told
        if row.result == OutcomeResult.BAD_ITEM and shown.bad_item != row.item:
            return LieKind.FAIL, f"{told}: the first bad item is {shown.bad_item}"
    return LieKind.UNPROVEN, told


def counts_impossibly(leaf: Leaf, most: int) -> bool:
    """Whether no outcomes can be behind it: it counts more than an epoch has, or none under a root."""
    return leaf.outcome_count > most or (leaf.outcome_count == 0 and leaf.outcomes_root != ZERO)


def is_well_formed(row: Outcome, items: int) -> bool:
    """Whether the row has a result, and tells what belongs to it and nothing else. `items`: as many as an
    evidence of its phase has; that number names the header."""
    if is_pass(row):
        return row.witness != NO_WITNESS and row.item == 0
    if row.result == OutcomeResult.BAD_ITEM:
        return row.witness != NO_WITNESS and row.throughput == 0 and row.item <= items
    is_plain = row.witness == NO_WITNESS and row.throughput == 0 and row.item == 0
    return is_plain and row.result in (OutcomeResult.MISSED, OutcomeResult.WITHHELD)


def is_pass(row: Outcome) -> bool:
    """Whether the row says that the work was done, be it too slowly."""
    return row.result in (OutcomeResult.PASSED, OutcomeResult.SLOW)


def _show(row: Outcome) -> str:
    text = OutcomeResult(row.result).name.lower() if row.result in set(OutcomeResult) else f"{row.result}"
    if row.throughput:
        text += f" at {row.throughput}"
    if row.witness != NO_WITNESS:
        text += f" by 0x{row.witness.hex()[:8]}…"
    return text + (f" item {row.item}" if row.result == OutcomeResult.BAD_ITEM else "")
