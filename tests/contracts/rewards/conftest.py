from __future__ import annotations

import pytest

from tests.acts import join_oracles
from tests.chain import Chain


@pytest.fixture
def seated(chain: Chain, oracles: list[str]) -> None:
    """A set of four oracles is in force from epoch 0 on."""
    join_oracles(chain, oracles, from_epoch=0)
