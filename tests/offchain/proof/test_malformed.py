"""Whatever the bytes: a named error, bounded memory, and nothing but the honest file is accepted."""

from __future__ import annotations

import json
import signal
import struct
import subprocess
import sys
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tensorbond.proof import (
    MAX_EVIDENCE_BYTES,
    CpuProver,
    EvidenceMalformed,
    Fault,
    ItemBad,
    MemoryShape,
    Shape,
    ShapeInvalid,
    VectorTypeWrong,
    WrongChain,
    decode_evidence,
    evidence_length,
    parse_item,
    parse_requests,
    verify,
)

from .conftest import change_item
from .malformed import (
    INTEGERS,
    NOT_NUMBERS,
    SHAPE_AT,
    WIDTHS,
    mutations,
    read_and_judge,
    swap_bytes,
    with_integer,
)

pytestmark = pytest.mark.unit

thorough = settings(
    max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.data_too_large]
)
SIGNATURE = 65


@pytest.fixture(scope="module")
def tile_file(challenge, sample_beacon) -> bytes:
    asked = replace(challenge, shape=Shape(256, 256, 1024, 2, 2))
    return CpuProver().prove(asked).open(sample_beacon).encode()


@pytest.fixture(scope="module")
def memory_file(memory_challenge, sample_beacon) -> bytes:
    asked = replace(memory_challenge, shape=MemoryShape(2, 16, 2, 128))
    return CpuProver().prove(asked).open(sample_beacon).encode()


@pytest.fixture(scope="module", params=["tile", "memory"])
def file(request, tile_file, memory_file) -> bytes:
    return tile_file if request.param == "tile" else memory_file


def dimensions_of(data: bytes) -> int:
    return 4 if data[5:6] == b"M" else 5


def peak_of(data: bytes) -> int:
    """Bytes that reading and judging the file takes at most, numpy's included."""
    tracemalloc.start()
    try:
        read_and_judge(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_read_and_judge__honest_file__is_accepted(file):
    assert read_and_judge(file)


@thorough
@given(data=st.data())
def test_read_and_judge__tile_file_mutated__is_refused_by_name(tile_file, data):
    changed = data.draw(mutations(tile_file, 5))
    same = len(changed) == len(tile_file) and changed[:-SIGNATURE] == tile_file[:-SIGNATURE]
    assert read_and_judge(changed) == same


@thorough
@given(data=st.data())
def test_read_and_judge__memory_file_mutated__is_refused_by_name(memory_file, data):
    changed = data.draw(mutations(memory_file, 4))
    same = len(changed) == len(memory_file) and changed[:-SIGNATURE] == memory_file[:-SIGNATURE]
    assert read_and_judge(changed) == same


@thorough
@given(
    body=st.binary(max_size=600),
    start=st.sampled_from([b"", b"GPOW1EV\0\1\0", b"GPOW1MV\0\1\0", b"GPOW1EV\0\2\0"]),
)
def test_read_and_judge__random_bytes__are_refused_by_name(body, start):
    assert not read_and_judge(start + body)


@pytest.mark.parametrize(
    ("start", "dimensions"),
    [
        (b"GPOW1EV\0\1\0", (32768, 32768, 32768, 65536, 16384)),
        (b"GPOW1EV\0\2\0", (32768, 32768, 4096, 65536, 16384)),
        (b"GPOW1MV\0\1\0", (65535, 1 << 18, 1 << 16, 64 * 256)),
        (b"GPOW1MV\0\1\0", (2**32 - 1,) * 4),
        (b"GPOW1EV\0\1\0", (2**32 - 1,) * 5),
    ],
)
def test_decode__huge_declared_sizes__allocate_nothing_of_them(start, dimensions):
    place = struct.pack("<Q20sQQ", 31337, bytes(20), 3, 43)
    data = start + place + struct.pack(f"<{len(dimensions)}I", *dimensions) + bytes(5000)
    with pytest.raises((EvidenceMalformed, ShapeInvalid)):
        decode_evidence(data)
    assert peak_of(data) < 100_000


def test_read_and_judge__any_declared_shape__takes_memory_as_its_file_does(file):
    assert peak_of(file) < 8 * len(file) + (1 << 24)
    longest = max(
        evidence_length(Shape(32768, 32768, 16384, 65536, 16384)),
        evidence_length(MemoryShape(65535, 1 << 18, 1 << 16, 64 * 256)),
    )
    assert longest < MAX_EVIDENCE_BYTES


def test_decode__integer_in_the_other_byte_order__is_another_number(file):
    honest = decode_evidence(file)
    for at in [*INTEGERS, *range(SHAPE_AT, SHAPE_AT + 4 * dimensions_of(file), 4)]:
        changed = swap_bytes(file, at, WIDTHS.get(at, 4))
        if changed != file:
            assert not read_and_judge(changed)
    assert decode_evidence(file) == honest


def test_verify__file_of_another_chain__is_refused_by_name(file):
    honest = decode_evidence(file)
    moved = decode_evidence(with_integer(file, 10, 8, 1))
    with pytest.raises(WrongChain):
        verify(honest.challenge, honest.commitment, honest.sample_beacon, moved)
    with pytest.raises(ItemBad):
        verify(moved.challenge, moved.commitment, moved.sample_beacon, moved)


@pytest.mark.parametrize("pattern", NOT_NUMBERS)
def test_verify__entries_that_a_float_would_not_count__are_wrong_entries(evidence, pattern):
    words = np.frombuffer(pattern, "<i4")
    entries = parse_item(evidence.challenge.shape, evidence.items[0]).entries.copy()
    entries[0, : len(words)] = words
    changed = change_item(evidence, 0, entries=entries)
    with pytest.raises(ItemBad) as refusal:
        verify(changed.challenge, changed.commitment, changed.sample_beacon, changed)
    assert (refusal.value.index, refusal.value.reason) == (0, Fault.PATH)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e3", "-0.0"])
def test_parse_requests__number_that_is_no_integer__is_refused(golden, golden_memory, value):
    for inputs, name in ((golden["inputs"], "slot"), (golden_memory["inputs"], "steps")):
        text = json.dumps(inputs | {name: "HERE"}).replace('"HERE"', value)
        with pytest.raises(VectorTypeWrong, match=rf"{name} is .*, need an integer"):
            parse_requests(text)


PROVE = """
import json, sys
from tensorbond.proof import CpuProver, parse_challenge
inputs = parse_challenge(sys.argv[1])
proof = CpuProver().prove(inputs.challenge, lambda done, total: print(done, flush=True))
print(proof.commitment.hex())
"""


@pytest.mark.parametrize("phase", ["c", "m"])
def test_prove__killed_midway_and_started_again__commits_to_the_same(golden, golden_memory, phase):
    known = golden if phase == "c" else golden_memory
    command = [sys.executable, "-c", PROVE, json.dumps(known["inputs"])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "1\n"
        killed.kill()
        assert known["commitment"] not in killed.stdout.read()
    assert killed.returncode == -signal.SIGKILL
    again = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert again.stdout.splitlines()[-1] == known["commitment"]
