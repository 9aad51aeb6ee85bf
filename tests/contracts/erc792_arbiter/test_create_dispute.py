"""Erc792Arbiter.createDispute: whoever wants a job decided pays the arbitrator."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import JobStatus, Verdict
from tests.acts import ZERO_ADDRESS, FundedJob, dispute_as
from tests.chain import Chain
from tests.contracts.erc792_arbiter.conftest import EXTRA_DATA
from tests.contracts.job_escrow.jobs import job_hash, submitted_job

ETHER = 10**18


def ether(chain: Chain, account: str) -> int:
    return int(chain.rpc.request("eth_getBalance", chain.at(account), "latest"), 16)


def test_create_dispute__anyone_pays_too_much__opens_it_and_gets_the_rest_back(
    chain: Chain, disputed: FundedJob, stranger: str
) -> None:
    assert chain.call("Erc792Arbiter", "cost") == ETHER
    before = ether(chain, stranger)

    sent = chain.send(
        "Erc792Arbiter", "createDispute", disputed.number, disputed.state, sender=stranger, value=3 * ETHER
    )

    assert sent.event("DisputeCreated") == {
        "job": disputed.number,
        "dispute": 0,
        "payer": stranger,
        "cost": ETHER,
    }
    assert ether(chain, stranger) == before - ETHER
    assert ether(chain, "CentralArbitrator") == ETHER
    assert ether(chain, "Erc792Arbiter") == 0
    assert chain.call("Erc792Arbiter", "jobOf", 0) == disputed.number
    assert chain.call("CentralArbitrator", "lastChoices") == 2
    assert chain.call("CentralArbitrator", "lastExtraData") == EXTRA_DATA
    assert chain.call("Erc792Arbiter", "verdictOf", chain.at("JobEscrow"), disputed.number) == (False, False)


def test_create_dispute__less_than_the_fee__reverts(
    chain: Chain, disputed: FundedJob, requester: str
) -> None:
    with chain.reverts("FeeInsufficient", have=ETHER - 1, need=ETHER):
        chain.send(
            "Erc792Arbiter",
            "createDispute",
            disputed.number,
            disputed.state,
            sender=requester,
            value=ETHER - 1,
        )


def test_create_dispute__twice__reverts(chain: Chain, disputed: FundedJob, requester: str) -> None:
    args = ("Erc792Arbiter", "createDispute", disputed.number, disputed.state)
    chain.send(*args, sender=requester, value=ETHER)
    with chain.reverts("DisputeCreatedAlready", job=disputed.number):
        chain.send(*args, sender=requester, value=ETHER)


def test_create_dispute__the_rest_is_refused__reverts(chain: Chain, disputed: FundedJob) -> None:
    """What was sent is not kept."""
    chain.deploy("StubbornPayer")
    data = chain._abi("Erc792Arbiter").encode_call("createDispute", (disputed.number, disputed.state))
    args = ("StubbornPayer", "pay", chain.at("Erc792Arbiter"), data)
    with chain.reverts("FailedCall"):
        chain.send(*args, sender=chain.accounts[0], value=ETHER + 1)
    chain.send(*args, sender=chain.accounts[0], value=ETHER)
    assert chain.call("Erc792Arbiter", "jobOf", 0) == disputed.number


def test_create_dispute__a_number_given_twice__reverts(
    chain: Chain, disputed: FundedJob, requester: str, device: int, other_provider: str
) -> None:
    chain.send("CentralArbitrator", "misbehave", True, False, sender=requester)
    chain.send(
        "Erc792Arbiter", "createDispute", disputed.number, disputed.state, sender=requester, value=ETHER
    )
    chain.send("CentralArbitrator", "giveRuling", 0, 2, sender=chain.accounts[0])
    chain.send("JobEscrow", "resolve", disputed.number, disputed.state, sender=requester)
    chain.mine(10)
    second = dispute_as(chain, requester, submitted_job(chain, device, arbiter=chain.at("Erc792Arbiter")))
    with chain.reverts("DisputeCreatedAlready", job=disputed.number):
        chain.send(
            "Erc792Arbiter", "createDispute", second.number, second.state, sender=requester, value=ETHER
        )
    assert chain.call("Erc792Arbiter", "verdictOf", chain.at("JobEscrow"), second.number) == (False, False)


def test_create_dispute__ruled_before_the_number_is_known__reverts(
    chain: Chain, disputed: FundedJob, requester: str
) -> None:
    chain.send("CentralArbitrator", "misbehave", False, True, sender=requester)
    with chain.reverts("DisputeUnknown", dispute=0):
        chain.send(
            "Erc792Arbiter", "createDispute", disputed.number, disputed.state, sender=requester, value=ETHER
        )


def test_create_dispute__the_arbitrator_comes_back_in__reverts(
    chain: Chain, disputed: FundedJob, requester: str
) -> None:
    call = ("createDispute", disputed.number, disputed.state)
    data = chain._abi("Erc792Arbiter").encode_call(call[0], call[1:])
    chain.send("CentralArbitrator", "comeBackWith", data, sender=requester)
    with chain.reverts("ReentrancyGuardReentrantCall"):
        chain.send("Erc792Arbiter", *call, sender=requester, value=ETHER)
    assert ether(chain, "CentralArbitrator") == ether(chain, "Erc792Arbiter") == 0

    chain.send("CentralArbitrator", "comeBackWith", b"", sender=requester)
    chain.send("Erc792Arbiter", *call, sender=requester, value=ETHER)


@pytest.mark.parametrize("fee", [ETHER + 1, 2**256 - 1], ids=["dearer", "unpayable"])
def test_create_dispute__the_arbitrator_asks_more_than_is_offered__reverts_and_the_job_runs_out(
    chain: Chain, disputed: FundedJob, requester: str, stranger: str, fee: int
) -> None:
    chain.send("CentralArbitrator", "setFee", fee, sender=stranger)
    with chain.reverts("FeeInsufficient", have=ETHER, need=fee):
        chain.send(
            "Erc792Arbiter", "createDispute", disputed.number, disputed.state, sender=requester, value=ETHER
        )
    assert ether(chain, "Erc792Arbiter") == 0
    chain.mine_to(disputed.state.verdict_by + 1)

    sent = chain.send("JobEscrow", "resolve", disputed.number, disputed.state, sender=stranger)

    assert sent.event("DisputeResolved")["verdict"] == Verdict.NONE


@pytest.mark.parametrize("default", [True, False], ids=["default", "another"])
def test_create_dispute__the_job_has_another_arbiter__reverts(
    chain: Chain, requester: str, stranger: str, device: int, arbiter: str, default: bool
) -> None:
    other = ZERO_ADDRESS if default else stranger
    job = dispute_as(chain, requester, submitted_job(chain, device, arbiter=other))
    with chain.reverts("ArbiterOther", job=job.number, arbiter=other):
        chain.send("Erc792Arbiter", "createDispute", job.number, job.state, sender=requester, value=ETHER)


def test_create_dispute__nobody_disputes_the_job__reverts(
    chain: Chain, requester: str, device: int, arbiter: str
) -> None:
    job = submitted_job(chain, device, arbiter=arbiter)
    with chain.reverts("JobStatusWrong", job=job.number, have=JobStatus.SUBMITTED, need=JobStatus.DISPUTED):
        chain.send("Erc792Arbiter", "createDispute", job.number, job.state, sender=requester, value=ETHER)


def test_create_dispute__an_invented_state__reverts(
    chain: Chain, requester: str, disputed: FundedJob
) -> None:
    state = replace(disputed.state, result=b"\1" * 32)
    with chain.reverts(
        "JobStateMismatch",
        job=disputed.number,
        have="0x" + job_hash(state).hex(),
        need="0x" + job_hash(disputed.state).hex(),
    ):
        chain.send("Erc792Arbiter", "createDispute", disputed.number, state, sender=requester, value=ETHER)
