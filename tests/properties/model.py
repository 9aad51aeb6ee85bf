"""What the contracts should do, in plain Python: a second writing of docs/protocol.md without their code.

Every verb is a method. It either changes the books and returns, or raises `Refused` with the error's name and
changes nothing. `block` is the number of the block that the verb is mined in, `timestamp` its time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import astuple, dataclass, field, replace
from functools import lru_cache
from hashlib import sha256

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tensorbond.chain.penalties import Failed, share_bps
from tensorbond.chain.types import (
    CloseReason,
    DeviceClass,
    Job,
    JobStatus,
    Leaf,
    Outcome,
    OutcomeKind,
    OutcomeResult,
    Statement,
    Terms,
    Timing,
)
from tests.leaves import Epoch

ZERO = bytes(32)
ZERO_ADDRESS = "0x" + "00" * 20
OPEN = 2**32 - 1
CAP = 1_000_000_000 * 10**18
EMISSION = 1_000 * 10**18

VICTIM_SHARE = CHALLENGER_SHARE = 2_500
MAX_JOB_BLOCKS = 2**22
TOKEN_CAP = 10**15
MAX_FEE = 500
MAX_COMMISSION = 3_000
GRAIN = 10**9
ALL = 2**256 - 1
ENFORCER_SHARE = 500
MISS_LIMIT, MISS_EPOCHS, FAULT_EPOCHS = 8, 8, 32

COMMITTED, FAULT_PAID, MISSED, ITEM_SHIFT = 1, 2, 4, 5
MEMORY_ITEMS = 96
ATTESTED, VOID, REVOKED = 1, 2, 4

_TERMS = (
    "(address,address,address,uint96,uint16,address,uint8,uint24,uint96,uint40,uint40,uint32,uint40,address,"
    "address,bytes32)"
)
_JOB = f"({_TERMS},uint16,address,uint32,uint32,uint8,uint16,uint40,uint40,bytes32)"


class Refused(Exception):
    """The contract must revert with this error."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


def require(holds: bool, error: str) -> None:
    if not holds:
        raise Refused(error)


def share(amount: int, bps: int) -> int:
    return amount * bps // 10_000


# Time


def start_of(t: Timing, slot: int) -> int:
    return t.from_block + (slot - t.from_slot) * t.slot_blocks


def slot_at(t: Timing, block: int) -> int:
    return t.from_slot + (block - t.from_block) // t.slot_blocks


def epoch_of(t: Timing, slot: int) -> int:
    return t.from_epoch + (slot - t.from_slot) // t.epoch_slots


def first_slot(t: Timing, epoch: int) -> int:
    return t.from_slot + (epoch - t.from_epoch) * t.epoch_slots


def last_block(t: Timing, epoch: int) -> int:
    return start_of(t, first_slot(t, epoch + 1)) - 1


# The books


