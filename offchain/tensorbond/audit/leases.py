"""The leases' books, rebuilt from events and block times: every second that accrued, and what was paid for
it.

A lease is an account that two things draw on: time, `rate` a second while there is money, and vouchers. What
an event says of it is compared with what time and the events before it give, and what left the escrow with
what the token says was transferred. No arithmetic is shared with any other package.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from eth_utils.address import to_checksum_address

from tensorbond.audit.books import MOST_FEES, ZERO, share, total, where
from tensorbond.audit.findings import Report
from tensorbond.audit.history import History
from tensorbond.audit.pinned import Call, Pinned, Unanswered
from tensorbond.chain.abi import Event
from tensorbond.chain.types import (
    Lease,
    LeaseDeposit,
    LeaseExtra,
    LeaseLedger,
    LeaseState,
    LeaseStatus,
    StopReason,
)

CONTRACT = "LeaseEscrow"
RUNS = (LeaseStatus.ACTIVE, LeaseStatus.ENDING)


@dataclass
class Account:
    """One lease: what went in, what time and vouchers took, what went out."""

    number: int
    lease: Lease
    requester: str
    deposited: int
    status: LeaseStatus = LeaseStatus.OFFERED
    reason: StopReason = StopReason.NONE
    origin: int = 0
    pauses: list[tuple[int, int]] = field(default_factory=list)
    """(the origin before it, the seconds that were active when it ended)"""
    held: int = 0
    """Seconds that are held back; all of them, once it has stopped."""
    paid: int = 0
    """Seconds."""
    ripe_at: int = 0
    redeemed: int = 0
    paid_out: int = 0
    """To the provider, without fees."""
    fee: int = 0
    refunded: int = 0
    shared: bool = False
    deposits: dict[tuple[str, int], LeaseDeposit] = field(default_factory=dict)
    """Of a shared lease, by who paid it and what had been deposited before."""
    ends_at: int = 0
    stop_from: int = 0
    notice_reason: StopReason = StopReason.NONE

    @property
    def rate(self) -> int:
        return self.lease.terms.rate

    @property
    def funds(self) -> int:
        """As the chain keeps it: refunds to a sole funder are taken off, those of a shared lease are not."""
        return self.deposited - (0 if self.shared else self.refunded)

    @property
    def left(self) -> int:
        """Not spent, once it has stopped."""
        return self.funds - self.spent

    @property
    def spent(self) -> int:
        """By time and vouchers, once it has stopped."""
        return self.redeemed + self.held * self.rate

    @property
    def open_money(self) -> int:
        """What the escrow must hold for it."""
        return self.deposited - self.paid_out - self.refunded - self.fee

    def active(self, time: int) -> int:
        """Seconds that were active by `time`, while it runs."""
        if self.rate == 0:
            return 0
        if self.status == LeaseStatus.ENDING:
            time = min(time, self.ends_at)
        return min(time - self.origin, (self.deposited - self.redeemed) // self.rate)

    def active_by(self, time: int, most: int) -> int:
        """Seconds that were active by `time`, of the `most` that were later."""
        active = begun = 0
        for origin, ended in [*self.pauses, (self.origin, most)]:
            if time < origin + begun:
                break
            active, begun = min(time - origin, ended), ended
        return min(active, most)

    def unspent(self, time: int) -> int:
        return self.deposited - self.redeemed - self.active(time) * self.rate

    def fee_of(self, amount: int) -> int:
        return share(amount, self.lease.fee_bps)


@dataclass
class LeaseBooks:
    """Everything that the escrow of leases owes, and to whom."""

    escrow: str
    fee_recipient: str
    times: Mapping[int, int]
    """The timestamp of every block with an event of the escrow."""
    burning: str = ""
    """The token of which a sweep burns the share `fee_burn_bps` of the fees."""
    fee_burn_bps: int = 0
    leases: dict[int, Account] = field(default_factory=dict)
    caps: dict[str, int] = field(default_factory=dict)
    fee_bps: int = 0
    paused: bool = False
    owed: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    """By (account, token)."""
    fees: Counter[str] = field(default_factory=Counter)
    """Not swept yet, by token."""
    open: Counter[str] = field(default_factory=Counter)
    """What `open_money` adds up, without fees, kept up event by event."""
    told: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(token, from, to) of this transaction, by our events; and by the tokens'."""
    moved: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def open_money(self) -> dict[str, int]:
        """What the escrow must hold in each token: of leases, what waits to be collected, and fees."""
        money: dict[str, int] = dict.fromkeys(self.caps, 0)
        for account in self.leases.values():
            token = account.lease.terms.token
            money[token] = money.get(token, 0) + account.open_money
        for (_, token), amount in self.owed.items():
            money[token] = money.get(token, 0) + amount
        for token, amount in self.fees.items():
            money[token] = money.get(token, 0) + amount
        return money


