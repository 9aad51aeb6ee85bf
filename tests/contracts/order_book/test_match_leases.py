"""A signed bid and signed asks become leases that run, in one transaction of anybody's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tensorbond.chain.orders import unfit
from tensorbond.chain.types import LeafProof, LeaseAsk, LeaseBid, LeaseStatus
from tests.acts import attest, mine_to_final
from tests.chain import Chain, Sent
from tests.contracts.lease_escrow.leases import OpenLease, opened_by, state_of
from tests.contracts.permits import TokenPermit, sign_permit
from tests.leaves import make_leaf
from tests.system import role

from .conftest import Devices
from .orders import (
    DEPOSIT,
    RATE,
    changed,
    digest,
    is_held,
    is_spent,
    job_ask,
    job_bid,
    lease_ask,
    lease_bid,
    match,
    moving,
    offer,
    sign,
)


def leases_of(sent: Sent) -> list[OpenLease]:
    """In the order of the devices; every one of which has a match."""
    opened = [
        opened_by(replace(sent, events=[event])) for event in sent.events if event.name == "LeaseOpened"
    ]
    assert [each.number for each in opened] == [told["lease"] for told in sent.all("LeaseMatched")]
    return opened


def test_match__an_ask_and_a_bid__is_a_lease_that_runs(
    chain: Chain, device: int, requester: str, provider: str
) -> None:
    ask, bid = lease_ask(chain), lease_bid(chain)
    assert unfit(ask, bid) is None
    with moving(chain, requester=-DEPOSIT, LeaseEscrow=DEPOSIT):
        sent = match(chain, bid, offer(chain, ask, device))
    (lease,) = leases_of(sent)
    assert sent.event("LeaseMatched") == {
        "bid": digest(chain, bid),
        "ask": digest(chain, ask),
        "lease": lease.number,
    }
    terms = lease.terms
    assert (terms.requester, terms.provider, lease.lease.device) == (requester, provider, device)
    assert (terms.token, terms.rate, terms.cap) == (bid.order.token, RATE, bid.cap)
    assert (terms.notice, terms.grace, terms.voucher_blocks) == (bid.notice, bid.grace, 0)
    assert terms.accept_by == sent.block
    assert sent.event("LeaseStarted")["device"] == device
    state = state_of(chain, lease)
    assert (state.status, state.funds) == (LeaseStatus.ACTIVE, DEPOSIT)
    assert state.origin == chain.timestamp
    assert is_held(chain, device)
    assert is_spent(chain, ask)
    assert is_spent(chain, bid)
    assert [chain.call("OrderBook", "filledOf", digest(chain, each)) for each in (ask, bid)] == [0, 0]


def test_match__rates_that_cross__costs_what_was_asked(chain: Chain, device: int) -> None:
    ask, bid = lease_ask(chain, price=RATE // 2), lease_bid(chain, voucher_blocks=50)
    (lease,) = leases_of(match(chain, bid, offer(chain, ask, device)))
    assert (lease.terms.rate, lease.terms.voucher_blocks) == (RATE // 2, 50)


def test_match__several_asks_and_a_whole_bid__is_a_cluster_of_two_providers(
    chain: Chain, devices: Devices, provider: str, other_provider: str
) -> None:
    bid = lease_bid(chain, count=4, whole=True)
    ours = offer(chain, lease_ask(chain, count=2), *devices.ours[:2], by=role(chain, "operator"))
    dearer = lease_ask(chain, other_provider, count=3, price=RATE + 1)
    with moving(chain, requester=-4 * DEPOSIT, LeaseEscrow=4 * DEPOSIT):
        sent = match(chain, bid, ours, offer(chain, dearer, *devices.others))
    leases = leases_of(sent)
    assert [each.lease.device for each in leases] == [*devices.ours[:2], *devices.others]
    assert [each.terms.provider for each in leases] == [provider] * 2 + [other_provider] * 2
    assert [each.terms.rate for each in leases] == [RATE, RATE, RATE + 1, RATE + 1]
    assert {told["bid"] for told in sent.all("LeaseMatched")} == {digest(chain, bid)}
    assert is_spent(chain, bid)
    assert not is_spent(chain, dearer)
    assert chain.call("OrderBook", "filledOf", digest(chain, dearer)) == 2


def test_match__part_after_part__fills_both_up_to_their_counts(chain: Chain, devices: Devices) -> None:
    bid, ask = lease_bid(chain, count=3), lease_ask(chain, count=4)
    for device in devices.ours[:2]:
        match(chain, bid, offer(chain, ask, device))
        assert not is_spent(chain, bid)
        assert not is_spent(chain, ask)
    assert [chain.call("OrderBook", "filledOf", digest(chain, each)) for each in (ask, bid)] == [2, 2]
    match(chain, bid, offer(chain, ask, devices.ours[2]))
    assert is_spent(chain, bid)
    assert not is_spent(chain, ask)
    with moving(chain), chain.reverts("OrderSpent", account=bid.order.account, series=0, nonce=0):
        match(chain, bid, offer(chain, lease_ask(chain, role(chain, "other_provider")), devices.others[0]))


def test_match__ones_own_order__needs_no_signature(
    chain: Chain, devices: Devices, requester: str, operator: str
) -> None:
    bids = [lease_bid(chain, nonce=nonce) for nonce in range(2)]
    asks = [lease_ask(chain, nonce=nonce) for nonce in range(2)]
    match(chain, bids[0], offer(chain, asks[0], devices.ours[0]), signature=b"", sender=requester)
    match(chain, bids[1], offer(chain, asks[1], devices.ours[1], signature=b""), sender=operator)
    assert all(is_spent(chain, order) for order in (*bids, *asks))


# What is refused: all of it, with nothing moved


def test_match__the_same_device_twice__reverts(chain: Chain, device: int) -> None:
    bid, ask = lease_bid(chain, count=2), lease_ask(chain, count=2)
    with moving(chain), chain.reverts("DeviceHeldAlready", device=device):
        match(chain, bid, offer(chain, ask, device, device))


UNFIT = [
    ({"token": "TensorbondToken"}, {}, "token"),
    ({"class_id": 1}, {}, "classId"),
    ({"price": 2 * RATE + 1}, {}, "price"),
    ({"notice": 61}, {}, "notice"),
    ({"notice": 59}, {}, "notice"),
    ({"deposit": DEPOSIT + 1}, {}, "deposit"),
    ({"grace": 599}, {}, "grace"),
    ({}, {"voucher_blocks": 101}, "voucherBlocks"),
]


@pytest.mark.parametrize(("asked", "bidden", "field"), UNFIT)
def test_match__an_ask_that_does_not_fit__reverts(
    chain: Chain, device: int, asked: dict[str, Any], bidden: dict[str, Any], field: str
) -> None:
    asked = {name: chain.address.get(str(value), value) for name, value in asked.items()}
    ask, bid = lease_ask(chain, **asked), lease_bid(chain, **bidden)
    have, need = said(ask, field), said(bid, field)
    assert unfit(ask, bid) == field
    with moving(chain), chain.reverts("OrdersUnfit", field=field, ask=have, bid=need):
        match(chain, bid, offer(chain, ask, device))


def said(order: LeaseAsk | LeaseBid, field: str) -> int:
    name = {"classId": "class_id", "voucherBlocks": "voucher_blocks"}.get(field, field)
    value = getattr(order, name) if hasattr(order, name) else getattr(order.order, name)
    return int(value, 16) if isinstance(value, str) else int(value)


def test_match__counterparties_that_are_not_each_other__revert(
    chain: Chain, device: int, requester: str, provider: str, stranger: str
) -> None:
    ask, bid = lease_ask(chain, counterparty=stranger), lease_bid(chain, counterparty=stranger)
    with moving(chain), chain.reverts("CounterpartyWrong", account=provider, have=requester, need=stranger):
        match(chain, lease_bid(chain), offer(chain, ask, device))
    with moving(chain), chain.reverts("CounterpartyWrong", account=requester, have=provider, need=stranger):
        match(chain, bid, offer(chain, lease_ask(chain), device))
    with moving(chain), chain.reverts("SelfMatch", account=provider):
        match(chain, lease_bid(chain, provider), offer(chain, lease_ask(chain), device))


def test_match__orders_used_up__revert(chain: Chain, devices: Devices, provider: str) -> None:
    first, second, third = devices.ours
    for bid, ask, over in (
        (lease_bid(chain, count=3), lease_ask(chain, count=2), "ask"),
        (lease_bid(chain, count=2), lease_ask(chain, count=3), "bid"),
    ):
        order = digest(chain, ask if over == "ask" else bid)
        with moving(chain), chain.reverts("OrderOverfilled", order=order, have=3, most=2):
            match(chain, bid, offer(chain, ask, first, second, third))
    ask = lease_ask(chain)
    match(chain, lease_bid(chain), offer(chain, ask, first))
    with moving(chain), chain.reverts("OrderSpent", account=provider, series=0, nonce=0):
        match(chain, lease_bid(chain, nonce=1), offer(chain, ask, second))


def test_match__a_job_under_the_nonce_of_a_lease__reverts(
    chain: Chain, devices: Devices, requester: str
) -> None:
    """A nonce is one order's, whichever kind it is."""
    match(chain, lease_bid(chain), offer(chain, lease_ask(chain), devices.ours[0]))
    with moving(chain), chain.reverts("OrderSpent", account=requester, series=0, nonce=0):
        match(chain, job_bid(chain), offer(chain, job_ask(chain, nonce=1), devices.ours[1]))


