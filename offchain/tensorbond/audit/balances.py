"""The replayed books against what the chain holds at one block, and docs/protocol.md's invariants on both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tensorbond.audit.books import CLOSED_JOB, ZERO, Books, Pool, Queue
from tensorbond.audit.findings import Report
from tensorbond.audit.history import History, Word
from tensorbond.audit.pinned import Call, Pinned, Unanswered
from tensorbond.chain.types import Job

CAP = 1_000_000_000 * 10**18

COMMITTED, FAULT_PAID, MISSED, BOND_TAKEN = 1, 2, 4, 8
ITEM_SHIFT = 5
"""Flags in the low byte of a commit record."""

_JOB_TYPE = (
    "((address,address,address,uint96,uint16,address,uint8,uint24,uint96,uint40,uint40,uint32,uint40,"
    "address,address,bytes32),uint16,address,uint32,uint32,uint8,uint16,uint40,uint40,bytes32)"
)

_AMOUNTS = frozenset(
    (
        "active",
        "unbonding",
        "locked",
        "shares",
        "delegated_shares",
        "unbonding_shares",
        "delegated_unbonding_shares",
        "vesting",
        "vested",
        "amount",
        "tracked",
        "fees",
    )
)
"""Fields that count as balances."""


@dataclass(frozen=True)
class Expected:
    """What a call must answer: a value, or fields of the struct that it returns."""

    check: str
    subject: str
    call: Call
    need: Any
    is_balance: bool = False

    def compare(self, answer: Any, report: Report) -> None:
        if isinstance(answer, Unanswered) or not isinstance(self.need, Mapping):
            report.balances_checked += self.is_balance
            report.expect(self.check, self.subject, answer, self.need)
            return
        for name, need in self.need.items():
            report.balances_checked += name in _AMOUNTS
            report.expect(self.check, f"{self.subject}: {name}", getattr(answer, name), need)


def check_state(pinned: Pinned, books: Books, history: History, report: Report) -> None:
    """Everything that the chain holds, compared with the books; a difference of one wei is a finding."""
    expected = list(expectations(books, history, pinned.block.number))
    answers = pinned.calls([each.call for each in expected], "balances")
    for each, answer in zip(expected, answers, strict=True):
        each.compare(answer, report)
    _check_holdings(pinned, books, report)
    check_invariants(books, history, pinned.block.number, report)


def expectations(books: Books, history: History, block: int) -> Iterator[Expected]:
    """What the chain must answer in `block`, by books and history."""
    yield from _token(books)
    yield from _staking(books, block)
    yield from _registry(books, history, block)
    yield from _challenges(history)
    yield from _oracles(books, history)
    yield from _epochs(history, block)
    yield from _escrow(books)
    yield Expected("invariant 14", "Σ claimed", ("Rewards", "totalClaimed"), books.total_claimed, True)
    for device, claimed in sorted(books.claimed.items()):
        yield Expected(
            "invariant 14", f"claimed by device {device}", ("Rewards", "claimedOf", device), claimed, True
        )


def check_invariants(books: Books, history: History, block: int, report: Report) -> None:
    """The numbered invariants that are equations between replayed totals."""
    report.expect("invariant 14", "Σ wallets = supply", sum(books.wallets.values()), books.supply)
    pools = sum(pool.active + pool.unbonding for pool in books.pools.values())
    report.expect("invariant 1", "staking's tracked total = Σ pools", books.staked, pools)
    owed = books.staked + sum(pool.vesting + pool.vested for pool in books.pools.values())
    report.expect_at_least("invariant 1", "staking's token balance", books.wallets[books.staking], owed)
    held = books.wallets[books.attestations]
    report.expect_at_least("invariant 9", "token balance of the oracles' bonds", held, books.bonded)
    locks = books.locks()
    for provider, pool in sorted(books.pools.items()):
        report.expect("invariant 5", f"locks of {provider} add up", pool.locked, locks[provider])
        if not pool.short_since:
            report.expect_at_least("invariant 5", f"active stake of {provider}", pool.active, pool.locked)
        kept = pool.paid_in + pool.released - pool.lost - pool.paid_out
        report.expect("invariant 3", f"stake of {provider}", pool.active + pool.unbonding, kept)
        waiting = pool.earned - pool.released - pool.lost_vesting
        subject = f"rewards of {provider} that wait"
        report.expect("invariant 3", subject, pool.vesting + pool.vested, waiting)
        delegated = sum(pool.shares_of(delegator) for delegator in list(pool.delegations))
        report.expect("invariant 3", f"shares delegated to {provider}", pool.delegated_shares, delegated)
    for token, money in sorted(books.open_money().items()):
        report.expect("invariant 2", f"tracked = Σ open money in {token}", books.tills[token].tracked, money)
    for number, job in sorted(books.jobs.items()):
        if job.status in CLOSED_JOB:
            report.expect("invariant 7", f"money of job {number}", sum(books.paid[number]), job.terms.price)
    report.expect_at_most("invariant 6", "supply", books.supply, CAP)
    report.expect("invariant 6", "minted after the genesis = Σ claimed", books.minted, books.total_claimed)
    most = history.final_emission(block)
    report.expect_at_most(
        "invariant 6", "Σ claimed, by the emission of final epochs", books.total_claimed, most
    )


def _check_holdings(pinned: Pinned, books: Books, report: Report) -> None:
    """The escrow's balance in each token; more than it owes is nobody's concern."""
    tokens = sorted(books.tills)
    held = pinned.calls([(token, "balanceOf", books.escrow) for token in tokens], "balances")
    for token, have in zip(tokens, held, strict=True):
        subject, tracked = f"escrow's balance in {token}", books.tills[token].tracked
        report.balances_checked += 1
        if isinstance(have, Unanswered):
            report.expect("invariant 2", subject, have, f"at least {tracked}")
        else:
            report.expect_at_least("invariant 2", subject, have, tracked)


def _token(books: Books) -> Iterator[Expected]:
    yield Expected("invariant 14", "total supply", ("TensorbondToken", "totalSupply"), books.supply, True)
    named = {books.staking: "invariant 1", books.escrow: "invariant 2"}
    for holder, held in sorted(books.wallets.items()):
        call = ("TensorbondToken", "balanceOf", holder)
        yield Expected(named.get(holder, "invariant 14"), f"token balance of {holder}", call, held, True)


def _staking(books: Books, block: int) -> Iterator[Expected]:
    call: Call = ("ProviderStaking", "totalStaked")
    yield Expected("invariant 1", "staking's tracked total", call, books.staked, True)
    for provider, pool in sorted(books.pools.items()):
        stake = {
            "active": pool.active,
            "locked": pool.locked,
            "generation": pool.generation,
            "delegated": pool.delegated_shares != 0,
            "rewarded": pool.vested_at != 0,
            "unbonding": pool.unbonding,
            "unbonding_generation": pool.unbonding_generation,
            "shares": pool.shares,
            "delegated_shares": pool.delegated_shares,
            "unbonding_shares": pool.unbonding_shares,
            "delegated_unbonding_shares": pool.delegated_unbonding_shares,
            "short_since": pool.short_since,
            "commission_bps": pool.commission,
            "next_commission_bps": pool.next_commission,
            "commission_from": pool.commission_from,
            "vesting": pool.vesting,
            "vested": pool.vested,
            "vested_at": pool.vested_at,
            "vests_until": pool.vests_until,
            **_ends(pool.queue),
        }
        yield Expected(
            "invariant 14", f"stake of {provider}", ("ProviderStaking", "stakeOf", provider), stake
        )
        call = ("ProviderStaking", "withdrawableOf", provider)
        withdrawable = pool.withdrawable(pool.queue, block)
        yield Expected("invariant 4", f"withdrawable by {provider}", call, withdrawable, True)
        for number, request in pool.queue.requests.items():
            call = ("ProviderStaking", "requestOf", provider, number)
            yield Expected("invariant 14", f"request {number} of {provider}", call, vars(request))
        for delegator in sorted(pool.delegations):
            yield from _delegation(pool, provider, delegator, block)
    for provider, operator in sorted(books.operators.items()):
        call = ("ProviderStaking", "operatorOf", provider)
        yield Expected("staking", f"operator of {provider}", call, provider if operator == ZERO else operator)


def _delegation(pool: Pool, provider: str, delegator: str, block: int) -> Iterator[Expected]:
    delegation, place = pool.delegations[delegator], f"{delegator} with {provider}"
    known = {
        "shares": pool.shares_of(delegator),
        "generation": pool.generation,
        **_ends(delegation.queue),
    }
    call: Call = ("ProviderStaking", "delegationOf", provider, delegator)
    yield Expected("invariant 14", f"delegation of {place}", call, known)
    call = ("ProviderStaking", "withdrawableDelegatedOf", provider, delegator)
    withdrawable = pool.withdrawable(delegation.queue, block)
    yield Expected("invariant 4", f"withdrawable by {place}", call, withdrawable, True)
    for number, request in delegation.queue.requests.items():
        call = ("ProviderStaking", "delegationRequestOf", provider, delegator, number)
        yield Expected("invariant 14", f"request {number} of {place}", call, vars(request))


def _ends(queue: Queue) -> dict[str, int]:
    return {"first_request": queue.first, "next_request": queue.requested, "lane_start": queue.start}


def _registry(books: Books, history: History, block: int) -> Iterator[Expected]:
    yield Expected("registry", "number of devices", ("DeviceRegistry", "deviceCount"), len(history.units))
    yield Expected("registry", "number of classes", ("DeviceRegistry", "classCount"), len(history.classes))
    yield Expected("schedule", "number of entries", ("DeviceRegistry", "timingCount"), len(history.timings))
    for device, unit in sorted(history.units.items()):
        known = {
            "provider": unit.provider,
            "from_epoch": unit.from_epoch,
            "until_slot": unit.until(block),
            "bonded_gops": unit.bonded_gops,
            "class_id": unit.class_id,
        }
        yield Expected("registry", f"device {device}", ("DeviceRegistry", "deviceOf", device), known)
        call: Call = ("DeviceRegistry", "isHeld", device)
        yield Expected("registry", f"device {device} is held", call, unit.held)
        bond = books.device_bonds[device]
        call = ("DeviceRegistry", "bondOf", device)
        yield Expected("invariant 14", f"bond of device {device}", call, bond, True)
    for number, terms in sorted(history.classes.items()):
        yield Expected("registry", f"class {number}", ("DeviceRegistry", "classOf", number), terms)
    for number, timing in enumerate(history.timings):
        yield Expected("schedule", f"entry {number}", ("DeviceRegistry", "timingEntry", number), timing)


def _challenges(history: History) -> Iterator[Expected]:
    for slot, beacon in sorted(history.beacons.items()):
        yield Expected("beacon", f"slot {slot}", ("Challenges", "beaconOf", slot), beacon)
    for place in sorted(history.records.keys() | history.missed.keys()):
        call: Call = ("Challenges", "recordOf", *place)
        yield Expected("record", f"device {place[0]} slot {place[1]}", call, _record_word(history, place))
    for device, unit in sorted(history.units.items()):
        faults = unit.faults
        known = {
            "earliest_slot": min(faults.slots, default=0),
            "faulted": bool(faults.slots),
            "count": len(faults.slots),
            "last_epoch": faults.last_epoch,
            "misses": faults.misses,
            "miss_epoch": faults.miss_epoch,
        }
        yield Expected("record", f"faults of device {device}", ("Challenges", "faultsOf", device), known)


def _record_word(history: History, place: tuple[int, int]) -> bytes:
    """240 bits of hash over 16 of marks: the first item proven bad, and flags. A sentinel has marks only."""
    record = history.records.get(place)
    marks = history.marks.get(place, [])
    low = (FAULT_PAID if place in history.faulted else 0) | (BOND_TAKEN if len(marks) == 2 else 0)
    low |= (marks[0] << ITEM_SHIFT) if marks else 0
    if record is None:
        return (MISSED | low).to_bytes(32, "big")
    parts = (record.commitment, record.timestamp, record.key)
    digest = keccak(encode(["bytes32", "uint256", "address"], parts))
    return digest[:30] + (COMMITTED | low).to_bytes(2, "big")


def _oracles(books: Books, history: History) -> Iterator[Expected]:
    yield Expected(
        "invariant 14", "tracked bonds of oracles", ("Attestations", "totalBonded"), books.bonded, True
    )
    for oracle, bond in sorted(history.bonds.items()):
        known = {
            "amount": books.oracle_bonds[oracle],
            "left_epoch": bond.left_epoch,
            "exposed_until": bond.exposed_until,
            "seated": bond.seated,
        }
        yield Expected("invariant 14", f"bond of oracle {oracle}", ("Attestations", "bondOf", oracle), known)
    yield Expected("invariant 11", "number of oracle sets", ("Attestations", "setCount"), len(history.sets))
    for number, oracles in sorted(history.sets.items()):
        known = {
            "threshold": oracles.threshold,
            "size": len(oracles.members),
            "from_epoch": oracles.from_epoch,
            "excluded": oracles.excluded,
        }
        subject = f"oracle set {number}"
        yield Expected("invariant 11", subject, ("Attestations", "oracleSet", number), known)
        for name, need in (
            ("membersOf", oracles.members),
            ("quorumOf", oracles.quorum),
            ("configDigestOf", oracles.config),
        ):
            yield Expected("invariant 11", f"{subject}: {name}", ("Attestations", name, number), need)


def _epochs(history: History, block: int) -> Iterator[Expected]:
    for name, need in (
        ("nextEpoch", history.next_epoch),
        ("deadline", history.deadline),
        ("standingRoot", history.standing_root),
        ("settledThrough", history.settled_through(block)),
    ):
        yield Expected("invariant 11", name, ("Attestations", name), need)
    emitted = history.final_emission(block)
    call: Call = ("Attestations", "finalEmission")
    yield Expected("invariant 6", "Σ emission of final epochs", call, emitted, True)
    for epoch, word in sorted(history.words.items()):
        stands = word if epoch < history.next_epoch else word.spent
        yield _Attestation("invariant 11", f"epoch {epoch}", ("Attestations", "attestedOf", epoch), stands)


@dataclass(frozen=True)
class _Attestation(Expected):
    """An epoch's root and word, which are answered as two values."""

    def compare(self, answer: Any, report: Report) -> None:
        if not isinstance(answer, Unanswered):
            root, stored = answer
            answer = Word(root=root, **vars(stored))
        report.expect(self.check, self.subject, answer, self.need)


def _escrow(books: Books) -> Iterator[Expected]:
    yield Expected("escrow", "number of jobs", ("JobEscrow", "jobCount"), len(books.jobs))
    yield Expected("escrow", "fee in bps", ("JobEscrow", "feeBps"), books.fee_bps)
    for token, till in sorted(books.tills.items()):
        known = {"tracked": till.tracked, "fees": till.fees, "cap": till.cap}
        yield Expected("invariant 2", f"ledger of {token}", ("JobEscrow", "ledgerOf", token), known)
        for account, owed in sorted(till.owed.items()):
            call: Call = ("JobEscrow", "owedOf", account, token)
            yield Expected("invariant 14", f"owed to {account} in {token}", call, owed, True)
    for number, job in sorted(books.jobs.items()):
        yield Expected(
            "invariant 7", f"state of job {number}", ("JobEscrow", "jobHash", number), job_hash(job)
        )


def job_hash(job: Job) -> bytes:
    """The word that the escrow keeps for a job."""
    terms, *rest = vars(job).values()
    return keccak(encode([_JOB_TYPE], [(tuple(vars(terms).values()), *rest)]))
