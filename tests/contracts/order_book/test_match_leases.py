"""A signed bid and signed asks become leases, in one transaction of anybody's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chain import Chain

from .conftest import Devices
from .orders import DEPOSIT, digest, is_held, is_spent, lease_ask, lease_bid, match, moving, offer


def test_match__an_ask_and_a_bid_for_a_lease__is_a_lease(chain: Chain, device: int) -> None:
    ask, bid = lease_ask(chain), lease_bid(chain)
    assert chain.call("OrderBook", "leaseAskDigest", ask) == digest(chain, ask)
    assert chain.call("OrderBook", "leaseBidDigest", bid) == digest(chain, bid)
    with moving(chain, requester=-DEPOSIT, LeaseEscrow=DEPOSIT):
        sent = match(chain, bid, offer(chain, ask, device))
    matched = sent.event("LeaseMatched")
    assert (matched["bid"], matched["ask"]) == (digest(chain, bid), digest(chain, ask))
    assert is_held(chain, device)
    assert is_spent(chain, ask)
    assert is_spent(chain, bid)


def test_match__leases_of_two_devices__are_paid_for_each(chain: Chain, market: Devices) -> None:
    ask, bid = lease_ask(chain, count=2), lease_bid(chain, count=2)
    with moving(chain, requester=-2 * DEPOSIT, LeaseEscrow=2 * DEPOSIT):
        sent = match(chain, bid, offer(chain, ask, *market.ours[:2]))
    assert len({each["lease"] for each in sent.all("LeaseMatched")}) == 2


@pytest.mark.parametrize(
    ("field", "asked", "wanted", "have", "need"),
    [
        ("notice", {"notice": 61}, {}, 61, 60),
        ("deposit", {"deposit": DEPOSIT + 1}, {}, DEPOSIT + 1, DEPOSIT),
        ("grace", {"grace": 599}, {}, 599, 600),
        ("voucherBlocks", {}, {"voucher_blocks": 101}, 100, 101),
    ],
)
def test_match__terms_of_a_lease_that_do_not_fit__reverts(
    chain: Chain, device: int, field: str, asked: dict[str, Any], wanted: dict[str, Any], have: int, need: int
) -> None:
    ask, bid = lease_ask(chain, **asked), lease_bid(chain, **wanted)
    with moving(chain), chain.reverts("OrdersUnfit", field=field, ask=have, bid=need):
        match(chain, bid, offer(chain, ask, device))


def test_match__a_lease_of_a_slower_device_than_wanted__reverts(chain: Chain, device: int) -> None:
    bid = lease_bid(chain, min_gops=11)
    with moving(chain), chain.reverts("DeviceUnfit", field="bondedGops", have=10, need=11):
        match(chain, bid, offer(chain, lease_ask(chain), device))
