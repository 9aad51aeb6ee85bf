"""Verbs of leases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis.stateful import precondition

from tensorbond.chain.types import Lease, LeaseStatus, LeaseTerms

from ..model.books import OPEN, ZERO_ADDRESS
from ..model.jobs import TOKEN_CAP
from ..model.leases import ACTIVE, CLOSED, ENDING, OFFERED, STOPPED, LeaseBook
from ..world import TUSD
from .epochs import EpochVerbs
from .table import verb

Numbered = tuple[int, LeaseBook]


class LeaseVerbs(EpochVerbs):
    @precondition(lambda self: len(self.leases(OFFERED, ACTIVE, ENDING)) < 6)
    @verb
    def open_lease(self) -> None:
        """Of a device, or a tab for vouchers."""
        self.world.tend()
        model, random = self.model, self.random
        token = random.choice(list(model.tokens))
        unblocked = [each for each in self.cast.requesters if each not in model.tokens[token].blocked]
        requester = self.pick(unblocked, self.cast.requesters)
        device = self.pick(self.leasable() or [0], [0])
        provider = model.devices[device].provider if device else random.choice(self.cast.providers)
        rate = random.choice([1, 7, random.randint(1, TUSD // 10)]) if device else 0
        deposit = random.randint(1, 50) * max(rate, TUSD // 100) + random.choice([0, random.randint(0, rate)])
        lasts = deposit // rate if rate else 10
        terms = LeaseTerms(
            requester=requester,
            provider=provider,
            token=token,
            rate=rate,
            cap=deposit * random.choice([1, 3, 10]) + random.choice([0, 5]),
            notice=random.choice([0, 0, 5, 20]),
            grace=random.randint(0, min(lasts, 20)),
            voucher_blocks=random.choice([0, 50]) if rate else 50,
            accept_by=model.block + random.randint(3, 50),
        )
        if rate:
            terms = replace(terms, cap=min(terms.cap, rate * OPEN))
        wrong = [
            {"token": self.model.at.registry},
            {"cap": deposit - 1},
            {"provider": ZERO_ADDRESS},
            {"voucher_blocks": 49},
            {"voucher_blocks": 2**22 + 1},
            {"notice": 2_592_001},
            {"grace": 2_592_001},
            {"grace": lasts + 1},
            {"rate": rate + 1 if not device else rate},
        ]
        terms = replace(terms, **self.pick([{}], wrong))
        deposit = self.pick([deposit], [0])
        sender = self.pick([requester], [self.cast.stranger])
        self.act(
            "open",
            "LeaseEscrow",
            terms,
            device,
            deposit,
            by=sender,
            effect=lambda m: m.open_lease(sender, terms, device, deposit),
            name="openLease",
        )

    @precondition(lambda self: self.acceptable())
    @verb
    def accept_lease(self) -> None:
        self.world.tend()
        model = self.model
        number, lease = self.pick(self.acceptable(), self.leases(OFFERED, ACTIVE))
        fixed, owner = self.pick_fixed(lease), lease.terms.provider
        sender = self.pick([owner, model.operator_of(owner)], [self.cast.stranger])
        self.act(
            "accept",
            "LeaseEscrow",
            number,
            fixed,
            by=sender,
            effect=lambda m: m.accept_lease(sender, number, fixed),
            name="acceptLease",
        )

    @precondition(lambda self: self.leases(ACTIVE))
    @verb
    def top_up(self) -> None:
        """By whoever likes to; a pause ends."""
        model = self.model
        roomy = [(n, each) for n, each in self.leases(ACTIVE) if each.funds < each.terms.cap]
        number, lease = self.pick(roomy, self.leases(OFFERED, ACTIVE, ENDING, CLOSED))
        if self.random.random() < 0.4 and lease.status == ACTIVE:
            lasts = min(lease.runway(model.timestamp)[0], 60)
            self.wait_for(model.block + lasts + self.random.randint(0, 5), 70)
        self.world.tend()
        terms, fixed = lease.terms, self.pick_fixed(lease)
        room = terms.cap - lease.funds
        lasting = (terms.grace + 1) * terms.rate
        good = sorted({min(room, each) for each in (1, lasting, 2 * lasting + 1, room)} - {0})
        amount = self.pick(good, [0, room + 1])
        sender = self.random.choice([terms.requester, *self.cast.requesters])
        self.act(
            "topUp",
            "LeaseEscrow",
            number,
            fixed,
            amount,
            by=sender,
            effect=lambda m: m.top_up(sender, number, fixed, amount),
        )

    @precondition(lambda self: self.leases(ACTIVE, ENDING, STOPPED))
    @verb
    def settle_lease(self) -> None:
        number, lease = self.pick(self.leases(ACTIVE, ENDING, STOPPED), self.leases(OFFERED, CLOSED))
        self.wait_for(lease.ripe_at, 60)
        self.world.tend()
        fixed = self.pick_fixed(lease)
        self.act(
            "settle",
            "LeaseEscrow",
            number,
            fixed,
            by=self.cast.stranger,
            effect=lambda m: m.settle_lease(number, fixed),
            name="settleLease",
        )

    @precondition(lambda self: self.taking_vouchers())
    @verb
    def redeem(self) -> None:
        """A voucher: of what is left, of more, or an old one, which pays nothing."""
        self.world.tend()
        number, lease = self.pick(self.taking_vouchers(), self.leases(ACTIVE, ENDING, OFFERED, STOPPED))
        requester, left = lease.terms.requester, lease.left(lease.active_at(self.model.timestamp))
        more = [left // 3, left // 2, left, left + 5]
        amount = self.pick([lease.redeemed + each for each in more], [0, lease.redeemed])
        others = [(self.cast.stranger, number, amount), (requester, number + 1, amount)]
        signed = self.pick([(requester, number, amount)], [*others, (requester, number, amount + 1)])
        signature, fixed = self.world.sign_voucher(*signed), self.pick_fixed(lease)
        valid = signed == (fixed.terms.requester, number, amount)
        self.act(
            "redeem",
            "LeaseEscrow",
            number,
            fixed,
            amount,
            signature,
            by=self.cast.stranger,
            effect=lambda m: m.redeem(number, fixed, amount, valid),
        )

    @precondition(lambda self: self.leases(ACTIVE))
    @verb
    def give_notice(self) -> None:
        self.world.tend()
        number, lease = self.pick(self.leases(ACTIVE), self.leases(OFFERED, ENDING))
        fixed, sender = self.pick_fixed(lease), self.pick(self.sides(lease), [self.cast.stranger])
        self.act(
            "giveNotice",
            "LeaseEscrow",
            number,
            fixed,
            by=sender,
            effect=lambda m: m.give_notice(sender, number, fixed),
        )

    @precondition(lambda self: self.leases(OFFERED, ACTIVE, ENDING))
    @verb
    def stop(self) -> None:
        """An offer, a lease after its notice, one whose money has ended, or one that needs no notice. Nothing
        is withdrawn from under a voucher in flight."""
        model = self.model
        stoppable = [each for each in self.leases(OFFERED, ACTIVE, ENDING) if self.stops_soon(*each)]
        number, lease = self.pick(stoppable, self.leases(OFFERED, ACTIVE, ENDING))
        if lease.status == ENDING:
            self.wait_for(max(lease.stop_from, model.block + lease.ends_at - model.timestamp), 60)
        elif lease.status == ACTIVE and self.random.random() < 0.5:
            lasts = lease.runway(model.timestamp)[0]
            self.wait_for(model.block + min(lasts, 100) + lease.terms.grace + 1, 60)
        self.world.tend()
        sender = self.random.choice([*self.sides(lease), lease.terms.requester, self.cast.stranger])
        fixed = self.pick_fixed(lease)
        self.act(
            "stop",
            "LeaseEscrow",
            number,
            fixed,
            by=sender,
            effect=lambda m: m.stop(sender, number, fixed),
        )

    @precondition(lambda self: self.haltable())
    @verb
    def halt(self) -> None:
        number, lease = self.pick(self.haltable(), self.leases(ACTIVE, ENDING, STOPPED))
        book = self.model.devices.get(lease.fixed.device)
        slot = min(book.earliest, book.until_slot) if book else OPEN
        if slot == OPEN:
            slot = self.model.slot
        if slot not in self.model.beacons:
            self.seal_slot(slot)
        self.world.tend()
        block = self.model.slot_start(slot)
        header = self.world.header(block if self.mostly() else block + 1)
        time = self.model.timestamp - self.model.block + block
        origins = [lease.resumed_origin(time + each) for each in (-1_000, 1_000)]
        origin = self.pick([lease.resumed_origin(time)], [*origins, lease.origin, 1])
        fixed = self.pick_fixed(lease)
        self.act(
            "halt",
            "LeaseEscrow",
            number,
            fixed,
            header,
            origin,
            by=self.cast.stranger,
            effect=lambda m: m.halt(number, fixed, self.world.hash_of_header(header), origin),
        )

    def seal_slot(self, slot: int) -> None:
        """Mostly, once it has begun."""
        self.wait_for(self.model.slot_start(slot) + 1)
        self.world.tend()
        if self.model.block > self.model.slot_start(slot) and slot not in self.model.beacons:
            self.act("seal", "Challenges", slot, by=self.cast.stranger, effect=lambda m: m.seal(slot))

    @precondition(lambda self: self.refundable())
    @verb
    def refund_funder(self) -> None:
        over = [(n, each, i) for n, each in self.leases(STOPPED, CLOSED) for i in range(len(each.deposits))]
        self.world.tend()
        number, lease, place = self.pick(self.refundable(), over)
        fixed = self.pick_fixed(lease)
        account, before = lease.deposits[place].by, lease.before(place)
        if not self.mostly():
            account = self.random.choice(self.cast.requesters)
        self.act(
            "refund",
            "LeaseEscrow",
            number,
            fixed,
            account,
            before,
            by=self.cast.stranger,
            effect=lambda m: m.refund_funder(number, fixed, account, before),
            name="refundFunder",
        )

    @precondition(lambda self: self.owed_of_leases())
    @verb
    def collect_lease(self) -> None:
        owed = self.owed_of_leases()
        account, token = self.pick(owed, [*owed, (self.cast.stranger, next(iter(self.model.tokens)))])
        if self.mostly():
            self.relent(account, token)
        self.world.tend()
        self.act(
            "collect",
            "LeaseEscrow",
            account,
            token,
            by=self.cast.stranger,
            effect=lambda m: m.collect_lease(account, token),
            name="collectLease",
        )

    @precondition(lambda self: any(ledger.fees for ledger in self.model.lease_ledgers.values()))
    @verb
    def sweep_lease(self) -> None:
        due = [token for token, ledger in self.model.lease_ledgers.items() if ledger.fees]
        token = self.pick(due, list(self.model.tokens))
        self.act(
            "sweep",
            "LeaseEscrow",
            token,
            by=self.cast.stranger,
            effect=lambda m: m.sweep_lease(token),
            name="sweepLease",
        )

    @verb
    def allow_lease_token(self) -> None:
        token = self.random.choice(list(self.model.tokens))
        cap = self.pick([TOKEN_CAP], [0, self.model.lease_ledgers[token].tracked + TUSD, 2**87 + 1])
        sender = self.pick([self.cast.governor], [self.cast.stranger])
        self.act(
            "allowToken",
            "LeaseEscrow",
            token,
            cap,
            by=sender,
            effect=lambda m: m.allow_lease_token(sender, token, cap),
            name="allowLeaseToken",
        )

    @verb
    def set_lease_fee(self) -> None:
        bps = self.pick([0, 1, 100, 500], [501])
        sender = self.pick([self.cast.governor], [self.cast.stranger])
        self.act(
            "setFee",
            "LeaseEscrow",
            bps,
            by=sender,
            effect=lambda m: m.set_lease_fee(sender, bps),
            name="setLeaseFee",
        )

    # Choosing

    def leases(self, *statuses: LeaseStatus) -> list[Numbered]:
        return [(n, each) for n, each in self.model.leases.items() if each.status in statuses]

    def leasable(self) -> list[int]:
        model = self.model
        return [
            device
            for device, book in model.devices.items()
            if device != self.careful and not book.held and model.is_active(device, model.coming_slot)
        ]

    def acceptable(self) -> list[Numbered]:
        free, block = self.leasable(), self.model.block
        offers = self.leases(OFFERED)
        return [
            (n, each) for n, each in offers if each.fixed.device in free and block <= each.terms.accept_by
        ]

    def taking_vouchers(self) -> list[Numbered]:
        return [(n, each) for n, each in self.leases(ACTIVE, ENDING) if each.terms.voucher_blocks]

    def sides(self, lease: LeaseBook) -> Sequence[str]:
        return lease.terms.requester, lease.terms.provider, self.model.operator_of(lease.terms.provider)

    def stops_soon(self, number: int, lease: LeaseBook) -> bool:
        needs_notice = lease.terms.notice or lease.terms.voucher_blocks
        ends = lease.terms.rate and lease.runway(self.model.timestamp)[0] < 30
        return lease.status != ACTIVE or not needs_notice or bool(ends)

    def haltable(self) -> list[Numbered]:
        """Those of a device that has ended, and that would end with it, or earlier than they did."""
        found = []
        for number, lease in self.leases(ACTIVE, ENDING, STOPPED):
            book = self.model.devices.get(lease.fixed.device)
            if book is None or not (book.faults or book.until_slot <= self.model.slot):
                continue
            block = self.model.slot_start(min(book.earliest, book.until_slot))
            until = lease.active_until(self.model.timestamp - self.model.block + block)
            if lease.runs or max(until, lease.paid) < lease.held:
                found.append((number, lease))
        return found

    def refundable(self) -> list[tuple[int, LeaseBook, int]]:
        """With the place of the deposit."""
        return [
            (number, each, place)
            for number, each in self.leases(STOPPED, CLOSED)
            for place, (paid, rest) in enumerate(zip(each.deposits, each.unspent(), strict=True))
            if each.shared and rest > paid.refunded
        ]

    def owed_of_leases(self) -> list[tuple[str, str]]:
        ledgers = self.model.lease_ledgers.items()
        return [(account, token) for token, ledger in ledgers for account, wei in ledger.owed.items() if wei]

    def pick_fixed(self, lease: LeaseBook) -> Lease:
        """Mostly what was fixed; else what would be worth a lie."""
        fixed = lease.fixed
        lies = [
            replace(fixed, fee_bps=fixed.fee_bps + 1),
            replace(fixed, terms=replace(fixed.terms, rate=fixed.terms.rate + 1)),
            replace(fixed, terms=replace(fixed.terms, requester=self.cast.stranger)),
            replace(fixed, device=0 if fixed.device else 1),
        ]
        return self.random.choice(lies) if self.random.random() < 0.06 else fixed
