"""Provers that lie, each in one way, and the agent process that uses one:

python -m tensorbond.demo.villains skipping --rpc URL --network FILE --provider ADDRESS …
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from tensorbond.chain.keys import load_account
from tensorbond.proof import TILE, CpuProver, Round, digest_tiles
from tensorbond.proof.workload import Entries, Lines
from tensorbond.provider.agent import run
from tensorbond.provider.config import AgentConfig, Prover

SKIPPED = 0.05
"""The share of the work that the demo's liar leaves out."""


class SkippingProver(CpuProver):
    """Claims zeros for `share` of every round's tiles, as one would that never computed them.

    Consistent in its lie: what it commits to is what it opens, so only recomputing a skipped tile finds it.
    """

    def __init__(self, share: float, workers: int | None = None) -> None:
        super().__init__(workers)
        self.share = share

    def skipped(self, work: Round) -> frozenset[int]:
        """The tiles of the round that it lies about."""
        tiles = work.shape.tiles
        return frozenset(random.Random(work.seed).sample(range(tiles), round(tiles * self.share)))

    def digest_round(self, work: Round, columns: Lines) -> NDArray[np.uint32]:
        digests = super().digest_round(work, columns)
        for tile in self.skipped(work):
            digests[tile] = digest_words(self.made_up(work, tile))
        return digests

    def tile_entries(self, work: Round, tile: int) -> Entries:
        return self.made_up(work, tile) if tile in self.skipped(work) else super().tile_entries(work, tile)

    def made_up(self, work: Round, tile: int) -> Entries:
        """What it claims for a tile that it lies about."""
        return np.zeros((TILE, TILE), np.int32)


class WrongTileProver(SkippingProver):
    """Computes everything, but gets one entry wrong by one, at `place`, in `share` of the tiles."""

    def __init__(
        self, share: float = 1 / 16, place: tuple[int, int] = (3, 5), workers: int | None = None
    ) -> None:
        super().__init__(share, workers)
        self.place = place

    def made_up(self, work: Round, tile: int) -> Entries:
        entries = CpuProver.tile_entries(self, work, tile)
        entries[self.place] += 1
        return entries


def digest_words(entries: Entries) -> NDArray[np.uint32]:
    """MIX32x8 of one tile: the 8 words of its leaf."""
    return np.frombuffer(digest_tiles(entries[np.newaxis])[0], np.uint32)


PROVERS: dict[str, Callable[[], Prover]] = {
    "skipping": partial(SkippingProver, SKIPPED),
    "wrong-tile": WrongTileProver,
}


@click.command()
@click.argument("kind", type=click.Choice(list(PROVERS)))
@click.option("--rpc", required=True)
@click.option("--network", required=True)
@click.option("--store", required=True)
@click.option("--state", required=True, type=click.Path(path_type=Path))
@click.option("--poll", type=float, default=1.0)
@click.option("--depth", type=int, default=0)
@click.option("--provider", required=True)
def main(
    kind: str, rpc: str, network: str, store: str, state: Path, poll: float, depth: int, provider: str
) -> None:
    """An agent that proves dishonestly; its key is in TENSORBOND_KEY."""
    run(
        AgentConfig(
            rpc_urls=(rpc,),
            deployment=network,
            account=load_account(None),
            store_url=store,
            state_dir=state,
            provider=provider,
            poll_seconds=poll,
            confirmations=depth,
            prover_factory=PROVERS[kind],
            self_check=False,
        )
    )


if __name__ == "__main__":
    main()
