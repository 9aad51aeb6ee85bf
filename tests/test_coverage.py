"""`scripts/coverage.py` puts a probe at every statement and every outcome of a condition, and counts hits."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import scripts.compile as compiler
from scripts import coverage
from scripts.instrument import parse

pytestmark = pytest.mark.unit

NAME = "contracts/Example.sol"
FIRST = 4096
SOURCE = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

interface IOther {
    function answer() external pure returns (uint256);
}

function double(uint256 value) pure returns (uint256) {
    return 2 * value;
}

library Half {
    function down(uint256 value) internal pure returns (uint256 half) {
        unchecked {
            half = value % 2 == 0 ? value / 2 : (value + 1) / 2;
        }
    }
}

contract Example {
    error TooLarge(uint256 value);

    uint256 public sum; // × ≥ 2 bytes

    modifier small(uint256 value) {
        if (value > 99) revert TooLarge(value);
        _;
    }

    function add(uint256 value, IOther other) external small(value) returns (uint256) {
        require(value != 0, TooLarge(value));
        for (uint256 i = 0; i < value; ++i) if (i % 2 == 0) sum += i; else if (i > 7) break;
        while (sum > 9) sum = Half.down(sum);
        try other.answer() returns (uint256 told) {
            sum += told;
        } catch {}
        assembly ("memory-safe") {
            if gt(value, 3) { value := 3 }
            switch value
            case 0 { value := 1 }
            default { value := 2 }
        }
        return double(value);
    }
}
"""


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> coverage.Instrumented:
    """The rewritten source, once the compiler has found nothing wrong with it."""
    texts = {NAME: SOURCE, coverage.PROBE: coverage.PROBE_SOURCE}
    monkeypatch.setattr(compiler, "read_source", texts.__getitem__)
    monkeypatch.setattr(coverage, "BUILD", tmp_path)
    found: list[coverage.Probe] = []
    text = coverage.probed(parse([NAME])[NAME], found, FIRST)
    texts[NAME] = text
    parse([NAME])
    return coverage.Instrumented(NAME, text, dict(enumerate(found, start=FIRST)))


def test_probes__of_every_form__are_counted_and_compile(example: coverage.Instrumented) -> None:
    probes = example.probes
    assert Counter(probe.kind for probe in probes.values()) == {
        "function": 4,
        "statement": 17,
        "true": 9,
        "false": 9,
        "taken": 2,
    }
    called = [int(number) for number in re.findall(r"coverageHit\((\d+)\)", example.text)]
    assert len(called) == len(set(called))
    assert set(called) == {
        number
        for number, probe in probes.items()
        if probe.kind in ("function", "statement") or probe.text == "other.answer()"
    }
    places = {(p.line, p.column): p.text for p in probes.values() if p.kind == "statement"}
    assert places[26, 9] == "if (value > 99) revert TooLarge(value)"
    assert places[26, 25] == "revert TooLarge(value)"


def test_hits__probes_below_a_call_that_reverts__are_found() -> None:
    def called(to: str, *below: dict[str, Any]) -> dict[str, Any]:
        return {"to": to, "calls": list(below)}

    probe, other = "0xc0dec0dec0dec0dec0dec0dec0dec0de", "0xc0dec0dec0dec0dec0dec0dec0dec0d0"
    failed = called(f"0x{1:040x}", called(f"{probe}0000001f")) | {"error": "execution reverted"}
    hits = coverage.Hits()
    hits.read(called(f"0x{2:040x}", failed, called(f"{other}00000020"), {"type": "CREATE"}))
    hits.read({"to": f"{probe}00000021"})
    assert hits.seen == {31, 33}


def test_report__a_line_with_a_statement_that_never_ran__is_not_covered(
    example: coverage.Instrumented,
) -> None:
    never = next(n for n, probe in example.probes.items() if probe.text == "revert TooLarge(value)")
    example.add_hits(example.probes.keys() - {never}, "first")
    report = coverage.report_on([example])
    assert report.missed == [example.probes[never]]
    (row,) = report.rows
    assert (row.lines.all - row.lines.hit, row.branches.hit, row.functions.hit) == (1, 20, 4)
    assert not report.suffices

    example.add_hits([never, 0], "second")
    assert coverage.report_on([example]).suffices
