"""What the books hold, rebuilt from events alone: the pools of stake, the escrow, and one transaction.

No arithmetic is shared with any other package.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tensorbond.audit.findings import Report
from tensorbond.chain.abi import Event
from tensorbond.chain.types import CloseReason, Job, JobStatus, SlashReason

ZERO = "0x" + "00" * 20
UNIT = 10_000
"""Basis points in a whole."""
WORK_SHARE = 2_500
"""Bps of a slash: for who proved the fault, for the requester of a failed job, for an oracle's challenger."""
SPENT_BITS = 32
"""Of a pool of which a share is worth 2⁻³² wei or less, 2³² go on as one in a new generation."""
MOST_FEES = 2**80 - 1
"""What an escrow keeps of unswept fees in one token."""
LAST_VESTING_BLOCK = 2**32 - 1
OPEN_JOB = (JobStatus.ACCEPTED, JobStatus.SUBMITTED, JobStatus.DISPUTED)
CLOSED_JOB = (JobStatus.SETTLED, JobStatus.REFUNDED)
Flow = tuple[str, str, str]
"""(token, from, to)"""


@dataclass(frozen=True)
class Request:
    """A request to leave that waits in the queue."""

    shares: int
    matures_at: int
    generation: int


@dataclass
class Queue:
    """One holder's requests to leave one provider's pool."""

    requests: dict[int, Request] = field(default_factory=dict)
    """Not yet withdrawn, oldest first."""
    requested: int = 0
    start: int = 0
    """The first request since the queue was last empty."""

    @property
    def first(self) -> int:
        return next(iter(self.requests), self.requested)

    def append(self, number: int, request: Request) -> None:
        if not self.requests:
            self.start = number
        self.requests[number] = request
        self.requested = number + 1


@dataclass
class Delegation:
    """One delegator's part of one provider's active pool, and what it left."""

    shares: int = 0
    generation: int = 0
    queue: Queue = field(default_factory=Queue)


