"""`make bench`: measures this machine, keeps the figures as JSON, and draws and tabulates them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from benchmarks import memory, plots, report, rivals, survival
from tensorbond.proof import bench

ROOT = Path(__file__).resolve().parent.parent

VERIFIED = tuple((K, 256) for K in (4096, 8192, 16384, 32768)) + tuple((16384, q) for q in (16, 64, 1024))
SHAPES = (
    (256, 256, 4096, 1),
    (512, 512, 4096, 2),
    (1024, 1024, 4096, 4),
    (1024, 1024, 16384, 2),
    (2048, 2048, 8192, 2),
    (2048, 2048, 16384, 2),
)
PASSES = 3
"""Runs of everything that is timed; the best counts, for whatever else runs here can only slow it down."""
TRIALS = 10_000


def measure(tell: Callable[[str], None]) -> dict[str, Any]:
    """Every figure, in one run."""
    tell("memory")
    peaks = {task: memory.high_water(task) for task in memory.TASKS}
    tell("kernels and their ceilings")
    kernels, ceilings = bench.measure_kernels(), bench.measure_ceilings()
    verified, memory_phase, proved = [], [], []
    for number in range(PASSES):
        tell(f"verify and prove, pass {number + 1} of {PASSES}")
        verified.append([bench.measure_verify(K, q, seconds=0.4) for K, q in VERIFIED])
        memory_phase.append(bench.measure_verify_memory(seconds=0.4))
        proved.append([bench.measure_prove(*shape) for shape in SHAPES])
    tell("as others check")
    checks = [asdict(check) for check in rivals.measure()]
    tell("survival")
    survived = [asdict(point) for point in survival.measure(TRIALS)]
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "verify": [asdict(max(tries, key=speed)) for tries in zip(*verified, strict=True)],
        "verify_memory": asdict(max(memory_phase, key=speed)),
        "prove": [asdict(best_proof(tries)) for tries in zip(*proved, strict=True)],
        **asdict(kernels),
        "ceilings": asdict(ceilings),
        "rivals": checks,
        "memory_bytes": peaks,
        "survival": survived,
    }


def speed(rate: bench.VerifyRate | bench.MemoryVerifyRate) -> float:
    return rate.proofs_per_core_second


def best_proof(tries: Sequence[bench.ProveRate]) -> bench.ProveRate:
    """The fastest, beside the fastest of the bare products."""
    best = min(tries, key=lambda rate: rate.seconds)
    return replace(best, bare_product_gops=max(rate.bare_product_gops for rate in tries))


@click.command()
@click.option("--docs", type=click.Path(file_okay=False, path_type=Path), default=ROOT / "docs")
@click.option("--draw", is_flag=True, help="Measure nothing: draw and tabulate the kept figures again.")
def main(docs: Path, draw: bool) -> None:
    """Writes docs/benchmarks/cpu.json, the plots beside it, and the tables in docs/benchmarks.md."""
    kept = docs / "benchmarks" / "cpu.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    if not draw:
        figures = measure(lambda what: click.echo(f"measuring: {what}", err=True))
        kept.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    figures = json.loads(kept.read_text(encoding="utf-8"))
    plots.draw(figures, kept.parent)
    click.echo(report.write(figures, docs / "benchmarks.md"))


if __name__ == "__main__":
    main()
