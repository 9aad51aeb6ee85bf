"""Single items of an evidence, as answers show them: what each proves by itself."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from tensorbond.chain.types import Outcome, OutcomeKind, OutcomeResult
from tensorbond.demo.villains import WrongTileProver
from tensorbond.oracle.archive import Case
from tensorbond.oracle.facts import CommitFact
from tensorbond.proof import CpuProver, MemoryChallenge, merkle
from tensorbond.proof.challenge import Challenge, Shape
from tensorbond.proof.evidence import AnyEvidence, Evidence, evidence_path, evidence_root
from tensorbond.proof.memory import MEMORY_ITEMS, MemoryShape
from tensorbond.proof.memory_evidence import MemoryEvidence
from tensorbond.watch.answers import ShownItem
from tensorbond.watch.memory import block_asked
from tensorbond.watch.openings import caps
from tensorbond.watch.shown import Parts, judge_parts

pytestmark = pytest.mark.unit

BEACON, SAMPLE_BEACON = b"\5" * 32, b"\7" * 32
ABOUT = BEACON, 31337, b"\1" * 20, 1, 9
KEY = "0x" + "11" * 20


@cache
def compute() -> Evidence:
    evidence = CpuProver().prove(Challenge(*ABOUT, Shape(256, 256, 1024, 1, 4))).open(SAMPLE_BEACON)
    assert isinstance(evidence, Evidence)
    return evidence


@cache
def memory() -> MemoryEvidence:
    evidence = CpuProver().prove(MemoryChallenge(*ABOUT, MemoryShape(4, 64, 2, 128))).open(SAMPLE_BEACON)
    assert isinstance(evidence, MemoryEvidence)
    return evidence


def case_of(evidence: AnyEvidence) -> Case:
    commit = CommitFact(1, 9, KEY, evidence.commitment, 0)
    return Case(evidence.challenge, commit, SAMPLE_BEACON)


def parts_of(evidence: AnyEvidence, *indices: int) -> Parts:
    leaves = (*evidence.items, evidence.header)
    return {index: ShownItem(leaves[index], evidence_path(evidence, index)) for index in indices}


def row_of(evidence: AnyEvidence, item: int | None = None) -> Outcome:
    """A pass, or the fault that this item is said to be."""
    result = OutcomeResult.PASSED if item is None else OutcomeResult.BAD_ITEM
    return Outcome(9, int(OutcomeKind.DRAWN_C), int(result), 0, evidence_root(evidence), item or 0, 0)


def kinds(evidence: AnyEvidence, parts: Parts, item: int | None = None, *seeds: bytes) -> list[str]:
    return [kind for kind, _ in judge_parts(case_of(evidence), parts, row_of(evidence, item), seeds)]


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def with_item(evidence: AnyEvidence, index: int, data: bytes) -> AnyEvidence:
    return replace(evidence, items=(*evidence.items[:index], data, *evidence.items[index + 1 :]))


@pytest.mark.parametrize("evidence_of", [compute, memory])
def test_judge_parts__a_true_pass__proves_nothing(evidence_of):
    evidence = evidence_of()
    assert kinds(evidence, parts_of(evidence, *range(len(evidence.items) + 1))) == []


def test_judge_parts__a_good_item_that_is_named_bad__is_a_false_fault():
    evidence = compute()
    assert kinds(evidence, parts_of(evidence, 2), 2) == [], "nothing shows the final seed"
    assert kinds(evidence, parts_of(evidence, 2), 2, evidence.final_seed) == ["falseFailItem"]
    assert kinds(evidence, parts_of(evidence, 2), 1, evidence.final_seed) == []
    assert kinds(evidence, parts_of(evidence, 4), 4) == ["falseFailHeader"]


def test_judge_parts__one_wrong_entry__is_a_false_pass():
    bad = WrongTileProver(1).prove(compute().challenge).open(SAMPLE_BEACON)
    ((kind, (opened, row, column)),) = judge_parts(case_of(bad), parts_of(bad, 1, 4), row_of(bad))
    assert (kind, opened.index, row, column) == ("falsePassItem", 1, 3, 5)
    assert kinds(bad, parts_of(bad, 1, 4), 1) == []


def test_judge_parts__an_item_that_folds_elsewhere__is_a_false_pass():
    good = compute()
    bad = with_item(good, 1, flipped(good.items[1], 8))
    assert kinds(bad, parts_of(bad, 0, 1, 4)) == ["falsePassItem"]


def test_judge_parts__an_item_of_another_length__is_a_false_pass():
    evidence = compute()
    parts = {1: ShownItem(evidence.items[1] + b"\0", ()), **parts_of(evidence, 0, 4)}
    assert kinds(evidence, parts) == ["falsePassItem"]


def test_judge_parts__a_bad_header__is_a_false_pass():
    bad = replace(compute(), final_seed=bytes(32))
    assert kinds(bad, parts_of(bad, 4)) == ["falsePassHeader"]
    assert kinds(bad, parts_of(bad, 4), 4) == []
    short = {4: ShownItem(b"\1", ())}
    assert kinds(bad, short) == ["falsePassHeader"]


@pytest.mark.parametrize("index", [0, 63, 64, 95])
def test_judge_parts__the_memory_phase__is_judged_under_the_header(index: int):
    good = memory()
    assert kinds(good, parts_of(good, index), index) == [], "nothing shows the header"
    assert kinds(good, parts_of(good, index, MEMORY_ITEMS), index) == ["falseFailMemoryItem"]
    at = 8 if index < 64 else 40 + 128
    bad = with_item(good, index, flipped(good.items[index], at))
    assert kinds(bad, parts_of(bad, index, MEMORY_ITEMS)) == ["falsePassMemoryItem"]
    assert kinds(bad, parts_of(bad, index, MEMORY_ITEMS), index) == []


def test_judge_parts__a_bad_header_of_the_memory_phase__is_a_false_pass():
    good = memory()
    bad = replace(good, walk_root=bytes(32))
    assert kinds(bad, parts_of(bad, 0, MEMORY_ITEMS)) == ["falsePassMemoryHeader"]
    assert kinds(good, {MEMORY_ITEMS: ShownItem(b"", ())}) == ["falsePassMemoryHeader"]
    assert kinds(good, parts_of(good, MEMORY_ITEMS), MEMORY_ITEMS) == ["falseFailMemoryHeader"]


def test_caps__of_every_item__lead_from_the_cap_to_the_root():
    evidence = memory()
    shape = evidence.challenge.shape
    size = 32 * shape.cap_bits
    for index in range(MEMORY_ITEMS):
        paths = caps(evidence, index)
        count = 17 if index < 64 else 64
        assert len(paths) == count * size
        for opening in range(count):
            path = paths[opening * size :][:size]
            if not any(path):
                number = int.from_bytes(evidence.items[index][:8], "little")
                assert opening > 0
                assert number < shape.W, "only layer 0 has no parents"
                continue
            place = block_asked(evidence, index, opening) >> shape.lower
            nodes = tuple(path[at : at + 32] for at in range(0, size, 32))
            assert merkle.fold(evidence.cap[place], place, nodes, shape.cap_bits) == evidence.mem_root
