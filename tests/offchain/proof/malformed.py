"""Files that are no evidence, or no longer that which they were: made from honest ones."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from tensorbond.proof import ProofError, decode_evidence, evidence_root, verify

INTEGERS = (8, 10, 38, 46)
"""Where the version, chain id, device and slot stand in either kind of file; a shape begins at SHAPE_AT."""
SHAPE_AT = 54
WIDTHS = {8: 2, 10: 8, 38: 8, 46: 8}


def read_and_judge(data: bytes) -> bool:
    """Whether the file reads as evidence that proves what it declares; raises nothing but what may escape."""
    try:
        evidence = decode_evidence(data)
        verify(evidence.challenge, evidence.commitment, evidence.sample_beacon, evidence)
        evidence_root(evidence)
    except ProofError:
        return False
    return True


def with_integer(data: bytes, at: int, width: int, value: int) -> bytes:
    return data[:at] + value.to_bytes(width, "little") + data[at + width :]


def swap_bytes(data: bytes, at: int, width: int) -> bytes:
    """The file with one integer in the other byte order."""
    return data[:at] + data[at : at + width][::-1] + data[at + width :]


@st.composite
def mutations(draw: st.DrawFn, data: bytes, dimensions: int) -> bytes:
    """The file with some of its bytes cut, flipped, moved, swapped, or its declared sizes made huge."""
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["cut", "flip", "patch", "splice", "grow", "dimension", "order"]))
        at = draw(st.integers(0, max(0, len(data) - 1)) | st.integers(0, 200))
        if kind == "cut":
            data = data[:at]
        elif kind == "flip" and at < len(data):
            data = data[:at] + bytes([data[at] ^ 1 << draw(st.integers(0, 7))]) + data[at + 1 :]
        elif kind == "patch":
            patch = draw(st.binary(min_size=1, max_size=40) | st.sampled_from(NOT_NUMBERS))
            data = data[:at] + patch + data[at + len(patch) :]
        elif kind == "splice":
            start = draw(st.integers(0, len(data)))
            data = data[:at] + data[start : start + draw(st.integers(0, 4096))] + data[at:]
        elif kind == "grow":
            data += bytes(draw(st.integers(1, 4096)))
        elif kind == "dimension" and len(data) > SHAPE_AT + 20:
            place = SHAPE_AT + 4 * draw(st.integers(0, dimensions - 1))
            value = draw(st.integers(0, 2**32 - 1) | st.sampled_from([2**k for k in range(32)]))
            data = with_integer(data, place, 4, value)
        elif kind == "order" and len(data) > SHAPE_AT + 20:
            place = draw(st.sampled_from([*INTEGERS, *range(SHAPE_AT, SHAPE_AT + 4 * dimensions, 4)]))
            data = swap_bytes(data, place, WIDTHS.get(place, 4))
    return data


NOT_NUMBERS = [struct.pack("<f", value) * 8 for value in (float("nan"), float("inf"), -float("inf"), -0.0)]
"""What a float32 that is no number looks like: here any four bytes are an integer."""
