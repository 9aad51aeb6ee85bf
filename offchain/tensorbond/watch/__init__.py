"""What anyone can do about fraud: find it in chain and evidence, and prove it."""

from __future__ import annotations

from tensorbond.watch.fraud import (
    Equivocation,
    Missed,
    NoFraud,
    bad_item_proof,
    equivocation_proof,
    find_bad_items,
    find_missed,
    prove_bad_item,
    prove_equivocation,
    prove_missed,
)

__all__ = [
    "Equivocation",
    "Missed",
    "NoFraud",
    "bad_item_proof",
    "equivocation_proof",
    "find_bad_items",
    "find_missed",
    "prove_bad_item",
    "prove_equivocation",
    "prove_missed",
]
