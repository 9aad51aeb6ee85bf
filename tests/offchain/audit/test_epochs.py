"""What follows from outcomes, and what was noted of blocks, on synthetic histories."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tensorbond.audit.epochs import Examiner, _lie, check_facts, draw_of
from tensorbond.audit.findings import Report
from tensorbond.audit.history import Closing, History, Record, Unit, Word
from tensorbond.audit.published import Row
from tensorbond.chain.network import BlockRef
from tensorbond.chain.types import CloseReason, DeviceClass, OutcomeKind, OutcomeResult, Timing
from tests.offchain.audit.events import ATTESTATIONS, A, log
from tests.offchain.oracle.epochs import beacon_of

pytestmark = pytest.mark.unit

TIMING = Timing(0, 0, 100, 10, 4, 60, 30, 0)
NEVER = DeviceClass(256, 256, 1024, 4, 16, 0, 10, 7, 100, 1, 3000)
ALWAYS = DeviceClass(256, 256, 1024, 4, 16, 1 << 32, 10, 7, 100, 1, 3000)


def _history(terms: DeviceClass = ALWAYS) -> History:
    history = History(1, ATTESTATIONS)
    history.timings.append(TIMING)
    history.classes[0] = terms
    history.units[1] = Unit(A, 0, 5, 0, 50, 50)
    history.words[0] = Word(provable_until=170, flags=1)
    return history


def _finished(history: History, **known: Any) -> list[tuple[str, str, str]]:
    report = Report(1, 500, bytes(32))
    examiner = Examiner(None, None, history, {}, report, **known)  # type: ignore[arg-type]
    examiner.finish()
    return [(finding.check, finding.have, finding.need) for finding in report.findings]


@pytest.mark.parametrize(
    ("reason", "result"),
    [
        (CloseReason.OUTCOME_PASSED, OutcomeResult.PASSED),
        (CloseReason.OUTCOME_MISSED, OutcomeResult.MISSED),
        (CloseReason.OUTCOME_BAD, OutcomeResult.BAD_ITEM),
        (CloseReason.OUTCOME_WITHHELD, OutcomeResult.WITHHELD),
        (CloseReason.OUTCOME_SLOW, OutcomeResult.SLOW),
    ],
)
def test_finish__job_closed_by_its_outcome__is_no_finding(reason: CloseReason, result: OutcomeResult) -> None:
    history = _history()
    history.closings[7] = Closing(reason, 171, 1, 2)
    assert _finished(history, forced={7: (0, result)}) == []
    other = OutcomeResult.PASSED if result != OutcomeResult.PASSED else OutcomeResult.MISSED
    assert _finished(history, forced={7: (0, other)}) == [("invariant 7", other.name, result.name)]
    assert _finished(history) == [("invariant 7", "None", result.name)]


def test_finish__job_closed_before_the_epoch_was_final__is_found() -> None:
    history = _history()
    history.closings[7] = Closing(CloseReason.OUTCOME_PASSED, 170, 1, 2)
    found = _finished(history, forced={7: (0, OutcomeResult.PASSED)})
    assert found == [("invariant 11", "170", "at least 171")]


def test_finish__job_approved__needs_no_outcome() -> None:
    history = _history()
    history.closings[7] = Closing(CloseReason.APPROVED, 120, 1, 2)
    assert _finished(history) == []


def test_finish__bad_item_enforced__must_be_attested() -> None:
    history = _history()
    history.enforced.append(log("WorkDisputes", "BadItemEnforced", 171, device=1, slot=2, epoch=0, amount=1))
    assert _finished(history, bad_items={(0, 1, 2)}) == []
    assert _finished(history, bad_items={(0, 1, 3)}) == [("invariant 10", "False", "True")]


def _facts(history: History, known: dict[int, BlockRef] | None = None) -> list[tuple[str, str]]:
    headers = known or {
        number: BlockRef(number, bytes([number % 256]) * 32, number) for number in range(100, 200)
    }
    report = Report(1, 500, bytes(32))
    check_facts(history, headers, report)
    return [(finding.check, finding.subject) for finding in report.findings]


def test_check_facts__beacon_that_is_no_block_hash__is_found() -> None:
    history = _history()
    history.beacons = {0: bytes([100]) * 32, 1: bytes([111]) * 32}
    assert _facts(history) == [("beacon", "slot 1")]


def test_check_facts__time_that_is_not_the_block_s__is_found() -> None:
    history = _history()
    history.records = {(1, 0): Record(A, bytes(32), 103, 103), (1, 1): Record(A, bytes(32), 113, 114)}
    assert _facts(history) == [("badThroughput", "device 1 slot 1: commit time")]


@pytest.mark.parametrize("terms", [ALWAYS, NEVER])
def test_check_facts__miss_of_a_slot_that_did_not_draw__is_found(terms: DeviceClass) -> None:
    history = _history(terms)
    history.missed[1, 2] = 130
    found = [("invariant 10", "device 1 was drawn in slot 2, which it missed")] if terms is NEVER else []
    assert _facts(history) == found


@pytest.mark.parametrize(("since", "until"), [(100, 200), (120, 121), (121, 200), (100, 120)])
def test_check_facts__miss_of_the_m_phase_by_a_held_device__is_found(since: int, until: int) -> None:
    history = _history(replace(ALWAYS, layers=4))
    history.units[1].holds = [(since, until)]
    history.missed = {(1, 2): 130}
    held = since <= 120 < until
    found = [("invariant 10", "device 1 was drawn in slot 2, which it missed")] if held else []
    headers = {120: BlockRef(120, beacon_of(0, memory=True), 120)}
    assert _facts(history, headers) == found
    assert _facts(history, {120: BlockRef(120, beacon_of(0, memory=False), 120)}) == []


@pytest.mark.parametrize(
    ("layers", "memory", "kind"), [(4, True, 1), (4, False, 0), (0, True, 0), (0, False, 0)]
)
def test_draw_of__class_with_an_m_phase__is_what_the_beacon_asks(
    layers: int, memory: bool, kind: OutcomeKind
) -> None:
    history = _history(replace(ALWAYS, layers=layers))
    assert draw_of(history, history.units[1], 1, 2, beacon_of(0, memory)) == kind


def test_lie__good_evidence_said_to_be_slow_or_not__is_a_throughput() -> None:
    passed, slow = (Row(1, 1, result, 4, b"\1" * 32, 0, 0) for result in (1, 5))
    assert (_lie(slow, passed), _lie(passed, slow)) == ("badThroughput", "badThroughput")
    assert _lie(slow, replace(slow, throughput=5)) == "badThroughput"
    bad = replace(slow, result=3, throughput=0, item=2)
    assert (_lie(passed, bad), _lie(slow, bad), _lie(bad, slow)) == ("falsePass", "falsePass", "falseFail")


def test_check_facts__miss_of_a_suspended_device__is_found() -> None:
    history = _history()
    history.units[1].ends.append((115, 2))
    history.missed = {(1, 1): 130, (1, 2): 130}
    assert _facts(history) == [("invariant 10", "device 1 was drawn in slot 2, which it missed")]
