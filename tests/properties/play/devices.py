"""Verbs of devices, challenges and disputes about work."""

from __future__ import annotations

from dataclasses import replace

from eth_utils.crypto import keccak
from hypothesis.stateful import precondition

from tensorbond.chain.types import OutcomeResult

from ..model.books import OPEN, ZERO
from ..model.devices import COMMITTED, FAULT_PAID
from ..world import TBND
from .epochs import EpochVerbs
from .table import verb


class DeviceVerbs(EpochVerbs):
    @precondition(lambda self: len(self.model.classes) < 5)
    @verb
    def add_class(self) -> None:
        terms = replace(
            self.model.classes[0],
            fault_bps=self.random.choice([1, 3_333, 10_000]),
            miss_penalty=self.random.choice([0, 7, TBND]),
            q=self.random.choice([16, 16, 16, 0]),
        )
        sender = self.pick([self.cast.governor], [self.cast.stranger])
        self.act("addClass", "DeviceRegistry", terms, by=sender, effect=lambda m: m.add_class(sender, terms))

    @precondition(lambda self: len(self.model.timings) < 4)
    @verb
    def schedule(self) -> None:
        self.world.tend()
        last, least = self.model.timings[-1], self.model.least_entry
        timing = replace(
            last,
            from_epoch=self.pick([least, least + 1], [least - 1, least + 1_025]),
            slot_blocks=self.random.choice([5, 6]),
            epoch_slots=self.random.choice([1, 2, 3]),
            attest_blocks=self.pick([12, 16, 20], [7, 60]),
            proof_blocks=self.random.choice([6, 8]),
            roll_call=self.random.choice([0, 64, 256]),
        )
        sender = self.pick([self.cast.governor], [self.cast.stranger])
        self.act("schedule", "DeviceRegistry", timing, by=sender, effect=lambda m: m.schedule(sender, timing))

    @precondition(lambda self: len(self.model.devices) < 9)
    @verb
    def register(self) -> None:
        provider = self.random.choice(self.cast.providers)
        class_id = self.pick(range(len(self.model.classes)), [len(self.model.classes)])
        gops = self.pick([1, 3, 10, 20], [0, 1_001])
        count = self.pick([1, 2], [0, 65])
        self.act(
            "register",
            "DeviceRegistry",
            class_id,
            gops,
            count,
            by=provider,
            effect=lambda m: m.register(provider, class_id, gops, count),
        )

    @precondition(lambda self: len(self.model.devices) > 4)
    @verb
    def retire(self) -> None:
        mine = [d for d, book in self.model.devices.items() if book.until_slot == OPEN and d != self.careful]
        device = self.pick(mine[3:], [self.careful, 99, *(set(self.model.devices) - set(mine))])
        owner = self.model.devices[device].provider if device in self.model.devices else self.cast.stranger
        sender = self.pick([owner], [self.cast.stranger])
        if device == self.careful:
            sender = self.cast.stranger
        self.act("retire", "DeviceRegistry", device, by=sender, effect=lambda m: m.retire(sender, device))

    @precondition(lambda self: any(self.is_over(d) for d in self.model.devices))
    @verb
    def discharge(self) -> None:
        over = [d for d in self.model.devices if self.is_over(d)]
        device = self.pick(over, [*self.model.devices, 99])
        book = self.model.devices.get(device)
        if book and book.until_slot != OPEN:
            t = self.model.timing_at(book.until_slot - 1)
            windows = t.attest_blocks + 2 * t.proof_blocks
            self.wait_for(self.model.slot_start(book.until_slot) + windows + 8, 60)
        self.act(
            "discharge", "WorkDisputes", device, by=self.cast.stranger, effect=lambda m: m.discharge(device)
        )

    # Challenges and disputes about work

    @verb
    def seal(self) -> None:
        # The careful provider seals by committing; what is left to others is the slot that just began.
        slot = self.model.slot + self.random.choice([0, 1, 1, 1, 2])
        self.world.advance_to(min(self.model.slot_start(slot), self.world.head + 8))
        self.act(
            "seal",
            "Challenges",
            slot,
            by=self.cast.stranger,
            effect=lambda m: m.seal(slot),
            tended=True,
        )

    @verb
    def open_session(self) -> None:
        """Of neighbours of one key; or of none, too many, another's."""
        self.world.tend()
        model, owner = self.model, self.random.choice(self.cast.providers)
        mine = [device for device, book in model.devices.items() if book.provider == owner]
        first = self.pick(mine, [self.careful, 99])
        run = [device for device in mine if set(range(first, device + 1)) <= set(mine) and device >= first]
        count = self.pick(range(1, len(run) + 1), [0, len(run) + 1, 65])
        sender = self.pick([model.operator_of(owner)], [self.cast.stranger])
        self.act(
            "openSession",
            "Challenges",
            first,
            count,
            by=sender,
            effect=lambda m: m.open_session(sender, first, count),
        )

    @verb
    def commit(self) -> None:
        while True:
            first, _ = self.model.window_of(self.model.slot + 1)
            self.world.advance_to(first - 1)
            self.world.tend()
            if self.model.block <= self.model.window_of(self.model.slot)[1]:
                break
        slot = self.pick([self.model.slot], [self.model.slot - 1, self.model.slot + 1])
        ours = [d for d in self.model.devices if d != self.careful]
        device = self.pick(ours, [self.careful, 99])
        owner = self.model.devices[device].provider if device in self.model.devices else self.cast.stranger
        operator = self.model.operator_of(owner)
        sender = self.pick([operator], [self.cast.stranger])
        if device == self.careful:
            sender = self.cast.stranger
        commitment = self.pick([keccak(b"%d %d" % (device, slot))], [ZERO])
        self.act(
            "commit",
            "Challenges",
            device,
            slot,
            commitment,
            by=sender,
            effect=lambda m: m.commit(sender, device, slot, commitment),
        )

    @verb
    def prove_missed(self) -> None:
        self.world.tend()
        recent = [slot for slot in sorted(self.model.beacons)[-20:] if self.is_past(slot)]
        places = [(device, slot) for device in self.model.devices for slot in recent]
        missed = [
            place
            for place in places
            if place not in self.model.records
            and self.model.is_active(*place)
            and self.model.is_drawn(*place)
        ]
        device, slot = self.pick(missed, [*places, (1, self.model.slot), (1, self.model.slot + 3)])
        sender = self.pick([self.cast.stranger, self.cast.governor], self.cast.providers)
        self.act(
            "proveMissed",
            "WorkDisputes",
            device,
            slot,
            by=sender,
            effect=lambda m: m.prove_missed(sender, device, slot),
        )

    @precondition(lambda self: self.enforceable())
    @verb
    def enforce(self) -> None:
        epoch, device, index = self.pick(self.enforceable()[-8:], list(self.rows())[-8:])
        self.wait_for(self.model.epochs[epoch].provable_until + 1)
        leaf, outcome = self.proof(epoch, device, index)
        sender = self.pick([self.cast.stranger], self.cast.providers)
        self.act(
            "enforce",
            "WorkDisputes",
            leaf,
            outcome,
            by=sender,
            effect=lambda m: m.enforce(sender, epoch, leaf.leaf, outcome.outcome),
        )

    # Choosing

    def is_over(self, device: int) -> bool:
        book = self.model.devices[device]
        return book.until_slot != OPEN and book.bond > 0 and self.model.slot >= book.until_slot

    def is_past(self, slot: int) -> bool:
        return self.model.block > self.model.window_of(slot)[1]

    def enforceable(self) -> list[tuple[int, int, int]]:
        """Bad items whose provider committed and has not paid."""
        found = []
        for place in self.rows():
            row = self.row(*place)
            _, flags = self.model.records.get((place[1], row.slot), (ZERO, 0))
            if row.result == OutcomeResult.BAD_ITEM and flags & (COMMITTED | FAULT_PAID) == COMMITTED:
                found.append(place)
        return found
