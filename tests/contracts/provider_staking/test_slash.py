from __future__ import annotations

import pytest

from tensorbond.chain.types import SlashReason
from tests.acts import TBND, ZERO_ADDRESS, delegate_as, set_operator_as, stake_as
from tests.chain import Chain

from .staking import (
    EVIDENCE,
    UNBONDING_BLOCKS,
    lock_and_slash,
    lock_as,
    moving,
    reward_as,
    slash_as,
    stake_of,
    unbond_as,
    undelegate_as,
    worth_of,
)

pytestmark = pytest.mark.chain

SLASHERS = pytest.mark.parametrize("slasher", ["WorkDisputes", "JobEscrow"])


@pytest.fixture
def locked(chain: Chain, provider: str, staked: int) -> int:
    """100 TBND locked, of 1,000 staked."""
    lock_as(chain, "DeviceRegistry", provider, 100 * TBND)
    return 100 * TBND


@SLASHERS
def test_slash__active_only__splits_what_it_takes(
    chain: Chain, provider: str, stranger: str, requester: str, staked: int, locked: int, slasher: str
) -> None:
    with moving(
        chain,
        total=-40 * TBND,
        held=-40 * TBND,
        supply=-30 * TBND,
        provider_active=-40 * TBND,
        provider_locked=-40 * TBND,
        stranger_balance=6 * TBND,
        requester_balance=4 * TBND,
    ):
        sent = slash_as(
            chain,
            slasher,
            provider,
            40 * TBND,
            challenger=stranger,
            challenger_bps=1_500,
            victim=requester,
            victim_bps=1_000,
            reason=SlashReason.JOB_OUTCOME_BAD,
        )

    assert sent.event("StakeSlashed") == {
        "provider": provider,
        "challenger": stranger,
        "victim": requester,
        "reason": SlashReason.JOB_OUTCOME_BAD,
        "evidence": EVIDENCE,
        "fromVesting": 0,
        "fromActive": 40 * TBND,
        "fromUnbonding": 0,
        "toChallenger": 6 * TBND,
        "toVictim": 4 * TBND,
        "burned": 30 * TBND,
        "vesting": 0,
        "active": staked - 40 * TBND,
        "unbonding": 0,
        "locked": locked - 40 * TBND,
    }
    assert stake_of(chain, provider).shares == staked - 40 * TBND


def test_slash__both_pools__takes_from_each_in_proportion(
    chain: Chain, provider: str, staked: int, locked: int
) -> None:
    unbond_as(chain, provider, 250 * TBND)

    with moving(
        chain,
        total=-100 * TBND,
        held=-100 * TBND,
        supply=-100 * TBND,
        provider_active=-75 * TBND,
        provider_unbonding=-25 * TBND,
        provider_locked=-100 * TBND,
    ):
        sent = slash_as(chain, "JobEscrow", provider, 100 * TBND)

    event = sent.event("StakeSlashed")
    assert (event["fromActive"], event["fromUnbonding"], event["burned"]) == (
        75 * TBND,
        25 * TBND,
        100 * TBND,
    )
    stake = stake_of(chain, provider)
    assert (stake.shares, stake.unbonding_shares) == (675 * TBND, 250 * TBND)
    assert (stake.generation, stake.unbonding_generation) == (0, 0)


def test_slash__matured_but_not_withdrawn__is_reached(
    chain: Chain, provider: str, staked: int, locked: int
) -> None:
    unbond_as(chain, provider, 500 * TBND)
    chain.mine(UNBONDING_BLOCKS)
    assert chain.call("ProviderStaking", "withdrawableOf", provider) == 500 * TBND

    slash_as(chain, "JobEscrow", provider, 100 * TBND)

    assert chain.call("ProviderStaking", "withdrawableOf", provider) == 450 * TBND


def test_slash__odd_proportion__takes_the_odd_wei_from_active(chain: Chain, provider: str) -> None:
    stake_as(chain, provider, 10)
    unbond_as(chain, provider, 3)
    lock_as(chain, "DeviceRegistry", provider, 5)

    event = slash_as(chain, "JobEscrow", provider, 5).event("StakeSlashed")

    assert (event["fromActive"], event["fromUnbonding"]) == (4, 1)  # 5 · 3 / 10 = 1.5


