"""Jobs: a fixed price in escrow, paid whole or in parts, refunded, or disputed in between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache

from eth_utils.crypto import keccak

from tensorbond.chain.types import (
    CloseReason,
    Job,
    JobStatus,
    Leaf,
    Outcome,
    OutcomeResult,
    Terms,
    Verdict,
)
from tests.words import words

from .books import ZERO, ZERO_ADDRESS, Deployed, epoch_blocks, epoch_of, last_block, require, share, start_of
from .epochs import ATTESTED
from .faults import Faults
from .staking import VICTIM_SHARE

MAX_FEE = 500
MAX_JOB_BLOCKS = 2**22
TOKEN_CAP = 10**15
DISPUTE_SHARE = 1_000

FUNDED, ACCEPTED, SUBMITTED = JobStatus.FUNDED, JobStatus.ACCEPTED, JobStatus.SUBMITTED
DISPUTED, SETTLED, REFUNDED = JobStatus.DISPUTED, JobStatus.SETTLED, JobStatus.REFUNDED
HELD = (ACCEPTED, SUBMITTED, DISPUTED)


@dataclass
class JobBook:
    state: Job
    # Of the price that was funded: what has left, as parts, fee and refund.
    left: int = 0
    price: int = 0
    reason: CloseReason = CloseReason.NONE

    @property
    def hash(self) -> bytes:
        return hash_of(self.state)

    @property
    def bond(self) -> int:
        """What whoever disputes it deposits."""
        return -(-self.state.unpaid * DISPUTE_SHARE // 10_000)

    @property
    def tracked(self) -> int:
        """What the escrow keeps for it."""
        if self.state.status in (SETTLED, REFUNDED):
            return 0
        return self.state.unpaid + (self.bond if self.state.status == DISPUTED else 0)


@lru_cache(maxsize=4096)
def hash_of(state: Job) -> bytes:
    return keccak(words(state))


def agreed_of(state: Job) -> bytes:
    """The hash of what no longer changes once a device is held: all before the status."""
    return keccak(words(*[getattr(state, each.name) for each in fields(state)[:5]]))


@dataclass
class JobLedger:
    """What the job escrow keeps of a payment token."""

    tracked: int = 0
    fees: int = 0
    cap: int = TOKEN_CAP
    owed: dict[str, int] = field(default_factory=lambda: defaultdict(int))


class Jobs(Faults):
    def __init__(self, deployed: Deployed) -> None:
        super().__init__(deployed)
        self.jobs: dict[int, JobBook] = {}
        self.ledgers: dict[str, JobLedger] = {}
        self.fee_bps = deployed.fee_bps
        self.verdict_blocks = deployed.verdict_blocks
        # What the oracles' arbiter has decided, by job, and what other arbiters say of every job.
        self.verdicts: dict[int, Verdict] = {}
        self.arbiters: dict[str, Verdict] = {}

    # What the governor decides

    def allow_token(self, sender: str, token: str, cap: int) -> None:
        self.require_governor(sender)
        self.ledgers[token].cap = cap

    def set_fee(self, sender: str, bps: int) -> None:
        self.require_governor(sender)
        require(bps <= MAX_FEE, "FeeTooHigh", bps, MAX_FEE)
        self.fee_bps = bps

    # A job's life

    def decision_blocks(self) -> int:
        t = self.timing
        return t.slot_blocks + epoch_blocks(t) + t.attest_blocks + t.proof_blocks

    def fund(self, sender: str, terms: Terms) -> int:
        require(terms.payer == sender, "PayerOnly", sender, terms.payer)
        self._require_fundable(terms, max(self.decision_blocks(), terms.review_blocks))
        self._pull(terms.token, sender, terms.price)
        return self._enter(terms)

    def _require_fundable(self, terms: Terms, undecided: int) -> None:
        """`undecided`: the least blocks from `submitBy` to a refund of what nobody has decided."""
        require(terms.requester != ZERO_ADDRESS, "RequesterZero")
        self._require_price(terms.price, terms.parts)
        self._require_later("acceptBy", terms.accept_by, self.block)
        self._require_later("submitBy", terms.submit_by, terms.accept_by)
        self._require_later("refundAt", terms.refund_at, terms.submit_by + undecided)
        latest = self.block + MAX_JOB_BLOCKS
        require(terms.refund_at <= latest, "RefundTooLate", terms.refund_at, latest)
        ledger = self.ledgers.get(terms.token, JobLedger(cap=0))
        require(ledger.cap > 0, "TokenNotAllowed", terms.token)
        escrowed = ledger.tracked - ledger.fees + terms.price
        require(escrowed <= ledger.cap, "CapExceeded", terms.token, escrowed, ledger.cap)

    def _enter(self, terms: Terms) -> int:
        number = len(self.jobs) + 1
        self.jobs[number] = JobBook(Job(terms, self.fee_bps), price=terms.price)
        self.ledgers[terms.token].tracked += terms.price
        return number

    def assign(self, sender: str, number: int, state: Job, provider: str, price: int) -> None:
        job = self._job(number, state, FUNDED)
        terms = job.state.terms
        self._require_by(number, terms.accept_by)
        require(sender == terms.provider, "ProviderNotInvited", sender, terms.provider)
        require(provider != ZERO_ADDRESS, "ProviderZero")
        require(price <= terms.price, "PriceRaised", price, terms.price)
        self._require_price(price, terms.parts)
        returned = terms.price - price
        job.state = replace(job.state, terms=replace(terms, provider=provider, price=price))
        job.left += returned
        self.ledgers[terms.token].tracked -= returned
        if returned:
            self._pay(terms.token, terms.payer, returned)

    def accept(self, sender: str, number: int, state: Job, device: int) -> None:
        job = self._job(number, state, FUNDED)
        terms = job.state.terms
        self._require_by(number, terms.accept_by)
        slot = self._require_forceable(terms, device)
        provider = self.devices[device].provider
        self._require_operator(sender, provider)
        invited = terms.provider in (ZERO_ADDRESS, provider)
        require(invited, "ProviderNotInvited", provider, terms.provider)
        self._take(job, device, slot)

    def _require_forceable(self, terms: Terms, device: int) -> int:
        """The slot in which the device's draw will be forced."""
        slot = self.coming_slot + 1
        then = self.timing_at(slot)
        self._require_holdable(device, slot)
        book = self.devices[device]
        require(slot != book.forced_slot, "DeviceForcedAlready", device, slot)
        require(book.class_id == terms.class_id, "DeviceUnfit", "classId", book.class_id, terms.class_id)
        require(book.gops >= terms.min_gops, "DeviceUnfit", "bondedGops", book.gops, terms.min_gops)
        self._require_later("submitBy", terms.submit_by, start_of(then, slot))
        windows = max(t.attest_blocks + t.proof_blocks for t in (self.timing, then))
        final = last_block(then, epoch_of(then, slot)) + windows + 1
        for end, each in self.ends_before(self.timing):
            final = max(final, end + each.attest_blocks + each.proof_blocks + 1)
        self._require_later("refundAt", terms.refund_at, final)
        self._require_lockable(book.provider, terms.collateral)
        return slot

    def _require_holdable(self, device: int, slot: int) -> None:
        require(device in self.devices, "DeviceUnknown", device)
        require(not self.devices[device].held, "DeviceHeldAlready", device)
        require(self.is_active(device, slot), "DeviceNotActive", device, slot)

    def _take(self, job: JobBook, device: int, slot: int) -> None:
        book = self.devices[device]
        self._lock(book.provider, job.state.terms.collateral)
        book.held, book.forced_slot = True, slot
        job.state = replace(
            job.state, status=ACCEPTED, provider=book.provider, device=device, forced_slot=slot
        )

    def submit(self, sender: str, number: int, state: Job, result: bytes) -> None:
        job = self._job(number, state, ACCEPTED)
        self._require_operator(sender, job.state.provider)
        self._require_by(number, job.state.terms.submit_by)
        job.state = replace(job.state, status=SUBMITTED, submitted_at=self.block, result=result)

    def approve(self, sender: str, number: int, state: Job) -> None:
        job = self._job(number, state, SUBMITTED)
        self._require_requester(sender, job)
        self._settle(job, CloseReason.APPROVED)

    def approve_part(self, sender: str, number: int, state: Job, parts: int) -> None:
        job = self._job(number, state, None)
        accepted = job.state.status == ACCEPTED
        if not accepted:
            self._require_status(number, job, SUBMITTED)
        self._require_requester(sender, job)
        left = max(job.state.terms.parts, 1) - job.state.paid_parts
        most = left - 1 if accepted else left
        require(0 < parts <= most, "PartsOutOfRange", number, parts, most)
        if parts == left:
            self._settle(job, CloseReason.APPROVED)
        else:
            self._pay_parts(job, job.state.paid_parts + parts)
            job.state = replace(job.state, paid_parts=job.state.paid_parts + parts)

    def approve_with_signature(self, number: int, state: Job, valid: bool) -> None:
        job = self._job(number, state, SUBMITTED)
        require(valid, "ApprovalInvalid", number, job.state.terms.requester)
        self._settle(job, CloseReason.APPROVED)

    def settle(self, number: int, state: Job, epoch: int, leaf: Leaf, outcome: Outcome) -> None:
        job = self._job(number, state, SUBMITTED)
        self._require_after(number, job.state.submitted_at + job.state.terms.review_blocks)
        self._require_forced(number, job, epoch, leaf, outcome)
        require(outcome.result == OutcomeResult.PASSED, "OutcomeNotPassed", number, outcome.result)
        self._settle(job, CloseReason.OUTCOME_PASSED)

    def refund(self, number: int, state: Job) -> None:
        job = self._job(number, state, None)
        terms = job.state.terms
        if job.state.status == FUNDED:
            self._require_after(number, terms.accept_by)
            self._refund(job, CloseReason.NOT_ACCEPTED, slashed=False)
        elif job.state.status == ACCEPTED:
            self._require_after(number, terms.submit_by)
            self._refund(job, CloseReason.NOT_SUBMITTED, slashed=True)
        else:
            self._require_status(number, job, SUBMITTED)
            deadline = max(terms.refund_at, job.state.verdict_by)
            self._require_after(number, deadline)
            t = self.timing_at(job.state.forced_slot)
            epoch = epoch_of(t, job.state.forced_slot)
            if not self.is_standing(epoch):
                until = self.deadline_of(self.next_epoch)
            elif self.epochs[epoch].flags & ATTESTED:
                until = max(deadline, self.epochs[epoch].provable_until) + t.proof_blocks
            else:
                until = 0
            require(self.block > until, "OutcomeDecides", number, epoch)
            self._refund(job, CloseReason.NOT_ATTESTED, slashed=False)

    def refund_by_outcome(self, number: int, state: Job, epoch: int, leaf: Leaf, outcome: Outcome) -> None:
        job = self._job(number, state, SUBMITTED)
        self._require_forced(number, job, epoch, leaf, outcome)
        require(outcome.result != OutcomeResult.PASSED, "OutcomePassed", number)
        reason, slashed = {
            OutcomeResult.MISSED: (CloseReason.OUTCOME_MISSED, True),
            OutcomeResult.BAD_ITEM: (CloseReason.OUTCOME_BAD, self._is_refutable(job.state.device, outcome)),
            OutcomeResult.SLOW: (CloseReason.OUTCOME_SLOW, False),
        }.get(OutcomeResult(outcome.result), (CloseReason.OUTCOME_WITHHELD, False))
        self._refund(job, reason, slashed=slashed)

    def _is_refutable(self, device: int, outcome: Outcome) -> bool:
        terms = self.classes[self.devices[device].class_id]
        return outcome.item >= terms.q or terms.k << terms.profile <= 8_192

    # Disputes

    def dispute(self, sender: str, number: int, state: Job) -> None:
        job = self._job(number, state, SUBMITTED)
        terms = job.state.terms
        self._require_requester(sender, job)
        require(job.state.verdict_by == 0, "DisputedAlready", number)
        self._require_by(number, job.state.submitted_at + terms.review_blocks)
        self._pull(terms.token, sender, job.bond)
        self.ledgers[terms.token].tracked += job.bond
        job.state = replace(job.state, status=DISPUTED, verdict_by=self.block + self.verdict_blocks)

    def attest_verdict(
        self, number: int, state: Job, for_provider: bool, signers: Sequence[int], forger: str | None
    ) -> None:
        """By a quorum of the set that is in force now; `forger` has signed in place of the first."""
        self._job(number, state, DISPUTED)
        require(number not in self.verdicts, "VerdictGivenAlready", number)
        oracle_set = self.sets[self.set_of(self.epoch) - 1]
        self._require_seated(oracle_set, signers)
        if forger:
            first = min(signers)
            require(False, "SignatureInvalid", first, forger, oracle_set.members[first])
        self.verdicts[number] = Verdict.FOR_PROVIDER if for_provider else Verdict.FOR_REQUESTER

    def verdict_on(self, number: int) -> Verdict:
        arbiter = self.jobs[number].state.terms.arbiter
        if arbiter in (ZERO_ADDRESS, self.at.arbiter):
            return self.verdicts.get(number, Verdict.NONE)
        return self.arbiters.get(arbiter, Verdict.NONE)

    def resolve(self, number: int, state: Job) -> None:
        job = self._job(number, state, DISPUTED)
        verdict, terms = self.verdict_on(number), job.state.terms
        over = self.block > job.state.verdict_by
        require(over or verdict != Verdict.NONE, "VerdictPending", number, job.state.verdict_by)
        bond, winner, paid = job.bond, terms.requester, True
        self.ledgers[terms.token].tracked -= bond
        if verdict == Verdict.FOR_PROVIDER:
            winner = job.state.provider
            self._settle(job, CloseReason.VERDICT_FOR_PROVIDER)
        elif verdict == Verdict.FOR_REQUESTER:
            paid = self._refund(job, CloseReason.VERDICT_FOR_REQUESTER, slashed=False)
        else:
            job.state = replace(job.state, status=SUBMITTED)
        # A token that has refused once is not asked again.
        (self._pay if paid else self._owe)(terms.token, winner, bond)

    # What is left to pay

    def collect(self, account: str, token: str) -> int:
        ledger = self.ledgers[token]
        amount = ledger.owed[account]
        require(amount > 0, "NothingOwed", account, token)
        self.tokens[token].move(self.at.escrow, account, amount)
        ledger.owed[account] = 0
        ledger.tracked -= amount
        return amount

    def sweep(self, token: str) -> int:
        ledger, recipient = self.ledgers[token], self.at.fee_recipient
        amount = ledger.fees
        require(amount > 0, "NothingOwed", recipient, token)
        self.tokens[token].require_movable(self.at.escrow, recipient, amount)
        left = self.burn_swept(token, self.at.escrow, amount)
        self.tokens[token].move(self.at.escrow, recipient, left)
        ledger.fees = 0
        ledger.tracked -= amount
        return left

    # Closing a job

    def _settle(self, job: JobBook, reason: CloseReason) -> None:
        """The word keeps what was paid in parts before."""
        self._unlock(job.state.provider, job.state.terms.collateral)
        self.devices[job.state.device].held = False
        self._pay_parts(job, max(job.state.terms.parts, 1))
        job.state, job.reason = replace(job.state, status=SETTLED), reason

    def _pay_parts(self, job: JobBook, parts: int) -> None:
        """Pay the provider what it lacks of so many parts. All together bear the fee of one payment."""
        terms, ledger = job.state.terms, self.ledgers[job.state.terms.token]
        before, after = terms.price - job.state.unpaid, terms.price * parts // max(terms.parts, 1)
        fee = share(after, job.state.fee_bps) - share(before, job.state.fee_bps)
        job.left += after - before
        ledger.fees += fee
        ledger.tracked -= after - before - fee
        self._pay(terms.token, job.state.provider, after - before - fee)

    def _refund(self, job: JobBook, reason: CloseReason, *, slashed: bool) -> bool:
        terms, unpaid = job.state.terms, job.state.unpaid
        if job.state.status != FUNDED:
            provider, collateral, taken = job.state.provider, terms.collateral, 0
            if slashed:
                taken = self._slash(provider, collateral, ZERO_ADDRESS, 0, terms.requester, VICTIM_SHARE)
            self._unlock(provider, collateral - taken)
            self.devices[job.state.device].held = False
        job.state, job.reason = replace(job.state, status=REFUNDED), reason
        job.left += unpaid
        self.ledgers[terms.token].tracked -= unpaid
        return self._pay(terms.token, terms.payer, unpaid)

    # Money

    def _pull(self, token: str, account: str, amount: int) -> None:
        self.tokens[token].move(account, self.at.escrow, amount)

    def _pay(self, token: str, account: str, amount: int) -> bool:
        """Or owe it, if the token refuses."""
        book = self.tokens[token]
        if {account, self.at.escrow} & book.blocked:
            self._owe(token, account, amount)
            return False
        book.move(self.at.escrow, account, amount)
        return True

    def _owe(self, token: str, account: str, amount: int) -> None:
        self.ledgers[token].owed[account] += amount
        self.ledgers[token].tracked += amount

    # Checks

    def _job(self, number: int, state: Job, need: JobStatus | None) -> JobBook:
        kept = self.jobs[number].hash if number in self.jobs else ZERO
        require(hash_of(state) == kept, "JobStateMismatch", number, hash_of(state), kept)
        job = self.jobs[number]
        if need is not None:
            self._require_status(number, job, need)
        return job

    def _require_status(self, number: int, job: JobBook, need: JobStatus) -> None:
        require(job.state.status == need, "JobStatusWrong", number, job.state.status, need)

    def _require_by(self, number: int, deadline: int) -> None:
        require(self.block <= deadline, "DeadlinePassed", number, self.block, deadline)

    def _require_after(self, number: int, deadline: int) -> None:
        require(self.block > deadline, "DeadlineNotPassed", number, self.block, deadline)

    def _require_later(self, field: str, have: int, least: int) -> None:
        require(have >= least, "DeadlineInvalid", field, have, least)

    def _require_price(self, price: int, parts: int) -> None:
        require(price > 0, "PriceZero")
        require(parts < 2 or price % parts == 0, "PriceIndivisible", price, parts)

    def _require_operator(self, sender: str, provider: str) -> None:
        operator = self.operator_of(provider)
        require(sender in (provider, operator), "OperatorOnly", sender, operator)

    def _require_requester(self, sender: str, job: JobBook) -> None:
        requester = job.state.terms.requester
        require(sender == requester, "RequesterOnly", sender, requester)

    def _require_forced(self, number: int, job: JobBook, epoch: int, leaf: Leaf, outcome: Outcome) -> None:
        forced = (outcome.kind, outcome.job, outcome.slot, leaf.device)
        need = (3, number, job.state.forced_slot, job.state.device)
        require(forced == need, "OutcomeNotForced", number, outcome.slot, outcome.job)
        self.require_final_outcome(epoch, leaf, outcome)
