"""The profile W2, by vectors of our own that plain Python computes again."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from tensorbond.proof import (
    W2,
    CpuProver,
    Evidence,
    LinesInvalid,
    Shape,
    ShapeInvalid,
    WrongShape,
    compute_vector,
    evidence_length,
    evidence_root,
    generate_lines,
    multiply_tile,
    parse_requests,
    verify,
)

from . import memory_reference, reference
from .conftest import VECTORS

pytestmark = pytest.mark.unit

OWN = json.loads((VECTORS / "gpow1_own.json").read_text())


@pytest.fixture(scope="module")
def evidence(challenge, sample_beacon) -> Evidence:
    shape = replace(challenge.shape, profile=W2)
    return CpuProver().prove(replace(challenge, shape=shape)).open(sample_beacon)


def test_own_vectors__computed_again__equal_the_file():
    text = (VECTORS / "gpow1_own.json").read_text()
    requests, _ = parse_requests(text)
    expected = [*OWN["c_phase"], *OWN["m_phase"]]
    for request, known in zip(requests, expected, strict=True):
        assert compute_vector(request) == {name: value for name, value in known.items() if name != "inputs"}


@pytest.mark.parametrize("known", OWN["c_phase"])
def test_own_tile_vector__plain_python__agrees(known):
    inputs = known["inputs"]
    seeds, roots, rounds_root, commitment = reference.commit(inputs)
    assert inputs["profile"] == "W2"
    assert known["seeds"] == [seed.hex() for seed in seeds]
    assert known["roots"] == [root.hex() for root in roots]
    assert (known["rounds_root"], known["commitment"]) == (rounds_root.hex(), commitment.hex())
    row = reference.line(reference.sha(b"GPOW1/A", seeds[0]), 0, 32, "W2")
    column = reference.line(reference.sha(b"GPOW1/B", seeds[0]), 0, 32, "W2")
    assert (known["A0_row0_first32"], known["B_col0_first32"]) == (row, column)
    for i, sample in enumerate(known["samples"]):
        digest = reference.sha(
            b"GPOW1/Q", commitment, bytes.fromhex(inputs["sample_beacon"]), reference.u32(i)
        )
        first, second = struct.unpack_from("<QQ", digest)
        tiles = inputs["m"] * inputs["n"] // 256
        assert (sample["round"], sample["tile"]) == (first % inputs["R"], second % tiles)
        assert sample["leaf"] == reference.mix(tile_of(inputs, seeds, sample)).hex()


@pytest.mark.parametrize("known", OWN["m_phase"])
def test_own_memory_vector__plain_python__agrees(known):
    inputs = known["inputs"]
    mem_root, walk_root, commitment = memory_reference.commit(inputs)
    assert (known["mem_root"], known["walk_root"]) == (mem_root.hex(), walk_root.hex())
    assert known["commitment"] == commitment.hex()
    labels = memory_reference.fill(bytes.fromhex(known["salt"]), inputs["layers"], inputs["W"])
    assert len(known["samples"]) == 96
    for i, sample in enumerate(known["samples"]):
        place, tag = (i, b"GPOW1/Q2") if i < 64 else (i - 64, b"GPOW1/Q3")
        beacon = bytes.fromhex(inputs["sample_beacon"])
        first, second = struct.unpack_from(
            "<QQ", reference.sha(tag, commitment, beacon, reference.u32(place))
        )
        if i < 64:
            number = first % len(labels)
            assert (sample["number"], sample["label"]) == (number, labels[number].hex())
            block = b"".join(labels[number // 4 * 4 : number // 4 * 4 + 4])
            assert sample["leaf"] == sha256(block).hexdigest()
        else:
            segments = inputs["steps"] // 64
            assert (sample["walker"], sample["segment"]) == (first % inputs["walkers"], second % segments)


def tile_of(inputs: dict, seeds: list[bytes], sample: dict) -> np.ndarray:
    row, column = divmod(sample["tile"], inputs["n"] // 16)
    K = inputs["K"]
    rows, columns = (
        np.array([reference.line(seed, 16 * first + i, K, "W2") for i in range(16)], np.int64)
        for seed, first in (
            (reference.sha(b"GPOW1/A", seeds[sample["round"]]), row),
            (reference.sha(b"GPOW1/B", seeds[0]), column),
        )
    )
    return rows @ columns.T


def test_verify__honest_evidence__proves_the_operations(evidence, challenge):
    verified = verify(evidence.challenge, evidence.commitment, evidence.sample_beacon, evidence)
    assert verified.operations == challenge.shape.operations
    assert verified.evidence_root == evidence_root(evidence)


def test_prove__same_seed_0__is_another_proof(evidence, proof):
    assert evidence.challenge.first_seed == proof.challenge.first_seed
    assert evidence.commitment != proof.commitment


def test_encode__profile__is_the_file_s_version(evidence):
    data = evidence.encode()
    assert data[8:10] == b"\x02\0"
    assert len(data) == evidence_length(evidence.challenge.shape)
    assert Evidence.decode(data) == evidence


def test_verify__file_relabelled_as_w1__is_of_another_shape(evidence):
    data = evidence.encode()
    relabelled = Evidence.decode(data[:8] + b"\x01\0" + data[10:])
    with pytest.raises(WrongShape):
        verify(evidence.challenge, evidence.commitment, evidence.sample_beacon, relabelled)


@pytest.mark.parametrize("K", [1024, 2048, 4096])
def test_generate_lines__w2__equal_plain_python(K):
    lines = generate_lines(b"\x05" * 32, 7, 2, K, None, W2)
    assert lines.dtype == np.int16
    assert lines.tolist() == [reference.line(b"\x05" * 32, number, K, "W2") for number in (7, 8)]
    assert set(lines.reshape(-1).tolist()) <= set(range(-256, 256))


@pytest.mark.parametrize(("a", "b"), [(-256, -256), (-256, 255), (255, 255)])
def test_multiply_tile__extreme_lines_of_w2__stay_exact(a, b):
    rows, columns = (np.full((16, 4096), value, np.int16) for value in (a, b))
    assert (multiply_tile(rows, columns) == a * b * 4096).all()


def test_multiply_tile__random_lines_of_w2__equal_wide_arithmetic():
    rows, columns = np.random.default_rng(3).integers(-256, 256, (2, 16, 4096)).astype(np.int16)
    assert (multiply_tile(rows, columns) == rows.astype(np.int64) @ columns.astype(np.int64).T).all()


def test_multiply_tile__lines_of_two_profiles__is_refused():
    with pytest.raises(LinesInvalid):
        multiply_tile(np.zeros((16, 32), np.int8), np.zeros((16, 32), np.int16))
    with pytest.raises(LinesInvalid):
        generate_lines(bytes(32), 0, 1, 32, np.zeros((1, 32), np.int8), W2)


@pytest.mark.parametrize("K", [8192, 16384])
def test_shape__w2_beyond_exact_floats__is_refused(K):
    with pytest.raises(ShapeInvalid, match=f"^K is {K}, need a power of two in 1024..4096"):
        Shape(256, 256, K, 1, 1, W2)


@pytest.mark.parametrize("profile", [-1, 2])
def test_shape__unknown_profile__is_refused(profile):
    with pytest.raises(ShapeInvalid, match=f"^profile is {profile}"):
        Shape(256, 256, 1024, 1, 1, profile)
