"""Tokens that have robbed other escrows. One may harm those who chose it, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils.crypto import keccak

from tensorbond.chain.types import LeaseStatus
from tests.acts import TUSD
from tests.chain import Chain, Reverted, Sent
from tests.system import role

from .leases import (
    RATE,
    OpenLease,
    act,
    approve,
    at,
    is_held,
    lease_terms,
    ledger_of,
    mine_to_ripe,
    moving,
    open_lease,
    opened_by,
    redeem,
    refund,
    start_lease,
    state_of,
    tab_of,
    top_up,
    voucher,
)

# What LeaseEscrow says stops any lease, whatever the token burns.
ENOUGH_GAS = 4_000_000
REENTERED = keccak(b"ReentrancyGuardReentrantCall()")[:4]


def allow(chain: Chain, name: str, *holders: str) -> str:
    """Deploy a token, put it on the list and mint to everybody."""
    governor = role(chain, "governor")
    token = chain.deploy(name)
    chain.send("LeaseEscrow", "allowToken", token, 1 << 80, sender=governor)
    for holder in holders:
        chain.send(name, "mint", holder, 10 * TUSD, sender=governor)
    return token


def test_no_return_token__whole_life__is_paid_like_any_other(
    chain: Chain, requester: str, device: int
) -> None:
    token = allow(chain, "NoReturnToken", requester)
    lease = start_lease(chain, device, token=token)
    at(chain, lease, 50)
    with moving(chain, {"requester paid": 150 * RATE, "escrow paid": -150 * RATE}, token):
        act(chain, lease, "stop", sender="requester")
    mine_to_ripe(chain, lease)
    fee = 50 * RATE // 100
    paid = 50 * RATE - fee
    with moving(chain, {"provider paid": paid, "escrow paid": -paid}, token):
        act(chain, lease, "settle")


def test_fee_token__open_and_top_up__revert(chain: Chain, requester: str, device: int) -> None:
    token = allow(chain, "FeeToken", requester)
    with chain.reverts("TokenAmountMismatch", token=token, have=1_980_000, need=2 * TUSD):
        open_lease(chain, device, token=token)


def test_false_return_token__open__reverts(chain: Chain, governor: str, requester: str, device: int) -> None:
    token = allow(chain, "FalseReturnToken", requester)
    chain.send("FalseReturnToken", "refuse", True, sender=governor)
    with chain.reverts("SafeERC20FailedOperation", token=token):
        open_lease(chain, device, token=token)


def test_false_return_token__stop__frees_the_device_and_the_money_waits(
    chain: Chain, governor: str, requester: str, device: int
) -> None:
    token = allow(chain, "FalseReturnToken", requester)
    lease = start_lease(chain, device, token=token)
    chain.send("FalseReturnToken", "refuse", True, sender=governor)
    at(chain, lease, 50)
    with moving(chain, {"requester owed": 150 * RATE}, token):
        sent = act(chain, lease, "stop", sender="requester")
    assert sent.event("PaymentDeferred") == {
        "account": requester,
        "token": token,
        "amount": 150 * RATE,
        "owed": 150 * RATE,
    }
    assert not is_held(chain, device)
    with moving(chain, {}, token), chain.reverts("SafeERC20FailedOperation", token=token):
        chain.send("LeaseEscrow", "collect", requester, token, sender=requester)
    chain.send("FalseReturnToken", "refuse", False, sender=governor)
    paid = {"requester owed": -150 * RATE, "requester paid": 150 * RATE, "escrow paid": -150 * RATE}
    with moving(chain, paid, token):
        chain.send("LeaseEscrow", "collect", requester, token, sender=requester)


def test_blacklist_token__a_blocked_funder__blocks_nobody_else(
    chain: Chain, governor: str, requester: str, stranger: str, device: int
) -> None:
    token = allow(chain, "BlacklistToken", requester, stranger)
    lease = start_lease(chain, device, token=token)
    top_up(chain, lease, 2 * TUSD, "stranger")
    chain.send("BlacklistToken", "setBlocked", stranger, True, sender=governor)
    act(chain, lease, "stop", sender="requester")
    refund(chain, lease, stranger, 2 * TUSD)
    owed = chain.call("LeaseEscrow", "owedOf", stranger, token)
    assert owed == 2 * TUSD
    with chain.reverts("NothingToRefund", lease=lease.number, funder=stranger, **{"from": 2 * TUSD}):
        refund(chain, lease, stranger, 2 * TUSD)
    sent = refund(chain, lease, requester)
    assert sent.all("PaymentDeferred") == []
    chain.send("BlacklistToken", "setBlocked", stranger, False, sender=governor)
    with moving(chain, {"stranger owed": -owed, "stranger paid": owed, "escrow paid": -owed}, token):
        chain.send("LeaseEscrow", "collect", stranger, token, sender=requester)
    with chain.reverts("NothingOwed", account=stranger, token=token):
        chain.send("LeaseEscrow", "collect", stranger, token, sender=requester)


def test_blacklist_token__a_blocked_requester__delays_the_provider_at_most(
    chain: Chain, governor: str, requester: str, provider: str, device: int
) -> None:
    token = allow(chain, "BlacklistToken", requester)
    lease = start_lease(chain, device, 4 * TUSD, token=token)
    at(chain, lease, 50)
    act(chain, lease, "settle")
    mine_to_ripe(chain, lease)
    chain.send("BlacklistToken", "setBlocked", requester, True, sender=governor)
    act(chain, lease, "stop", sender="provider")
    paid = 50 * RATE * 99 // 100
    assert chain.call("LeaseEscrow", "owedOf", provider, token) == paid
    with moving(chain, {"provider owed": -paid, "provider paid": paid, "escrow paid": -paid}, token):
        chain.send("LeaseEscrow", "collect", provider, token, sender=requester)


def test_rebasing_token__shrunk__payments_wait_until_it_is_whole_again(
    chain: Chain, governor: str, requester: str, device: int
) -> None:
    token = allow(chain, "RebasingToken", requester)
    lease = open_lease(chain, device, token=token)
    chain.send("RebasingToken", "rebase", 5_000, sender=governor)
    with moving(chain, {"requester owed": 2 * TUSD}, token):
        act(chain, lease, "stop", sender="requester")
    chain.send("RebasingToken", "rebase", 10_000, sender=governor)
    chain.send("LeaseEscrow", "collect", requester, token, sender=requester)
    assert chain.balance(token, requester) == 10 * TUSD


def test_any_token__sent_to_the_escrow_by_mistake__changes_no_books(chain: Chain, lease: OpenLease) -> None:
    with moving(chain, {"requester paid": -5, "escrow paid": 5, "tracked": 0}):
        chain.send("TestDollar", "transfer", chain.address["LeaseEscrow"], 5, sender=lease.terms.requester)
    at(chain, lease, 50)
    with moving(chain, {"requester paid": 150 * RATE, "escrow paid": -150 * RATE}):
        act(chain, lease, "stop", sender="requester")


def test_any_token__sent_to_the_escrow_by_a_stranger__fills_no_cap(
    chain: Chain, governor: str, stranger: str, device: int
) -> None:
    token = chain.address["TestDollar"]
    chain.send("LeaseEscrow", "allowToken", token, 3 * TUSD, sender=governor)
    chain.send("TestDollar", "transfer", chain.address["LeaseEscrow"], 50 * TUSD, sender=stranger)
    lease = start_lease(chain, device)
    with moving(chain, {"requester paid": -TUSD, "escrow paid": TUSD}):
        top_up(chain, lease, TUSD)
    assert ledger_of(chain).tracked == 3 * TUSD
    with chain.reverts("ExposureExceeded", token=token, have=3 * TUSD + 1, most=3 * TUSD):
        top_up(chain, lease, 1)


def test_any_token__fees_that_wait__fill_no_cap(chain: Chain, governor: str, market: int) -> None:
    token = chain.address["TestDollar"]
    tab = tab_of(chain, 10 * TUSD)
    redeem(chain, tab, 10 * TUSD)
    assert ledger_of(chain).tracked == ledger_of(chain).fees == TUSD // 10
    chain.send("LeaseEscrow", "allowToken", token, TUSD, sender=governor)
    with chain.reverts("ExposureExceeded", token=token, have=TUSD + 1, most=TUSD):
        tab_of(chain, TUSD + 1)
    tab_of(chain, TUSD)


def test_rebasing_token__shrunk__takes_no_new_deposit(
    chain: Chain, governor: str, requester: str, stranger: str, device: int
) -> None:
    """New money would pay old debts."""
    token = allow(chain, "RebasingToken", requester, stranger)
    lease = start_lease(chain, device, token=token)
    chain.send("RebasingToken", "rebase", 5_000, sender=governor)
    short = {"token": token, "have": 2 * TUSD, "need": 3 * TUSD}
    with chain.reverts("TokenAmountMismatch", **short):
        top_up(chain, lease, TUSD)
    with chain.reverts("TokenAmountMismatch", **short):
        open_lease(chain, device, TUSD, token=token)
    chain.send("RebasingToken", "rebase", 10_000, sender=governor)
    top_up(chain, lease, TUSD)


@pytest.mark.parametrize("greed", [1, 2], ids=["burns all gas", "returns a megabyte"])
def test_greedy_token__two_payments_in_one_stop__both_wait(
    chain: Chain, governor: str, requester: str, device: int, greed: int
) -> None:
    token = allow(chain, "GreedyToken", requester)
    lease = start_lease(chain, device, 4 * TUSD, token=token)
    at(chain, lease, 50)
    act(chain, lease, "settle")
    mine_to_ripe(chain, lease)
    chain.send("GreedyToken", "setGreed", greed, sender=governor)
    sent = act(chain, lease, "stop", sender="provider", gas=ENOUGH_GAS)
    assert len(sent.all("PaymentDeferred")) == 2
    assert not is_held(chain, device)


def test_greedy_token__starved_by_the_caller__nothing_happens_at_all(
    chain: Chain, governor: str, requester: str, device: int
) -> None:
    token = allow(chain, "GreedyToken", requester)
    lease = start_lease(chain, device, token=token)
    chain.send("GreedyToken", "setGreed", 1, sender=governor)
    before = state_of(chain, lease)
    with pytest.raises(Reverted) as caught:
        act(chain, lease, "stop", sender="requester", gas=300_000)
    assert caught.value.error.startswith("out of gas")
    assert state_of(chain, lease) == before
    assert is_held(chain, device)


# Tokens that call back


class Actor:
    """A contract account that leases, and strikes from inside a token's hook."""

    def __init__(self, chain: Chain, token: str) -> None:
        self.chain, self.token = chain, token
        self.address = chain.deploy("HookActor")
        self.act("HookToken", "listen")
        chain.send("HookToken", "mint", self.address, 10 * TUSD, sender=role(chain, "governor"))
        self.act("HookToken", "approve", chain.address["LeaseEscrow"], 10 * TUSD)

    def act(self, contract: str, function: str, *args: Any) -> Sent:
        data = self.encode(contract, function, *args)
        return self.chain.send(
            "HookActor", "act", self.chain.at(contract), data, sender=role(self.chain, "stranger")
        )

    def arm(self, function: str, *args: Any) -> None:
        data = self.encode("LeaseEscrow", function, *args)
        self.chain.send(
            "HookActor", "arm", self.chain.address["LeaseEscrow"], data, sender=role(self.chain, "stranger")
        )

    def encode(self, contract: str, function: str, *args: Any) -> bytes:
        return self.chain._abi(contract).encode_call(function, args)

    @property
    def answer(self) -> tuple[int, bool, bytes]:
        call = self.chain.call
        return call("HookActor", "attempts"), call("HookActor", "succeeded"), call("HookActor", "answer")


