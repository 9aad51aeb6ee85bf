"""No single bit of an evidence file outside its signature may change without the file being refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorbond.proof import (
    CpuProver,
    Evidence,
    EvidenceMagicWrong,
    EvidenceMalformed,
    EvidenceMisaddressed,
    EvidenceVersionUnknown,
    HeaderBad,
    ItemBad,
    ProofError,
    Shape,
    ShapeInvalid,
    WrongBeacon,
    WrongChain,
    WrongCommitment,
    WrongDevice,
    WrongProvider,
    WrongSampleBeacon,
    WrongSlot,
    item_length,
    verify,
)

from .conftest import flip

pytestmark = pytest.mark.unit

SIGNATURE = 65
HEAD_REGIONS = [
    (8, EvidenceMagicWrong),
    (2, EvidenceVersionUnknown),
    (8, WrongChain),
    (20, WrongProvider),
    (8, WrongDevice),
    (8, WrongSlot),
    (12, ShapeInvalid),
    (8, (ShapeInvalid, EvidenceMalformed)),
    (32, WrongBeacon),
    (32, WrongSampleBeacon),
    (32, WrongCommitment),
]


@pytest.fixture(scope="module")
def small(challenge, sample_beacon) -> Evidence:
    """Two items in two rounds, so that every byte of the file can be tried."""
    asked = replace(challenge, shape=Shape(256, 256, 1024, 2, 2))
    return CpuProver().prove(asked).open(sample_beacon)


def judge(data: bytes, expected: Evidence) -> None:
    verify(expected.challenge, expected.commitment, expected.sample_beacon, Evidence.decode(data))


def judge_as_declared(data: bytes) -> None:
    evidence = Evidence.decode(data)
    judge(data, evidence)


def test_verify__untouched_file__passes(small):
    judge(small.encode(), small)


def test_verify__any_bit_of_the_head_flipped__names_the_field(small):
    data, start = small.encode(), 0
    for length, error in HEAD_REGIONS:
        for bit in range(8 * start, 8 * (start + length)):
            with pytest.raises(error):
                judge(flip(data, bit), small)
        start += length
    assert start == len(data) - sum(map(len, small.items)) - 32 * 3 - SIGNATURE


def test_verify__any_bit_of_the_head_flipped__is_refused_even_as_declared(small):
    data = small.encode()
    for bit in range(8 * sum(length for length, _ in HEAD_REGIONS)):
        with pytest.raises(ProofError) as refusal:
            judge_as_declared(flip(data, bit))
        assert not isinstance(refusal.value, EvidenceMisaddressed)


def test_verify__one_bit_of_any_item_byte_flipped__names_the_item(small):
    data = small.encode()
    start, length = sum(length for length, _ in HEAD_REGIONS), item_length(small.challenge.shape)
    for index in range(2):
        for byte in range(length):
            with pytest.raises(ItemBad) as refusal:
                judge(flip(data, 8 * (start + index * length + byte) + byte % 8), small)
            assert refusal.value.index == index


def test_verify__any_bit_of_the_header_flipped__names_the_header(small):
    data = small.encode()
    end = len(data) - SIGNATURE
    for bit in range(8 * (end - 96), 8 * end):
        with pytest.raises(HeaderBad) as refusal:
            judge(flip(data, bit), small)
        assert refusal.value.index == 2


def test_verify__signature_flipped__is_not_judged_here(small):
    data = small.encode()
    for bit in range(8 * (len(data) - SIGNATURE), 8 * len(data), 37):
        judge(flip(data, bit), small)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
def test_verify__any_bit_flipped__is_refused(evidence, data):
    encoded = evidence.encode()
    bit = data.draw(st.integers(0, 8 * (len(encoded) - SIGNATURE) - 1))
    with pytest.raises(ProofError):
        judge(flip(encoded, bit), evidence)
    with pytest.raises(ProofError):
        judge_as_declared(flip(encoded, bit))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_verify__any_bytes_overwritten__is_refused(evidence, data):
    encoded = evidence.encode()
    start = data.draw(st.integers(0, len(encoded) - SIGNATURE - 1))
    patch = data.draw(st.binary(min_size=1, max_size=64))[: len(encoded) - SIGNATURE - start]
    changed = encoded[:start] + patch + encoded[start + len(patch) :]
    if changed != encoded:
        with pytest.raises(ProofError):
            judge(changed, evidence)
