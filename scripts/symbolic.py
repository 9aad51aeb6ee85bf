"""halmos on tests/symbolic: every `check_` must hold for every input.

`python scripts/symbolic.py [NAME]` runs those whose name contains NAME. Exits 1 if one fails or is not
decided.

Each question goes to the solvers of scripts/solver.py.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEEP = ROOT / ".deep" / "bin"
# Seconds for each question: a bit more than the solvers take, so that they end by themselves.
PATIENCE = 130
_COLOUR = re.compile(r"\x1b\[\d+m")
_CHECK = re.compile(r"function (check_\w+)\(")
_RESULT = re.compile(r"^\[(\w+)\] (check_\w+)\(.*time: ([\d.]+)s", re.MULTILINE)


def main() -> int:
    environment = os.environ | {
        "FOUNDRY_PROFILE": "symbolic",
        "PATH": f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
    }
    command: list[str | Path] = [
        DEEP / "halmos",
        "--root",
        ROOT,
        "--forge-build-out",
        ".build/symbolic/out",
        "--solver-command",
        shlex.join([str(DEEP / "python"), str(ROOT / "scripts" / "solver.py")]),
        "--solver-timeout-assertion",
        f"{PATIENCE}s",
        "--solver-threads",
        "1",
        # The deepest loop walks the 20 levels of a tree.
        "--loop",
        "32",
    ]
    if len(sys.argv) > 1:
        command += ["--match-test", sys.argv[1]]
    for built in (ROOT / ".build" / "symbolic" / "out").glob("*.t.sol"):
        if not (ROOT / "tests" / "symbolic" / built.name).exists():
            shutil.rmtree(built)  # halmos would run it still
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    said = _COLOUR.sub("", done.stdout)
    results = _RESULT.findall(said)
    for fate, name, seconds in results:
        print(f"{fate.lower():8} {name} ({seconds} s)")
    proven = sum(fate == "PASS" for fate, _, _ in results)
    asked = [
        name
        for path in (ROOT / "tests" / "symbolic").glob("*.t.sol")
        for name in _CHECK.findall(path.read_text(encoding="utf-8"))
        if len(sys.argv) == 1 or sys.argv[1] in name
    ]
    for name in sorted(set(asked) - {name for _, name, _ in results}):
        print(f"not run  {name}")
    whole = bool(asked) and proven == len(asked)
    if not whole:
        print(said[-4_000:], done.stderr[-4_000:])
    print(f"halmos: {proven} of {len(asked)} proven ({time.monotonic() - began:.0f} s)")
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
