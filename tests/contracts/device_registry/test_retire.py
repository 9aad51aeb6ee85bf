from __future__ import annotations

from dataclasses import replace

import pytest

from tests.acts import current_epoch, mine_to_slot, timing
from tests.chain import Chain

from .registry import as_peer, device_of, is_active, locked, schedule

pytestmark = pytest.mark.chain


def retire(chain: Chain, device: int, sender: str) -> int:
    """Returns the first slot in which the device is no longer drawn."""
    return int(
        chain.send("DeviceRegistry", "retire", device, sender=sender).event("DeviceRetired")["untilSlot"]
    )


def test_retire__by_the_provider__ends_with_the_next_epoch(chain: Chain, provider: str, device: int) -> None:
    mine_to_slot(chain, 9)
    before, bond = device_of(chain, device), locked(chain, provider)

    sent = chain.send("DeviceRegistry", "retire", device, sender=provider)

    assert sent.event("DeviceRetired") == {"device": device, "provider": provider, "untilSlot": 16}
    assert device_of(chain, device) == replace(before, until_slot=16)
    assert is_active(chain, device, 15)
    assert not is_active(chain, device, 16)
    assert locked(chain, provider) == bond


def test_retire__before_its_first_epoch__still_serves_it(chain: Chain, provider: str, device: int) -> None:
    epoch = current_epoch(chain)

    until = retire(chain, device, provider)

    assert until == (epoch + 2) * 4
    assert is_active(chain, device, until - 1)


@pytest.mark.parametrize("account", ["governor", "operator", "other_provider"])
def test_retire__by_anyone_else__reverts(
    chain: Chain, provider: str, device: int, account: str, request: pytest.FixtureRequest
) -> None:
    sender = request.getfixturevalue(account)

    with chain.reverts("ProviderOnly", account=sender, provider=provider):
        retire(chain, device, sender)


def test_retire__twice__reverts(chain: Chain, provider: str, device: int) -> None:
    until = retire(chain, device, provider)

    with chain.reverts("DeviceRetiredAlready", device=device, untilSlot=until):
        retire(chain, device, provider)


def test_retire__suspended__reverts(chain: Chain, provider: str, device: int) -> None:
    mine_to_slot(chain, 5, 2)
    as_peer(chain, "WorkDisputes", "suspend", device, 0)

    with chain.reverts("DeviceRetiredAlready", device=device, untilSlot=6):
        retire(chain, device, provider)


@pytest.mark.parametrize("device_id", [0, 2])
def test_retire__unknown__reverts(chain: Chain, provider: str, device: int, device_id: int) -> None:
    with chain.reverts("DeviceUnknown", device=device_id):
        retire(chain, device_id, provider)


def test_retire__into_an_epoch_of_other_timing__counts_slots_by_that_one(
    chain: Chain, provider: str, device: int
) -> None:
    mine_to_slot(chain, 4)  # epoch 1
    schedule(chain, replace(timing(chain), from_epoch=3, epoch_slots=2))
    mine_to_slot(chain, 8)  # epoch 2

    # Epoch 3 has slots 12 and 13, epoch 4 starts with 14.
    assert retire(chain, device, provider) == 14
