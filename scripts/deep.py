"""All that is too slow for `make test`, one after the other; writes the table in `docs/assurance.md`.

    python scripts/deep.py                      hours
    python scripts/deep.py --plays 500 --fuzz 5000 --only fuzz,plays,slither

The table says what was run, how deep, how long, at which commit; a part that was not run keeps its row.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "assurance.md"
PYTHON = ROOT / ".venv" / "bin" / "python"
BEGIN, END = "<!-- deep -->", "<!-- /deep -->"
PLAYS = 10_000
MONEY = "ProviderStaking,JobEscrow,LeaseEscrow,Disputes"
MUTANTS = 40
HEAD = ["| Part | How deep | Result | Took | Commit, day |", "|---|---|---|---|---|"]


def run(command: list[str], **environment: str) -> tuple[int, str, float]:
    """Run it, show what it says, and return how it ended and how long it took."""
    began, said = time.monotonic(), []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            print(line, end="", flush=True)
    return process.returncode, "".join(said), time.monotonic() - began


def last_line(said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "said nothing"


def fuzz(options: argparse.Namespace) -> tuple[str, str, float]:
    environment = {"FOUNDRY_PROFILE": "deep"}
    if options.fuzz:
        environment["FOUNDRY_FUZZ_RUNS"] = str(options.fuzz)
    fuzzing = [str(PYTHON), "-m", "tests.forge.run", "--no-match-contract", "Invariants"]
    code, said, took = run(fuzzing, **environment)
    runs = [int(each) for each in re.findall(r"^\[PASS\] testFuzz.*\(runs: (\d+)", said, re.MULTILINE)]
    depth = f"{len(runs)} properties × {min(runs, default=0):,} runs"
    return depth, "all hold" if code == 0 else "**fails**", took


def plays(options: argparse.Namespace) -> tuple[str, str, float]:
    playing = [str(PYTHON), "-m", "tests.forge.shards", "--plays", str(options.plays or PLAYS)]
    code, said, took = run(playing)
    return last_line(said).partition(":")[0], "all hold" if code == 0 else "**fails**", took


def properties(options: argparse.Namespace) -> tuple[str, str, float]:
    tests = ["tests/properties", "-q", "-n", "0"]
    return judged(
        "the model of the market, 500 plays of 100 steps", "-m", "pytest", *tests, HYPOTHESIS_PROFILE="deep"
    )


def digests(options: argparse.Namespace) -> tuple[str, str, float]:
    tests = [f"tests/parity/test_{name}.py" for name in ("orders", "digests")]
    chosen = ["-q", "-n", "0", "-k", "of_any or of_random"]
    depth = "10,000 orders, and messages, by viem, by cast and (of each kind) by the contracts"
    return judged(depth, "-m", "pytest", *tests, *chosen, HYPOTHESIS_PROFILE="deep")


def halmos(options: argparse.Namespace) -> tuple[str, str, float]:
    return judged("every input of the stated widths", "scripts/symbolic.py")


def slither(options: argparse.Namespace) -> tuple[str, str, float]:
    return judged("all detectors", "scripts/static.py")


def sample(options: argparse.Namespace) -> tuple[str, str, float]:
    return mutate("mutants, a sample of every contract", 85)


def money(options: argparse.Namespace) -> tuple[str, str, float]:
    count = options.mutants or MUTANTS
    depth = f"mutants of stake, both escrows and both disputes, {count} each"
    return mutate(depth, 90, "--only", MONEY, "--count", str(count))


def mutate(depth: str, least: int, *chosen: str) -> tuple[str, str, float]:
    """Mutants, of which so many percent must be noticed."""
    return judged(depth, "scripts/mutate.py", "--least", str(least), *chosen)


def judged(depth: str, *command: str, **environment: str) -> tuple[str, str, float]:
    """What says its result in its last line, up to a semicolon."""
    code, said, took = run([str(PYTHON), *command], **environment)
    result = last_line(said).partition(";")[0]
    return depth, result if code == 0 else f"**fails**: {result}", took


PARTS = {
    "fuzz": fuzz,
    "plays": plays,
    "properties": properties,
    "digests": digests,
    "halmos": halmos,
    "slither": slither,
    "sample": sample,
    "money": money,
}


def write_row(part: str, depth: str, result: str, took: float) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    row = f"| {part} | {depth} | {result} | {took / 60:.0f} min | {commit}, {datetime.now(UTC):%Y-%m-%d} |"
    before, _, rest = PAGE.read_text().partition(BEGIN)
    table, _, after = rest.partition(END)
    rows = [line for line in table.strip().splitlines()[2:] if not line.startswith(f"| {part} |")]
    PAGE.write_text(before + "\n".join([BEGIN, *HEAD, *rows, row, END]) + after)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plays", type=int, help="plays of the market, not 10,000")
    parser.add_argument("--fuzz", type=int, help="runs of each fuzz test, not 50,000")
    parser.add_argument("--mutants", type=int, help=f"mutants of each file of the money, not {MUTANTS}")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between")
    options = parser.parse_args()

    failed = False
    for part in options.only.split(","):
        depth, result, took = PARTS[part](options)
        write_row(part, depth, result, took)
        failed |= "fails" in result
        print(f"{part}: {depth}: {result} ({took / 60:.0f} min)", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
