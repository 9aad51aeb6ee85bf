from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorbond.chain.types import OutcomeKind
from tensorbond.oracle.duties import Duty, challenge_of, duties
from tensorbond.oracle.errors import ClassUnsupported, FactsContradict
from tensorbond.oracle.facts import ForcedDraw
from tensorbond.proof.challenge import is_drawn
from tensorbond.proof.memory import MemoryShape
from tests.offchain.oracle.epochs import (
    ALWAYS,
    CHAIN_ID,
    DRAWN_ALWAYS,
    MEMORY,
    NEVER,
    PROVIDER,
    TERMS,
    beacon_of,
    make_device,
    make_facts,
    word,
)

pytestmark = pytest.mark.unit

C, M, ROLL, FORCED = OutcomeKind


ALL = replace(MEMORY, draw_threshold=DRAWN_ALWAYS)
PHASES = {0: beacon_of(0, memory=False), 1: beacon_of(0, memory=True), 2: beacon_of(1, memory=True)}


def test_duties__class_with_an_m_phase__is_drawn_for_what_the_beacon_asks():
    drawn = make_facts([make_device(1)], terms=ALL, beacons=PHASES, slots=3)
    assert [(duty.slot, duty.kind) for duty in duties(drawn)[1]] == [(0, C), (1, M), (2, M)]
    called = make_facts([make_device(1)], terms=ALL, beacons=PHASES, slots=3, roll_call=ALWAYS)
    assert [duty.kind for duty in duties(called)[1]] == [ROLL] * 3


def test_duties__class_without_an_m_phase__is_drawn_for_the_c_phase_in_every_slot():
    facts = make_facts([make_device(1)], terms=replace(TERMS, draw_threshold=DRAWN_ALWAYS), beacons=PHASES)
    assert {duty.kind for duty in duties(facts)[1]} == {C}


@pytest.mark.parametrize(
    ("since", "until", "due"),
    [
        (110, 111, [0, 2]),  # accepted in the slot's first block: held
        (111, 120, [0, 1, 2]),
        (105, 110, [0, 1, 2]),  # closed in it: not held any more
        (99, 120, [0, 2]),
        (99, 121, [0]),
        (50, 60, [0, 1, 2]),
    ],
)
@pytest.mark.parametrize("roll_call", [NEVER, ALWAYS])
def test_duties__held_when_a_slot_of_the_m_phase_begins__nothing_is_due_in_it(since, until, due, roll_call):
    device = make_device(1, holds=((10, 20), (since, until)))
    facts = make_facts([device], terms=ALL, beacons=PHASES, slots=3, roll_call=roll_call)
    assert [duty.slot for duty in duties(facts)[1]] == due


def test_duties__forced_in_a_slot_of_the_m_phase__is_due_for_its_job_alone():
    device = make_device(1, holds=((100, 1000),))
    facts = make_facts([device], terms=ALL, beacons=PHASES, forced=[ForcedDraw(5, 1, 1)], slots=3)
    assert duties(facts)[1] == (Duty(1, 0, C), Duty(1, 1, FORCED, 5))


def test_challenge_of__slot_of_the_m_phase__is_one_unless_the_device_is_held():
    free, held = make_device(1), make_device(2, holds=((110, 111),))
    facts = make_facts([free, held], terms=ALL, beacons=PHASES, slots=3)
    shapes = [challenge_of(facts, device, slot).shape for device in (free, held) for slot in range(3)]
    assert [isinstance(shape, MemoryShape) for shape in shapes] == [False, True, True, False, False, True]
    assert shapes[1] == MemoryShape(layers=64, W=1024, walkers=64, steps=128)


def test_challenge_of__m_phase_that_no_proof_can_have__is_named():
    facts = make_facts([make_device(1)], terms=replace(ALL, layer_bits=19), beacons=PHASES, slots=3)
    with pytest.raises(ClassUnsupported):
        challenge_of(facts, make_device(1), 1)


def test_duties__roll_call_in_every_slot__draws_every_device_once_a_slot():
    facts = make_facts([make_device(2), make_device(1)], roll_call=ALWAYS)
    assert duties(facts) == {
        device: tuple(Duty(device, slot, ROLL) for slot in range(4)) for device in (1, 2)
    }


