from __future__ import annotations

import pytest

from tensorbond.chain.types import Request
from tests.acts import TBND, delegate_as, stake_as
from tests.chain import Chain

from .staking import (
    UNBONDING_BLOCKS,
    lock_and_slash,
    lock_as,
    moving,
    slash_as,
    stake_of,
    unbond_as,
    undelegate_as,
    withdraw_as,
)

pytestmark = pytest.mark.chain


def test_unbond__free_stake__moves_it_to_the_unbonding_pool(chain: Chain, provider: str, staked: int) -> None:
    with moving(chain, provider_active=-100 * TBND, provider_unbonding=100 * TBND):
        sent = chain.send("ProviderStaking", "unbond", 100 * TBND, sender=provider)

    matures_at = sent.block + UNBONDING_BLOCKS
    assert sent.event("UnbondingStarted") == {
        "provider": provider,
        "request": 0,
        "amount": 100 * TBND,
        "shares": 100 * TBND,
        "maturesAt": matures_at,
        "active": staked - 100 * TBND,
        "unbonding": 100 * TBND,
    }
    assert chain.call("ProviderStaking", "requestOf", provider, 0) == Request(100 * TBND, matures_at, 0)
    assert chain.call("ProviderStaking", "withdrawableOf", provider) == 0


def test_unbond__again__joins_the_queue_and_moves_no_date(chain: Chain, provider: str, staked: int) -> None:
    first = unbond_as(chain, provider, 100 * TBND)
    waiting = chain.call("ProviderStaking", "requestOf", provider, first)
    chain.mine(7)

    sent = chain.send("ProviderStaking", "unbond", 50 * TBND, sender=provider)

    event = sent.event("UnbondingStarted")
    assert (event["request"], event["maturesAt"], event["unbonding"]) == (
        1,
        sent.block + UNBONDING_BLOCKS,
        150 * TBND,
    )
    assert chain.call("ProviderStaking", "requestOf", provider, first) == waiting


def test_unbond__everything_that_is_free__leaves_the_locked(chain: Chain, provider: str, staked: int) -> None:
    lock_as(chain, "JobEscrow", provider, 10 * TBND)

    unbond_as(chain, provider, staked - 10 * TBND)

    assert stake_of(chain, provider).active == 10 * TBND
    assert chain.call("ProviderStaking", "freeOf", provider) == 0


def test_unbond__one_wei_of_the_locked__reverts(chain: Chain, provider: str, staked: int) -> None:
    lock_as(chain, "JobEscrow", provider, 10 * TBND)
    free = staked - 10 * TBND

    with chain.reverts("FreeStakeInsufficient", provider=provider, have=free, need=free + 1):
        chain.send("ProviderStaking", "unbond", free + 1, sender=provider)


def test_unbond__more_than_staked__reverts(chain: Chain, stranger: str) -> None:
    with chain.reverts("FreeStakeInsufficient", provider=stranger, have=0, need=1):
        chain.send("ProviderStaking", "unbond", 1, sender=stranger)


def test_unbond__zero__reverts(chain: Chain, provider: str, staked: int) -> None:
    with chain.reverts("AmountZero"):
        chain.send("ProviderStaking", "unbond", 0, sender=provider)


def test_unbond__from_a_slashed_pool_of_several__burns_shares_rounded_up(
    chain: Chain, provider: str, other_provider: str
) -> None:
    stake_as(chain, provider, 7 * TBND)
    delegate_as(chain, other_provider, provider, 3 * TBND)
    lock_and_slash(chain, provider, 3 * TBND)

    with moving(chain, provider_active=-1, provider_unbonding=1):
        unbond_as(chain, provider, 1)

    assert stake_of(chain, provider).shares == 10 * TBND - 2  # ⌈1 · 10 / 7⌉


