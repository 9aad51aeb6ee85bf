"""Tokens that have robbed other escrows. One may harm those who chose it, and nobody else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_utils.crypto import keccak

from tensorbond.chain.slots import first_slot
from tensorbond.chain.types import Job, JobStatus, OutcomeResult
from tests.acts import (
    TBND,
    TOKEN_CAP,
    TUSD,
    ZERO,
    ZERO_ADDRESS,
    FundedJob,
    approve_as,
    dispute_as,
    fund_as,
    mine_to_slot,
    terms_of,
    timing,
)
from tests.chain import Chain, Reverted, Sent
from tests.system import role

from .jobs import (
    attest_draw,
    is_held,
    job_hash,
    moving,
    refund,
    refund_by_outcome,
    settle,
    submitted_job,
)

PRICE = 100 * TUSD
PAID, FEE = 99 * TUSD, 1 * TUSD
COLLATERAL = 20 * TBND
BOND = 10 * TUSD
# What JobEscrow says closes any job, whatever the token burns, and where an arbiter or a receiver is asked.
ENOUGH_GAS, ENOUGH_GAS_TO_ASK = 2_000_000, 4_000_000

PAID_OUT = {"provider paid": PAID, "escrow paid": -PAID, "tracked": -PAID, "fees": FEE, "locked": -COLLATERAL}
DEFERRED = {"provider owed": PAID, "fees": FEE, "locked": -COLLATERAL}


def allow(chain: Chain, name: str, governor: str, *holders: str) -> str:
    """Deploy a token, put it on the list and mint to everybody."""
    token = chain.deploy(name)
    chain.send("JobEscrow", "allowToken", token, TOKEN_CAP, sender=governor)
    for holder in holders:
        chain.send(name, "mint", holder, 10 * PRICE, sender=governor)
    return token


# Tokens that lie about what they moved


def test_no_return_token__whole_life__is_paid_like_any_other(
    chain: Chain, governor: str, requester: str, device: int
) -> None:
    token = allow(chain, "NoReturnToken", governor, requester)
    job = submitted_job(chain, device, token=token)
    with moving(chain, PAID_OUT, token):
        approve_as(chain, requester, job)


def test_fee_token__fund__reverts(chain: Chain, governor: str, requester: str) -> None:
    token = allow(chain, "FeeToken", governor, requester)
    with chain.reverts("TokenAmountMismatch", token=token, have=99 * TUSD, need=PRICE):
        fund_as(chain, requester, token=token)


def test_false_return_token__fund__reverts(chain: Chain, governor: str, requester: str) -> None:
    token = allow(chain, "FalseReturnToken", governor, requester)
    chain.send("FalseReturnToken", "refuse", True, sender=governor)
    with chain.reverts("SafeERC20FailedOperation", token=token):
        fund_as(chain, requester, token=token)


def test_false_return_token__approve__defers_the_payment(
    chain: Chain, governor: str, requester: str, device: int
) -> None:
    token = allow(chain, "FalseReturnToken", governor, requester)
    job = submitted_job(chain, device, token=token)
    chain.send("FalseReturnToken", "refuse", True, sender=governor)

    with moving(chain, DEFERRED, token):
        approve_as(chain, requester, job)

    assert not is_held(chain, device)


def test_token_without_code__approve__defers_the_payment(
    chain: Chain, governor: str, requester: str, device: int
) -> None:
    token = allow(chain, "BlacklistToken", governor, requester)
    job = submitted_job(chain, device, token=token)
    code = chain.rpc.request("eth_getCode", token, "latest")
    chain.rpc.request("anvil_setCode", token, "0x")

    sent = approve_as(chain, requester, job)

    assert sent.event("PaymentDeferred")["amount"] == PAID
    assert not is_held(chain, device)
    chain.rpc.request("anvil_setCode", token, code)
    chain.send("JobEscrow", "collect", job.state.provider, token, sender=requester)
    assert chain.balance(token, job.state.provider) == PAID


def test_rebasing_token__shrunk__new_money_does_not_pay_old_debts(
    chain: Chain, governor: str, requester: str
) -> None:
    token = allow(chain, "RebasingToken", governor, requester)
    fund_as(chain, requester, token=token)
    chain.send("RebasingToken", "rebase", 5_000, sender=governor)

    with chain.reverts("TokenAmountMismatch", token=token, have=PRICE // 2 + PRICE, need=2 * PRICE):
        fund_as(chain, requester, token=token)


def test_rebasing_token__shrunk__refund_waits_until_it_is_whole_again(
    chain: Chain, governor: str, requester: str, stranger: str
) -> None:
    token = allow(chain, "RebasingToken", governor, requester)
    job = fund_as(chain, requester, token=token)
    chain.send("RebasingToken", "rebase", 5_000, sender=governor)
    chain.mine_to(job.state.terms.accept_by)

    with moving(chain, {"requester owed": PRICE}, token):
        refund(chain, job)

    chain.send("RebasingToken", "rebase", 10_000, sender=governor)
    chain.send("JobEscrow", "collect", requester, token, sender=stranger)
    assert chain.balance(token, requester) == 10 * PRICE


def test_rebasing_token__grown__surplus_is_nobodys(
    chain: Chain, governor: str, requester: str, device: int
) -> None:
    token = allow(chain, "RebasingToken", governor, requester)
    job = submitted_job(chain, device, token=token)
    chain.send("RebasingToken", "rebase", 20_000, sender=governor)

    with moving(chain, PAID_OUT, token):
        approve_as(chain, requester, job)


def test_any_token__sent_to_the_escrow_by_mistake__changes_no_books(
    chain: Chain, requester: str, submitted: FundedJob
) -> None:
    with moving(chain, {"requester paid": -5, "escrow paid": 5}):
        chain.send("TestDollar", "transfer", chain.address["JobEscrow"], 5, sender=requester)
    with moving(chain, PAID_OUT):
        approve_as(chain, requester, submitted)


# Tokens that refuse, burn and shout


def test_blacklist_token__one_provider_blocked__blocks_nobody_else(
    chain: Chain, governor: str, provider: str, requester: str, submitted: FundedJob
) -> None:
    """The job in the hostile token is deferred, the one in the good token paid, in either order."""
    token = allow(chain, "BlacklistToken", governor, requester)
    hostile = fund_as(chain, requester, token=token)
    chain.mine_to(hostile.state.terms.accept_by)
    chain.send("BlacklistToken", "setBlocked", requester, True, sender=governor)

    with moving(chain, {"requester owed": PRICE}, token):
        refund(chain, hostile)
    with moving(chain, PAID_OUT):
        approve_as(chain, requester, submitted)


@pytest.mark.parametrize("greed", [1, 2], ids=["burns all gas", "returns a megabyte"])
@pytest.mark.parametrize("verb", ["approve", "settle", "refundByOutcome", "refund"])
def test_greedy_token__any_closing_verb__closes_within_the_gas_promised(
    chain: Chain, governor: str, requester: str, stranger: str, device: int, greed: int, verb: str
) -> None:
    token = allow(chain, "GreedyToken", governor, requester)
    job = submitted_job(chain, device, token=token)
    extra: tuple[Any, ...] = ()
    if verb in ("settle", "refundByOutcome"):
        draw = attest_draw(chain, job, OutcomeResult.MISSED if verb == "refundByOutcome" else 1)
        extra = (draw.leaf, draw.outcome)
    elif verb == "refund":
        chain.mine_to(job.state.terms.refund_at)
    chain.send("GreedyToken", "setGreed", greed, sender=governor)

    sender = requester if verb == "approve" else stranger
    sent = chain.send("JobEscrow", verb, job.number, job.state, *extra, sender=sender, gas=ENOUGH_GAS)

    assert sent.event("PaymentDeferred")["token"] == token
    assert not is_held(chain, device)
    assert chain.call("ProviderStaking", "stakeOf", job.state.provider).locked == 10 * TBND


@pytest.mark.parametrize("greed", [1, 2], ids=["burns all gas", "returns a megabyte"])
@pytest.mark.parametrize("for_provider", [0, 1])
def test_greedy_token__verdict__pays_price_and_bond_within_the_gas_promised(
    chain: Chain,
    governor: str,
    provider: str,
    requester: str,
    stranger: str,
    device: int,
    greed: int,
    for_provider: int,
) -> None:
    """One transfer carries both: of a second one's gas the first would leave 1/64."""
    token = allow(chain, "GreedyToken", governor, requester)
    job = decided_job(chain, device, for_provider, token=token)
    chain.send("GreedyToken", "setGreed", greed, sender=governor)
    winner, paid = ("provider", PAID) if for_provider else ("requester", PRICE)

    moved = {f"{winner} owed": paid + BOND, "locked": -COLLATERAL, "fees": FEE if for_provider else 0}
    with moving(chain, moved, token):
        sent = chain.send(
            "JobEscrow", "resolve", job.number, job.state, sender=stranger, gas=ENOUGH_GAS_TO_ASK
        )

    account = provider if for_provider else requester
    assert sent.all("PaymentDeferred") == [
        {"account": account, "token": token, "amount": paid + BOND, "owed": paid + BOND}
    ]
    assert not is_held(chain, device)
    chain.send("GreedyToken", "setGreed", 0, sender=governor)
    with moving(
        chain,
        {
            f"{winner} owed": -paid - BOND,
            f"{winner} paid": paid + BOND,
            "escrow paid": -paid - BOND,
            "tracked": -paid - BOND,
        },
        token,
    ):
        chain.send("JobEscrow", "collect", account, token, sender=stranger)


