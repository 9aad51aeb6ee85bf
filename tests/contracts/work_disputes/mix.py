"""MIX32x8 in plain Python, and its inverse: why a digest of entries must never bind them."""

from __future__ import annotations

import struct

from tensorbond.proof.workload import Entries

_U32 = 0xFFFFFFFF
_C1, _C2 = 0xCC9E2D51, 0x1B873593


def _left(word: int, count: int) -> int:
    return (word << count | word >> (32 - count)) & _U32


def _spread(entry: int) -> int:
    return _left((entry & _U32) * _C1 & _U32, 15) * _C2 & _U32


def _gather(mixed: int) -> int:
    """The entry that `_spread` makes `mixed` of."""
    word = mixed * pow(_C2, -1, 2**32) & _U32
    return _left(word, 17) * pow(_C1, -1, 2**32) & _U32


def _absorb(state: int, entry: int) -> int:
    return (_left(state ^ _spread(entry), 13) * 5 + 0xE6546B64) & _U32


def _lane(lane: int) -> list[tuple[int, int]]:
    """The places of a lane's entries, in the order in which it absorbs them."""
    rows, columns = 4 * (lane >> 1), 8 * (lane & 1)
    return [(rows + i, columns + j) for i in range(4) for j in range(8)]


def mix(entries: Entries) -> bytes:
    digest = []
    for lane in range(8):
        state = (0x9E3779B9 + lane) & _U32
        for place in _lane(lane):
            state = _absorb(state, int(entries[place]))
        digest.append(state)
    return struct.pack("<8I", *digest)


def second_preimage(entries: Entries) -> Entries:
    """Another tile of the same digest: the first entry is wrong by one, the second makes up for it."""
    first, second = _lane(0)[:2]
    found = entries.copy()
    found[first] += 1
    start = 0x9E3779B9
    wanted = _absorb(start, int(entries[first])) ^ _spread(int(entries[second]))
    mixed = _absorb(start, int(found[first])) ^ wanted
    (found[second],) = struct.unpack("<i", struct.pack("<I", _gather(mixed)))
    return found
