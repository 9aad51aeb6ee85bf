"""Verbs of the order book."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from eth_utils.crypto import keccak
from hypothesis.stateful import precondition

from tensorbond.chain.types import (
    JobAsk,
    JobBid,
    JobOffer,
    Leaf,
    LeafProof,
    LeaseAsk,
    LeaseBid,
    LeaseOffer,
    Order,
)

from ..model.books import ZERO, ZERO_ADDRESS
from ..model.leases import ACTIVE, ENDING
from ..model.orders import Ask, Bid, Offer
from ..world import TBND, TUSD
from .jobs import JobVerbs
from .leases import LeaseVerbs
from .table import verb

A = TypeVar("A", JobAsk, LeaseAsk)

# In an account's own word, at its border, and beyond.
NONCES = (0, 1, 2, 5, 190, 191, 192, 193, 255, 256, 300)


class OrderVerbs(JobVerbs, LeaseVerbs):
    @precondition(lambda self: len(self.open_jobs()) < 10 and self.forceable())
    @verb
    def match_jobs(self) -> None:
        """One to three devices, of one provider or two, for a bid that is new or filled in part."""
        self.world.tend()
        self.match("matchJobs", *self.deal(self.job_bids, self.forceable(), self.new_job_bid))

    @precondition(lambda self: len(self.leases(ACTIVE, ENDING)) < 6 and self.leasable())
    @verb
    def match_leases(self) -> None:
        self.world.tend()
        self.match("matchLeases", *self.deal(self.lease_bids, self.leasable(), self.new_lease_bid))

    @verb
    def cancel(self) -> None:
        """One order, or some that nobody has signed."""
        self.world.tend()
        account = self.random.choice([*self.cast.requesters, *self.cast.providers])
        nonce = self.random.choice(NONCES)
        mask = self.random.choice([1 << (nonce & 255), 0, 1 << 3 | 1 << 191 | 1 << 192])
        sender = self.pick([account, self.model.operator_of(account)], [self.cast.stranger])
        word = nonce >> 8
        self.act(
            "cancel",
            "OrderBook",
            account,
            word,
            mask,
            by=sender,
            effect=lambda m: m.cancel(sender, account, word, mask),
        )

    @verb
    def cancel_all(self) -> None:
        self.world.tend()
        account = self.random.choice([*self.cast.requesters, *self.cast.providers])
        sender = self.pick([account, self.model.operator_of(account)], [self.cast.stranger])
        self.act(
            "cancelAll",
            "OrderBook",
            account,
            by=sender,
            effect=lambda m: m.cancel_all(sender, account),
        )

    def match(self, verb: str, bid: Bid, offers: Sequence[Offer]) -> None:
        """By anyone with both signatures; or by one side without its own."""
        model, account = self.model, bid.order.account
        bid, offers = self.spoilt(bid, list(offers))
        signer = account if self.random.random() < 0.93 else self.random.choice([None, self.cast.stranger])
        sender = self.random.choice(
            [self.cast.stranger, self.cast.stranger, account, offers[0].ask.order.account]
        )
        signature = self.world.sign_order(bid, signer)
        shown = []
        for offer in offers:
            kind = JobOffer if isinstance(bid, JobBid) else LeaseOffer
            shown.append(kind(offer.ask, self.world.sign_order(offer.ask, offer.signer), offer.devices))  # type: ignore[arg-type]
        leaves = self.leaves_for(bid, [device for offer in offers for device in offer.devices])
        given = [(proof.epoch, proof.leaf) for proof in leaves]
        effect = type(model).match_jobs if isinstance(bid, JobBid) else type(model).match_leases
        self.act(
            verb,
            "OrderBook",
            bid,
            signature,
            shown,
            leaves,
            by=sender,
            effect=lambda m: effect(m, sender, bid, signer, offers, given),  # type: ignore[arg-type]
        )

    # Orders

    def order(self, account: str, bid: Order | None = None, **values: Any) -> Order:
        """A new one; or one that meets a bid."""
        model, random = self.model, self.random
        spent = [
            nonce for who, series, nonce in model.spent if (who, series) == (account, model.series[account])
        ]
        order = Order(
            account=account,
            counterparty=ZERO_ADDRESS,
            token=random.choice(list(model.tokens)),
            price=random.randint(1, 20 * TUSD),
            class_id=0,
            count=1,
            expiry=model.block + random.randint(1, 60),
            series=model.series[account],
            nonce=self.pick([nonce for nonce in NONCES if nonce not in spent], NONCES),
        )
        if bid:
            price = random.choice([bid.price, max(1, bid.price // 2)])
            order = replace(order, token=bid.token, class_id=bid.class_id, price=price)
            order = replace(order, counterparty=random.choice([ZERO_ADDRESS, bid.account]))
        return replace(order, **values)

    def payer(self, token: str, devices: Sequence[int]) -> str:
        """One who may move the token, and is not the provider."""
        others = {self.model.devices[device].provider for device in devices}
        others |= self.model.tokens[token].blocked
        return self.pick([each for each in self.cast.requesters if each not in others], self.cast.requesters)

    def least_weight(self, devices: Sequence[int]) -> int:
        """One that final leaves have, where every device has one."""
        final = {leaf.device for _, leaf in self.final_leaves() if leaf.weight}
        return self.pick([0, 0, 1] if final.issuperset(devices) else [0], [25])

    def final_leaves(self) -> list[tuple[int, Leaf]]:
        return [
            (epoch, leaf) for epoch, leaf in self.leaves() if self.model.is_final(epoch, self.model.block)
        ]

    def new_job_bid(self, devices: Sequence[int]) -> JobBid:
        model, random = self.model, self.random
        token = random.choice(list(model.tokens))
        parts = random.choice([0, 0, 2])
        submit, review = random.randint(12, 40), random.choice([0, 10, 60])
        whole = random.random() < 0.4
        return JobBid(
            order=self.order(
                self.payer(token, devices),
                token=token,
                class_id=self.model.devices[devices[0]].class_id,
                count=len(devices) if whole else random.randint(len(devices), 4),
                price=random.randint(1, 10 * TUSD) * max(1, parts) * 2,
            ),
            requester=random.choice([ZERO_ADDRESS, ZERO_ADDRESS, *self.cast.requesters[:2]]),
            whole=whole,
            min_gops=self.pick([0, 0, 1], [11]),
            min_weight=self.least_weight(devices),
            since_epoch=self.pick([0], [model.next_epoch]),
            collateral=random.choice([0, 7, self.amount(40 * TBND)]),
            submit_blocks=submit,
            review_blocks=review,
            refund_blocks=max(model.decision_blocks(), review) + random.randint(6, 12),
            parts=parts,
            callback=ZERO_ADDRESS,
            arbiter=random.choice([ZERO_ADDRESS, *model.arbiters]),
            spec=keccak(b"work"),
        )

    def new_lease_bid(self, devices: Sequence[int]) -> LeaseBid:
        random = self.random
        token = random.choice(list(self.model.tokens))
        whole = random.random() < 0.4
        rate = random.randint(2, TUSD // 10)
        deposit = rate * random.randint(5, 50) + random.randint(0, rate)
        return LeaseBid(
            order=self.order(
                self.payer(token, devices),
                token=token,
                class_id=self.model.devices[devices[0]].class_id,
                count=len(devices) if whole else random.randint(len(devices), 4),
                price=rate,
            ),
            whole=whole,
            min_gops=self.pick([0, 0, 1], [11]),
            min_weight=self.least_weight(devices),
            since_epoch=0,
            deposit=deposit,
            cap=deposit * random.choice([1, 4]),
            notice=random.choice([0, 0, 10]),
            grace=random.randint(0, 5),
            voucher_blocks=random.choice([0, 50]),
        )

    def new_ask(self, bid: Bid, provider: str, devices: Sequence[int]) -> Ask:
        random = self.random
        price = random.choice([bid.order.price, bid.order.price // 2])
        count = random.randint(len(devices), 4)
        order = self.order(provider, bid.order, count=count, price=price)
        only = devices[0] if len(devices) == 1 and random.random() < 0.3 else 0
        if isinstance(bid, LeaseBid):
            return LeaseAsk(
                order=order,
                device=only,
                deposit=random.choice([0, bid.deposit]),
                notice=bid.notice,
                grace=bid.grace + random.choice([0, 5]),
                voucher_blocks=bid.voucher_blocks + random.choice([0, 5]),
            )
        return JobAsk(
            order=order,
            device=only,
            collateral=bid.collateral + random.choice([0, TBND]),
            submit_blocks=bid.submit_blocks - random.choice([0, 5]),
            hold_blocks=bid.submit_blocks + bid.refund_blocks + random.choice([0, 50]),
            arbiter=bid.arbiter,
            spec=random.choice([ZERO, bid.spec]),
        )

    # Choosing

    def forceable(self) -> list[int]:
        model = self.model
        slot = model.coming_slot + 1
        return [
            device
            for device, book in model.devices.items()
            if device != self.careful
            and not book.held
            and slot != book.forced_slot
            and model.is_active(device, slot)
        ]

    def deal(self, known: list[Any], free: Sequence[int], new: Callable[..., Bid]) -> tuple[Any, list[Offer]]:
        """One to three devices for a new bid, or for one that was signed before: perhaps filled in part,
        cancelled or expired since."""
        model, random = self.model, self.random
        open_ = [bid for bid in known if model.block <= bid.order.expiry]
        partial = [bid for bid in open_ if model.filled.get(model.digest_of(bid))]
        bid = self.pick(partial, known) if known and random.random() < (0.5 if partial else 0.1) else None
        class_id = bid.order.class_id if bid else model.devices[random.choice(free)].class_id
        alike = [device for device in free if model.devices[device].class_id == class_id] or free
        own = {bid.order.account, getattr(bid, "requester", ZERO_ADDRESS)} if bid else set()
        alike = [device for device in alike if model.devices[device].provider not in own] or alike
        left = bid.order.count - model.filled.get(model.digest_of(bid), 0) if bid and self.mostly() else 3
        devices = random.sample(alike, min(len(alike), max(left, 1), random.choice([1, 1, 2, 3])))
        if bid is None:
            bid = new(devices)
            known.append(bid)
        return bid, self.offers_for(bid, devices)

    def offers_for(self, bid: Bid, devices: Sequence[int]) -> list[Offer]:
        """An ask of each provider, new or one that was filled in part."""
        model, offers = self.model, []
        kind = LeaseAsk if isinstance(bid, LeaseBid) else JobAsk
        for provider in dict.fromkeys(model.devices[device].provider for device in devices):
            given = tuple(device for device in devices if model.devices[device].provider == provider)
            known = [
                ask
                for ask in self.asks
                if isinstance(ask, kind)
                and ask.order.account == provider
                and model.filled.get(model.digest_of(ask))
                and all(fits for *_, fits in model.differences(ask, bid))
            ]
            if not known or self.random.random() < 0.3:
                known = [self.new_ask(bid, provider, given)]
                self.asks += known
            signer = self.random.choice([provider, model.operator_of(provider)])
            if self.random.random() < 0.07:
                signer = self.random.choice([self.cast.stranger, None])
            offers.append(Offer(known[-1], signer, given))
        return offers

    def spoilt(self, bid: Any, offers: list[Offer]) -> tuple[Any, list[Offer]]:
        """Mostly not at all; else in one place, before it is signed."""
        if self.mostly():
            return bid, offers
        first, ask = offers[0], offers[0].ask
        a, b = ask.order, bid.order
        orders = [
            replace(a, price=b.price + 1),
            replace(a, class_id=b.class_id + 1),
            replace(a, token=self.model.at.registry),
            replace(a, counterparty=self.cast.stranger),
            replace(a, series=a.series + 1),
            replace(a, expiry=self.model.block - 1),
            replace(a, count=len(first.devices) - 1),
        ]
        asks = [replace(ask, order=order) for order in orders]
        asks.append(replace(ask, device=first.devices[0] + 1))
        if isinstance(bid, LeaseBid):
            wrong = {"notice": 1, "deposit": bid.deposit + 1, "grace": -1, "voucher_blocks": -1}
            wrong = {
                name: wrong[name] if wrong[name] >= 0 else max(0, getattr(bid, name) - 1) for name in wrong
            }
        else:
            wrong = {
                "collateral": max(0, bid.collateral - 1),
                "submit_blocks": bid.submit_blocks + 1,
                "hold_blocks": bid.submit_blocks + bid.refund_blocks - 1,
                "arbiter": self.cast.stranger,
                "spec": keccak(b"other work"),
            }
        asks += [replace(ask, **{name: value}) for name, value in wrong.items()]
        spoilt: list[tuple[Any, list[Offer]]] = [
            (bid, [replace(first, ask=each), *offers[1:]]) for each in asks
        ]
        bids = [
            replace(bid, order=replace(b, expiry=self.model.block - 1)),
            replace(bid, order=replace(b, counterparty=self.cast.stranger)),
            replace(bid, order=replace(b, series=b.series + 1)),
            replace(bid, whole=True, order=replace(b, count=b.count + 1)),
            replace(bid, order=replace(b, count=0)),
        ]
        spoilt += [(each, offers) for each in bids]
        spoilt.append((bid, [*offers, replace(first)]))
        return self.random.choice(spoilt)

    def leaves_for(self, bid: Bid, devices: Sequence[int]) -> list[LeafProof]:
        """Final ones, if the bid wants any and there are; else of whatever there is."""
        if not bid.min_weight:
            return []
        leaves = self.pick([self.final_leaves()], [list(self.leaves())])
        shown = {leaf.device: (epoch, leaf) for epoch, leaf in leaves if leaf.weight >= bid.min_weight}
        return [self.data(shown[each][0]).leaf_proof(each) for each in devices if each in shown]