def test_unbond__beside_delegators__leaves_the_owner_a_quarter(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 600 * TBND)
    with chain.reverts("OwnShareTooSmall", provider=provider, have=200 * TBND - 1, need=200 * TBND):
        chain.send("ProviderStaking", "unbond", 800 * TBND + 1, sender=provider)

    with moving(chain, provider_active=-800 * TBND, provider_unbonding=800 * TBND):
        unbond_as(chain, provider, 800 * TBND)


def test_unbond__once_the_delegators_withdrew__is_free_again(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 900 * TBND)
    undelegate_as(chain, other_provider, provider)
    with chain.reverts("OwnShareTooSmall", provider=provider, have=300 * TBND - 1, need=300 * TBND):
        chain.send("ProviderStaking", "unbond", 700 * TBND + 1, sender=provider)
    chain.mine(UNBONDING_BLOCKS)
    chain.send("ProviderStaking", "withdrawDelegated", provider, sender=other_provider)

    unbond_as(chain, provider, staked)

    assert stake_of(chain, provider).active == 0


def test_unbond__beside_unbonding_delegators_after_a_slash__counts_what_they_are_worth(
    chain: Chain, provider: str, other_provider: str, requester: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 1_000 * TBND)
    undelegate_as(chain, other_provider, provider)
    lock_and_slash(chain, provider, 1_000 * TBND)
    delegate_as(chain, requester, provider, 300 * TBND)
    stake = stake_of(chain, provider)
    assert (stake.unbonding, stake.delegated_unbonding_shares) == (500 * TBND, 1_000 * TBND)

    with chain.reverts(
        "OwnShareTooSmall", provider=provider, have=266 * TBND, need=-(-(300 + 500) * TBND // 3)
    ):
        chain.send("ProviderStaking", "unbond", 234 * TBND, sender=provider)
    unbond_as(chain, provider, 233 * TBND)


def test_unbond__into_a_slashed_pool__gets_shares_at_their_price(
    chain: Chain, provider: str, staked: int
) -> None:
    unbond_as(chain, provider, 400 * TBND)
    lock_as(chain, "DeviceRegistry", provider, 500 * TBND)
    slash_as(chain, "JobEscrow", provider, 500 * TBND)

    sent = chain.send("ProviderStaking", "unbond", 100 * TBND, sender=provider)

    event = sent.event("UnbondingStarted")
    assert (event["amount"], event["shares"], event["unbonding"]) == (100 * TBND, 200 * TBND, 300 * TBND)
    assert stake_of(chain, provider).unbonding_shares == 600 * TBND


def test_unbond__after_the_queue_ran_empty__counts_on_and_uses_its_words_again(
    chain: Chain, provider: str, staked: int
) -> None:
    unbond_as(chain, provider, TBND)
    chain.mine(UNBONDING_BLOCKS)
    withdraw_as(chain, provider)

    sent = chain.send("ProviderStaking", "unbond", 2 * TBND, sender=provider)

    assert sent.event("UnbondingStarted")["request"] == 1
    assert chain.call("ProviderStaking", "requestOf", provider, 1) == Request(
        2 * TBND, sent.block + UNBONDING_BLOCKS, 0
    )
    assert chain.call("ProviderStaking", "requestOf", provider, 0) == Request(0, 0, 0)
    # 17,100 less than a first request, which writes a new word.
    assert sent.gas_used < 45_000


def test_unbond__more_than_the_owners_part__reverts(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 500 * TBND)

    with chain.reverts("OwnShareTooSmall", provider=provider, have=0, need=-(-500 * TBND // 3)):
        chain.send("ProviderStaking", "unbond", 1_400 * TBND, sender=provider)


def test_unbond__the_whole_pool_with_the_delegators_part__reverts(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    """Then no share is left of which the owner would have to hold a part."""
    delegate_as(chain, other_provider, provider, 500 * TBND)

    with (
        moving(chain),
        chain.reverts("OwnShareTooSmall", provider=provider, have=0, need=-(-500 * TBND // 3)),
    ):
        chain.send("ProviderStaking", "unbond", staked + 500 * TBND, sender=provider)
