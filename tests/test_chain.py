"""The tests' own client: an expectation that is not met must fail."""

from __future__ import annotations

import pytest

from tests.acts import TBND, stake_as
from tests.chain import Chain, Reverted


def overdraw(chain: Chain, provider: str) -> None:
    chain.send("ProviderStaking", "unbond", 6, sender=provider)


def test_reverts__the_error_as_expected__passes(chain: Chain, provider: str) -> None:
    with chain.reverts("FreeStakeInsufficient", provider=provider, have=0, need=6):
        overdraw(chain, provider)
    with chain.reverts("FreeStakeInsufficient", provider=provider.lower(), have=0, need=6):
        chain.call("ProviderStaking", "unbond", 6, sender=provider)


def test_reverts__anything_else__fails(chain: Chain, provider: str) -> None:
    stake_as(chain, provider, TBND)
    for error, args in (
        ("SharesZero", {"amount": 0}),
        ("FreeStakeInsufficient", {}),
        ("FreeStakeInsufficient", {"have": TBND, "need": 2 * TBND}),
        ("FreeStakeInsufficient", {"provider": provider, "have": TBND, "need": 2 * TBND + 1}),
    ):
        with pytest.raises(AssertionError), chain.reverts(error, **args):
            chain.send("ProviderStaking", "unbond", 2 * TBND, sender=provider)
    with pytest.raises(pytest.fail.Exception), chain.reverts("FreeStakeInsufficient", provider=provider):
        chain.send("ProviderStaking", "unbond", 1, sender=provider)


def test_send__reverted__names_the_contract_that_reverted(chain: Chain, stranger: str) -> None:
    with pytest.raises(Reverted) as caught:
        chain.send("DeviceRegistry", "register", 0, 10, 1, sender=stranger)
    assert (caught.value.contract, caught.value.error) == ("ProviderStaking", "FreeStakeInsufficient")


def test_send__out_of_gas__is_not_taken_for_a_refusal(chain: Chain, provider: str) -> None:
    with pytest.raises(Reverted) as caught:
        chain.send("ProviderStaking", "unbond", 6, sender=provider, gas=22_500)
    assert "gas" in caught.value.error.lower()


def test_impersonate__a_peer__may_act_as_it(chain: Chain, provider: str) -> None:
    stake_as(chain, provider, 5 * TBND)
    escrow = chain.impersonate("JobEscrow")
    sent = chain.send("ProviderStaking", "lock", provider, TBND, sender=escrow)
    assert sent.event("StakeLocked") == {
        "provider": provider,
        "locker": escrow,
        "amount": TBND,
        "locked": TBND,
    }


def test_event__none_or_two__fails(chain: Chain, provider: str) -> None:
    sent = stake_as(chain, provider, TBND)
    with pytest.raises(AssertionError, match="0 × OperatorSet"):
        sent.event("OperatorSet")


@pytest.mark.parametrize("turn", [1, 2])
def test_chain__each_test__starts_from_the_same_state(chain: Chain, provider: str, turn: int) -> None:
    assert chain.call("ProviderStaking", "totalStaked") == 0
    assert "Another" not in chain.address
    stake_as(chain, provider, TBND)
    chain.register("Another", provider, "TensorbondToken")