def test_slash__odd_split__burns_the_odd_wei(
    chain: Chain, provider: str, stranger: str, requester: str
) -> None:
    stake_as(chain, provider, 15)
    lock_as(chain, "DeviceRegistry", provider, 15)

    event = slash_as(
        chain,
        "JobEscrow",
        provider,
        15,
        challenger=stranger,
        challenger_bps=1_250,
        victim=requester,
        victim_bps=1_250,
    ).event("StakeSlashed")

    assert (event["toChallenger"], event["toVictim"], event["burned"]) == (1, 1, 13)


def test_slash__nobody_to_pay__burns_their_parts(chain: Chain, provider: str, locked: int) -> None:
    with moving(
        chain,
        total=-locked,
        held=-locked,
        supply=-locked,
        provider_active=-locked,
        provider_locked=-locked,
    ):
        event = slash_as(chain, "JobEscrow", provider, locked, challenger_bps=1_250, victim_bps=1_250).event(
            "StakeSlashed"
        )

    assert (event["challenger"], event["victim"]) == (ZERO_ADDRESS, ZERO_ADDRESS)
    assert (event["toChallenger"], event["toVictim"], event["burned"]) == (0, 0, locked)


def test_slash__one_of_two_providers__leaves_the_other_alone(
    chain: Chain, provider: str, other_provider: str, locked: int
) -> None:
    stake_as(chain, other_provider, 50 * TBND)
    unbond_as(chain, other_provider, 20 * TBND)
    lock_as(chain, "JobEscrow", other_provider, 5 * TBND)

    with moving(
        chain,
        total=-locked,
        held=-locked,
        supply=-locked,
        provider_active=-locked,
        provider_locked=-locked,
    ):
        slash_as(chain, "JobEscrow", provider, locked)


@pytest.mark.parametrize("account", ["governor", "provider", "stranger"])
def test_slash__by_anyone_else__reverts(
    chain: Chain, provider: str, locked: int, account: str, request: pytest.FixtureRequest
) -> None:
    sender = request.getfixturevalue(account)

    with chain.reverts("SlasherOnly", account=sender):
        slash_as(chain, sender, provider, 1)


@pytest.mark.parametrize("peer", ["DeviceRegistry", "TensorbondToken", "Rewards"])
def test_slash__by_another_contract__reverts(chain: Chain, provider: str, locked: int, peer: str) -> None:
    with chain.reverts("SlasherOnly", account=chain.address[peer]):
        slash_as(chain, peer, provider, 1)


def test_slash__more_than_is_locked__reverts(chain: Chain, provider: str, locked: int) -> None:
    with chain.reverts("LockedInsufficient", provider=provider, have=locked, need=locked + 1):
        slash_as(chain, "JobEscrow", provider, locked + 1)


@pytest.mark.parametrize("split", [(2_501, 0), (0, 2_501), (1_251, 1_250)])
def test_slash__more_than_a_quarter_to_others__reverts(
    chain: Chain, provider: str, stranger: str, locked: int, split: tuple[int, int]
) -> None:
    """The owner loses a quarter at least, so nobody can gain together with it."""
    challenger_bps, victim_bps = split

    with chain.reverts("ShareTooLarge", have=2_501, most=2_500):
        slash_as(
            chain,
            "JobEscrow",
            provider,
            1,
            challenger=stranger,
            victim=stranger,
            challenger_bps=challenger_bps,
            victim_bps=victim_bps,
        )


def test_slash__to_the_provider_or_its_operator__reverts(
    chain: Chain, provider: str, operator: str, locked: int
) -> None:
    set_operator_as(chain, provider, operator)

    for accused in (provider, operator):
        with chain.reverts("ChallengerIsAccused", challenger=accused):
            slash_as(chain, "JobEscrow", provider, 1, challenger=accused)


@SLASHERS
def test_slash__to_a_contract_that_slashes__reverts(
    chain: Chain, provider: str, locked: int, slasher: str
) -> None:
    with chain.reverts("ChallengerIsAccused", challenger=chain.address[slasher]):
        slash_as(chain, "JobEscrow", provider, 1, challenger=chain.address[slasher], challenger_bps=2_500)


