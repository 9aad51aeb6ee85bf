from __future__ import annotations

import json
import struct
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorbond.proof import (
    MAX_EVIDENCE_BYTES,
    Evidence,
    EvidenceMagicWrong,
    EvidenceOversized,
    EvidenceTrailing,
    EvidenceTruncated,
    EvidenceVersionUnknown,
    FieldInvalid,
    ItemCountWrong,
    ItemLengthWrong,
    LinesInvalid,
    PathDepthWrong,
    ProofError,
    RootCountWrong,
    Shape,
    ShapeInvalid,
    encode_item,
    evidence_leaves,
    evidence_length,
    evidence_name,
    evidence_path,
    evidence_root,
    header_leaf,
    item_leaf,
    item_length,
    merkle,
    parse_item,
)

from .conftest import VECTORS, replace_item

pytestmark = pytest.mark.unit

HEAD = 8 + 2 + 8 + 20 + 8 + 8 + 5 * 4 + 3 * 32
SHAPE_AT = 8 + 2 + 8 + 20 + 8 + 8


def test_encode__golden_evidence__equals_the_golden_file(evidence):
    known = json.loads((VECTORS / "evidence1.json").read_text())
    data = (VECTORS / "evidence1.bin").read_bytes()
    assert evidence.encode() == data
    assert sha256(data).hexdigest() == known["sha256"]
    assert evidence_root(evidence).hex() == known["evidence_root"]
    assert [leaf.hex() for leaf in evidence_leaves(evidence)] == known["leaves"]


def test_encode__golden_evidence__lays_fields_where_the_format_says(evidence, challenge):
    data = evidence.encode()
    assert data[:10] == b"GPOW1EV\0\x01\0"
    assert struct.unpack_from("<Q20sQQ5I", data, 10) == (
        challenge.chain_id, challenge.provider, challenge.device, challenge.slot, 256, 256, 1024, 3, 8,
    )  # fmt: skip
    assert data[HEAD - 96 : HEAD] == challenge.beacon + evidence.sample_beacon + evidence.commitment
    assert data[HEAD : HEAD + item_length(challenge.shape)] == evidence.items[0]
    assert data[-65 - 32 - 96 :] == b"".join(evidence.roots) + evidence.final_seed + bytes(65)
    assert len(data) == evidence_length(challenge.shape)


def test_decode__encoded_evidence__is_the_same_evidence(evidence):
    signed = evidence.sign(bytes(range(65)))
    assert Evidence.decode(signed.encode()) == signed != evidence


def test_decode__item_full_of_garbage__is_carried_and_parsed(evidence):
    shape = evidence.challenge.shape
    garbage = b"\xff" * item_length(shape)
    carried = Evidence.decode(replace_item(evidence, 3, garbage).encode())
    assert carried.items[3] == garbage
    item = parse_item(shape, carried.items[3])
    assert (item.round, item.tile) == (2**32 - 1, 2**32 - 1)
    assert encode_item(shape, item) == garbage


def test_decode__every_shorter_prefix__is_truncated(evidence):
    data = evidence.encode()
    for length in range(len(data)):
        with pytest.raises(EvidenceTruncated) as refusal:
            Evidence.decode(data[:length])
        assert refusal.value.have == length
        assert refusal.value.need == (len(data) if length >= HEAD else HEAD)


@pytest.mark.parametrize("extra", [1, 32, 65, 1352])
def test_decode__bytes_after_the_signature__is_refused(evidence, extra):
    data = evidence.encode()
    with pytest.raises(EvidenceTrailing, match=f"{len(data) + extra} bytes, .* ends after {len(data)}"):
        Evidence.decode(data + bytes(extra))


def test_decode__longer_than_the_limit__is_refused_unread(evidence):
    data = evidence.encode()
    assert Evidence.decode(data, limit=len(data)) == evidence
    with pytest.raises(EvidenceOversized, match=f"{len(data)} bytes, the limit is {len(data) - 1}"):
        Evidence.decode(data, limit=len(data) - 1)
    with pytest.raises(EvidenceOversized):
        Evidence.decode(bytes(MAX_EVIDENCE_BYTES + 1))


def test_evidence_length__largest_shape__is_below_the_default_limit():
    assert evidence_length(Shape(32768, 32768, 32768, 65536, 16384)) < MAX_EVIDENCE_BYTES


@pytest.mark.parametrize("start", [b"GPOW1EW\0", b"GPOW1MV\0", b"\x7fELF", b"{"])
def test_decode__another_magic__is_refused(evidence, start):
    with pytest.raises(EvidenceMagicWrong):
        Evidence.decode(start + evidence.encode()[len(start) :])
    with pytest.raises(EvidenceMagicWrong):
        Evidence.decode(start)


@pytest.mark.parametrize("version", [0, 3, 256, 65535])
def test_decode__another_version__is_refused(evidence, version):
    data = evidence.encode()
    with pytest.raises(EvidenceVersionUnknown, match=f"version is {version}, this package reads 1, 2"):
        Evidence.decode(data[:8] + struct.pack("<H", version) + data[10:])


@pytest.mark.parametrize(
    ("position", "value"),
    [
        (0, 0),
        (0, 128),
        (0, 300),
        (1, 65536),
        (2, 512),
        (2, 2**31),
        (3, 0),
        (3, 2**32 - 1),
        (4, 0),
        (4, 2**32 - 1),
    ],
)
def test_decode__dimension_out_of_bounds__is_refused(evidence, position, value):
    with pytest.raises(ShapeInvalid, match=f"^{'mnKRq'[position]} is {value}, need "):
        Evidence.decode(with_dimension(evidence, position, value))


