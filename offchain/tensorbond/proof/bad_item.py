"""What a judge of evidence answers when it is bad."""

from __future__ import annotations

from dataclasses import dataclass

from tensorbond.proof.errors import Fault


@dataclass(frozen=True)
class BadItem:
    """The bad leaf of the evidence tree that counts: an item, or the header (`index` = the number of items).

    `row` and `col` (0..15) name the first wrong entry when `reason` is Fault.ENTRY; `opening` the first wrong
    opening when it is Fault.OPENING (a label item's 0 its own, 1 + j its parent p_j; a segment item's step).
    Each is None otherwise.
    """

    index: int
    reason: Fault
    have: str
    need: str
    row: int | None = None
    col: int | None = None
    opening: int | None = None
