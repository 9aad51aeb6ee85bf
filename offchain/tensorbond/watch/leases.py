"""Leases of devices that have failed, or ended: what has accrued since goes back to whoever paid for it, if
somebody halts them before it has left. Anyone may, nobody is paid for it, and the bot does it. A halt also
ends what vouchers can draw, so where a device ended without a fault, leases with vouchers are left to their
requesters.

    proven fault in slot s ─► beacon(s) sealed ─► halt ─► the funders have what ran since B(s)
                 held back until `ripeAt`: later than any proof of it
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tensorbond.chain import slots
from tensorbond.chain.abi import Event
from tensorbond.chain.errors import ContractRefused
from tensorbond.chain.leases import opened_by, resumed_origin
from tensorbond.chain.network import BlockRef, Network
from tensorbond.chain.types import Device, Faults, Lease, LeaseState, LeaseStatus, Timing
from tensorbond.follower import Follower
from tensorbond.oracle.errors import FactsContradict
from tensorbond.oracle.sealer import encode_header
from tensorbond.watch.coverage import CALLS_AT_ONCE
from tensorbond.watch.dispute import Dispute

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class End:
    """The first slot in which a device counts for nothing: of a proven fault, or in which it was over."""

    slot: int
    is_fault: bool


Seen = tuple[int, bytes, LeaseState]
"""A lease, the beacon of the slot in which its device ended, and its word."""


class Leases:
    def __init__(self, network: Network) -> None:
        self._network = network
        self._events = Follower(network, "LeaseEscrow", ("LeaseOpened", "LeaseStarted", "LeaseClosed"))
        # A fault suspends its device, unless that had ended before.
        self._ended = Follower(network, "DeviceRegistry", ("DeviceRetired", "DeviceSuspended"))
        self._vain: set[Seen] = set()

    def ended(self, pinned: BlockRef) -> list[Dispute]:
        """What halts every lease from which something can still be had back, what leaves first first; before
        it, what seals the slot that it counts to, where nobody has in time."""
        running = {
            number: lease
            for number, lease in _unclosed(self._events.until(pinned)).items()
            if lease.terms.rate  # else nothing accrues, and a halt would only end what vouchers can draw
        }
        ended = {event.args["device"] for event in self._ended.until(pinned)}
        ends = self._ends(sorted(ended & {lease.device for lease in running.values()}), pinned)
        beacons = self._beacons(sorted({end.slot for end in ends.values()}), pinned)
        leases = [
            number
            for number, lease in running.items()
            if lease.device in ends and (ends[lease.device].is_fault or not lease.terms.voucher_blocks)
        ]
        told = self._calls([("LeaseEscrow", "stateOf", each, running[each]) for each in leases], pinned)
        states: dict[int, LeaseState] = {each: state for each, (state, _) in zip(leases, told, strict=True)}
        found: list[Dispute] = []
        unsealed: set[int] = set()
        for number in sorted(leases, key=lambda each: states[each].ripe_at):
            end = ends[running[number].device]
            if not any(beacons[end.slot]):
                unsealed.add(end.slot)
                continue
            seen = number, beacons[end.slot], states[number]
            if seen in self._vain:
                continue
            try:
                halt = self._halt(number, running[number], end, pinned)
            except FactsContradict as error:
                log.warning("lease %d can't be halted by what this node tells: %s", number, error)
                continue
            if self._is_vain(halt, states[number], pinned):
                self._vain.add(seen)
            else:
                found.append(halt)
        return [*self._seals(unsealed, pinned), *found]

    def _ends(self, devices: Sequence[int], pinned: BlockRef) -> dict[int, End]:
        """Of each device, as far as its end has begun."""
        states: list[Device] = self._calls([("DeviceRegistry", "deviceOf", each) for each in devices], pinned)
        faults: list[Faults] = self._calls([("Challenges", "faultsOf", each) for each in devices], pinned)
        found = {}
        for device, state, fault in zip(devices, states, faults, strict=True):
            is_fault = fault.faulted and fault.earliest_slot <= state.until_slot
            end = End(fault.earliest_slot if is_fault else state.until_slot, is_fault)
            if self._start(end.slot) <= pinned.number:
                found[device] = end
        return found

    def _beacons(self, ends: Sequence[int], pinned: BlockRef) -> dict[int, bytes]:
        beacons = self._calls([("Challenges", "beaconOf", slot) for slot in ends], pinned)
        return dict(zip(ends, beacons, strict=True))

    def _seals(self, unsealed: Iterable[int], pinned: BlockRef) -> Iterator[Dispute]:
        """Once a slot is over: until then a commit does it for nothing."""
        for slot in sorted(unsealed):
            if self._start(slot + 1) <= pinned.number:
                yield Dispute("seal", {"slot": slot}, (slot,), told="a lease is to be halted there")

    def _halt(self, number: int, lease: Lease, end: End, pinned: BlockRef) -> Dispute:
        start = self._network.block(self._start(end.slot))
        header = encode_header(self._network.rpc.request("eth_getBlockByNumber", hex(start.number), False))
        resumed = resumed_origin(self._network, number, start.timestamp, pinned)
        told = f"device {lease.device} {'failed' if end.is_fault else 'ended'}"
        where = {"lease": number, "slot": end.slot}
        return Dispute("halt", where, (number, lease, header, resumed), told=told)

    def _is_vain(self, halt: Dispute, state: LeaseState, pinned: BlockRef) -> bool:
        """Whether the lease stopped no later, or what followed was had back already."""
        if state.status != LeaseStatus.STOPPED:
            return False
        try:
            self._network.call("LeaseEscrow", "halt", *halt.args, block=pinned)
        except ContractRefused as error:
            return error.error_name == "NothingToHalt"
        return False

    def _start(self, slot: int) -> int:
        timing: Timing = self._network.call("DeviceRegistry", "timingAt", slot)
        return slots.start_of(timing, slot)

    def _calls(self, calls: Sequence[tuple[Any, ...]], pinned: BlockRef) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(calls), CALLS_AT_ONCE):
            found += self._network.calls(calls[start : start + CALLS_AT_ONCE], pinned)
        return found


def _unclosed(events: Iterable[Event]) -> dict[int, Lease]:
    """The leases that hold a device, or have stopped and may still owe their provider something."""
    opened: dict[int, Lease] = {}
    running: dict[int, Lease] = {}
    for event in events:
        number = event.args["lease"]
        if event.name == "LeaseOpened":
            opened[number] = opened_by(event)
        elif event.name == "LeaseStarted":
            running[number] = opened.pop(number)
        else:
            opened.pop(number, None)
            running.pop(number, None)
    return running
