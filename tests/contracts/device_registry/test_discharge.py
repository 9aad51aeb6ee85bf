from __future__ import annotations

import pytest

from tests.acts import TBND, register_as
from tests.chain import Chain

from .registry import as_peer, bond_of, device_of, locked

pytestmark = pytest.mark.chain


def test_discharge__by_the_disputes__unlocks_what_is_left(chain: Chain, provider: str, device: int) -> None:
    other = register_as(chain, provider)
    as_peer(chain, "WorkDisputes", "debit", device, 4 * TBND)
    lock, before = locked(chain, provider), device_of(chain, device)

    sent = as_peer(chain, "WorkDisputes", "discharge", device)

    assert sent.event("DeviceDischarged") == {"device": device, "provider": provider, "amount": 6 * TBND}
    assert sent.event("StakeUnlocked")["amount"] == 6 * TBND
    assert locked(chain, provider) == lock - 6 * TBND
    assert (bond_of(chain, device), bond_of(chain, other)) == (0, 10 * TBND)
    assert device_of(chain, device) == before


def test_discharge__twice__reverts(chain: Chain, device: int) -> None:
    as_peer(chain, "WorkDisputes", "discharge", device)

    with chain.reverts("DeviceDischargedAlready", device=device):
        as_peer(chain, "WorkDisputes", "discharge", device)


def test_discharge__nothing_left__reverts(chain: Chain, device: int) -> None:
    as_peer(chain, "WorkDisputes", "debit", device, 10 * TBND)

    with chain.reverts("DeviceDischargedAlready", device=device):
        as_peer(chain, "WorkDisputes", "discharge", device)


@pytest.mark.parametrize("account", ["provider", "governor", "stranger"])
def test_discharge__by_anyone_else__reverts(
    chain: Chain, device: int, account: str, request: pytest.FixtureRequest
) -> None:
    sender = request.getfixturevalue(account)

    with chain.reverts("WorkDisputesOnly", account=sender):
        chain.send("DeviceRegistry", "discharge", device, sender=sender)


def test_discharge__unknown__reverts(chain: Chain, device: int) -> None:
    with chain.reverts("DeviceUnknown", device=2):
        as_peer(chain, "WorkDisputes", "discharge", 2)
