"""Oracles that have bonded and are seated."""

from __future__ import annotations

import pytest

from tests.acts import join_oracles
from tests.chain import Chain

from .epochs import join


@pytest.fixture
def bonded(chain: Chain, oracles: list[str]) -> list[str]:
    """Four oracles with a bond each, in no set."""
    for oracle in oracles:
        join(chain, oracle)
    return oracles


@pytest.fixture
def seated(chain: Chain, oracles: list[str]) -> list[str]:
    """Four oracles, set 1 from epoch 0 on, of which three must sign."""
    assert join_oracles(chain, oracles, threshold=3, from_epoch=0) == 1
    return oracles