def replay_leases(books: LeaseBooks, events: Iterable[Event], report: Report) -> None:
    """Enter every event, in chain order; what parts from the books is a finding."""
    transaction = ""
    for event in events:
        if event.transaction != transaction:
            _compare_transfers(books, transaction, report)
            transaction = event.transaction
        if event.name == "Transfer":
            flow = (to_checksum_address(event.address), event.args["from"], event.args["to"])
            books.moved[flow] += event.args["value"]
        elif event.contract == CONTRACT and event.name in _ENTRIES:
            try:
                _ENTRIES[event.name](books, event, report)
            except (ArithmeticError, LookupError, ValueError) as error:
                subject = f"{CONTRACT}.{event.name} fits what was told before"
                report.expect("invariant 14", subject, repr(error), "an entry", where(event))
    _compare_transfers(books, transaction, report)


def check_halts(pinned: Pinned, events: Iterable[Event], history: History, report: Report) -> None:
    """Every halt was at the time of its slot's first block."""
    halts = [event for event in events if event.contract == CONTRACT and event.name == "LeaseHalted"]
    starts = [history.start_of(event.args["slot"]) for event in halts]
    headers = pinned.headers(starts)
    for event, start in zip(halts, starts, strict=True):
        total(report, event, "haltedAt", headers[start].timestamp)


def check_leases(pinned: Pinned, books: LeaseBooks, report: Report) -> None:
    """The books against the chain, and invariants 2 and 8."""
    expected = list(_expectations(books))
    answers = pinned.calls([call for _, _, call, _ in expected], "leases")
    for (check, subject, _, need), answer in zip(expected, answers, strict=True):
        report.balances_checked += 1
        report.expect(check, subject, answer, need)
    check_lease_invariants(books, report)
    money = sorted(books.open_money().items())
    held = pinned.calls([(token, "balanceOf", books.escrow) for token, _ in money], "leases")
    for (token, need), have in zip(money, held, strict=True):
        subject = f"balance of the leases' escrow in {token}"
        report.balances_checked += 1
        if isinstance(have, Unanswered):
            report.expect("invariant 2", subject, have, f"at least {need}")
        else:
            report.expect_at_least("invariant 2", subject, have, need)


def check_lease_invariants(books: LeaseBooks, report: Report) -> None:
    """Invariant 8, of each lease that is over: what was deposited is what was paid, kept and refunded, or can
    be."""
    for number, account in sorted(books.leases.items()):
        report.expect_at_least(
            "invariant 8", f"lease {number}: deposited, less all that left", account.open_money, 0
        )
        if account.status == LeaseStatus.CLOSED:
            accrued = account.held * account.rate + account.redeemed
            report.expect(
                "invariant 8", f"lease {number}: paid + fee", account.paid_out + account.fee, accrued
            )
            refundable = account.left - (account.refunded if account.shared else 0)
            report.expect("invariant 8", f"lease {number}: paid + refundable", account.open_money, refundable)


def _expectations(books: LeaseBooks) -> Iterator[tuple[str, str, Call, object]]:
    """(check, subject, call, answer) of everything that the chain keeps of leases."""
    yield "escrow", "number of leases", (CONTRACT, "leaseCount"), len(books.leases)
    yield "escrow", "fee of leases in bps", (CONTRACT, "feeBps"), books.fee_bps
    yield "escrow", "leases are paused", (CONTRACT, "paused"), books.paused
    for (account, token), amount in sorted(books.owed.items()):
        call: Call = (CONTRACT, "owedOf", account, token)
        yield "invariant 14", f"owed by leases to {account} in {token}", call, amount
    for token, tracked in sorted(books.open_money().items()):
        ledger = LeaseLedger(tracked, books.fees[token], books.caps.get(token, 0))
        yield "invariant 2", f"{token} in leases", (CONTRACT, "ledgerOf", token), ledger
    for number, found in sorted(books.leases.items()):
        call = (CONTRACT, "stateOf", number, found.lease)
        yield "invariant 8", f"lease {number}", call, _state(found)
        for (funder, place), deposit in sorted(found.deposits.items()):
            call = (CONTRACT, "depositOf", number, found.lease, funder, place)
            yield "invariant 14", f"deposit of {funder} into lease {number} above {place}", call, deposit


