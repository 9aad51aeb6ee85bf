"""Requests for what a device committed to: shown in time, or as bad as a bad item."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from tensorbond.chain.types import Commit, Place, PlaceKind

from .auctions import Auctions
from .books import ZERO, ZERO_ADDRESS, Deployed, last_block, require
from .devices import COMMITTED, FAULT_PAID, record_of
from .staking import CHALLENGER_SHARE


@dataclass
class ItemBook:
    """`asker`: nobody, once it has its deposit back."""

    asker: str
    deposit: int
    deadline: int


class Requests(Auctions):
    def __init__(self, deployed: Deployed) -> None:
        super().__init__(deployed)
        # In the chain's own coin.
        self.coin: dict[str, int] = defaultdict(int)
        self.items: dict[tuple[int, int, Place], ItemBook] = {}

    def request_window(self, slot: int) -> tuple[int, int]:
        t = self.timing_at(slot)
        last = last_block(t, self.epoch_of_slot(slot)) + t.attest_blocks + t.proof_blocks // 2
        return self.slot_start(slot + 2), last

    def request(self, sender: str, device: int, slot: int, place: Place, deposit: int) -> None:
        """A sample's item; or any other place."""
        self._require_committed(device, slot)
        first, last = self.request_window(slot)
        timely = first <= self.block <= last
        require(timely, "RequestWindowClosed", slot, self.block, first, last)
        require((device, slot, place) not in self.items, "RequestedAlready", device, slot)
        known = place.kind != PlaceKind.SAMPLE or place.first < self.classes[self.devices[device].class_id].q
        require(known, "PlaceUnknown", place.kind, place.first, place.second)
        deadline = self.block + self.timing_at(slot).proof_blocks // 2
        self._move_coin(sender, self.at.challenges, deposit)
        self.items[device, slot, place] = ItemBook(sender, deposit, deadline)
        if place.kind == PlaceKind.SAMPLE and slot + 1 not in self.beacons:
            self.seal(slot + 1)

    def answer(self, commit: Commit, place: Place) -> None:
        """With what is no opening of the place."""
        item = self._item(commit.device, commit.slot, place)
        require(self.block <= item.deadline, "AnswerLate", self.block, item.deadline)
        self._require_record(commit)
        require(False, "OpeningWrong", commit.device, commit.slot)

    def return_deposit(self, device: int, slot: int, place: Place) -> int:
        item = self._require_withheld(device, slot, place)
        require(item.asker != ZERO_ADDRESS, "DepositReturnedAlready", device, slot)
        amount = item.deposit
        self._move_coin(self.at.challenges, item.asker, amount)
        item.asker, item.deposit = ZERO_ADDRESS, 0
        return amount

    def prove_withheld(self, sender: str, commit: Commit, place: Place) -> int:
        device, slot = commit.device, commit.slot
        self._require_record(commit)
        provider = self.devices[device].provider
        require(sender != commit.key, "ChallengerIsAccused", sender)
        self._require_withheld(device, slot, place)
        paid = bool(self.records[device, slot][1] & FAULT_PAID)
        require(not paid, "FaultedAlready", device, slot)
        accused = (provider, self.operator_of(provider))
        require(sender not in accused, "ChallengerIsAccused", sender)
        return self._punish(sender, device, slot, CHALLENGER_SHARE)

    def _item(self, device: int, slot: int, place: Place) -> ItemBook:
        require((device, slot, place) in self.items, "RequestMissing", device, slot)
        return self.items[device, slot, place]

    def _require_withheld(self, device: int, slot: int, place: Place) -> ItemBook:
        item = self._item(device, slot, place)
        require(self.block > item.deadline, "AnswerStillPossible", self.block, item.deadline)
        return item

    def _require_committed(self, device: int, slot: int) -> bytes:
        word, flags = self.records.get((device, slot), (ZERO, 0))
        require(bool(flags & COMMITTED), "RecordMissing", device, slot)
        return word

    def _require_record(self, commit: Commit) -> None:
        word = self._require_committed(commit.device, commit.slot)
        # 30 bytes of it; the rest is for marks.
        right = word[:30] == record_of(commit.commitment, commit.timestamp, commit.key)[:30]
        require(right, "RecordMismatch", commit.device, commit.slot)

    def _move_coin(self, sender: str, to: str, amount: int) -> None:
        self.coin[sender] -= amount
        self.coin[to] += amount
