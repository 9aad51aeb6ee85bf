from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import Device
from tests.acts import mine_to_slot
from tests.chain import Chain, Sent

from .registry import OPEN, as_peer, device_of, is_active

pytestmark = pytest.mark.chain


def hold(chain: Chain, device: int, slot: int) -> Sent:
    return as_peer(chain, "JobEscrow", "hold", device, slot)


@pytest.fixture
def active(chain: Chain, device: int) -> int:
    """A device in slot 5, active since slot 4."""
    mine_to_slot(chain, 5, 2)
    return device


def test_hold__an_active_device__binds_it(chain: Chain, provider: str, active: int) -> None:
    before = device_of(chain, active)

    sent = hold(chain, active, 7)

    assert sent.event("DeviceHeld") == {"device": active}
    assert device_of(chain, active) == replace(before, held=True)
    assert is_active(chain, active, 7)


def test_hold__with_a_call__returns_the_device(chain: Chain, provider: str, active: int) -> None:
    escrow = chain.address["JobEscrow"]

    found = chain.call("DeviceRegistry", "hold", active, 7, sender=escrow)

    assert found == Device(provider, 1, OPEN, 10, 0, True)


@pytest.mark.parametrize("account", ["provider", "governor", "stranger"])
def test_hold__by_anyone_else__reverts(
    chain: Chain, active: int, account: str, request: pytest.FixtureRequest
) -> None:
    sender = request.getfixturevalue(account)

    with chain.reverts("JobEscrowOnly", account=sender):
        chain.send("DeviceRegistry", "hold", active, 7, sender=sender)


def test_hold__held_already__reverts(chain: Chain, active: int) -> None:
    hold(chain, active, 7)

    with chain.reverts("DeviceHeldAlready", device=active):
        hold(chain, active, 8)


@pytest.mark.parametrize("device_id", [0, 2])
def test_hold__unknown__reverts(chain: Chain, active: int, device_id: int) -> None:
    with chain.reverts("DeviceUnknown", device=device_id):
        hold(chain, device_id, 7)


def test_hold__for_a_slot_before_its_first_epoch__reverts(chain: Chain, device: int) -> None:
    with chain.reverts("DeviceNotActive", device=device, slot=3):
        hold(chain, device, 3)


def test_hold__for_its_first_slot__binds_it(chain: Chain, device: int) -> None:
    hold(chain, device, 4)

    assert device_of(chain, device).held


def test_hold__retiring_before_the_slot__reverts(chain: Chain, provider: str, active: int) -> None:
    chain.send("DeviceRegistry", "retire", active, sender=provider)

    with chain.reverts("DeviceNotActive", device=active, slot=12):
        hold(chain, active, 12)
    hold(chain, active, 11)


def test_hold__suspended__reverts(chain: Chain, active: int) -> None:
    as_peer(chain, "WorkDisputes", "suspend", active)

    with chain.reverts("DeviceNotActive", device=active, slot=6):
        hold(chain, active, 6)
