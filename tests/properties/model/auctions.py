"""Sealed auctions: who may do a funded job for less than its price."""

from __future__ import annotations

from dataclasses import dataclass, field

from eth_utils.crypto import keccak

from tensorbond.chain.types import Job
from tests.words import words

from .books import ZERO, ZERO_ADDRESS, Deployed, require
from .jobs import FUNDED
from .orders import Orders

SEAL_BYTES = 28


@dataclass
class BidBook:
    """One provider's. `seal`: as it was committed."""

    seal: bytes
    place: int
    price: int = 0

    @property
    def revealed(self) -> bool:
        return self.price > 0


@dataclass
class AuctionBook:
    commit_by: int
    reveal_by: int
    bids: dict[str, BidBook] = field(default_factory=dict)

    @property
    def best(self) -> tuple[str, int]:
        """Who leads, and at which price: the cheapest, of equal ones the first committed."""
        bids = [(bid.price, bid.place, provider) for provider, bid in self.bids.items() if bid.revealed]
        if not bids:
            return ZERO_ADDRESS, 0
        price, _, provider = min(bids)
        return provider, price


class Auctions(Orders):
    def __init__(self, deployed: Deployed) -> None:
        super().__init__(deployed)
        self.auctions: dict[int, AuctionBook] = {}

    def bid_hash(self, number: int, provider: str, device: int, price: int, salt: bytes) -> bytes:
        return keccak(words(self.chain_id, self.at.auction, number, provider, device, price, salt))

    def open_auction(self, sender: str, number: int, state: Job, commit_by: int, reveal_by: int) -> None:
        job = self._job(number, state, FUNDED)
        self._require_requester(sender, job)
        terms = job.state.terms
        require(terms.provider == self.at.auction, "AuctionNotInvited", number, terms.provider)
        require(number not in self.auctions, "AuctionOpenedAlready", number)
        for name, have, least, most in (
            ("revealBy", reveal_by, self.block + 2, terms.accept_by - 1),
            ("commitBy", commit_by, self.block + 1, reveal_by - 1),
        ):
            require(least <= have <= most, "DeadlineInvalid", name, have, least, most)
        self.auctions[number] = AuctionBook(commit_by, reveal_by)

    def commit_bid(self, sender: str, number: int, provider: str, bid: bytes) -> None:
        auction = self._auction(number)
        self._require_by(number, auction.commit_by)
        self._require_operator(sender, provider)
        require(provider not in auction.bids, "BidCommittedAlready", number, provider)
        auction.bids[provider] = BidBook(bid[:SEAL_BYTES], len(auction.bids) + 1)

    def reveal_bid(self, sender: str, number: int, state: Job, device: int, price: int, salt: bytes) -> None:
        auction = self._auction(number)
        self._require_after(number, auction.commit_by)
        self._require_by(number, auction.reveal_by)
        terms = self._job(number, state, FUNDED).state.terms
        require(device in self.devices, "DeviceUnknown", device)
        book = self.devices[device]
        for bidder in (book.provider, sender):
            require(bidder not in (terms.requester, terms.sponsor), "BidderPays", bidder)
        require(book.class_id == terms.class_id, "DeviceUnfit", "classId", book.class_id, terms.class_id)
        require(book.gops >= terms.min_gops, "DeviceUnfit", "bondedGops", book.gops, terms.min_gops)
        require(self.is_active(device, self.slot), "DeviceNotActive", device, self.slot)
        free = self.position(book.provider).free
        covered = free >= terms.collateral
        require(covered, "FreeStakeInsufficient", book.provider, free, terms.collateral)
        self._require_operator(sender, book.provider)
        require(1 <= price <= terms.price, "PriceOutOfRange", price, 1, terms.price)
        self._require_price(price, terms.parts)
        bid = auction.bids.get(book.provider, BidBook(ZERO, 0))
        require(bid.place > 0 and not bid.revealed, "BidUnknown", number, book.provider)
        seal = self.bid_hash(number, book.provider, device, price, salt)[:SEAL_BYTES]
        require(seal == bid.seal, "BidMismatch", number, seal, bid.seal)
        bid.price = price

    def award(self, number: int, state: Job) -> None:
        auction = self._auction(number)
        self._require_after(number, auction.reveal_by)
        provider, price = auction.best
        require(price > 0, "NoBid", number)
        self.assign(self.at.auction, number, state, provider, price)

    def _auction(self, number: int) -> AuctionBook:
        require(number in self.auctions, "AuctionUnknown", number)
        return self.auctions[number]
