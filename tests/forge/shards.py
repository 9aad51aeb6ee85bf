"""Many plays of the market, in parallel: forge runs an invariant on one core, so each shard is a forge of its
own with a seed of its own. What they played adds up.

    python -m tests.forge.shards --plays 10000

The last line says the total. A shard is small, so that whoever interrupts knows what was played.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from tests.anvil import ROOT
from tests.forge.run import FORGE, run_forge
from tests.forge.tally import read_tallies, table
from tests.forge.world import FOLDER

PLAYED = re.compile(r"\[PASS\] invariant_theBooksBalance\(\) \(runs: (\d+), calls: (\d+)")


@dataclass(frozen=True)
class Shard:
    seed: int
    plays: int

    @property
    def tally(self) -> Path:
        return FOLDER / "tally" / f"shard-{self.seed:x}"

    def run(self) -> tuple[int, int, str]:
        """Plays, steps, and what forge said if an invariant broke."""
        self.tally.unlink(missing_ok=True)
        environment = {
            "FOUNDRY_PROFILE": "deep",
            "FOUNDRY_FUZZ_SEED": hex(self.seed),
            "FOUNDRY_INVARIANT_RUNS": str(self.plays),
            "FOUNDRY_INVARIANT_FAILURE_PERSIST_DIR": f".build/forge/failures/{self.seed:x}",
            "TALLY": str(self.tally.relative_to(ROOT)),
        }
        finished = subprocess.run(
            [FORGE, "test", "--color", "never", "--match-contract", "Invariants"],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        played = PLAYED.search(finished.stdout)
        if finished.returncode or played is None:
            return 0, 0, finished.stdout[-6_000:]
        return int(played[1]), int(played[2]), ""


def shards(plays: int, size: int, seed: int) -> list[Shard]:
    return [Shard(seed + i, min(size, plays - i * size)) for i in range(-(-plays // size))]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plays", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=250, help="plays of a shard")
    parser.add_argument("--seed", type=lambda text: int(text, 0), default=0x7E, help="the first shard's")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)

    # Once, so that no shard compiles or deploys.
    built = run_forge("--match-contract", "Invariants", FOUNDRY_INVARIANT_RUNS="1")
    if built.returncode:
        print(built.stdout)
        return 1
    began, failed = time.monotonic(), 0
    plays = steps = 0
    planned = shards(options.plays, options.size, options.seed)
    with ThreadPoolExecutor(options.workers) as pool:
        running = {pool.submit(shard.run): shard for shard in planned}
        for number, future in enumerate(as_completed(running), 1):
            more, calls, fault = future.result()
            plays, steps, failed = plays + more, steps + calls, failed + bool(fault)
            if fault:
                print(fault)
            took = (time.monotonic() - began) / 60
            print(f"{number} of {len(planned)} shards: {plays:,} plays, {took:.1f} min", flush=True)

    tally = read_tallies([shard.tally for shard in planned if shard.tally.exists()])
    print(table(tally))
    verdict = "all hold" if not failed else f"**{failed} shards fail**"
    print(f"{plays:,} plays, {steps:,} steps in {len(planned)} shards from seed {options.seed:#x}: {verdict}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
