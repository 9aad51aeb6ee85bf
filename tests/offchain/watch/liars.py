"""Quorums that lie: each takes an honest epoch and gives what it signs instead, false in one thing only.

All else follows the rules from the lie on, so that nothing but the lie itself gives it away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from tensorbond.chain.types import Leaf, Outcome, OutcomeKind, OutcomeResult
from tensorbond.oracle.duties import duties
from tensorbond.oracle.emission import emission_at
from tensorbond.oracle.leaves import EpochData
from tensorbond.oracle.rules import next_leaves, pay
from tensorbond.watch.lies import LieKind, Truth, is_pass

FORCED = OutcomeKind.FORCED
PASSED, MISSED = OutcomeResult.PASSED, OutcomeResult.MISSED
BAD_ITEM, WITHHELD = OutcomeResult.BAD_ITEM, OutcomeResult.WITHHELD

STRANGER = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"


@dataclass(frozen=True)
class Signed:
    """What a lying quorum signs."""

    data: EpochData
    total_weight: int
    false_root: bytes | None = None

    @property
    def root(self) -> bytes:
        return self.false_root or self.data.root


Liar = Callable[[Truth, EpochData, Random], Signed | None]
"""None where the epoch has nothing of the sort to lie about."""


def _signed(data: EpochData) -> Signed:
    return Signed(data, data.total_weight)


def _with_rows(truth: Truth, honest: EpochData, device: int, rows: Sequence[Outcome]) -> Signed:
    """These rows for one device, and everything else as it follows from them."""
    outcomes: dict[int, Sequence[Outcome]] = {**honest.outcomes, device: tuple(rows)}
    leaves = next_leaves(truth.facts, truth.previous, outcomes)
    return _signed(EpochData(honest.chain_id, honest.epoch, leaves, outcomes))


def _with_leaf(truth: Truth, honest: EpochData, device: int, **changes: object) -> Signed:
    """One leaf changed; the rewards follow, unless it is the reward that was changed."""
    changed = replace(honest.leaves[device], **changes)  # type: ignore[arg-type]
    leaves = {**honest.leaves, device: changed}
    if "cumulative_reward" not in changes:
        leaves = _paid(truth, leaves)
    return _signed(EpochData(honest.chain_id, honest.epoch, leaves, honest.outcomes))


def _paid(truth: Truth, leaves: Mapping[int, Leaf]) -> dict[int, Leaf]:
    bare = {
        device: replace(
            leaf,
            cumulative_reward=truth.previous[device].cumulative_reward if device in truth.previous else 0,
        )
        for device, leaf in leaves.items()
    }
    return pay(bare, emission_at(truth.facts.epoch))


Picked = tuple[int, int, Outcome]


def _rows(honest: EpochData, *results: OutcomeResult) -> list[Picked]:
    return [
        (device, index, row)
        for device, rows in honest.outcomes.items()
        for index, row in enumerate(rows)
        if not results or row.result in results
    ]


def _change_row(
    truth: Truth, honest: EpochData, choice: Random, among: Sequence[Picked], **changes: object
) -> Signed | None:
    if not among:
        return None
    device, index, row = choice.choice(among)
    rows = list(honest.outcomes[device])
    rows[index] = replace(row, **changes)  # type: ignore[arg-type]
    return _with_rows(truth, honest, device, rows)


def wrong_sum(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    total = honest.total_weight + choice.choice((1, 10, 1000))
    bare = {
        device: replace(
            leaf,
            cumulative_reward=(truth.previous[device].cumulative_reward if device in truth.previous else 0)
            + emission_at(honest.epoch) * leaf.weight // total,
        )
        for device, leaf in honest.leaves.items()
    }
    return Signed(EpochData(honest.chain_id, honest.epoch, bare, honest.outcomes), total)


def wrong_reward(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    device = choice.choice(list(honest.leaves))
    reward = honest.leaves[device].cumulative_reward + choice.choice((1, 10**18, 10**21))
    return _with_leaf(truth, honest, device, cumulative_reward=reward)


def wrong_weight(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    device = choice.choice(list(honest.leaves))
    return _with_leaf(truth, honest, device, weight=honest.leaves[device].weight + choice.choice((1, 50)))


def wrong_provider(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    return _with_leaf(truth, honest, choice.choice(list(honest.leaves)), provider=STRANGER)


def wrong_class(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    device = choice.choice(list(honest.leaves))
    return _with_leaf(truth, honest, device, class_id=honest.leaves[device].class_id + 1)


def leaf_left_out(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    gone = choice.choice(list(honest.leaves))
    leaves = _paid(truth, {device: leaf for device, leaf in honest.leaves.items() if device != gone})
    outcomes = {device: rows for device, rows in honest.outcomes.items() if device != gone}
    return _signed(EpochData(honest.chain_id, honest.epoch, leaves, outcomes))


def leaf_invented(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    device = max(each.device for each in truth.facts.devices) + choice.choice((1, 5))
    some = honest.leaves[choice.choice(list(honest.leaves))]
    invented = replace(some, device=device, outcomes_root=bytes(32), outcome_count=0, weight=0)
    leaves = _paid(truth, {**honest.leaves, device: invented})
    return _signed(EpochData(honest.chain_id, honest.epoch, leaves, {**honest.outcomes, device: ()}))


def wrong_throughput(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    among = _rows(honest, PASSED)
    if not among:
        return None
    picked = choice.choice(among)
    return _change_row(
        truth, honest, choice, [picked], throughput=picked[2].throughput + choice.choice((1, 90))
    )


def pass_without_record(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    among = _rows(honest, MISSED)
    return _change_row(truth, honest, choice, among, result=int(PASSED), throughput=9, witness=b"\1" * 32)


def pass_of_a_bad_item(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    return _change_row(
        truth, honest, choice, _rows(honest, BAD_ITEM), result=int(PASSED), throughput=9, item=0
    )


def fail_of_a_pass(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    among = _rows(honest, PASSED)
    return _change_row(
        truth, honest, choice, among, result=int(BAD_ITEM), throughput=0, item=choice.randrange(16)
    )


def fail_of_no_item(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    """Under a witness that nobody has seen, it names an item that nobody can be asked for."""
    among, witness = _rows(honest, PASSED), choice.randbytes(32)
    changes = {"result": int(BAD_ITEM), "throughput": 0, "item": 40_000, "witness": witness}
    return _change_row(truth, honest, choice, among, **changes)


def miss_with_a_record(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    among = _rows(honest, PASSED, BAD_ITEM, WITHHELD)
    return _change_row(
        truth, honest, choice, among, result=int(MISSED), throughput=0, witness=bytes(32), item=0
    )


def fail_without_record(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    result = choice.choice((BAD_ITEM, WITHHELD))
    witness = b"\1" * 32 if result == BAD_ITEM else bytes(32)
    return _change_row(truth, honest, choice, _rows(honest, MISSED), result=int(result), witness=witness)


def outcome_left_out(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    among = [each for each in _rows(honest) if each[2].kind != FORCED]
    if not among:
        return None
    device, index, _ = choice.choice(among)
    rows = list(honest.outcomes[device])
    del rows[index]
    return _with_rows(truth, honest, device, rows)


def outcome_invented(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    """A pass in a slot in which the device was not drawn."""
    due = duties(truth.facts)
    among = [
        (device, fact.slot)
        for device in honest.leaves
        for fact in truth.facts.slots
        if fact.slot not in {duty.slot for duty in due[device]}
    ]
    # Where all are drawn in every slot, one of the epoch before.
    among = among or [(device, truth.facts.slots[0].slot - 1) for device in honest.leaves]
    device, slot = choice.choice(among)
    row = Outcome(slot, int(OutcomeKind.DRAWN_C), int(PASSED), 9, b"\1" * 32, 0, 0)
    rows = sorted([*honest.outcomes[device], row], key=lambda row: (row.kind == FORCED, row.slot, row.job))
    return _with_rows(truth, honest, device, rows)


def wrong_kind(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    among = [each for each in _rows(honest) if each[2].kind in (OutcomeKind.DRAWN_C, OutcomeKind.ROLL_CALL)]
    if not among:
        return None
    picked = choice.choice(among)
    other = {OutcomeKind.DRAWN_C: OutcomeKind.ROLL_CALL, OutcomeKind.ROLL_CALL: OutcomeKind.DRAWN_C}
    return _change_row(truth, honest, choice, [picked], kind=int(other[OutcomeKind(picked[2].kind)]))


def forced_left_out(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    among = [each for each in _rows(honest) if each[2].kind == FORCED]
    if not among:
        return None
    device, index, _ = choice.choice(among)
    rows = list(honest.outcomes[device])
    del rows[index]
    return _with_rows(truth, honest, device, rows)


def forced_invented(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    device = choice.choice(list(honest.leaves))
    slot = choice.choice(truth.facts.slots).slot
    rows = list(honest.outcomes[device])
    job = max((row.job for row in rows), default=0) + 1000
    rows.append(Outcome(slot, int(FORCED), int(MISSED), 0, bytes(32), 0, job))
    rows.sort(key=lambda row: (row.kind == FORCED, row.slot, row.job))
    return _with_rows(truth, honest, device, rows)


def wrong_tally(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    device = choice.choice(list(honest.leaves))
    field = choice.choice(("due_c", "passed_c", "idle_c", "due_roll", "idle_m", "min_gops", "min_bandwidth"))
    return _with_leaf(truth, honest, device, **{field: getattr(honest.leaves[device], field) + 1})


def root_without_outcomes(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    """No rows that any proof could be about, and tallies as one likes."""
    device = choice.choice(list(honest.leaves))
    outcomes: dict[int, Sequence[Outcome]] = {**honest.outcomes, device: ()}
    told = _with_leaf(truth, honest, device, outcomes_root=choice.randbytes(32), outcome_count=0)
    return _signed(EpochData(honest.chain_id, honest.epoch, told.data.leaves, outcomes))


def wrong_witness(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    """A pass by evidence that nobody has seen."""
    among = [each for each in _rows(honest) if is_pass(each[2]) or each[2].result == BAD_ITEM]
    return _change_row(truth, honest, choice, among, witness=choice.randbytes(32))


LIARS: dict[str, tuple[Liar, LieKind]] = {
    "a wrong sum": (wrong_sum, LieKind.SUM),
    "a wrong reward": (wrong_reward, LieKind.REWARD),
    "a wrong weight": (wrong_weight, LieKind.WEIGHT),
    "a wrong provider": (wrong_provider, LieKind.DEVICE),
    "a wrong class": (wrong_class, LieKind.DEVICE),
    "a leaf left out": (leaf_left_out, LieKind.LEAF_MISSING),
    "a leaf invented": (leaf_invented, LieKind.DEVICE),
    "a wrong throughput": (wrong_throughput, LieKind.THROUGHPUT),
    "a pass without record": (pass_without_record, LieKind.PASS),
    "a pass of a bad item": (pass_of_a_bad_item, LieKind.PASS),
    "a bad item that is good": (fail_of_a_pass, LieKind.FAIL),
    "a bad item that no evidence has": (fail_of_no_item, LieKind.OUTCOMES),
    "a miss with a record": (miss_with_a_record, LieKind.FAIL),
    "a fault without record": (fail_without_record, LieKind.FAIL),
    "an outcome left out": (outcome_left_out, LieKind.OUTCOMES),
    "an outcome invented": (outcome_invented, LieKind.OUTCOMES),
    "a wrong kind": (wrong_kind, LieKind.OUTCOMES),
    "a forced draw left out": (forced_left_out, LieKind.FORCED),
    "a forced draw invented": (forced_invented, LieKind.FORCED),
    "wrong tallies": (wrong_tally, LieKind.OUTCOMES),
    "a root without outcomes": (root_without_outcomes, LieKind.OUTCOMES),
    "an unknown witness": (wrong_witness, LieKind.EVIDENCE_WITHHELD),
}
