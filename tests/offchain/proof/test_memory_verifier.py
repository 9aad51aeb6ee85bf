from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorbond.proof import (
    EvidenceMisaddressed,
    Fault,
    HeaderBad,
    ItemBad,
    MemoryCpuProver,
    MemoryEvidence,
    Opening,
    ProofError,
    WrongBeacon,
    WrongChain,
    WrongCommitment,
    WrongDevice,
    WrongProvider,
    WrongSampleBeacon,
    WrongShape,
    WrongSlot,
    decode_evidence,
    encode_label_item,
    encode_segment_item,
    evidence_root,
    find_bad_item,
    label_samples,
    memory_commitment,
    parent_numbers,
    parse_label_item,
    parse_segment_item,
    segment_samples,
    verify,
)

from .conftest import flip, replace_item

pytestmark = pytest.mark.unit


def judge(evidence: MemoryEvidence, about: MemoryEvidence | None = None) -> None:
    """Verifies the evidence against the challenge that it, or the other evidence, declares."""
    asked = about or evidence
    verify(asked.challenge, asked.commitment, asked.sample_beacon, evidence)


def read_and_judge(data: bytes, about: MemoryEvidence | None = None) -> None:
    judge(decode_evidence(data), about)


def assert_item_bad(evidence: MemoryEvidence, index: int, reason: Fault, opening: int | None = None) -> None:
    with pytest.raises(ItemBad, match=f"^item {index} is bad: {reason.value}") as refusal:
        judge(evidence)
    bad = refusal.value
    assert (bad.index, bad.reason, bad.opening, bad.row, bad.col) == (index, reason, opening, None, None)


def assert_header_bad(evidence: MemoryEvidence, reason: Fault) -> None:
    with pytest.raises(HeaderBad, match=rf"^header \(leaf 96\) is bad: {reason.value}") as refusal:
        judge(evidence)
    assert (refusal.value.index, refusal.value.reason) == (96, reason)


def change_label(evidence: MemoryEvidence, index: int, **changes: Any) -> MemoryEvidence:
    shape = evidence.challenge.shape
    item = replace(parse_label_item(shape, evidence.items[index]), **changes)
    return replace_item(evidence, index, encode_label_item(shape, item))


def change_segment(evidence: MemoryEvidence, index: int, **changes: Any) -> MemoryEvidence:
    shape = evidence.challenge.shape
    item = replace(parse_segment_item(shape, evidence.items[index]), **changes)
    return replace_item(evidence, index, encode_segment_item(shape, item))


def change_opening(openings: tuple[Opening, ...], position: int, **changes: Any) -> dict[str, Any]:
    changed = replace(openings[position], **changes)
    return {"openings": (*openings[:position], changed, *openings[position + 1 :])}


@pytest.fixture(scope="module")
def asked(memory_evidence) -> tuple[list[int], list[int], list[int], list[int]]:
    """Item indices of: labels of layer 0, later labels, first segments, later segments."""
    shape, commitment = memory_evidence.challenge.shape, memory_evidence.commitment
    labels = label_samples(commitment, memory_evidence.sample_beacon, shape)
    segments = segment_samples(commitment, memory_evidence.sample_beacon, shape)
    return (
        [sample.index for sample in labels if sample.number < shape.W],
        [sample.index for sample in labels if sample.number >= shape.W],
        [sample.index for sample in segments if sample.segment == 0],
        [sample.index for sample in segments if sample.segment > 0],
    )


class CheatingProver(MemoryCpuProver):
    """Fills one label in so many with garbage, and opens the very same garbage."""

    def __init__(self, every: int) -> None:
        super().__init__(1, 1 << 30)
        self.every = every

    def fill(self, challenge, pool, count):
        labels = super().fill(challenge, pool, count)
        labels[:: self.every] = 7
        return labels


class IdleWalker(MemoryCpuProver):
    """Fills honestly and invents where the walkers ended."""

    def walk(self, challenge, memory, pool, count):
        return super().walk(challenge, memory, pool, count) ^ np.uint32(1)


def test_verify__honest_evidence__tells_what_was_proven(memory_challenge, memory_proof, memory_evidence):
    verified = verify(
        memory_challenge, memory_proof.commitment, memory_evidence.sample_beacon, memory_evidence
    )
    assert verified.challenge == memory_challenge
    assert verified.commitment == memory_proof.commitment
    assert verified.evidence_root == evidence_root(memory_evidence)
    assert verified.bytes_moved == 544 * 8192 + 128 * 64 * 256


