from __future__ import annotations

import pytest

from tensorbond.chain.types import Request
from tests.acts import TBND, stake_as
from tests.chain import Chain

from .staking import (
    lock_and_slash,
    lock_as,
    moving,
    slash_as,
    stake_of,
    take_both_pools,
    unbond_as,
    withdraw_as,
)

pytestmark = pytest.mark.chain

DUST = 10**11  # less than 2⁻³² of the stake


def mine_to_maturity(chain: Chain, provider: str, request: int, blocks: int = 0) -> None:
    """The next transaction is `blocks` after the first block in which the request is mature."""
    matures_at = chain.call("ProviderStaking", "requestOf", provider, request).matures_at
    chain.mine_to(matures_at - 1 + blocks)


def test_withdraw__in_the_block_of_maturity__pays_the_owner(chain: Chain, provider: str, staked: int) -> None:
    unbond_as(chain, provider, 100 * TBND)
    mine_to_maturity(chain, provider, 0)

    with moving(
        chain,
        total=-100 * TBND,
        held=-100 * TBND,
        provider_balance=100 * TBND,
        provider_unbonding=-100 * TBND,
    ):
        sent = withdraw_as(chain, provider)

    assert sent.event("StakeWithdrawn") == {
        "provider": provider,
        "request": 0,
        "amount": 100 * TBND,
        "unbonding": 0,
    }
    assert chain.call("ProviderStaking", "requestOf", provider, 0) == Request(0, 0, 0)


def test_withdraw__one_block_early__reverts(chain: Chain, provider: str, staked: int) -> None:
    unbond_as(chain, provider, 100 * TBND)
    mine_to_maturity(chain, provider, 0, -1)
    early = chain.block_number + 1

    with chain.reverts("NothingMatured", holder=provider, blockNumber=early, maturesAt=early + 1):
        withdraw_as(chain, provider)


def test_withdraw__nothing_asked_for__reverts(chain: Chain, provider: str, staked: int) -> None:
    with chain.reverts("NothingUnbonding", holder=provider):
        withdraw_as(chain, provider)


def test_withdraw__twice__reverts(chain: Chain, provider: str, staked: int) -> None:
    unbond_as(chain, provider, 100 * TBND)
    mine_to_maturity(chain, provider, 0)
    withdraw_as(chain, provider)

    with chain.reverts("NothingUnbonding", holder=provider):
        withdraw_as(chain, provider)


def test_withdraw__two_mature_and_one_not__pays_the_two(chain: Chain, provider: str, staked: int) -> None:
    unbond_as(chain, provider, 1 * TBND)
    unbond_as(chain, provider, 2 * TBND)
    chain.mine(10)
    unbond_as(chain, provider, 4 * TBND)
    mine_to_maturity(chain, provider, 1)

    assert chain.call("ProviderStaking", "withdrawableOf", provider) == 1 * TBND  # in the head's block
    with moving(
        chain, total=-3 * TBND, held=-3 * TBND, provider_balance=3 * TBND, provider_unbonding=-3 * TBND
    ):
        sent = withdraw_as(chain, provider)

    assert sent.all("StakeWithdrawn") == [
        {"provider": provider, "request": 0, "amount": 1 * TBND, "unbonding": 6 * TBND},
        {"provider": provider, "request": 1, "amount": 2 * TBND, "unbonding": 4 * TBND},
    ]
    matures_at = chain.call("ProviderStaking", "requestOf", provider, 2).matures_at
    with chain.reverts(
        "NothingMatured", holder=provider, blockNumber=chain.block_number + 1, maturesAt=matures_at
    ):
        withdraw_as(chain, provider)


def test_withdraw__long_queue__pays_32_a_call_until_it_is_empty(
    chain: Chain, provider: str, staked: int
) -> None:
    for amount in range(1, 34):
        unbond_as(chain, provider, amount)
    mine_to_maturity(chain, provider, 32, 1)
    assert chain.call("ProviderStaking", "withdrawableOf", provider) == sum(range(1, 34))

    first = withdraw_as(chain, provider)
    assert chain.call("ProviderStaking", "withdrawableOf", provider) == 33
    second = withdraw_as(chain, provider)

    assert [event["amount"] for event in first.all("StakeWithdrawn")] == list(range(1, 33))
    assert [(event["request"], event["amount"]) for event in second.all("StakeWithdrawn")] == [(32, 33)]
    assert stake_of(chain, provider).unbonding == 0


