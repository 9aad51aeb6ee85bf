"""How much memory a process takes at most: `python -m benchmarks.memory verify` prints it, in bytes."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks import freivalds, rivals
from tensorbond.proof import Challenge, CpuProver, Evidence, Shape, find_bad_item
from tensorbond.proof.bench import CLASS
from tensorbond.proof.specimens import unproven_evidence


def verify_proof() -> None:
    """One proof of K = 16384 and q = 256, as large as a data-centre card's."""
    evidence = Evidence.decode(unproven_evidence(replace(CLASS, K=16384, q=256)).encode())
    find_bad_item(evidence.challenge, evidence.commitment, evidence.sample_beacon, evidence)


def prove() -> None:
    CpuProver().prove(Challenge(bytes(32), 1, bytes(20), 1, 1, Shape(2048, 2048, 16384, 1)))


def check_floats() -> None:
    """Without the product itself, which the prover keeps."""
    a, b = freivalds.matrices(rivals.SIZE, 1)
    r = a[0]
    freivalds.answers_match(a @ (b @ r), a @ (b @ r))


TASKS: dict[str, Callable[[], None]] = {
    "imports": lambda: None,
    "verify K=16384 q=256": verify_proof,
    "prove 2048×2048×16384": prove,
    "float32 Freivalds n=4096": check_floats,
}


def high_water(task: str) -> int:
    """Of a process of its own that does just this."""
    command = [sys.executable, "-m", "benchmarks.memory", task]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def peak_bytes() -> int:
    """Since this program began: rusage, in KiB, would count what its parent held when it forked."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = (line.split() for line in status.read_text().splitlines())
        return next(1024 * int(words[1]) for words in lines if words[0] == "VmHWM:")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    TASKS[sys.argv[1]]()
    print(peak_bytes())
