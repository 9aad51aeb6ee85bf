from __future__ import annotations

import pytest

from tests.acts import TBND, delegate_as, stake_as
from tests.chain import Chain

from .staking import lock_and_slash, lock_as, moving, reward_as, stake_of, unbond_as, worth_of

pytestmark = pytest.mark.chain


def approve(chain: Chain, provider: str, amount: int) -> None:
    chain.send("TensorbondToken", "approve", chain.address["ProviderStaking"], amount, sender=provider)


def test_stake__first__is_the_callers_active_pool(chain: Chain, provider: str) -> None:
    approve(chain, provider, 5 * TBND)

    with moving(chain, total=5 * TBND, held=5 * TBND, provider_balance=-5 * TBND, provider_active=5 * TBND):
        sent = chain.send("ProviderStaking", "stake", 5 * TBND, sender=provider)

    assert sent.event("StakeDeposited") == {
        "provider": provider,
        "amount": 5 * TBND,
        "shares": 5 * TBND,
        "active": 5 * TBND,
    }
    assert chain.call("ProviderStaking", "freeOf", provider) == 5 * TBND
    assert stake_of(chain, provider).shares == 5 * TBND


def test_stake__top_up__moves_no_lock_and_no_date(chain: Chain, provider: str, staked: int) -> None:
    lock_as(chain, "DeviceRegistry", provider, 10 * TBND)
    request = unbond_as(chain, provider, 20 * TBND)
    waiting = chain.call("ProviderStaking", "requestOf", provider, request)
    approve(chain, provider, 1)

    with moving(chain, total=1, held=1, provider_balance=-1, provider_active=1):
        sent = chain.send("ProviderStaking", "stake", 1, sender=provider)

    assert sent.event("StakeDeposited")["active"] == staked - 20 * TBND + 1
    assert chain.call("ProviderStaking", "requestOf", provider, request) == waiting


def test_stake__zero__reverts(chain: Chain, provider: str) -> None:
    with chain.reverts("AmountZero"):
        chain.send("ProviderStaking", "stake", 0, sender=provider)


def test_stake__without_allowance__reverts(chain: Chain, provider: str) -> None:
    with chain.reverts(
        "ERC20InsufficientAllowance", spender=chain.address["ProviderStaking"], allowance=0, needed=1
    ):
        chain.send("ProviderStaking", "stake", 1, sender=provider)


def test_stake__more_than_held__reverts(chain: Chain, provider: str) -> None:
    balance = chain.balance("TensorbondToken", provider)
    approve(chain, provider, balance + 1)

    with chain.reverts("ERC20InsufficientBalance", sender=provider, balance=balance, needed=balance + 1):
        chain.send("ProviderStaking", "stake", balance + 1, sender=provider)


@pytest.mark.parametrize("amount", [2**96, 2**256 - 1])
def test_stake__more_than_a_pool_can_hold__fails_at_the_transfer(
    chain: Chain, provider: str, amount: int
) -> None:
    """It is added without a check of its own: there is no such sum."""
    staking, held = chain.address["ProviderStaking"], chain.balance("TensorbondToken", provider)
    chain.send("TensorbondToken", "approve", staking, 2**256 - 1, sender=provider)

    with (
        moving(chain),
        chain.reverts("ERC20InsufficientBalance", sender=provider, balance=held, needed=amount),
    ):
        chain.send("ProviderStaking", "stake", amount, sender=provider)


def test_stake__tokens_sent_without_it__change_no_total(chain: Chain, stranger: str, provider: str) -> None:
    with moving(chain, held=TBND, provider_balance=-TBND):
        chain.send("TensorbondToken", "transfer", chain.address["ProviderStaking"], TBND, sender=provider)

    stake_as(chain, provider, TBND)
    assert stake_of(chain, provider).shares == TBND


def test_stake__beside_delegators_after_a_slash__buys_shares_at_their_price(
    chain: Chain, provider: str, other_provider: str, staked: int
) -> None:
    delegate_as(chain, other_provider, provider, staked)
    lock_and_slash(chain, provider, staked // 2)

    sent = stake_as(chain, provider, 3 * TBND)

    assert sent.event("StakeDeposited") == {
        "provider": provider,
        "amount": 3 * TBND,
        "shares": 4 * TBND,
        "active": staked * 3 // 2 + 3 * TBND,
    }
    assert stake_of(chain, provider).shares == 2 * staked + 4 * TBND


def test_stake__after_a_slash_with_a_remainder__rounds_the_shares_down(
    chain: Chain, provider: str, other_provider: str
) -> None:
    stake_as(chain, provider, 7 * TBND)
    delegate_as(chain, other_provider, provider, 3 * TBND)
    lock_and_slash(chain, provider, 3 * TBND)

    sent = stake_as(chain, provider, 1)

    assert sent.event("StakeDeposited")["shares"] == 1  # ⌊1 · 10 / 7⌋
    assert stake_of(chain, provider).shares == 10 * TBND + 1


@pytest.mark.parametrize(
    ("left", "generation", "shares"), [(0, 3, 1), (1, 2, 2_000 * TBND >> 64), (2**39, 0, 2_000 * TBND >> 39)]
)
def test_stake__after_losing_all_but_dust__buys_shares_at_what_they_are_worth(
    chain: Chain, provider: str, other_provider: str, staked: int, left: int, generation: int, shares: int
) -> None:
    """One to one where nothing was left."""
    delegate_as(chain, other_provider, provider, staked)
    lock_and_slash(chain, provider, 2 * staked - left)
    before = stake_of(chain, provider)

    bought = stake_as(chain, provider, 500_000 * TBND).event("StakeDeposited")["shares"]

    stake = stake_of(chain, provider)
    assert (stake.generation, stake.active) == (generation, 500_000 * TBND + left)
    assert stake.shares == before.shares + bought
    assert bought // (500_000 * TBND) == shares
    assert worth_of(chain, other_provider, provider) == left // 2


def test_stake__less_than_a_share_is_worth__reverts(chain: Chain, provider: str, other_provider: str) -> None:
    stake_as(chain, provider, 2 * TBND)
    delegate_as(chain, other_provider, provider, TBND)
    reward_as(chain, provider, 30 * TBND)
    chain.mine(300)
    chain.send("ProviderStaking", "release", provider, sender=provider)
    approve(chain, provider, 1)

    with moving(chain), chain.reverts("SharesZero", provider=provider, amount=1):
        chain.send("ProviderStaking", "stake", 1, sender=provider)
