"""forge on the properties of this folder, over the system as it is compiled now."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.anvil import ROOT
from tests.forge.tally import TALLY
from tests.forge.world import write_world

# npm's own shim of forge exits with 0 whatever the tests say.
FORGE = ROOT / ".venv" / "bin" / "forge"


def run_forge(
    *options: str, profile: str = "default", **environment: str
) -> subprocess.CompletedProcess[str]:
    """`forge test` with these options; the tally of verbs starts anew."""
    write_world()
    TALLY.unlink(missing_ok=True)
    return subprocess.run(
        [FORGE, "test", "--color", "never", *options],
        cwd=ROOT,
        env=os.environ | environment | {"FOUNDRY_PROFILE": profile},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    finished = run_forge(*sys.argv[1:], profile=os.environ.get("FOUNDRY_PROFILE", "default"))
    print(finished.stdout)
    sys.exit(finished.returncode)