@pytest.fixture
def actor(market: int, chain: Chain) -> Actor:
    return Actor(chain, allow(chain, "HookToken"))


def leased_by(chain: Chain, actor: Actor, device: int) -> OpenLease:
    terms = lease_terms(chain, requester=actor.address, token=actor.token)
    lease = opened_by(actor.act("LeaseEscrow", "open", terms, device, 2 * TUSD))
    act(chain, lease, "accept", sender="provider")
    return lease


def test_hook_token__every_verb_from_inside_a_refund__is_refused(
    chain: Chain, actor: Actor, device: int
) -> None:
    lease = leased_by(chain, actor, device)
    here = (lease.number, lease.lease)
    balance = chain.balance("HookToken", actor.address)
    verbs: dict[str, tuple[Any, ...]] = {
        "open": (lease.terms, device, TUSD),
        "openFor": (lease.terms, device, TUSD),
        "accept": here,
        "topUp": (*here, TUSD),
        "settle": here,
        "redeem": (*here, TUSD, b""),
        "giveNotice": here,
        "stop": here,
        "halt": (*here, b"", 0),
        "refund": (*here, actor.address, 0),
        "collect": (actor.address, actor.token),
        "sweep": (actor.token,),
    }
    for verb, args in verbs.items():
        snapshot = chain.snapshot()
        actor.arm(verb, *args)
        told = actor.act("LeaseEscrow", "stop", *here).event("LeaseStopped")
        assert actor.answer == (1, False, REENTERED), verb
        assert chain.balance("HookToken", actor.address) == balance + told["refunded"], verb
        chain.revert_to(snapshot)


