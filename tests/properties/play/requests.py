"""Verbs of requests for what was committed."""

from __future__ import annotations

from dataclasses import replace

from hypothesis.stateful import precondition

from tensorbond.chain.types import Commit, Place, PlaceKind

from ..model.books import ZERO_ADDRESS
from ..model.devices import COMMITTED, FAULT_PAID
from .epochs import EpochVerbs
from .table import verb

Asked = tuple[int, int, Place]
"""Of which device and slot, and what."""

TILE = Place(PlaceKind.TILE, 0, 0)


class RequestVerbs(EpochVerbs):
    @precondition(lambda self: self.requestable())
    @verb
    def request_item(self) -> None:
        """A sample, or any tile. Nobody can show it: the careful provider, which could, is not asked."""
        self.world.tend()
        model = self.model
        others = [place for place in list(model.records)[-12:] if place[0] != self.careful]
        device, slot = self.pick(self.requestable(), [*others, (2, model.slot)])
        q = model.classes[model.devices[device].class_id].q
        sample = Place(PlaceKind.SAMPLE, self.pick(range(3), [q]), 0)
        place = self.random.choice([sample, sample, TILE])
        deposit = self.random.choice([0, 1, self.random.randrange(10**15)])
        sender = self.random.choice([self.cast.stranger, self.cast.requesters[0]])
        named = (place.first,) if place.kind == PlaceKind.SAMPLE else (place,)
        self.act(
            "requestItem" if place.kind == PlaceKind.SAMPLE else "requestPlace",
            "Challenges",
            device,
            slot,
            *named,
            by=sender,
            effect=lambda m: m.request(sender, device, slot, place, deposit),
            name="requestItem",
            value=deposit,
        )
        if self.random.random() < 0.2 and (device, slot) in model.commits:
            self.answer_wrongly(device, slot, place)

    def answer_wrongly(self, device: int, slot: int, place: Place) -> None:
        """With what opens nothing: it is refused, and the deposit stays."""
        self.world.tend()
        commit = self.commit_of(device, slot)
        self.world.act(
            "answerItem",
            "Challenges",
            "answerItem",
            commit,
            place,
            b"no opening",
            sender=self.cast.stranger,
            effect=lambda m: m.answer(commit, place),
            counts=False,
        )

    @precondition(lambda self: self.unanswered(unpaid=True))
    @verb
    def prove_withheld(self) -> None:
        device, slot, place = self.pick(self.unanswered(unpaid=True), list(self.model.items))
        self.wait_for(self.model.items[device, slot, place].deadline + 1)
        commit = self.commit_of(device, slot)
        provider = self.model.devices[device].provider
        commit = self.pick([commit], [replace(commit, timestamp=commit.timestamp + 1)])
        sender = self.pick([self.cast.stranger], [provider, self.model.operator_of(provider), commit.key])
        self.act(
            "proveWithheld",
            "WorkDisputes",
            commit,
            place,
            by=sender,
            effect=lambda m: m.prove_withheld(sender, commit, place),
        )

    @precondition(lambda self: self.unanswered())
    @verb
    def return_deposit(self) -> None:
        device, slot, place = self.pick(self.unanswered(), list(self.model.items))
        self.wait_for(self.model.items[device, slot, place].deadline + 1)
        place = self.pick([place], [Place(PlaceKind.SAMPLE, 15, 0)])
        self.act(
            "returnDeposit",
            "Challenges",
            device,
            slot,
            place,
            by=self.cast.stranger,
            effect=lambda m: m.return_deposit(device, slot, place),
        )

    # Choosing

    def commit_of(self, device: int, slot: int) -> Commit:
        commitment, timestamp, key = self.model.commits[device, slot]
        return Commit(device, slot, commitment, timestamp, key)

    def requestable(self) -> list[tuple[int, int]]:
        """Commitments that may be asked about now."""
        model, found = self.model, []
        for device, slot in list(model.commits)[-24:]:
            first, last = model.request_window(slot)
            if device != self.careful and first <= model.block <= last:
                found.append((device, slot))
        return found

    def unanswered(self, *, unpaid: bool = False) -> list[Asked]:
        """Whose deposit is still there; or whose provider hasn't paid for the slot."""
        model = self.model
        return [
            (device, slot, place)
            for (device, slot, place), item in model.items.items()
            if (
                model.records[device, slot][1] & (COMMITTED | FAULT_PAID) == COMMITTED
                if unpaid
                else item.asker != ZERO_ADDRESS
            )
        ]
