from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tensorbond.chain.types import OracleFault, Outcome, OutcomeKind
from tensorbond.oracle.leaves import EpochData
from tensorbond.oracle.tree import leaf_hash, outcomes_root
from tests.acts import mine_to_slot
from tests.chain import Chain
from tests.contracts.attestations.epochs import moving
from tests.leaves import make_outcome
from tests.work import seal

from .conftest import SECOND, Story, memory_slots
from .epochs import attest_data, no_leaf, prove, punishing, retell, slots_of, tell, with_leaf, with_rows

pytestmark = pytest.mark.chain

WITNESS = b"\x07" * 32
FAULT = OracleFault.BAD_OUTCOMES
THIRD = SECOND + 1


def proof_of(story: Story, data: EpochData, device: int) -> tuple[object, ...]:
    previous = story.first.leaves.get(device, no_leaf()), story.first.tree.path(device)
    return data.leaf_proof(device), list(data.outcomes[device]), *previous


def show(chain: Chain, story: Story, data: EpochData, device: int) -> None:
    """The lie is attested, shown and punished."""
    attest_data(chain, data)
    with punishing(chain, SECOND, FAULT, device, leaf_hash(data.leaves[device])) as found:
        found.append(prove(chain, "proveBadOutcomes", *proof_of(story, data, device)))


def natural(rows: Sequence[Outcome]) -> list[Outcome]:
    return [row for row in rows if row.kind != OutcomeKind.FORCED]


def someone(story: Story, least: int = 1) -> int:
    """A device that was drawn so often."""
    return next(d for d, rows in story.second.outcomes.items() if len(natural(rows)) >= least)


# What it finds


def test_prove_bad_outcomes__drawn_slot_left_out__slashes_and_revokes(chain: Chain, story: Story) -> None:
    device = someone(story)
    rows = story.second.outcomes[device][1:]

    show(chain, story, retell(chain, story.second, story.first, device, rows), device)


def test_prove_bad_outcomes__slot_that_was_not_drawn__slashes_and_revokes(chain: Chain, story: Story) -> None:
    device, drawn = 3, {row.slot for row in story.second.outcomes[3]}
    undrawn = [slot for slot in slots_of(chain, SECOND) if slot not in drawn]
    if not undrawn:  # once in 256 runs, every slot is a roll call
        return
    row = make_outcome(undrawn[0], witness=WITNESS, throughput=1000)
    rows = sorted([*natural(story.second.outcomes[device]), row], key=lambda each: each.slot)
    forced = story.second.outcomes[device][len(rows) - 1 :]

    show(chain, story, retell(chain, story.second, story.first, device, [*rows, *forced]), device)


def test_prove_bad_outcomes__slot_of_another_epoch__slashes_and_revokes(chain: Chain, story: Story) -> None:
    device = someone(story)
    rows = natural(story.second.outcomes[device])
    late = replace(rows[0], slot=slots_of(chain, SECOND).stop)
    forced = story.second.outcomes[device][len(rows) :]

    show(chain, story, with_rows(story.second, device, [*rows, late, *forced]), device)


def test_prove_bad_outcomes__memory_slot_left_out__slashes_and_revokes(chain: Chain, story: Story) -> None:
    rows = list(story.second.outcomes[4])
    del rows[story.memory_row]

    show(chain, story, retell(chain, story.second, story.first, 4, rows), 4)


def test_prove_bad_outcomes__memory_slot_of_a_held_device__slashes_and_revokes(
    chain: Chain, story: Story
) -> None:
    """Its memory is the job's."""
    rows = list(story.second.outcomes[4])
    held = memory_slots(chain)[1]
    natural_rows = natural(rows)
    assert held not in {row.slot for row in natural_rows}
    told = replace(rows[story.memory_row], slot=held)

    rows = [*natural_rows, told, *rows[len(natural_rows) :]]
    show(chain, story, retell(chain, story.second, story.first, 4, rows), 4)


