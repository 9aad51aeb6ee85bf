"""A lease's fixed parts and its deposits' places, found by its number: verbs want them, the chain keeps only
where they lead."""

from __future__ import annotations

from dataclasses import fields

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tensorbond.chain.abi import Event
from tensorbond.chain.errors import LeaseUnknown
from tensorbond.chain.network import BlockRef, Network
from tensorbond.chain.types import Lease, LeaseStatus, LeaseTerms

_TERMS = "(address,address,address,uint96,uint96,uint32,uint32,uint32,uint40)"
_LEASE = f"({_TERMS},uint32,uint16,uint128)"


def lease_of(network: Network, lease: int, block: BlockRef | None = None) -> Lease:
    """What was fixed when the lease was opened, checked against the chain at `block` (default: the head).
    Raises `LeaseUnknown`."""
    block = block or network.head()
    opened = network.events("LeaseEscrow", ["LeaseOpened"], until=block, lease=lease)
    if not opened:
        raise LeaseUnknown(f"there is no lease {lease} in block {block.number}")
    found = opened_by(opened[0])
    state, _ = network.call("LeaseEscrow", "stateOf", lease, found, block=block)
    if state.status == LeaseStatus.NONE:
        raise LeaseUnknown(f"lease {lease}: what its event tells leads to no lease on the chain")
    return found


def opened_by(event: Event) -> Lease:
    """What its LeaseOpened fixed, not checked against the chain."""
    args = event.args
    return Lease(args["terms"], args["device"], args["feeBps"], args["exposure"])


def lease_key(lease: int, found: Lease) -> bytes:
    """keccak256(abi.encode(lease, found)): the place of the lease's word."""
    terms = tuple(getattr(found.terms, each.name) for each in fields(LeaseTerms))
    return keccak(encode(["uint256", _LEASE], [lease, (terms, found.device, found.fee_bps, found.exposure)]))


def refundable_of(
    network: Network, lease: int, found: Lease, funder: str, block: BlockRef | None = None
) -> dict[int, int]:
    """Of a lease that has stopped: what is unspent of the funder's deposits and wasn't refunded, by their
    place. None, where the requester alone has paid: it was refunded when the lease stopped."""
    block = block or network.head()
    places, shared = [], False
    for event in network.events("LeaseEscrow", ["LeaseShared", "LeaseToppedUp"], until=block, lease=lease):
        if event.name == "LeaseShared":
            shared = True
            if funder == event.args["requester"]:
                places.append(0)
        elif shared and funder == event.args["funder"]:
            places.append(event.args["funds"] - event.args["amount"])
    state, _ = network.call("LeaseEscrow", "stateOf", lease, found, block=block)
    _, _, left = network.call("LeaseEscrow", "runway", lease, found, block=block)
    spent, refundable = state.funds - left, {}
    for place in places:
        deposit = network.call("LeaseEscrow", "depositOf", lease, found, funder, place, block=block)
        amount = max(place + deposit.amount - max(place, spent), 0) - deposit.refunded
        if amount > 0:
            refundable[place] = amount
    return refundable


def resumed_origin(network: Network, lease: int, time: int, block: BlockRef | None = None) -> int:
    """What `halt` asks for besides the header: the origin after the first pause that ended later than `time`;
    0 if none did."""
    events = network.events("LeaseEscrow", ["LeaseResumed"], until=block or network.head(), lease=lease)
    later = (event.args["origin"] for event in events if time < event.args["origin"] + event.args["active"])
    return next(later, 0)
