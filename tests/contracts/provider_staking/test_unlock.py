from __future__ import annotations

import pytest

from tests.acts import TBND
from tests.chain import Chain

from .staking import lock_as, moving, unlock_as

pytestmark = pytest.mark.chain


@pytest.mark.parametrize("locker", ["DeviceRegistry", "JobEscrow"])
def test_unlock__by_a_peer__gives_it_back(chain: Chain, provider: str, staked: int, locker: str) -> None:
    lock_as(chain, locker, provider, 10 * TBND)

    with moving(chain, provider_locked=-4 * TBND):
        sent = unlock_as(chain, locker, provider, 4 * TBND)

    assert sent.event("StakeUnlocked") == {
        "provider": provider,
        "locker": chain.address[locker],
        "amount": 4 * TBND,
        "locked": 6 * TBND,
    }
    assert chain.call("ProviderStaking", "freeOf", provider) == staked - 6 * TBND


@pytest.mark.parametrize("account", ["provider", "governor", "stranger"])
def test_unlock__by_anyone_else__reverts(
    chain: Chain, provider: str, staked: int, account: str, request: pytest.FixtureRequest
) -> None:
    lock_as(chain, "JobEscrow", provider, TBND)
    sender = request.getfixturevalue(account)

    with chain.reverts("LockerOnly", account=sender):
        chain.send("ProviderStaking", "unlock", provider, 1, sender=sender)


def test_unlock__more_than_is_locked__reverts(chain: Chain, provider: str, staked: int) -> None:
    lock_as(chain, "JobEscrow", provider, TBND)

    with chain.reverts("LockedInsufficient", provider=provider, have=TBND, need=TBND + 1):
        unlock_as(chain, "JobEscrow", provider, TBND + 1)
