from __future__ import annotations

import struct
from dataclasses import replace
from hashlib import sha256

import pytest

from tensorbond.proof import (
    MAX_EVIDENCE_BYTES,
    CapCountWrong,
    Evidence,
    EvidenceMagicWrong,
    EvidenceOversized,
    EvidenceTrailing,
    EvidenceTruncated,
    EvidenceVersionUnknown,
    FieldInvalid,
    ItemCountWrong,
    ItemLengthWrong,
    MemoryEvidence,
    MemoryShape,
    Opening,
    PathDepthWrong,
    ShapeInvalid,
    decode_evidence,
    encode_label_item,
    encode_segment_item,
    evidence_length,
    evidence_path,
    evidence_root,
    header_leaf,
    item_leaf,
    label_item_length,
    memory_header_length,
    memory_item_length,
    merkle,
    parse_label_item,
    parse_segment_item,
    segment_item_length,
)

from .conftest import replace_item

pytestmark = pytest.mark.unit

HEAD = 8 + 2 + 8 + 20 + 8 + 8 + 4 * 4 + 3 * 32
SHAPE_AT = 8 + 2 + 8 + 20 + 8 + 8


def test_encode__golden_challenge__lays_fields_where_the_format_says(memory_evidence, memory_challenge):
    data, shape = memory_evidence.encode(), memory_challenge.shape
    assert data[:10] == b"GPOW1MV\0\x01\0"
    assert struct.unpack_from("<Q20sQQ4I", data, 10) == (
        memory_challenge.chain_id, memory_challenge.provider, 3, 43, 8, 1024, 64, 256,
    )  # fmt: skip
    beacons = memory_challenge.beacon + memory_evidence.sample_beacon + memory_evidence.commitment
    assert data[HEAD - 96 : HEAD] == beacons
    assert data[HEAD : HEAD + label_item_length(shape)] == memory_evidence.items[0]
    end = HEAD + 64 * label_item_length(shape)
    assert data[end : end + segment_item_length(shape)] == memory_evidence.items[64]
    header = memory_evidence.mem_root + memory_evidence.walk_root + b"".join(memory_evidence.cap)
    assert data[-65 - len(header) :] == header + bytes(65)
    assert len(data) == evidence_length(shape)
    assert len(header) == memory_header_length(shape)


def test_lengths__golden_shape__are_those_of_the_format(memory_challenge):
    shape = memory_challenge.shape
    opening = 128 + 6 * 32
    assert label_item_length(shape) == memory_item_length(shape, 63) == 8 + 17 * opening
    segment = 4 + 4 + 32 + 128 + 64 * opening + 3 * 32 + 6 * 32
    assert segment_item_length(shape) == memory_item_length(shape, 64) == segment
    assert memory_header_length(shape) == 64 + 32 * 32
    with pytest.raises(FieldInvalid):
        memory_item_length(shape, 96)


def test_evidence_length__largest_shape__is_below_three_megabytes():
    assert evidence_length(MemoryShape(65535, 1 << 18, 1 << 16, 64 * 256)) < 3_000_000 < MAX_EVIDENCE_BYTES


def test_decode_evidence__either_kind__is_the_same_evidence(evidence, memory_evidence):
    for kind in (evidence, memory_evidence):
        signed = kind.sign(bytes(range(65)))
        assert decode_evidence(signed.encode()) == signed != kind


@pytest.mark.parametrize("index", [3, 70])
def test_decode__item_full_of_garbage__is_carried_and_parsed(memory_evidence, index):
    shape = memory_evidence.challenge.shape
    garbage = b"\xff" * memory_item_length(shape, index)
    carried = MemoryEvidence.decode(replace_item(memory_evidence, index, garbage).encode())
    assert carried.items[index] == garbage
    if index < 64:
        assert encode_label_item(shape, parse_label_item(shape, garbage)) == garbage
    else:
        assert encode_segment_item(shape, parse_segment_item(shape, garbage)) == garbage


def test_decode__shorter_prefix__is_truncated(memory_evidence):
    data = memory_evidence.encode()
    for length in [*range(HEAD + 2), *range(HEAD + 2, len(data), 9973), len(data) - 1]:
        with pytest.raises(EvidenceTruncated) as refusal:
            decode_evidence(data[:length])
        if length >= 8:
            assert (refusal.value.have, refusal.value.need) == (length, len(data) if length >= HEAD else HEAD)


@pytest.mark.parametrize("extra", [1, 32, 65])
def test_decode__bytes_after_the_signature__is_refused(memory_evidence, extra):
    data = memory_evidence.encode()
    with pytest.raises(EvidenceTrailing, match=f"{len(data) + extra} bytes, .* ends after {len(data)}"):
        decode_evidence(data + bytes(extra))


def test_decode__longer_than_the_limit__is_refused_unread(memory_evidence):
    data = memory_evidence.encode()
    with pytest.raises(EvidenceOversized, match=f"{len(data)} bytes, the limit is 100"):
        decode_evidence(data, limit=100)


def test_decode__evidence_of_the_other_kind__is_refused(evidence, memory_evidence):
    with pytest.raises(EvidenceMagicWrong):
        MemoryEvidence.decode(evidence.encode())
    with pytest.raises(EvidenceMagicWrong):
        Evidence.decode(memory_evidence.encode())
    with pytest.raises(EvidenceMagicWrong):
        decode_evidence(b"GPOW1NV\0" + memory_evidence.encode()[8:])


