from __future__ import annotations

import pytest

from tests.acts import TBND, register_as
from tests.chain import Chain

from .registry import as_peer, bond_of, locked

pytestmark = pytest.mark.chain


def test_debit__part_of_the_bond__leaves_the_rest(chain: Chain, provider: str, device: int) -> None:
    other = register_as(chain, provider)
    before = locked(chain, provider)

    first = as_peer(chain, "WorkDisputes", "debit", device, 3 * TBND)
    second = as_peer(chain, "WorkDisputes", "debit", device, 7 * TBND)

    assert first.event("BondDebited") == {"device": device, "amount": 3 * TBND, "bond": 7 * TBND}
    assert second.event("BondDebited") == {"device": device, "amount": 7 * TBND, "bond": 0}
    assert bond_of(chain, device) == 0
    assert bond_of(chain, other) == 10 * TBND
    assert locked(chain, provider) == before  # the slash itself lowers the lock


def test_debit__more_than_the_bond__reverts(chain: Chain, device: int) -> None:
    with chain.reverts("Panic", code=0x11):
        as_peer(chain, "WorkDisputes", "debit", device, 10 * TBND + 1)


@pytest.mark.parametrize("account", ["provider", "governor", "stranger"])
def test_debit__by_anyone_else__reverts(
    chain: Chain, device: int, account: str, request: pytest.FixtureRequest
) -> None:
    sender = request.getfixturevalue(account)

    with chain.reverts("WorkDisputesOnly", account=sender):
        chain.send("DeviceRegistry", "debit", device, 1, sender=sender)


@pytest.mark.parametrize("device_id", [0, 2])
def test_bond_of__unknown__reverts(chain: Chain, device: int, device_id: int) -> None:
    with chain.reverts("DeviceUnknown", device=device_id):
        bond_of(chain, device_id)
