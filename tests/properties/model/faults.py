"""Faults of devices, proven or attested, and what they cost."""

from __future__ import annotations

from tensorbond.chain.penalties import Failed, share_bps
from tensorbond.chain.types import Leaf, Outcome, OutcomeKind, OutcomeResult

from .books import ZERO, ZERO_ADDRESS, Deployed, epoch_of, last_block, require, share
from .devices import COMMITTED, FAULT_PAID, ITEM_SHIFT, MISSED
from .epochs import Epochs
from .staking import CHALLENGER_SHARE

ENFORCER_SHARE = 500
MISS_LIMIT, MISS_EPOCHS, FAULT_EPOCHS = 8, 8, 32
MEMORY_ITEMS = 96


class Faults(Epochs):
    def __init__(self, deployed: Deployed) -> None:
        super().__init__(deployed)
        self.failed = Failed()

    def prove_missed(self, sender: str, device: int, slot: int) -> int:
        require(self.is_drawn(device, slot), "NotDrawn", device, slot)
        last = self.window_of(slot)[1]
        require(self.block > last, "WindowOpen", slot, self.block, last)
        require((device, slot) not in self.records, "CommittedAlready", device, slot)
        book = self.devices[device]
        accused = (book.provider, self.operator_of(book.provider))
        require(sender not in accused, "ChallengerIsAccused", sender)

        self.records[device, slot] = (ZERO, MISSED)
        epoch = self.epoch_of_slot(slot)
        misses = 0
        if book.misses == 0 or epoch >= book.miss_epoch + MISS_EPOCHS:
            book.miss_epoch, book.misses = epoch, 0
        if epoch >= book.miss_epoch:
            book.misses += 1
            misses = book.misses
        if misses == MISS_LIMIT:
            return self._punish(sender, device, slot, CHALLENGER_SHARE)
        penalty = min(self.classes[book.class_id].miss_penalty, book.bond)
        return self._debit(sender, device, penalty, CHALLENGER_SHARE)

    def enforce(self, sender: str, epoch: int, leaf: Leaf, outcome: Outcome) -> int:
        require(outcome.result == OutcomeResult.BAD_ITEM, "OutcomeNotBadItem", outcome.result)
        self.require_final_outcome(epoch, leaf, outcome)
        record = self.records.get((leaf.device, outcome.slot))
        has = record is not None and bool(record[1] & COMMITTED)
        require(has, "RecordMissing", leaf.device, outcome.slot)
        assert record is not None
        require(not record[1] & FAULT_PAID, "FaultedAlready", leaf.device, outcome.slot)
        provider = self.devices[leaf.device].provider
        require(sender not in (provider, self.operator_of(provider)), "ChallengerIsAccused", sender)
        items = (
            MEMORY_ITEMS
            if outcome.kind == OutcomeKind.DRAWN_M
            else self.classes[self.devices[leaf.device].class_id].q
        )
        mark = outcome.item + 1 if outcome.item < items else 0
        return self._punish(sender, leaf.device, outcome.slot, ENFORCER_SHARE, mark)

    def discharge(self, device: int) -> None:
        require(device in self.devices, "DeviceUnknown", device)
        book = self.devices[device]
        t = self.timing_at(book.until_slot - 1)
        epoch = epoch_of(t, book.until_slot - 1)
        settled = self.settled_through(self.block)
        require(settled > epoch, "ProofStillPossible", device, settled, epoch + 1)
        provable = last_block(t, epoch) + t.attest_blocks + 2 * t.proof_blocks
        provable = max(provable, self.epochs[epoch].provable_until + t.proof_blocks)
        for end, each in self.ends_before(t):
            provable = max(provable, end + each.attest_blocks + 2 * each.proof_blocks)
        require(self.block > provable, "ProofStillPossible", device, self.block, provable + 1)
        require(book.bond > 0, "DeviceDischargedAlready", device)
        self._unlock(book.provider, book.bond)
        book.bond = 0

    def _punish(self, sender: str, device: int, slot: int, bps: int, mark: int = 0) -> int:
        book = self.devices[device]
        epoch = self.epoch_of_slot(slot)
        repeated = book.faults > 0 and abs(epoch - book.last_epoch) <= FAULT_EPOCHS
        penalty = book.bond
        if not repeated and book.bond:
            self.failed, failed = self.failed.add(epoch, book.bond)
            part = share_bps(self.classes[book.class_id].fault_bps, failed, self.total_staked)
            penalty = min(penalty, share(book.full_bond, part))
        word, flags = self.records[device, slot]
        self.records[device, slot] = (word, flags | FAULT_PAID | mark << ITEM_SHIFT)
        book.faults += 1
        book.last_epoch = max(book.last_epoch, epoch)
        book.earliest = min(book.earliest, slot)
        book.until_slot = min(book.until_slot, self.slot + 1)
        return self._debit(sender, device, penalty, bps)

    def _debit(self, sender: str, device: int, penalty: int, bps: int) -> int:
        book = self.devices[device]
        taken = self._slash(book.provider, penalty, sender, bps, ZERO_ADDRESS, 0)
        book.bond -= taken
        return taken
