"""What a proven fault of a device costs: the twin of `contracts/libraries/Penalties.sol` (docs/protocol.md,
"What a fault costs")."""

from __future__ import annotations

from dataclasses import dataclass

BPS = 10_000
CHALLENGER_BPS, ENFORCER_BPS = 2_500, 500
"""What the sender of a proof gets of a slash, and of an enforcement."""
MISS_LIMIT, MISS_EPOCHS = 8, 8
"""So many misses within so many epochs of the first cost as much as a fault."""
FAULT_EPOCHS = 32
"""A fault within so many epochs of another takes the whole bond."""
WINDOW_EPOCHS = 8
"""Faults are correlated that lie in one window of so many epochs, or in two that follow each other."""
CORRELATION = 3
"""The share grows by this many times the share of all stake that failed."""


@dataclass(frozen=True)
class Failed:
    """Wei of bond that failed in the newest window with a fault, and in the one before."""

    window: int = 0
    here: int = 0
    before: int = 0

    def add(self, epoch: int, bond: int) -> tuple[Failed, int]:
        """Count a device's bond as failed in `epoch`: what is known after, and what other bond had failed in
        the epoch's window and in the one before, as far as it is still known."""
        window = epoch // WINDOW_EPOCHS
        known = self
        if window > known.window:
            known = Failed(window, 0, known.here if window == known.window + 1 else 0)
        if window == known.window:
            return Failed(window, known.here + bond, known.before), known.here + known.before
        if window + 1 == known.window:
            return Failed(known.window, known.here, known.before + bond), known.before
        return known, 0


def share_bps(fault_bps: int, failed: int, staked: int) -> int:
    """The share of the bond that a device's first fault takes, when `failed` wei of other bond failed
    lately, of `staked` wei of all stake."""
    if staked == 0:
        return fault_bps
    return min(BPS, fault_bps + CORRELATION * BPS * failed // staked)
