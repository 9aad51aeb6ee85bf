from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorbond.chain.types import DeviceClass, Outcome, OutcomeKind, OutcomeResult
from tensorbond.oracle.duties import Duty
from tensorbond.oracle.errors import FactsIncomplete
from tensorbond.oracle.facts import CommitFact, DeviceFact
from tensorbond.oracle.outcomes import (
    NO_WITNESS,
    Finding,
    bandwidth_of,
    decisive,
    examine,
    judge,
    judge_epoch,
    throughput_of,
)
from tensorbond.proof.evidence import evidence_root
from tensorbond.proof.memory import MEMORY_ITEMS, MemoryChallenge, MemoryShape
from tensorbond.proof.prover import CpuProver
from tests.offchain.oracle.epochs import (
    MEMORY,
    OPERATIONS,
    TERMS,
    beacon_of,
    make_commit,
    make_device,
    make_facts,
    word,
)
from tests.offchain.signing import (
    CHALLENGE,
    CHALLENGES,
    SAMPLE_BEACON,
    bad_evidence,
    commit_record,
    good_evidence,
    key,
    proof,
    signed,
)

pytestmark = pytest.mark.unit

SAMPLED = (CHALLENGE.beacon, CHALLENGE.chain_id, CHALLENGE.provider, CHALLENGE.device, CHALLENGE.slot)
DUTY = Duty(1, 5, OutcomeKind.DRAWN_C)
DEVICE = make_device()
COMMIT = make_commit(1, 5, seconds=2)


def look(raw: bytes, sample_beacon: bytes = SAMPLE_BEACON) -> Finding | None:
    return examine(raw, CHALLENGE, commit_record(), sample_beacon, CHALLENGES)


def test_examine__good_evidence__has_no_bad_item():
    assert look(good_evidence().encode()) == Finding(evidence_root(good_evidence()), None)


def test_examine__wrong_entry__names_the_item():
    assert look(bad_evidence(2).encode()) == Finding(evidence_root(bad_evidence(2)), 2)


def test_examine__wrong_final_seed__names_the_header():
    lying = signed(replace(good_evidence(), final_seed=bytes(32)))
    assert look(lying.encode()) == Finding(evidence_root(lying), CHALLENGE.shape.q)


def test_examine__opened_for_another_sample_beacon__is_bad():
    finding = look(good_evidence().encode(), sample_beacon=b"t" * 32)
    assert finding is not None
    assert finding.bad_item == 0


def test_examine__unsigned_header_fields_lie__counts_what_was_signed():
    moved = replace(good_evidence(), challenge=replace(CHALLENGE, slot=43, device=9), sample_beacon=bytes(32))
    assert look(moved.encode()) == look(good_evidence().encode())


def test_examine__signed_by_another_key__is_no_evidence():
    assert look(signed(good_evidence(), by=key(9)).encode()) is None


def test_examine__unsigned__is_no_evidence():
    assert look(proof().open(SAMPLE_BEACON).encode()) is None


def test_examine__high_s__is_no_evidence():
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    signature = good_evidence().signature
    s = order - int.from_bytes(signature[32:64], "big")
    other = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
    assert look(good_evidence().sign(other).encode()) is None


@pytest.mark.parametrize("cut", [0, 5, 100, 1000])
def test_examine__truncated__is_no_evidence(cut):
    assert look(good_evidence().encode()[:cut]) is None


def test_examine__of_another_shape__is_no_evidence():
    shape = replace(CHALLENGE.shape, q=5)
    raw = good_evidence().encode()
    assert examine(raw, replace(CHALLENGE, shape=shape), commit_record(), SAMPLE_BEACON, CHALLENGES) is None


def test_examine__m_phase__is_evidence_of_a_memory_challenge_only():
    challenge = MemoryChallenge(*SAMPLED, MemoryShape(2, 16, 2, 64))
    proven = CpuProver(1).prove(challenge)
    evidence = signed(proven.open(SAMPLE_BEACON))
    commit = replace(commit_record(), commitment=proven.commitment)
    raw = evidence.encode()
    found = examine(raw, challenge, commit, SAMPLE_BEACON, CHALLENGES)
    assert found == Finding(evidence_root(evidence), None)
    assert examine(raw, CHALLENGE, commit, SAMPLE_BEACON, CHALLENGES) is None
    assert examine(good_evidence().encode(), challenge, commit_record(), SAMPLE_BEACON, CHALLENGES) is None
    twisted = signed(replace(evidence, walk_root=bytes(32)))
    found = examine(twisted.encode(), challenge, commit, SAMPLE_BEACON, CHALLENGES)
    assert found == Finding(evidence_root(twisted), MEMORY_ITEMS)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 20), st.integers(1, 255))
def test_examine__any_byte_changed__never_breaks(at, flip):
    raw = bytearray(good_evidence().encode())
    raw[at % len(raw)] ^= flip
    finding = look(bytes(raw))
    assert finding is None or finding == look(good_evidence().encode())


@given(st.lists(st.builds(Finding, st.binary(min_size=32, max_size=32), st.none() | st.integers(0, 16))))
def test_decisive__any_findings__prefers_a_pass_then_the_lowest_root(findings):
    found = decisive(findings)
    if not findings:
        assert found is None
        return
    passed = [each for each in findings if each.bad_item is None]
    assert found.root == min(each.root for each in (passed or findings))
    assert (found.bad_item is None) == bool(passed)


def judged(
    commit: CommitFact | None,
    *findings: Finding,
    duty: Duty = DUTY,
    terms: DeviceClass = TERMS,
    memory: bool = False,
    device: DeviceFact = DEVICE,
) -> Outcome:
    """A duty's row, in a slot of either phase."""
    beacons = {5: beacon_of(0, memory)}
    commits = [commit] if commit else []
    facts = make_facts([device], epoch=1, terms=terms, commits=commits, beacons=beacons)
    return judge(facts, device, duty, findings)