def test_match__orders_out_of_time_or_series__revert(
    chain: Chain, device: int, requester: str, provider: str
) -> None:
    late = chain.block_number + 1_000
    bid, ask = lease_bid(chain), lease_ask(chain)
    with chain.reverts("SeriesWrong", account=requester, have=1, need=0):
        match(chain, lease_bid(chain, series=1), offer(chain, ask, device))
    with chain.reverts("SeriesWrong", account=provider, have=1, need=0):
        match(chain, bid, offer(chain, lease_ask(chain, series=1), device))
    chain.mine_to(bid.order.expiry)
    for one, other, stale in (
        (bid, changed(ask, expiry=late), bid),
        (changed(bid, expiry=late), ask, ask),
    ):
        expected = {"order": digest(chain, stale), "blockNumber": chain.block_number + 1}
        with moving(chain), chain.reverts("OrderExpired", **expected, expiry=stale.order.expiry):
            match(chain, one, offer(chain, other, device))


def test_match__orders_that_their_accounts_did_not_sign__revert(
    chain: Chain, devices: Devices, requester: str, provider: str, operator: str, stranger: str
) -> None:
    device = devices.ours[0]
    bid, ask = lease_bid(chain), lease_ask(chain)
    with moving(chain), chain.reverts("SignatureInvalid", account=requester, order=digest(chain, bid)):
        match(chain, bid, offer(chain, ask, device), by=stranger)
    with moving(chain), chain.reverts("SignatureInvalid", account=provider, order=digest(chain, ask)):
        match(chain, bid, offer(chain, ask, device, by=stranger))
    dearer = changed(bid, cap=bid.cap + 1)
    with moving(chain), chain.reverts("SignatureInvalid", account=requester, order=digest(chain, dearer)):
        match(chain, dearer, offer(chain, ask, device), signature=sign(chain, bid))
    own = lease_bid(chain, provider)
    with moving(chain), chain.reverts("SignatureInvalid", account=provider, order=digest(chain, own)):
        theirs = lease_ask(chain, role(chain, "other_provider"))
        match(chain, own, offer(chain, theirs, devices.others[0]), by=operator)


