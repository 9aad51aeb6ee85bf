"""The figures as tables, written between two marks in a document whose other sections stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.survival import Survival
from tensorbond.proof import Shape, evidence_length
from tensorbond.proof.bench import CLASS

BEGIN, END = "<!-- begin: make bench -->", "<!-- end: make bench -->"

Row = tuple[object, ...]

LONG = 1.0
"""Seconds from which a share of two wall clocks means something."""


def write(figures: dict[str, Any], document: Path) -> str:
    """Replaces what stands between the marks, and returns it."""
    text = document.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    body = "\n\n".join(
        (_targets(figures), _rivals(figures), _verify(figures), _prove(figures), _kernels(figures))
    )
    document.write_text(f"{head}{BEGIN}\n\n{body}\n\n{END}{tail}", encoding="utf-8")
    return body


def _targets(figures: dict[str, Any]) -> str:
    c_seconds = _verify_seconds(figures, 16384)
    m_phase = figures["verify_memory"]
    m_seconds = 1 / m_phase["proofs_per_core_second"]
    mixed = 8 / (7 * c_seconds + m_seconds)
    cores, largest = figures["cores"], max(figures["prove"], key=lambda row: row["seconds"])
    proved = CLASS.operations / (largest["gops"] * 1e9) * cores
    counted = 256 * CLASS.q / (CLASS.m * CLASS.n * CLASS.R)
    size = evidence_length(Shape(16384, 16384, 16384, 4096, 256))
    caught = " / ".join(
        f"{100 * (1 - point.measured):.2f} %"
        for point in (Survival(**row) for row in figures["survival"])
        if abs(point.share - 0.02) < 0.001 and point.q >= 256
    )
    rows: list[Row] = [
        ("C-proof verified, q = 256, K = 16384", "≤ 0.20 core-s", "0.10", f"{c_seconds:.3f}"),
        (f"M-proof verified, depth {m_phase['depth']}", "≤ 0.15 core-s", "0.08", f"{m_seconds:.3f}"),
        ("proofs verified per core-second, 7 C and 1 M", "≥ 4", "8", f"{mixed:.1f}"),
        (
            f"verify / prove, core-seconds, R = {CLASS.R} (falls as 1/R)",
            "≤ 5·10⁻⁶",
            "1·10⁻⁶",
            _power(c_seconds / proved),
        ),
        (f"verify / prove, products, R = {CLASS.R}", "", "", _power(counted)),
        (
            "F1 transaction, gas at K = 16384 / 4096",
            "≤ 1.0 M / 0.40 M",
            "0.6 M / 0.30 M",
            "[gas.md](gas.md#against-the-targets)",
        ),
        (
            "evidence per proof, C (R = 4096) / M (128 GB)",
            "≤ 3 MB",
            "0.8 MB",
            f"{size / 1e6:.2f} MB / {m_phase['evidence_bytes'] / 1e6:.2f} MB",
        ),
        ("2 % of skipped work caught, q = 256 / 512", "≥ 99 %", "q = 512: 99.997 %", caught),
    ]
    return _table("Against the targets", ("", "must", "aim", "here"), rows)


def _rivals(figures: dict[str, Any]) -> str:
    checks = figures["rivals"]
    ours = checks[0]["seconds"]
    rows: list[Row] = [
        (
            check["method"],
            f"{check['seconds']:.3f}",
            f"{check['seconds'] / ours:.1f} ×",
            f"{check['sent_bytes']:,} bytes",
        )
        for check in checks
    ]
    head = ("one 4096³ product", "core-seconds", "of ours", "sent")
    return _table("Side by side with how others check", head, rows)


def _verify(figures: dict[str, Any]) -> str:
    rows: list[Row] = [
        (
            row["K"],
            row["q"],
            f"{row['ms_per_sample']:.3f}",
            f"{1 / row['proofs_per_core_second']:.3f}",
            f"{row['proofs_per_core_second']:.1f}",
        )
        for row in figures["verify"]
    ]
    head = ("K", "q", "ms a sample", "core-seconds", "proofs a core-second")
    return _table("Verifying, m = n = 16384", head, rows)


def _prove(figures: dict[str, Any]) -> str:
    rows: list[Row] = [
        (
            f"{row['m']} × {row['n']} × {row['K']}",
            row["R"],
            f"{row['seconds']:.2f}",
            f"{row['gops']:.0f}",
            f"{row['bare_product_gops']:.0f}",
            f"{100 * row['gops'] / row['bare_product_gops']:.0f} %" if row["seconds"] > LONG else "–",
        )
        for row in figures["prove"]
    ]
    head = ("m × n × K", "R", "seconds", "gops", "bare product", "share")
    return _table(f"Proving on {figures['cores']} cores", head, rows)


def _kernels(figures: dict[str, Any]) -> str:
    rows: list[Row] = []
    for name, key in (
        ("Philox, 10⁹ elements/s", "philox_elements_per_s"),
        ("dot, 10⁹ products/s", "dot_macs_per_s"),
    ):
        have, plain = figures[key] / 1e9, figures["ceilings"][key] / 1e9
        rows.append((name, f"{have:.1f}", f"{plain:.1f}", f"{have / plain:.2f}"))
    kernels = _table(
        "Kernels, one core", ("", "ours", "plain loop, as the compiler vectorises it", "ratio"), rows
    )
    peaks: list[Row] = [(task, f"{peak / 2**20:.0f} MiB") for task, peak in figures["memory_bytes"].items()]
    return kernels + "\n\n" + _table("Memory, at most", ("process", "high-water"), peaks)


def _verify_seconds(figures: dict[str, Any], K: int) -> float:
    row = next(row for row in figures["verify"] if (row["K"], row["q"]) == (K, 256))
    return float(1 / row["proofs_per_core_second"])


def _power(value: float) -> str:
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits}·10{str(int(exponent)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def _table(title: str, head: Row, rows: list[Row]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return f"### {title}\n\n" + "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
