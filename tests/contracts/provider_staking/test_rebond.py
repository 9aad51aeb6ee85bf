from __future__ import annotations

import pytest

from tests.acts import TBND, delegate_as, stake_as
from tests.chain import Chain, Sent

from .staking import (
    ALL,
    lock_and_slash,
    moving,
    stake_of,
    take_both_pools,
    unbond_as,
    undelegate_as,
    withdraw_as,
    worth_of,
)

pytestmark = pytest.mark.chain


def rebond_as(chain: Chain, provider: str, amount: int) -> Sent:
    return chain.send("ProviderStaking", "rebond", amount, sender=provider)


def test_rebond__newest_first__leaves_the_older_dates_alone(chain: Chain, provider: str, staked: int) -> None:
    for amount in (10, 20, 40):
        unbond_as(chain, provider, amount * TBND)
    older = [chain.call("ProviderStaking", "requestOf", provider, each) for each in (0, 1)]

    with moving(chain, provider_active=45 * TBND, provider_unbonding=-45 * TBND):
        sent = rebond_as(chain, provider, 45 * TBND)

    assert sent.event("StakeRebonded") == {
        "provider": provider,
        "holder": provider,
        "amount": 45 * TBND,
        "shares": 45 * TBND,
        "nextRequest": 2,
        "active": staked - 25 * TBND,
        "unbonding": 25 * TBND,
    }
    first, second = (chain.call("ProviderStaking", "requestOf", provider, each) for each in (0, 1))
    assert first == older[0]
    assert (second.shares, second.matures_at) == (15 * TBND, older[1].matures_at)


def test_rebond__all__empties_the_queue(chain: Chain, provider: str, staked: int) -> None:
    unbond_as(chain, provider, 10 * TBND)
    unbond_as(chain, provider, 20 * TBND)

    rebond_as(chain, provider, ALL)

    stake = stake_of(chain, provider)
    assert (stake.active, stake.unbonding, stake.first_request, stake.next_request) == (staked, 0, 0, 0)
    assert unbond_as(chain, provider, TBND) == 0


def test_rebond__matured__is_taken_back_too(chain: Chain, provider: str, staked: int) -> None:
    unbond_as(chain, provider, 10 * TBND)
    chain.mine(300)

    rebond_as(chain, provider, 4 * TBND)

    assert chain.call("ProviderStaking", "withdrawableOf", provider) == 6 * TBND


def test_rebond__more_than_waits__reverts(chain: Chain, provider: str, staked: int) -> None:
    unbond_as(chain, provider, 10 * TBND)

    with chain.reverts("UnbondingInsufficient", holder=provider, have=10 * TBND, need=10 * TBND + 1):
        rebond_as(chain, provider, 10 * TBND + 1)


@pytest.mark.parametrize("amount", [1, ALL])
def test_rebond__nothing_waits__reverts(chain: Chain, provider: str, staked: int, amount: int) -> None:
    with chain.reverts("NothingUnbonding", holder=provider):
        rebond_as(chain, provider, amount)


def test_rebond__zero__reverts(chain: Chain, provider: str, staked: int) -> None:
    unbond_as(chain, provider, TBND)

    with chain.reverts("AmountZero"):
        rebond_as(chain, provider, 0)


def test_rebond__long_queue__takes_the_newest_32(chain: Chain, provider: str, staked: int) -> None:
    for amount in range(1, 34):
        unbond_as(chain, provider, amount)

    assert rebond_as(chain, provider, ALL).event("StakeRebonded")["amount"] == sum(range(2, 34))

    assert stake_of(chain, provider).unbonding == 1


def test_rebond__after_a_slash__brings_back_what_the_slash_left(
    chain: Chain, provider: str, staked: int
) -> None:
    """Going out and coming back is no way around a slash: both pools pay, and the price stays."""
    unbond_as(chain, provider, 400 * TBND)
    lock_and_slash(chain, provider, 500 * TBND)

    event = rebond_as(chain, provider, ALL).event("StakeRebonded")

    assert (event["amount"], event["active"], event["unbonding"]) == (200 * TBND, 500 * TBND, 0)


