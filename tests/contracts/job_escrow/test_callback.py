"""Who is told of a settled job can't undo it, re-enter, or be kept from hearing."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from tensorbond.chain.artifacts import CONTRACTS
from tests.acts import TBND, TUSD, FundedJob, approve_as
from tests.chain import Chain, Reverted, project_artifacts

from .jobs import moving, submitted_job
from .test_approve_part import approve_part

PAID, FEE, COLLATERAL = 99 * TUSD, 1 * TUSD, 20 * TBND
MOVED = {"provider paid": PAID, "escrow paid": -PAID, "tracked": -PAID, "fees": FEE, "locked": -COLLATERAL}
NOBODY = "0x" + "00" * 20
CALLBACK_GAS = 200_000


@pytest.fixture
def receiver(chain: Chain) -> str:
    return chain.deploy("ScriptedReceiver")


@pytest.fixture
def job(chain: Chain, device: int, receiver: str) -> FundedJob:
    return submitted_job(chain, device, callback=receiver)


def script(
    chain: Chain, *, burns: bool = False, reverts: bool = False, target: str = NOBODY, call: bytes = b""
) -> None:
    chain.send("ScriptedReceiver", "script", burns, reverts, target, call, sender=chain.accounts[9])


def test_callback__settled__is_told_the_result_before_the_token_is_called(
    chain: Chain, requester: str, receiver: str, job: FundedJob
) -> None:
    with moving(chain, MOVED):
        sent = approve_as(chain, requester, job)

    assert sent.event("CallbackCalled") == {"job": job.number, "callback": receiver, "succeeded": True}
    told = [event.name for event in sent.events]
    assert told[told.index("JobSettled") :] == ["JobSettled", "CallbackCalled", "Transfer"]
    assert chain.call("ScriptedReceiver", "id") == job.number.to_bytes(32, "big")
    assert chain.call("ScriptedReceiver", "result") == job.state.result


@pytest.mark.parametrize("fault", [{"burns": True}, {"reverts": True}])
def test_callback__that_fails__pays_all_the_same(
    chain: Chain, requester: str, job: FundedJob, fault: dict[str, bool]
) -> None:
    script(chain, **fault)
    with moving(chain, MOVED):
        sent = approve_as(chain, requester, job)
    assert sent.event("CallbackCalled")["succeeded"] is False
    assert sent.gas_used < 400_000


def test_callback__an_account_without_code__is_not_called(
    chain: Chain, requester: str, stranger: str, device: int
) -> None:
    sent = approve_as(chain, requester, submitted_job(chain, device, callback=stranger))
    assert sent.event("CallbackCalled")["succeeded"] is False


def test_callback__starved_by_the_caller__is_refused(
    chain: Chain, requester: str, receiver: str, job: FundedJob
) -> None:
    """It gets all of its gas, or the job isn't settled."""
    told = 0
    for gas in range(100_000, 400_000, 25_000):
        before = chain.snapshot()
        try:
            chain.send("JobEscrow", "approve", job.number, job.state, sender=requester, gas=gas)
        except Reverted:
            continue
        told += 1
        # The call's own costs come first.
        assert chain.call("ScriptedReceiver", "gasGiven") > CALLBACK_GAS - 5_000
        chain.revert_to(before)
    assert 0 < told < 12


def test_callback__that_reenters__finds_the_door_shut(
    chain: Chain, requester: str, receiver: str, job: FundedJob
) -> None:
    abi = project_artifacts()["JobEscrow"].abi
    again = abi.encode_call("refund", [job.number, job.state])
    script(chain, target=chain.address["JobEscrow"], call=again)
    with moving(chain, MOVED):
        sent = approve_as(chain, requester, job)
    assert sent.event("CallbackCalled")["succeeded"] is True
    assert chain.call("ScriptedReceiver", "called") is False


def test_callback__named_a_contract_of_ours__can_call_nothing_of_it() -> None:
    """The escrow calls whom the terms name, and peers trust the escrow: so none has that verb."""
    selector = keccak(text="receiveResult(bytes32,bytes)")[:4]
    for contract in CONTRACTS:
        verbs = project_artifacts()[contract].abi.functions.values()
        assert selector not in {verb.selector for verb in verbs}, contract


def test_callback__parts_before_the_last__are_not_told(
    chain: Chain, requester: str, receiver: str, device: int
) -> None:
    job = submitted_job(chain, device, callback=receiver, parts=4)
    job, sent = approve_part(chain, requester, job, 3)
    assert [event.name for event in sent.events] == ["JobPartsPaid", "Transfer"]
    _, sent = approve_part(chain, requester, job, 1)
    assert sent.event("CallbackCalled")["succeeded"] is True
