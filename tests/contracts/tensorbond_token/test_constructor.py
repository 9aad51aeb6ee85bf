from __future__ import annotations

import pytest

from tests.acts import TBND
from tests.chain import Chain

pytestmark = pytest.mark.chain


def test_constructor__half_of_the_cap__is_the_holders(bare_chain: Chain) -> None:
    minter, holder, *_ = bare_chain.accounts
    token = bare_chain.deploy("TensorbondToken", minter, holder, 500_000_000 * TBND)

    assert bare_chain.call(token, "name") == "Tensorbond"
    assert bare_chain.call(token, "symbol") == "TBND"
    assert bare_chain.call(token, "decimals") == 18
    assert bare_chain.call(token, "CAP") == 1_000_000_000 * TBND
    assert bare_chain.call(token, "totalSupply") == 500_000_000 * TBND
    assert bare_chain.balance(token, holder) == 500_000_000 * TBND
    assert bare_chain.balance(token, minter) == 0


def test_constructor__more_than_half_of_the_cap__reverts(bare_chain: Chain) -> None:
    minter, holder, *_ = bare_chain.accounts

    with bare_chain.reverts("CapExceeded", have=500_000_000 * TBND + 1, most=500_000_000 * TBND):
        bare_chain.deploy("TensorbondToken", minter, holder, 500_000_000 * TBND + 1)


def test_test_dollar__of_the_test_networks__has_six_decimals(chain: Chain) -> None:
    assert chain.call("TestDollar", "decimals") == 6