def test_slash__a_former_operator__may_challenge(
    chain: Chain, provider: str, operator: str, locked: int
) -> None:
    set_operator_as(chain, provider, operator)
    chain.send("ProviderStaking", "setOperator", ZERO_ADDRESS, b"", sender=provider)

    sent = slash_as(chain, "JobEscrow", provider, 8, challenger=operator, challenger_bps=2_500)

    assert sent.event("StakeSlashed")["toChallenger"] == 2


def test_slash__nothing__does_nothing(chain: Chain, provider: str, stranger: str) -> None:
    with moving(chain):
        assert slash_as(chain, "JobEscrow", provider, 0, challenger=stranger).events == []


def test_slash__all_of_the_stake__leaves_nothing(chain: Chain, provider: str, staked: int) -> None:
    lock_and_slash(chain, provider, staked)

    stake = stake_of(chain, provider)
    assert (stake.active, stake.shares, stake.generation, stake.locked) == (0, 0, 0, 0)
    assert chain.call("ProviderStaking", "totalStaked") == 0


def test_slash__delegated_pool__takes_from_owner_and_delegator_alike(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 500 * TBND)
    undelegate_as(chain, other_provider, provider, 100 * TBND)

    lock_and_slash(chain, provider, 150 * TBND)

    # A tenth of 1,000 owned, of 400 delegated and of 100 unbonding.
    assert worth_of(chain, other_provider, provider) == 360 * TBND
    stake = stake_of(chain, provider)
    assert (stake.active, stake.unbonding, stake.shares) == (1_260 * TBND, 90 * TBND, 1_400 * TBND)
    assert stake.delegated_shares == 400 * TBND


def test_slash__all_of_a_delegated_pool__makes_the_delegators_shares_worthless(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 500 * TBND)

    lock_and_slash(chain, provider, 1_500 * TBND)
    stake_as(chain, provider, 10 * TBND)

    stake = stake_of(chain, provider)
    assert (stake.active, stake.shares, stake.delegated_shares, stake.generation) == (
        10 * TBND,
        10 * TBND,
        0,
        3,  # 1,500 TBND are less than 2⁹⁶ shares
    )
    assert worth_of(chain, other_provider, provider) == 0
    found = chain.call("ProviderStaking", "delegationOf", provider, other_provider)
    assert (found.shares, found.generation) == (0, 3)
    with chain.reverts("AmountZero"):
        undelegate_as(chain, other_provider, provider)
    # Its shares of the new generation are new.
    delegate_as(chain, other_provider, provider, 2 * TBND)
    assert worth_of(chain, other_provider, provider) == 2 * TBND


def test_slash__twice_nearly_all__leaves_a_pool_that_takes_deposits(
    chain: Chain, provider: str, other_provider: str, requester: str
) -> None:
    """Each loss alone leaves a share some worth; both together so little that a deposit would overflow. Each
    holder keeps its half."""
    stake_as(chain, provider, 500_000 * TBND)
    delegate_as(chain, other_provider, provider, 500_000 * TBND)
    undelegate_as(chain, other_provider, provider, TBND)
    for _ in range(2):
        active = stake_of(chain, provider).active
        lock_and_slash(chain, provider, active - (active >> 31))

    stake = stake_of(chain, provider)
    assert (stake.generation, stake.unbonding_generation) == (1, 1)
    assert stake.unbonding_shares == TBND >> 32 > stake.unbonding > 0
    assert stake.shares == (1_000_000 * TBND - TBND) >> 32
    left = worth_of(chain, other_provider, provider)
    assert left == stake.active * stake.delegated_shares // stake.shares > 10**5
    stake_as(chain, provider, 500_000 * TBND)
    delegate_as(chain, requester, provider, 1_000_000 * TBND)
    assert 1_000_000 * TBND - worth_of(chain, requester, provider) <= 1
    assert left - worth_of(chain, other_provider, provider) <= 1