def test_rebond__of_an_older_generation__brings_back_what_is_left(
    chain: Chain, provider: str, staked: int
) -> None:
    for amount in (10**11, 10**9):
        unbond_as(chain, provider, amount)
    lock_and_slash(chain, provider, stake_of(chain, provider).active)
    stake = stake_of(chain, provider)
    assert (stake.unbonding, stake.unbonding_shares, stake.unbonding_generation) == (11, 23, 1)

    with moving(chain, provider_active=5, provider_unbonding=-5):
        event = rebond_as(chain, provider, 5).event("StakeRebonded")

    # The newer request is worth no share any more; of the older one's 23, 11 were worth 5 wei.
    assert event["nextRequest"] == 1
    assert chain.call("ProviderStaking", "requestOf", provider, 1).shares == 0
    older = chain.call("ProviderStaking", "requestOf", provider, 0)
    assert (older.shares, older.generation) == (12, 1)
    assert rebond_as(chain, provider, ALL).event("StakeRebonded")["amount"] == 6
    stake = stake_of(chain, provider)
    assert (stake.unbonding, stake.unbonding_shares, stake.unbonding_uneven) == (0, 0, False)


def test_rebond__of_a_pool_that_was_taken_whole__reverts(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    unbond_as(chain, provider, TBND)
    take_both_pools(chain, provider, other_provider)

    with chain.reverts("NothingUnbonding", holder=provider):
        rebond_as(chain, provider, ALL)


def test_rebond_delegated__a_part__buys_shares_again(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 500 * TBND)
    undelegate_as(chain, other_provider, provider, 300 * TBND)

    with moving(chain, provider_active=100 * TBND, provider_unbonding=-100 * TBND):
        sent = chain.send("ProviderStaking", "rebondDelegated", provider, 100 * TBND, sender=other_provider)

    event = sent.event("StakeRebonded")
    assert (event["provider"], event["holder"], event["nextRequest"]) == (provider, other_provider, 1)
    assert worth_of(chain, other_provider, provider) == 300 * TBND
    assert stake_of(chain, provider).delegated_shares == 300 * TBND


def test_rebond_delegated__to_an_owner_of_less_than_a_token__reverts(
    chain: Chain, provider: str, requester: str
) -> None:
    stake_as(chain, provider, 2 * TBND)
    delegate_as(chain, requester, provider, TBND)
    undelegate_as(chain, requester, provider)
    unbond_as(chain, provider, 3 * TBND // 2)

    with chain.reverts("OwnShareTooSmall", provider=provider, have=TBND // 2, need=TBND):
        chain.send("ProviderStaking", "rebondDelegated", provider, TBND, sender=requester)


def test_rebond_delegated__beside_the_least_own_part__only_moves_it(
    chain: Chain, provider: str, requester: str, staked: int
) -> None:
    """It was counted against the owner's part while it was unbonding."""
    delegate_as(chain, requester, provider, 3_000 * TBND)
    undelegate_as(chain, requester, provider, 1_500 * TBND)

    chain.send("ProviderStaking", "rebondDelegated", provider, ALL, sender=requester)

    stake = stake_of(chain, provider)
    assert (stake.delegated_shares, stake.delegated_unbonding_shares) == (3_000 * TBND, 0)


def test_rebond__another_holders_queue__stays_as_it_is(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 500 * TBND)
    undelegate_as(chain, other_provider, provider, 300 * TBND)
    unbond_as(chain, provider, 100 * TBND)
    rebond_as(chain, provider, 100 * TBND)

    with chain.reverts("NothingUnbonding", holder=provider):
        withdraw_as(chain, provider)
    request = chain.call("ProviderStaking", "delegationRequestOf", provider, other_provider, 0)
    assert request.shares == 300 * TBND
