"""Signed asks and bids, and what comes of them where they meet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from eth_utils.crypto import keccak

from tensorbond.chain.orders import MEMBERS
from tensorbond.chain.types import JobAsk, JobBid, Leaf, LeaseAsk, LeaseBid, LeaseTerms, Order, Terms
from tests.words import words

from ..signing import digest_of, domain
from .books import ZERO, ZERO_ADDRESS, Deployed, Refused, require
from .leases import Leases

Ask = JobAsk | LeaseAsk
Bid = JobBid | LeaseBid


@dataclass(frozen=True)
class Offer:
    """Some devices under an ask. `signer`: who signed it, if anybody did."""

    ask: Ask
    signer: str | None
    devices: tuple[int, ...]


@lru_cache(maxsize=4096)
def content_of(order: Ask | Bid | Order) -> bytes:
    """EIP-712's hash of a struct."""
    kind = type(order).__name__
    named = f"{kind}({MEMBERS[kind]})" + ("" if kind == "Order" else f"Order({MEMBERS['Order']})")
    values = [getattr(order, each.name) for each in fields(order)]
    if kind != "Order":
        values[0] = content_of(values[0])
    return keccak(words(keccak(named.encode()), *values))


class Orders(Leases):
    def __init__(self, deployed: Deployed) -> None:
        super().__init__(deployed)
        self.series: dict[str, int] = defaultdict(int)
        # (account, series, nonce)
        self.spent: set[tuple[str, int, int]] = set()
        # How often an order was filled that can be filled more often.
        self.filled: dict[bytes, int] = {}

    def digest_of(self, order: Ask | Bid) -> bytes:
        return digest_of(domain("OrderBook", self.at.order_book), content_of(order))

    # Matching

    def match_jobs(
        self,
        sender: str,
        bid: JobBid,
        signer: str | None,
        offers: Sequence[Offer],
        leaves: Sequence[tuple[int, Leaf]],
    ) -> list[int]:
        with self._all_or_nothing(bid.order.token):
            jobs = []
            for offer, device in self._matched(sender, bid, signer, offers, leaves):
                terms = self._job_terms(bid, offer.ask.order)
                self._require_fundable(terms, terms.review_blocks)
                slot = self._require_forceable(terms, device)
                provider = self.devices[device].provider
                require(provider == terms.provider, "ProviderNotInvited", provider, terms.provider)
                self._pull(terms.token, terms.payer, terms.price)
                jobs.append(self._enter(terms))
                self._take(self.jobs[jobs[-1]], device, slot)
            return jobs

    def match_leases(
        self,
        sender: str,
        bid: LeaseBid,
        signer: str | None,
        offers: Sequence[Offer],
        leaves: Sequence[tuple[int, Leaf]],
    ) -> list[int]:
        with self._all_or_nothing(bid.order.token):
            leases = []
            for offer, device in self._matched(sender, bid, signer, offers, leaves):
                require(device in self.devices, "DeviceUnknown", device)
                book, class_id = self.devices[device], bid.order.class_id
                require(book.class_id == class_id, "DeviceUnfit", "classId", book.class_id, class_id)
                require(book.gops >= bid.min_gops, "DeviceUnfit", "bondedGops", book.gops, bid.min_gops)
                terms = self._lease_terms(bid, offer.ask.order)
                self._require_openable(terms, bid.deposit, device)
                self._require_leasable(device, terms.provider)
                cap = self.lease_ledgers[terms.token].cap
                self._deposit(terms.token, terms.requester, bid.deposit, cap)
                leases.append(self._open(terms, bid.deposit, device, starts=True))
            return leases

    def _matched(
        self,
        sender: str,
        bid: Bid,
        signer: str | None,
        offers: Sequence[Offer],
        leaves: Sequence[tuple[int, Leaf]],
    ) -> Iterator[tuple[Offer, int]]:
        """Every device in turn, once its orders are checked and filled; the next one once that is served."""
        digest, count = self.digest_of(bid), sum(len(offer.devices) for offer in offers)
        account = bid.order.account
        require(account in (sender, signer), "SignatureInvalid", account, digest)
        whole = not bid.whole or count == bid.order.count
        require(whole, "BidNotWhole", digest, count, bid.order.count)
        self._fill(bid.order, digest, count)
        need = count if bid.min_weight else 0
        require(len(leaves) == need, "LeafCountWrong", len(leaves), need)
        shown = iter(leaves)
        for offer in offers:
            self._take_ask(sender, offer, bid)
            for device in offer.devices if bid.min_weight else ():
                self._require_weight(device, *next(shown), bid)
            for device in offer.devices:
                only = offer.ask.device
                require(only in (0, device), "DeviceNotOffered", device, only)
                yield offer, device

    def _take_ask(self, sender: str, offer: Offer, bid: Bid) -> None:
        ask, b = offer.ask, bid.order
        a, digest = ask.order, self.digest_of(ask)
        signed = {sender, offer.signer} & {a.account, self.operator_of(a.account)}
        require(bool(signed), "SignatureInvalid", a.account, digest)
        payers = (b.account, bid.requester) if isinstance(bid, JobBid) else (b.account,)
        require(a.account not in payers, "SelfMatch", a.account)
        for one, other in ((a, b), (b, a)):
            meets = one.counterparty in (ZERO_ADDRESS, other.account)
            require(meets, "CounterpartyWrong", one.account, other.account, one.counterparty)
        for name, have, want, fits in self.differences(ask, bid):
            require(fits, "OrdersUnfit", name, _number(have), _number(want))
        self._fill(a, digest, len(offer.devices))

    def differences(self, ask: Ask, bid: Bid) -> Iterator[tuple[str, Any, Any, bool]]:
        """Each with what the ask says, what the bid does, and whether they fit."""
        a, b = ask.order, bid.order
        yield "token", a.token, b.token, a.token == b.token
        yield "classId", a.class_id, b.class_id, a.class_id == b.class_id
        yield "price", a.price, b.price, a.price <= b.price
        if isinstance(ask, JobAsk) and isinstance(bid, JobBid):
            yield "arbiter", ask.arbiter, bid.arbiter, ask.arbiter == bid.arbiter
            yield "spec", ask.spec, bid.spec, ask.spec in (ZERO, bid.spec)
            yield "collateral", ask.collateral, bid.collateral, ask.collateral >= bid.collateral
            slow = ask.submit_blocks <= bid.submit_blocks
            yield "submitBlocks", ask.submit_blocks, bid.submit_blocks, slow
            blocks = bid.submit_blocks + bid.refund_blocks
            yield "holdBlocks", ask.hold_blocks, blocks, blocks <= ask.hold_blocks
        elif isinstance(ask, LeaseAsk) and isinstance(bid, LeaseBid):
            yield "notice", ask.notice, bid.notice, ask.notice == bid.notice
            yield "deposit", ask.deposit, bid.deposit, ask.deposit <= bid.deposit
            yield "grace", ask.grace, bid.grace, ask.grace >= bid.grace
            most, blocks = ask.voucher_blocks, bid.voucher_blocks
            yield "voucherBlocks", most, blocks, most >= blocks

    def _fill(self, order: Order, digest: bytes, amount: int) -> None:
        account, series = order.account, self.series[order.account]
        require(self.block <= order.expiry, "OrderExpired", digest, self.block, order.expiry)
        require(order.series == series, "SeriesWrong", account, order.series, series)
        place = (account, series, order.nonce)
        require(place not in self.spent, "OrderSpent", *place)
        total = amount + (self.filled.get(digest, 0) if order.count > 1 else 0)
        require(total <= order.count, "OrderOverfilled", digest, total, order.count)
        if total < order.count:
            self.filled[digest] = total
        else:
            self.spent.add(place)

    def _require_weight(self, device: int, epoch: int, leaf: Leaf, bid: Bid) -> None:
        require(leaf.device == device, "LeafOfAnotherDevice", leaf.device, device)
        require(epoch >= bid.since_epoch, "LeafTooOld", device, epoch, bid.since_epoch)
        require(leaf.weight >= bid.min_weight, "WeightTooLow", device, leaf.weight, bid.min_weight)
        self.require_final_leaf(epoch, leaf)

    def _job_terms(self, bid: JobBid, ask: Order) -> Terms:
        payer = bid.order.account
        requester = payer if bid.requester == ZERO_ADDRESS else bid.requester
        submit_by = self.block + bid.submit_blocks
        return Terms(
            requester=requester,
            sponsor=ZERO_ADDRESS if requester == payer else payer,
            token=bid.order.token,
            price=ask.price,
            parts=bid.parts,
            provider=ask.account,
            class_id=bid.order.class_id,
            min_gops=bid.min_gops,
            collateral=bid.collateral,
            accept_by=self.block,
            submit_by=submit_by,
            review_blocks=bid.review_blocks,
            refund_at=submit_by + bid.refund_blocks,
            arbiter=bid.arbiter,
            callback=bid.callback,
            spec=bid.spec,
        )

    def _lease_terms(self, bid: LeaseBid, ask: Order) -> LeaseTerms:
        return LeaseTerms(
            requester=bid.order.account,
            provider=ask.account,
            token=bid.order.token,
            rate=ask.price,
            cap=bid.cap,
            notice=bid.notice,
            grace=bid.grace,
            voucher_blocks=bid.voucher_blocks,
            accept_by=self.block,
        )

    @contextmanager
    def _all_or_nothing(self, token: str) -> Iterator[None]:
        """Undo what a match has done when one of its devices is refused."""
        spent, filled = set(self.spent), dict(self.filled)
        jobs, leases = dict(self.jobs), dict(self.leases)
        devices = {device: copy(book) for device, book in self.devices.items()}
        locked = {provider: position.locked for provider, position in self.positions.items()}
        ledgers = (*self.ledgers.values(), *self.lease_ledgers.values())
        tracked = [ledger.tracked for ledger in ledgers]
        balances = dict(self.tokens[token].balances) if token in self.tokens else {}
        try:
            yield
        except Refused:
            self.spent, self.filled, self.jobs, self.leases, self.devices = (
                spent,
                filled,
                jobs,
                leases,
                devices,
            )
            for provider, amount in locked.items():
                self.positions[provider].locked = amount
            for ledger, amount in zip(ledgers, tracked, strict=True):
                ledger.tracked = amount
            if token in self.tokens:
                self.tokens[token].balances.update(balances)
            raise

    # Cancelling

    def cancel(self, sender: str, account: str, word: int, mask: int) -> None:
        self._require_account(sender, account)
        series = self.series[account]
        self.spent |= {(account, series, 256 * word + bit) for bit in range(256) if mask >> bit & 1}

    def cancel_all(self, sender: str, account: str) -> None:
        self._require_account(sender, account)
        self.series[account] += 1

    def spent_of(self, account: str, word: int) -> int:
        here = (account, self.series[account])
        nonces = [nonce for *place, nonce in self.spent if tuple(place) == here and nonce >> 8 == word]
        return sum(1 << (nonce & 255) for nonce in nonces)

    def _require_account(self, sender: str, account: str) -> None:
        operator = self.operator_of(account)
        require(sender in (account, operator), "AccountOnly", sender, account, operator)


def _number(value: Any) -> int:
    if isinstance(value, bytes):
        return int.from_bytes(value, "big")
    return int(value, 16) if isinstance(value, str) else value
