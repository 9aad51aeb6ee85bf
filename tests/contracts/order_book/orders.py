"""What the tests of orders say again and again: an ask and a bid that fit, their signatures, and a match."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any, TypeVar

from eth_utils.crypto import keccak

from tensorbond.chain.jobs import job_hash, replay
from tensorbond.chain.orders import AnyOrder, signable
from tensorbond.chain.types import (
    Job,
    JobAsk,
    JobBid,
    JobOffer,
    LeafProof,
    LeaseAsk,
    LeaseBid,
    LeaseOffer,
    Order,
)
from tests.acts import TBND, TUSD, ZERO, ZERO_ADDRESS, domain
from tests.chain import Chain, Sent
from tests.system import role

PRICE = 100 * TUSD
COLLATERAL = 20 * TBND
SUBMIT, REVIEW, REFUND = 60, 10, 140
RATE, DEPOSIT = TUSD // 100, 10 * TUSD
SPEC = keccak(b"multiply these")

_Order = TypeVar("_Order", JobAsk, JobBid, LeaseAsk, LeaseBid)


def job_ask(chain: Chain, provider: str | None = None, **changes: Any) -> JobAsk:
    """One device of class 0 for at least 80 test dollars a job."""
    order = _order(chain, provider or role(chain, "provider"), price=80 * TUSD)
    ask = JobAsk(order, 0, 50 * TBND, SUBMIT, SUBMIT + REFUND, ZERO_ADDRESS, ZERO)
    return changed(ask, **changes)


def job_bid(chain: Chain, payer: str | None = None, **changes: Any) -> JobBid:
    """A job for at most 100 test dollars."""
    order = _order(chain, payer or role(chain, "requester"), price=PRICE)
    bid = JobBid(
        order=order,
        requester=ZERO_ADDRESS,
        whole=False,
        min_gops=1,
        min_weight=0,
        since_epoch=0,
        collateral=COLLATERAL,
        submit_blocks=SUBMIT,
        review_blocks=REVIEW,
        refund_blocks=REFUND,
        parts=1,
        callback=ZERO_ADDRESS,
        arbiter=ZERO_ADDRESS,
        spec=SPEC,
    )
    return changed(bid, **changes)


def lease_ask(chain: Chain, provider: str | None = None, **changes: Any) -> LeaseAsk:
    """One device of class 0 for at least a cent a second."""
    order = _order(chain, provider or role(chain, "provider"), price=RATE)
    return changed(LeaseAsk(order, 0, DEPOSIT, 60, 600, 100), **changes)


def lease_bid(chain: Chain, requester: str | None = None, **changes: Any) -> LeaseBid:
    """A lease for at most two cents a second."""
    order = _order(chain, requester or role(chain, "requester"), price=2 * RATE)
    return changed(LeaseBid(order, False, 1, 0, 0, DEPOSIT, 10 * DEPOSIT, 60, 600, 0), **changes)


def changed(order: _Order, **changes: Any) -> _Order:
    """With other values, be they the order's own or of what every order says."""
    common = {name: value for name, value in changes.items() if name in _COMMON}
    own = {name: value for name, value in changes.items() if name not in _COMMON}
    return replace(order, order=replace(order.order, **common), **own)


def sign(chain: Chain, order: AnyOrder, by: str | None = None) -> bytes:
    """By the order's account, unless another is named."""
    return signable(domain(chain, "OrderBook"), order).sign(chain.key(by or order.order.account))


def digest(chain: Chain, order: AnyOrder) -> bytes:
    return signable(domain(chain, "OrderBook"), order).digest


def offer(
    chain: Chain, ask: Any, *devices: int, by: str | None = None, signature: bytes | None = None
) -> Any:
    """The ask, signed, with these devices."""
    signed = sign(chain, ask, by) if signature is None else signature
    return (JobOffer if isinstance(ask, JobAsk) else LeaseOffer)(ask, signed, devices)


def match(
    chain: Chain,
    bid: JobBid | LeaseBid,
    *offers: JobOffer | LeaseOffer,
    leaves: Sequence[LeafProof] = (),
    by: str | None = None,
    signature: bytes | None = None,
    sender: str | None = None,
) -> Sent:
    """By a stranger, if nobody is named; the bid is signed by `by`, or else by its account."""
    signed = sign(chain, bid, by) if signature is None else signature
    verb = "matchJobs" if isinstance(bid, JobBid) else "matchLeases"
    args = bid, signed, list(offers), list(leaves)
    return chain.send("OrderBook", verb, *args, sender=sender or role(chain, "stranger"))


def job_of(chain: Chain, number: int) -> Job:
    """As its events tell it, which must be what the escrow has hashed."""
    events = [event for event in chain.events("JobEscrow") if event.args.get("job") == number]
    state = replay(events)
    assert state is not None
    assert job_hash(state) == chain.call("JobEscrow", "jobHash", number)
    return state


def books(chain: Chain) -> dict[str, int]:
    """Every number that a match may move."""
    found = {}
    for name in ("requester", "stranger"):
        found[name] = chain.balance("TestDollar", role(chain, name))
    for name in ("JobEscrow", "LeaseEscrow", "OrderBook"):
        found[name] = chain.balance("TestDollar", chain.address[name])
    for name in ("provider", "other_provider"):
        stake = chain.call("ProviderStaking", "stakeOf", role(chain, name))
        found[f"{name} locked"] = stake.locked
        found[f"{name} active"] = stake.active
    return found


@contextmanager
def moving(chain: Chain, **expected: int) -> Iterator[None]:
    """The block must move exactly these numbers of `books` by these amounts, and no other."""
    before = books(chain)
    yield
    after = books(chain)
    moved = {name: after[name] - before[name] for name in before if after[name] != before[name]}
    assert moved == {name.replace("_locked", " locked"): amount for name, amount in expected.items()}


def is_held(chain: Chain, device: int) -> bool:
    """Whether a job or a lease has it."""
    found: bool = chain.call("DeviceRegistry", "isHeld", device)
    return found


def is_spent(chain: Chain, order: AnyOrder) -> bool:
    word: int = chain.call("OrderBook", "spentOf", order.order.account, order.order.nonce >> 8)
    return bool(word >> (order.order.nonce & 255) & 1)


def _order(chain: Chain, account: str, price: int) -> Order:
    return Order(
        account=account,
        counterparty=ZERO_ADDRESS,
        token=chain.address["TestDollar"],
        price=price,
        class_id=0,
        count=1,
        expiry=chain.block_number + 100,
        series=0,
        nonce=0,
    )


_COMMON = {each.name for each in fields(Order)}
