from __future__ import annotations

import pytest

from tests.acts import TBND, ZERO_ADDRESS
from tests.chain import Chain

pytestmark = pytest.mark.chain


def test_burn__own_tokens__lowers_balance_and_supply(
    chain: Chain, provider: str, other_provider: str
) -> None:
    supply = chain.call("TensorbondToken", "totalSupply")
    bystander = chain.balance("TensorbondToken", other_provider)

    sent = chain.send("TensorbondToken", "burn", 3 * TBND, sender=provider)

    assert sent.event("Transfer") == {"from": provider, "to": ZERO_ADDRESS, "value": 3 * TBND}
    assert chain.balance("TensorbondToken", provider) == 1_000_000 * TBND - 3 * TBND
    assert chain.call("TensorbondToken", "totalSupply") == supply - 3 * TBND
    assert chain.balance("TensorbondToken", other_provider) == bystander


def test_burn__more_than_held__reverts(chain: Chain, stranger: str) -> None:
    with chain.reverts("ERC20InsufficientBalance", sender=stranger, balance=0, needed=1):
        chain.send("TensorbondToken", "burn", 1, sender=stranger)


def test_burn__below_the_cap__makes_room_for_minting(bare_chain: Chain) -> None:
    minter, holder, *_ = bare_chain.accounts
    token = bare_chain.deploy("TensorbondToken", minter, holder, 500_000_000 * TBND)
    bare_chain.send(token, "mint", holder, 500_000_000 * TBND, sender=minter)
    bare_chain.send(token, "burn", 2, sender=holder)

    bare_chain.send(token, "mint", minter, 2, sender=minter)

    assert bare_chain.balance(token, minter) == 2
    assert bare_chain.call(token, "totalSupply") == 1_000_000_000 * TBND