def test_verify__another_signature__is_not_its_matter(memory_evidence):
    judge(memory_evidence.sign(b"\xff" * 65))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"chain_id": 1}, WrongChain),
        ({"provider": bytes(20)}, WrongProvider),
        ({"device": 4}, WrongDevice),
        ({"slot": 41}, WrongSlot),
        ({"beacon": bytes(32)}, WrongBeacon),
    ],
)
def test_verify__evidence_of_another_challenge__is_refused_by_name(
    memory_challenge, memory_evidence, change, error
):
    with pytest.raises(error, match="asked about") as refusal:
        verify(
            replace(memory_challenge, **change),
            memory_evidence.commitment,
            memory_evidence.sample_beacon,
            memory_evidence,
        )
    assert isinstance(refusal.value, EvidenceMisaddressed)


def test_verify__evidence_of_the_other_phase__is_of_another_shape(
    challenge, evidence, memory_challenge, memory_evidence
):
    with pytest.raises(WrongShape):
        verify(
            replace(challenge, slot=43),
            memory_evidence.commitment,
            memory_evidence.sample_beacon,
            memory_evidence,
        )
    with pytest.raises(WrongShape):
        verify(replace(memory_challenge, slot=42), evidence.commitment, evidence.sample_beacon, evidence)


def test_verify__another_commitment_or_beacon__is_refused(memory_challenge, memory_evidence):
    with pytest.raises(WrongCommitment):
        verify(memory_challenge, bytes(32), memory_evidence.sample_beacon, memory_evidence)
    with pytest.raises(WrongSampleBeacon):
        verify(memory_challenge, memory_evidence.commitment, bytes(32), memory_evidence)


@pytest.mark.parametrize("field", ["mem_root", "walk_root"])
def test_verify__root_changed__is_the_header_s_fault(memory_evidence, field):
    changed = replace(memory_evidence, **{field: flip(getattr(memory_evidence, field))})
    assert_header_bad(changed, Fault.COMMITMENT)


@pytest.mark.parametrize("index", [0, 17, 31])
def test_verify__cap_node_changed__is_the_header_s_fault(memory_evidence, index):
    cap = list(memory_evidence.cap)
    cap[index] = flip(cap[index])
    assert_header_bad(replace(memory_evidence, cap=tuple(cap)), Fault.CAP)


def test_verify__bad_item_under_a_bad_header__is_the_header_s_fault(memory_evidence):
    changed = replace(change_label(memory_evidence, 0, number=0), walk_root=bytes(32))
    assert_header_bad(changed, Fault.COMMITMENT)


@pytest.mark.parametrize("index", [0, 31, 63])
def test_verify__label_number_changed__is_that_item_s_fault(memory_evidence, index):
    shape = memory_evidence.challenge.shape
    number = parse_label_item(shape, memory_evidence.items[index]).number
    for other in (number ^ 1, number + shape.labels, 2**64 - 1):
        assert_item_bad(change_label(memory_evidence, index, number=other), index, Fault.LABEL_NUMBER)


@pytest.mark.parametrize("opening", range(17))
def test_verify__opening_of_a_label_changed__is_that_item_s_fault(memory_evidence, asked, opening):
    index = asked[1][opening]
    item = parse_label_item(memory_evidence.challenge.shape, memory_evidence.items[index])
    own = item.openings[opening]
    for changes in (
        {"block": flip(own.block, 1000)},
        {"path": (flip(own.path[0]), *own.path[1:])},
        {"path": (*own.path[:-1], flip(own.path[-1], 255))},
    ):
        changed = change_label(memory_evidence, index, **change_opening(item.openings, opening, **changes))
        assert_item_bad(changed, index, Fault.OPENING, opening)


def test_verify__openings_of_a_label_swapped__is_that_item_s_fault(memory_evidence, asked):
    index = asked[1][3]
    openings = list(parse_label_item(memory_evidence.challenge.shape, memory_evidence.items[index]).openings)
    openings[4], openings[9] = openings[9], openings[4]
    assert_item_bad(change_label(memory_evidence, index, openings=tuple(openings)), index, Fault.OPENING, 4)


