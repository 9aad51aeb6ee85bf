"""Leases: money that accrues by the second, from many funders, held back until no proof can touch it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from tensorbond.chain.types import Lease, LeaseStatus, LeaseTerms, StopReason

from .books import OPEN, ZERO, ZERO_ADDRESS, Deployed, epoch_blocks, epoch_of, last_block, require, share
from .jobs import MAX_FEE, TOKEN_CAP, Jobs

MAX_CAP = 2**87
MAX_NOTICE = 30 * 24 * 3_600
MIN_VOUCHER_BLOCKS, MAX_VOUCHER_BLOCKS = 50, 2**22

OFFERED, ACTIVE, ENDING = LeaseStatus.OFFERED, LeaseStatus.ACTIVE, LeaseStatus.ENDING
STOPPED, CLOSED = LeaseStatus.STOPPED, LeaseStatus.CLOSED


@dataclass
class Paid:
    """One deposit."""

    by: str
    amount: int
    refunded: int = 0


@dataclass
class LeaseBook:
    fixed: Lease
    status: LeaseStatus = LeaseStatus.NONE
    reason: StopReason = StopReason.NONE
    # Σ deposits, less what went back to a requester who was the only funder.
    funds: int = 0
    # When it ran: the start of each time without a pause, and how many seconds that was, but for the last.
    starts: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    # Seconds.
    paid: int = 0
    held: int = 0
    ripe_at: int = 0
    redeemed: int = 0
    # Of a notice.
    ends_at: int = 0
    stop_from: int = 0
    wish: StopReason = StopReason.NONE
    # Somebody besides the requester has paid. Until then its deposits are one.
    shared: bool = False
    deposits: list[Paid] = field(default_factory=list)

    @property
    def terms(self) -> LeaseTerms:
        return self.fixed.terms

    @property
    def runs(self) -> bool:
        return self.status in (ACTIVE, ENDING)

    @property
    def origin(self) -> int:
        """When it would have started, had it never paused."""
        return self.starts[-1] - sum(self.lengths) if self.starts else 0

    def active_at(self, time: int) -> int:
        """Seconds that the money and a notice let it run until then."""
        if not self.runs:
            return self.held
        if self.terms.rate == 0:
            return 0
        if self.status == ENDING:
            time = min(time, self.ends_at)
        return min(sum(self.lengths) + time - self.starts[-1], self.affordable)

    def active_until(self, time: int) -> int:
        """Seconds that it ran before a time that has passed, whether they were paid for or not."""
        lengths = [*self.lengths, OPEN]
        return sum(
            max(0, min(length, time - start)) for start, length in zip(self.starts, lengths, strict=True)
        )

    @property
    def affordable(self) -> int:
        return (self.funds - self.redeemed) // self.terms.rate

    def left(self, active: int) -> int:
        """What neither time nor vouchers have spent."""
        return self.funds - self.redeemed - active * self.terms.rate

    def is_paused(self, time: int) -> bool:
        """A second more could not be paid."""
        active = self.active_at(time)
        rate = self.terms.rate
        ran = active - sum(self.lengths)
        return bool(rate) and self.left(active) < rate and time >= self.starts[-1] + ran

    def runway(self, time: int) -> tuple[int, int, int]:
        """How long it still runs, how long it ran, and what is left."""
        active = self.active_at(time)
        left = self.left(active)
        if not self.runs:
            return 0, active, left
        lasts = left // self.terms.rate if self.terms.rate else 2**256 - 1
        return min(lasts, max(0, self.ends_at - time)) if self.ends_at else lasts, active, left

    def resumed_origin(self, time: int) -> int:
        """The origin after the first pause that ended later than `time`; 0: none did."""
        for index, start in enumerate(self.starts[1:], 1):
            if time < start:
                return start - sum(self.lengths[:index])
        return 0

    def pay(self, account: str, amount: int) -> None:
        self.funds += amount
        self.shared |= account != self.terms.requester
        if self.deposits and not self.shared:
            self.deposits[0].amount += amount
        else:
            self.deposits.append(Paid(account, amount))

    def unspent(self) -> list[int]:
        """Of each deposit: the oldest money was spent first."""
        spent, rest = self.held * self.terms.rate + self.redeemed, []
        for each in self.deposits:
            goes = min(spent, each.amount)
            spent -= goes
            rest.append(each.amount - goes)
        return rest

    def before(self, place: int) -> int:
        """What had been deposited before."""
        return sum(each.amount for each in self.deposits[:place])

    @property
    def kept(self) -> int:
        """What the escrow has of it: unspent or unripe."""
        spent = self.redeemed + self.paid * self.terms.rate
        return self.funds - spent - sum(each.refunded for each in self.deposits)


@dataclass
class LeaseLedger:
    """What the lease escrow keeps of a payment token."""

    tracked: int = 0
    fees: int = 0
    cap: int = TOKEN_CAP
    owed: dict[str, int] = field(default_factory=lambda: defaultdict(int))


class Leases(Jobs):
    def __init__(self, deployed: Deployed) -> None:
        super().__init__(deployed)
        self.leases: dict[int, LeaseBook] = {}
        self.lease_ledgers: dict[str, LeaseLedger] = {}
        self.lease_fee_bps = deployed.fee_bps

    # What the governor decides

    def allow_lease_token(self, sender: str, token: str, cap: int) -> None:
        self.require_governor(sender)
        require(cap <= MAX_CAP, "CapTooHigh", cap, MAX_CAP)
        self.lease_ledgers[token].cap = cap

    def set_lease_fee(self, sender: str, bps: int) -> None:
        self.require_governor(sender)
        require(bps <= MAX_FEE, "FeeTooHigh", bps, MAX_FEE)
        self.lease_fee_bps = bps

    # A lease begins

    def open_lease(self, sender: str, terms: LeaseTerms, device: int, deposit: int) -> int:
        require(sender == terms.requester, "RequesterOnly", sender, terms.requester)
        self._require_openable(terms, deposit, device)
        self._deposit(terms.token, sender, deposit, self.lease_ledgers[terms.token].cap)
        return self._open(terms, deposit, device, starts=device == 0)

    def _require_openable(self, terms: LeaseTerms, deposit: int, device: int) -> None:
        number, rate = len(self.leases) + 1, terms.rate
        ledger = self.lease_ledgers.get(terms.token, LeaseLedger(cap=0))
        require(ledger.cap > 0, "TokenNotAllowed", terms.token)
        require(deposit > 0, "AmountZero")
        require(deposit <= terms.cap, "DepositExceedsCap", number, deposit, terms.cap)
        blocks, most = terms.voucher_blocks, min(rate * OPEN, MAX_CAP) if rate else MAX_CAP
        require(terms.grace <= MAX_NOTICE, "TermsInvalid", "grace", terms.grace, MAX_NOTICE)
        require(terms.notice <= MAX_NOTICE, "TermsInvalid", "notice", terms.notice, MAX_NOTICE)
        require(terms.cap <= most, "TermsInvalid", "cap", terms.cap, most)
        require(bool(device) or not rate, "TermsInvalid", "rate", rate, 0)
        few = blocks <= MAX_VOUCHER_BLOCKS
        require(few, "TermsInvalid", "voucherBlocks", blocks, MAX_VOUCHER_BLOCKS)
        enough = blocks >= MIN_VOUCHER_BLOCKS or (rate and not blocks)
        require(bool(enough), "TermsInvalid", "voucherBlocks", blocks, MIN_VOUCHER_BLOCKS)
        require(terms.provider != ZERO_ADDRESS, "TermsInvalid", "provider", 0, 1)
        self._require_lasting(number, terms, deposit)

    def _open(self, terms: LeaseTerms, deposit: int, device: int, *, starts: bool) -> int:
        number = len(self.leases) + 1
        fixed = Lease(terms, device, self.lease_fee_bps, self.lease_ledgers[terms.token].cap)
        lease = self.leases[number] = LeaseBook(fixed, OFFERED)
        lease.pay(terms.requester, deposit)
        if starts:
            self._start(lease)
        return number

    def _start(self, lease: LeaseBook) -> None:
        lease.status = ACTIVE
        lease.starts.append(self.timestamp)
        if lease.fixed.device:
            self.devices[lease.fixed.device].held = True

    def _require_leasable(self, device: int, provider: str) -> None:
        self._require_holdable(device, self.coming_slot)
        owner = self.devices[device].provider
        require(owner == provider, "ProviderMismatch", owner, provider)
        since = self.position(provider).short_since
        require(since == 0, "ProviderShort", provider, since)

    def accept_lease(self, sender: str, number: int, fixed: Lease) -> None:
        lease = self._lease(number, fixed, OFFERED)
        accept_by = lease.terms.accept_by
        require(self.block <= accept_by, "OfferExpired", number, self.block, accept_by)
        self._require_operator(sender, lease.terms.provider)
        self._require_leasable(fixed.device, lease.terms.provider)
        self._start(lease)

    def top_up(self, sender: str, number: int, fixed: Lease, amount: int) -> None:
        lease = self._lease(number, fixed, ACTIVE)
        require(amount > 0, "AmountZero")
        funds, cap = lease.funds + amount, lease.terms.cap
        require(funds <= cap, "DepositExceedsCap", number, funds, cap)
        active, paused = lease.active_at(self.timestamp), lease.is_paused(self.timestamp)
        if paused:
            self._require_lasting(number, lease.terms, lease.left(active) + amount)
        self._deposit(lease.terms.token, sender, amount, fixed.exposure)

        lease.pay(sender, amount)
        if paused and lease.origin != self.timestamp - active:
            lease.lengths.append(active - sum(lease.lengths))
            lease.starts.append(self.timestamp)

    # It is paid

    def settle_lease(self, number: int, fixed: Lease) -> None:
        lease = self._lease(number, fixed, ACTIVE, ENDING, STOPPED)
        require(self.block >= lease.ripe_at, "HeldBack", number, self.block, lease.ripe_at)
        active = lease.active_at(self.timestamp)
        due = lease.held > lease.paid and lease.terms.rate > 0
        if lease.runs:
            require(due or active > lease.held, "NothingToSettle", number)
        paid = self._ripen(lease)
        if lease.runs:
            self._hold_back(lease, active)
        else:
            lease.status = CLOSED
        if paid:
            self._pay_lease(lease.terms.token, lease.terms.provider, paid)

    def redeem(self, number: int, fixed: Lease, amount: int, valid: bool) -> int:
        lease = self._lease(number, fixed, ACTIVE, ENDING)
        require(lease.terms.voucher_blocks > 0, "VouchersNotTaken", number)
        require(valid, "VoucherInvalid", number, lease.terms.requester)
        left = lease.left(lease.active_at(self.timestamp))
        gross = min(max(0, amount - lease.redeemed), left)
        if gross == 0:
            return 0
        before = share(lease.redeemed, fixed.fee_bps)
        lease.redeemed += gross
        paid = self._take_off(lease, gross, share(lease.redeemed, fixed.fee_bps) - before)
        self._pay_lease(lease.terms.token, lease.terms.provider, paid)
        return paid

    # It ends

    def give_notice(self, sender: str, number: int, fixed: Lease) -> None:
        lease = self._lease(number, fixed, ACTIVE)
        terms, wish = lease.terms, self._wish_of(sender, lease.terms)
        require(wish != StopReason.NONE, "PartyOnly", sender, terms.requester, terms.provider)
        lease.status, lease.wish = ENDING, wish
        lease.ends_at = self.timestamp + terms.notice
        lease.stop_from = self.block + terms.voucher_blocks

    def stop(self, sender: str, number: int, fixed: Lease) -> None:
        lease = self._lease(number, fixed, OFFERED, ACTIVE, ENDING)
        if lease.status == OFFERED:
            reason, late = StopReason.NOT_ACCEPTED, lease.terms.accept_by + 1
            if self.block < late:
                reason = self._wish_of(sender, lease.terms)
                require(reason != StopReason.NONE, "StopEarly", number, self.block, late)
            self._refund_requester(lease, self._end_lease(lease, reason))
            return
        reason = self._require_stoppable(sender, number, lease)
        active = lease.active_at(self.timestamp)
        paid = self._ripen(lease) if self.block >= lease.ripe_at else 0
        self._hold_back(lease, active)
        self._let_go(lease)
        went = self._refund_requester(lease, self._end_lease(lease, reason))
        if paid:
            self._pay_lease(lease.terms.token, lease.terms.provider, paid, tries=went)

    def _require_stoppable(self, sender: str, number: int, lease: LeaseBook) -> StopReason:
        """Why it may stop now."""
        terms, time = lease.terms, self.timestamp
        if terms.voucher_blocks == 0 and lease.is_paused(time):
            over = time > lease.origin + lease.active_at(time) + terms.grace
            if over or sender == terms.requester:
                return StopReason.EXHAUSTED
        if lease.status == ENDING:
            require(time >= lease.ends_at, "StopEarly", number, time, lease.ends_at)
            require(self.block >= lease.stop_from, "StopEarly", number, self.block, lease.stop_from)
            return lease.wish
        wish = self._wish_of(sender, terms)
        require(wish != StopReason.NONE, "PartyOnly", sender, terms.requester, terms.provider)
        free = terms.notice == 0 and terms.voucher_blocks == 0
        require(free, "NoticeNeeded", number, terms.notice)
        return wish

    def halt(self, number: int, fixed: Lease, header: bytes, resumed_origin: int) -> None:
        """`header` is named by its hash, and only the right one is a header."""
        lease = self._lease(number, fixed, ACTIVE, ENDING, STOPPED)
        require(fixed.device > 0, "LeaseStatusWrong", number, lease.status)
        book = self.devices[fixed.device]
        require(book.faults > 0 or book.until_slot != OPEN, "DeviceStanding", fixed.device)
        slot = min(book.earliest, book.until_slot) if book.faults else book.until_slot
        reason = StopReason.DEVICE_ENDED
        if book.faults and book.earliest == slot:
            reason = StopReason.FAULTED
        beacon = self.beacons.get(slot, ZERO)
        require(beacon != ZERO, "SlotNotSealed", slot)
        require(header == beacon, "HeaderMismatch", slot, header, beacon)
        time = self.timestamp - self.block + self.slot_start(slot)
        need = lease.resumed_origin(time)
        require(resumed_origin == need, "PauseMismatch", number, resumed_origin, time)
        have = lease.active_at(self.timestamp)
        active = max(min(lease.active_until(time), have), lease.paid)
        require(lease.runs or active < have, "NothingToHalt", number, have, active)

        if active > lease.held:
            self._hold_back(lease, active)
        lease.held = active
        if lease.runs:
            self._let_go(lease)
        self._refund_requester(lease, self._end_lease(lease, reason))

    def refund_funder(self, number: int, fixed: Lease, account: str, before: int) -> int:
        lease = self._lease(number, fixed, STOPPED, CLOSED)
        amount, paid = 0, Paid(account, 0)
        for place, (each, rest) in enumerate(zip(lease.deposits, lease.unspent(), strict=True)):
            if lease.shared and each.by == account and lease.before(place) == before:
                amount, paid = rest - each.refunded, each
        require(amount > 0, "NothingToRefund", number, account, before)
        paid.refunded += amount
        self.lease_ledgers[lease.terms.token].tracked -= amount
        self._pay_lease(lease.terms.token, account, amount)
        return amount

    def collect_lease(self, account: str, token: str) -> int:
        ledger = self.lease_ledgers[token]
        amount = ledger.owed[account]
        require(amount > 0, "NothingOwed", account, token)
        self._send(token, account, amount)
        ledger.owed[account] = 0
        ledger.tracked -= amount
        return amount

    def sweep_lease(self, token: str) -> int:
        ledger, recipient = self.lease_ledgers[token], self.at.fee_recipient
        amount = ledger.fees
        require(amount > 0, "NothingOwed", recipient, token)
        left = self.burn_swept(token, self.at.lease_escrow, amount)
        self._send(token, recipient, left)
        ledger.fees = 0
        ledger.tracked -= amount
        return left

    # Ending

    def _ripen(self, lease: LeaseBook) -> int:
        """Without the fee, which all that was ever paid bears together."""
        bps, rate, before = lease.fixed.fee_bps, lease.terms.rate, lease.paid
        lease.paid = lease.held
        fee = share(lease.paid * rate, bps) - share(before * rate, bps)
        return self._take_off(lease, (lease.paid - before) * rate, fee)

    def _take_off(self, lease: LeaseBook, gross: int, fee: int) -> int:
        """Off the books, but for the fee."""
        ledger = self.lease_ledgers[lease.terms.token]
        ledger.tracked -= gross - fee
        ledger.fees += fee
        return gross - fee

    def _hold_back(self, lease: LeaseBook, active: int) -> None:
        if active != lease.held:
            t = self.timing
            last = last_block(t, epoch_of(t, self.slot))
            lease.held = active
            lease.ripe_at = max(
                end + each.attest_blocks + each.proof_blocks + epoch_blocks(each)
                for end, each in [(last, t), *self.ends_before(t)]
            )

    def _end_lease(self, lease: LeaseBook, reason: StopReason) -> int:
        """What of the rest is the requester's alone."""
        lease.status, lease.reason = STOPPED, reason
        refunded = 0 if lease.shared else lease.left(lease.held)
        lease.funds -= refunded
        lease.deposits[0].amount -= refunded
        self.lease_ledgers[lease.terms.token].tracked -= refunded
        if lease.paid == lease.held:
            lease.status = CLOSED
        return refunded

    def _let_go(self, lease: LeaseBook) -> None:
        if lease.fixed.device:
            self.devices[lease.fixed.device].held = False

    def _refund_requester(self, lease: LeaseBook, amount: int) -> bool:
        return amount == 0 or self._pay_lease(lease.terms.token, lease.terms.requester, amount)

    def _wish_of(self, sender: str, terms: LeaseTerms) -> StopReason:
        if sender == terms.requester:
            return StopReason.REQUESTER_STOPPED
        if sender in (terms.provider, self.operator_of(terms.provider)):
            return StopReason.PROVIDER_STOPPED
        return StopReason.NONE

    # Money

    def _deposit(self, token: str, account: str, amount: int, exposure: int) -> None:
        ledger = self.lease_ledgers[token]
        exposed, most = ledger.tracked - ledger.fees + amount, max(exposure, ledger.cap)
        require(exposed <= most, "ExposureExceeded", token, exposed, most)
        self.tokens[token].move(account, self.at.lease_escrow, amount)
        ledger.tracked += amount

    def _send(self, token: str, account: str, amount: int) -> None:
        book, escrow = self.tokens[token], self.at.lease_escrow
        require(not {account, escrow} & book.blocked, "SafeERC20FailedOperation", token)
        book.move(escrow, account, amount)

    def _pay_lease(self, token: str, account: str, amount: int, *, tries: bool = True) -> bool:
        """Or owe it, if the token refuses, or has just refused another."""
        book, escrow = self.tokens[token], self.at.lease_escrow
        if not tries or {account, escrow} & book.blocked:
            self.lease_ledgers[token].owed[account] += amount
            self.lease_ledgers[token].tracked += amount
            return False
        book.move(escrow, account, amount)
        return True

    # Checks

    def _lease(self, number: int, fixed: Lease, *need: LeaseStatus) -> LeaseBook:
        lease = self.leases.get(number)
        if lease is None or lease.fixed != fixed:
            lease = LeaseBook(fixed)
        require(lease.status in need, "LeaseStatusWrong", number, lease.status)
        return lease

    def _require_lasting(self, number: int, terms: LeaseTerms, left: int) -> None:
        if terms.rate:
            lasts = left // terms.rate
            require(lasts >= terms.grace, "DepositInsufficient", number, lasts, terms.grace)
