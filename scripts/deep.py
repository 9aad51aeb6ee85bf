"""All that is too slow for `make test`, one after the other; writes the table in `docs/assurance.md`.

    python scripts/deep.py                      hours
    python scripts/deep.py --plays 500 --fuzz 5000 --mutants 3 --only forge,slither

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


def forge(options: argparse.Namespace) -> tuple[str, str, float]:
    environment = {"FOUNDRY_PROFILE": "deep"}
    if options.fuzz:
        environment["FOUNDRY_FUZZ_RUNS"] = str(options.fuzz)
    fuzzing = [str(PYTHON), "-m", "tests.forge.run", "--no-match-contract", "Invariants"]
    code, said, took = run(fuzzing, **environment)
    fuzz = re.findall(r"^\[PASS\] testFuzz.*\(runs: (\d+)", said, re.MULTILINE)
    playing = [str(PYTHON), "-m", "tests.forge.shards", "--plays", str(options.plays or PLAYS)]
    failed, said, more = run(playing)
    plays = last_line(said).partition(":")[0]
    depth = f"{len(fuzz)} properties × {min(map(int, fuzz), default=0):,} runs; {plays}"
    return depth, "all hold" if code == failed == 0 else "**fails**", took + more


def properties(options: argparse.Namespace) -> tuple[str, str, float]:
    tests = ["tests/properties", "-q", "-n", "0"]
    code, said, took = run([str(PYTHON), "-m", "pytest", *tests], HYPOTHESIS_PROFILE="deep")
    return "the model of the market, profile `deep`", last_line(said) if code == 0 else "**fails**", took


def halmos(options: argparse.Namespace) -> tuple[str, str, float]:
    _, said, took = run([str(PYTHON), "scripts/symbolic.py"])
    return "every input of the stated widths", last_line(said), took


def slither(options: argparse.Namespace) -> tuple[str, str, float]:
    _, said, took = run([str(PYTHON), "scripts/static.py"])
    return "all detectors", last_line(said), took


def mutation(options: argparse.Namespace) -> tuple[str, str, float]:
    chosen = ["--count", str(options.mutants)] if options.mutants else ["--all"]
    _, said, took = run([str(PYTHON), "scripts/mutate.py", *chosen])
    return "all mutants" if not options.mutants else f"{options.mutants} of each file", last_line(said), took


PARTS = {"forge": forge, "properties": properties, "halmos": halmos, "slither": slither, "mutation": mutation}


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
    parser.add_argument("--mutants", type=int, help="mutants of each file, not all")
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
