"""What was wrong with others' stake contracts, tried on ours."""

from __future__ import annotations

import pytest

from tests.acts import TBND, delegate_as, stake_as
from tests.chain import Chain

from .staking import lock_as, slash_as, stake_of, unbond_as, withdraw_as

pytestmark = pytest.mark.chain


def test_prime_intellect__slash_jumps_over_a_matured_entry__stays_withdrawable(
    chain: Chain, provider: str
) -> None:
    """Stake 1000, unbond 400, wait, unbond 300, slash 500: the 400 could never be withdrawn again."""
    stake_as(chain, provider, 1_000 * TBND)
    lock_as(chain, "DeviceRegistry", provider, 300 * TBND)
    unbond_as(chain, provider, 400 * TBND)
    chain.mine(300)
    unbond_as(chain, provider, 300 * TBND)

    slash_as(chain, "JobEscrow", provider, 300 * TBND)

    paid = withdraw_as(chain, provider).event("StakeWithdrawn")["amount"]
    assert paid == 400 * TBND * 700 // 1_000
    chain.mine(300)
    assert withdraw_as(chain, provider).event("StakeWithdrawn")["amount"] == 300 * TBND * 700 // 1_000


def test_prime_intellect__slashed_tokens_go_to_the_slasher__are_burned(chain: Chain, provider: str) -> None:
    stake_as(chain, provider, 10 * TBND)
    lock_as(chain, "JobEscrow", provider, 10 * TBND)
    supply = chain.call("TensorbondToken", "totalSupply")

    slash_as(chain, "JobEscrow", provider, 10 * TBND)

    assert chain.balance("TensorbondToken", "JobEscrow") == 0
    assert chain.call("TensorbondToken", "totalSupply") == supply - 10 * TBND


def test_prime_intellect__event_after_the_delete__tells_what_was_paid(chain: Chain, provider: str) -> None:
    """The event of a withdrawal was emitted from a deleted entry, with amount 0."""
    stake_as(chain, provider, 10 * TBND)
    unbond_as(chain, provider, 7 * TBND)
    chain.mine(300)

    event = withdraw_as(chain, provider).event("StakeWithdrawn")

    assert (event["request"], event["amount"], event["unbonding"]) == (0, 7 * TBND, 0)


def test_lilypad__top_up_resets_the_lock__moves_no_date_and_no_lock(chain: Chain, provider: str) -> None:
    stake_as(chain, provider, 10 * TBND)
    lock_as(chain, "JobEscrow", provider, 2 * TBND)
    unbond_as(chain, provider, 3 * TBND)
    before = chain.call("ProviderStaking", "requestOf", provider, 0)

    stake_as(chain, provider, TBND)

    assert chain.call("ProviderStaking", "requestOf", provider, 0) == before
    assert stake_of(chain, provider).locked == 2 * TBND


def test_lilypad__integer_division_makes_every_scale_one__shares_are_exact(
    chain: Chain, provider: str, other_provider: str
) -> None:
    stake_as(chain, provider, 3 * TBND)
    delegate_as(chain, other_provider, provider, 1 * TBND)
    lock_as(chain, "JobEscrow", provider, TBND)

    slash_as(chain, "JobEscrow", provider, TBND)

    assert chain.call("ProviderStaking", "delegatedOf", provider, other_provider) == 3 * TBND // 4


def test_graph__delegators_pay_a_slash_last__pay_it_alike(
    chain: Chain, provider: str, other_provider: str
) -> None:
    stake_as(chain, provider, 100 * TBND)
    delegate_as(chain, other_provider, provider, 100 * TBND)
    lock_as(chain, "JobEscrow", provider, 20 * TBND)

    slash_as(chain, "JobEscrow", provider, 20 * TBND)

    assert chain.call("ProviderStaking", "delegatedOf", provider, other_provider) == 90 * TBND


def test_kleros_2162__queued_exits_skipped__wait_and_are_told(chain: Chain, provider: str) -> None:
    """What a call did not reach of a queue was dropped in silence: here the 33rd exit waits for the next."""
    stake_as(chain, provider, 10 * TBND)
    for _ in range(33):
        unbond_as(chain, provider, 1)
    chain.mine(300)

    served = [event["request"] for event in withdraw_as(chain, provider).all("StakeWithdrawn")]
    assert served == list(range(32))
    assert chain.call("ProviderStaking", "withdrawableOf", provider) == 1
    assert withdraw_as(chain, provider).event("StakeWithdrawn") == {
        "provider": provider,
        "request": 32,
        "amount": 1,
        "unbonding": 0,
    }
