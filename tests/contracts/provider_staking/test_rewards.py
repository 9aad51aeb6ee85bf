"""What claimed rewards do to the stake: they vest, then are of whoever holds shares, less the commission."""

from __future__ import annotations

import pytest

from tests.acts import TBND, delegate_as
from tests.chain import Chain, Sent

from .staking import (
    UNBONDING_BLOCKS,
    lock_as,
    moving,
    reward_as,
    stake_of,
    unbond_as,
    undelegate_as,
    worth_of,
)

pytestmark = pytest.mark.chain


def release(chain: Chain, provider: str) -> Sent:
    return chain.send("ProviderStaking", "release", provider, sender=chain.accounts[5])


def set_commission(chain: Chain, provider: str, bps: int) -> Sent:
    return chain.send("ProviderStaking", "setCommission", bps, sender=provider)


def test_distribute__first_reward__vests_over_one_unbonding_time(
    chain: Chain, provider: str, staked: int
) -> None:
    with moving(chain, held=300 * TBND, supply=300 * TBND):
        sent = reward_as(chain, provider, 300 * TBND)

    assert sent.event("RewardDistributed") == {
        "provider": provider,
        "amount": 300 * TBND,
        "vesting": 300 * TBND,
        "vested": 0,
        "vestsUntil": sent.block + UNBONDING_BLOCKS,
    }
    chain.mine(100)
    assert chain.call("ProviderStaking", "vestedOf", provider) == 100 * TBND
    chain.mine(500)
    assert chain.call("ProviderStaking", "vestedOf", provider) == 300 * TBND


def test_distribute__by_anyone_else__reverts(chain: Chain, provider: str, stranger: str) -> None:
    with chain.reverts("RewardsOnly", account=stranger):
        chain.send("ProviderStaking", "distribute", provider, 1, sender=stranger)


def test_distribute__second_reward__delays_nothing_that_vested_and_keeps_the_mean_wait(
    chain: Chain, provider: str, staked: int
) -> None:
    at = reward_as(chain, provider, 300 * TBND).block
    chain.mine_to(at + 199)

    sent = reward_as(chain, provider, 300 * TBND)

    done = sent.block - at  # 200 or a block more: mint and distribution are two
    event = sent.event("RewardDistributed")
    assert event["vested"] == done * TBND
    assert event["vesting"] == (600 - done) * TBND
    left = 300 - done
    wait = (left * left + 300 * 300) // (left + 300)
    assert event["vestsUntil"] == sent.block + wait
    stake = stake_of(chain, provider)
    assert (stake.vested, stake.vesting) == (event["vested"], event["vesting"])
    assert (stake.vested_at, stake.vests_until) == (sent.block, event["vestsUntil"])


def test_distribute__dust__delays_by_nothing(chain: Chain, provider: str, staked: int) -> None:
    """Who claims little and often can't keep others' rewards from vesting."""
    until = reward_as(chain, provider, 300 * TBND).event("RewardDistributed")["vestsUntil"]
    chain.mine(250)

    for _ in range(3):
        assert reward_as(chain, provider, 1).event("RewardDistributed")["vestsUntil"] == until


def test_release__owner_alone__adds_to_its_stake_wei_by_wei(chain: Chain, provider: str, staked: int) -> None:
    at = reward_as(chain, provider, 300 * TBND).block
    chain.mine_to(at + 99)

    with moving(chain, total=100 * TBND, provider_active=100 * TBND):
        sent = release(chain, provider)

    assert sent.event("RewardReleased") == {
        "provider": provider,
        "amount": 100 * TBND,
        "commission": 0,
        "shares": 0,
        "active": staked + 100 * TBND,
    }
    stake = stake_of(chain, provider)
    assert (stake.shares, stake.vesting, stake.vested) == (stake.active, 200 * TBND, 0)


def test_release__nothing_vested__does_nothing(chain: Chain, provider: str, staked: int) -> None:
    with moving(chain):
        assert release(chain, provider).events == []


def test_release__with_delegators__raises_every_share(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 500 * TBND)
    reward_as(chain, provider, 300 * TBND)
    chain.mine(300)
    assert worth_of(chain, other_provider, provider) == 600 * TBND

    release(chain, provider)

    stake = stake_of(chain, provider)
    assert (stake.active, stake.shares, stake.delegated_shares) == (
        1_800 * TBND,
        1_500 * TBND,
        500 * TBND,
    )
    assert worth_of(chain, other_provider, provider) == 600 * TBND


