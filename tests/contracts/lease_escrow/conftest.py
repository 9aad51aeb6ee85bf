"""A staked provider with an active device, and a lease of it that runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acts import TBND, TUSD, mine_to_slot, register_as, set_operator_as, stake_as
from tests.chain import Chain
from tests.system import role

from .leases import OpenLease, start_lease


@pytest.fixture(scope="module")
def market(system: Chain) -> Iterator[int]:
    """A device of class 0, active from epoch 1, which has begun. Everybody has 100 test dollars."""
    snapshot = system.snapshot()
    provider = role(system, "provider")
    stake_as(system, provider, 1_000 * TBND)
    set_operator_as(system, provider, role(system, "operator"))
    device = register_as(system, provider)
    for name in ("stranger", "auditor"):
        system.send("TestDollar", "mint", role(system, name), 100 * TUSD, sender=provider)
    mine_to_slot(system, 4)
    yield device
    system.revert_to(snapshot)


@pytest.fixture
def device(market: int, chain: Chain) -> int:
    return market


@pytest.fixture
def lease(chain: Chain, device: int) -> OpenLease:
    """Two dollars in it: 200 seconds."""
    return start_lease(chain, device)
