"""How often each verb of `Market.sol` was played, and how often it went through."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.forge.world import FOLDER

TALLY = FOLDER / "tally" / "market"
# A handler that mostly finds nothing to do checks little.
LEAST_SUCCESS = 0.2


@dataclass(frozen=True)
class Tally:
    plays: int
    calls: Counter[str]
    successes: Counter[str]

    def share(self, verb: str) -> float:
        return self.successes[verb] / self.calls[verb] if self.calls[verb] else 0.0


def read_tally(path: Path = TALLY) -> Tally:
    calls: Counter[str] = Counter()
    successes: Counter[str] = Counter()
    lines = path.read_text().splitlines()
    for line in lines:
        for entry in line.split(";"):
            if entry:
                verb, called, succeeded = entry.split()
                calls[verb] += int(called)
                successes[verb] += int(succeeded)
    return Tally(len(lines), calls, successes)


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
