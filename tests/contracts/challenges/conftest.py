from __future__ import annotations

import pytest

from tests.acts import mine_to_slot
from tests.chain import Chain


@pytest.fixture
def slot(chain: Chain) -> int:
    """The present slot; its first block is the head."""
    mine_to_slot(chain, 3)
    return 3
