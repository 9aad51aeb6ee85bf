"""What the governor and the guardian may do, and what a pause does not stop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.acts import TUSD
from tests.chain import Chain

from .leases import (
    OpenLease,
    act,
    at,
    constructor_peers,
    lease_terms,
    ledger_of,
    mine_to_ripe,
    open_lease,
    refused,
)


@pytest.mark.parametrize(
    ("verb", "args"), [("allowToken", ("TestDollar", 1)), ("setFee", (1,)), ("pause", ()), ("unpause", ())]
)
def test_parameters__by_a_stranger__revert(
    chain: Chain, stranger: str, verb: str, args: tuple[object, ...]
) -> None:
    with chain.reverts("AccessManagedUnauthorized", caller=stranger):
        chain.send("LeaseEscrow", verb, *(chain.address.get(str(arg), arg) for arg in args), sender=stranger)


def test_set_fee__of_leases_opened_from_then_on(
    chain: Chain, governor: str, lease: OpenLease, device: int
) -> None:
    sent = chain.send("LeaseEscrow", "setFee", 500, sender=governor)
    assert sent.event("FeeSet", "LeaseEscrow") == {"feeBps": 500}
    assert open_lease(chain, device).lease.fee_bps == 500
    at(chain, lease, 100)
    act(chain, lease, "stop", sender="requester")
    mine_to_ripe(chain, lease)
    assert act(chain, lease, "settle").event("LeaseSettled")["fee"] == 10_000


def test_set_fee__above_the_bound_in_code__reverts(chain: Chain, governor: str) -> None:
    with chain.reverts("FeeTooHigh", have=501, most=500):
        chain.send("LeaseEscrow", "setFee", 501, sender=governor)


def test_allow_token__above_the_largest_cap__reverts(chain: Chain, governor: str) -> None:
    token, most = chain.address["TestDollar"], 1 << 87
    before = ledger_of(chain)
    with refused(chain, "CapTooHigh", have=most + 1, most=most):
        chain.send("LeaseEscrow", "allowToken", token, most + 1, sender=governor)
    chain.send("LeaseEscrow", "allowToken", token, most, sender=governor)
    assert ledger_of(chain) == replace(before, cap=most)


def test_pause__opened_or_accepted__reverts(chain: Chain, governor: str, requester: str, device: int) -> None:
    """Every other verb is tried while paused: tests/contracts/governance/exits.py."""
    offer = open_lease(chain, device)
    chain.send("LeaseEscrow", "pause", sender=governor)
    assert chain.call("LeaseEscrow", "paused")

    with refused(chain, "Paused"):
        chain.send("LeaseEscrow", "open", lease_terms(chain), device, TUSD, sender=requester)
    with refused(chain, "Paused"):
        book = chain.impersonate("OrderBook")
        chain.send("LeaseEscrow", "openFor", lease_terms(chain), device, TUSD, sender=book)
    with refused(chain, "Paused"):
        act(chain, offer, "accept", sender="provider")

    chain.send("LeaseEscrow", "unpause", sender=governor)
    act(chain, offer, "accept", sender="provider")


def test_fee_recipient__is_the_one_it_was_deployed_with(chain: Chain, treasury: str) -> None:
    assert chain.call("LeaseEscrow", "feeRecipient") == treasury


def test_constructor__shares_above_their_bounds__reverts(chain: Chain, governor: str) -> None:
    peers = constructor_peers(chain)
    with chain.reverts("FeeTooHigh", have=501, most=500):
        chain.call_constructor("LeaseEscrow", *peers, governor, 501, 0, sender=governor)
    with chain.reverts("FeeBurnTooHigh", have=10_001, most=10_000):
        chain.call_constructor("LeaseEscrow", *peers, governor, 500, 10_001, sender=governor)
    chain.call_constructor("LeaseEscrow", *peers, governor, 500, 10_000, sender=governor)