def test_withdraw__by_the_owner__leaves_others_alone(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    stake_as(chain, other_provider, 10 * TBND)
    unbond_as(chain, other_provider, 10 * TBND)
    unbond_as(chain, provider, 1 * TBND)
    mine_to_maturity(chain, provider, 0)

    with moving(chain, total=-TBND, held=-TBND, provider_balance=TBND, provider_unbonding=-TBND):
        withdraw_as(chain, provider)


def test_withdraw__slashed_while_mature__pays_what_the_slash_left(
    chain: Chain, provider: str, staked: int
) -> None:
    unbond_as(chain, provider, 400 * TBND)
    mine_to_maturity(chain, provider, 0, 5)
    lock_and_slash(chain, provider, 100 * TBND)

    assert chain.call("ProviderStaking", "withdrawableOf", provider) == 360 * TBND
    with moving(
        chain,
        total=-360 * TBND,
        held=-360 * TBND,
        provider_balance=360 * TBND,
        provider_unbonding=-360 * TBND,
    ):
        withdraw_as(chain, provider)

    stake = stake_of(chain, provider)
    assert (stake.unbonding_shares, stake.unbonding_uneven) == (0, False)


def test_withdraw__slashed_pool_of_several_requests__rounds_down_and_strands_nothing(
    chain: Chain, provider: str
) -> None:
    stake_as(chain, provider, 100)
    for amount in (10, 11, 12):
        unbond_as(chain, provider, amount)
    lock_and_slash(chain, provider, 50)  # 16 of the 33 unbonding
    mine_to_maturity(chain, provider, 2)

    sent = withdraw_as(chain, provider)

    # ⌊10·17/33⌋, then ⌊11·12/23⌋, and the last takes the rest.
    assert [event["amount"] for event in sent.all("StakeWithdrawn")] == [5, 5, 7]
    assert stake_of(chain, provider).unbonding == 0


def test_withdraw__older_request_slashed_between__stays_reachable(
    chain: Chain, provider: str, staked: int
) -> None:
    """Seen elsewhere: stake 1000, unbond 400, wait, unbond 300, slash 500, and the 400 were lost for ever."""
    unbond_as(chain, provider, 400 * TBND)
    mine_to_maturity(chain, provider, 0)
    lock_as(chain, "DeviceRegistry", provider, 300 * TBND)
    unbond_as(chain, provider, 300 * TBND)

    slash_as(chain, "JobEscrow", provider, 300 * TBND)

    assert chain.call("ProviderStaking", "withdrawableOf", provider) == 280 * TBND
    with moving(
        chain,
        total=-280 * TBND,
        held=-280 * TBND,
        provider_balance=280 * TBND,
        provider_unbonding=-280 * TBND,
    ):
        withdraw_as(chain, provider)
    mine_to_maturity(chain, provider, 1)
    withdraw_as(chain, provider)
    assert stake_of(chain, provider).unbonding == 0


def test_withdraw__request_of_an_older_generation__pays_what_the_slash_left(
    chain: Chain, provider: str, staked: int
) -> None:
    """Ask for so little, and lose so much, that a share is worth less than 2⁻³² wei, twice."""
    unbond_as(chain, provider, DUST)
    lock_and_slash(chain, provider, stake_of(chain, provider).active)
    stake = stake_of(chain, provider)
    assert (stake.unbonding, stake.unbonding_shares, stake.unbonding_generation) == (10, 23, 1)
    stake_as(chain, provider, 30 * TBND)
    unbond_as(chain, provider, 10 * TBND)
    lock_and_slash(chain, provider, 10 * TBND)
    mine_to_maturity(chain, provider, 1, 1)
    left = stake_of(chain, provider).unbonding
    assert chain.call("ProviderStaking", "withdrawableOf", provider) == left

    with moving(chain, total=-left, held=-left, provider_balance=left, provider_unbonding=-left):
        sent = withdraw_as(chain, provider)

    # Two thirds of 10 wei, and of 10 TBND.
    assert [event["amount"] for event in sent.all("StakeWithdrawn")] == [6, left - 6]
    assert abs(left - 20 * TBND // 3) < DUST
    stake = stake_of(chain, provider)
    assert (stake.unbonding, stake.unbonding_shares, stake.unbonding_uneven) == (0, 0, False)


def test_withdraw__request_of_a_pool_that_was_taken_whole__leaves_the_queue_with_amount_zero(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    unbond_as(chain, provider, TBND)
    take_both_pools(chain, provider, other_provider)
    stake_as(chain, provider, 10 * TBND)
    unbond_as(chain, provider, 10 * TBND)
    mine_to_maturity(chain, provider, 1)

    with moving(
        chain,
        total=-10 * TBND,
        held=-10 * TBND,
        provider_balance=10 * TBND,
        provider_unbonding=-10 * TBND,
    ):
        sent = withdraw_as(chain, provider)

    assert sent.all("StakeWithdrawn") == [
        {"provider": provider, "request": 0, "amount": 0, "unbonding": 10 * TBND},
        {"provider": provider, "request": 1, "amount": 10 * TBND, "unbonding": 0},
    ]


def test_withdraw__only_a_request_that_is_worth_nothing__empties_the_queue_and_pays_nothing(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    unbond_as(chain, provider, TBND)
    take_both_pools(chain, provider, other_provider)

    with moving(chain):
        sent = withdraw_as(chain, provider)

    assert sent.event("StakeWithdrawn") == {
        "provider": provider,
        "request": 0,
        "amount": 0,
        "unbonding": 0,
    }
    with chain.reverts("NothingUnbonding", holder=provider):
        withdraw_as(chain, provider)