GOOD, BAD = Finding(word("z"), None), Finding(bytes(32), 3)


def test_judge__no_record__is_missed():
    row = judged(None, GOOD)
    assert (row.result, row.witness, row.throughput) == (OutcomeResult.MISSED, NO_WITNESS, 0)


def test_judge__record_without_signed_evidence__is_withheld():
    row = judged(COMMIT)
    assert (row.result, row.witness, row.item) == (OutcomeResult.WITHHELD, NO_WITNESS, 0)


def test_judge__good_evidence_beside_bad__passes_with_its_root():
    row = judged(COMMIT, BAD, GOOD)
    assert (row.result, row.witness, row.item) == (OutcomeResult.PASSED, GOOD.root, 0)
    assert row.throughput == OPERATIONS // (2 * 10**9)


def test_judge__two_bad_ones__names_the_item_under_the_lowest_root():
    low, high = Finding(bytes(31) + b"\1", 7), Finding(bytes(31) + b"\2", 1)
    row = judged(COMMIT, high, low)
    assert (row.result, row.witness, row.item, row.throughput) == (OutcomeResult.BAD_ITEM, low.root, 7, 0)


def test_judge__forced_draw__carries_its_job():
    row = judged(None, duty=Duty(1, 5, OutcomeKind.FORCED, 77))
    assert (row.slot, row.kind, row.job) == (5, OutcomeKind.FORCED, 77)


@pytest.mark.parametrize(
    ("seconds", "result", "bandwidth"),
    [
        (1, OutcomeResult.PASSED, 30),  # 36 by the clock: the class's peak
        (2, OutcomeResult.PASSED, 18),
        (7, OutcomeResult.PASSED, 5),
        (8, OutcomeResult.SLOW, 4),
    ],
)
@pytest.mark.parametrize("kind", [OutcomeKind.DRAWN_M, OutcomeKind.ROLL_CALL])
def test_judge__good_m_phase__passes_unless_it_was_slower_than_the_class(seconds, result, bandwidth, kind):
    row = judged(make_commit(1, 5, seconds), GOOD, duty=Duty(1, 5, kind), terms=MEMORY, memory=True)
    assert (row.result, row.throughput, row.witness, row.item) == (result, bandwidth, GOOD.root, 0)


def test_judge__bad_m_phase_that_was_slow_too__is_bad():
    commit = make_commit(1, 5, seconds=9)
    row = judged(commit, BAD, duty=Duty(1, 5, OutcomeKind.DRAWN_M), terms=MEMORY, memory=True)
    assert (row.result, row.throughput, row.item) == (OutcomeResult.BAD_ITEM, 0, 3)


def test_judge__forced_in_a_slot_of_the_m_phase__is_the_c_phase_of_a_held_device():
    forced, held = Duty(1, 5, OutcomeKind.FORCED, 77), make_device(holds=((150, 151),))
    row = judged(COMMIT, GOOD, duty=forced, terms=MEMORY, memory=True, device=held)
    assert (row.result, row.throughput) == (OutcomeResult.PASSED, OPERATIONS // (2 * 10**9))


def test_judge__forced_by_a_job_that_was_over_before_the_m_phase__decides_nothing():
    row = judged(COMMIT, GOOD, duty=Duty(1, 5, OutcomeKind.FORCED, 77), terms=MEMORY, memory=True)
    assert (row.result, row.throughput, row.witness) == (OutcomeResult.WITHHELD, 0, NO_WITNESS)


def test_bandwidth_of__by_the_chains_clock__counts_what_fill_and_walks_move():
    moved = 544 * 64 * 1024 + 128 * 64 * 128
    terms = replace(MEMORY, peak_bandwidth=1 << 23)
    assert [bandwidth_of(terms, 50, at) for at in (40, 50, 51, 53)] == [
        moved // 10**6,
        moved // 10**6,
        moved // 10**6,
        moved // (3 * 10**6),
    ]


@pytest.mark.parametrize(
    ("committed", "gops"),
    [(50, 8), (51, 8), (52, 4), (58, 1), (59, 0), (40, 8)],
)
def test_throughput_of__by_the_chains_clock__is_rounded_down(committed, gops):
    assert throughput_of(TERMS, 50, committed) == gops


def test_throughput_of__faster_than_the_class__is_its_peak():
    assert throughput_of(replace(TERMS, peak_gops=3), 50, 51) == 3


def test_judge_epoch__epoch_not_over__refuses():
    facts = make_facts([make_device()])
    with pytest.raises(FactsIncomplete):
        judge_epoch(replace(facts, slots=facts.slots[:2]), {})


@pytest.mark.parametrize(
    ("bound", "result"),
    [(0, OutcomeResult.PASSED), (4, OutcomeResult.PASSED), (5, OutcomeResult.SLOW), (6, OutcomeResult.SLOW)],
)
@pytest.mark.parametrize("kind", [OutcomeKind.DRAWN_C, OutcomeKind.ROLL_CALL, OutcomeKind.FORCED])
def test_judge__good_c_phase__passes_unless_it_was_slower_than_the_class(bound, result, kind):
    duty = Duty(1, 5, kind, 77 if kind == OutcomeKind.FORCED else 0)
    row = judged(COMMIT, GOOD, duty=duty, terms=replace(TERMS, slow_gops=bound))
    assert (row.result, row.throughput, row.witness) == (result, OPERATIONS // (2 * 10**9), GOOD.root)
