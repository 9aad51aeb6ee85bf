"""A staked provider with an active device, seated oracles, and a job in each state."""

from __future__ import annotations

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


@pytest.fixture
def device(chain: Chain, provider: str, operator: str, oracles: list[str]) -> int:
    """Of class 0 with 10 gops, active from epoch 1, which has begun. Oracles are seated from epoch 0 on."""
    stake_as(chain, provider, 1_000 * TBND)
    set_operator_as(chain, provider, operator)
    first = register_as(chain, provider)
    join_oracles(chain, oracles, from_epoch=0)
    mine_to_slot(chain, 4)
    return first


@pytest.fixture
def funded(chain: Chain, requester: str, device: int) -> FundedJob:
    return fund_as(chain, requester)


@pytest.fixture
def accepted(chain: Chain, provider: str, funded: FundedJob, device: int) -> FundedJob:
    return accept_as(chain, provider, funded, device)


@pytest.fixture
def submitted(chain: Chain, provider: str, accepted: FundedJob) -> FundedJob:
    return submit_as(chain, provider, accepted)