@pytest.mark.parametrize(
    ("position", "value", "error"),
    [
        (0, 512, EvidenceTruncated),
        (1, 32768, EvidenceTruncated),
        (3, 2, EvidenceTrailing),
        (3, 65536, EvidenceTruncated),
        (4, 7, EvidenceTrailing),
        (4, 16384, EvidenceTruncated),
    ],
)
def test_decode__size_of_another_shape__is_refused(evidence, position, value, error):
    with pytest.raises(error):
        Evidence.decode(with_dimension(evidence, position, value))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=400), st.booleans())
def test_decode__random_bytes__raise_a_named_error(data, magic):
    with pytest.raises(ProofError):
        Evidence.decode((b"GPOW1EV\0\x01\0" if magic else b"") + data)


@pytest.mark.parametrize("count", [0, 7, 9])
def test_evidence__items_missing_or_too_many__is_refused(evidence, count):
    with pytest.raises(ItemCountWrong, match=f"has {count} items, need exactly 8"):
        replace(evidence, items=(*evidence.items, evidence.items[0])[:count])


@pytest.mark.parametrize("change", [lambda item: item[:-32], lambda item: item + bytes(32), lambda item: b""])
def test_evidence__item_of_another_length__is_refused(evidence, change):
    with pytest.raises(ItemLengthWrong):
        replace_item(evidence, 0, change(evidence.items[0]))
    with pytest.raises(ItemLengthWrong):
        parse_item(evidence.challenge.shape, change(evidence.items[0]))


@pytest.mark.parametrize("count", [0, 2, 4])
def test_evidence__roots_missing_or_too_many__is_refused(evidence, count):
    with pytest.raises(RootCountWrong, match=f"has {count} roots, need exactly 3"):
        replace(evidence, roots=(*evidence.roots, bytes(32))[:count])


@pytest.mark.parametrize(
    "change",
    [
        {"sample_beacon": bytes(31)},
        {"commitment": bytes(33)},
        {"final_seed": b""},
        {"signature": bytes(64)},
        {"roots": (bytes(32), bytes(32), bytes(31))},
    ],
)
def test_evidence__field_of_another_length__is_refused(evidence, change):
    with pytest.raises(FieldInvalid):
        replace(evidence, **change)


def test_encode_item__parsed_item__is_the_same_bytes(evidence):
    shape = evidence.challenge.shape
    for data in evidence.items:
        assert encode_item(shape, parse_item(shape, data)) == data


@pytest.mark.parametrize("path", ["tile_path", "round_path"])
def test_encode_item__path_of_another_depth__is_refused(evidence, path):
    shape = evidence.challenge.shape
    item = parse_item(shape, evidence.items[0])
    for nodes in (getattr(item, path)[:-1], (*getattr(item, path), bytes(32)), ()):
        with pytest.raises(PathDepthWrong):
            encode_item(shape, replace(item, **{path: nodes}))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"round": -1}, FieldInvalid),
        ({"tile": 2**32}, FieldInvalid),
        ({"seed": bytes(31)}, FieldInvalid),
        ({"tile_path": (bytes(31),) * 8}, FieldInvalid),
        ({"entries": np.zeros((16, 15), np.int32)}, LinesInvalid),
    ],
)
def test_encode_item__field_that_does_not_fit__is_refused(evidence, change, error):
    shape = evidence.challenge.shape
    with pytest.raises(error):
        encode_item(shape, replace(parse_item(shape, evidence.items[0]), **change))


def test_item_leaf__spelled_out__binds_position_and_bytes():
    assert item_leaf(258, b"item") == sha256(b"GPOW1/E\x02\x01\0\0item").digest()


def test_header_leaf__spelled_out__stands_at_index_q(evidence):
    header = b"".join(evidence.roots) + evidence.final_seed
    assert header_leaf(evidence) == sha256(b"GPOW1/E\x08\0\0\0" + header).digest()
    assert evidence_leaves(evidence)[8:] == (header_leaf(evidence), *[bytes(32)] * 7)


def test_evidence_path__every_leaf__folds_to_the_root(evidence):
    leaves = evidence_leaves(evidence)
    for index in range(9):
        path = evidence_path(evidence, index)
        assert merkle.fold(leaves[index], index, path, 4) == evidence_root(evidence)


@pytest.mark.parametrize("index", [-1, 9])
def test_evidence_path__leaf_that_is_padding__is_refused(evidence, index):
    with pytest.raises(FieldInvalid):
        evidence_path(evidence, index)


def test_evidence_root__signature_changed__stays(evidence):
    assert evidence_root(evidence.sign(b"\x01" * 65)) == evidence_root(evidence)


def test_evidence_name__golden_evidence__reads_chain_device_slot_commitment(evidence):
    assert evidence_name(31337, 3, 42, evidence.commitment) == f"31337/3/42/{evidence.commitment.hex()}"
    with pytest.raises(FieldInvalid):
        evidence_name(31337, 3, 42, b"")


def with_dimension(evidence: Evidence, position: int, value: int) -> bytes:
    data = bytearray(evidence.encode())
    struct.pack_into("<I", data, SHAPE_AT + 4 * position, value)
    return bytes(data)
