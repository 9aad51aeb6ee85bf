"""Wei of TBND minted at most for one final epoch: the twin of `contracts/libraries/Emission.sol`."""

from __future__ import annotations

INITIAL = 1_000 * 10**18
HALVING = 250_000


def emission_at(epoch: int) -> int:
    """Never rises from one epoch to the next; Σ over all epochs < 500,000,000 TBND."""
    halvings = epoch // HALVING
    return 0 if halvings > 255 else INITIAL >> halvings