def test_match__devices_that_are_not_as_promised__revert(
    chain: Chain, devices: Devices, provider: str, other_provider: str
) -> None:
    first, second, _ = devices.ours
    theirs = devices.others[0]
    bid, ask = lease_bid(chain), lease_ask(chain)
    with moving(chain), chain.reverts("DeviceNotOffered", have=second, need=first):
        match(chain, bid, offer(chain, lease_ask(chain, device=first), second))
    with moving(chain), chain.reverts("DeviceUnfit", field="classId", have=1, need=0):
        match(chain, bid, offer(chain, ask, devices.large))
    with moving(chain), chain.reverts("DeviceUnfit", field="bondedGops", have=10, need=11):
        match(chain, lease_bid(chain, min_gops=11), offer(chain, ask, first))
    with moving(chain), chain.reverts("ProviderMismatch", have=other_provider, need=provider):
        match(chain, bid, offer(chain, ask, theirs))
    with moving(chain), chain.reverts("DeviceUnknown", device=999):
        match(chain, bid, offer(chain, ask, 999))
    assert not is_held(chain, theirs)


def scored(chain: Chain, devices: Devices) -> list[LeafProof]:
    """Leaves of two devices of the provider's, of weight 7, in epoch 1, which is final."""
    provider = role(chain, "provider")
    attested = attest(chain, 1, [make_leaf(device, provider, weight=7) for device in devices.ours[:2]]).epoch
    mine_to_final(chain, 1)
    return [attested.leaf_proof(device) for device in devices.ours[:2]]