def test_verify__parents_in_layer_0__are_that_item_s_fault(memory_evidence, asked):
    index = asked[0][0]
    item = parse_label_item(memory_evidence.challenge.shape, memory_evidence.items[index])
    for place in (1, 16):
        own = item.openings[place]
        for changes in ({"block": flip(own.block)}, {"path": (*own.path[:-1], flip(own.path[-1]))}):
            changed = change_label(memory_evidence, index, **change_opening(item.openings, place, **changes))
            assert_item_bad(changed, index, Fault.PARENTS)


@pytest.mark.parametrize("index", [64, 80, 95])
def test_verify__walker_or_segment_changed__is_that_item_s_fault(memory_evidence, index):
    item = parse_segment_item(memory_evidence.challenge.shape, memory_evidence.items[index])
    for walker in (item.walker ^ 1, item.walker + 64, 2**32 - 1):
        assert_item_bad(change_segment(memory_evidence, index, walker=walker), index, Fault.WALKER)
    for segment in (item.segment ^ 1, item.segment + 4, 2**32 - 1):
        assert_item_bad(change_segment(memory_evidence, index, segment=segment), index, Fault.SEGMENT)


def test_verify__checkpoint_before_the_first_segment__is_that_item_s_fault(memory_evidence, asked):
    index = asked[2][0]
    assert_item_bad(change_segment(memory_evidence, index, before=b"\1" * 32), index, Fault.BEFORE)


def test_verify__chain_that_does_not_begin_with_zero__is_found_in_segment_1(memory_evidence):
    """Segment 1 shows h_0, and folds to the walkRoot whatever that is."""
    shape = memory_evidence.challenge.shape
    asked = segment_samples(memory_evidence.commitment, memory_evidence.sample_beacon, shape)
    index = next(sample.index for sample in asked if sample.segment == 1)
    assert_item_bad(change_segment(memory_evidence, index, before=b"\1" * 32), index, Fault.BEFORE)


def test_verify__first_segment_from_another_start__is_that_item_s_fault(memory_evidence, asked):
    index = asked[2][0]
    item = parse_segment_item(memory_evidence.challenge.shape, memory_evidence.items[index])
    for bit in (0, 1023):
        changed = change_segment(memory_evidence, index, start=flip(item.start, bit))
        assert_item_bad(changed, index, Fault.START)


def test_verify__later_segment_from_another_start__is_that_item_s_fault(memory_evidence, asked):
    index = asked[3][0]
    item = parse_segment_item(memory_evidence.challenge.shape, memory_evidence.items[index])
    with pytest.raises(ItemBad) as refusal:
        judge(change_segment(memory_evidence, index, start=flip(item.start, 31)))
    assert (refusal.value.index, refusal.value.reason) == (index, Fault.OPENING)


def test_verify__checkpoint_before_a_later_segment_changed__is_that_item_s_fault(memory_evidence):
    shape = memory_evidence.challenge.shape
    asked = segment_samples(memory_evidence.commitment, memory_evidence.sample_beacon, shape)
    index = next(sample.index for sample in asked if sample.segment > 1)
    assert_item_bad(change_segment(memory_evidence, index, before=b"\1" * 32), index, Fault.WALK)


@pytest.mark.parametrize("step", [0, 1, 31, 63])
def test_verify__opening_of_a_step_changed__is_that_item_s_fault(memory_evidence, step):
    item = parse_segment_item(memory_evidence.challenge.shape, memory_evidence.items[70])
    own = item.openings[step]
    for changes in ({"block": flip(own.block, 77)}, {"path": own.path[::-1]}):
        changed = change_segment(memory_evidence, 70, **change_opening(item.openings, step, **changes))
        assert_item_bad(changed, 70, Fault.OPENING, step)


def test_verify__steps_left_out_or_swapped__is_that_item_s_fault(memory_evidence):
    openings = list(parse_segment_item(memory_evidence.challenge.shape, memory_evidence.items[70]).openings)
    openings[7], openings[8] = openings[8], openings[7]
    assert_item_bad(change_segment(memory_evidence, 70, openings=tuple(openings)), 70, Fault.OPENING, 7)
    openings[7:] = openings[6:-1]
    assert_item_bad(change_segment(memory_evidence, 70, openings=tuple(openings)), 70, Fault.OPENING, 7)


