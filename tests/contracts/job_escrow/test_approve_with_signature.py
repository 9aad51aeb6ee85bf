from __future__ import annotations

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from tensorbond.chain import digests
from tensorbond.chain.digests import Domain
from tensorbond.chain.jobs import terms_hash
from tensorbond.chain.types import CloseReason
from tests.acts import TBND, TUSD, FundedJob, accept_as, domain, fund_as, submit_as
from tests.chain import Chain, Sent

from .jobs import moving, submitted_job

COLLATERAL = 20 * TBND


def settle_with(chain: Chain, job: FundedJob, signature: bytes, sender: str) -> Sent:
    return chain.send("JobEscrow", "approveWithSignature", job.number, job.state, signature, sender=sender)


def sign(chain: Chain, signer: str, job: FundedJob, **changes: object) -> bytes:
    where = replace(domain(chain, "JobEscrow"), **changes)  # type: ignore[arg-type]
    approval = digests.approval(where, job.number, terms_hash(job.state), job.state.result)
    return approval.sign(chain.key(signer))


def test_approve_with_signature__of_the_requester__stranger_settles(
    chain: Chain, requester: str, stranger: str, submitted: FundedJob
) -> None:
    signature = sign(chain, requester, submitted)
    paid, fee = 99 * TUSD, 1 * TUSD
    with moving(
        chain,
        {
            "provider paid": paid,
            "escrow paid": -paid,
            "tracked": -paid,
            "fees": fee,
            "locked": -COLLATERAL,
        },
    ):
        sent = settle_with(chain, submitted, signature, stranger)
    assert sent.event("JobSettled")["reason"] == CloseReason.APPROVED


def test_approve_with_signature__of_a_wallet__asks_the_wallet(
    chain: Chain, provider: str, requester: str, stranger: str, device: int
) -> None:
    wallet = chain.deploy("SigningWallet", stranger)
    job = fund_as(chain, requester, requester=wallet, sponsor=requester)
    job = submit_as(chain, provider, accept_as(chain, provider, job, device))
    forged = sign(chain, requester, job)
    with chain.reverts("ApprovalInvalid", job=job.number, requester=wallet):
        settle_with(chain, job, forged, provider)
    sent = settle_with(chain, job, sign(chain, stranger, job), provider)
    assert sent.event("JobSettled")["paid"] == 99 * TUSD


def test_approve_with_signature__of_an_account_that_delegates_to_code__is_its_keys(
    chain: Chain, requester: str, stranger: str, submitted: FundedJob
) -> None:
    """EIP-7702: the account has code, which knows no ERC-1271, and its key signs as before."""
    delegate = chain.deploy("HookActor")
    chain.rpc.request("anvil_setCode", requester, "0xef0100" + delegate[2:].lower())
    forged = sign(chain, stranger, submitted)
    with chain.reverts("ApprovalInvalid", job=submitted.number, requester=requester):
        settle_with(chain, submitted, forged, stranger)

    sent = settle_with(chain, submitted, sign(chain, requester, submitted), stranger)

    assert sent.event("JobSettled")["reason"] == CloseReason.APPROVED


@pytest.mark.parametrize(
    "elsewhere",
    [{"chain_id": 1}, {"address": "0x" + "11" * 20}, {"contract": "LeaseEscrow"}, {"version": "2"}],
)
def test_approve_with_signature__for_another_chain_or_contract__reverts(
    chain: Chain, requester: str, provider: str, submitted: FundedJob, elsewhere: dict[str, object]
) -> None:
    signature = sign(chain, requester, submitted, **elsewhere)
    with chain.reverts("ApprovalInvalid", job=submitted.number, requester=requester):
        settle_with(chain, submitted, signature, provider)


def test_approve_with_signature__signed_before_the_chain_changed_its_id__reverts(
    chain: Chain, requester: str, provider: str, submitted: FundedJob
) -> None:
    before = sign(chain, requester, submitted)
    after = sign(chain, requester, submitted, chain_id=4242)

    def settle(signature: bytes) -> None:
        chain.call(
            "JobEscrow",
            "approveWithSignature",
            submitted.number,
            submitted.state,
            signature,
            sender=provider,
        )

    settle(before)
    chain.rpc.request("anvil_setChainId", 4242)
    try:
        with chain.reverts("ApprovalInvalid", job=submitted.number, requester=requester):
            settle(before)
        settle(after)
    finally:
        chain.rpc.request("anvil_setChainId", 31337)


def test_approve_with_signature__for_another_job_or_terms_or_result__reverts(
    chain: Chain, requester: str, provider: str, device: int
) -> None:
    job = submitted_job(chain, device)
    number, terms, result = job.number, terms_hash(job.state), job.state.result
    another = keccak(b"another")
    where: Domain = domain(chain, "JobEscrow")
    for signed in ((number + 1, terms, result), (number, another, result), (number, terms, another)):
        signature = digests.approval(where, *signed).sign(chain.key(requester))
        with chain.reverts("ApprovalInvalid", job=job.number, requester=requester):
            settle_with(chain, job, signature, provider)


def test_approve_with_signature__malleable_or_of_somebody_else__reverts(
    chain: Chain, requester: str, provider: str, submitted: FundedJob
) -> None:
    good = sign(chain, requester, submitted)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = (order - int.from_bytes(good[32:64], "big")).to_bytes(32, "big")
    mirrored = good[:32] + high + bytes([27 + 28 - good[64]])
    other_v = good[:64] + b"\0", good[:64] + b"\x1d"
    for signature in (mirrored, *other_v, sign(chain, provider, submitted), good[:64], b""):
        with chain.reverts("ApprovalInvalid", job=submitted.number, requester=requester):
            settle_with(chain, submitted, signature, provider)


def test_approve_with_signature__before_the_result_or_twice__reverts(
    chain: Chain, requester: str, provider: str, accepted: FundedJob
) -> None:
    with chain.reverts("JobStatusWrong", job=accepted.number, have=2, need=3):
        settle_with(chain, accepted, sign(chain, requester, accepted), provider)
    job = submit_as(chain, provider, accepted)
    signature = sign(chain, requester, job)
    settle_with(chain, job, signature, provider)
    closed = replace(job, state=replace(job.state, status=5))
    with chain.reverts("JobStatusWrong", job=job.number, have=5, need=3):
        settle_with(chain, closed, signature, provider)
