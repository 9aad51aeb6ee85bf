from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import Device
from tensorbond.proof.challenge import Shape, is_drawn
from tensorbond.proof.memory import MemoryShape
from tensorbond.provider.devices import Draw, OwnDevice, challenge_of, is_due, longest_run
from tests.offchain.oracle.epochs import (
    ALWAYS,
    MEMORY,
    NEVER,
    OPEN,
    PROVIDER,
    TERMS,
    beacon_of,
    make_timing,
    word,
)

pytestmark = pytest.mark.unit

DEVICE = OwnDevice(3, Device(PROVIDER, 2, OPEN, 10, 0), TERMS, held=False)
QUIET = replace(DEVICE, terms=replace(TERMS, draw_threshold=0))
TIMING = make_timing(slots=4, roll_call=NEVER)


def test_is_due__by_lot__follows_the_beacon():
    beacons = [word(number) for number in range(64)]
    due = [is_due(DEVICE, TIMING, Draw(9, beacon)) for beacon in beacons]
    assert due == [is_drawn(beacon, 3, TERMS.draw_threshold) for beacon in beacons]
    assert 16 < sum(due) < 48


def test_is_due__roll_call__is_due_whatever_the_lot():
    assert is_due(QUIET, make_timing(roll_call=ALWAYS), Draw(9, word(0)))
    assert not is_due(QUIET, TIMING, Draw(9, word(0)))


def test_is_due__forced_by_a_job__is_due_if_it_is_the_device():
    assert is_due(QUIET, TIMING, Draw(9, word(0), forced=frozenset({3})))
    assert not is_due(QUIET, TIMING, Draw(9, word(0), forced=frozenset({4})))


def test_is_due__slot_of_the_m_phase__is_none_of_a_held_device_unless_forced():
    device, beacon = replace(DEVICE, terms=MEMORY), beacon_of(0, memory=True)
    everybody, held = make_timing(roll_call=ALWAYS), frozenset({3})
    assert is_due(device, everybody, Draw(9, beacon))
    assert not is_due(device, everybody, Draw(9, beacon, held))
    assert is_due(device, everybody, Draw(9, beacon, held, forced=held))
    assert is_due(device, everybody, Draw(9, beacon_of(0, memory=False), held))


def test_challenge_of__slot_of_the_m_phase__is_the_c_phase_of_a_held_device():
    device, beacon = replace(DEVICE, terms=MEMORY), beacon_of(0, memory=True)
    assert challenge_of(1, device, Draw(9, beacon)).shape == MemoryShape(64, 1024, 64, 128)
    for draw in (Draw(9, beacon, held=frozenset({3})), Draw(9, beacon_of(0, memory=False))):
        assert challenge_of(1, device, draw).shape == Shape(TERMS.m, TERMS.n, TERMS.k, TERMS.r, TERMS.q)
    assert isinstance(challenge_of(1, DEVICE, Draw(9, beacon)).shape, Shape)


@pytest.mark.parametrize(
    ("slot", "until", "due"), [(7, OPEN, False), (8, OPEN, True), (9, 10, True), (10, 10, False)]
)
def test_is_due__not_active_yet_or_no_more__is_not(slot, until, due):
    device = replace(DEVICE, state=replace(DEVICE.state, until_slot=until))
    assert is_due(device, make_timing(roll_call=ALWAYS), Draw(slot, word(0), forced=frozenset({3}))) == due


def test_challenge_of__device__carries_its_owner_and_shape():
    challenge = challenge_of(31337, DEVICE, Draw(9, word(0)))
    assert (challenge.provider.hex(), challenge.device, challenge.slot) == (PROVIDER[2:].lower(), 3, 9)
    assert (challenge.shape.m, challenge.shape.R, challenge.shape.q) == (TERMS.m, TERMS.r, TERMS.q)


@pytest.mark.parametrize(
    ("numbers", "run"),
    [
        ([], range(0)),
        ([3], range(3, 4)),
        ([1, 2, 5, 6, 7, 9], range(5, 8)),
        ([1, 2, 4, 5], range(1, 3)),
        (list(range(1, 99)), range(1, 5)),
    ],
)
def test_longest_run__any_devices__is_the_first_of_the_longest(numbers, run):
    assert longest_run(numbers, 4) == run
