"""The whole audit, on a market that was played on a chain."""

from __future__ import annotations

import pytest

from tests.offchain.audit.market import Market

pytestmark = pytest.mark.chain


def test_audit__honest_market__finds_nothing(market: Market) -> None:
    report = market.audit()
    print("\n".join(report.notes))
    assert [str(finding) for finding in report.findings] == []
    assert report.epochs_checked == 4