def test_greedy_token__verdict_for_a_sponsored_requester__asks_the_token_once_and_owes_both(
    chain: Chain, governor: str, requester: str, stranger: str, device: int
) -> None:
    token = allow(chain, "GreedyToken", governor, requester, stranger)
    job = decided_job(chain, device, 0, token=token, requester=stranger, sponsor=requester)
    chain.send("GreedyToken", "setGreed", 1, sender=governor)

    with moving(chain, {"requester owed": PRICE, "stranger owed": BOND, "locked": -COLLATERAL}, token):
        sent = chain.send(
            "JobEscrow", "resolve", job.number, job.state, sender=governor, gas=ENOUGH_GAS_TO_ASK
        )

    assert sent.all("PaymentDeferred") == [
        {"account": requester, "token": token, "amount": PRICE, "owed": PRICE},
        {"account": stranger, "token": token, "amount": BOND, "owed": BOND},
    ]
    assert not is_held(chain, device)


def test_blacklist_token__sponsor_blocked__owes_the_requester_its_bond_too(
    chain: Chain, governor: str, requester: str, stranger: str, device: int
) -> None:
    token = allow(chain, "BlacklistToken", governor, requester, stranger)
    job = decided_job(chain, device, 0, token=token, requester=stranger, sponsor=requester)
    chain.send("BlacklistToken", "setBlocked", requester, True, sender=governor)

    with moving(chain, {"requester owed": PRICE, "stranger owed": BOND, "locked": -COLLATERAL}, token):
        chain.send("JobEscrow", "resolve", job.number, job.state, sender=governor)
    with moving(
        chain, {"stranger owed": -BOND, "stranger paid": BOND, "escrow paid": -BOND, "tracked": -BOND}, token
    ):
        chain.send("JobEscrow", "collect", stranger, token, sender=governor)


