"""Coverage-guided fuzzing of the evidence reader and judge: `python -m tests.offchain.proof.fuzz_evidence`.

Needs `pip install atheris`; takes libFuzzer's options (-runs=100000, -max_total_time=600) and corpus folders.
Whatever escapes as another error than the package's own, or takes more than a gigabyte, is a crash.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import atheris

# numba reads the bytecode of these two: it must not be instrumented.
with atheris.instrument_imports(
    include=["tensorbond.proof"], exclude=["tensorbond.proof.labels", "tensorbond.proof.workload"]
):
    from tensorbond.proof import CpuProver, MemoryChallenge, MemoryShape, decode_evidence

from tests.offchain.proof.malformed import read_and_judge

GOLDEN = Path(__file__).parents[2] / "vectors" / "evidence1.bin"


def seed_corpus() -> str:
    """A folder with one honest file of each kind."""
    folder = Path(mkdtemp(prefix="evidence-"))
    tiles = decode_evidence(GOLDEN.read_bytes())
    place = tiles.challenge
    memory = MemoryChallenge(
        place.beacon, place.chain_id, place.provider, place.device, place.slot, MemoryShape(2, 4, 1, 64)
    )
    (folder / "tiles").write_bytes(tiles.encode())
    (folder / "unsigned").write_bytes(replace(tiles, signature=bytes(65)).encode())
    (folder / "memory").write_bytes(CpuProver().prove(memory).open(tiles.sample_beacon).encode())
    return str(folder)


def try_one(data: bytes) -> None:
    read_and_judge(data)


if __name__ == "__main__":
    atheris.Setup([*sys.argv, "-max_len=1000000", "-rss_limit_mb=1024", seed_corpus()], try_one)
    atheris.Fuzz()