def _state(found: Account) -> tuple[object, object]:
    return (
        LeaseState(
            found.funds,
            found.origin,
            found.paid,
            found.held,
            found.ripe_at,
            found.status,
            found.reason,
            found.shared,
        ),
        LeaseExtra(
            found.redeemed,
            found.ends_at,
            found.stop_from,
            found.notice_reason,
            found.lease.terms.voucher_blocks > 0,
        ),
    )


def _compare_transfers(books: LeaseBooks, transaction: str, report: Report) -> None:
    told, moved = books.told, books.moved
    for flow in sorted(told.keys() | moved.keys()):
        token, payer, payee = flow
        if books.escrow not in (payer, payee):
            continue
        subject, place = f"transfer of {token} from {payer} to {payee}", f"transaction {transaction}"
        if payer == books.escrow:
            report.expect("invariant 14", subject, moved[flow], told[flow], place)
        else:
            report.expect_at_least("invariant 14", subject, moved[flow], told[flow], place)
    told.clear()
    moved.clear()


def _of(books: LeaseBooks, event: Event, report: Report, *statuses: LeaseStatus) -> Account:
    found = books.leases[event.args["lease"]]
    report.expect(
        "invariant 8",
        f"lease {found.number} is {found.status.name}",
        found.status in statuses,
        True,
        where(event),
    )
    return found


def _opened(books: LeaseBooks, event: Event, report: Report) -> None:
    a = event.args
    terms, number = a["terms"], a["lease"]
    report.expect("escrow", "lease ids are dense", number, len(books.leases) + 1, where(event))
    total(report, event, "feeBps", books.fee_bps)
    total(report, event, "exposure", books.caps.get(terms.token, 0))
    report.expect("escrow", "no lease is opened in a pause", books.paused, False, where(event))
    report.expect_at_most("invariant 8", f"lease {number}: deposit", a["deposit"], terms.cap, where(event))
    lease = Lease(terms, a["device"], a["feeBps"], a["exposure"])
    books.leases[number] = Account(number, lease, terms.requester, a["deposit"])
    books.open[terms.token] += a["deposit"]
    books.told[terms.token, terms.requester, books.escrow] += a["deposit"]
    _capped(books, event, report, lease)


def _started(books: LeaseBooks, event: Event, report: Report) -> None:
    found = _of(books, event, report, LeaseStatus.OFFERED)
    total(report, event, "startedAt", books.times[event.block])
    total(report, event, "device", found.lease.device)
    found.status, found.origin = LeaseStatus.ACTIVE, event.args["startedAt"]


def _resumed(books: LeaseBooks, event: Event, report: Report) -> None:
    found, time = _of(books, event, report, LeaseStatus.ACTIVE), books.times[event.block]
    active = found.active(time)
    total(report, event, "active", active)
    total(report, event, "origin", time - active)
    report.expect_at_most(
        "invariant 8", f"lease {found.number}: money left", found.unspent(time), found.rate - 1, where(event)
    )
    found.pauses.append((found.origin, active))
    found.origin = event.args["origin"]


def _was_shared(books: LeaseBooks, event: Event, report: Report) -> None:
    """What the requester has deposited becomes one deposit, just before another's, which follows."""
    found = _of(books, event, report, LeaseStatus.ACTIVE)
    total(report, event, "requester", found.requester)
    total(report, event, "amount", found.deposited)
    found.shared = True
    found.deposits[found.requester, 0] = LeaseDeposit(found.deposited, 0)


