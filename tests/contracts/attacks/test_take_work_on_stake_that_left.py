"""Delegators leave, and what is active no longer covers what is locked: until it does, the provider takes no
new work, neither by its own hand nor by an order that it signed before. That a lease locks nothing, and a job
may ask no collateral, is no way in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.acts import TBND, accept_as, delegate_as, fund_as, mine_to_slot, register_as, stake_as
from tests.chain import Chain
from tests.contracts.lease_escrow.leases import act, is_held, open_lease
from tests.contracts.order_book.orders import job_ask, job_bid, lease_ask, lease_bid, match, offer
from tests.system import role

pytestmark = pytest.mark.chain


@dataclass(frozen=True)
class Short:
    """A provider whose delegator has left."""

    device: int
    since: int
    """The block in which it did."""


@pytest.fixture
def device(chain: Chain, provider: str, other_provider: str) -> int:
    """Bonded with 100 TBND, of which the owner has 60 and a delegator 40; active."""
    stake_as(chain, provider, 60 * TBND)
    delegate_as(chain, other_provider, provider, 40 * TBND)
    registered = register_as(chain, provider, gops=100)
    for escrow in ("JobEscrow", "LeaseEscrow"):
        spender = chain.address[escrow]
        chain.send("TestDollar", "approve", spender, 2**256 - 1, sender=role(chain, "requester"))
    mine_to_slot(chain, 4)
    return registered


def leave(chain: Chain, device: int) -> Short:
    delegator = role(chain, "other_provider")
    sent = chain.send("ProviderStaking", "undelegate", role(chain, "provider"), 2**256 - 1, sender=delegator)
    return Short(device, sent.block)


def accept_a_lease(chain: Chain, device: int) -> None:
    act(chain, open_lease(chain, device), "accept", sender="provider")


def match_a_lease(chain: Chain, device: int) -> None:
    match(chain, lease_bid(chain), offer(chain, lease_ask(chain), device))


def accept_a_job(chain: Chain, device: int) -> None:
    job = fund_as(chain, role(chain, "requester"), collateral=0, approve=False)
    accept_as(chain, role(chain, "provider"), job, device)


def match_a_job(chain: Chain, device: int) -> None:
    match(chain, job_bid(chain, collateral=0), offer(chain, job_ask(chain), device))


@pytest.mark.parametrize("take", [accept_a_lease, match_a_lease])
def test_take_a_lease__on_stake_that_left__reverts(
    chain: Chain, provider: str, device: int, take: Callable[[Chain, int], None]
) -> None:
    short = leave(chain, device)

    with chain.reverts("ProviderShort", provider=provider, since=short.since):
        take(chain, device)

    assert not is_held(chain, device)
    stake_as(chain, provider, 40 * TBND)
    take(chain, device)
    assert is_held(chain, device)


@pytest.mark.parametrize("take", [accept_a_job, match_a_job])
def test_take_a_job_without_collateral__on_stake_that_left__reverts(
    chain: Chain, provider: str, device: int, take: Callable[[Chain, int], None]
) -> None:
    leave(chain, device)

    with chain.reverts("FreeStakeInsufficient", provider=provider, have=0, need=0):
        take(chain, device)

    assert not is_held(chain, device)
    stake_as(chain, provider, 40 * TBND)
    take(chain, device)
    assert is_held(chain, device)
    assert chain.call("ProviderStaking", "stakeOf", provider).locked == 100 * TBND
