from __future__ import annotations

import pytest

from tests.acts import TBND, register_as, stake_as
from tests.chain import Chain


@pytest.fixture
def device(chain: Chain, provider: str) -> int:
    """Of class 0, with a bond of 10 TBND, registered in epoch 0 by a provider with 1,000 staked."""
    stake_as(chain, provider, 1_000 * TBND)
    return register_as(chain, provider)
