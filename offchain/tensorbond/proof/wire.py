"""What both kinds of evidence file share: their size, the signature's, and the bytes before the shape.

Little-endian, no padding: magic8 ‖ u16 version ‖ u64 chainId ‖ provider20 ‖ u64 device ‖ u64 slot.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tensorbond.proof.errors import (
    EvidenceMagicWrong,
    EvidenceOversized,
    EvidenceTrailing,
    EvidenceTruncated,
    EvidenceVersionUnknown,
)

UNSIGNED = bytes(65)
MAX_EVIDENCE_BYTES = 1 << 26
"""Every shape's file is shorter than this."""

PLACE = struct.Struct("<8sHQ20sQQ")


@dataclass(frozen=True)
class Format:
    """One kind of file: how it begins, and the bytes from its magic to its first item."""

    magic: bytes
    versions: tuple[int, ...]
    head: int

    def check_start(self, data: bytes, limit: int) -> None:
        """Raises EvidenceOversized, EvidenceMagicWrong, EvidenceTruncated or EvidenceVersionUnknown."""
        if len(data) > limit:
            raise EvidenceOversized(len(data), limit)
        if data[: len(self.magic)] != self.magic[: len(data)]:
            raise EvidenceMagicWrong(bytes(data[: len(self.magic)]), self.magic)
        if len(data) < self.head:
            raise EvidenceTruncated(len(data), self.head)
        version = int.from_bytes(data[8:10], "little")
        if version not in self.versions:
            raise EvidenceVersionUnknown(version, self.versions)


def check_length(data: bytes, need: int) -> None:
    """Raises EvidenceTruncated or EvidenceTrailing unless the file has `need` bytes."""
    if len(data) < need:
        raise EvidenceTruncated(len(data), need)
    if len(data) > need:
        raise EvidenceTrailing(len(data), need)


def split(data: bytes, length: int) -> tuple[bytes, ...]:
    """The data in pieces of `length` bytes."""
    return tuple(bytes(data[start : start + length]) for start in range(0, len(data), length))
