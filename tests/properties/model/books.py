"""What every part of the model stands on: how it refuses, the time, the tokens, and who is where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tensorbond.chain.types import DeviceClass, Timing

ZERO = bytes(32)
ZERO_ADDRESS = "0x" + "00" * 20
OPEN = 2**32 - 1
ALL = FOREVER = 2**256 - 1


class Refused(Exception):
    """The contract must revert with this error and these arguments, in its order. A text is a field's tag."""

    def __init__(self, error: str, *args: Any) -> None:
        super().__init__(error, *args)
        self.error, self.given = error, args


def require(holds: bool, error: str, *args: Any) -> None:
    if not holds:
        raise Refused(error, *args)


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


def epoch_blocks(t: Timing) -> int:
    return t.slot_blocks * t.epoch_slots


# Money


@dataclass
class Token:
    """A payment token, whose issuer may block accounts. Whoever deposits has allowed all."""

    balances: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    blocked: set[str] = field(default_factory=set)

    def move(self, sender: str, to: str, amount: int) -> None:
        self.require_movable(sender, to, amount)
        self.balances[sender] -= amount
        self.balances[to] += amount

    def require_movable(self, sender: str, to: str, amount: int) -> None:
        require(sender not in self.blocked, "Blocked", sender)
        require(to not in self.blocked, "Blocked", to)
        balance = self.balances[sender]
        require(balance >= amount, "ERC20InsufficientBalance", sender, balance, amount)


@dataclass(frozen=True)
class Addresses:
    staking: str
    registry: str
    challenges: str
    attestations: str
    work_disputes: str
    escrow: str
    lease_escrow: str
    order_book: str
    auction: str
    arbiter: str
    governor: str
    fee_recipient: str
    tbnd: str


@dataclass(frozen=True)
class Deployed:
    """With what the system was deployed."""

    at: Addresses
    timing: Timing
    classes: Sequence[DeviceClass]
    unbonding_blocks: int
    bond: int
    fee_bps: int
    # Of swept fees in TBND.
    burn_bps: int
    verdict_blocks: int
    chain_id: int


class Books:
    """The time, and who holds how much of which token."""

    def __init__(self, deployed: Deployed) -> None:
        self.at, self.chain_id = deployed.at, deployed.chain_id
        self.burn_bps = deployed.burn_bps
        self.block = self.timestamp = 0
        self.hash_of: Callable[[int], bytes] = lambda _: ZERO
        self.timings = [deployed.timing]

        self.tbnd: dict[str, int] = defaultdict(int)
        self.supply = 0
        # Of jobs and leases; TBND is one of them, and its balances are those above.
        self.tokens = {self.at.tbnd: Token(self.tbnd)}

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

    @property
    def coming_slot(self) -> int:
        """The first that begins in this block or later."""
        return slot_at(self.timing, self.block + self.timing.slot_blocks - 1)

    def epoch_of_slot(self, slot: int) -> int:
        return epoch_of(self.timing_at(slot), slot)

    def last_block_of(self, epoch: int) -> int:
        return last_block(self.timing_of(epoch), epoch)

    def slot_start(self, slot: int) -> int:
        return start_of(self.timing_at(slot), slot)

    def move_tbnd(self, sender: str, to: str, amount: int) -> None:
        balance = self.tbnd[sender]
        require(balance >= amount, "ERC20InsufficientBalance", sender, balance, amount)
        self.tbnd[sender] -= amount
        self.tbnd[to] += amount

    def burn_swept(self, token: str, escrow: str, fees: int) -> int:
        """A share of fees in TBND is burned. What is left to pay."""
        if token != self.at.tbnd:
            return fees
        burned = share(fees, self.burn_bps)
        self.tbnd[escrow] -= burned
        self.supply -= burned
        return fees - burned

    def require_governor(self, sender: str) -> None:
        require(sender == self.at.governor, "AccessManagedUnauthorized", sender)
