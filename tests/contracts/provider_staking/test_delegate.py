from __future__ import annotations

import pytest

from tensorbond.chain.types import Delegation
from tests.acts import TBND, delegate_as, stake_as
from tests.chain import Chain

from ..permits import send_permit, sign_permit
from .staking import (
    ALL,
    lock_and_slash,
    lock_as,
    moving,
    reward_as,
    slash_as,
    stake_of,
    undelegate_as,
    worth_of,
)

pytestmark = pytest.mark.chain


def test_delegate__to_a_provider__buys_shares_of_its_active_pool(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    with moving(
        chain,
        total=250 * TBND,
        held=250 * TBND,
        provider_active=250 * TBND,
        other_provider_balance=-250 * TBND,
    ):
        sent = delegate_as(chain, other_provider, provider, 250 * TBND)

    assert sent.event("StakeDelegated") == {
        "provider": provider,
        "delegator": other_provider,
        "amount": 250 * TBND,
        "shares": 250 * TBND,
        "active": staked + 250 * TBND,
    }
    stake = stake_of(chain, provider)
    assert (stake.delegated, stake.shares, stake.delegated_shares) == (True, 1_250 * TBND, 250 * TBND)
    found = chain.call("ProviderStaking", "delegationOf", provider, other_provider)
    assert found == Delegation(250 * TBND, 0, 0, 0, 0)
    assert chain.call("ProviderStaking", "freeOf", provider) == staked + 250 * TBND


def test_delegate__again_after_a_slash__buys_at_the_price_that_is_left(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 600 * TBND)
    lock_and_slash(chain, provider, 800 * TBND)

    event = delegate_as(chain, other_provider, provider, 100 * TBND).event("StakeDelegated")

    assert (event["shares"], event["active"]) == (200 * TBND, 900 * TBND)
    assert worth_of(chain, other_provider, provider) == 400 * TBND


def test_delegate__by_two__is_counted_apart(
    chain: Chain, provider: str, other_provider: str, requester: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 5 * TBND)
    delegate_as(chain, requester, provider, 7 * TBND)

    undelegate_as(chain, other_provider, provider)

    assert worth_of(chain, other_provider, provider) == 0
    assert worth_of(chain, requester, provider) == 7 * TBND
    assert stake_of(chain, provider).delegated_shares == 7 * TBND


def test_delegate__more_than_three_times_the_owners__reverts(
    chain: Chain, provider: str, requester: str, staked: int
) -> None:
    most = 3 * staked
    with chain.reverts("OwnShareTooSmall", provider=provider, have=staked, need=staked + 1):
        delegate_as(chain, requester, provider, most + 1)

    delegate_as(chain, requester, provider, most)


def test_delegate__while_others_are_unbonding__counts_them_until_they_withdraw(
    chain: Chain, provider: str, other_provider: str, requester: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 2_000 * TBND)
    undelegate_as(chain, other_provider, provider)
    with chain.reverts("OwnShareTooSmall", provider=provider, have=staked, need=staked + 1):
        delegate_as(chain, requester, provider, 1_000 * TBND + 1)
    delegate_as(chain, requester, provider, 1_000 * TBND)
    chain.mine(300)
    chain.send("ProviderStaking", "withdrawDelegated", provider, sender=other_provider)

    delegate_as(chain, requester, provider, 2_000 * TBND)

    stake = stake_of(chain, provider)
    assert (stake.delegated_shares, stake.delegated_unbonding_shares) == (3_000 * TBND, 0)


def test_delegate__to_an_owner_of_less_than_a_token__reverts(
    chain: Chain, provider: str, other_provider: str
) -> None:
    """So no pool of a few shares can be blown up by rewards until a deposit rounds to nothing."""
    stake_as(chain, provider, TBND - 1)

    with chain.reverts("OwnShareTooSmall", provider=provider, have=TBND - 1, need=TBND):
        delegate_as(chain, other_provider, provider, 1)


def test_delegate__where_a_slash_left_nothing_active_and_one_wei_leaving__reverts(
    chain: Chain, provider: str, other_provider: str, requester: str, staked: int
) -> None:
    """What leaves has no price in a pool of no shares: it counts by the wei."""
    delegate_as(chain, other_provider, provider, 500 * TBND)
    lock_as(chain, "DeviceRegistry", provider, staked + 500 * TBND)
    undelegate_as(chain, other_provider, provider)
    slash_as(chain, "JobEscrow", provider, staked + 500 * TBND - 1)
    stake = stake_of(chain, provider)
    assert (stake.active, stake.shares, stake.unbonding) == (0, 0, 1)
    assert stake.delegated_unbonding_shares > 0

    with chain.reverts("OwnShareTooSmall", provider=provider, have=0, need=TBND):
        delegate_as(chain, requester, provider, 1)
    with chain.reverts("OwnShareTooSmall", provider=provider, have=0, need=20 * TBND + 1):
        delegate_as(chain, requester, provider, 60 * TBND)

    stake_as(chain, provider, 21 * TBND)
    delegate_as(chain, requester, provider, 60 * TBND)


def test_delegate__to_nobody__reverts(chain: Chain, stranger: str, other_provider: str) -> None:
    with chain.reverts("OwnShareTooSmall", provider=stranger, have=0, need=TBND):
        delegate_as(chain, other_provider, stranger, 1)


def test_delegate__to_oneself__reverts(chain: Chain, provider: str, staked: int) -> None:
    with chain.reverts("DelegatorIsProvider", provider=provider):
        delegate_as(chain, provider, provider, TBND)


def test_delegate__zero__reverts(chain: Chain, provider: str, other_provider: str, staked: int) -> None:
    with chain.reverts("AmountZero"):
        delegate_as(chain, other_provider, provider, 0)


def test_delegate__less_than_a_share_is_worth__reverts(
    chain: Chain, provider: str, other_provider: str
) -> None:
    stake_as(chain, provider, 2 * TBND)
    delegate_as(chain, other_provider, provider, TBND)
    reward_as(chain, provider, 30 * TBND)
    chain.mine(300)
    chain.send("ProviderStaking", "release", provider, sender=provider)

    with chain.reverts("SharesZero", provider=provider, amount=1):
        delegate_as(chain, other_provider, provider, 1)


def test_delegate__to_a_short_provider__covers_it(
    chain: Chain, provider: str, other_provider: str, requester: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 500 * TBND)
    lock_as(chain, "DeviceRegistry", provider, 1_200 * TBND)
    undelegate_as(chain, other_provider, provider)
    assert chain.call("ProviderStaking", "shortSince", provider) == chain.block_number

    delegate_as(chain, requester, provider, 199 * TBND)
    assert chain.call("ProviderStaking", "shortSince", provider) != 0
    delegate_as(chain, requester, provider, TBND)

    assert chain.call("ProviderStaking", "shortSince", provider) == 0


@pytest.mark.parametrize("ahead", [False, True], ids=["", "sent ahead by a stranger"])
def test_delegate_with_permit__signed__needs_no_allowance(
    chain: Chain, provider: str, other_provider: str, stranger: str, staked: int, ahead: bool
) -> None:
    permit = sign_permit(chain, other_provider, chain.address["ProviderStaking"], 5 * TBND)
    if ahead:
        send_permit(chain, permit, stranger)

    with moving(
        chain, total=5 * TBND, held=5 * TBND, provider_active=5 * TBND, other_provider_balance=-5 * TBND
    ):
        chain.send(
            "ProviderStaking",
            "delegateWithPermit",
            provider,
            permit.value,
            permit.deadline,
            permit.v,
            permit.r,
            permit.s,
            sender=other_provider,
        )

    assert worth_of(chain, other_provider, provider) == 5 * TBND
    assert chain.call("TensorbondToken", "allowance", other_provider, chain.address["ProviderStaking"]) == 0


def test_undelegate__a_part__joins_the_unbonding_pool_and_a_queue_of_its_own(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 250 * TBND)
    chain.send("ProviderStaking", "unbond", 10 * TBND, sender=provider)

    with moving(chain, provider_active=-100 * TBND, provider_unbonding=100 * TBND):
        sent = undelegate_as(chain, other_provider, provider, 100 * TBND)

    assert sent.event("DelegationUnbonding") == {
        "provider": provider,
        "delegator": other_provider,
        "request": 0,
        "amount": 100 * TBND,
        "shares": 100 * TBND,
        "maturesAt": sent.block + 300,
        "active": staked + 140 * TBND,
        "unbonding": 110 * TBND,
    }
    request = chain.call("ProviderStaking", "delegationRequestOf", provider, other_provider, 0)
    assert (request.shares, request.matures_at) == (100 * TBND, sent.block + 300)
    assert worth_of(chain, other_provider, provider) == 150 * TBND


def test_undelegate__all__is_what_it_is_worth_and_leaves_no_share(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 7)
    lock_and_slash(chain, provider, 333 * TBND)

    event = undelegate_as(chain, other_provider, provider).event("DelegationUnbonding")

    assert event["amount"] == 4  # ⌊7 · 667 / 1000⌋
    stake = stake_of(chain, provider)
    assert (stake.delegated, stake.shares) == (False, stake.active)


def test_undelegate__one_wei_more_than_it_is_worth__reverts(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 5 * TBND)

    with chain.reverts(
        "DelegationInsufficient",
        provider=provider,
        delegator=other_provider,
        have=5 * TBND,
        need=5 * TBND + 1,
    ):
        undelegate_as(chain, other_provider, provider, 5 * TBND + 1)


@pytest.mark.parametrize("amount", [0, ALL])
def test_undelegate__nothing__reverts(
    chain: Chain, provider: str, stranger: str, staked: int, amount: int
) -> None:
    with chain.reverts("AmountZero"):
        undelegate_as(chain, stranger, provider, amount)


def test_undelegate__locked_stake__leaves_the_provider_short_and_unable_to_lock(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 500 * TBND)
    lock_as(chain, "DeviceRegistry", provider, 1_400 * TBND)

    first = undelegate_as(chain, other_provider, provider, 300 * TBND)
    undelegate_as(chain, other_provider, provider, 50 * TBND)

    assert chain.call("ProviderStaking", "shortSince", provider) == first.block
    with chain.reverts("FreeStakeInsufficient", provider=provider, have=0, need=0):
        lock_as(chain, "JobEscrow", provider, 0)
    chain.send("ProviderStaking", "unlock", provider, 250 * TBND, sender=chain.impersonate("DeviceRegistry"))
    assert chain.call("ProviderStaking", "shortSince", provider) == 0


def test_withdraw_delegated__matured__pays_the_delegator(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 250 * TBND)
    asked = undelegate_as(chain, other_provider, provider, 100 * TBND).block
    chain.mine_to(asked + 299)
    assert chain.call("ProviderStaking", "withdrawableDelegatedOf", provider, other_provider) == 0

    with moving(
        chain,
        total=-100 * TBND,
        held=-100 * TBND,
        provider_unbonding=-100 * TBND,
        other_provider_balance=100 * TBND,
    ):
        sent = chain.send("ProviderStaking", "withdrawDelegated", provider, sender=other_provider)

    assert sent.event("DelegationWithdrawn") == {
        "provider": provider,
        "delegator": other_provider,
        "request": 0,
        "amount": 100 * TBND,
        "unbonding": 0,
    }


def test_withdraw_delegated__one_block_early__reverts(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 250 * TBND)
    asked = undelegate_as(chain, other_provider, provider).block
    chain.mine_to(asked + 298)

    with chain.reverts(
        "NothingMatured", holder=other_provider, blockNumber=asked + 299, maturesAt=asked + 300
    ):
        chain.send("ProviderStaking", "withdrawDelegated", provider, sender=other_provider)


def test_withdraw_delegated__by_the_provider__finds_nothing_of_its_own(
    chain: Chain, provider: str, staked: int
) -> None:
    chain.send("ProviderStaking", "unbond", TBND, sender=provider)
    chain.mine(300)

    with chain.reverts("NothingUnbonding", holder=provider):
        chain.send("ProviderStaking", "withdrawDelegated", provider, sender=provider)
