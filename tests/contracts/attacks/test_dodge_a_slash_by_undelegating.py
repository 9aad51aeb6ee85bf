"""A delegator who sees a fraud proof coming leaves, or walks out and in again: it pays like who stays."""

from __future__ import annotations

import pytest

from tests.acts import TBND, ZERO_ADDRESS, delegate_as, stake_as
from tests.chain import Chain

pytestmark = pytest.mark.chain

ALL = 2**256 - 1


@pytest.mark.parametrize("course", [(), ("leave",), ("leave", "wait"), ("leave", "return")])
def test_slash__whatever_the_delegator_did_before__takes_the_same(
    chain: Chain, provider: str, other_provider: str, requester: str, course: tuple[str, ...]
) -> None:
    stake_as(chain, provider, 200 * TBND)
    for delegator in (other_provider, requester):
        delegate_as(chain, delegator, provider, 100 * TBND)
    registry = chain.impersonate("DeviceRegistry")
    chain.send("ProviderStaking", "lock", provider, 80 * TBND, sender=registry)
    for act in course:
        if act == "leave":
            chain.send("ProviderStaking", "undelegate", provider, ALL, sender=other_provider)
        elif act == "return":
            chain.send("ProviderStaking", "rebondDelegated", provider, ALL, sender=other_provider)
        else:
            chain.mine(300)

    slash = provider, 80 * TBND, ZERO_ADDRESS, 0, ZERO_ADDRESS, 0, 3, bytes(32)
    chain.send("ProviderStaking", "slash", *slash, sender=chain.impersonate("WorkDisputes"))

    if course in ((), ("leave", "return")):
        chain.send("ProviderStaking", "undelegate", provider, ALL, sender=other_provider)
    chain.mine(300)
    before = chain.balance("TensorbondToken", other_provider)
    chain.send("ProviderStaking", "withdrawDelegated", provider, sender=other_provider)
    assert chain.balance("TensorbondToken", other_provider) - before == 80 * TBND
    assert chain.call("ProviderStaking", "delegatedOf", provider, requester) == 80 * TBND