def _topped_up(books: LeaseBooks, event: Event, report: Report) -> None:
    a, found = event.args, _of(books, event, report, LeaseStatus.ACTIVE)
    if found.shared:
        found.deposits[a["funder"], found.deposited] = LeaseDeposit(a["amount"], 0)
    else:
        report.expect(
            "escrow", "the funder of a lease of its own", a["funder"], found.requester, where(event)
        )
    found.deposited += a["amount"]
    books.open[found.lease.terms.token] += a["amount"]
    total(report, event, "funds", found.deposited)
    terms = found.lease.terms
    report.expect_at_most(
        "invariant 8", f"lease {found.number}: deposits", found.deposited, terms.cap, where(event)
    )
    books.told[terms.token, a["funder"], books.escrow] += a["amount"]
    _capped(books, event, report, found.lease)


def _capped(books: LeaseBooks, event: Event, report: Report, lease: Lease) -> None:
    """What is open may grow to the cap as it was when the lease was opened, or as it is."""
    token = lease.terms.token
    most = max(lease.exposure, books.caps.get(token, 0))
    report.expect_at_most("escrow", f"{token} open in leases", books.open[token], most, where(event))


def _settled(books: LeaseBooks, event: Event, report: Report) -> None:
    """By `settle`; or by `stop`, whose own event follows."""
    a, found = event.args, _of(books, event, report, *RUNS, LeaseStatus.STOPPED)
    report.expect_at_least(
        "invariant 12", f"lease {found.number} pays what is ripe", event.block, found.ripe_at, where(event)
    )
    fee = found.fee_of(found.held * found.rate) - found.fee_of(found.paid * found.rate)
    fee = _kept(books, event, report, found, fee)
    total(report, event, "paid", (found.held - found.paid) * found.rate - fee)
    total(report, event, "paidSeconds", found.held)
    found.paid = found.held
    if found.status in RUNS:
        active = found.active(books.times[event.block])
        total(report, event, "heldSeconds", active)
        if active > found.held:
            found.ripe_at = a["ripeAt"]
        found.held = active
    else:
        total(report, event, "heldSeconds", found.held)
    total(report, event, "ripeAt", found.ripe_at)
    _pay(books, found, a["provider"], a["paid"])


def _redeemed(books: LeaseBooks, event: Event, report: Report) -> None:
    a, found = event.args, _of(books, event, report, *RUNS)
    gross = a["paid"] + a["fee"]
    left = found.unspent(books.times[event.block])
    report.expect_at_most("invariant 8", f"lease {found.number}: voucher", gross, left, where(event))
    total(report, event, "redeemed", found.redeemed + gross)
    _kept(books, event, report, found, found.fee_of(found.redeemed + gross) - found.fee_of(found.redeemed))
    found.redeemed += gross
    _pay(books, found, a["provider"], a["paid"])


def _kept(books: LeaseBooks, event: Event, report: Report, found: Account, due: int) -> int:
    """The fee: its share, as far as the escrow's word of fees holds it."""
    token = found.lease.terms.token
    fee = min(due, MOST_FEES - books.fees[token])
    total(report, event, "fee", fee)
    found.fee += event.args["fee"]
    books.fees[token] += event.args["fee"]
    books.open[token] -= event.args["fee"]
    return fee


def _pay(books: LeaseBooks, found: Account, provider: str, amount: int) -> None:
    found.paid_out += amount
    books.open[found.lease.terms.token] -= amount
    books.told[found.lease.terms.token, books.escrow, provider] += amount


def _noticed(books: LeaseBooks, event: Event, report: Report) -> None:
    found, terms = (
        _of(books, event, report, LeaseStatus.ACTIVE),
        books.leases[event.args["lease"]].lease.terms,
    )
    total(report, event, "endsAt", books.times[event.block] + terms.notice)
    total(report, event, "stopFrom", event.block + terms.voucher_blocks)
    found.status = LeaseStatus.ENDING
    found.ends_at, found.stop_from = event.args["endsAt"], event.args["stopFrom"]
    by_requester = event.args["by"] == terms.requester
    found.notice_reason = StopReason.REQUESTER_STOPPED if by_requester else StopReason.PROVIDER_STOPPED


def _stopped(books: LeaseBooks, event: Event, report: Report) -> None:
    found = _of(books, event, report, *RUNS, LeaseStatus.OFFERED)
    runs = found.status in RUNS
    total(report, event, "active", found.active(books.times[event.block]) if runs else 0)
    _end(books, event, report, found)


def _halted(books: LeaseBooks, event: Event, report: Report) -> None:
    found = _of(books, event, report, *RUNS, LeaseStatus.STOPPED)
    have = found.active(books.times[event.block]) if found.status in RUNS else found.held
    total(report, event, "active", max(found.active_by(event.args["haltedAt"], have), found.paid))
    _end(books, event, report, found)


