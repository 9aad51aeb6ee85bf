"""ABI words of static values: what `eth_abi` gives for them, in a small part of its time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any


def words(*values: Any) -> bytes:
    """Numbers, addresses, bytes32; tuples and structs of them lie flat."""
    return b"".join([_word(value) for value in values])


def _word(value: Any) -> bytes:
    if isinstance(value, int):
        return value.to_bytes(32, "big")
    if isinstance(value, bytes):
        return value.ljust(32, b"\0")
    if isinstance(value, str):
        return _address(value)
    if isinstance(value, tuple):
        return words(*value)
    return words(*[getattr(value, name) for name in value.__dataclass_fields__])


@lru_cache(maxsize=1024)
def _address(value: str) -> bytes:
    return bytes.fromhex(value.removeprefix("0x")).rjust(32, b"\0")
