from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import Device
from tensorbond.proof.challenge import is_drawn
from tensorbond.provider.devices import OwnDevice, challenge_for, is_due
from tests.offchain.oracle.epochs import ALWAYS, NEVER, OPEN, PROVIDER, TERMS, make_timing, word

pytestmark = pytest.mark.unit

DEVICE = OwnDevice(3, Device(PROVIDER, 2, OPEN, 10, 0, False), TERMS)
QUIET = replace(DEVICE, terms=replace(TERMS, draw_threshold=0))
TIMING = make_timing(slots=4, roll_call=NEVER)


def test_is_due__by_lot__follows_the_beacon():
    beacons = [word(number) for number in range(64)]
    due = [is_due(DEVICE, TIMING, 9, beacon, ()) for beacon in beacons]
    assert due == [is_drawn(beacon, 3, TERMS.draw_threshold) for beacon in beacons]
    assert 16 < sum(due) < 48


def test_is_due__roll_call__is_due_whatever_the_lot():
    assert is_due(QUIET, make_timing(roll_call=ALWAYS), 9, word(0), ())
    assert not is_due(QUIET, TIMING, 9, word(0), ())


def test_is_due__forced_by_a_job__in_that_slot_and_device_only():
    assert is_due(QUIET, TIMING, 9, word(0), {(3, 9)})
    assert not is_due(QUIET, TIMING, 9, word(0), {(3, 10), (4, 9)})


@pytest.mark.parametrize(
    ("slot", "until", "due"), [(7, OPEN, False), (8, OPEN, True), (9, 10, True), (10, 10, False)]
)
def test_is_due__not_active_yet_or_no_more__is_not(slot, until, due):
    device = replace(DEVICE, state=replace(DEVICE.state, until_slot=until))
    assert is_due(device, make_timing(roll_call=ALWAYS), slot, word(0), {(3, slot)}) == due


def test_challenge_for__device__carries_its_owner_and_shape():
    challenge = challenge_for(31337, DEVICE, 9, word(0))
    assert (challenge.provider.hex(), challenge.device, challenge.slot) == (PROVIDER[2:].lower(), 3, 9)
    assert (challenge.shape.m, challenge.shape.R, challenge.shape.q) == (TERMS.m, TERMS.r, TERMS.q)
