"""The properties in Solidity: fuzz of the libraries, and the numbered invariants over the whole system."""

from __future__ import annotations

import re

import pytest

from tests.forge.run import run_forge
from tests.forge.tally import handlers, read_tallies
from tests.forge.verbs import HANDLERS, outdated, verbs, without_handler

pytestmark = [pytest.mark.chain, pytest.mark.slow]

FUZZ_TESTS, FUZZ_RUNS = 95, 2_000
PLAYS, STEPS = 256, 64


def test_forge__every_property_holds() -> None:
    finished = run_forge()
    said = finished.stdout
    assert finished.returncode == 0, said[-6_000:]
    runs = [int(count) for count in re.findall(r"^\[PASS\] testFuzz.*\(runs: (\d+),", said, re.MULTILINE)]
    assert len(runs) >= FUZZ_TESTS
    assert min(runs) == FUZZ_RUNS
    played = re.search(r"^\[PASS\] invariant_theBooksBalance\(\) \(runs: (\d+), calls: (\d+)", said, re.M)
    assert played is not None, said[-2_000:]
    assert (int(played[1]), int(played[2])) == (PLAYS, PLAYS * STEPS)

    tally = read_tallies()
    assert tally.plays >= PLAYS
    assert set(tally.calls) == handlers(), "a verb that was never played"
    assert not without_handler(handlers()), "verbs of the contracts that no handler plays"
    assert not tally.rare, "verbs that mostly find nothing to do"
    assert tally.exits
    assert not tally.never_paused, "exits that no play tried while everything was paused"


def test_verbs__one_that_no_handler_plays_is_found() -> None:
    assert not outdated()
    known = {HANDLERS.get(verb, verb.partition(".")[2]) for verb in verbs()}
    assert not without_handler(known)
    fewer = known - {"stake", "settleLease"}
    assert without_handler(fewer) == {"ProviderStaking.stake", "LeaseEscrow.settle"}
    assert without_handler(known, unplayed={}) >= {"ProviderStaking.slash", "DeviceRegistry.addClass"}
    alone = {verb: name for verb, name in HANDLERS.items() if verb != "Challenges.commit"}
    assert without_handler(known, elsewhere=alone) == {"Challenges.commit"}, "two contracts have a commit"