def test_greedy_token__with_a_receiver_that_burns_its_gas_too__closes_within_the_gas_promised(
    chain: Chain, governor: str, requester: str, stranger: str, device: int
) -> None:
    """All three in one verb: arbiter, receiver and token burn what they are given."""
    token = allow(chain, "GreedyToken", governor, requester)
    receiver = chain.deploy("ScriptedReceiver")
    job = decided_job(chain, device, 1, token=token, callback=receiver)
    chain.send("ScriptedReceiver", "script", True, False, ZERO_ADDRESS, b"", sender=governor)
    chain.send("GreedyToken", "setGreed", 1, sender=governor)

    sent = chain.send("JobEscrow", "resolve", job.number, job.state, sender=stranger, gas=ENOUGH_GAS_TO_ASK)

    assert sent.event("CallbackCalled") == {"job": job.number, "callback": receiver, "succeeded": False}
    assert sent.event("PaymentDeferred")["amount"] == PAID + BOND
    assert not is_held(chain, device)


def decided_job(
    chain: Chain, device: int, for_provider: int, requester: str | None = None, **terms: Any
) -> FundedJob:
    """Disputed, and the arbiter has a verdict."""
    arbiter = chain.deploy("ScriptedArbiter")
    if requester is not None:
        terms["requester"] = requester
    job = submitted_job(chain, device, arbiter=arbiter, **terms)
    job = dispute_as(chain, job.state.terms.requester, job)
    chain.send("ScriptedArbiter", "script", 0, 1, for_provider, sender=role(chain, "governor"))
    return job


