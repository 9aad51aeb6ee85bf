"""Every attack says what its attempt cost; the table is printed at the end of a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256

import pytest

from tensorbond.proof import Challenge, Proof, Shape
from tests.attacks.forging import ExactProver

CostRecorder = Callable[[str, float, float, str, object], None]


@pytest.fixture(scope="session")
def challenge() -> Challenge:
    return Challenge(sha256(b"beacon").digest(), 31337, b"\x11" * 20, 3, 42, Shape(256, 256, 1024, 2, 16))


@pytest.fixture(scope="session")
def sample_beacon() -> bytes:
    return sha256(b"sample beacon").digest()


@pytest.fixture(scope="session")
def honest(challenge: Challenge) -> Proof:
    return ExactProver().prove(challenge)


@pytest.fixture
def cost(record_property: Callable[[str, object], None]) -> CostRecorder:
    """Records (trick, what the attempt spent, what honest work takes, the unit of both, how it ended)."""

    def record(trick: str, spent: float, honest: float, unit: str, ended: object) -> None:
        record_property("attack", json.dumps([trick, spent, honest, unit, str(ended)]))

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    recorded = [
        str(value)
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "attack"
    ]
    rows = [json.loads(attack) for attack in dict.fromkeys(recorded)]
    if not rows:
        return
    terminalreporter.section("what the attacks cost")
    terminalreporter.line("| Attack | Spent | Of honest work | Ends in |")
    terminalreporter.line("|---|---|---|---|")
    for trick, spent, honest, unit, ended in rows:
        share = f"{100 * spent / honest:.2g} %" if spent < honest else f"{spent / honest:.3g} ×"
        terminalreporter.line(f"| {trick} | {amount(spent)} {unit} | {share} | {ended} |")


def amount(value: float) -> str:
    for size, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{name}"
    return f"{value:.3g}"
