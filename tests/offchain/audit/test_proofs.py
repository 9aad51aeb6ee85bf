"""How a commitment is judged by the evidence there is, and without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account

from tensorbond.audit import proofs
from tensorbond.audit.proofs import Case, Verdict, judge
from tensorbond.audit.published import Row
from tensorbond.chain import digests
from tensorbond.chain.digests import Domain
from tensorbond.chain.types import OutcomeResult
from tensorbond.proof import (
    MEMORY_ITEMS,
    AnyEvidence,
    Challenge,
    CpuProver,
    MemoryChallenge,
    MemoryProof,
    MemoryShape,
    Proof,
    Shape,
    evidence_name,
    evidence_root,
)
from tensorbond.store import Store
from tests.offchain.proof.skipping import SloppyProver

pytestmark = pytest.mark.unit

DOMAIN = Domain("Challenges", 1, "0x" + "cc" * 20)
KEY = Account.from_key(b"\7" * 32)
SAMPLE_BEACON = b"\3" * 32
CHALLENGE = Challenge(b"\1" * 32, 1, b"\2" * 20, 1, 5, Shape(256, 256, 1024, 1, 4))
PASSED, MISSED, BAD_ITEM, WITHHELD, SLOW = OutcomeResult
MEMORY = MemoryChallenge(b"\1" * 32, 1, b"\2" * 20, 1, 5, MemoryShape(2, 16, 2, 64))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture(scope="module")
def honest() -> Proof:
    return CpuProver(workers=1).prove(CHALLENGE)


@pytest.fixture(scope="module")
def remembering() -> MemoryProof:
    return CpuProver(workers=1).prove(MEMORY)


@pytest.fixture(scope="module")
def sloppy() -> Proof:
    return SloppyProver(1, 2).prove(CHALLENGE)


def _told(result: int, witness: bytes = bytes(32), item: int = 0) -> Row:
    return Row(5, 0, result, 0, witness, item, 0)


def _case(proof: Proof | MemoryProof, told: Row | None = None) -> Case:
    return Case(proof.challenge, proof.commitment, KEY.address, SAMPLE_BEACON, told)


def _publish(store: Store, evidence: AnyEvidence) -> None:
    signable = digests.evidence(DOMAIN, evidence.commitment, evidence_root(evidence))
    name = evidence_name(1, 1, 5, evidence.commitment)
    store.put(name, evidence.sign(signable.sign(KEY)).encode())


def test_judge__good_evidence__passed(store: Store, honest: Proof) -> None:
    evidence = honest.open(SAMPLE_BEACON)
    _publish(store, evidence)
    for told in (None, _told(PASSED), _told(MISSED), _told(BAD_ITEM, b"\1" * 32)):
        assert judge(_case(honest, told), store, DOMAIN) == Verdict(PASSED, evidence_root(evidence))


def test_judge__bad_evidence__names_the_item(store: Store, sloppy: Proof) -> None:
    evidence = sloppy.open(SAMPLE_BEACON)
    _publish(store, evidence)
    root = evidence_root(evidence)
    assert judge(_case(sloppy, _told(PASSED)), store, DOMAIN) == Verdict(BAD_ITEM, root, 0)
    assert judge(_case(sloppy, _told(BAD_ITEM, b"\xff" * 32, 3)), store, DOMAIN) == Verdict(BAD_ITEM, root, 0)


def test_judge__another_bad_evidence_with_a_lower_root_was_judged__accepts_it(
    store: Store, sloppy: Proof
) -> None:
    _publish(store, sloppy.open(SAMPLE_BEACON))
    verdict = judge(_case(sloppy, _told(BAD_ITEM, bytes(32), 3)), store, DOMAIN)
    assert (verdict.result, verdict.witness, verdict.item) == (BAD_ITEM, bytes(32), 3)
    assert verdict.note == "the evidence that was judged isn't the stored one, which is bad as well"


def test_judge__declared_beside_the_signed_parts__is_not_believed(store: Store, honest: Proof) -> None:
    evidence = honest.open(SAMPLE_BEACON)
    elsewhere = replace(CHALLENGE, beacon=b"\x09" * 32, slot=77)
    _publish(store, replace(evidence, challenge=elsewhere, sample_beacon=bytes(32)))
    assert judge(_case(honest), store, DOMAIN) == Verdict(PASSED, evidence_root(evidence))


def test_judge__evidence_of_another_shape__is_none(store: Store, honest: Proof) -> None:
    other = CpuProver(workers=1).prove(replace(CHALLENGE, shape=Shape(256, 256, 1024, 1, 3)))
    evidence = other.open(SAMPLE_BEACON)
    store.put(evidence_name(1, 1, 5, honest.commitment), evidence.encode())
    verdict = judge(_case(honest, _told(PASSED)), store, DOMAIN)
    assert verdict.note.startswith("the stored evidence has another shape")


def test_judge__m_phase__is_judged_as_such(store: Store, remembering: MemoryProof, honest: Proof) -> None:
    evidence = remembering.open(SAMPLE_BEACON)
    _publish(store, evidence)
    for told in (None, _told(PASSED), _told(SLOW), _told(BAD_ITEM, b"\1" * 32)):
        assert judge(_case(remembering, told), store, DOMAIN) == Verdict(PASSED, evidence_root(evidence))
    as_compute = replace(_case(remembering), challenge=CHALLENGE)
    assert judge(as_compute, store, DOMAIN).note.startswith("the stored evidence ")


def test_judge__m_phase_with_a_bad_header__names_it(store: Store, remembering: MemoryProof) -> None:
    evidence = replace(remembering.open(SAMPLE_BEACON), walk_root=bytes(32))
    _publish(store, evidence)
    verdict = judge(_case(remembering, _told(SLOW)), store, DOMAIN)
    assert verdict == Verdict(BAD_ITEM, evidence_root(evidence), MEMORY_ITEMS)


def test_judge__m_phase_without_evidence__computes_again_unless_it_is_too_large(
    store: Store, remembering: MemoryProof, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = evidence_root(remembering.open(SAMPLE_BEACON))
    found = judge(_case(remembering, _told(SLOW)), store, DOMAIN)
    assert (found.result, found.witness) == (PASSED, witness)
    other = replace(_case(remembering, _told(SLOW)), commitment=b"\5" * 32)
    assert judge(other, store, DOMAIN).result == BAD_ITEM
    monkeypatch.setattr(proofs, "MOST_LABELS", MEMORY.shape.labels - 1)
    told = judge(_case(remembering, _told(SLOW, b"\4" * 32)), store, DOMAIN)
    assert (told.result, told.witness, bool(told.missing)) == (PASSED, b"\4" * 32, True)


def test_judge__no_evidence__computes_again(store: Store, honest: Proof) -> None:
    witness = evidence_root(honest.open(SAMPLE_BEACON))
    for told in (None, _told(PASSED), _told(BAD_ITEM), _told(MISSED)):
        verdict = judge(_case(honest, told), store, DOMAIN)
        assert (verdict.result, verdict.witness) == (PASSED, witness)
        assert verdict.note == "the store has no evidence; the whole benchmark was computed again"


def test_judge__no_evidence_of_a_false_commitment__is_no_pass(store: Store, sloppy: Proof) -> None:
    assert judge(_case(sloppy, _told(PASSED)), store, DOMAIN).result == BAD_ITEM
    told = judge(_case(sloppy, _told(BAD_ITEM, b"\4" * 32, 2)), store, DOMAIN)
    assert (told.result, told.witness, told.item) == (BAD_ITEM, b"\4" * 32, 2)
    assert judge(_case(sloppy, None), store, DOMAIN).result == WITHHELD


def test_judge__withheld__stays_withheld(store: Store, honest: Proof) -> None:
    verdict = judge(_case(honest, _told(WITHHELD)), store, DOMAIN)
    assert verdict == Verdict(WITHHELD, note="the store has no evidence; it was found withheld and still is")


def test_judge__no_evidence_and_too_large_to_compute__is_missing(
    store: Store, honest: Proof, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "MOST_OPERATIONS", CHALLENGE.shape.operations - 1)
    reason = "the store has no evidence, and the benchmark is too large to be computed again"
    told = judge(_case(honest, _told(PASSED, b"\4" * 32)), store, DOMAIN)
    assert told == Verdict(PASSED, b"\4" * 32, missing=reason)
    assert judge(_case(honest, _told(MISSED)), store, DOMAIN) == Verdict(WITHHELD, missing=reason)