Change = Callable[[list[Outcome]], list[Outcome]]
ROWS: dict[str, Change] = {
    "another kind": lambda rows: [replace(rows[0], kind=2 - rows[0].kind), *rows[1:]],
    "memory phase": lambda rows: [replace(rows[0], kind=OutcomeKind.DRAWN_M), *rows[1:]],
    "twice": lambda rows: [rows[0], *rows],
    "backwards": lambda rows: rows[::-1],
    "of a job": lambda rows: [replace(rows[0], job=1), *rows[1:]],
    "no result": lambda rows: [replace(rows[0], result=0), *rows[1:]],
    "unknown result": lambda rows: [replace(rows[0], result=6), *rows[1:]],
    "slow without witness": lambda rows: [replace(rows[0], result=5, witness=bytes(32)), *rows[1:]],
    "passed without witness": lambda rows: [replace(rows[0], result=1, witness=bytes(32)), *rows[1:]],
    "passed with an item": lambda rows: [replace(rows[0], result=1, witness=WITNESS, item=1), *rows[1:]],
    "missed with throughput": lambda rows: [
        replace(rows[0], result=2, witness=bytes(32), throughput=1),
        *rows[1:],
    ],
    "missed with witness": lambda rows: [
        replace(rows[0], result=2, witness=WITNESS, throughput=0),
        *rows[1:],
    ],
    "withheld with witness": lambda rows: [
        replace(rows[0], result=4, witness=WITNESS, throughput=0),
        *rows[1:],
    ],
    "bad item without witness": lambda rows: [
        replace(rows[0], result=3, witness=bytes(32), throughput=0),
        *rows[1:],
    ],
    "item past the header": lambda rows: [
        replace(rows[0], result=3, witness=WITNESS, throughput=0, item=17),
        *rows[1:],
    ],
}


@pytest.mark.parametrize("change", ROWS.values(), ids=ROWS)
def test_prove_bad_outcomes__row_that_no_slot_gives__slashes_and_revokes(
    chain: Chain, story: Story, change: Change
) -> None:
    device = someone(story, 2)
    rows = natural(story.second.outcomes[device])
    forced = story.second.outcomes[device][len(rows) :]

    show(chain, story, retell(chain, story.second, story.first, device, [*change(rows), *forced]), device)


def test_prove_bad_outcomes__forced_rows_out_of_order__slashes_and_revokes(
    chain: Chain, story: Story
) -> None:
    forced = story.second.outcomes[2][-1]
    assert forced.kind == OutcomeKind.FORCED
    rows = natural(story.second.outcomes[2])
    first, last = slots_of(chain, SECOND).start, slots_of(chain, SECOND).stop - 1
    for wrong in (
        [forced, forced],
        [replace(forced, slot=last), replace(forced, slot=first)],
        [replace(forced, slot=last + 1)],
        [replace(forced, slot=first - 1)],
        [replace(forced, job=2), replace(forced, job=1)],
        [forced, replace(forced, kind=0, slot=last, job=0)],
        [replace(forced, result=5, item=1)],
    ):
        snapshot = chain.snapshot()
        show(chain, story, with_rows(story.second, 2, [*rows, *wrong]), 2)
        chain.revert_to(snapshot)


COUNTS = (
    "due_c passed_c idle_c due_m passed_m idle_m due_roll passed_roll idle_roll min_gops min_bandwidth vram"
)


@pytest.mark.parametrize("field", COUNTS.split())
def test_prove_bad_outcomes__count_that_the_rows_do_not_give__slashes_and_revokes(
    chain: Chain, story: Story, field: str
) -> None:
    for device in (1, 4):
        snapshot = chain.snapshot()
        told = getattr(story.second.leaves[device], field)
        show(chain, story, with_leaf(story.second, device, **{field: told + 1}), device)
        chain.revert_to(snapshot)


def test_prove_bad_outcomes__score_padded_with_an_own_job__slashes_and_revokes(
    chain: Chain, story: Story
) -> None:
    """A forced draw decides its job only: who takes its own jobs all day has no better score."""
    leaf = story.second.leaves[2]
    assert story.second.outcomes[2][-1].kind == OutcomeKind.FORCED
    padded = {"due_c": leaf.due_c + 1, "passed_c": leaf.passed_c + 1}
    show(chain, story, with_leaf(story.second, 2, **padded), 2)