def test_greedy_token__starved_by_the_caller__nothing_happens_at_all(
    chain: Chain, governor: str, requester: str, device: int
) -> None:
    """With less gas the whole transaction fails: nobody can make a job close half."""
    token = allow(chain, "GreedyToken", governor, requester)
    job = submitted_job(chain, device, token=token)
    chain.send("GreedyToken", "setGreed", 1, sender=governor)

    with pytest.raises(Reverted) as caught:
        chain.send("JobEscrow", "approve", job.number, job.state, sender=requester, gas=300_000)

    assert caught.value.error.startswith("out of gas")
    assert chain.call("JobEscrow", "jobHash", job.number) == job_hash(job.state)
    assert is_held(chain, device)


def test_good_token__starved_by_the_caller__is_paid_or_nothing_happens(
    chain: Chain, requester: str, submitted: FundedJob
) -> None:
    """Too little gas can't turn a payment into a debt."""
    paid = 0
    for gas in range(60_000, 180_000, 4_000):
        snapshot = chain.snapshot()
        try:
            sent = chain.send(
                "JobEscrow", "approve", submitted.number, submitted.state, sender=requester, gas=gas
            )
        except Reverted:
            assert chain.call("JobEscrow", "jobHash", submitted.number) == job_hash(submitted.state), gas
        else:
            assert sent.all("PaymentDeferred") == [], gas
            assert chain.balance("TestDollar", submitted.state.provider) == PAID, gas
            paid += 1
        chain.revert_to(snapshot)
    assert 0 < paid < 30


# Tokens that call back


