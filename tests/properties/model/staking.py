"""Stake: what it is worth, who holds it, and how it comes and goes."""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy
from dataclasses import dataclass, field, replace

from .books import ALL, ZERO_ADDRESS, Books, Deployed, Refused, require, share

MAX_COMMISSION = 3_000
OWN_SHARES = 10**18
VICTIM_SHARE = CHALLENGER_SHARE = 2_500


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
        paid = part * self.amount // self.shares if part else 0
        self.amount -= paid
        self.shares -= part
        return paid

    def go_on(self) -> int:
        """While a share is worth 2⁻³² wei or less, 2³² become one. Returns how many do, after all."""
        scale = 1
        while self.shares and self.amount << 32 <= self.shares:
            scale <<= 32
            self.shares >>= 32
            self.generation += 1
        return scale


@dataclass
class Request:
    shares: int
    matures_at: int


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
    # Shares of the active pool by delegator; the others are the owner's, but for what was rounded away.
    held: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    rounded: int = 0
    # Likewise of the unbonding pool, beside the delegators' requests.
    rounded_unbonding: int = 0
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
        return sum(self.held.values()) + self.rounded

    def delegated_unbonding(self, provider: str) -> int:
        """The delegators' shares of the unbonding pool."""
        queues = [queue for holder, queue in self.queues.items() if holder != provider]
        return sum(request.shares for queue in queues for request in queue.waiting) + self.rounded_unbonding

    def leaving(self, provider: str) -> int:
        """What they are worth, in shares of the active pool; rounded up."""
        pool, active, part = self.unbonding, self.active, self.delegated_unbonding(provider)
        amount = -(-part * pool.amount // pool.shares) if part else 0
        return -(-amount * active.shares // active.amount) if active.amount else amount

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


class Staking(Books):
    def __init__(self, deployed: Deployed) -> None:
        super().__init__(deployed)
        self.unbonding_blocks = deployed.unbonding_blocks
        # Of the staking contract, over TBND.
        self.allowance: dict[str, int] = defaultdict(int)
        self.positions: dict[str, Position] = {}
        self.total_staked = 0

    def position(self, provider: str) -> Position:
        return self.positions.setdefault(provider, Position())

    def operator_of(self, provider: str) -> str:
        operator = self.position(provider).operator
        return provider if operator == ZERO_ADDRESS else operator

    def stake(self, provider: str, amount: int) -> None:
        require(amount > 0, "AmountZero")
        self._pull_tbnd(provider, amount)
        position = self.position(provider)
        self._release(position)
        position.active.add(amount)
        position.settle()
        position.deposited += amount
        self.total_staked += amount

    def _pull_tbnd(self, account: str, amount: int) -> None:
        have = self.allowance[account]
        require(have >= amount, "ERC20InsufficientAllowance", self.at.staking, have, amount)
        self.move_tbnd(account, self.at.staking, amount)
        if have < 2**255:
            self.allowance[account] -= amount

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
        leaving = after.leaving(provider)
        shares = after.active.add(amount)
        require(shares > 0, "SharesZero", provider, amount)
        after.held[delegator] += shares
        self._require_own_share(provider, after, leaving, OWN_SHARES)
        self._pull_tbnd(delegator, amount)
        after.settle()
        after.deposited += amount
        self.total_staked += released + amount
        self.positions[provider] = after

    def undelegate(self, provider: str, delegator: str, amount: int) -> None:
        position = self.position(provider)
        worth = position.worth_of(delegator, self.block)
        amount = worth if amount == ALL else amount
        require(amount <= worth, "DelegationInsufficient", provider, delegator, worth, amount)
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
        require(after.free >= amount, "FreeStakeInsufficient", provider, after.free, amount)
        leaving = after.leaving(provider)
        after.active.take(amount)
        self._require_own_share(provider, after, leaving, 0)
        after.settle()
        self._ask(after, provider, amount)
        self.total_staked += released
        self.positions[provider] = after

    def _require_own_share(self, provider: str, position: Position, leaving: int, least: int) -> None:
        """The owner holds a quarter beside its delegators' shares and what they have unbonding."""
        others = position.delegated + leaving
        if others:
            own = max(0, position.active.shares - position.delegated)
            need = max(-(-others // 3), least)
            require(own >= need, "OwnShareTooSmall", provider, own, need)

    def _ask(self, position: Position, holder: str, amount: int) -> None:
        shares = position.unbonding.add(amount)
        matures_at = self.block + self.unbonding_blocks
        position.queues[holder].requests.append(Request(shares, matures_at))

    def rebond(self, provider: str, holder: str, amount: int) -> None:
        require(amount > 0, "AmountZero")
        after = deepcopy(self.position(provider))
        released = after.release(self.block)
        queue, pool = after.queues[holder], after.unbonding
        moved = looked_at = 0
        while moved < amount and queue.waiting and looked_at < 32:
            request = queue.requests[-1]
            looked_at += 1
            worth = request.shares * pool.amount // pool.shares if request.shares else 0
            if worth <= amount - moved:
                moved += pool.redeem(request.shares)
                queue.requests.pop()
            else:
                before = pool.shares
                pool.take(amount - moved)
                request.shares -= before - pool.shares
                moved = amount
        require(moved > 0, "NothingUnbonding", holder)
        require(moved == amount or amount == ALL, "UnbondingInsufficient", holder, moved, amount)
        leaving = after.leaving(provider)
        shares = after.active.add(moved)
        require(shares > 0, "SharesZero", provider, moved)
        if holder != provider:
            after.held[holder] += shares
            self._require_own_share(provider, after, leaving, OWN_SHARES)
        after.settle()
        self.total_staked += released
        self.positions[provider] = after

    def withdraw(self, provider: str, holder: str) -> int:
        position = self.position(provider)
        queue = position.queues[holder]
        waiting = queue.waiting
        require(bool(waiting), "NothingUnbonding", holder)
        first = waiting[0].matures_at
        require(self.block >= first, "NothingMatured", holder, self.block, first)
        paid = 0
        for request in waiting[:32]:
            if self.block < request.matures_at:
                break
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
            paid += pool.redeem(request.shares)
        return paid

    def set_commission(self, provider: str, bps: int) -> None:
        require(bps <= MAX_COMMISSION, "CommissionTooHigh", bps, MAX_COMMISSION)
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
            require(valid, "OperatorSignatureInvalid", operator, ...)
            position.nonce += 1
        position.operator = operator

    def _require_lockable(self, provider: str, amount: int) -> None:
        position = self.position(provider)
        free, short = position.free, position.active.amount < position.locked
        require(free >= amount and not short, "FreeStakeInsufficient", provider, free, amount)

    def _lock(self, provider: str, amount: int) -> None:
        self._require_lockable(provider, amount)
        self.position(provider).locked += amount

    def _unlock(self, provider: str, amount: int) -> None:
        position = self.position(provider)
        require(position.locked >= amount, "LockedInsufficient", provider, position.locked, amount)
        position.locked -= amount
        position.settle()

    def _slash(
        self, provider: str, amount: int, challenger: str, challenger_bps: int, victim: str, victim_bps: int
    ) -> int:
        accused = (provider, self.operator_of(provider), self.at.work_disputes, self.at.escrow)
        require(challenger not in accused, "ChallengerIsAccused", challenger)
        position = self.position(provider)
        require(amount <= position.locked, "LockedInsufficient", provider, position.locked, amount)
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
            delegated = position.delegated_unbonding(provider)
            unbonding.amount -= from_unbonding
            scale = unbonding.go_on()
            for queue in position.queues.values():
                for request in queue.requests:
                    request.shares //= scale
            position.rounded_unbonding = 0
            position.rounded_unbonding = delegated // scale - position.delegated_unbonding(provider)
        if from_pools and (delegated := position.delegated):
            scale = active.go_on()
            for delegator in position.held:
                position.held[delegator] //= scale
            position.rounded = delegated // scale - sum(position.held.values())
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