@dataclass
class Pool:
    """One provider's stake: an active and an unbonding pool, both by shares, and rewards that vest."""

    active: int = 0
    shares: int = 0
    delegated_shares: int = 0
    generation: int = 0
    unbonding: int = 0
    unbonding_shares: int = 0
    delegated_unbonding_shares: int = 0
    unbonding_generation: int = 0
    locked: int = 0
    queue: Queue = field(default_factory=Queue)
    """The owner's."""
    delegations: dict[str, Delegation] = field(default_factory=lambda: defaultdict(Delegation))
    short_since: int = 0
    commission: int = 0
    next_commission: int = 0
    commission_from: int = 0
    vesting: int = 0
    vested: int = 0
    vested_at: int = 0
    vests_until: int = 0
    paid_in: int = 0
    paid_out: int = 0
    lost: int = 0
    earned: int = 0
    """Rewards distributed."""
    released: int = 0
    lost_vesting: int = 0

    def queue_of(self, provider: str, holder: str) -> Queue:
        return self.queue if holder == provider else self.delegations[holder].queue

    def shares_of(self, delegator: str) -> int:
        delegation = self.delegations[delegator]
        return delegation.shares >> SPENT_BITS * (self.generation - delegation.generation)

    def part_of(self, request: Request) -> int:
        """The shares of the unbonding pool that a request counts as now."""
        return request.shares >> SPENT_BITS * (self.unbonding_generation - request.generation)

    def withdrawable(self, queue: Queue, block: int) -> int:
        """What a queue's matured requests pay in `block`."""
        pool, shares = self.unbonding, self.unbonding_shares
        for request in queue.requests.values():
            if block < request.matures_at:
                break
            if part := self.part_of(request):
                pool -= part * pool // shares
                shares -= part
        return self.unbonding - pool

    def leaving(self) -> int:
        """What the delegators have unbonding, in shares of the active pool; rounded up."""
        if not self.delegated_unbonding_shares:
            return 0
        amount = -(-self.delegated_unbonding_shares * self.unbonding // self.unbonding_shares)
        return -(-amount * self.shares // self.active) if self.active else amount

    def vested_by(self, block: int) -> int:
        """Of what was vesting when it was last looked at."""
        block = min(block, LAST_VESTING_BLOCK)
        if block >= self.vests_until:
            return self.vesting
        return self.vesting * (block - self.vested_at) // (self.vests_until - self.vested_at)

    def commission_at(self, block: int) -> int:
        due = self.commission_from != 0 and block >= self.commission_from
        return self.next_commission if due else self.commission

    def commission_on(self, amount: int, block: int) -> tuple[int, int]:
        """What the owner takes of a release of `amount`, and the shares that it buys."""
        if not self.delegated_shares:
            return 0, 0
        part = share(amount, self.commission_at(block))
        return part, part * self.shares // (self.active + amount - part)

    def enter(self, active: int) -> None:
        """The active pool has so much now; all shares of an undelegated one are the owner's, wei by wei."""
        self.active = active
        if not self.delegated_shares:
            self.shares = active
        self.cover()

    def cover(self) -> None:
        if self.active >= self.locked:
            self.short_since = 0


@dataclass
class Till:
    """The escrow's books in one payment token."""

    tracked: int = 0
    fees: int = 0
    cap: int = 0
    owed: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@dataclass
class Transaction:
    """What one transaction's events say that must fit together."""

    hash: str = ""
    told: Counter[Flow] = field(default_factory=Counter)
    """Payments that follow from our contracts' events."""
    moved: Counter[Flow] = field(default_factory=Counter)
    """Transfers that the tokens tell of."""
    slashes: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    causes: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    claims: Counter[str] = field(default_factory=Counter)
    """Rewards claimed for each provider."""
    rewards: Counter[str] = field(default_factory=Counter)
    """Rewards distributed to each provider."""


@dataclass
class Books:
    """Everything that the contracts owe, and to whom. The addresses are those of the contracts."""

    token: str
    staking: str
    escrow: str
    attestations: str
    genesis_transaction: str = ""
    """The one that deployed the token; no other mints but for a claim."""
    unbonding_blocks: int = 0
    fee_burn_bps: int = 0
    """The share of fees in TBND that a sweep burns."""
    supply: int = 0
    minted: int = 0
    """After the genesis."""
    wallets: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    pools: dict[str, Pool] = field(default_factory=lambda: defaultdict(Pool))
    operators: dict[str, str] = field(default_factory=dict)
    staked: int = 0
    device_bonds: dict[int, int] = field(default_factory=dict)
    device_owners: dict[int, str] = field(default_factory=dict)
    oracle_bonds: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    bonded: int = 0
    tills: dict[str, Till] = field(default_factory=lambda: defaultdict(Till))
    fee_bps: int = 0
    jobs: dict[int, Job] = field(default_factory=dict)
    paid: dict[int, tuple[int, int, int]] = field(default_factory=lambda: defaultdict(lambda: (0, 0, 0)))
    """Of each job, so far: to the provider, fee, refund."""
    dispute_bonds: dict[int, int] = field(default_factory=dict)
    """Of each disputed job."""
    claimed: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    total_claimed: int = 0
    transaction: Transaction = field(default_factory=Transaction)

    def locks(self) -> dict[str, int]:
        """What each provider's lock consists of: its devices' bonds and its open jobs' collateral."""
        locks: dict[str, int] = defaultdict(int)
        for device, bond in self.device_bonds.items():
            locks[self.device_owners[device]] += bond
        for job in self.jobs.values():
            if job.status in OPEN_JOB:
                locks[job.provider] += job.terms.collateral
        return locks

    def open_money(self) -> dict[str, int]:
        """What the escrow must hold in each token: unpaid prices, bonds, deferred payments, fees."""
        money = {token: sum(till.owed.values()) + till.fees for token, till in self.tills.items()}
        for job in self.jobs.values():
            if job.status not in CLOSED_JOB:
                money[job.terms.token] += unpaid_of(job)
        for number, bond in self.dispute_bonds.items():
            money[self.jobs[number].terms.token] += bond
        return money


def where(event: Event) -> str:
    return f"block {event.block} log {event.log_index}"


def share(amount: int, bps: int) -> int:
    return amount * bps // UNIT


def total(report: Report, event: Event, name: str, need: object) -> None:
    report.expect(
        "event total", f"{event.contract}.{event.name} {name}", event.args[name], need, where(event)
    )


def parts_of(job: Job) -> int:
    return max(job.terms.parts, 1)


def worth_of(job: Job, parts: int) -> int:
    return job.terms.price * parts // parts_of(job)


def unpaid_of(job: Job) -> int:
    return job.terms.price - worth_of(job, job.paid_parts)


JOB_FAULTS = {
    CloseReason.NOT_SUBMITTED: SlashReason.JOB_NOT_SUBMITTED,
    CloseReason.OUTCOME_MISSED: SlashReason.JOB_OUTCOME_MISSED,
    CloseReason.OUTCOME_BAD: SlashReason.JOB_OUTCOME_BAD,
}


Entries = Mapping[tuple[str, str], Callable[[Books, Event, Report], None]]
"""How each event of a contract enters the books."""
