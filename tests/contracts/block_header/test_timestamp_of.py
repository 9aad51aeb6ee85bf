from __future__ import annotations

import pytest
import rlp
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chain import Chain
from tests.headers import encode_header

from .test_parse import fields, harness, with_field

__all__ = ["fields", "harness"]

pytestmark = pytest.mark.chain

GAS_LIMIT, GAS_USED, TIMESTAMP = 9, 10, 11
"""The fields between the number and the timestamp, and this itself."""


def timestamp_of(chain: Chain, header: bytes) -> int | None:
    ok, timestamp = chain.call("BlockHeaderHarness", "timestampOf", header)
    return int(timestamp) if ok else None


@pytest.mark.parametrize("number", [1, 127, 128, 256])
def test_timestamp_of__a_block_of_the_chain__is_its_timestamp(
    harness: Chain, fields: list[bytes], number: int
) -> None:
    block = harness.block(number)
    assert timestamp_of(harness, encode_header(block)) == int(block["timestamp"], 16)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), min_size=5, max_size=5), st.lists(st.binary(max_size=40)))
def test_timestamp_of__any_header__is_the_twelfth_field(
    harness: Chain, fields: list[bytes], integers: list[int], rest: list[bytes]
) -> None:
    encoded = [each.to_bytes((each.bit_length() + 7) // 8) for each in integers]
    assert timestamp_of(harness, bytes(rlp.encode([*fields[:7], *encoded, *rest]))) == integers[4]


def test_timestamp_of__ends_before_it__is_refused(harness: Chain, fields: list[bytes]) -> None:
    for count in (8, 9, GAS_LIMIT, GAS_USED, TIMESTAMP):
        assert timestamp_of(harness, bytes(rlp.encode(fields[:count]))) is None
    assert timestamp_of(harness, b"") is None


@pytest.mark.parametrize("place", [GAS_LIMIT, GAS_USED, TIMESTAMP])
@pytest.mark.parametrize("value", [b"\0", b"\0\x80", b"\x01" * 33])
def test_timestamp_of__integer_not_canonical__is_refused(
    harness: Chain, fields: list[bytes], place: int, value: bytes
) -> None:
    assert timestamp_of(harness, with_field(fields, place, value)) is None
