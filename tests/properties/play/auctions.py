"""Verbs of sealed auctions."""

from __future__ import annotations

from hypothesis.stateful import precondition

from ..model.auctions import AuctionBook
from ..model.books import ZERO
from ..model.jobs import FUNDED, JobBook
from .jobs import JobVerbs
from .table import verb

Sealed = tuple[int, int, bytes]
"""Device, price and salt of a bid."""


class AuctionVerbs(JobVerbs):
    @precondition(lambda self: self.auctionable())
    @verb
    def open_auction(self) -> None:
        """Of a job that invites the auction, once."""
        self.world.tend()
        block = self.model.block
        number, job = self.pick(self.auctionable(), self.jobs(FUNDED))
        last = job.state.terms.accept_by - 1
        reveal_by = self.pick(range(max(block + 2, last - 20), last + 1), [block + 1, last + 1])
        commit_by = self.pick(range(block + 1, reveal_by), [block, reveal_by])
        sender, state = self.pick([job.state.terms.requester], [self.cast.stranger]), self.pick_state(job)
        self.act(
            "open",
            "SealedAuction",
            number,
            state,
            commit_by,
            reveal_by,
            by=sender,
            effect=lambda m: m.open_auction(sender, number, state, commit_by, reveal_by),
            name="openAuction",
        )

    @precondition(lambda self: self.biddable())
    @verb
    def commit_bid(self) -> None:
        """Mostly by each provider that may: an auction needs two."""
        self.world.tend()
        every = [(n, p) for n in [*self.model.auctions, 0] for p in self.cast.providers]
        number, provider = self.pick(self.biddable(), every)
        self.commit_one(number, provider)
        self.world.tend()
        for n, other in self.biddable():
            if n == number and self.mostly():
                self.commit_one(n, other)

    def commit_one(self, number: int, provider: str) -> None:
        model, job = self.model, self.model.jobs.get(number)
        fit = [device for device in self.devices_of(provider) if job and self.is_biddable(job, device)]
        device = self.pick(fit, self.devices_of(provider) or [0])
        salt = bytes(self.random.randrange(256) for _ in range(32))
        sealed = device, self.price_for(job) if job else 1, salt
        bid = model.bid_hash(number, provider, *sealed)
        sender = self.pick([provider, model.operator_of(provider)], [self.cast.stranger])
        before = model.auctions.get(number)
        is_new = before is not None and provider not in before.bids
        self.act(
            "commit",
            "SealedAuction",
            number,
            provider,
            bid,
            by=sender,
            effect=lambda m: m.commit_bid(sender, number, provider, bid),
            name="commitBid",
        )
        if is_new and provider in model.auctions[number].bids:
            self.sealed[number, provider] = sealed

    @precondition(lambda self: self.revealable())
    @verb
    def reveal_bid(self) -> None:
        """As it was committed, by who committed it; mostly in time."""
        number, provider = self.pick(self.revealable(), list(self.sealed))
        self.wait_for(self.model.auctions[number].commit_by + 1)
        self.reveal_one(number, provider)
        self.world.tend()
        for n, other in self.revealable():
            if n == number and self.mostly():
                self.reveal_one(n, other)

    def reveal_one(self, number: int, provider: str) -> None:
        job = self.model.jobs[number]
        right = self.sealed[number, provider]
        device, price, salt = right
        others = [each for each in self.model.devices if each != self.careful]
        wrong = [
            (device, price + 1, salt),
            (device, 0, salt),
            (device, job.state.terms.price + 1, salt),
            (device, price, ZERO),
            (self.random.choice(others), price, salt),
            (99, price, salt),
        ]
        revealed = self.pick([right], wrong)
        sender = self.pick(
            [provider, self.model.operator_of(provider)], [self.cast.stranger, job.state.terms.requester]
        )
        state = self.pick_state(job)
        self.act(
            "reveal",
            "SealedAuction",
            number,
            state,
            *revealed,
            by=sender,
            effect=lambda m: m.reveal_bid(sender, number, state, *revealed),
            name="revealBid",
        )

    @precondition(lambda self: self.awardable())
    @verb
    def award(self) -> None:
        number = self.pick(self.awardable(), [*self.model.auctions])
        self.wait_for(self.model.auctions[number].reveal_by + 1)
        self.world.tend()
        state = self.pick_state(self.model.jobs[number])
        self.act(
            "award",
            "SealedAuction",
            number,
            state,
            by=self.cast.stranger,
            effect=lambda m: m.award(number, state),
        )

    # Choosing

    def devices_of(self, provider: str) -> list[int]:
        return [device for device, book in self.model.devices.items() if book.provider == provider]

    def price_for(self, job: JobBook) -> int:
        """In whole parts: often the same."""
        parts = max(job.state.terms.parts, 1)
        each = job.state.terms.price // parts
        return max(self.random.choice([1, each // 2, each // 2, each]), 1) * parts

    def auctionable(self) -> list[tuple[int, JobBook]]:
        model = self.model
        return [
            (number, job)
            for number, job in self.jobs(FUNDED)
            if job.state.terms.provider == model.at.auction
            and number not in model.auctions
            and model.block + 3 < job.state.terms.accept_by
        ]

    def running(self) -> list[tuple[int, AuctionBook]]:
        """Auctions of jobs that still invite one."""
        model = self.model
        return [
            (number, auction)
            for number, auction in model.auctions.items()
            if model.jobs[number].state.status == FUNDED
            and model.jobs[number].state.terms.provider == model.at.auction
        ]

    def biddable(self) -> list[tuple[int, str]]:
        return [
            (number, provider)
            for number, auction in self.running()
            for provider in self.cast.providers
            if provider not in auction.bids
            and self.model.block <= auction.commit_by
            and any(self.is_biddable(self.model.jobs[number], each) for each in self.devices_of(provider))
        ]

    def is_biddable(self, job: JobBook, device: int) -> bool:
        model, book, terms = self.model, self.model.devices[device], job.state.terms
        return (
            book.class_id == terms.class_id
            and book.gops >= terms.min_gops
            and model.is_active(device, model.slot)
            and book.provider not in (terms.requester, terms.sponsor)
            and model.position(book.provider).free >= terms.collateral
        )

    def revealable(self) -> list[tuple[int, str]]:
        return [
            (number, provider)
            for number, auction in self.running()
            for provider, bid in auction.bids.items()
            if not bid.revealed
            and self.model.block <= auction.reveal_by
            and self.is_biddable(self.model.jobs[number], self.sealed[number, provider][0])
        ]

    def awardable(self) -> list[int]:
        model = self.model
        return [
            number
            for number, auction in self.running()
            if auction.best[1] and model.block <= model.jobs[number].state.terms.accept_by
        ]
