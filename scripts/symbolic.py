"""halmos on tests/symbolic: every `check_` must hold for every input.

`python scripts/symbolic.py [NAME]` runs those whose name contains NAME. Exits 1 if one fails or is not
decided.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Seconds for each question to the solver.
PATIENCE = 120
_COLOUR = re.compile(r"\x1b\[\d+m")
_RESULT = re.compile(r"^\[(\w+)\] (check_\w+)\(.*time: ([\d.]+)s", re.MULTILINE)


def main() -> int:
    environment = os.environ | {
        "FOUNDRY_PROFILE": "symbolic",
        "PATH": f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
    }
    command: list[str | Path] = [
        ROOT / ".deep/bin/halmos",
        "--root",
        ROOT,
        "--forge-build-out",
        ".build/symbolic/out",
        "--solver-timeout-assertion",
        str(1_000 * PATIENCE),
    ]
    if len(sys.argv) > 1:
        command += ["--match-test", sys.argv[1]]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    results = _RESULT.findall(_COLOUR.sub("", done.stdout))
    for fate, name, seconds in results:
        print(f"{fate.lower():8} {name} ({seconds} s)")
    if not results:
        print(done.stdout[-4_000:], done.stderr[-4_000:])
    proven = sum(fate == "PASS" for fate, _, _ in results)
    print(f"halmos: {proven} of {len(results)} proven")
    return 0 if results and proven == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