@pytest.mark.parametrize("version", [0, 2, 256])
def test_decode__another_version__is_refused(memory_evidence, version):
    data = memory_evidence.encode()
    with pytest.raises(EvidenceVersionUnknown, match=f"version is {version}, this package reads 1"):
        decode_evidence(data[:8] + struct.pack("<H", version) + data[10:])


@pytest.mark.parametrize(
    ("position", "value", "error"),
    [
        (0, 0, ShapeInvalid),
        (0, 2**32 - 1, ShapeInvalid),
        (1, 1023, ShapeInvalid),
        (1, 1024 << 24 & 0xFFFFFFFF, ShapeInvalid),
        (2, 3, ShapeInvalid),
        (3, 63, ShapeInvalid),
        (0, 65535, EvidenceTruncated),
        (1, 1 << 18, EvidenceTruncated),
        (1, 512, EvidenceTrailing),
        (2, 1, EvidenceTrailing),
        (3, 64 * 256, EvidenceTruncated),
    ],
)
def test_decode__size_of_another_shape__is_refused(memory_evidence, position, value, error):
    data = bytearray(memory_evidence.encode())
    struct.pack_into("<I", data, SHAPE_AT + 4 * position, value)
    with pytest.raises(error):
        decode_evidence(bytes(data))


@pytest.mark.parametrize("count", [0, 95, 97])
def test_evidence__items_missing_or_too_many__is_refused(memory_evidence, count):
    with pytest.raises(ItemCountWrong, match=f"has {count} items, need exactly 96"):
        replace(memory_evidence, items=(*memory_evidence.items, memory_evidence.items[0])[:count])


def test_evidence__item_at_another_kind_s_place__is_refused(memory_evidence):
    with pytest.raises(ItemLengthWrong):
        replace_item(memory_evidence, 63, memory_evidence.items[64])
    with pytest.raises(ItemLengthWrong):
        replace_item(memory_evidence, 64, memory_evidence.items[63])


@pytest.mark.parametrize("count", [0, 31, 33])
def test_evidence__cap_nodes_missing_or_too_many__is_refused(memory_evidence, count):
    with pytest.raises(CapCountWrong, match=f"has {count} cap nodes, need exactly 32"):
        replace(memory_evidence, cap=(*memory_evidence.cap, bytes(32))[:count])


@pytest.mark.parametrize(
    "change",
    [
        {"sample_beacon": bytes(31)},
        {"commitment": b""},
        {"mem_root": bytes(33)},
        {"walk_root": bytes(31)},
        {"signature": bytes(64)},
        {"cap": (bytes(31),) * 32},
    ],
)
def test_evidence__field_of_another_length__is_refused(memory_evidence, change):
    with pytest.raises(FieldInvalid):
        replace(memory_evidence, **change)


def test_items__parsed_and_encoded__are_the_same_bytes(memory_evidence):
    shape = memory_evidence.challenge.shape
    for data in memory_evidence.items[:64]:
        assert encode_label_item(shape, parse_label_item(shape, data)) == data
    for data in memory_evidence.items[64:]:
        assert encode_segment_item(shape, parse_segment_item(shape, data)) == data


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"number": -1}, FieldInvalid),
        ({"number": 2**64}, FieldInvalid),
        ({"openings": ()}, ItemCountWrong),
        ({"openings": (Opening(bytes(128), ()),) * 17}, PathDepthWrong),
        ({"openings": (Opening(bytes(127), (bytes(32),) * 6),) * 17}, FieldInvalid),
        ({"openings": (Opening(bytes(128), (bytes(31),) * 6),) * 17}, FieldInvalid),
    ],
)
def test_encode_label_item__field_that_does_not_fit__is_refused(memory_evidence, change, error):
    shape = memory_evidence.challenge.shape
    with pytest.raises(error):
        encode_label_item(shape, replace(parse_label_item(shape, memory_evidence.items[0]), **change))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"walker": 2**32}, FieldInvalid),
        ({"segment": -1}, FieldInvalid),
        ({"before": b""}, FieldInvalid),
        ({"start": bytes(127)}, FieldInvalid),
        ({"digests": (bytes(32),) * 4}, PathDepthWrong),
        ({"path": (bytes(32),) * 5}, PathDepthWrong),
        ({"openings": ()}, ItemCountWrong),
    ],
)
def test_encode_segment_item__field_that_does_not_fit__is_refused(memory_evidence, change, error):
    shape = memory_evidence.challenge.shape
    with pytest.raises(error):
        encode_segment_item(shape, replace(parse_segment_item(shape, memory_evidence.items[64]), **change))


def test_evidence_path__every_leaf__folds_to_the_root(memory_evidence):
    leaves = [item_leaf(index, item) for index, item in enumerate(memory_evidence.items)]
    leaves.append(header_leaf(memory_evidence))
    assert leaves[96] == sha256(b"GPOW1/E\x60\0\0\0" + memory_evidence.header).digest()
    for index in (0, 63, 64, 95, 96):
        path = evidence_path(memory_evidence, index)
        assert merkle.fold(leaves[index], index, path, 7) == evidence_root(memory_evidence)
    with pytest.raises(FieldInvalid):
        evidence_path(memory_evidence, 97)