def test_match__a_bid_for_a_score__takes_final_leaves_of_just_these_devices(
    chain: Chain, devices: Devices
) -> None:
    leaves = scored(chain, devices)
    first, second, _ = devices.ours
    later = chain.block_number + 1_000
    ask = lease_ask(chain, count=2, expiry=later)
    bid = lease_bid(chain, count=2, expiry=later, min_weight=7, since_epoch=1)
    with moving(chain), chain.reverts("LeafCountWrong", have=1, need=2):
        match(chain, bid, offer(chain, ask, first, second), leaves=leaves[:1])
    with moving(chain), chain.reverts("LeafCountWrong", have=1, need=0):
        match(chain, changed(bid, min_weight=0), offer(chain, ask, first), leaves=leaves[:1])
    with moving(chain), chain.reverts("LeafOfAnotherDevice", have=second, need=first):
        match(chain, bid, offer(chain, ask, first), leaves=leaves[1:])
    with moving(chain), chain.reverts("WeightTooLow", device=first, have=7, least=8):
        match(chain, changed(bid, min_weight=8), offer(chain, ask, first), leaves=leaves[:1])
    with moving(chain), chain.reverts("LeafTooOld", device=first, have=1, least=2):
        match(chain, changed(bid, since_epoch=2), offer(chain, ask, first), leaves=leaves[:1])
    with moving(chain, requester=-2 * DEPOSIT, LeaseEscrow=2 * DEPOSIT):
        match(chain, bid, offer(chain, ask, first, second), leaves=leaves)


def test_match__what_the_escrow_refuses__moves_nothing_and_spends_no_order(
    chain: Chain, device: int, governor: str
) -> None:
    bid, ask = lease_bid(chain), lease_ask(chain)
    foreign = {"token": chain.deploy("NoReturnToken")}
    with moving(chain), chain.reverts("TokenNotAllowed", **foreign):
        match(chain, changed(bid, **foreign), offer(chain, changed(ask, **foreign), device))
    with moving(chain), chain.reverts("DepositExceedsCap", lease=1, have=DEPOSIT, most=DEPOSIT - 1):
        match(chain, changed(bid, cap=DEPOSIT - 1), offer(chain, ask, device))
    with moving(chain), chain.reverts("DepositInsufficient", lease=1, have=599, need=600):
        short = changed(bid, deposit=600 * RATE - 1)
        match(chain, short, offer(chain, changed(ask, deposit=0), device))
    with moving(chain), chain.reverts("TermsInvalid", field="voucherBlocks", have=1, bound=50):
        match(chain, changed(bid, voucher_blocks=1), offer(chain, ask, device))
    chain.send("LeaseEscrow", "pause", sender=governor)
    with moving(chain), chain.reverts("Paused"):
        match(chain, bid, offer(chain, ask, device))
    assert not is_spent(chain, bid)
    assert not is_spent(chain, ask)
    assert not is_held(chain, device)


# Depositing and matching in one transaction


def permit_and_match(chain: Chain, device: int, permit: TokenPermit, sender: str) -> Sent:
    bid, ask = lease_bid(chain), lease_ask(chain)
    book = chain._abi("OrderBook")
    token, spender = chain.address["TestDollar"], chain.address["LeaseEscrow"]
    args = permit.owner, spender, permit.value, permit.deadline, permit.v, permit.r, permit.s
    batch = [
        book.encode_call("permit", (token, *args)),
        book.encode_call("matchLeases", (bid, sign(chain, bid), [offer(chain, ask, device)], [])),
    ]
    return chain.send("OrderBook", "multicall", batch, sender=sender)