def test_release__with_commission__gives_the_owner_its_part_of_the_delegators(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    set_commission(chain, provider, 2_000)
    chain.mine(UNBONDING_BLOCKS)
    delegate_as(chain, other_provider, provider, 1_000 * TBND)
    reward_as(chain, provider, 100 * TBND)
    chain.mine(300)

    event = release(chain, provider).event("RewardReleased")

    # Half is the delegator's, less a fifth.
    assert event["commission"] == 20 * TBND
    assert event["shares"] == 20 * TBND * 2_000 // 2_080
    assert worth_of(chain, other_provider, provider) == 1_040 * TBND


def test_release__before_a_slash_or_after__falls_to_the_same(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    """A slash releases first, so nobody gains by releasing just before it."""
    delegate_as(chain, other_provider, provider, 500 * TBND)
    lock_as(chain, "DeviceRegistry", provider, 100 * TBND)
    at = reward_as(chain, provider, 30 * TBND).block
    found = []
    for early in (False, True):
        here = chain.snapshot()
        chain.mine_to(at + 148)
        release(chain, provider) if early else chain.mine()
        chain.send(
            "ProviderStaking",
            "slash",
            provider,
            100 * TBND,
            "0x" + "00" * 20,
            0,
            "0x" + "00" * 20,
            0,
            3,
            bytes(32),
            sender=chain.impersonate("JobEscrow"),
        )
        stake = stake_of(chain, provider)
        found.append((stake.active, stake.vesting, worth_of(chain, other_provider, provider)))
        chain.revert_to(here)
    assert found[0] == found[1]


def test_release__covers_a_provider_that_is_short(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 500 * TBND)
    lock_as(chain, "DeviceRegistry", provider, 1_100 * TBND)
    undelegate_as(chain, other_provider, provider)
    reward_as(chain, provider, 100 * TBND)
    chain.mine(300)
    assert chain.call("ProviderStaking", "shortSince", provider) != 0

    release(chain, provider)

    assert chain.call("ProviderStaking", "shortSince", provider) == 0


def test_delegate__after_a_reward_vested__has_no_part_in_it(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    """Reward sniping: join, claim for the provider, leave."""
    reward_as(chain, provider, 300 * TBND)
    chain.mine(300)

    sent = delegate_as(chain, other_provider, provider, 3_000 * TBND)

    assert sent.event("RewardReleased")["amount"] == 300 * TBND
    assert worth_of(chain, other_provider, provider) == 3_000 * TBND


def test_delegate__just_before_a_claim__earns_by_the_block(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 1_000 * TBND)
    at = reward_as(chain, provider, 300 * TBND).block
    left = undelegate_as(chain, other_provider, provider)

    # Half of what vested in so few blocks, of 300.
    gained = left.event("DelegationUnbonding")["amount"] - 1_000 * TBND
    assert 0 <= gained <= (left.block - at) * TBND // 2


def test_delegate__to_a_pool_that_rewards_blew_up__loses_next_to_nothing(
    chain: Chain, provider: str, other_provider: str, requester: str
) -> None:
    """Inflation of shares: a tiny pool, a reward that multiplies it, and a victim."""
    chain.send("TensorbondToken", "approve", chain.address["ProviderStaking"], TBND, sender=provider)
    chain.send("ProviderStaking", "stake", TBND, sender=provider)
    delegate_as(chain, other_provider, provider, 1)
    reward_as(chain, provider, 400_000 * TBND)
    chain.mine(300)

    delegate_as(chain, requester, provider, 1_000 * TBND)

    assert 0 <= 1_000 * TBND - worth_of(chain, requester, provider) <= 400_001


def test_unbond__with_rewards_on_the_way__still_gets_them(chain: Chain, provider: str, staked: int) -> None:
    reward_as(chain, provider, 300 * TBND)
    unbond_as(chain, provider, staked)
    chain.mine(300)

    release(chain, provider)

    assert stake_of(chain, provider).active == 300 * TBND


def test_set_commission__first__waits_like_any_rise(chain: Chain, provider: str, staked: int) -> None:
    sent = set_commission(chain, provider, 1_000)

    assert sent.event("CommissionSet") == {
        "provider": provider,
        "bps": 1_000,
        "fromBlock": sent.block + UNBONDING_BLOCKS,
    }
    assert chain.call("ProviderStaking", "commissionOf", provider) == 0
    stake = stake_of(chain, provider)
    assert (stake.commission_bps, stake.next_commission_bps) == (0, 1_000)
    assert stake.commission_from == sent.block + UNBONDING_BLOCKS
    chain.mine_to(sent.block + UNBONDING_BLOCKS)
    assert chain.call("ProviderStaking", "commissionOf", provider) == 1_000


def test_set_commission__a_fall__holds_at_once_and_ends_a_rise_that_waits(
    chain: Chain, provider: str, staked: int
) -> None:
    set_commission(chain, provider, 1_000)
    chain.mine(UNBONDING_BLOCKS)
    set_commission(chain, provider, 3_000)

    sent = set_commission(chain, provider, 400)

    assert sent.event("CommissionSet")["fromBlock"] == sent.block
    assert chain.call("ProviderStaking", "commissionOf", provider) == 400
    chain.mine(UNBONDING_BLOCKS)
    assert chain.call("ProviderStaking", "commissionOf", provider) == 400


def test_set_commission__a_rise__leaves_delegators_the_time_to_go(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 1_000 * TBND)
    set_commission(chain, provider, 3_000)
    reward_as(chain, provider, 100 * TBND)
    chain.mine(UNBONDING_BLOCKS - 4)

    event = undelegate_as(chain, other_provider, provider).event("RewardReleased")

    assert event["commission"] == 0


def test_set_commission__another_rise__waits_anew(chain: Chain, provider: str, staked: int) -> None:
    set_commission(chain, provider, 1_000)
    chain.mine(UNBONDING_BLOCKS - 2)
    set_commission(chain, provider, 1_100)
    chain.mine(UNBONDING_BLOCKS - 1)

    assert chain.call("ProviderStaking", "commissionOf", provider) == 0
    chain.mine()
    assert chain.call("ProviderStaking", "commissionOf", provider) == 1_100


def test_set_commission__more_than_the_most__reverts(chain: Chain, provider: str) -> None:
    with chain.reverts("CommissionTooHigh", have=3_001, most=3_000):
        set_commission(chain, provider, 3_001)


def test_distribute__nothing__only_notes_what_has_vested(chain: Chain, provider: str, staked: int) -> None:
    until = reward_as(chain, provider, 300 * TBND).event("RewardDistributed")["vestsUntil"]
    chain.mine_to(until - UNBONDING_BLOCKS // 3 - 2)

    with moving(chain):
        sent = reward_as(chain, provider, 0)

    assert sent.event("RewardDistributed") == {
        "provider": provider,
        "amount": 0,
        "vesting": 100 * TBND,
        "vested": 200 * TBND,
        "vestsUntil": until,
    }
