"""The books, rebuilt from events alone: every stake, bond, job, fee, reward and slash, to the wei.

Every event that moves an amount also states the total after; replay keeps its own totals and reports where
the two part. What the events say was paid must be what the tokens say was transferred, in each transaction.
Nothing here calls the chain, and no arithmetic is shared with any other package.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from eth_utils.address import to_checksum_address

from tensorbond.audit.findings import Report
from tensorbond.chain.abi import Event
from tensorbond.chain.types import CloseReason, Job, JobStatus, OracleFault, SlashReason, Terms, Verdict

ZERO = "0x" + "00" * 20
UNIT = 10_000
"""Basis points in a whole."""
WORK_SHARE = 2_500
"""Bps of a slash: for who proved the fault, for the requester of a failed job, for an oracle's challenger."""
ENFORCER_SHARE = 500
SPENT_BITS = 32
"""A pool in which a slash leaves a share worth 2⁻³² wei or less starts new shares."""
OWN_BPS, OWN_SHARES = 2_500, 10**18
"""What an owner holds of its pool, at least, while others delegate to it."""
MAX_COMMISSION = 3_000
LAST_VESTING_BLOCK = 2**32 - 1
DISPUTE_SHARE = 1_000
"""Bps of the unpaid price that a requester deposits to dispute a job."""
MOST_FEES = 2**80 - 1
"""What the escrow keeps of unswept fees in one token."""
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
        return delegation.shares if delegation.generation == self.generation else 0

    def withdrawable(self, queue: Queue, block: int) -> int:
        """What a queue's matured requests pay in `block`."""
        pool, shares = self.unbonding, self.unbonding_shares
        for request in queue.requests.values():
            if block < request.matures_at:
                break
            if request.generation == self.unbonding_generation:
                pool -= request.shares * pool // shares
                shares -= request.shares
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
                money[job.terms.token] += _unpaid(job)
        for number, bond in self.dispute_bonds.items():
            money[self.jobs[number].terms.token] += bond
        return money


def replay(books: Books, events: Iterable[Event], report: Report) -> None:
    """Enter every event, in chain order, into the books; a total that parts from the books is a finding."""
    for event in events:
        if event.transaction != books.transaction.hash:
            _close(books, report)
            books.transaction = Transaction(event.transaction)
        enter = _transfer if event.name == "Transfer" else _ENTRIES.get((event.contract, event.name))
        if enter is not None:
            try:
                enter(books, event, report)
            except (ArithmeticError, LookupError, ValueError) as error:
                subject = f"{event.contract}.{event.name} fits what was told before"
                report.expect("invariant 14", subject, repr(error), "an entry", where(event))
        report.events_replayed += 1
    _close(books, report)
    books.transaction = Transaction()


def where(event: Event) -> str:
    return f"block {event.block} log {event.log_index}"


def share(amount: int, bps: int) -> int:
    return amount * bps // UNIT


def _close(books: Books, report: Report) -> None:
    """One transaction is over: what was said to be paid was paid, and every slash has its reason."""
    told, moved = books.transaction.told, books.transaction.moved
    place = f"transaction {books.transaction.hash}"
    for flow in sorted(told.keys() | moved.keys()):
        token, payer, payee = flow
        subject = f"transfer of {token} from {payer} to {payee}"
        ours = payer in (
            books.escrow,
            *((books.staking, books.attestations, ZERO) if token == books.token else ()),
        )
        if ours:
            report.expect("invariant 14", subject, moved[flow], told[flow], place)
        else:
            report.expect_at_least("invariant 14", subject, moved[flow], told[flow], place)
    slashes, causes = books.transaction.slashes, books.transaction.causes
    for slash in sorted(slashes.keys() | causes.keys()):
        report.expect(
            "invariant 4", f"slash of {_told(slash)} has its reason", slashes[slash], causes[slash], place
        )

    claims, rewards = books.transaction.claims, books.transaction.rewards
    for provider in sorted(claims.keys() | rewards.keys()):
        subject = f"rewards distributed to {provider}"
        report.expect("invariant 6", subject, rewards[provider], claims[provider], place)


def _told(slash: tuple[Any, ...]) -> str:
    return " ".join(str(part) for part in slash)


def _total(report: Report, event: Event, name: str, need: int) -> None:
    report.expect(
        "event total", f"{event.contract}.{event.name} {name}", event.args[name], need, where(event)
    )


def _transfer(books: Books, event: Event, report: Report) -> None:
    token = to_checksum_address(event.address)
    payer, payee, value = event.args["from"], event.args["to"], event.args["value"]
    books.transaction.moved[token, payer, payee] += value
    if token != books.token:
        return
    if payer == ZERO:
        books.supply += value
        if event.transaction == books.genesis_transaction:
            books.transaction.told[token, payer, payee] += value
        else:
            books.minted += value
    else:
        books.wallets[payer] -= value
        report.expect_at_least("token", f"balance of {payer}", books.wallets[payer], 0, where(event))
    if payee == ZERO:
        books.supply -= value
    else:
        books.wallets[payee] += value


