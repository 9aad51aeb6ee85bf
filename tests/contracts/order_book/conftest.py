"""Two staked providers with devices that are active, and a requester who has approved both escrows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.acts import TBND, join_oracles, mine_to_slot, register_as, set_operator_as, stake_as
from tests.chain import Chain
from tests.system import oracle_accounts, role


@dataclass(frozen=True)
class Devices:
    """Three of the provider's and two of the other's, of class 0; one of the provider's, of class 1."""

    ours: tuple[int, int, int]
    others: tuple[int, int]
    large: int


@pytest.fixture(scope="module")
def market(system: Chain) -> Iterator[Devices]:
    """In epoch 1, from whose first slot on the devices are drawn; four oracles sign from epoch 0 on."""
    snapshot = system.snapshot()
    provider, other = role(system, "provider"), role(system, "other_provider")
    for account in (provider, other):
        stake_as(system, account, 1_000 * TBND)
    set_operator_as(system, provider, role(system, "operator"))
    ours = register_as(system, provider, count=3)
    others = register_as(system, other, count=2)
    large = register_as(system, provider, class_id=1)
    for escrow in ("JobEscrow", "LeaseEscrow"):
        spender = system.address[escrow]
        system.send("TestDollar", "approve", spender, 2**256 - 1, sender=role(system, "requester"))
    join_oracles(system, oracle_accounts(system, 4), from_epoch=0)
    mine_to_slot(system, 4)
    yield Devices((ours, ours + 1, ours + 2), (others, others + 1), large)
    system.revert_to(snapshot)


@pytest.fixture
def devices(market: Devices, chain: Chain) -> Devices:
    return market


@pytest.fixture
def device(devices: Devices) -> int:
    """The provider's first."""
    return devices.ours[0]
