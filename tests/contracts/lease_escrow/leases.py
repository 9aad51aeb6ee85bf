"""What the tests of a lease say again and again: how it is opened, when its money moves, and whose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from tensorbond.chain import digests, slots
from tensorbond.chain.types import Lease, LeaseDeposit, LeaseLedger, LeaseState, LeaseTerms
from tests.acts import TUSD, current_slot, domain, mine_to_slot, timing
from tests.chain import Chain, Sent
from tests.headers import headers_of
from tests.system import role

PROVIDER, REQUESTER, STRANGER, FEE_RECIPIENT = "provider", "requester", "stranger", "treasury"
PARTIES = (PROVIDER, REQUESTER, STRANGER, "auditor", FEE_RECIPIENT)
RATE = 10_000
"""Per second: a hundredth of a test dollar, of which the fee is a hundredth."""
GRACE = 100


@dataclass(frozen=True)
class OpenLease:
    """A lease's number and what was fixed when it was opened."""

    number: int
    lease: Lease
    sent: Sent

    @property
    def terms(self) -> LeaseTerms:
        return self.lease.terms


# Acting


def lease_terms(chain: Chain, **changes: Any) -> LeaseTerms:
    """A hundredth of a dollar a second, at most ten dollars in all, ended by either side at once."""
    terms = LeaseTerms(
        requester=role(chain, REQUESTER),
        provider=role(chain, PROVIDER),
        token=chain.address["TestDollar"],
        rate=RATE,
        cap=10 * TUSD,
        notice=0,
        grace=GRACE,
        voucher_blocks=0,
        accept_by=chain.block_number + 20,
    )
    return replace(terms, **changes)


def open_lease(chain: Chain, device: int, deposit: int = 2 * TUSD, **changes: Any) -> OpenLease:
    """Offered by the requester, with its deposit in escrow."""
    terms = lease_terms(chain, **changes)
    approve(chain, terms.requester, deposit, terms.token)
    sent = chain.send("LeaseEscrow", "open", terms, device, deposit, sender=terms.requester)
    return opened_by(sent)


def opened_by(sent: Sent) -> OpenLease:
    told = sent.event("LeaseOpened")
    return OpenLease(
        told["lease"], Lease(told["terms"], told["device"], told["feeBps"], told["exposure"]), sent
    )


def constructor_peers(chain: Chain) -> list[str]:
    """The first of the escrow's constructor arguments: who it calls and believes."""
    names = (
        "AccessManager",
        "TensorbondToken",
        "DeviceRegistry",
        "ProviderStaking",
        "Challenges",
        "OrderBook",
    )
    return [chain.address[name] for name in names]


def start_lease(chain: Chain, device: int, deposit: int = 2 * TUSD, **changes: Any) -> OpenLease:
    """Opened, and accepted by the provider: the clock runs."""
    lease = open_lease(chain, device, deposit, **changes)
    return replace(lease, sent=act(chain, lease, "accept", sender=PROVIDER))


def tab_of(chain: Chain, deposit: int = 2 * TUSD, **changes: Any) -> OpenLease:
    """A lease without a device, for vouchers only."""
    return open_lease(chain, 0, deposit, **{"rate": 0, "voucher_blocks": 50, **changes})


def act(
    chain: Chain, lease: OpenLease, verb: str, *args: Any, sender: str = STRANGER, **options: Any
) -> Sent:
    """By a role or an account; a stranger, if nobody is named."""
    account = sender if sender.startswith("0x") else role(chain, sender)
    return chain.send("LeaseEscrow", verb, lease.number, lease.lease, *args, sender=account, **options)


def top_up(chain: Chain, lease: OpenLease, amount: int, sender: str = REQUESTER) -> Sent:
    account = role(chain, sender)
    approve(chain, account, amount, lease.terms.token)
    return act(chain, lease, "topUp", amount, sender=sender)


def refund(chain: Chain, lease: OpenLease, funder: str, place: int = 0) -> Sent:
    """Of the deposit before which so much had been deposited, by a stranger."""
    return act(chain, lease, "refund", funder, place)


def approve(chain: Chain, account: str, amount: int, token: str) -> None:
    chain.send(token, "approve", chain.address["LeaseEscrow"], amount, sender=account)


def voucher(chain: Chain, lease: OpenLease, amount: int, signer: str | None = None) -> bytes:
    signable = digests.voucher(domain(chain, "LeaseEscrow"), lease.number, amount)
    return signable.sign(chain.key(signer or lease.terms.requester))


def redeem(chain: Chain, lease: OpenLease, amount: int, sender: str = STRANGER) -> Sent:
    return act(chain, lease, "redeem", amount, voucher(chain, lease, amount), sender=sender)


@contextmanager
def refused(chain: Chain, error: str, **args: Any) -> Iterator[None]:
    """As `chain.reverts`; and the block that it took is undone."""
    here = chain.snapshot()
    with chain.reverts(error, **args):
        yield
    chain.revert_to(here)


# Looking


def state_of(chain: Chain, lease: OpenLease) -> LeaseState:
    found: LeaseState = chain.call("LeaseEscrow", "stateOf", lease.number, lease.lease)[0]
    return found