@pytest.mark.parametrize("first", [False, True], ids=["in time", "sent by a stranger before"])
def test_match__with_the_bidders_permit__is_one_transaction_of_anybodys(
    chain: Chain, device: int, requester: str, stranger: str, first: bool
) -> None:
    escrow = chain.address["LeaseEscrow"]
    chain.send("TestDollar", "approve", escrow, 0, sender=requester)
    permit = sign_permit(chain, requester, escrow, DEPOSIT, token="TestDollar")
    if first:
        args = requester, escrow, permit.value, permit.deadline, permit.v, permit.r, permit.s
        chain.send("TestDollar", "permit", *args, sender=stranger)
    with moving(chain, requester=-DEPOSIT, LeaseEscrow=DEPOSIT):
        permit_and_match(chain, device, permit, stranger)
    assert chain.call("TestDollar", "allowance", requester, escrow) == 0


def test_match__without_an_allowance__reverts(chain: Chain, device: int, requester: str) -> None:
    """Who signed the bid pays, and nobody else."""
    escrow = chain.address["LeaseEscrow"]
    chain.send("TestDollar", "approve", escrow, DEPOSIT - 1, sender=requester)
    short = {"spender": escrow, "allowance": DEPOSIT - 1, "needed": DEPOSIT}
    with moving(chain), chain.reverts("ERC20InsufficientAllowance", **short):
        match(chain, lease_bid(chain), offer(chain, lease_ask(chain), device))


# From inside the deposit


class Bidder:
    """A contract that bids, and is called by the token that it pays with."""

    def __init__(self, chain: Chain) -> None:
        governor = role(chain, "governor")
        self.chain, self.address, self.token = chain, chain.deploy("HookActor"), chain.deploy("HookToken")
        for escrow in ("JobEscrow", "LeaseEscrow"):
            chain.send(escrow, "allowToken", self.token, 1 << 80, sender=governor)
            self.act("HookToken", "approve", chain.address[escrow], 1 << 80)
        chain.send("HookToken", "mint", self.address, 10 * DEPOSIT, sender=governor)
        self.act("HookToken", "listen")

    def act(self, contract: str, function: str, *args: Any) -> Sent:
        data = self.chain._abi(contract).encode_call(function, args)
        return self.chain.send("HookActor", "act", self.chain.at(contract), data, sender=self.sender)

    def arm(self, function: str, *args: Any) -> None:
        data = self.chain._abi("OrderBook").encode_call(function, args)
        book = self.chain.address["OrderBook"]
        self.chain.send("HookActor", "arm", book, data, sender=self.sender)

    @property
    def sender(self) -> str:
        return role(self.chain, "stranger")

    @property
    def struck(self) -> tuple[int, bool, bytes]:
        """How often, whether it went through, and the answer."""
        call = self.chain.call
        return call("HookActor", "attempts"), call("HookActor", "succeeded"), call("HookActor", "answer")


def refusal(error: str, *values: object) -> bytes:
    """As the chain encodes it: `Name(type,type)` and its arguments."""
    types = error[error.index("(") + 1 : -1].split(",")
    return keccak(error.encode())[:4] + encode(types if values else [], values)


def test_reentrance__the_same_bid_again__is_spent(chain: Chain, devices: Devices) -> None:
    bidder = Bidder(chain)
    bid = lease_bid(chain, bidder.address, token=bidder.token)
    asks = [offer(chain, lease_ask(chain, token=bidder.token, nonce=n), devices.ours[n]) for n in range(2)]
    bidder.arm("matchLeases", bid, b"", [asks[1]], [])
    sent = bidder.act("OrderBook", "matchLeases", bid, b"", [asks[0]], [])
    spent = refusal("OrderSpent(address,uint256,uint256)", bidder.address, 0, 0)
    assert bidder.struck == (1, False, spent)
    assert len(leases_of(sent)) == 1
    assert chain.balance("HookToken", chain.address["LeaseEscrow"]) == DEPOSIT
    assert not is_held(chain, devices.ours[1])


