"""Providers whose delegators have left and whose stake hasn't covered its devices' bonds for longer than an
epoch: anyone may end each of their devices, and the bot does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorbond.chain import slots
from tensorbond.chain.network import BlockRef, Network
from tensorbond.chain.types import Device, Timing
from tensorbond.follower import Follower
from tensorbond.watch.dispute import Dispute

CALLS_AT_ONCE = 200


class Coverage:
    def __init__(self, network: Network) -> None:
        self._network = network
        self._registered = Follower(network, "DeviceRegistry", ("DeviceRegistered",))

    def uncovered(self, pinned: BlockRef) -> list[Dispute]:
        """What ends each device of the providers that have been short for longer than the grace. What vests
        may cover one all the same: the chain decides."""
        devices: dict[str, list[int]] = {}
        for event in self._registered.until(pinned):
            devices.setdefault(event.args["provider"], []).append(event.args["device"])
        timing: Timing = self._network.call("DeviceRegistry", "timingNow", block=pinned)
        providers = list(devices)
        since = self._calls([("ProviderStaking", "shortSince", each) for each in providers], pinned)
        grace = timing.slot_blocks * timing.epoch_slots
        found = [
            device
            for provider, block in zip(providers, since, strict=True)
            if block and pinned.number >= block + grace
            for device in devices[provider]
        ]
        states: list[Device] = self._calls([("DeviceRegistry", "deviceOf", each) for each in found], pinned)
        ending = slots.slot_at(timing, pinned.number) + 2
        return [
            Dispute("uncovered", {"device": device}, (device,), told=f"{state.provider} is short")
            for device, state in zip(found, states, strict=True)
            if state.until_slot > ending
        ]

    def _calls(self, calls: Sequence[tuple[str, str, Any]], pinned: BlockRef) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(calls), CALLS_AT_ONCE):
            found += self._network.calls(calls[start : start + CALLS_AT_ONCE], pinned)
        return found
