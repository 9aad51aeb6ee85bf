from __future__ import annotations

import pytest

from tests.acts import TBND, current_slot, delegate_as, register_as, stake_as
from tests.chain import Chain, Sent

pytestmark = pytest.mark.chain

EPOCH_BLOCKS = 40


@pytest.fixture
def device(chain: Chain, provider: str, other_provider: str) -> int:
    """Bonded with 100 TBND, of which the owner has 60 and a delegator 40."""
    stake_as(chain, provider, 60 * TBND)
    delegate_as(chain, other_provider, provider, 40 * TBND)
    return register_as(chain, provider, gops=100)


def leave(chain: Chain, delegator: str, provider: str) -> int:
    """The delegator takes all; the block in which it did."""
    return chain.send("ProviderStaking", "undelegate", provider, 2**256 - 1, sender=delegator).block


def suspend(chain: Chain, device: int, stranger: str) -> Sent:
    return chain.send("DeviceRegistry", "suspendUncovered", device, sender=stranger)


def test_suspend_uncovered__short_for_longer_than_an_epoch__ends_the_device(
    chain: Chain, provider: str, other_provider: str, stranger: str, device: int
) -> None:
    since = leave(chain, other_provider, provider)
    chain.mine_to(since + EPOCH_BLOCKS)

    sent = suspend(chain, device, stranger)

    until = current_slot(chain) + 1
    assert sent.event("DeviceSuspended") == {"device": device, "provider": provider, "untilSlot": until}
    assert chain.call("DeviceRegistry", "deviceOf", device).until_slot == until
    assert not chain.call("DeviceRegistry", "isActive", device, until)
    # The bond stays locked until it is discharged.
    assert chain.call("ProviderStaking", "stakeOf", provider).locked == 100 * TBND


def test_suspend_uncovered__in_the_grace__reverts(
    chain: Chain, provider: str, other_provider: str, stranger: str, device: int
) -> None:
    since = leave(chain, other_provider, provider)
    chain.mine_to(since + EPOCH_BLOCKS - 1)

    with chain.reverts("GraceRunning", provider=provider, since=since, graceUntil=since + EPOCH_BLOCKS):
        suspend(chain, device, stranger)


def test_suspend_uncovered__of_a_covered_provider__reverts(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    with chain.reverts("ProviderCovered", provider=provider):
        suspend(chain, device, stranger)


def test_suspend_uncovered__after_a_top_up__reverts(
    chain: Chain, provider: str, other_provider: str, stranger: str, device: int
) -> None:
    leave(chain, other_provider, provider)
    chain.mine(EPOCH_BLOCKS)
    stake_as(chain, provider, 40 * TBND)

    with chain.reverts("ProviderCovered", provider=provider):
        suspend(chain, device, stranger)


def test_suspend_uncovered__where_vested_rewards_cover__reverts(
    chain: Chain, provider: str, other_provider: str, stranger: str, device: int
) -> None:
    """Nobody can suspend a provider for not having called `release`."""
    leave(chain, other_provider, provider)
    rewards, staking = chain.impersonate("Rewards"), chain.address["ProviderStaking"]
    chain.send("TensorbondToken", "mint", staking, 40 * TBND, sender=rewards)
    chain.send("ProviderStaking", "distribute", provider, 40 * TBND, sender=rewards)
    chain.mine(300)

    with chain.reverts("ProviderCovered", provider=provider):
        suspend(chain, device, stranger)


def test_suspend_uncovered__twice__reverts(
    chain: Chain, provider: str, other_provider: str, stranger: str, device: int
) -> None:
    leave(chain, other_provider, provider)
    chain.mine(EPOCH_BLOCKS)
    until = suspend(chain, device, stranger).event("DeviceSuspended")["untilSlot"]

    with chain.reverts("DeviceRetiredAlready", device=device, untilSlot=until):
        suspend(chain, device, stranger)


def test_suspend_uncovered__another_providers_device__reverts(
    chain: Chain, provider: str, other_provider: str, stranger: str, device: int
) -> None:
    stake_as(chain, other_provider, 100 * TBND)
    theirs = register_as(chain, other_provider, gops=10)
    leave(chain, other_provider, provider)
    chain.mine(EPOCH_BLOCKS)

    with chain.reverts("ProviderCovered", provider=other_provider):
        suspend(chain, theirs, stranger)


def test_register__short_provider__reverts(
    chain: Chain, provider: str, other_provider: str, device: int
) -> None:
    leave(chain, other_provider, provider)

    with chain.reverts("FreeStakeInsufficient", provider=provider, have=0, need=TBND):
        register_as(chain, provider, gops=1)
