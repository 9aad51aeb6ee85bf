"""`tensorbond proof bench`: how fast this machine verifies and proves."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from tensorbond.proof.bench import measure_cpu
from tensorbond.proof.challenge import Shape
from tensorbond.proof.evidence import evidence_length
from tensorbond.proof.gpu.bench import measure_gpu
from tensorbond.proof.provers import choose_gpu


@click.command()
@click.option("--device", default="auto", show_default=True, help="cpu, cuda:NUMBER, or auto (a GPU if any).")
@click.option(
    "--peak", type=click.FloatRange(0, min_open=True), help="The device's peak in gops.  [default: measured]"
)
@click.option("--quick/--full", default=True, help="Under a minute on two cores, or some minutes.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bench(device: str, peak: float | None, quick: bool, as_json: bool) -> None:
    """Measure this machine: proofs beside the bare matrix product of the same shape, in one run.

    A CPU is also measured at verifying, one core pinned, and its kernels beside plain loops. Progress goes to
    stderr. Exits with 2 when a GPU is asked for that cannot be used.
    """

    def report(what: str) -> None:
        click.echo(f"measuring: {what}", err=True)

    gpu = choose_gpu(device)
    if gpu is not None:
        figures = measure_gpu(gpu, not quick, peak, report)
        tables = _gpu_tables(figures)
    else:
        figures = measure_cpu(not quick, report)
        tables = _cpu_tables(figures, peak)
    if as_json:
        click.echo(json.dumps(figures, indent=1))
        return
    console = Console(width=110, highlight=False)
    for table in tables:
        console.print(table)


def _cpu_tables(figures: dict[str, Any], peak: float | None) -> Iterable[Table]:
    top = peak or max(row["bare_product_gops"] for row in figures["prove"])
    yield _proving(
        f"the CPU ({platform.machine()})",
        [
            row
            | {
                "share_of_bare": row["gops"] / row["bare_product_gops"],
                "share_of_peak": row["gops"] / top,
                "overhead": {"all but the product": max(0.0, 1 - row["gops"] / row["bare_product_gops"])},
                "evidence_bytes": evidence_length(Shape(row["m"], row["n"], row["K"], row["R"])),
            }
            for row in figures["prove"]
        ],
    )
    rows = [
        [str(row["K"]), str(row["q"]), f"{row['ms_per_sample']:.3f}", f"{row['proofs_per_core_second']:.1f}"]
        for row in figures["verify"]
    ]
    memory = figures["verify_memory"]
    rows.append(
        [
            f"M-phase, depth {memory['depth']}",
            str(memory["samples"]),
            f"{memory['ms_per_sample']:.3f}",
            f"{memory['proofs_per_core_second']:.1f}",
        ]
    )
    yield _table("Verifying, one core", ["K", "samples", "ms a sample", "proofs a core-second"], rows)
    ceilings = figures["ceilings"]
    kernels = {"philox_elements_per_s": "Philox elements", "dot_macs_per_s": "int8 products"}
    yield _table(
        "Kernels, one core",
        ["10⁹ a second", "here", "plain loop", "ratio"],
        [
            [
                text,
                f"{figures[name] / 1e9:.1f}",
                f"{ceilings[name] / 1e9:.1f}",
                f"{figures[name] / ceilings[name]:.2f}",
            ]
            for name, text in kernels.items()
        ],
    )


def _gpu_tables(figures: dict[str, Any]) -> Iterable[Table]:
    yield _proving(figures["device"], figures["prove"])
    row = figures["prove_memory"]
    yield _table(
        "Proving memory",
        ["layers × W", "walkers × steps", "of memory", "seconds", "MB/s", "time by kernel", "evidence"],
        [
            [
                f"{row['layers']} × {row['W']}",
                f"{row['walkers']} × {row['steps']}",
                _percent(row["share_of_memory"]),
                f"{row['seconds']:.2f}",
                f"{row['megabytes_per_second']:,.0f}",
                _shares(row["overhead"]),
                f"{row['evidence_bytes']:,}",
            ]
        ],
    )


def _proving(device: str, rows: Sequence[dict[str, Any]]) -> Table:
    return _table(
        f"Proving on {device}",
        ["m × n × K", "R", "seconds", "gops", "of bare", "of peak", "time by kernel", "evidence"],
        [
            [
                f"{row['m']} × {row['n']} × {row['K']}",
                str(row["R"]),
                f"{row['seconds']:.2f}",
                f"{row['gops']:,.0f}",
                _percent(row["share_of_bare"]),
                _percent(row["share_of_peak"]),
                _shares(row["overhead"]),
                f"{row['evidence_bytes']:,}",
            ]
            for row in rows
        ],
    )


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left")
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position == 0 or column == "time by kernel" else "right")
    for row in rows:
        table.add_row(*row)
    return table


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _shares(overhead: dict[str, float]) -> str:
    return "\n".join(f"{name} {_percent(share)}" for name, share in overhead.items())
