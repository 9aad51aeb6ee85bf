from __future__ import annotations

import pytest

from tests.chain import Chain

from .registry import as_peer, device_of

pytestmark = pytest.mark.chain


@pytest.fixture
def held(chain: Chain, device: int) -> int:
    as_peer(chain, "JobEscrow", "hold", device, 4)
    return device


def test_release__held__frees_it_for_the_next_job(chain: Chain, held: int) -> None:
    before = device_of(chain, held)

    sent = as_peer(chain, "JobEscrow", "release", held)

    assert sent.event("DeviceReleased") == {"device": held}
    assert device_of(chain, held) == before
    assert not chain.call("DeviceRegistry", "isHeld", held)
    as_peer(chain, "JobEscrow", "hold", held, 5)


def test_release__not_held__reverts(chain: Chain, device: int) -> None:
    with chain.reverts("DeviceNotHeld", device=device):
        as_peer(chain, "JobEscrow", "release", device)


@pytest.mark.parametrize("account", ["provider", "governor", "stranger"])
def test_release__by_anyone_else__reverts(
    chain: Chain, held: int, account: str, request: pytest.FixtureRequest
) -> None:
    sender = request.getfixturevalue(account)

    with chain.reverts("EscrowOnly", account=sender):
        chain.send("DeviceRegistry", "release", held, sender=sender)


def test_release__retired_meanwhile__frees_it_all_the_same(chain: Chain, provider: str, held: int) -> None:
    chain.send("DeviceRegistry", "retire", held, sender=provider)

    as_peer(chain, "JobEscrow", "release", held)

    assert not chain.call("DeviceRegistry", "isHeld", held)
