"""The figures, drawn. SVG, one message each, the same bytes for the same figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.survival import Survival

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#888888"

STYLE: dict[Any, Any] = {
    "svg.hashsalt": "tensorbond",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
}


def draw(figures: dict[str, Any], folder: Path) -> None:
    """Every plot of the report into `folder`."""
    with matplotlib.rc_context(STYLE):
        _save(_verify_by_depth(figures), folder / "verify-by-depth.svg")
        _save(_verify_by_samples(figures), folder / "verify-by-samples.svg")
        _save(_prove_by_work(figures), folder / "prove-by-work.svg")
        _save(_survival(figures), folder / "survival.svg")


def _verify_by_depth(figures: dict[str, Any]) -> Figure:
    figure, axes = _axes("Verifying one proof, q = 256", "K (products in one entry)", "core-seconds")
    rows = sorted((row for row in figures["verify"] if row["q"] == 256), key=lambda row: row["K"])
    depths = [row["K"] for row in rows]
    seconds = [1 / row["proofs_per_core_second"] for row in rows]
    axes.plot(depths, seconds, "o-", color=BLUE)
    for depth, value in zip(depths, seconds, strict=True):
        axes.annotate(f"{value:.3f}", (depth, value), (0, 8), textcoords="offset points", ha="center")
    for limit, name in ((0.20, "must"), (0.10, "aim")):
        axes.plot(16384, limit, "_", color=ORANGE, markersize=22, markeredgewidth=2)
        axes.annotate(name, (16384, limit), (14, -3), textcoords="offset points", color=ORANGE)
    axes.set_xscale("log", base=2)
    axes.set_xticks(depths, [str(depth) for depth in depths])
    axes.set_ylim(0, 1.15 * max(*seconds, 0.20))
    return figure


def _verify_by_samples(figures: dict[str, Any]) -> Figure:
    figure, axes = _axes("Verifying one proof, K = 16384", "q (tiles opened)", "core-seconds")
    rows = sorted((row for row in figures["verify"] if row["K"] == 16384), key=lambda row: row["q"])
    counts = [row["q"] for row in rows]
    seconds = [1 / row["proofs_per_core_second"] for row in rows]
    axes.plot(counts, seconds, "o-", color=BLUE)
    for count, value in zip(counts, seconds, strict=True):
        axes.annotate(f"{value:.3f}", (count, value), (0, 8), textcoords="offset points", ha="center")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_ylim(min(seconds) / 2, max(seconds) * 2.5)
    return figure


def _prove_by_work(figures: dict[str, Any]) -> Figure:
    figure, axes = _axes(
        f"Proving on {figures['cores']} cores", "work (10⁹ operations, 2·m·n·K·R)", "seconds"
    )
    rows = sorted(figures["prove"], key=lambda row: row["gops"] * row["seconds"])
    work = np.array([2 * row["m"] * row["n"] * row["K"] * row["R"] / 1e9 for row in rows])
    axes.plot(work, [row["seconds"] for row in rows], "o-", color=BLUE, label="whole proof")
    bare = [amount / row["bare_product_gops"] for amount, row in zip(work, rows, strict=True)]
    axes.plot(work, bare, "s--", color=GREY, label="bare product of the same shape")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.legend(loc="upper left")
    return figure


def _survival(figures: dict[str, Any]) -> Figure:
    points = [Survival(**row) for row in figures["survival"]]
    trials = points[0].trials
    figure, axes = _axes(
        f"Skipped work that survives ({trials} trials a point, 95 % intervals)",
        "share of the work skipped, f",
        "share of proofs not caught",
    )
    shares = np.geomspace(0.0008, 0.06, 200)
    for q, colour in zip(sorted({point.q for point in points}), (GREEN, BLUE, ORANGE), strict=True):
        axes.plot(shares, (1 - shares) ** q, color=colour, linewidth=1.2)
        some = [point for point in points if point.q == q and point.survived]
        low = [point.measured - point.bounds[0] for point in some]
        high = [point.bounds[1] - point.measured for point in some]
        axes.errorbar(
            [point.share for point in some],
            [point.measured for point in some],
            [low, high],
            fmt="o",
            color=colour,
            markersize=4,
            capsize=2,
            label=f"q = {q}",
        )
    axes.plot([], [], color=GREY, linewidth=1.2, label="(1 − f)^q")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(0.5 / trials, 1.5)
    ticks = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
    axes.set_xticks(ticks, [f"{100 * share:g} %" for share in ticks])
    axes.minorticks_off()
    axes.legend(loc="lower left")
    return figure


def _axes(title: str, across: str, up: str) -> tuple[Figure, Axes]:
    figure = Figure((6.4, 3.8), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})
