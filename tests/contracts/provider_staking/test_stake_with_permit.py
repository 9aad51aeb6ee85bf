from __future__ import annotations

import pytest

from tests.acts import TBND
from tests.chain import Chain, Sent

from ..permits import TokenPermit, send_permit, sign_permit
from .staking import moving

pytestmark = pytest.mark.chain


def stake_with(chain: Chain, permit: TokenPermit, sender: str) -> Sent:
    return chain.send(
        "ProviderStaking",
        "stakeWithPermit",
        permit.value,
        permit.deadline,
        permit.v,
        permit.r,
        permit.s,
        sender=sender,
    )


@pytest.fixture
def permit(chain: Chain, provider: str) -> TokenPermit:
    return sign_permit(chain, provider, chain.address["ProviderStaking"], 5 * TBND)


def test_stake_with_permit__signed_by_the_caller__stakes_without_an_approval(
    chain: Chain, provider: str, permit: TokenPermit
) -> None:
    with moving(chain, total=5 * TBND, held=5 * TBND, provider_balance=-5 * TBND, provider_active=5 * TBND):
        sent = stake_with(chain, permit, provider)

    assert sent.event("StakeDeposited") == {
        "provider": provider,
        "amount": 5 * TBND,
        "shares": 5 * TBND,
        "active": 5 * TBND,
    }
    assert chain.call("TensorbondToken", "allowance", provider, chain.address["ProviderStaking"]) == 0


def test_stake_with_permit__sent_ahead_by_a_stranger__stakes_all_the_same(
    chain: Chain, provider: str, stranger: str, permit: TokenPermit
) -> None:
    send_permit(chain, permit, stranger)

    with moving(chain, total=5 * TBND, held=5 * TBND, provider_balance=-5 * TBND, provider_active=5 * TBND):
        stake_with(chain, permit, provider)


@pytest.mark.parametrize("fault", ["expired", "of another signer", "of another spender"])
def test_stake_with_permit__bad_permit__reverts_for_the_missing_allowance(
    chain: Chain, provider: str, stranger: str, fault: str
) -> None:
    staking = chain.address["ProviderStaking"]
    permit = {
        "expired": lambda: sign_permit(chain, provider, staking, 5 * TBND, deadline=chain.timestamp - 1),
        "of another signer": lambda: sign_permit(chain, provider, staking, 5 * TBND, signer=stranger),
        "of another spender": lambda: sign_permit(chain, provider, stranger, 5 * TBND),
    }[fault]()

    with chain.reverts("ERC20InsufficientAllowance", spender=staking, allowance=0, needed=5 * TBND):
        stake_with(chain, permit, provider)


def test_stake_with_permit__by_a_stranger__does_not_stake_the_signers_tokens(
    chain: Chain, provider: str, stranger: str, permit: TokenPermit
) -> None:
    with (
        moving(chain),
        chain.reverts(
            "ERC20InsufficientAllowance",
            spender=chain.address["ProviderStaking"],
            allowance=0,
            needed=5 * TBND,
        ),
    ):
        stake_with(chain, permit, stranger)
