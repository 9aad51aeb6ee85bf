from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import FaultCost
from tests.acts import mine_to_slot
from tests.chain import Chain

from .registry import as_peer, device_of, is_active, locked

pytestmark = pytest.mark.chain


def test_suspend__by_the_disputes__ends_with_the_current_slot(
    chain: Chain, provider: str, device: int
) -> None:
    mine_to_slot(chain, 5, 9 - 1)  # the next block is the slot's last
    before, bond = device_of(chain, device), locked(chain, provider)

    sent = as_peer(chain, "WorkDisputes", "suspend", device, 5)

    assert sent.event("DeviceSuspended") == {"device": device, "provider": provider, "untilSlot": 6}
    assert device_of(chain, device) == replace(before, until_slot=6)
    assert is_active(chain, device, 5)
    assert not is_active(chain, device, 6)
    assert locked(chain, provider) == bond


def test_suspend__when_simulated__tells_who_pays_and_of_what(
    chain: Chain, provider: str, device: int
) -> None:
    bond = locked(chain, provider)
    as_peer(chain, "WorkDisputes", "debit", device, 7)
    terms = chain.call("DeviceRegistry", "classOf", device_of(chain, device).class_id)
    cost = chain.call("DeviceRegistry", "suspend", device, 9, sender=chain.address["WorkDisputes"])
    assert cost == FaultCost(provider, bond, bond - 7, terms.fault_bps, 2)


def test_suspend__retiring_later__ends_earlier(chain: Chain, provider: str, device: int) -> None:
    mine_to_slot(chain, 5)
    chain.send("DeviceRegistry", "retire", device, sender=provider)

    as_peer(chain, "WorkDisputes", "suspend", device, 5)

    assert device_of(chain, device).until_slot == 6


def test_suspend__suspended_already__changes_nothing(chain: Chain, device: int) -> None:
    mine_to_slot(chain, 5)
    as_peer(chain, "WorkDisputes", "suspend", device, 5)
    mine_to_slot(chain, 9)

    sent = as_peer(chain, "WorkDisputes", "suspend", device, 5)

    assert sent.events == []
    assert device_of(chain, device).until_slot == 6


@pytest.mark.parametrize("account", ["provider", "governor", "stranger"])
def test_suspend__by_anyone_else__reverts(
    chain: Chain, device: int, account: str, request: pytest.FixtureRequest
) -> None:
    sender = request.getfixturevalue(account)

    with chain.reverts("WorkDisputesOnly", account=sender):
        chain.send("DeviceRegistry", "suspend", device, 5, sender=sender)


def test_suspend__by_the_escrow__reverts(chain: Chain, device: int) -> None:
    with chain.reverts("WorkDisputesOnly", account=chain.address["JobEscrow"]):
        as_peer(chain, "JobEscrow", "suspend", device, 5)


def test_suspend__unknown__reverts(chain: Chain, device: int) -> None:
    with chain.reverts("DeviceUnknown", device=2):
        as_peer(chain, "WorkDisputes", "suspend", 2, 5)