def test_verify__unused_digests_not_zero__are_that_item_s_fault(memory_evidence, asked):
    index = asked[3][0]
    item = parse_segment_item(memory_evidence.challenge.shape, memory_evidence.items[index])
    digests = (*item.digests[:-1], b"\1" + bytes(31))
    assert_item_bad(change_segment(memory_evidence, index, digests=digests), index, Fault.UNUSED)


def test_verify__later_digest_or_path_changed__is_that_item_s_fault(memory_evidence, asked):
    index = asked[2][0]
    item = parse_segment_item(memory_evidence.challenge.shape, memory_evidence.items[index])
    digests = (flip(item.digests[0]), *item.digests[1:])
    assert_item_bad(change_segment(memory_evidence, index, digests=digests), index, Fault.WALK)
    assert_item_bad(change_segment(memory_evidence, index, path=item.path[::-1]), index, Fault.WALK)


def test_verify__two_bad_items__names_the_first(memory_evidence):
    changed = change_label(change_segment(memory_evidence, 64, walker=2**31), 40, number=2**40)
    assert_item_bad(changed, 40, Fault.LABEL_NUMBER)


def test_verify__item_repeated_in_place_of_another__is_the_copy_s_fault(memory_evidence):
    assert_item_bad(replace_item(memory_evidence, 5, memory_evidence.items[2]), 5, Fault.LABEL_NUMBER)
    with pytest.raises(ItemBad) as refusal:
        judge(replace_item(memory_evidence, 90, memory_evidence.items[64]))
    assert refusal.value.index == 90


@pytest.mark.parametrize("filler", [b"\x00", b"\xff"])
def test_verify__empty_items__are_an_early_item_s_fault(memory_evidence, filler):
    with pytest.raises(ItemBad) as refusal:
        judge(replace(memory_evidence, items=tuple(filler * len(item) for item in memory_evidence.items)))
    assert refusal.value.index == 0


def test_verify__garbage_labels_though_committed__are_a_label_s_fault(memory_challenge, sample_beacon):
    proof = CheatingProver(4).prove(memory_challenge)
    bad = find_bad_item(memory_challenge, proof.commitment, sample_beacon, proof.open(sample_beacon))
    number = label_samples(proof.commitment, sample_beacon, memory_challenge.shape)[bad.index].number
    family = (number, *parent_numbers(memory_challenge.salt, number, 1024))
    assert (bad.reason, bad.opening) == (Fault.LABEL, None)
    assert any(member % 4 == 0 for member in family)
    assert bad.have != bad.need


def test_verify__invented_ends_though_committed__are_a_segment_s_fault(memory_challenge, sample_beacon):
    proof = IdleWalker(1, 1 << 30).prove(memory_challenge)
    assert_item_bad(proof.open(sample_beacon), 64, Fault.WALK)


def test_verify__proof_of_another_challenge_relabelled__is_item_0_s_fault(memory_evidence):
    others = {"device": 9, "slot": 9, "provider": bytes(20), "beacon": bytes(32), "chain_id": 1}
    for name, value in others.items():
        relabelled = replace(memory_evidence, challenge=replace(memory_evidence.challenge, **{name: value}))
        with pytest.raises(ItemBad) as refusal:
            judge(relabelled)
        assert refusal.value.index == 0


def test_find_bad_item__random_roots_under_a_sound_commitment__is_the_cap_s_fault(memory_evidence):
    roots = os.urandom(32), os.urandom(32)
    commitment = memory_commitment(*roots)
    forged = replace(memory_evidence, mem_root=roots[0], walk_root=roots[1], commitment=commitment)
    bad = find_bad_item(forged.challenge, commitment, forged.sample_beacon, forged)
    assert (bad.index, bad.reason) == (96, Fault.CAP)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_verify__any_bit_flipped__is_refused(memory_evidence, data):
    encoded = memory_evidence.encode()
    bit = data.draw(st.integers(0, 8 * (len(encoded) - 65) - 1))
    changed = flip(encoded, bit)
    with pytest.raises(ProofError):
        read_and_judge(changed, memory_evidence)
    with pytest.raises(ProofError):
        read_and_judge(changed)
