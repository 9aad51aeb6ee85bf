"""A bid that says `whole`, for jobs or for leases: every device that it counts, or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.chain import Chain

from .conftest import Devices
from .orders import digest, is_held, is_spent, job_ask, job_bid, lease_ask, lease_bid, match, moving, offer

both = pytest.mark.parametrize(
    ("bid_of", "ask_of"), [(job_bid, job_ask), (lease_bid, lease_ask)], ids=["jobs", "leases"]
)


@both
@pytest.mark.parametrize("count", [1, 3])
def test_match__a_whole_bid_with_another_number_of_devices__reverts(
    chain: Chain, devices: Devices, bid_of: Callable[..., Any], ask_of: Callable[..., Any], count: int
) -> None:
    bid, ask = bid_of(chain, count=2, whole=True), ask_of(chain, count=3)
    with moving(chain), chain.reverts("BidNotWhole", bid=digest(chain, bid), have=count, need=2):
        match(chain, bid, offer(chain, ask, *devices.ours[:count]))


@both
def test_match__a_cluster_of_which_one_device_is_taken__moves_nothing(
    chain: Chain, devices: Devices, bid_of: Callable[..., Any], ask_of: Callable[..., Any]
) -> None:
    match(chain, bid_of(chain), offer(chain, ask_of(chain), devices.ours[2]))
    bid, ask = bid_of(chain, nonce=1, count=3, whole=True), ask_of(chain, nonce=1, count=3)
    with moving(chain), chain.reverts("DeviceHeldAlready", device=devices.ours[2]):
        match(chain, bid, offer(chain, ask, *devices.ours))
    assert not is_spent(chain, bid)
    assert not is_spent(chain, ask)
    assert not is_held(chain, devices.ours[0])
