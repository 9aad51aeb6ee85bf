from __future__ import annotations

import pytest

from tests.acts import TBND, stake_as
from tests.chain import Chain


@pytest.fixture
def staked(chain: Chain, provider: str) -> int:
    """The provider's stake, nothing of it locked. Returns it."""
    stake_as(chain, provider, 1_000 * TBND)
    return 1_000 * TBND