def deposit_of(chain: Chain, lease: OpenLease, funder: str, place: int = 0) -> LeaseDeposit:
    """(amount, refunded)"""
    found: LeaseDeposit = chain.call("LeaseEscrow", "depositOf", lease.number, lease.lease, funder, place)
    return found


def ledger_of(chain: Chain, token: str = "TestDollar") -> LeaseLedger:
    """(tracked, fees, cap)"""
    found: LeaseLedger = chain.call("LeaseEscrow", "ledgerOf", chain.at(token))
    return found


def runway(chain: Chain, lease: OpenLease) -> tuple[int, int, int]:
    """(seconds left, active seconds, money left), as of the head."""
    found = chain.call("LeaseEscrow", "runway", lease.number, lease.lease)
    return int(found[0]), int(found[1]), int(found[2])


def at(chain: Chain, lease: OpenLease, seconds: int) -> None:
    """The next block is so many seconds after the start; not counting pauses."""
    chain.set_time(started_at(chain, lease) + seconds)


def started_at(chain: Chain, lease: OpenLease) -> int:
    """The origin, before any pause."""
    return int(lease.sent.event("LeaseStarted")["startedAt"])


@contextmanager
def still(chain: Chain) -> Iterator[None]:
    """Meanwhile the clock stands: each block has the second of the one before it, if no other is set."""
    chain.rpc.request("anvil_setBlockTimestampInterval", 0)
    try:
        yield
    finally:
        chain.rpc.request("anvil_removeBlockTimestampInterval")


def ripe_at(chain: Chain) -> int:
    """When money that is held back in the head's block may leave."""
    first = timing(chain)
    epoch = slots.epoch_of(first, slots.slot_at(first, chain.block_number))
    windows = first.attest_blocks + first.proof_blocks + slots.epoch_blocks(first)
    return slots.last_block(first, epoch) + windows


def mine_to_ripe(chain: Chain, lease: OpenLease) -> None:
    """Until the next block is the first in which what is held back may leave; a second a block."""
    chain.mine_to(max(state_of(chain, lease).ripe_at - 1, chain.block_number))


# Faults


def header_of(chain: Chain, block: int) -> bytes:
    """The block's header in RLP; its hash is the block's."""
    return headers_of(chain, [block])[0]


def start_block(chain: Chain, slot: int) -> int:
    return slots.start_of(timing(chain), slot)


def time_of(chain: Chain, slot: int) -> int:
    """Of its first block."""
    return int(chain.block(start_block(chain, slot))["timestamp"], 16)


def prove_fault(chain: Chain, device: int, slot: int) -> None:
    """As WorkDisputes does: the slot is sealed, the fault recorded, the device suspended."""
    disputes = chain.impersonate("WorkDisputes")
    if chain.call("Challenges", "beaconOf", slot) == bytes(32):
        chain.send("Challenges", "seal", slot, sender=role(chain, STRANGER))
    chain.send("Challenges", "recordMiss", device, slot, sender=disputes)
    epoch = slots.epoch_of(timing(chain), slot)
    chain.send("Challenges", "recordFault", device, slot, epoch, 1, sender=disputes)
    chain.send("DeviceRegistry", "suspend", device, slot, sender=disputes)


def halt(chain: Chain, lease: OpenLease, slot: int, resumed: int = 0, sender: str = STRANGER) -> Sent:
    """Show the slot's first block."""
    return act(chain, lease, "halt", header_of(chain, start_block(chain, slot)), resumed, sender=sender)


def next_slot(chain: Chain) -> int:
    """Mine to the first block of the slot that comes; returns it."""
    slot = current_slot(chain) + 1
    mine_to_slot(chain, slot)
    return slot


# Whose money moved


def books(chain: Chain, token: str = "TestDollar") -> dict[str, int]:
    """Every number that a lease may move."""
    found: dict[str, int] = {}
    for name, account in {party: role(chain, party) for party in PARTIES}.items():
        found[f"{name} paid"] = chain.balance(token, account)
        found[f"{name} owed"] = chain.call("LeaseEscrow", "owedOf", account, chain.at(token))
    found["escrow paid"] = chain.balance(token, chain.address["LeaseEscrow"])
    found["tracked"] = ledger_of(chain, token).tracked
    found["staked"] = chain.call("ProviderStaking", "totalStaked")
    found["locked"] = chain.call("ProviderStaking", "stakeOf", role(chain, PROVIDER)).locked
    return found


@contextmanager
def moving(chain: Chain, expected: Mapping[str, int], token: str = "TestDollar") -> Iterator[None]:
    """The block must move exactly these numbers of `books` by these amounts, and no other; what is tracked
    moves with the escrow's balance, unless another amount is named."""
    before = books(chain, token)
    yield
    after = books(chain, token)
    moved = {name: after[name] - before[name] for name in before if after[name] != before[name]}
    expected = {"tracked": expected.get("escrow paid", 0), **expected}
    assert moved == {name: amount for name, amount in expected.items() if amount}


def is_held(chain: Chain, device: int) -> bool:
    return bool(chain.call("DeviceRegistry", "isHeld", device))
