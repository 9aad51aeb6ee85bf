from __future__ import annotations

import pytest

from tests.acts import TBND
from tests.chain import Chain

from .staking import lock_as, moving

pytestmark = pytest.mark.chain


@pytest.mark.parametrize("locker", ["DeviceRegistry", "JobEscrow"])
def test_lock__by_a_peer__sets_free_stake_aside(
    chain: Chain, provider: str, staked: int, locker: str
) -> None:
    lock_as(chain, "DeviceRegistry", provider, 3 * TBND)

    with moving(chain, provider_locked=10 * TBND):
        sent = lock_as(chain, locker, provider, 10 * TBND)

    assert sent.event("StakeLocked") == {
        "provider": provider,
        "locker": chain.address[locker],
        "amount": 10 * TBND,
        "locked": 13 * TBND,
    }
    assert chain.call("ProviderStaking", "freeOf", provider) == staked - 13 * TBND


@pytest.mark.parametrize("account", ["provider", "governor", "stranger"])
def test_lock__by_anyone_else__reverts(
    chain: Chain, provider: str, staked: int, account: str, request: pytest.FixtureRequest
) -> None:
    sender = request.getfixturevalue(account)

    with chain.reverts("LockerOnly", account=sender):
        chain.send("ProviderStaking", "lock", provider, 1, sender=sender)


def test_lock__by_the_disputes__reverts(chain: Chain, provider: str, staked: int) -> None:
    with chain.reverts("LockerOnly", account=chain.address["WorkDisputes"]):
        lock_as(chain, "WorkDisputes", provider, 1)


def test_lock__all_that_is_free__leaves_nothing_free(chain: Chain, provider: str, staked: int) -> None:
    lock_as(chain, "JobEscrow", provider, staked)

    assert chain.call("ProviderStaking", "freeOf", provider) == 0


def test_lock__one_wei_more_than_is_free__reverts(chain: Chain, provider: str, staked: int) -> None:
    lock_as(chain, "JobEscrow", provider, TBND)
    free = staked - TBND

    with chain.reverts("FreeStakeInsufficient", provider=provider, have=free, need=free + 1):
        lock_as(chain, "DeviceRegistry", provider, free + 1)