def test_hook_token__top_up_from_inside_a_deposit__is_refused(
    chain: Chain, actor: Actor, device: int
) -> None:
    """Else one deposit would count twice."""
    lease = leased_by(chain, actor, device)
    actor.arm("topUp", lease.number, lease.lease, TUSD)
    actor.act("LeaseEscrow", "topUp", lease.number, lease.lease, TUSD)
    assert actor.answer == (1, False, REENTERED)
    assert state_of(chain, lease).funds == 3 * TUSD
    assert chain.balance("HookToken", chain.address["LeaseEscrow"]) == 3 * TUSD


def test_hook_token__state_seen_from_inside_a_payment__is_the_state_after_it(
    chain: Chain, actor: Actor, device: int
) -> None:
    lease = leased_by(chain, actor, device)
    actor.arm("stateOf", lease.number, lease.lease)
    active = actor.act("LeaseEscrow", "stop", lease.number, lease.lease).event("LeaseStopped")["active"]
    _, ok, answer = actor.answer
    assert ok
    assert int.from_bytes(answer[:32], "big") == active * RATE
    assert state_of(chain, lease).status in (LeaseStatus.STOPPED, LeaseStatus.CLOSED)


def test_contract_wallet__signs_vouchers_by_erc_1271(chain: Chain, requester: str, market: int) -> None:
    """A wallet without an answer to ERC-1271 signs nothing."""
    wallet = chain.deploy("HookActor")
    approve(chain, requester, 0, chain.address["TestDollar"])
    tab = tab_of(chain)
    with chain.reverts("VoucherInvalid", lease=tab.number, signer=requester):
        act(chain, tab, "redeem", TUSD, wallet.encode())
    assert voucher(chain, tab, TUSD) != wallet.encode()
