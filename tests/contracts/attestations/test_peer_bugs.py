"""What was wrong with others' oracles, tried on ours."""

from __future__ import annotations

import pytest

from tensorbond.chain.types import EpochStatus
from tests.acts import TBND, stake_as
from tests.chain import Chain

from .epochs import close, mine_to_deadline, status

pytestmark = pytest.mark.chain


def test_graph__oracle_is_silent__nobody_earns_and_nobody_is_slashed(
    chain: Chain, provider: str, stranger: str
) -> None:
    """After seven days of silence everyone was eligible for rewards: it failed open."""
    stake_as(chain, provider, 10 * TBND)
    supply = chain.call("TensorbondToken", "totalSupply")
    mine_to_deadline(chain)

    close(chain, 0, stranger)

    assert status(chain, 0) == EpochStatus.VOID
    assert chain.call("Attestations", "finalEmission") == 0
    assert chain.call("TensorbondToken", "totalSupply") == supply
    assert chain.call("ProviderStaking", "totalStaked") == 10 * TBND
