"""The baselines check what they say they check, and the report is drawn from the kept figures alone."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import freivalds, recompute, report
from benchmarks.__main__ import main
from benchmarks.survival import Survival
from tensorbond.proof import Challenge, CpuProver, Shape
from tests.anvil import ROOT

pytestmark = pytest.mark.unit


def test_freivalds__one_row_wrong__refuses() -> None:
    a, b = freivalds.matrices(256, 1)
    product = a @ b
    assert freivalds.check(256, 1, product)
    assert not freivalds.check(256, 2, product)
    product[7] += 1
    assert not freivalds.check_product(a, b, product, np.random.default_rng(3))


def test_recompute__another_slots_commitment__refuses() -> None:
    challenge = Challenge(bytes(32), 1, bytes(20), 1, 1, Shape(256, 256, 1024, 1, 8))
    commitment = CpuProver(1).prove(challenge).commitment
    assert recompute.check(challenge, commitment)
    assert not recompute.check(replace(challenge, slot=2), commitment)


@pytest.mark.parametrize(("trials", "survived"), [(100, 0), (100, 37), (100, 100)])
def test_survival__wilson_bounds__hold_the_measured_share(trials: int, survived: int) -> None:
    point = Survival(0.01, 64, trials, survived)
    low, high = point.bounds
    assert 0 <= low <= point.measured <= high + 1e-9 <= 1 + 2e-9
    assert (high - low) == pytest.approx(0.037 if survived in (0, trials) else 0.186, abs=0.002)


def test_bench__drawn_again__changes_the_tables_only(tmp_path) -> None:
    figures = (ROOT / "docs" / "benchmarks" / "cpu.json").read_text()
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "cpu.json").write_text(figures)
    document = tmp_path / "benchmarks.md"
    document.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")

    result = CliRunner().invoke(main, ["--draw", "--docs", str(tmp_path)], catch_exceptions=False)

    assert result.exit_code == 0
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text.split(report.BEGIN)[1].split()
    assert f"| {json.loads(figures)['verify'][0]['K']} | 256 |" in text
    drawn = {path.name for path in (tmp_path / "benchmarks").glob("*.svg")}
    assert drawn == {path.name for path in (ROOT / "docs" / "benchmarks").glob("*.svg")}
