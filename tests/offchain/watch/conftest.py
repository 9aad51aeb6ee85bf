"""The auditor's market, watched."""

from __future__ import annotations

from tests.offchain.audit.conftest import _known_signers, closed, market, opened, young_market

__all__ = ["_known_signers", "closed", "market", "opened", "young_market"]