class Actor:
    """A contract account that is requester and provider at once, and strikes from inside a token's hook."""

    def __init__(self, chain: Chain, governor: str, token: str) -> None:
        self.chain, self.governor = chain, governor
        self.address = chain.deploy("HookActor")
        self.act("HookToken", "listen")
        chain.send("HookToken", "mint", self.address, 10 * PRICE, sender=governor)
        self.act("HookToken", "approve", chain.address["JobEscrow"], 10 * PRICE)

    def act(self, contract: str, function: str, *args: Any) -> Sent:
        data = self.encode(contract, function, *args)
        return self.chain.send("HookActor", "act", self.chain.at(contract), data, sender=self.governor)

    def arm(self, contract: str, function: str, *args: Any) -> None:
        data = self.encode(contract, function, *args)
        self.chain.send("HookActor", "arm", self.chain.at(contract), data, sender=self.governor)

    def encode(self, contract: str, function: str, *args: Any) -> bytes:
        return self.chain._abi(contract).encode_call(function, args)

    def provide(self) -> int:
        """Stake and register a device, and wait until it is active."""
        chain = self.chain
        chain.send("TensorbondToken", "transfer", self.address, 100 * TBND, sender=chain.accounts[1])
        self.act("TensorbondToken", "approve", chain.address["ProviderStaking"], 100 * TBND)
        self.act("ProviderStaking", "stake", 100 * TBND)
        event = self.act("DeviceRegistry", "register", 0, 10, 1).event("DeviceRegistered")
        mine_to_slot(chain, first_slot(timing(chain), event["fromEpoch"]))
        return int(event["device"])

    def fund(self, **changes: Any) -> FundedJob:
        token = self.chain.address["HookToken"]
        terms = terms_of(self.chain, self.address, token=token, **changes)
        sent = self.act("JobEscrow", "fund", terms)
        state = Job(terms, 100)
        return FundedJob(int(sent.event("JobFunded")["job"]), state, sent)

    def submit(self, device: int) -> FundedJob:
        job = self.fund()
        sent = self.act("JobEscrow", "accept", job.number, job.state, device)
        state = replace(
            job.state,
            status=JobStatus.ACCEPTED,
            provider=self.address,
            device=device,
            forced_slot=sent.event("JobAccepted")["forcedSlot"],
        )
        sent = self.act("JobEscrow", "submit", job.number, state, keccak(b"result"))
        state = replace(state, status=JobStatus.SUBMITTED, submitted_at=sent.block, result=keccak(b"result"))
        return FundedJob(job.number, state, sent)

    @property
    def attempts(self) -> int:
        return int(self.chain.call("HookActor", "attempts"))

    @property
    def answer(self) -> tuple[bool, bytes]:
        chain = self.chain
        return chain.call("HookActor", "succeeded"), chain.call("HookActor", "answer")


REENTERED = keccak(b"ReentrancyGuardReentrantCall()")[:4]


@pytest.fixture
def actor(market: int, chain: Chain, governor: str) -> Actor:
    return Actor(chain, governor, allow(chain, "HookToken", governor))


def verbs(chain: Chain, job: FundedJob, other: FundedJob) -> dict[str, tuple[Any, ...]]:
    """Every verb that moves money or a device, as it would rob the escrow if it could be entered from inside
    `approve`."""
    draw = attest_draw(chain, job)
    proof = (draw.leaf, draw.outcome)
    token = job.state.terms.token
    return {
        "fund": (job.state.terms,),
        "accept": (other.number, other.state, job.state.device),
        "approve": (job.number, job.state),
        "settle": (job.number, job.state, *proof),
        "refund": (other.number, other.state),
        "refundByOutcome": (job.number, job.state, *proof),
        "collect": (job.state.provider, token),
        "sweep": (token,),
    }


def test_hook_token__every_verb_from_inside_a_payment__is_refused(chain: Chain, actor: Actor) -> None:
    job = actor.submit(actor.provide())
    other = actor.fund(accept_by=chain.block_number + 2)
    balance = chain.balance("HookToken", actor.address)

    for verb, args in verbs(chain, job, other).items():
        snapshot = chain.snapshot()
        actor.arm("JobEscrow", verb, *args)
        sent = actor.act("JobEscrow", "approve", job.number, job.state)

        assert sent.event("JobSettled")["paid"] == PAID, verb
        assert actor.attempts == 1, verb
        assert actor.answer == (False, REENTERED), verb
        assert chain.balance("HookToken", actor.address) == balance + PAID, verb
        chain.revert_to(snapshot)


