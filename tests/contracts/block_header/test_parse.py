from __future__ import annotations

from collections.abc import Iterator

import pytest
import rlp
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chain import Chain
from tests.headers import encode_header, header_fields

pytestmark = pytest.mark.chain

REFUSED = (False, bytes(32), 0)
NUMBER = 8
"""The ninth field; those before it have fixed lengths, but for the difficulty."""
LENGTHS = (32, 32, 20, 32, 32, 32, 256)


@pytest.fixture(scope="module")
def harness(bare_system: Chain) -> Iterator[Chain]:
    snapshot = bare_system.snapshot()
    bare_system.deploy("BlockHeaderHarness")
    yield bare_system
    bare_system.revert_to(snapshot)


@pytest.fixture(scope="module")
def fields(harness: Chain) -> list[bytes]:
    return header_fields(harness.block(harness.mine(300)))


def parse(chain: Chain, header: bytes) -> tuple[bool, bytes, int]:
    ok, parent, number = chain.call("BlockHeaderHarness", "parse", header)
    return (ok, parent, number) if ok else REFUSED


def with_field(fields: list[bytes], place: int, value: bytes) -> bytes:
    return bytes(rlp.encode([*fields[:place], value, *fields[place + 1 :]]))


@pytest.mark.parametrize("number", [0, 1, 127, 128, 255, 256])
def test_parse__a_block_of_the_chain__gives_parent_and_number(harness: Chain, fields, number: int) -> None:
    block = harness.block(number)
    parent = bytes.fromhex(block["parentHash"][2:])
    assert parse(harness, encode_header(block)) == (True, parent, number)


@settings(max_examples=40, deadline=None)
@given(
    parent=st.binary(min_size=32, max_size=32),
    difficulty=st.integers(0, 2**256 - 1),
    number=st.integers(0, 2**256 - 1),
    rest=st.lists(st.binary(max_size=60), max_size=16),
)
def test_parse__any_header__gives_parent_and_number(
    harness: Chain, fields, parent: bytes, difficulty: int, number: int, rest: list[bytes]
) -> None:
    integers = [each.to_bytes((each.bit_length() + 7) // 8) for each in (difficulty, number)]
    header = bytes(rlp.encode([parent, *fields[1:7], *integers, *rest]))
    assert parse(harness, header) == (True, parent, number)


def test_parse__cut_anywhere__is_refused(harness: Chain, fields) -> None:
    header = bytes(rlp.encode(fields))
    for length in (0, 1, 3, 36, 192, 447, 448, 449, len(header) - 1):
        assert parse(harness, header[:length]) == REFUSED
    assert parse(harness, header + b"\0") == REFUSED


def test_parse__cut_and_its_length_mended__is_refused_before_the_number(harness: Chain, fields) -> None:
    header = bytes(rlp.encode(fields[:NUMBER]))
    assert len(header) == 449
    assert parse(harness, header) == REFUSED
    number = bytes(rlp.encode([*fields[:NUMBER], bytes.fromhex("0102")]))
    cut = b"\xf9" + (len(number) - 4).to_bytes(2) + number[3:-1]
    assert parse(harness, cut) == REFUSED


@pytest.mark.parametrize("place", range(len(LENGTHS)))
@pytest.mark.parametrize("change", [-1, 1])
def test_parse__field_of_another_length__is_refused(harness: Chain, fields, place: int, change: int) -> None:
    assert len(fields[place]) == LENGTHS[place]
    assert parse(harness, with_field(fields, place, bytes(LENGTHS[place] + change))) == REFUSED


@pytest.mark.parametrize("place", [7, NUMBER])
@pytest.mark.parametrize("value", [b"\0", b"\0\x80", b"\0" * 32, b"\x01" * 33, b"\x01" * 60])
def test_parse__integer_not_canonical__is_refused(harness: Chain, fields, place: int, value: bytes) -> None:
    assert parse(harness, with_field(fields, place, value)) == REFUSED


@pytest.mark.parametrize("number", ["8101", "817f", "c0", "c101", "b801ff", "8180"])
def test_parse__number_in_another_form__is_refused_unless_canonical(
    harness: Chain, fields, number: str
) -> None:
    before = bytes(rlp.encode(fields[:NUMBER]))[3:]
    after = bytes(rlp.encode(fields[NUMBER + 1 :]))[3:]
    payload = before + bytes.fromhex(number) + after
    expected = (True, fields[0], 0x80) if number == "8180" else REFUSED
    assert parse(harness, b"\xf9" + len(payload).to_bytes(2) + payload) == expected


def test_parse__another_list_prefix__is_refused(harness: Chain, fields) -> None:
    payload = bytes(rlp.encode(fields))[3:]
    for prefix in (b"\xfa\0", b"\xf8", b"\xb9", b"\xf9\0"):
        assert parse(harness, prefix + len(payload).to_bytes(2) + payload) == REFUSED
