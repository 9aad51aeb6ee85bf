"""Provers that cheat."""

from __future__ import annotations

from dataclasses import dataclass

from tensorbond.demo.villains import WrongTileProver
from tensorbond.proof import Challenge, CpuProver, Proof, next_seed


class SloppyProver(WrongTileProver):
    """Gets one entry of every tile wrong by one, at (row, col)."""

    def __init__(self, row: int, col: int) -> None:
        super().__init__(1, (row, col), workers=1)


@dataclass(frozen=True, eq=False)
class FramedProof(Proof):
    """Opens a computation for a commitment that was drawn out of thin air."""

    claimed: bytes = bytes(32)

    @property
    def commitment(self) -> bytes:
        return self.claimed


def reuse_rounds(challenge: Challenge) -> Proof:
    """Computes round 0 once and passes it off as every round, the seed chain over its root being sound."""
    prover = CpuProver(workers=1)
    once = prover.prove(challenge)
    roots = (once.roots[0],) * challenge.shape.R
    final_seed = challenge.first_seed
    for index, root in enumerate(roots):
        final_seed = next_seed(final_seed, index, root)
    seeds = (challenge.first_seed,) * challenge.shape.R
    return Proof(prover, challenge, seeds, roots, final_seed, dict.fromkeys(range(len(roots)), once.kept[0]))