def test_duties__no_roll_call__draws_by_the_beacon_alone():
    facts = make_facts([make_device(1)], slots=64, roll_call=NEVER)
    drawn = [fact.slot for fact in facts.slots if is_drawn(fact.beacon, 1, TERMS.draw_threshold)]
    assert 16 < len(drawn) < 48
    assert duties(facts)[1] == tuple(Duty(1, slot, C) for slot in drawn)


def test_duties__threshold_zero__draws_nobody():
    facts = make_facts([make_device(1)], terms=replace(TERMS, draw_threshold=0))
    assert duties(facts) == {1: ()}


def test_duties__device_not_begun__has_no_leaf():
    facts = make_facts([make_device(1, from_epoch=3)], epoch=2, roll_call=ALWAYS)
    assert duties(facts) == {}


def test_duties__device_begins__is_drawn_from_the_first_slot_on():
    facts = make_facts([make_device(1, from_epoch=3)], epoch=3, roll_call=ALWAYS)
    assert [duty.slot for duty in duties(facts)[1]] == [12, 13, 14, 15]


def test_duties__device_ends_within_the_epoch__is_drawn_before_that_only():
    facts = make_facts([make_device(1, until_slot=2)], roll_call=ALWAYS)
    assert [duty.slot for duty in duties(facts)[1]] == [0, 1]


def test_duties__device_that_ended_long_ago__keeps_an_empty_leaf():
    facts = make_facts([make_device(1, until_slot=2)], epoch=5, roll_call=ALWAYS)
    assert duties(facts) == {1: ()}


def test_duties__forced_draws__come_last_by_slot_and_job():
    forced = [ForcedDraw(9, 1, 3), ForcedDraw(8, 1, 3), ForcedDraw(7, 2, 0), ForcedDraw(10, 1, 1)]
    facts = make_facts([make_device(1), make_device(2)], roll_call=ALWAYS, forced=forced)
    due = duties(facts)[1]
    assert [duty.slot for duty in due[:4]] == [0, 1, 2, 3]
    assert due[4:] == (Duty(1, 1, FORCED, 10), Duty(1, 3, FORCED, 8), Duty(1, 3, FORCED, 9))


def test_duties__forced_slot_in_another_epoch__is_not_due():
    facts = make_facts([make_device(1)], forced=[ForcedDraw(1, 1, 4)], terms=replace(TERMS, draw_threshold=0))
    assert duties(facts) == {1: ()}


def test_duties__forced_on_a_suspended_device__is_due_all_the_same():
    facts = make_facts([make_device(1, until_slot=0)], forced=[ForcedDraw(5, 1, 2)])
    assert duties(facts) == {1: (Duty(1, 2, FORCED, 5),)}


@given(st.permutations([make_device(number) for number in range(1, 9)]))
def test_duties__devices_in_any_order__are_told_ascending(devices):
    told = duties(make_facts(devices))
    assert list(told) == sorted(told)
    assert told == duties(make_facts(devices[::-1]))


def test_challenge_of__a_duty__names_the_slot_and_the_shape():
    challenge = challenge_of(make_facts([make_device(1)]), make_device(1), 2)
    assert (challenge.beacon, challenge.chain_id, challenge.slot) == (word("beacon", 2), CHAIN_ID, 2)
    assert challenge.provider == bytes.fromhex(PROVIDER[2:])
    assert challenge.shape.operations == 2 * 256 * 256 * 1024 * 64


def test_challenge_of__class_beyond_the_benchmark__is_named():
    facts = make_facts([make_device(1)], terms=replace(TERMS, m=1 << 20))
    with pytest.raises(ClassUnsupported):
        challenge_of(facts, make_device(1), 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"slots": ()},
        {"epoch": 1},
        {"devices": (make_device(1), make_device(1))},
        {"classes": {}},
        {"forced": (ForcedDraw(1, 7, 1),)},
    ],
)
def test_facts__parts_that_do_not_fit__refuse(changes):
    with pytest.raises(FactsContradict):
        replace(make_facts([make_device(1)]), **changes)
