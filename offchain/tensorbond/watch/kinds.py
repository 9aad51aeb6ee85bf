"""The kinds of disputes: every verb that punishes a fault, or asks for what the proof of one needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A verb of the contracts that punishes a fault, or asks for what a proof of one needs."""

    contract: str
    function: str
    shows: str


KINDS: dict[str, Kind] = {
    "missed": Kind("WorkDisputes", "proveMissed", "F0: a drawn slot without a commit record"),
    "badItem": Kind("WorkDisputes", "proveBadItem", "F1: a bad item in signed evidence of the C-phase"),
    "equivocation": Kind(
        "AttestationDisputes", "proveEquivocation", "F5: one oracle signed two statements of one turn"
    ),
}