def _deposited(books: Books, event: Event, report: Report) -> None:
    provider, amount = event.args["provider"], event.args["amount"]
    pool = books.pools[provider]
    _add_own(pool, event, report, amount)
    pool.paid_in += amount
    books.staked += amount
    books.transaction.told[books.token, provider, books.staking] += amount


def _delegated(books: Books, event: Event, report: Report) -> None:
    provider, delegator, amount = event.args["provider"], event.args["delegator"], event.args["amount"]
    pool = books.pools[provider]
    _add_delegated(pool, delegator, event, report, amount)
    pool.paid_in += amount
    books.staked += amount
    books.transaction.told[books.token, delegator, books.staking] += amount


def _add_own(pool: Pool, event: Event, report: Report, amount: int) -> None:
    _expect_released(pool, event, report)
    shares = amount * pool.shares // pool.active if pool.delegated_shares else amount
    _total(report, event, "shares", shares)
    pool.shares += shares
    pool.enter(pool.active + amount)
    _total(report, event, "active", pool.active)


def _add_delegated(pool: Pool, delegator: str, event: Event, report: Report, amount: int) -> None:
    _expect_released(pool, event, report)
    shares = amount * pool.shares // pool.active if pool.active else amount
    leaving = pool.leaving()
    _total(report, event, "shares", shares)
    delegation = pool.delegations[delegator]
    delegation.shares = pool.shares_of(delegator) + shares
    delegation.generation = pool.generation
    pool.shares += shares
    pool.delegated_shares += shares
    pool.enter(pool.active + amount)
    _total(report, event, "active", pool.active)
    _expect_own_share(pool, leaving, event, report, OWN_SHARES)


