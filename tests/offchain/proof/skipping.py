"""Provers that cheat."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from tensorbond.proof import Challenge, CpuProver, Proof, Round, digest_tiles, next_seed
from tensorbond.proof.workload import Entries, Lines


class SkippingProver(CpuProver):
    """Commits to garbage in `share` of all tiles, and opens the very same garbage."""

    def __init__(self, share: float) -> None:
        super().__init__(workers=1)
        self.bound = int(share * 2**32)

    def skips(self, work: Round, tile: int) -> bool:
        chance = sha256(work.seed + tile.to_bytes(4, "little")).digest()
        return int.from_bytes(chance[:4], "little") < self.bound

    def garbage(self, work: Round, tile: int) -> Entries:
        return np.full((16, 16), 1_000_000 + tile, np.int32)

    def digest_round(self, work: Round, columns: Lines) -> NDArray[np.uint32]:
        digests = super().digest_round(work, columns)
        for tile in range(work.shape.tiles):
            if self.skips(work, tile):
                digests[tile] = np.frombuffer(digest_tiles(self.garbage(work, tile)[None])[0], "<u4")
        return digests

    def tile_entries(self, work: Round, tile: int) -> Entries:
        return self.garbage(work, tile) if self.skips(work, tile) else super().tile_entries(work, tile)


class SloppyProver(SkippingProver):
    """Gets one entry of every tile wrong by one, at (row, col)."""

    def __init__(self, row: int, col: int) -> None:
        super().__init__(share=1)
        self.place = row, col

    def garbage(self, work: Round, tile: int) -> Entries:
        entries = CpuProver.tile_entries(self, work, tile)
        entries[self.place] += 1
        return entries


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