@dataclass
class Pool:
    """Wei held in shares."""

    amount: int = 0
    shares: int = 0
    generation: int = 0

    def add(self, amount: int) -> int:
        minted = amount if self.shares == 0 else amount * self.shares // self.amount
        self.amount += amount
        self.shares += minted
        return minted

    def take(self, amount: int) -> None:
        """The owner moves this much out, for as many shares as it is worth, rounded up."""
        self.shares -= -(-amount * self.shares // self.amount)
        self.amount -= amount
        if self.amount == 0:
            self.shares = 0

    def redeem(self, part: int) -> int:
        """Pay out shares, rounded down."""
        paid = part * self.amount // self.shares
        self.amount -= paid
        self.shares -= part
        return paid

    @property
    def is_spent(self) -> bool:
        """A share is worth 2⁻³² wei or less."""
        return self.amount << 32 <= self.shares


@dataclass
class Request:
    shares: int
    matures_at: int
    generation: int


@dataclass
class Queue:
    requests: list[Request] = field(default_factory=list)
    first: int = 0

    @property
    def waiting(self) -> list[Request]:
        return self.requests[self.first :]


@dataclass
class Position:
    """One provider's stake, its delegators' included.
    deposited + released = active + unbonding + withdrawn + slashed."""

    active: Pool = field(default_factory=Pool)
    unbonding: Pool = field(default_factory=Pool)
    # Shares of the active pool by delegator; the others are the owner's.
    held: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    queues: dict[str, Queue] = field(default_factory=lambda: defaultdict(Queue))
    locked: int = 0
    short_since: int = 0
    # Rewards: `vesting` between two blocks, and `vested` before.
    vesting: int = 0
    vested: int = 0
    vested_at: int = 0
    vests_until: int = 0
    commission: int = 0
    rise: tuple[int, int] | None = None
    operator: str = ZERO_ADDRESS
    nonce: int = 0
    deposited: int = 0
    withdrawn: int = 0
    slashed: int = 0
    released: int = 0

    @property
    def free(self) -> int:
        return max(0, self.active.amount - self.locked)

    @property
    def delegated(self) -> int:
        return sum(self.held.values())

    def own_share_fits(self, least: int) -> bool:
        own, delegated = self.active.shares - self.delegated, self.delegated
        return not delegated or (own >= least and 4 * own >= self.active.shares)

    def vested_by(self, block: int) -> int:
        if block >= self.vests_until:
            return self.vesting
        return self.vesting * (block - self.vested_at) // (self.vests_until - self.vested_at)

    def commission_at(self, block: int) -> int:
        return self.rise[0] if self.rise and block >= self.rise[1] else self.commission

    def worth_of(self, delegator: str, block: int) -> int:
        """With what a release would bring."""
        position = replace(self, active=replace(self.active))
        position.release(block)
        held = self.held.get(delegator, 0)
        return held * position.active.amount // position.active.shares if held else 0

    def release(self, block: int) -> int:
        came = self.vested_by(block)
        amount, self.vested = self.vested + came, 0
        if amount:
            self.vesting -= came
            self.vested_at = block
            self.released += amount
            part = 0
            if self.delegated:
                part = share(amount, self.commission_at(block))
            self.active.amount += amount - part
            if part:
                self.active.add(part)
            self.settle()
        return amount

    def settle(self, block: int = 0) -> None:
        """Nobody delegates: one share a wei. Enough is active, or not since a delegator left in `block`."""
        if not self.delegated:
            self.active.shares = self.active.amount
        if self.active.amount >= self.locked:
            self.short_since = 0
        elif block:
            self.short_since = self.short_since or block


@dataclass
class DeviceBook:
    provider: str
    class_id: int
    gops: int
    from_epoch: int
    bond: int
    full_bond: int
    until_slot: int = OPEN
    held: bool = False
    forced_slot: int = 0
    # Faults
    faults: int = 0
    last_epoch: int = 0
    earliest: int = OPEN
    misses: int = 0
    miss_epoch: int = 0
    claimed: int = 0


@dataclass
class JobBook:
    state: Job
    left: int = 0
    reason: CloseReason = CloseReason.NONE

    @property
    def hash(self) -> bytes:
        return hash_of(self.state)


@lru_cache(maxsize=4096)
def hash_of(state: Job) -> bytes:
    return keccak(encode([_JOB], [astuple(state)]))


@dataclass
class TokenBook:
    tracked: int = 0
    fees: int = 0
    cap: int = TOKEN_CAP
    balances: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    owed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    blocked: set[str] = field(default_factory=set)

    def move(self, sender: str, to: str, amount: int) -> None:
        require(sender not in self.blocked and to not in self.blocked, "Blocked")
        require(self.balances[sender] >= amount, "ERC20InsufficientBalance")
        self.balances[sender] -= amount
        self.balances[to] += amount


@dataclass
class OracleBook:
    amount: int = 0
    left_epoch: int = 0
    exposed_until: int = 0
    seated: bool = False


@dataclass
class SetBook:
    members: list[str]
    threshold: int
    from_epoch: int
    config_digest: bytes
    excluded: set[int] = field(default_factory=set)

    @property
    def quorum(self) -> int:
        return max(self.threshold, -(-2 * len(self.members) // 3))


@dataclass
class RecordBook:
    """An epoch's attestation, standing or not, and the data behind it."""

    root: bytes
    flags: int
    provable_until: int
    total_weight: int = 0
    set_id: int = 0
    round: int = 0
    signers: tuple[int, ...] = ()
    data: Epoch | None = None
    # Cumulative reward by device under the standing root; a void epoch carries it over.
    earned: dict[int, int] = field(default_factory=dict)


@dataclass
class Addresses:
    staking: str
    registry: str
    challenges: str
    attestations: str
    work_disputes: str
    escrow: str
    governor: str
    fee_recipient: str


class Market:
    """The whole system."""

    def __init__(
        self,
        at: Addresses,
        timing: Timing,
        classes: Sequence[DeviceClass],
        *,
        unbonding_blocks: int,
        bond: int,
        fee_bps: int,
        chain_id: int,
    ) -> None:
        self.at = at
        self.unbonding_blocks, self.bond, self.chain_id = unbonding_blocks, bond, chain_id
        self.block = self.timestamp = 0
        self.hash_of: Callable[[int], bytes] = lambda _: ZERO

        self.tbnd: dict[str, int] = defaultdict(int)
        self.supply = 0
        self.allowance: dict[str, int] = defaultdict(int)
        self.positions: dict[str, Position] = {}
        self.total_staked = 0
        self.failed = Failed()

        self.timings = [timing]
        self.classes = list(classes)
        self.devices: dict[int, DeviceBook] = {}
        self.beacons: dict[int, bytes] = {}
        self.records: dict[tuple[int, int], tuple[bytes, int]] = {}

        self.oracles: dict[str, OracleBook] = defaultdict(OracleBook)
        self.total_bonded = 0
        self.sets: list[SetBook] = []
        self.epochs: dict[int, RecordBook] = {}
        self.next_epoch = self.reached = self.revived = 0
        self.total_claimed = 0

        self.tokens: dict[str, TokenBook] = {}
        self.jobs: dict[int, JobBook] = {}
        self.fee_bps = fee_bps

    # Time

    def timing_at(self, slot: int) -> Timing:
        return [t for t in self.timings if t.from_slot <= slot][-1]

    def timing_of(self, epoch: int) -> Timing:
        return [t for t in self.timings if t.from_epoch <= epoch][-1]

    @property
    def timing(self) -> Timing:
        return [t for t in self.timings if t is self.timings[0] or t.from_block <= self.block][-1]

    @property
    def slot(self) -> int:
        return slot_at(self.timing, self.block)

    @property
    def epoch(self) -> int:
        return epoch_of(self.timing, self.slot)

    def epoch_of_slot(self, slot: int) -> int:
        return epoch_of(self.timing_at(slot), slot)

    def last_block_of(self, epoch: int) -> int:
        return last_block(self.timing_of(epoch), epoch)

    def slot_start(self, slot: int) -> int:
        return start_of(self.timing_at(slot), slot)

    # TBND

    def move_tbnd(self, sender: str, to: str, amount: int) -> None:
        require(self.tbnd[sender] >= amount, "ERC20InsufficientBalance")
        self.tbnd[sender] -= amount
        self.tbnd[to] += amount

    # Staking

    def position(self, provider: str) -> Position:
        return self.positions.setdefault(provider, Position())

    def operator_of(self, provider: str) -> str:
        operator = self.position(provider).operator
        return provider if operator == ZERO_ADDRESS else operator

    def stake(self, provider: str, amount: int) -> None:
        require(amount > 0, "AmountZero")
        require(self.allowance[provider] >= amount, "ERC20InsufficientAllowance")
        self.move_tbnd(provider, self.at.staking, amount)
        if self.allowance[provider] < 2**255:
            self.allowance[provider] -= amount
        position = self.position(provider)
        self._release(position)
        position.active.add(amount)
        position.settle()
        position.deposited += amount
        self.total_staked += amount

    def stake_with_permit(self, provider: str, amount: int, valid: bool) -> None:
        before = self.allowance[provider]
        if valid:
            self.allowance[provider] = amount
        try:
            self.stake(provider, amount)
        except Refused:
            self.allowance[provider] = before
            raise

    def delegate(self, provider: str, delegator: str, amount: int) -> None:
        position = self.position(provider)
        require(amount > 0, "AmountZero")
        after = deepcopy(position)
        released = after.release(self.block)
        shares = after.active.add(amount)
        require(shares > 0, "SharesZero")
        after.held[delegator] += shares
        require(after.own_share_fits(10**18), "OwnShareTooSmall")
        require(self.allowance[delegator] >= amount, "ERC20InsufficientAllowance")
        self.move_tbnd(delegator, self.at.staking, amount)
        if self.allowance[delegator] < 2**255:
            self.allowance[delegator] -= amount
        after.settle()
        after.deposited += amount
        self.total_staked += released + amount
        self.positions[provider] = after

    def undelegate(self, provider: str, delegator: str, amount: int) -> None:
        position = self.position(provider)
        worth = position.worth_of(delegator, self.block)
        amount = worth if amount == ALL else amount
        require(amount <= worth, "DelegationInsufficient")
        require(amount > 0, "AmountZero")
        self._release(position)
        held = position.held[delegator]
        if amount == worth:
            position.active.redeem(held)
            del position.held[delegator]
        else:
            before = position.active.shares
            position.active.take(amount)
            position.held[delegator] -= before - position.active.shares
        position.settle(self.block)
        self._ask(position, delegator, amount)

    def unbond(self, provider: str, amount: int) -> None:
        position = self.position(provider)
        require(amount > 0, "AmountZero")
        after = deepcopy(position)
        released = after.release(self.block)
        require(after.free >= amount, "FreeStakeInsufficient")
        after.active.take(amount)
        require(after.own_share_fits(0), "OwnShareTooSmall")
        after.settle()
        self._ask(after, provider, amount)
        self.total_staked += released
        self.positions[provider] = after

    def _ask(self, position: Position, holder: str, amount: int) -> None:
        shares = position.unbonding.add(amount)
        matures_at = self.block + self.unbonding_blocks
        position.queues[holder].requests.append(Request(shares, matures_at, position.unbonding.generation))

    def rebond(self, provider: str, holder: str, amount: int) -> None:
        require(amount > 0, "AmountZero")
        after = deepcopy(self.position(provider))
        released = after.release(self.block)
        queue, pool = after.queues[holder], after.unbonding
        moved = looked_at = 0
        while moved < amount and queue.waiting and looked_at < 32:
            request = queue.requests[-1]
            if request.generation != pool.generation:
                break
            looked_at += 1
            worth = request.shares * pool.amount // pool.shares
            if worth <= amount - moved:
                moved += pool.redeem(request.shares)
                queue.requests.pop()
            else:
                before = pool.shares
                pool.take(amount - moved)
                request.shares -= before - pool.shares
                moved = amount
        require(moved > 0, "NothingUnbonding")
        require(moved == amount or amount == ALL, "UnbondingInsufficient")
        shares = after.active.add(moved)
        require(shares > 0, "SharesZero")
        if holder != provider:
            after.held[holder] += shares
            require(after.own_share_fits(10**18), "OwnShareTooSmall")
        after.settle()
        self.total_staked += released
        self.positions[provider] = after

    def withdraw(self, provider: str, holder: str) -> int:
        position = self.position(provider)
        queue = position.queues[holder]
        waiting = queue.waiting
        require(bool(waiting), "NothingUnbonding")
        require(self.block >= waiting[0].matures_at, "NothingMatured")
        paid = 0
        for request in waiting[:32]:
            if self.block < request.matures_at:
                break
            if request.generation == position.unbonding.generation:
                paid += position.unbonding.redeem(request.shares)
            queue.first += 1
        position.withdrawn += paid
        self.total_staked -= paid
        self.move_tbnd(self.at.staking, holder, paid)
        return paid

    def withdrawable(self, provider: str, holder: str, block: int) -> int:
        position = self.position(provider)
        pool, paid = replace(position.unbonding), 0
        for request in position.queues[holder].waiting:
            if block < request.matures_at:
                break
            if request.generation == pool.generation:
                paid += pool.redeem(request.shares)
        return paid

    def set_commission(self, provider: str, bps: int) -> None:
        require(bps <= MAX_COMMISSION, "CommissionTooHigh")
        position = self.position(provider)
        self._release(position)
        present = position.commission_at(self.block)
        position.commission, position.rise = min(bps, present), None
        if bps > present:
            position.rise = bps, self.block + self.unbonding_blocks

    def release(self, provider: str) -> None:
        self._release(self.position(provider))

    def _release(self, position: Position) -> None:
        self.total_staked += position.release(self.block)

    def _distribute(self, provider: str, amount: int) -> None:
        position, block = self.position(provider), self.block
        came = position.vested_by(block)
        left = position.vesting - came
        wait = left * max(0, position.vests_until - block) + amount * self.unbonding_blocks
        position.vested += came
        position.vesting = left + amount
        position.vested_at, position.vests_until = block, block + wait // (left + amount)
        self.tbnd[self.at.staking] += amount

    def set_operator(self, provider: str, operator: str, valid: bool) -> None:
        position = self.position(provider)
        if operator != ZERO_ADDRESS:
            require(valid, "OperatorSignatureInvalid")
            position.nonce += 1
        position.operator = operator

    def _require_lockable(self, provider: str, amount: int) -> None:
        position = self.position(provider)
        covered = position.active.amount >= position.locked
        require(amount == 0 or (covered and position.free >= amount), "FreeStakeInsufficient")

    def _lock(self, provider: str, amount: int) -> None:
        self._require_lockable(provider, amount)
        self.position(provider).locked += amount

    def _unlock(self, provider: str, amount: int) -> None:
        position = self.position(provider)
        require(position.locked >= amount, "LockedInsufficient")
        position.locked -= amount
        position.settle()

    def _slash(
        self, provider: str, amount: int, challenger: str, challenger_bps: int, victim: str, victim_bps: int
    ) -> int:
        accused = (provider, self.operator_of(provider), self.at.work_disputes, self.at.escrow)
        require(challenger not in accused, "ChallengerIsAccused")
        position = self.position(provider)
        require(amount <= position.locked, "LockedInsufficient")
        if amount == 0:
            return 0
        self._release(position)
        active, unbonding = position.active, position.unbonding
        from_vesting = min(amount, position.vesting)
        total = active.amount + unbonding.amount
        from_pools = min(amount - from_vesting, total)
        taken = from_vesting + from_pools
        if taken == 0:
            return 0

        position.vesting -= from_vesting
        from_unbonding = from_pools * unbonding.amount // total if total else 0
        active.amount -= from_pools - from_unbonding
        if from_unbonding:
            unbonding.amount -= from_unbonding
            if unbonding.is_spent:
                active.amount += unbonding.amount
                unbonding.amount = unbonding.shares = 0
                unbonding.generation += 1
        if from_pools and position.delegated and active.is_spent:
            position.held.clear()
            active.generation += 1
        position.locked -= taken
        position.settle()
        position.slashed += from_pools

        to_challenger = share(taken, challenger_bps) if challenger != ZERO_ADDRESS else 0
        to_victim = share(taken, victim_bps) if victim != ZERO_ADDRESS else 0
        self.total_staked -= from_pools
        self.tbnd[self.at.staking] -= taken
        self.tbnd[challenger] += to_challenger
        self.tbnd[victim] += to_victim
        self.supply -= taken - to_challenger - to_victim
        return taken

    # Devices

    def add_class(self, sender: str, terms: DeviceClass) -> None:
        require(sender == self.at.governor, "AccessManagedUnauthorized")
        require(terms.q > 0, "ClassTermsInvalid")
        self.classes.append(terms)

    def schedule(self, sender: str, timing: Timing) -> None:
        require(sender == self.at.governor, "AccessManagedUnauthorized")
        last = self.timings[-1]
        least = max(self.epoch + 1, last.from_epoch) + 1
        require(timing.from_epoch >= least, "TimingInvalid")
        exposed = timing.slot_blocks * timing.epoch_slots + timing.attest_blocks + 2 * timing.proof_blocks
        require(
            timing.attest_blocks >= 2 * timing.slot_blocks
            and timing.proof_blocks >= timing.slot_blocks
            and exposed <= self.unbonding_blocks,
            "TimingInvalid",
        )
        from_slot = first_slot(last, timing.from_epoch)
        self.timings.append(replace(timing, from_slot=from_slot, from_block=start_of(last, from_slot)))

    def register(self, provider: str, class_id: int, gops: int, count: int) -> None:
        require(class_id < len(self.classes), "ClassUnknown")
        terms = self.classes[class_id]
        require(terms.min_gops <= gops <= terms.peak_gops, "BondedGopsOutOfRange")
        require(1 <= count <= 64, "CountOutOfRange")
        bond = gops * terms.bond_per_gops
        self._lock(provider, bond * count)
        for _ in range(count):
            device = len(self.devices) + 1
            self.devices[device] = DeviceBook(provider, class_id, gops, self.epoch + 1, bond, bond)

    def retire(self, sender: str, device: int) -> None:
        require(device in self.devices, "DeviceUnknown")
        book = self.devices[device]
        require(sender == book.provider, "ProviderOnly")
        require(book.until_slot == OPEN, "DeviceRetiredAlready")
        until = self.epoch + 2
        book.until_slot = first_slot(self.timing_of(until), until)

    def is_active(self, device: int, slot: int) -> bool:
        book = self.devices[device]
        return slot < book.until_slot and book.from_epoch <= self.epoch_of_slot(slot)

    def suspend_uncovered(self, device: int) -> None:
        book = self.devices[device]
        position = self.position(book.provider)
        after = deepcopy(position)
        released = after.release(self.block)
        require(after.short_since > 0, "ProviderCovered")
        grace_until = after.short_since + self.timing.slot_blocks * self.timing.epoch_slots
        require(self.block > grace_until, "GraceRunning")
        require(book.until_slot > self.slot + 1, "DeviceRetiredAlready")
        book.until_slot = self.slot + 1
        self.total_staked += released
        self.positions[book.provider] = after

    # Challenges

    def seal(self, slot: int) -> None:
        require(slot not in self.beacons, "SlotSealedAlready")
        require(self.block > self.slot_start(slot), "SlotNotStarted")
        self.beacons[slot] = self.hash_of(self.slot_start(slot))

    def window_of(self, slot: int) -> tuple[int, int]:
        t = self.timing_at(slot)
        return start_of(t, slot) + 1, start_of(t, slot + 1) - 2

    def commit(self, sender: str, device: int, slot: int, commitment: bytes) -> None:
        require(commitment != ZERO, "CommitmentZero")
        first, last = self.window_of(slot)
        require(first <= self.block <= last, "WindowClosed")
        require(device in self.devices, "DeviceUnknown")
        require(self.is_active(device, slot), "DeviceNotActive")
        require(sender == self.operator_of(self.devices[device].provider), "OperatorOnly")
        require((device, slot) not in self.records, "CommittedAlready")
        if slot not in self.beacons:
            self.seal(slot)
        parts = encode(["bytes32", "uint256", "address"], [commitment, self.timestamp, sender])
        self.records[device, slot] = (keccak(parts), COMMITTED)

    def is_drawn(self, device: int, slot: int) -> bool:
        require(slot in self.beacons, "SlotNotSealed")
        require(device in self.devices, "DeviceUnknown")
        if not self.is_active(device, slot):
            return False
        beacon = self.beacons[slot]
        if sha256(b"GPOW1/roll" + beacon).digest()[0] < self.timing_at(slot).roll_call:
            return True
        lot = sha256(b"GPOW1/draw" + beacon + device.to_bytes(8, "little")).digest()[:4]
        return int.from_bytes(lot, "little") < self.classes[self.devices[device].class_id].draw_threshold

    # Disputes about work

    def prove_missed(self, sender: str, device: int, slot: int) -> int:
        require(self.is_drawn(device, slot), "NotDrawn")
        require(self.block > self.window_of(slot)[1], "WindowOpen")
        require((device, slot) not in self.records, "CommittedAlready")
        book = self.devices[device]
        accused = (book.provider, self.operator_of(book.provider))
        require(sender not in accused, "ChallengerIsAccused")

        self.records[device, slot] = (ZERO, MISSED)
        epoch = self.epoch_of_slot(slot)
        misses = 0
        if book.misses == 0 or epoch >= book.miss_epoch + MISS_EPOCHS:
            book.miss_epoch, book.misses = epoch, 0
        if epoch >= book.miss_epoch:
            book.misses += 1
            misses = book.misses
        if misses == MISS_LIMIT:
            return self._punish(sender, device, slot, CHALLENGER_SHARE)
        penalty = min(self.classes[book.class_id].miss_penalty, book.bond)
        return self._debit(sender, device, penalty, CHALLENGER_SHARE)

    def enforce(self, sender: str, epoch: int, leaf: Leaf, outcome: Outcome) -> int:
        require(outcome.result == OutcomeResult.BAD_ITEM, "OutcomeNotBadItem")
        self.require_final_outcome(epoch, leaf, outcome)
        record = self.records.get((leaf.device, outcome.slot))
        require(record is not None and bool(record[1] & COMMITTED), "RecordMissing")
        assert record is not None
        require(not record[1] & FAULT_PAID, "FaultedAlready")
        provider = self.devices[leaf.device].provider
        require(sender not in (provider, self.operator_of(provider)), "ChallengerIsAccused")
        items = (
            MEMORY_ITEMS
            if outcome.kind == OutcomeKind.DRAWN_M
            else self.classes[self.devices[leaf.device].class_id].q
        )
        mark = outcome.item + 1 if outcome.item < items else 0
        return self._punish(sender, leaf.device, outcome.slot, ENFORCER_SHARE, mark)

    def discharge(self, device: int) -> None:
        require(device in self.devices, "DeviceUnknown")
        book = self.devices[device]
        t = self.timing_at(book.until_slot - 1)
        epoch = epoch_of(t, book.until_slot - 1)
        require(self.settled_through(self.block) > epoch, "ProofStillPossible")
        provable = last_block(t, epoch) + t.attest_blocks + 2 * t.proof_blocks
        provable = max(provable, self.epochs[epoch].provable_until + t.proof_blocks)
        require(self.block > provable, "ProofStillPossible")
        require(book.bond > 0, "DeviceDischargedAlready")
        self._unlock(book.provider, book.bond)
        book.bond = 0

    def _punish(self, sender: str, device: int, slot: int, bps: int, mark: int = 0) -> int:
        book = self.devices[device]
        epoch = self.epoch_of_slot(slot)
        repeated = book.faults > 0 and abs(epoch - book.last_epoch) <= FAULT_EPOCHS
        penalty = book.bond
        if not repeated:
            self.failed, failed = self.failed.add(epoch, book.full_bond)
            part = share_bps(self.classes[book.class_id].fault_bps, failed, self.total_staked)
            penalty = min(penalty, share(book.full_bond, part))
        word, flags = self.records[device, slot]
        self.records[device, slot] = (word, flags | FAULT_PAID | mark << ITEM_SHIFT)
        book.faults += 1
        book.last_epoch = max(book.last_epoch, epoch)
        book.earliest = min(book.earliest, slot)
        book.until_slot = min(book.until_slot, self.slot + 1)
        return self._debit(sender, device, penalty, bps)

    def _debit(self, sender: str, device: int, penalty: int, bps: int) -> int:
        book = self.devices[device]
        taken = self._slash(book.provider, penalty, sender, bps, ZERO_ADDRESS, 0)
        book.bond -= taken
        return taken

    # Oracles

    @property
    def first_unsigned(self) -> int:
        return max(self.next_epoch, self.reached) + 1

    def join(self, oracle: str) -> None:
        book = self.oracles[oracle]
        require(book.amount == 0, "OracleBondedAlready")
        require(book.left_epoch == 0, "OracleSlashedBefore")
        self.move_tbnd(oracle, self.at.attestations, self.bond)
        book.amount = self.bond
        self.total_bonded += self.bond

    def leave(self, oracle: str) -> None:
        book = self.oracles[oracle]
        require(book.amount > 0, "OracleNotBonded")
        require(book.left_epoch == 0, "OracleLeftAlready")
        book.left_epoch = self.first_unsigned
        book.exposed_until = self.block + self.timing_of(self.next_epoch).proof_blocks
        self._exclude(oracle)

    def withdraw_bond(self, oracle: str) -> None:
        book = self.oracles[oracle]
        require(book.amount > 0, "OracleNotBonded")
        require(book.left_epoch > 0, "OracleNotLeft")
        if book.seated:
            require(self.settled_through(self.block) >= book.left_epoch, "BondStillExposed")
            require(self.block > book.exposed_until, "BondStillProvable")
        self.move_tbnd(self.at.attestations, oracle, book.amount)
        self.total_bonded -= book.amount
        self.oracles[oracle] = OracleBook()

    def seat(self, sender: str, members: Sequence[str], threshold: int, from_epoch: int) -> None:
        require(sender == self.at.governor, "AccessManagedUnauthorized")
        least = self.next_epoch
        if self.sets:
            require(self.sets[-1].from_epoch <= self.settled_through(self.block), "SetInvalid")
            least = self.first_unsigned
        require(least <= from_epoch <= least + 1_024, "SetInvalid")
        require(1 <= len(members) <= 64 and threshold <= len(members), "SetInvalid")
        numbers = [int(member, 16) for member in members]
        for index, member in enumerate(members):
            require(index == 0 or numbers[index] > numbers[index - 1], "SetInvalid")
            require(self.oracles[member].amount > 0, "OracleNotBonded")
            require(self.oracles[member].left_epoch == 0, "OracleLeftAlready")
        for member in members:
            self.oracles[member].seated = True
        config = encode(
            ["uint256", "address", "uint256", "uint256", "address[]"],
            [self.chain_id, self.at.attestations, len(self.sets) + 1, threshold, list(members)],
        )
        self.sets.append(SetBook(list(members), threshold, from_epoch, keccak(config)))

    def set_of(self, epoch: int) -> int:
        """Sets count from 1; 0: none."""
        return max(
            (number for number, each in enumerate(self.sets, 1) if each.from_epoch <= epoch), default=0
        )

    def _exclude(self, oracle: str) -> None:
        for each in self.sets[-2:]:
            if oracle in each.members:
                each.excluded.add(each.members.index(oracle))

    # Epochs

    def is_standing(self, epoch: int) -> bool:
        return epoch < self.next_epoch

    def before(self, epoch: int) -> RecordBook:
        return self.epochs[epoch - 1] if epoch else RecordBook(ZERO, VOID, 0)

    def deadline_of(self, epoch: int) -> int:
        return max(self.last_block_of(epoch), self.revived) + self.timing_of(epoch).attest_blocks

    def is_final(self, epoch: int, block: int) -> bool:
        if not self.is_standing(epoch):
            return False
        record = self.epochs[epoch]
        return bool(record.flags & ATTESTED) and block > record.provable_until

    def settled_through(self, block: int) -> int:
        for epoch in range(self.next_epoch):
            if block <= self.epochs[epoch].provable_until:
                return epoch
        return self.next_epoch

    def final_emission(self, block: int) -> int:
        settled = range(self.settled_through(block))
        return sum(EMISSION for epoch in settled if self.epochs[epoch].flags & ATTESTED)

    def attest(
        self, statement: Statement, data: Epoch, signers: Sequence[int], forged: bool, earned: dict[int, int]
    ) -> None:
        epoch = statement.epoch
        require(epoch == self.next_epoch, "EpochOutOfOrder")
        require(self.block > self.last_block_of(epoch), "EpochNotOver")
        require(self.block <= self.deadline_of(epoch), "DeadlinePassed")
        old = self.epochs.get(epoch)
        spent = old.round if old and old.flags & (ATTESTED | REVOKED) else -1
        require(statement.round > spent, "RoundSpent")
        require(statement.round < 256, "RoundTooLarge")
        before = self.before(epoch)
        require(statement.previous_root == before.root, "PreviousRootMismatch")
        require(statement.last_block_hash == self.hash_of(self.last_block_of(epoch)), "LastBlockMismatch")
        set_id = self.set_of(epoch)
        require(set_id > 0, "SetUnknown")
        oracle_set = self.sets[set_id - 1]
        require(statement.config_digest == oracle_set.config_digest, "ConfigDigestMismatch")
        require(all(index < len(oracle_set.members) for index in signers), "SignerUnknown")
        require(not oracle_set.excluded.intersection(signers), "SignerExcluded")
        require(len(set(signers)) >= oracle_set.quorum, "QuorumMissing")
        require(not forged, "SignatureInvalid")
        open_epochs = self.next_epoch + 1 - self.settled_through(self.block)
        require(open_epochs * EMISSION <= oracle_set.quorum * self.bond, "ExposureExceeded")

        until = max(self.block + self.timing_of(epoch).proof_blocks, before.provable_until)
        self.epochs[epoch] = RecordBook(
            statement.root,
            ATTESTED,
            until,
            statement.total_weight,
            set_id,
            statement.round,
            tuple(signers),
            data,
            earned,
        )
        self.next_epoch += 1

    def close(self, epoch: int) -> None:
        require(epoch == self.next_epoch, "EpochOutOfOrder")
        require(self.block > self.deadline_of(epoch), "DeadlineNotPassed")
        before, old = self.before(epoch), self.epochs.get(epoch)
        revoked = old is not None and bool(old.flags & (ATTESTED | REVOKED))
        self.epochs[epoch] = RecordBook(
            before.root,
            VOID | (REVOKED if revoked else 0),
            before.provable_until,
            round=old.round if revoked and old else 0,
            earned=before.earned,
        )
        self.next_epoch += 1

    def prove_equivocation(
        self, sender: str, first: Statement, second: Statement, set_id: int, index: int, forged: bool
    ) -> int:
        key = ("epoch", "round", "previous_root", "last_block_hash")
        require(all(getattr(first, k) == getattr(second, k) for k in key), "StatementsNotComparable")
        value = ("root", "total_weight", "data_digest")
        require(any(getattr(first, k) != getattr(second, k) for k in value), "StatementsEqual")
        in_force = self.set_of(first.epoch)
        require(in_force > 0, "SetUnknown")
        oracle_set = self.sets[in_force - 1]
        require(index < len(oracle_set.members), "SignerUnknown")
        require(set_id == in_force, "SetNotInForce")
        config = oracle_set.config_digest
        require(first.config_digest == second.config_digest == config, "ConfigDigestMismatch")
        oracle = oracle_set.members[index]
        require(sender != oracle, "ChallengerIsAccused")
        require(not forged, "SignerMismatch")
        book = self.oracles[oracle]
        record = self.epochs.get(first.epoch)
        rests = bool(
            record
            and self.is_standing(first.epoch)
            and self.block <= record.provable_until
            and index in record.signers
        )
        require(rests or book.amount > 0, "OracleNotBonded")

        amount = book.amount
        if amount and book.left_epoch == 0:
            book.left_epoch = self.first_unsigned
            self._exclude(oracle)
        book.amount = 0
        self.total_bonded -= amount
        reward = share(amount, CHALLENGER_SHARE)
        self.tbnd[self.at.attestations] -= amount
        self.tbnd[sender] += reward
        self.supply -= amount - reward

        if rests:
            self.reached = max(self.reached, self.next_epoch)
            self.next_epoch = first.epoch
            self.revived = self.block
        return amount

    def require_final_leaf(self, epoch: int, leaf: Leaf) -> None:
        require(self.is_final(epoch, self.block), "EpochNotFinal")
        data = self.epochs[epoch].data
        assert data is not None
        require(data.leaves.get(leaf.device) == leaf, "LeafNotUnderRoot")

    def require_final_outcome(self, epoch: int, leaf: Leaf, outcome: Outcome) -> None:
        self.require_final_leaf(epoch, leaf)
        data = self.epochs[epoch].data
        assert data is not None
        require(outcome in data.outcomes.get(leaf.device, ()), "OutcomeNotUnderLeaf")

    # Rewards

    def claim(self, epoch: int, leaf: Leaf) -> int:
        book = self.devices[leaf.device]
        amount = leaf.cumulative_reward // GRAIN * GRAIN - book.claimed
        require(amount > 0, "NothingToClaim")
        self.require_final_leaf(epoch, leaf)
        require(self.total_claimed + amount <= self.final_emission(self.block), "EmissionExceeded")
        book.claimed += amount
        self.total_claimed += amount
        self.supply += amount
        self._distribute(leaf.provider, amount)
        return amount

    # Jobs

    def allow_token(self, sender: str, token: str, cap: int) -> None:
        require(sender == self.at.governor, "AccessManagedUnauthorized")
        self.tokens[token].cap = cap

    def set_fee(self, sender: str, bps: int) -> None:
        require(sender == self.at.governor, "AccessManagedUnauthorized")
        require(bps <= MAX_FEE, "FeeTooHigh")
        self.fee_bps = bps

    def decision_blocks(self) -> int:
        t = self.timing
        return t.slot_blocks + t.slot_blocks * t.epoch_slots + t.attest_blocks + t.proof_blocks

    def fund(self, sender: str, terms: Terms) -> int:
        require(terms.payer == sender, "PayerOnly")
        book = self.tokens[terms.token]
        require(terms.price > 0, "PriceZero")
        require(self.block <= terms.accept_by <= terms.submit_by, "DeadlineInvalid")
        least = terms.submit_by + max(self.decision_blocks(), terms.review_blocks)
        require(terms.refund_at >= least, "DeadlineInvalid")
        require(terms.refund_at <= self.block + MAX_JOB_BLOCKS, "RefundTooLate")
        require(book.cap > 0, "TokenNotAllowed")
        require(book.tracked - book.fees + terms.price <= book.cap, "CapExceeded")
        book.move(sender, self.at.escrow, terms.price)
        book.tracked += terms.price
        number = len(self.jobs) + 1
        state = Job(terms, self.fee_bps)
        self.jobs[number] = JobBook(state)
        return number

    def accept(self, sender: str, number: int, state: Job, device: int) -> None:
        job = self._job(number, state, JobStatus.FUNDED)
        terms = job.state.terms
        require(self.block <= terms.accept_by, "DeadlinePassed")
        now = self.timing
        slot = slot_at(now, self.block + 2 * now.slot_blocks - 1)
        then = self.timing_at(slot)
        require(device in self.devices, "DeviceUnknown")
        book = self.devices[device]
        require(not book.held, "DeviceHeldAlready")
        require(self.is_active(device, slot), "DeviceNotActive")
        require(slot != book.forced_slot, "DeviceForcedAlready")
        require(book.class_id == terms.class_id and book.gops >= terms.min_gops, "DeviceUnfit")
        require(start_of(then, slot) <= terms.submit_by, "DeadlineInvalid")
        windows = max(t.attest_blocks + t.proof_blocks for t in (now, then))
        final = last_block(then, epoch_of(then, slot)) + windows + 1
        require(final <= terms.refund_at, "DeadlineInvalid")
        self._require_lockable(book.provider, terms.collateral)
        require(sender in (book.provider, self.operator_of(book.provider)), "OperatorOnly")
        require(terms.provider in (ZERO_ADDRESS, book.provider), "ProviderNotInvited")
        self._lock(book.provider, terms.collateral)
        book.held, book.forced_slot = True, slot
        job.state = replace(
            job.state, status=JobStatus.ACCEPTED, provider=book.provider, device=device, forced_slot=slot
        )

    def submit(self, sender: str, number: int, state: Job, result: bytes) -> None:
        job = self._job(number, state, JobStatus.ACCEPTED)
        provider = job.state.provider
        require(sender in (provider, self.operator_of(provider)), "OperatorOnly")
        require(self.block <= job.state.terms.submit_by, "DeadlinePassed")
        job.state = replace(job.state, status=JobStatus.SUBMITTED, submitted_at=self.block, result=result)

    def approve(self, sender: str, number: int, state: Job) -> None:
        job = self._job(number, state, JobStatus.SUBMITTED)
        require(sender == job.state.terms.requester, "RequesterOnly")
        self._settle(job, CloseReason.APPROVED)

    def settle(self, number: int, state: Job, epoch: int, leaf: Leaf, outcome: Outcome) -> None:
        job = self._job(number, state, JobStatus.SUBMITTED)
        require(self.block > job.state.submitted_at + job.state.terms.review_blocks, "DeadlineNotPassed")
        self._require_forced(number, job, epoch, leaf, outcome)
        require(outcome.result == OutcomeResult.PASSED, "OutcomeNotPassed")
        self._settle(job, CloseReason.OUTCOME_PASSED)

    def refund(self, number: int, state: Job) -> None:
        job = self._job(number, state, None)
        terms = job.state.terms
        if job.state.status == JobStatus.FUNDED:
            require(self.block > terms.accept_by, "DeadlineNotPassed")
            self._refund(job, CloseReason.NOT_ACCEPTED, slashed=False)
        elif job.state.status == JobStatus.ACCEPTED:
            require(self.block > terms.submit_by, "DeadlineNotPassed")
            self._refund(job, CloseReason.NOT_SUBMITTED, slashed=True)
        else:
            require(job.state.status == JobStatus.SUBMITTED, "JobStatusWrong")
            require(self.block > terms.refund_at, "DeadlineNotPassed")
            t = self.timing_at(job.state.forced_slot)
            if self.block <= terms.refund_at + t.proof_blocks:
                decided = self.is_final(epoch_of(t, job.state.forced_slot), self.block)
                require(not decided, "OutcomeDecides")
            self._refund(job, CloseReason.NOT_ATTESTED, slashed=False)

    def refund_by_outcome(self, number: int, state: Job, epoch: int, leaf: Leaf, outcome: Outcome) -> None:
        job = self._job(number, state, JobStatus.SUBMITTED)
        self._require_forced(number, job, epoch, leaf, outcome)
        require(outcome.result != OutcomeResult.PASSED, "OutcomePassed")
        reason, slashed = {
            OutcomeResult.MISSED: (CloseReason.OUTCOME_MISSED, True),
            OutcomeResult.BAD_ITEM: (CloseReason.OUTCOME_BAD, self._is_refutable(job.state.device, outcome)),
            OutcomeResult.SLOW: (CloseReason.OUTCOME_SLOW, False),
        }.get(OutcomeResult(outcome.result), (CloseReason.OUTCOME_WITHHELD, False))
        self._refund(job, reason, slashed=slashed)

    def _is_refutable(self, device: int, outcome: Outcome) -> bool:
        terms = self.classes[self.devices[device].class_id]
        return outcome.item >= terms.q or terms.k << terms.profile <= 8_192

    def collect(self, account: str, token: str) -> int:
        book = self.tokens[token]
        amount = book.owed[account]
        require(amount > 0, "NothingOwed")
        book.move(self.at.escrow, account, amount)
        book.owed[account] = 0
        book.tracked -= amount
        return amount

    def sweep(self, token: str) -> int:
        book = self.tokens[token]
        amount = book.fees
        require(amount > 0, "NothingOwed")
        book.move(self.at.escrow, self.at.fee_recipient, amount)
        book.fees = 0
        book.tracked -= amount
        return amount

    def _job(self, number: int, state: Job, need: JobStatus | None) -> JobBook:
        require(number in self.jobs and self.jobs[number].state == state, "JobStateMismatch")
        job = self.jobs[number]
        require(need is None or job.state.status == need, "JobStatusWrong")
        return job

    def _require_forced(self, number: int, job: JobBook, epoch: int, leaf: Leaf, outcome: Outcome) -> None:
        forced = (outcome.kind, outcome.job, outcome.slot, leaf.device)
        require(forced == (3, number, job.state.forced_slot, job.state.device), "OutcomeNotForced")
        self.require_final_outcome(epoch, leaf, outcome)

    def _settle(self, job: JobBook, reason: CloseReason) -> None:
        terms = job.state.terms
        fee = share(terms.price, job.state.fee_bps)
        book = self.tokens[terms.token]
        book.fees += fee
        self._unlock(job.state.provider, terms.collateral)
        self.devices[job.state.device].held = False
        self._pay(book, job.state.provider, terms.price - fee)
        self._end(job, JobStatus.SETTLED, reason)

    def _refund(self, job: JobBook, reason: CloseReason, *, slashed: bool) -> None:
        terms = job.state.terms
        if job.state.status != JobStatus.FUNDED:
            if slashed:
                self._slash(
                    job.state.provider, terms.collateral, ZERO_ADDRESS, 0, terms.requester, VICTIM_SHARE
                )
            else:
                self._unlock(job.state.provider, terms.collateral)
            self.devices[job.state.device].held = False
        self._pay(self.tokens[terms.token], terms.requester, terms.price)
        self._end(job, JobStatus.REFUNDED, reason)

    def _end(self, job: JobBook, status: JobStatus, reason: CloseReason) -> None:
        job.state = replace(job.state, status=status)
        job.left += job.state.terms.price
        job.reason = reason

    def _pay(self, book: TokenBook, account: str, amount: int) -> None:
        try:
            book.move(self.at.escrow, account, amount)
        except Refused:
            book.owed[account] += amount
        else:
            book.tracked -= amount
