from __future__ import annotations

import pytest

from tensorbond.chain.types import SlashReason
from tests.acts import TBND, ZERO_ADDRESS, set_operator_as, stake_as
from tests.chain import Chain

from .staking import (
    EVIDENCE,
    UNBONDING_BLOCKS,
    lock_and_slash,
    lock_as,
    moving,
    slash_as,
    stake_of,
    unbond_as,
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
        supply=-21 * TBND,
        provider_active=-40 * TBND,
        provider_locked=-40 * TBND,
        stranger_balance=10 * TBND,
        requester_balance=9 * TBND,
    ):
        sent = slash_as(
            chain,
            slasher,
            provider,
            40 * TBND,
            challenger=stranger,
            challenger_bps=2_500,
            victim=requester,
            victim_bps=2_250,
            reason=SlashReason.JOB_OUTCOME_BAD,
        )

    assert sent.event("StakeSlashed") == {
        "provider": provider,
        "challenger": stranger,
        "victim": requester,
        "reason": SlashReason.JOB_OUTCOME_BAD,
        "evidence": EVIDENCE,
        "fromActive": 40 * TBND,
        "fromUnbonding": 0,
        "toChallenger": 10 * TBND,
        "toVictim": 9 * TBND,
        "burned": 21 * TBND,
        "active": staked - 40 * TBND,
        "unbonding": 0,
        "locked": locked - 40 * TBND,
    }
    assert stake_of(chain, provider).shares == staked


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
    assert (stake.shares, stake.unbonding_shares) == (750 * TBND, 250 * TBND)
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
    stake_as(chain, provider, 7)
    lock_as(chain, "DeviceRegistry", provider, 7)

    event = slash_as(
        chain,
        "JobEscrow",
        provider,
        7,
        challenger=stranger,
        challenger_bps=2_500,
        victim=requester,
        victim_bps=2_500,
    ).event("StakeSlashed")

    assert (event["toChallenger"], event["toVictim"], event["burned"]) == (1, 1, 5)


def test_slash__nobody_to_pay__burns_their_parts(chain: Chain, provider: str, locked: int) -> None:
    with moving(
        chain,
        total=-locked,
        held=-locked,
        supply=-locked,
        provider_active=-locked,
        provider_locked=-locked,
    ):
        event = slash_as(chain, "JobEscrow", provider, locked, challenger_bps=2_500, victim_bps=2_500).event(
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


@pytest.mark.parametrize("bps", ["challenger_bps", "victim_bps"])
def test_slash__more_than_a_quarter_to_one__reverts(
    chain: Chain, provider: str, stranger: str, locked: int, bps: str
) -> None:
    shares: dict[str, int] = {bps: 2_501}

    with chain.reverts("ShareTooLarge", have=2_501, most=2_500):
        slash_as(
            chain,
            "JobEscrow",
            provider,
            1,
            challenger=stranger,
            victim=stranger,
            challenger_bps=shares.get("challenger_bps", 0),
            victim_bps=shares.get("victim_bps", 0),
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


def test_slash__all_of_the_stake__starts_a_new_generation(chain: Chain, provider: str, staked: int) -> None:
    lock_and_slash(chain, provider, staked)

    stake = stake_of(chain, provider)
    assert (stake.active, stake.shares, stake.generation, stake.locked) == (0, 0, 1, 0)
    assert chain.call("ProviderStaking", "totalStaked") == 0


def test_slash__all_active_beside_a_speck_unbonding__takes_the_speck_first(
    chain: Chain, provider: str, staked: int
) -> None:
    speck = 10**11  # its proportion would leave 10 wei, less than 2⁻³² of it
    unbond_as(chain, provider, speck)
    lock_as(chain, "DeviceRegistry", provider, staked - speck)

    event = slash_as(chain, "JobEscrow", provider, staked - speck).event("StakeSlashed")

    assert (event["fromActive"], event["fromUnbonding"]) == (staked - 2 * speck, speck)
    assert (event["active"], event["unbonding"], event["locked"]) == (speck, 0, 0)
    stake = stake_of(chain, provider)
    assert (stake.generation, stake.shares) == (1, speck)
    assert (stake.unbonding_generation, stake.unbonding_shares) == (1, 0)


def test_slash__again_and_again__keeps_the_books_to_the_wei(chain: Chain, provider: str, staked: int) -> None:
    unbond_as(chain, provider, 333 * TBND)
    for _ in range(10):
        lock_and_slash(chain, provider, stake_of(chain, provider).active // 3)

    stake = stake_of(chain, provider)
    assert chain.call("ProviderStaking", "totalStaked") == stake.active + stake.unbonding
    assert chain.balance("TensorbondToken", "ProviderStaking") == stake.active + stake.unbonding
    assert (stake.shares, stake.unbonding_shares) == (667 * TBND, 333 * TBND)