def _expect_own_share(pool: Pool, leaving: int, event: Event, report: Report, least: int) -> None:
    """A part of its own shares, its delegators', and what those have unbonding."""
    others = pool.delegated_shares + leaving
    if others:
        own, need = pool.shares - pool.delegated_shares, max(-(-others * OWN_BPS // (UNIT - OWN_BPS)), least)
        report.expect_at_least("staking", f"own shares of {event.args['provider']}", own, need, where(event))


def _expect_released(pool: Pool, event: Event, report: Report) -> None:
    """Nobody joins in, or leaves behind, what had vested before."""
    waiting = pool.vested + pool.vested_by(event.block)
    report.expect("invariant 3", f"unreleased rewards of {event.args['provider']}", waiting, 0, where(event))


def _unbonding(books: Books, event: Event, report: Report) -> None:
    provider, amount = event.args["provider"], event.args["amount"]
    pool = books.pools[provider]
    report.expect_at_least(
        "invariant 5", f"free stake of {provider}", pool.active - pool.locked, amount, where(event)
    )
    _expect_released(pool, event, report)
    leaving = pool.leaving()
    if pool.delegated_shares:
        pool.shares -= -(-amount * pool.shares // pool.active)
    pool.enter(pool.active - amount)
    _expect_own_share(pool, leaving, event, report, 0)
    _ask(books, pool, pool.queue, event, report)


def _undelegated(books: Books, event: Event, report: Report) -> None:
    provider, delegator, amount = event.args["provider"], event.args["delegator"], event.args["amount"]
    pool = books.pools[provider]
    _expect_released(pool, event, report)
    held = pool.shares_of(delegator)
    worth = held * pool.active // pool.shares
    subject = f"delegation of {delegator} with {provider}"
    report.expect_at_least("invariant 3", subject, worth, amount, where(event))
    burned = held if amount == worth else -(-amount * pool.shares // pool.active)
    pool.delegations[delegator].shares = held - burned
    pool.shares -= burned
    pool.delegated_shares -= burned
    short_since = pool.short_since
    pool.enter(pool.active - amount)
    if pool.active < pool.locked:
        pool.short_since = short_since or event.block
    pool.delegated_unbonding_shares += _ask(books, pool, pool.delegations[delegator].queue, event, report)


def _ask(books: Books, pool: Pool, queue: Queue, event: Event, report: Report) -> int:
    """A request joins the unbonding pool. Returns its shares."""
    amount = event.args["amount"]
    shares: int = amount * pool.unbonding_shares // pool.unbonding if pool.unbonding else amount
    pool.unbonding += amount
    pool.unbonding_shares += shares
    _total(report, event, "request", queue.requested)
    _total(report, event, "shares", shares)
    _total(report, event, "maturesAt", event.block + books.unbonding_blocks)
    _total(report, event, "active", pool.active)
    _total(report, event, "unbonding", pool.unbonding)
    request = Request(shares, event.args["maturesAt"], pool.unbonding_generation)
    queue.append(event.args["request"], request)
    return shares


def _rebonded(books: Books, event: Event, report: Report) -> None:
    provider, holder, amount = event.args["provider"], event.args["holder"], event.args["amount"]
    pool = books.pools[provider]
    queue = pool.queue_of(provider, holder)
    unbonding_shares = pool.unbonding_shares
    moved = 0
    while moved < amount and queue.requests:
        number, request = queue.requests.popitem()
        if request.generation != pool.unbonding_generation:
            queue.requests[number] = request
            break
        part, worth = request.shares, request.shares * pool.unbonding // pool.unbonding_shares
        if worth <= amount - moved:
            queue.requested = number
        else:
            worth = amount - moved
            part = -(-worth * pool.unbonding_shares // pool.unbonding)
            queue.requests[number] = replace(request, shares=request.shares - part)
        moved += worth
        pool.unbonding -= worth
        pool.unbonding_shares -= part
    # Requests that are worth nothing go along with the last that is asked for, if all there is was.
    while queue.requested > event.args["nextRequest"] and queue.requests:
        number, request = queue.requests.popitem()
        queue.requested = number
        pool.unbonding_shares -= request.shares
    report.expect("invariant 3", f"taken back by {holder}", moved, amount, where(event))
    _total(report, event, "nextRequest", queue.requested)
    if holder == provider:
        _add_own(pool, event, report, amount)
    else:
        pool.delegated_unbonding_shares -= unbonding_shares - pool.unbonding_shares
        _add_delegated(pool, holder, event, report, amount)
    _total(report, event, "unbonding", pool.unbonding)


def _withdrawn(books: Books, event: Event, report: Report) -> None:
    provider = event.args["provider"]
    _pay_out(books, provider, books.pools[provider].queue, event, report)


def _delegation_withdrawn(books: Books, event: Event, report: Report) -> None:
    provider, delegator = event.args["provider"], event.args["delegator"]
    _pay_out(books, delegator, books.pools[provider].delegations[delegator].queue, event, report)


def _pay_out(books: Books, holder: str, queue: Queue, event: Event, report: Report) -> None:
    provider, number, amount = event.args["provider"], event.args["request"], event.args["amount"]
    pool = books.pools[provider]
    subject = f"request {number} of {holder}"
    report.expect("invariant 3", f"{subject} is the oldest", number, queue.first, where(event))
    request = queue.requests.pop(number)
    report.expect_at_least(
        "invariant 12", f"{subject} matured", event.block, request.matures_at, where(event)
    )
    fair = 0
    if request.generation == pool.unbonding_generation:
        fair = request.shares * pool.unbonding // pool.unbonding_shares
        pool.unbonding_shares -= request.shares
        pool.delegated_unbonding_shares -= request.shares if holder != provider else 0
    report.expect("invariant 3", f"{subject} pays its share", amount, fair, where(event))
    pool.unbonding -= amount
    pool.paid_out += amount
    books.staked -= amount
    books.transaction.told[books.token, books.staking, holder] += amount
    most = pool.paid_in + pool.released - pool.lost
    report.expect_at_most("invariant 3", f"withdrawn from {provider}", pool.paid_out, most, where(event))
    _total(report, event, "unbonding", pool.unbonding)


def _distributed(books: Books, event: Event, report: Report) -> None:
    """What vests now and what came wait, together, as long on average as apart."""
    provider, amount, block = event.args["provider"], event.args["amount"], event.block
    pool = books.pools[provider]
    at = min(block, LAST_VESTING_BLOCK)
    came = pool.vested_by(block)
    pool.vested += came
    pool.vesting -= came
    if amount:
        left = pool.vesting * max(0, pool.vests_until - at) + amount * books.unbonding_blocks
        pool.vesting += amount
        pool.vests_until = min(at + left // pool.vesting, LAST_VESTING_BLOCK)
    pool.vested_at = at
    pool.earned += amount
    books.transaction.rewards[provider] += amount
    for name, need in (("vesting", pool.vesting), ("vested", pool.vested), ("vestsUntil", pool.vests_until)):
        _total(report, event, name, need)


def _released(books: Books, event: Event, report: Report) -> None:
    pool, block = books.pools[event.args["provider"]], event.block
    came = pool.vested_by(block)
    amount = pool.vested + came
    commission, shares = pool.commission_on(amount, block)
    _total(report, event, "amount", amount)
    _total(report, event, "commission", commission)
    _total(report, event, "shares", shares)
    pool.vesting, pool.vested, pool.vested_at = pool.vesting - came, 0, min(block, LAST_VESTING_BLOCK)
    pool.released += amount
    pool.shares += shares
    pool.enter(pool.active + amount)
    books.staked += amount
    _total(report, event, "active", pool.active)


def _commission_set(books: Books, event: Event, report: Report) -> None:
    """A fall holds at once, a rise waits."""
    pool, bps = books.pools[event.args["provider"]], event.args["bps"]
    present = pool.commission_at(event.block)
    report.expect_at_most("staking", "commission", bps, MAX_COMMISSION, where(event))
    rises = bps > present
    _total(report, event, "fromBlock", event.block + books.unbonding_blocks if rises else event.block)
    pool.commission, pool.commission_from = bps, 0
    if rises:
        pool.commission, pool.next_commission = present, bps
        pool.commission_from = event.args["fromBlock"]


def _locked(books: Books, event: Event, report: Report) -> None:
    provider = event.args["provider"]
    pool = books.pools[provider]
    pool.locked += event.args["amount"]
    _total(report, event, "locked", pool.locked)
    report.expect_at_least(
        "invariant 5", f"active stake of {provider}", pool.active, pool.locked, where(event)
    )


def _unlocked(books: Books, event: Event, report: Report) -> None:
    pool = books.pools[event.args["provider"]]
    pool.locked -= event.args["amount"]
    pool.cover()
    _total(report, event, "locked", pool.locked)


def _slashed(books: Books, event: Event, report: Report) -> None:
    a, place = event.args, where(event)
    provider, reason = a["provider"], SlashReason(a["reason"])
    pool = books.pools[provider]
    taken = a["fromVesting"] + a["fromActive"] + a["fromUnbonding"]
    _expect_released(pool, event, report)
    report.expect_at_least("invariant 4", f"lock of {provider} covers the slash", pool.locked, taken, place)
    from_vesting, from_active, from_unbonding = _cut(pool, taken)
    _total(report, event, "fromVesting", from_vesting)
    _total(report, event, "fromActive", from_active)
    _total(report, event, "fromUnbonding", from_unbonding)

    parts = {"toChallenger": 0, "toVictim": 0}
    if reason in _WORK_SHARES and a["challenger"] != ZERO:
        parts["toChallenger"] = share(taken, _WORK_SHARES[reason])
    if reason in _JOB_FAULTS.values() and a["victim"] != ZERO:
        parts["toVictim"] = share(taken, WORK_SHARE)
    parts["burned"] = taken - sum(parts.values())
    for name, need in parts.items():
        report.expect("invariant 9", f"slash of {provider}: {name}", a[name], need, place)
    report.expect(
        "invariant 4", f"slash of {provider} names a reason", reason != SlashReason.NONE, True, place
    )

    pool.locked -= taken
    pool.cover()
    pool.lost_vesting += from_vesting
    pool.lost += taken - from_vesting
    books.staked -= taken - from_vesting
    totals = {
        "vesting": pool.vesting,
        "active": pool.active,
        "unbonding": pool.unbonding,
        "locked": pool.locked,
    }
    for name, need in totals.items():
        _total(report, event, name, need)
    payees = ((a["challenger"], "toChallenger"), (a["victim"], "toVictim"), (ZERO, "burned"))
    for payee, name in payees:
        books.transaction.told[books.token, books.staking, payee] += a[name]
    evidence = a["evidence"] if reason in _JOB_FAULTS.values() else bytes(0)
    books.transaction.slashes[provider, _kind(reason), evidence, taken] += 1


def _cut(pool: Pool, taken: int) -> tuple[int, int, int]:
    """Take what vests first, then from both pools in proportion: (from vesting, active, unbonding)."""
    from_vesting = min(taken, pool.vesting)
    pool.vesting -= from_vesting
    held = pool.active + pool.unbonding
    taken = min(taken - from_vesting, held)
    if not taken:
        return from_vesting, 0, 0
    from_unbonding = taken * pool.unbonding // held
    from_active = taken - from_unbonding
    pool.active -= from_active
    if from_unbonding:
        pool.unbonding -= from_unbonding
        if pool.unbonding <= pool.unbonding_shares >> SPENT_BITS:
            pool.active += pool.unbonding
            pool.unbonding = pool.unbonding_shares = pool.delegated_unbonding_shares = 0
            pool.unbonding_generation += 1
    if not pool.delegated_shares:
        pool.shares = pool.active
    elif pool.active <= pool.shares >> SPENT_BITS:
        pool.generation += 1
        pool.shares, pool.delegated_shares = pool.active, 0
    return from_vesting, from_active, from_unbonding


def _kind(reason: int) -> str:
    """A miss costs by its own event, whether it was one too many or not."""
    often = reason == SlashReason.MISSED_OFTEN
    return SlashReason.MISSED_SLOT.name if often else SlashReason(reason).name


def _operator_set(books: Books, event: Event, report: Report) -> None:
    books.operators[event.args["provider"]] = event.args["operator"]


def _registered(books: Books, event: Event, report: Report) -> None:
    device = event.args["device"]
    report.expect("registry", "device ids are dense", device, len(books.device_bonds) + 1, where(event))
    books.device_bonds[device] = event.args["bond"]
    books.device_owners[device] = event.args["provider"]


def _debited(books: Books, event: Event, report: Report) -> None:
    books.device_bonds[event.args["device"]] -= event.args["amount"]
    _total(report, event, "bond", books.device_bonds[event.args["device"]])


def _discharged(books: Books, event: Event, report: Report) -> None:
    device = event.args["device"]
    _total(report, event, "amount", books.device_bonds[device])
    books.device_bonds[device] = 0


def _work_fault(books: Books, event: Event, report: Report) -> None:
    """The reason for a slash; one that found nothing left to take is none."""
    if event.args["amount"]:
        reason = _WORK_FAULTS.get(event.name) or SlashReason(event.args["reason"])
        owner = books.device_owners[event.args["device"]]
        books.transaction.causes[owner, _kind(reason), bytes(0), event.args["amount"]] += 1


def _faults_correlated(books: Books, event: Event, report: Report) -> None:
    _total(report, event, "staked", books.staked)


def _joined(books: Books, event: Event, report: Report) -> None:
    oracle, amount = event.args["oracle"], event.args["amount"]
    report.expect(
        "oracles", f"bond of {oracle} before it joined", books.oracle_bonds[oracle], 0, where(event)
    )
    books.oracle_bonds[oracle] += amount
    books.bonded += amount
    books.transaction.told[books.token, oracle, books.attestations] += amount
    _total(report, event, "totalBonded", books.bonded)


def _bond_withdrawn(books: Books, event: Event, report: Report) -> None:
    oracle, amount = event.args["oracle"], event.args["amount"]
    _total(report, event, "amount", books.oracle_bonds[oracle])
    books.oracle_bonds[oracle] = 0
    books.bonded -= amount
    books.transaction.told[books.token, books.attestations, oracle] += amount
    _total(report, event, "totalBonded", books.bonded)


def _oracle_slashed(books: Books, event: Event, report: Report) -> None:
    a = event.args
    oracle, amount = a["oracle"], a["amount"]
    _total(report, event, "amount", books.oracle_bonds[oracle])
    parts = {"toChallenger": share(amount, WORK_SHARE), "burned": amount - share(amount, WORK_SHARE)}
    for name, need in parts.items():
        report.expect("invariant 9", f"slash of oracle {oracle}: {name}", a[name], need, where(event))
    books.oracle_bonds[oracle] -= amount
    books.bonded -= amount
    for payee, name in ((a["challenger"], "toChallenger"), (ZERO, "burned")):
        books.transaction.told[books.token, books.attestations, payee] += a[name]
    if a["fault"] == OracleFault.EQUIVOCATION:
        books.transaction.slashes[oracle, "EQUIVOCATION", bytes(0), amount] += 1
    else:
        books.transaction.slashes[_signers(a)] += amount
    _total(report, event, "totalBonded", books.bonded)


def _equivocated(books: Books, event: Event, report: Report) -> None:
    """The reason for a slash; one by an oracle whose bond was gone is none."""
    if event.args["amount"]:
        books.transaction.causes[event.args["oracle"], "EQUIVOCATION", bytes(0), event.args["amount"]] += 1


def _fraud_proven(books: Books, event: Event, report: Report) -> None:
    """The reason for the slashes of all signers together."""
    books.transaction.causes[_signers(event.args)] += event.args["amount"]


def _signers(args: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the slashes of an attestation's signers have in common."""
    return "all signers", OracleFault(args["fault"]).name, args["evidence"], args["challenger"]


def _token_allowed(books: Books, event: Event, report: Report) -> None:
    books.tills[event.args["token"]].cap = event.args["cap"]


def _fee_set(books: Books, event: Event, report: Report) -> None:
    books.fee_bps = event.args["feeBps"]


def _funded(books: Books, event: Event, report: Report) -> None:
    terms: Terms = event.args["terms"]
    number = event.args["job"]
    report.expect("escrow", "job ids are dense", number, len(books.jobs) + 1, where(event))
    _total(report, event, "feeBps", books.fee_bps)
    books.jobs[number] = Job(terms, event.args["feeBps"])
    till = books.tills[terms.token]
    till.tracked += terms.price
    books.transaction.told[terms.token, _payer(terms), books.escrow] += terms.price
    _total(report, event, "tracked", till.tracked)
    report.expect_at_most("escrow", f"cap of {terms.token}", till.tracked - till.fees, till.cap, where(event))


def _assigned(books: Books, event: Event, report: Report) -> None:
    a = event.args
    job = _in_status(books, event, report, JobStatus.FUNDED)
    token = job.terms.token
    report.expect_at_most(
        "escrow", f"job {a['job']} assigned in time", event.block, job.terms.accept_by, where(event)
    )
    report.expect_at_least("invariant 7", f"price of job {a['job']}", a["price"], 1, where(event))
    _total(report, event, "returned", job.terms.price - a["price"])
    books.jobs[a["job"]] = replace(job, terms=replace(job.terms, provider=a["provider"], price=a["price"]))
    till = books.tills[token]
    till.tracked -= a["returned"]
    books.transaction.told[token, books.escrow, _payer(job.terms)] += a["returned"]
    _total(report, event, "tracked", till.tracked)


def _accepted(books: Books, event: Event, report: Report) -> None:
    a = event.args
    job = _in_status(books, event, report, JobStatus.FUNDED)
    _total(report, event, "collateral", job.terms.collateral)
    report.expect_at_most(
        "escrow", f"job {a['job']} accepted in time", event.block, job.terms.accept_by, where(event)
    )
    books.jobs[a["job"]] = replace(
        job,
        status=JobStatus.ACCEPTED,
        provider=a["provider"],
        device=a["device"],
        forced_slot=a["forcedSlot"],
    )


def _submitted(books: Books, event: Event, report: Report) -> None:
    a = event.args
    job = _in_status(books, event, report, JobStatus.ACCEPTED)
    _total(report, event, "submittedAt", event.block)
    report.expect_at_most(
        "escrow", f"job {a['job']} submitted in time", event.block, job.terms.submit_by, where(event)
    )
    books.jobs[a["job"]] = replace(
        job, status=JobStatus.SUBMITTED, submitted_at=a["submittedAt"], result=a["result"]
    )


def _parts_paid(books: Books, event: Event, report: Report) -> None:
    a = event.args
    number, parts = a["job"], a["paidParts"]
    job = books.jobs[number]
    may = job.status in (JobStatus.ACCEPTED, JobStatus.SUBMITTED) and job.paid_parts < parts < job.terms.parts
    report.expect("invariant 7", f"parts of job {number} may be paid", may, True, where(event))
    _pay_provider(books, event, report, job, parts)
    books.jobs[number] = replace(job, paid_parts=parts)


def _settled(books: Books, event: Event, report: Report) -> None:
    a = event.args
    number, reason = a["job"], CloseReason(a["reason"])
    job = _in_status(books, event, report, _SETTLED_FROM.get(reason, JobStatus.NONE))
    if reason == CloseReason.OUTCOME_PASSED:
        _after(event, report, job.submitted_at + job.terms.review_blocks)
    _pay_provider(books, event, report, job, _parts(job))
    books.jobs[number] = replace(job, status=JobStatus.SETTLED)


def _pay_provider(books: Books, event: Event, report: Report, job: Job, parts: int) -> None:
    """What is due once so many parts in all are paid: together they bear one payment's fee."""
    number, paid, fee = event.args["job"], event.args["paid"], event.args["fee"]
    till = books.tills[job.terms.token]
    before, after = _worth(job, job.paid_parts), _worth(job, parts)
    due = min(share(after, job.fee_bps) - share(before, job.fee_bps), MOST_FEES - till.fees)
    report.expect("invariant 7", f"fee of job {number}", fee, due, where(event))
    report.expect("invariant 7", f"payment of job {number}", paid, after - before - due, where(event))
    _enter_paid(books, number, paid, fee, 0)
    till.tracked -= paid
    till.fees += fee
    books.transaction.told[job.terms.token, books.escrow, job.provider] += paid
    _total(report, event, "tracked", till.tracked)


def _refunded(books: Books, event: Event, report: Report) -> None:
    a = event.args
    number, refunded, reason = a["job"], a["refunded"], CloseReason(a["reason"])
    job = _in_status(books, event, report, _REFUNDED_FROM.get(reason, JobStatus.NONE))
    report.expect("invariant 7", f"refund of job {number}", refunded, _unpaid(job), where(event))
    if reason in _REFUNDED_AFTER:
        deadline = getattr(job.terms, _REFUNDED_AFTER[reason])
        _after(event, report, max(deadline, job.verdict_by))
    fault = _JOB_FAULTS.get(reason)
    collateral = job.terms.collateral if fault else 0
    report.expect_at_most("invariant 4", f"slash for job {number}", a["slashed"], collateral, where(event))
    _total(report, event, "compensated", share(a["slashed"], WORK_SHARE))
    if a["slashed"] and fault:
        evidence = number.to_bytes(32, "big")
        books.transaction.causes[job.provider, fault.name, evidence, a["slashed"]] += 1
    books.jobs[number] = replace(job, status=JobStatus.REFUNDED)
    _enter_paid(books, number, 0, 0, refunded)
    till = books.tills[job.terms.token]
    till.tracked -= refunded
    books.transaction.told[job.terms.token, books.escrow, _payer(job.terms)] += refunded
    _total(report, event, "tracked", till.tracked)


def _disputed(books: Books, event: Event, report: Report) -> None:
    a = event.args
    number, bond = a["job"], a["bond"]
    job = _in_status(books, event, report, JobStatus.SUBMITTED)
    once = job.verdict_by == 0 and event.block <= job.submitted_at + job.terms.review_blocks
    report.expect("escrow", f"job {number} may be disputed", once, True, where(event))
    _total(report, event, "bond", -(-_unpaid(job) * DISPUTE_SHARE // 10_000))
    books.jobs[number] = replace(job, status=JobStatus.DISPUTED, verdict_by=a["verdictBy"])
    books.dispute_bonds[number] = bond
    till = books.tills[job.terms.token]
    till.tracked += bond
    books.transaction.told[job.terms.token, job.terms.requester, books.escrow] += bond
    _total(report, event, "tracked", till.tracked)


def _resolved(books: Books, event: Event, report: Report) -> None:
    a = event.args
    number, verdict = a["job"], Verdict(a["verdict"])
    job = _in_status(books, event, report, JobStatus.DISPUTED)
    _total(report, event, "bond", books.dispute_bonds.pop(number))
    winner = job.provider if verdict == Verdict.FOR_PROVIDER else job.terms.requester
    report.expect("event total", f"who gets the bond of job {number}", a["account"], winner, where(event))
    if verdict == Verdict.NONE:
        _after(event, report, job.verdict_by)
        books.jobs[number] = replace(job, status=JobStatus.SUBMITTED)
    till = books.tills[job.terms.token]
    till.tracked -= a["bond"]
    books.transaction.told[job.terms.token, books.escrow, winner] += a["bond"]
    _total(report, event, "tracked", till.tracked)


def _enter_paid(books: Books, number: int, paid: int, fee: int, refunded: int) -> None:
    before = books.paid[number]
    books.paid[number] = (before[0] + paid, before[1] + fee, before[2] + refunded)


def _payer(terms: Terms) -> str:
    return terms.requester if terms.sponsor == ZERO else terms.sponsor


def _parts(job: Job) -> int:
    return max(job.terms.parts, 1)


def _worth(job: Job, parts: int) -> int:
    return job.terms.price * parts // _parts(job)


def _unpaid(job: Job) -> int:
    return job.terms.price - _worth(job, job.paid_parts)


def _after(event: Event, report: Report, deadline: int) -> None:
    subject = f"job {event.args['job']} closed after its deadline"
    report.expect_at_least("escrow", subject, event.block, deadline + 1, where(event))


def _deferred(books: Books, event: Event, report: Report) -> None:
    account, token, amount = event.args["account"], event.args["token"], event.args["amount"]
    till = books.tills[token]
    till.tracked += amount
    till.owed[account] += amount
    books.transaction.told[token, books.escrow, account] -= amount
    _total(report, event, "owed", till.owed[account])


def _collected(books: Books, event: Event, report: Report) -> None:
    account, token, amount = event.args["account"], event.args["token"], event.args["amount"]
    till = books.tills[token]
    _total(report, event, "amount", till.owed[account])
    till.owed[account] = 0
    till.tracked -= amount
    books.transaction.told[token, books.escrow, account] += amount
    _total(report, event, "tracked", till.tracked)


def _swept(books: Books, event: Event, report: Report) -> None:
    token, amount, burned = event.args["token"], event.args["amount"], event.args["burned"]
    till = books.tills[token]
    _total(report, event, "burned", share(till.fees, books.fee_burn_bps) if token == books.token else 0)
    _total(report, event, "amount", till.fees - burned)
    till.fees = 0
    till.tracked -= amount + burned
    books.transaction.told[token, books.escrow, event.args["to"]] += amount
    books.transaction.told[token, books.escrow, ZERO] += burned
    _total(report, event, "tracked", till.tracked)


def _claimed(books: Books, event: Event, report: Report) -> None:
    device, provider, amount = event.args["device"], event.args["provider"], event.args["amount"]
    owner = books.device_owners[device]
    report.expect("rewards", f"provider of device {device}", provider, owner, where(event))
    books.claimed[device] += amount
    books.total_claimed += amount
    books.transaction.told[books.token, ZERO, books.staking] += amount
    books.transaction.claims[provider] += amount
    _total(report, event, "claimed", books.claimed[device])
    _total(report, event, "totalClaimed", books.total_claimed)


def _in_status(books: Books, event: Event, report: Report, need: JobStatus) -> Job:
    job = books.jobs[event.args["job"]]
    report.expect(
        "invariant 7", f"status of job {event.args['job']}", JobStatus(job.status), need, where(event)
    )
    return job


_WORK_FAULTS = {
    "MissProven": SlashReason.MISSED_SLOT,
    "BadItemProven": SlashReason.BAD_ITEM,
    "BadItemEnforced": SlashReason.BAD_ITEM_ATTESTED,
}

_JOB_FAULTS = {
    CloseReason.NOT_SUBMITTED: SlashReason.JOB_NOT_SUBMITTED,
    CloseReason.OUTCOME_MISSED: SlashReason.JOB_OUTCOME_MISSED,
    CloseReason.OUTCOME_BAD: SlashReason.JOB_OUTCOME_BAD,
}

_WORK_SHARES = {
    reason: ENFORCER_SHARE if reason == SlashReason.BAD_ITEM_ATTESTED else WORK_SHARE
    for reason in SlashReason
    if reason != SlashReason.NONE and reason not in _JOB_FAULTS.values()
}

_SETTLED_FROM = {
    CloseReason.APPROVED: JobStatus.SUBMITTED,
    CloseReason.OUTCOME_PASSED: JobStatus.SUBMITTED,
    CloseReason.VERDICT_FOR_PROVIDER: JobStatus.DISPUTED,
}

_REFUNDED_FROM = {
    CloseReason.NOT_ACCEPTED: JobStatus.FUNDED,
    CloseReason.NOT_SUBMITTED: JobStatus.ACCEPTED,
    CloseReason.OUTCOME_MISSED: JobStatus.SUBMITTED,
    CloseReason.OUTCOME_BAD: JobStatus.SUBMITTED,
    CloseReason.OUTCOME_WITHHELD: JobStatus.SUBMITTED,
    CloseReason.OUTCOME_SLOW: JobStatus.SUBMITTED,
    CloseReason.NOT_ATTESTED: JobStatus.SUBMITTED,
    CloseReason.VERDICT_FOR_REQUESTER: JobStatus.DISPUTED,
}

_REFUNDED_AFTER = {
    CloseReason.NOT_ACCEPTED: "accept_by",
    CloseReason.NOT_SUBMITTED: "submit_by",
    CloseReason.NOT_ATTESTED: "refund_at",
}

_ENTRIES: dict[tuple[str, str], Callable[[Books, Event, Report], None]] = {
    ("ProviderStaking", "StakeDeposited"): _deposited,
    ("ProviderStaking", "UnbondingStarted"): _unbonding,
    ("ProviderStaking", "StakeWithdrawn"): _withdrawn,
    ("ProviderStaking", "StakeLocked"): _locked,
    ("ProviderStaking", "StakeUnlocked"): _unlocked,
    ("ProviderStaking", "StakeDelegated"): _delegated,
    ("ProviderStaking", "DelegationUnbonding"): _undelegated,
    ("ProviderStaking", "DelegationWithdrawn"): _delegation_withdrawn,
    ("ProviderStaking", "StakeRebonded"): _rebonded,
    ("ProviderStaking", "RewardDistributed"): _distributed,
    ("ProviderStaking", "RewardReleased"): _released,
    ("ProviderStaking", "CommissionSet"): _commission_set,
    ("ProviderStaking", "StakeSlashed"): _slashed,
    ("ProviderStaking", "OperatorSet"): _operator_set,
    ("DeviceRegistry", "DeviceRegistered"): _registered,
    ("DeviceRegistry", "BondDebited"): _debited,
    ("DeviceRegistry", "DeviceDischarged"): _discharged,
    ("WorkDisputes", "FaultsCorrelated"): _faults_correlated,
    ("WorkDisputes", "MissProven"): _work_fault,
    ("WorkDisputes", "BadItemProven"): _work_fault,
    ("WorkDisputes", "BadItemEnforced"): _work_fault,
    ("WorkDisputes", "FaultProven"): _work_fault,
    ("Attestations", "OracleJoined"): _joined,
    ("Attestations", "BondWithdrawn"): _bond_withdrawn,
    ("Attestations", "OracleSlashed"): _oracle_slashed,
    ("AttestationDisputes", "EquivocationProven"): _equivocated,
    ("AttestationDisputes", "FraudProven"): _fraud_proven,
    ("JobEscrow", "TokenAllowed"): _token_allowed,
    ("JobEscrow", "FeeSet"): _fee_set,
    ("JobEscrow", "JobFunded"): _funded,
    ("JobEscrow", "JobAssigned"): _assigned,
    ("JobEscrow", "JobAccepted"): _accepted,
    ("JobEscrow", "JobSubmitted"): _submitted,
    ("JobEscrow", "JobPartsPaid"): _parts_paid,
    ("JobEscrow", "JobDisputed"): _disputed,
    ("JobEscrow", "DisputeResolved"): _resolved,
    ("JobEscrow", "JobSettled"): _settled,
    ("JobEscrow", "JobRefunded"): _refunded,
    ("JobEscrow", "PaymentDeferred"): _deferred,
    ("JobEscrow", "PaymentCollected"): _collected,
    ("JobEscrow", "FeesSwept"): _swept,
    ("Rewards", "RewardClaimed"): _claimed,
}