def _end(books: LeaseBooks, event: Event, report: Report, found: Account) -> None:
    a = event.args
    if a["active"] > found.held:
        found.ripe_at = a["ripeAt"]
    found.held = a["active"]
    refund = 0 if found.shared else found.left
    total(report, event, "refunded", refund)
    total(report, event, "ripeAt", found.ripe_at)
    found.status = LeaseStatus.STOPPED
    found.reason = StopReason(a["reason"])
    found.refunded += a["refunded"]
    books.open[found.lease.terms.token] -= a["refunded"]
    books.told[found.lease.terms.token, books.escrow, found.requester] += a["refunded"]


def _refunded(books: LeaseBooks, event: Event, report: Report) -> None:
    a, found = event.args, _of(books, event, report, LeaseStatus.STOPPED, LeaseStatus.CLOSED)
    place = a["from"]
    deposit = found.deposits[a["funder"], place]
    unspent = max(place + deposit.amount - max(place, found.spent), 0)
    total(report, event, "refunded", unspent)
    total(report, event, "amount", unspent - deposit.refunded)
    found.deposits[a["funder"], place] = LeaseDeposit(deposit.amount, a["refunded"])
    found.refunded += a["amount"]
    books.open[found.lease.terms.token] -= a["amount"]
    books.told[found.lease.terms.token, books.escrow, a["funder"]] += a["amount"]


def _closed(books: LeaseBooks, event: Event, report: Report) -> None:
    found = _of(books, event, report, LeaseStatus.STOPPED)
    report.expect("invariant 8", f"lease {found.number}: seconds paid", found.paid, found.held, where(event))
    found.status = LeaseStatus.CLOSED


def _token_allowed(books: LeaseBooks, event: Event, report: Report) -> None:
    books.caps[event.args["token"]] = event.args["cap"]


def _fee_set(books: LeaseBooks, event: Event, report: Report) -> None:
    books.fee_bps = event.args["feeBps"]


def _pause_set(books: LeaseBooks, event: Event, report: Report) -> None:
    books.paused = event.args["paused"]


def _deferred(books: LeaseBooks, event: Event, report: Report) -> None:
    a = event.args
    books.owed[a["account"], a["token"]] += a["amount"]
    books.open[a["token"]] += a["amount"]
    books.told[a["token"], books.escrow, a["account"]] -= a["amount"]
    total(report, event, "owed", books.owed[a["account"], a["token"]])


def _collected(books: LeaseBooks, event: Event, report: Report) -> None:
    a = event.args
    owed = books.owed[a["account"], a["token"]]
    total(report, event, "amount", owed)
    books.owed[a["account"], a["token"]] = 0
    books.open[a["token"]] -= owed
    books.told[a["token"], books.escrow, a["account"]] += a["amount"]


def _swept(books: LeaseBooks, event: Event, report: Report) -> None:
    a = event.args
    fees = books.fees[a["token"]]
    burned = share(fees, books.fee_burn_bps) if a["token"] == books.burning else 0
    total(report, event, "to", books.fee_recipient)
    total(report, event, "burned", burned)
    total(report, event, "amount", fees - burned)
    books.fees[a["token"]] = 0
    total(report, event, "tracked", books.open[a["token"]])
    books.told[a["token"], books.escrow, a["to"]] += a["amount"]
    books.told[a["token"], books.escrow, ZERO] += a["burned"]


_ENTRIES: dict[str, Callable[[LeaseBooks, Event, Report], None]] = {
    "LeaseOpened": _opened,
    "LeaseStarted": _started,
    "LeaseResumed": _resumed,
    "LeaseShared": _was_shared,
    "LeaseToppedUp": _topped_up,
    "LeaseSettled": _settled,
    "VoucherRedeemed": _redeemed,
    "LeaseNoticed": _noticed,
    "LeaseStopped": _stopped,
    "LeaseHalted": _halted,
    "LeaseRefunded": _refunded,
    "LeaseClosed": _closed,
    "TokenAllowed": _token_allowed,
    "FeeSet": _fee_set,
    "PauseSet": _pause_set,
    "PaymentDeferred": _deferred,
    "PaymentCollected": _collected,
    "FeesSwept": _swept,
}