def test_prove_bad_outcomes__more_than_the_epoch_can_hold__needs_no_rows(chain: Chain, story: Story) -> None:
    data = with_leaf(story.second, 1, outcome_count=9)
    attest_data(chain, data)
    leaf, _, *previous = proof_of(story, data, 1)

    with punishing(chain, SECOND, FAULT, 1, leaf_hash(data.leaves[1])) as found:
        found.append(prove(chain, "proveBadOutcomes", leaf, [], *previous))


def test_prove_bad_outcomes__as_many_as_the_epoch_can_hold__needs_the_rows(
    chain: Chain, story: Story
) -> None:
    data = with_leaf(story.second, 1, outcome_count=8)
    attest_data(chain, data)
    leaf, _, *previous = proof_of(story, data, 1)

    told = data.leaves[1].outcomes_root
    with chain.reverts("OutcomesNotUnderLeaf", count=0, have=bytes(32), need=told), moving(chain):
        prove(chain, "proveBadOutcomes", leaf, [], *previous)


def test_prove_bad_outcomes__slot_that_nobody_sealed__slashes_and_revokes(
    chain: Chain, story: Story, provider: str
) -> None:
    """Whoever signs has sealed the epoch's slots before."""
    attest_data(chain, story.second)
    mine_to_slot(chain, slots_of(chain, THIRD).stop)
    data = tell(chain, THIRD, story.second, story.findings)
    attest_data(chain, data)
    proof = data.leaf_proof(1), list(data.outcomes[1]), story.second.leaves[1], story.second.tree.path(1)
    snapshot = chain.snapshot()

    with punishing(chain, THIRD, FAULT, 1, leaf_hash(data.leaves[1])) as found:
        found.append(prove(chain, "proveBadOutcomes", *proof))
    chain.revert_to(snapshot)

    for slot in slots_of(chain, THIRD):
        seal(chain, slot)
    with chain.reverts("FaultNotShown", epoch=THIRD, fault=FAULT), moving(chain):
        prove(chain, "proveBadOutcomes", *proof)


# What it refuses


@pytest.mark.parametrize("device", [1, 2, 3, 4])
def test_prove_bad_outcomes__honest__reverts(chain: Chain, story: Story, device: int) -> None:
    attest_data(chain, story.second)

    with chain.reverts("FaultNotShown", epoch=SECOND, fault=FAULT), moving(chain):
        prove(chain, "proveBadOutcomes", *proof_of(story, story.second, device))


def test_prove_bad_outcomes__ended_or_released_after_the_epoch__reverts(
    chain: Chain, story: Story, provider: str
) -> None:
    attest_data(chain, story.second)
    chain.send("DeviceRegistry", "retire", 1, sender=provider)
    chain.send("DeviceRegistry", "suspend", 2, 0, sender=chain.impersonate("WorkDisputes"))
    chain.send("DeviceRegistry", "suspend", 3, 0, sender=chain.impersonate("WorkDisputes"))

    for device in (1, 2, 3):
        with chain.reverts("FaultNotShown", epoch=SECOND, fault=FAULT), moving(chain):
            prove(chain, "proveBadOutcomes", *proof_of(story, story.second, device))


def test_prove_bad_outcomes__other_rows_than_the_leafs__reverts(chain: Chain, story: Story) -> None:
    attest_data(chain, story.second)
    device = someone(story)
    leaf, _, *previous = proof_of(story, story.second, device)
    root = story.second.leaves[device].outcomes_root

    fewer = story.second.outcomes[device][:-1]
    error = {"count": len(fewer), "have": outcomes_root(fewer), "need": root}
    with chain.reverts("OutcomesNotUnderLeaf", **error), moving(chain):
        prove(chain, "proveBadOutcomes", leaf, list(fewer), *previous)


def test_prove_bad_outcomes__other_previous_leaf__reverts(chain: Chain, story: Story) -> None:
    attest_data(chain, story.second)
    leaf, rows, _, path = proof_of(story, story.second, 1)
    other = with_leaf(story.first, 1, idle_c=3)

    error = {"epoch": SECOND, "have": other.root, "need": story.first.root}
    with chain.reverts("PreviousLeafNotUnderRoot", **error), moving(chain):
        prove(chain, "proveBadOutcomes", leaf, rows, other.leaves[1], path)
