"""How often each verb of `Market.sol` was played, and how often it went through."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.forge.world import FOLDER

TALLY = FOLDER / "tally" / "market"
# A handler that mostly finds nothing to do checks little.
LEAST_SUCCESS = 0.2


@dataclass(frozen=True)
class Tally:
    plays: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    successes: Counter[str] = field(default_factory=Counter)
    # Of the successes, those while everything was paused.
    under_pause: Counter[str] = field(default_factory=Counter)
    # What a pause must not block.
    exits: frozenset[str] = frozenset()

    def share(self, verb: str) -> float:
        return self.successes[verb] / self.calls[verb] if self.calls[verb] else 0.0

    @property
    def rare(self) -> dict[str, float]:
        return {verb: self.share(verb) for verb in self.calls if self.share(verb) < LEAST_SUCCESS}

    @property
    def never_paused(self) -> set[str]:
        """Exits that were never tried while everything was paused."""
        return {verb for verb in self.exits if not self.under_pause[verb]}


def read_tallies(paths: Iterable[Path] = (TALLY,)) -> Tally:
    plays = 0
    exits: set[str] = set()
    calls: Counter[str] = Counter()
    successes: Counter[str] = Counter()
    under_pause: Counter[str] = Counter()
    for line in (line for path in paths for line in path.read_text().splitlines()):
        plays += 1
        for entry in filter(None, line.split(";")):
            verb, *numbers = entry.split()
            called, succeeded, paused, is_exit = map(int, numbers)
            calls[verb] += called
            successes[verb] += succeeded
            under_pause[verb] += paused
            if is_exit:
                exits.add(verb)
    return Tally(plays, calls, successes, under_pause, frozenset(exits))


def handlers(folder: Path = FOLDER) -> set[str]:
    """The verbs that `Market` has, from its ABI."""
    abi = json.loads((folder / "out" / "Market.sol" / "Market.json").read_text())["abi"]
    return {
        entry["name"]
        for entry in abi
        if entry["type"] == "function"
        and entry["stateMutability"] == "nonpayable"
        and [parameter["type"] for parameter in entry["inputs"]] == ["uint256"]
    }


def table(tally: Tally) -> str:
    """Verbs by the share of calls that went through, the rarest last."""
    by_share: dict[int, list[str]] = {}
    for verb in sorted(tally.calls):
        by_share.setdefault(round(100 * tally.share(verb)), []).append(verb)
    return "\n".join(f"{share} %: {', '.join(by_share[share])}" for share in sorted(by_share, reverse=True))


if __name__ == "__main__":
    told = read_tallies()
    print(f"{told.plays} plays, {told.calls.total():,} steps")
    print(f"never tried under a pause: {sorted(told.never_paused)}")
    print(table(told))