def test_hook_token__submit_from_inside_a_payment__finds_the_job_closed(chain: Chain, actor: Actor) -> None:
    """It is not guarded, for it moves nothing."""
    job = actor.submit(actor.provide())
    accepted = replace(job.state, status=JobStatus.ACCEPTED, submitted_at=0, result=ZERO)
    for state in (accepted, job.state):
        snapshot = chain.snapshot()
        actor.arm("JobEscrow", "submit", job.number, state, keccak(b"another"))

        sent = actor.act("JobEscrow", "approve", job.number, job.state)

        assert sent.event("JobSettled")["paid"] == PAID
        succeeded, answer = actor.answer
        assert (actor.attempts, succeeded) == (1, False)
        mismatch = keccak(b"JobStateMismatch(uint256,bytes32,bytes32)")[:4]
        closed = replace(job.state, status=JobStatus.SETTLED)
        assert answer == mismatch + job.number.to_bytes(32, "big") + job_hash(state) + job_hash(closed)
        chain.revert_to(snapshot)


def test_hook_token__fund_from_inside_a_deposit__is_refused(chain: Chain, actor: Actor) -> None:
    """Else one deposit would count for two jobs."""
    actor.arm("JobEscrow", "fund", terms_of(chain, actor.address, token=chain.address["HookToken"]))

    actor.fund()

    assert actor.attempts == 1
    assert actor.answer == (False, REENTERED)
    assert chain.call("JobEscrow", "jobCount") == 1
    assert chain.call("JobEscrow", "ledgerOf", chain.address["HookToken"]).tracked == PRICE


def test_hook_token__books_seen_from_inside_a_payment__are_the_books_after_it(
    chain: Chain, actor: Actor
) -> None:
    job = actor.submit(actor.provide())
    actor.fund()
    actor.arm("JobEscrow", "ledgerOf", chain.address["HookToken"])

    actor.act("JobEscrow", "approve", job.number, job.state)

    _, answer = actor.answer
    assert int.from_bytes(answer[:32], "big") == PRICE + FEE
    assert chain.balance("HookToken", chain.address["JobEscrow"]) == PRICE + FEE


def test_hook_token__receiver_refuses__job_closes_and_the_money_waits(
    chain: Chain, stranger: str, actor: Actor
) -> None:
    device = actor.provide()
    job = actor.submit(device)
    chain.send("HookActor", "refuse", True, sender=stranger)

    sent = actor.act("JobEscrow", "approve", job.number, job.state)

    assert sent.event("PaymentDeferred")["amount"] == PAID
    assert not is_held(chain, device)
    with chain.reverts("HookRefused"):
        chain.send("JobEscrow", "collect", actor.address, job.state.terms.token, sender=stranger)
    chain.send("HookActor", "refuse", False, sender=stranger)
    chain.send("JobEscrow", "collect", actor.address, job.state.terms.token, sender=stranger)
    assert chain.balance("HookToken", actor.address) == 10 * PRICE - PRICE + PAID


def test_hook_token__requester_refuses_its_refund__provider_is_not_held_up(
    chain: Chain, stranger: str, actor: Actor
) -> None:
    device = actor.provide()
    job = actor.submit(device)
    draw = attest_draw(chain, job, OutcomeResult.WITHHELD)
    chain.send("HookActor", "refuse", True, sender=stranger)

    sent = refund_by_outcome(chain, job, draw)

    assert sent.event("PaymentDeferred")["amount"] == PRICE
    assert not is_held(chain, device)
    assert chain.call("ProviderStaking", "freeOf", actor.address) == 90 * TBND


def test_hook_token__settled_from_outside_while_armed__pays_once(chain: Chain, actor: Actor) -> None:
    job = actor.submit(actor.provide())
    draw = attest_draw(chain, job)
    actor.arm("JobEscrow", "settle", job.number, job.state, draw.leaf, draw.outcome)
    before = chain.balance("HookToken", actor.address)

    settle(chain, job, draw)

    assert actor.answer == (False, REENTERED)
    assert chain.balance("HookToken", actor.address) == before + PAID