@pytest.mark.parametrize("above", [0, 1])
def test_slash__to_a_share_of_2_to_the_minus_32_wei__begins_a_generation(
    chain: Chain, provider: str, other_provider: str, above: int
) -> None:
    stake_as(chain, provider, 3 * 2**62)
    delegate_as(chain, other_provider, provider, 2**62)
    lock_and_slash(chain, provider, 2**64 - 2**32 - above)

    stake = stake_of(chain, provider)
    scale = 1 if above else 2**32
    assert (stake.generation, stake.active) == (1 - above, 2**32 + above)
    assert (stake.shares, stake.delegated_shares) == (2**64 // scale, 2**62 // scale)
    found = chain.call("ProviderStaking", "delegationOf", provider, other_provider)
    assert (found.shares, found.generation) == (2**62 // scale, 1 - above)
    assert worth_of(chain, other_provider, provider) == 2**30
    # Its part of a later generation is taken and given back like any other.
    undelegate_as(chain, other_provider, provider, 2**29)
    assert worth_of(chain, other_provider, provider) == 2**29
    undelegate_as(chain, other_provider, provider)
    stake = stake_of(chain, provider)
    assert (stake.delegated, stake.delegated_shares, stake.unbonding) == (False, 0, 2**30)


def test_slash__that_rounds_delegators_to_no_share__costs_them_less_than_a_wei(
    chain: Chain, provider: str, other_provider: str, requester: str
) -> None:
    """Of 2⁶⁴ shares, each less than 2³²: what is left of them belongs to nobody or to all."""
    stake_as(chain, provider, 2**64 - 6 * 2**30)
    for delegator in (other_provider, requester):
        delegate_as(chain, delegator, provider, 3 * 2**30)
    lock_and_slash(chain, provider, 2**64 - 2**32)

    stake = stake_of(chain, provider)
    # The two together have one, neither of them any.
    assert (stake.shares, stake.delegated_shares, stake.active) == (2**32, 1, 2**32)
    for delegator in (other_provider, requester):
        assert worth_of(chain, delegator, provider) == 0
        with chain.reverts("AmountZero"):
            undelegate_as(chain, delegator, provider)
    stake_as(chain, provider, 2 * TBND)
    delegate_as(chain, requester, provider, TBND)
    assert worth_of(chain, requester, provider) == TBND
    # It is no more in the owner's way than a share that somebody keeps.
    undelegate_as(chain, requester, provider)
    chain.mine(UNBONDING_BLOCKS)
    chain.send("ProviderStaking", "withdrawDelegated", provider, sender=requester)
    active = stake_of(chain, provider).active
    unbond_as(chain, provider, active - 2)
    stake = stake_of(chain, provider)
    assert (stake.active, stake.shares, stake.delegated_shares) == (2, 2, 1)


def test_slash__of_delegators_who_have_no_share_left__leaves_the_pool_to_the_owner(
    chain: Chain, provider: str, other_provider: str
) -> None:
    stake_as(chain, provider, 2**64 - 2**30)
    delegate_as(chain, other_provider, provider, 2**30)
    lock_and_slash(chain, provider, 2**64 - 2**32)

    stake = stake_of(chain, provider)
    assert (stake.delegated, stake.shares, stake.active) == (False, 2**32, 2**32)
    assert worth_of(chain, other_provider, provider) == 0
    assert stake_as(chain, provider, TBND).event("StakeDeposited")["shares"] == TBND


def test_slash__while_rewards_vest__takes_those_first(
    chain: Chain, provider: str, stranger: str, staked: int
) -> None:
    lock_as(chain, "DeviceRegistry", provider, 100 * TBND)
    at = reward_as(chain, provider, 300 * TBND).block
    chain.mine_to(at + UNBONDING_BLOCKS // 3 - 1)

    sent = slash_as(chain, "JobEscrow", provider, 80 * TBND, challenger=stranger, challenger_bps=2_500)

    vested = sent.event("RewardReleased")["amount"]
    assert vested == (UNBONDING_BLOCKS // 3) * TBND
    event = sent.event("StakeSlashed")
    assert (event["fromVesting"], event["fromActive"], event["fromUnbonding"]) == (80 * TBND, 0, 0)
    assert (event["vesting"], event["active"], event["locked"]) == (
        300 * TBND - vested - 80 * TBND,
        staked + vested,
        20 * TBND,
    )
    assert (event["toChallenger"], event["burned"]) == (20 * TBND, 60 * TBND)
    assert chain.call("ProviderStaking", "totalStaked") == staked + vested


def test_slash__more_than_vests__takes_the_rest_from_the_pools(
    chain: Chain, provider: str, staked: int
) -> None:
    unbond_as(chain, provider, 500 * TBND)
    lock_as(chain, "DeviceRegistry", provider, 100 * TBND)
    at = reward_as(chain, provider, 30 * TBND).block

    event = slash_as(chain, "JobEscrow", provider, 100 * TBND).event("StakeSlashed")

    vested = 30 * TBND * (chain.block_number - at) // UNBONDING_BLOCKS
    rest = 100 * TBND - (30 * TBND - vested)
    assert event["fromVesting"] == 30 * TBND - vested
    assert event["fromUnbonding"] == rest * 500 * TBND // (1_000 * TBND + vested)
    assert event["fromActive"] == rest - event["fromUnbonding"]
    assert event["vesting"] == 0


def test_slash__all_active_beside_a_speck_unbonding__leaves_the_speck_its_part(
    chain: Chain, provider: str, staked: int
) -> None:
    speck = 10**11  # its proportion leaves 10 wei, less than 2⁻³² of it
    unbond_as(chain, provider, speck)
    lock_as(chain, "DeviceRegistry", provider, staked - speck)

    event = slash_as(chain, "JobEscrow", provider, staked - speck).event("StakeSlashed")

    assert (event["fromActive"], event["fromUnbonding"]) == (staked - 2 * speck + 10, speck - 10)
    assert (event["active"], event["unbonding"], event["locked"]) == (speck - 10, 10, 0)
    stake = stake_of(chain, provider)
    assert (stake.generation, stake.shares) == (0, speck - 10)
    assert (stake.unbonding_generation, stake.unbonding_shares) == (1, speck >> 32)


def test_slash__again_and_again__keeps_the_books_to_the_wei(chain: Chain, provider: str, staked: int) -> None:
    unbond_as(chain, provider, 333 * TBND)
    for _ in range(10):
        lock_and_slash(chain, provider, stake_of(chain, provider).active // 3)

    stake = stake_of(chain, provider)
    assert chain.call("ProviderStaking", "totalStaked") == stake.active + stake.unbonding
    assert chain.balance("TensorbondToken", "ProviderStaking") == stake.active + stake.unbonding
    assert (stake.shares, stake.unbonding_shares) == (stake.active, 333 * TBND)


def test_slash__of_a_short_provider_down_to_nothing__ends_its_shortage_and_the_request(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    """What was unbonding when all of it was taken can be withdrawn as the nothing that is left."""
    delegate_as(chain, other_provider, provider, 1_000 * TBND)
    lock_as(chain, "DeviceRegistry", provider, 2_000 * TBND)
    asked = undelegate_as(chain, other_provider, provider).block
    assert stake_of(chain, provider).short_since == asked

    with moving(
        chain,
        total=-2_000 * TBND,
        held=-2_000 * TBND,
        supply=-2_000 * TBND,
        provider_active=-1_000 * TBND,
        provider_locked=-2_000 * TBND,
        provider_unbonding=-1_000 * TBND,
    ):
        slash_as(chain, "WorkDisputes", provider, 2_000 * TBND)

    assert chain.call("ProviderStaking", "shortSince", provider) == 0
    chain.mine_to(asked + UNBONDING_BLOCKS)
    assert chain.call("ProviderStaking", "withdrawableDelegatedOf", provider, other_provider) == 0
    with moving(chain):
        sent = chain.send("ProviderStaking", "withdrawDelegated", provider, sender=other_provider)
    assert sent.event("DelegationWithdrawn")["amount"] == 0
    assert sent.all("Transfer") == []
    with chain.reverts("NothingUnbonding", holder=other_provider):
        chain.send("ProviderStaking", "withdrawDelegated", provider, sender=other_provider)
    with chain.reverts("OwnShareTooSmall", provider=provider, have=0, need=TBND):
        delegate_as(chain, other_provider, provider, 2 * TBND)


def test_slash__where_nothing_is_left_of_the_lock__takes_nothing_and_says_nothing(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, 1_000 * TBND)
    lock_as(chain, "DeviceRegistry", provider, 2_000 * TBND)
    asked = undelegate_as(chain, other_provider, provider).block
    chain.mine_to(asked + UNBONDING_BLOCKS)
    chain.send("ProviderStaking", "withdrawDelegated", provider, sender=other_provider)
    first = slash_as(chain, "WorkDisputes", provider, 1_500 * TBND).event("StakeSlashed")
    assert (first["fromActive"], first["locked"]) == (1_000 * TBND, 1_000 * TBND)

    with moving(chain):
        sent = slash_as(chain, "WorkDisputes", provider, 500 * TBND)

    assert sent.events == []
