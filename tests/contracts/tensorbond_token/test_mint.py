from __future__ import annotations

import pytest

from tests.acts import TBND, ZERO_ADDRESS
from tests.chain import Chain

pytestmark = pytest.mark.chain


def test_mint__by_rewards__creates_exactly_the_amount(chain: Chain, stranger: str, provider: str) -> None:
    supply, bystander = (
        chain.call("TensorbondToken", "totalSupply"),
        chain.balance("TensorbondToken", provider),
    )

    sent = chain.send("TensorbondToken", "mint", stranger, 7 * TBND, sender=chain.impersonate("Rewards"))

    assert sent.event("Transfer") == {"from": ZERO_ADDRESS, "to": stranger, "value": 7 * TBND}
    assert chain.balance("TensorbondToken", stranger) == 7 * TBND
    assert chain.call("TensorbondToken", "totalSupply") == supply + 7 * TBND
    assert chain.balance("TensorbondToken", provider) == bystander


@pytest.mark.parametrize("account", ["governor", "treasury", "stranger"])
def test_mint__by_anyone_else__reverts(chain: Chain, account: str, request: pytest.FixtureRequest) -> None:
    sender = request.getfixturevalue(account)

    with chain.reverts("MinterOnly", account=sender):
        chain.send("TensorbondToken", "mint", sender, 1, sender=sender)


@pytest.mark.parametrize("contract", ["ProviderStaking", "JobEscrow"])
def test_mint__by_another_contract__reverts(chain: Chain, stranger: str, contract: str) -> None:
    with chain.reverts("MinterOnly", account=chain.address[contract]):
        chain.send("TensorbondToken", "mint", stranger, 1, sender=chain.impersonate(contract))


def test_mint__up_to_the_cap__leaves_no_wei_over(bare_chain: Chain) -> None:
    minter, holder, *_ = bare_chain.accounts
    token = bare_chain.deploy("TensorbondToken", minter, holder, 500_000_000 * TBND)
    cap = 1_000_000_000 * TBND

    bare_chain.send(token, "mint", holder, 500_000_000 * TBND, sender=minter)

    assert bare_chain.call(token, "totalSupply") == cap
    with bare_chain.reverts("CapExceeded", have=cap + 1, most=cap):
        bare_chain.send(token, "mint", holder, 1, sender=minter)
