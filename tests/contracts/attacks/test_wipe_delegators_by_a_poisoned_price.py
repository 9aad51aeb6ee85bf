"""An owner lets a pool of little be slashed until a share of it is worth hardly more than 2⁻³² wei, and lets
others join at that price. The next slash, however small, takes a share below it: then 2³² shares go on as
one, and each holder loses its part of that slash, and less than a wei."""

from __future__ import annotations

import pytest

from tests.acts import (
    TBND,
    ZERO_ADDRESS,
    accept_as,
    delegate_as,
    fund_as,
    mine_to_slot,
    register_as,
    stake_as,
    terms_of,
)
from tests.chain import Chain

pytestmark = pytest.mark.chain

ALL = 2**256 - 1
UNBONDING_BLOCKS = 300


def test_slash__active_pool_at_a_poisoned_price__costs_delegators_their_part(
    chain: Chain, provider: str, other_provider: str, requester: str
) -> None:
    registry, disputes = chain.impersonate("DeviceRegistry"), chain.impersonate("WorkDisputes")

    def slash(amount: int) -> None:
        chain.send("ProviderStaking", "lock", provider, amount, sender=registry)
        call = provider, amount, ZERO_ADDRESS, 0, ZERO_ADDRESS, 0, 3, bytes(32)
        chain.send("ProviderStaking", "slash", *call, sender=disputes)

    stake_as(chain, provider, 100 * TBND)
    delegate_as(chain, requester, provider, TBND // 1_000)  # a friend, so that there are shares
    stake = chain.call("ProviderStaking", "stakeOf", provider)
    slash(stake.active - (stake.shares >> 32) - 2)
    stake_as(chain, provider, 100_000 * TBND)
    delegate_as(chain, other_provider, provider, 299_000 * TBND)
    before = chain.call("ProviderStaking", "stakeOf", provider)
    assert before.generation == 0

    slash(TBND // 10)

    after = chain.call("ProviderStaking", "stakeOf", provider)
    assert (after.generation, after.active) == (1, before.active - TBND // 10)
    fair = 299_000 * TBND * after.active // before.active
    assert fair - chain.call("ProviderStaking", "delegatedOf", provider, other_provider) <= 2


def test_slash__unbonding_pool_at_a_poisoned_price__costs_delegators_their_part(
    chain: Chain, provider: str, other_provider: str, requester: str
) -> None:
    """By public verbs alone: the slashes are for jobs of a friend's that the provider never submits."""

    def default(collateral: int) -> None:
        job = fund_as(chain, requester, terms_of(chain, requester, collateral=collateral, class_id=0))
        job = accept_as(chain, provider, job, device)
        chain.mine_to(job.state.terms.submit_by)
        chain.send("JobEscrow", "refund", job.number, job.state, sender=requester)

    stake_as(chain, provider, 2_000 * TBND)
    device = register_as(chain, provider, gops=10)
    mine_to_slot(chain, 4)
    chain.send("ProviderStaking", "unbond", TBND, sender=provider)
    while (stake := chain.call("ProviderStaking", "stakeOf", provider)).unbonding > (low := TBND >> 32) + 60:
        free, total = stake.active - stake.locked, stake.active + stake.unbonding
        amount = total - total * (low + 3) // stake.unbonding
        if free < min(amount, 2_000 * TBND):
            stake_as(chain, provider, 2_000 * TBND)
        else:
            default(min(free, amount))
    stake_as(chain, provider, 100_000 * TBND)
    delegate_as(chain, other_provider, provider, 290_000 * TBND)
    chain.send("ProviderStaking", "undelegate", provider, ALL, sender=other_provider)
    before = chain.call("ProviderStaking", "stakeOf", provider)
    assert before.unbonding_generation == 0

    default(10 * TBND)

    after = chain.call("ProviderStaking", "stakeOf", provider)
    assert after.unbonding_generation == 1
    chain.mine(UNBONDING_BLOCKS)
    held = chain.balance("TensorbondToken", other_provider)
    chain.send("ProviderStaking", "withdrawDelegated", provider, sender=other_provider)
    total = before.active + before.unbonding
    fair = 290_000 * TBND * (total - 10 * TBND) // total
    assert fair - (chain.balance("TensorbondToken", other_provider) - held) <= 2
