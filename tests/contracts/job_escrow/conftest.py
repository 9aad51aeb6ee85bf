"""A staked provider with an active device, seated oracles, and a job in each state."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acts import (
    TBND,
    FundedJob,
    accept_as,
    fund_as,
    join_oracles,
    mine_to_slot,
    register_as,
    set_operator_as,
    stake_as,
    submit_as,
)
from tests.chain import Chain
from tests.system import oracle_accounts, role


@pytest.fixture(scope="module")
def market(system: Chain) -> Iterator[int]:
    """Of a provider with 1,000 TBND at stake a device of class 0 with 10 gops, active from epoch 1, which has
    begun; four oracles are seated from epoch 0 on. Once for all tests of a file."""
    snapshot = system.snapshot()
    provider = role(system, "provider")
    stake_as(system, provider, 1_000 * TBND)
    set_operator_as(system, provider, role(system, "operator"))
    device = register_as(system, provider)
    join_oracles(system, oracle_accounts(system, 4), from_epoch=0)
    mine_to_slot(system, 4)
    yield device
    system.revert_to(snapshot)


@pytest.fixture
def device(market: int, chain: Chain) -> int:
    return market


@pytest.fixture
def funded(chain: Chain, requester: str, device: int) -> FundedJob:
    return fund_as(chain, requester)


@pytest.fixture
def accepted(chain: Chain, provider: str, funded: FundedJob, device: int) -> FundedJob:
    return accept_as(chain, provider, funded, device)


@pytest.fixture
def submitted(chain: Chain, provider: str, accepted: FundedJob) -> FundedJob:
    return submit_as(chain, provider, accepted)