@pytest.mark.parametrize("same", [True, False], ids=["the same bid", "another bid"])
def test_reentrance__another_fill__is_refused(chain: Chain, devices: Devices, same: bool) -> None:
    """Else a deposit would be measured while another one comes in, and count twice."""
    bidder = Bidder(chain)
    bid = lease_bid(chain, bidder.address, token=bidder.token, count=2)
    other = bid if same else changed(bid, nonce=1)
    ask = lease_ask(chain, token=bidder.token, count=3)
    bidder.arm("matchLeases", other, b"", [offer(chain, ask, devices.ours[1])], [])
    sent = bidder.act("OrderBook", "matchLeases", bid, b"", [offer(chain, ask, devices.ours[0])], [])
    assert bidder.struck == (1, False, refusal("ReentrancyGuardReentrantCall()"))
    assert len(leases_of(sent)) == 1
    filled = [chain.call("OrderBook", "filledOf", digest(chain, each)) for each in (bid, ask)]
    assert filled == [1, 1]
    assert not is_held(chain, devices.ours[1])
    assert chain.balance("HookToken", chain.address["LeaseEscrow"]) == DEPOSIT


def test_reentrance__a_job_with_the_device_of_the_lease__is_refused(chain: Chain, devices: Devices) -> None:
    """The other escrow has a guard of its own; the device is held before the deposit comes."""
    bidder, device = Bidder(chain), devices.ours[0]
    bid = lease_bid(chain, bidder.address, token=bidder.token)
    job = job_bid(chain, bidder.address, token=bidder.token, price=DEPOSIT, nonce=1)
    asks = lease_ask(chain, token=bidder.token), job_ask(chain, token=bidder.token, price=1, nonce=1)
    bidder.arm("matchJobs", job, b"", [offer(chain, asks[1], device)], [])
    sent = bidder.act("OrderBook", "matchLeases", bid, b"", [offer(chain, asks[0], device)], [])
    assert bidder.struck == (1, False, refusal("DeviceHeldAlready(uint256)", device))
    assert len(leases_of(sent)) == 1
    assert not is_spent(chain, job)
    assert not is_spent(chain, asks[1])
    assert chain.balance("HookToken", chain.address["JobEscrow"]) == 0


def test_reentrance__cancelling_the_bid__stops_what_is_left_of_it(chain: Chain, devices: Devices) -> None:
    bidder = Bidder(chain)
    bid = lease_bid(chain, bidder.address, token=bidder.token, count=2)
    ask = lease_ask(chain, token=bidder.token, count=2)
    bidder.arm("cancel", bidder.address, 0, 1)
    sent = bidder.act("OrderBook", "matchLeases", bid, b"", [offer(chain, ask, devices.ours[0])], [])
    assert bidder.struck[:2] == (1, True)
    assert len(leases_of(sent)) == 1
    assert is_spent(chain, bid)
    assert not is_spent(chain, ask)
    with chain.reverts("OrderSpent", account=bidder.address, series=0, nonce=0):
        bidder.act("OrderBook", "matchLeases", bid, b"", [offer(chain, ask, devices.ours[1])], [])
    assert chain.balance("HookToken", chain.address["LeaseEscrow"]) == DEPOSIT


def test_reentrance__cancelling_a_bid_for_two_from_its_first_deposit__both_stand(
    chain: Chain, devices: Devices
) -> None:
    """A match is all or nothing: its orders were filled before the first token moved."""
    bidder = Bidder(chain)
    bid = lease_bid(chain, bidder.address, token=bidder.token, count=2)
    ask = lease_ask(chain, token=bidder.token, count=2)
    bidder.arm("cancelAll", bidder.address)
    offered = offer(chain, ask, *devices.ours[:2])
    sent = bidder.act("OrderBook", "matchLeases", bid, b"", [offered], [])
    assert bidder.struck[:2] == (2, True)
    assert len(leases_of(sent)) == 2
    assert chain.call("OrderBook", "seriesOf", bidder.address) == 2
    assert is_spent(chain, ask)
    assert chain.balance("HookToken", chain.address["LeaseEscrow"]) == 2 * DEPOSIT
