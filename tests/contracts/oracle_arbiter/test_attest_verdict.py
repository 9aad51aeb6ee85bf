"""OracleArbiter.attestVerdict: a quorum of the set in force decides a disputed job, once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.digests import Domain
from tensorbond.chain.types import JobStatus, OracleFault
from tests.acts import ZERO_ADDRESS, FundedJob, dispute_as
from tests.chain import Chain
from tests.contracts.attestations.epochs import EVIDENCE, high_s
from tests.contracts.job_escrow.jobs import job_hash, submitted_job
from tests.contracts.oracle_arbiter.verdicts import (
    FOR_PROVIDER,
    FOR_REQUESTER,
    bitmap,
    decide,
    question,
    send,
    sign,
    verdict_of,
)
from tests.system import role

QUORUM = (0, 1, 2)


@pytest.mark.parametrize("for_provider", [FOR_PROVIDER, FOR_REQUESTER], ids=["provider", "requester"])
@pytest.mark.parametrize("indices", [QUORUM, (1, 2, 3), (0, 1, 2, 3)], ids=str)
def test_attest_verdict__a_quorum_signed__is_the_verdict(
    chain: Chain, disputed: FundedJob, for_provider: bool, indices: tuple[int, ...]
) -> None:
    assert verdict_of(chain, disputed.number) == (False, False)

    sent = decide(chain, disputed, for_provider, indices)

    assert [event.name for event in sent.events] == ["VerdictAttested"]
    assert sent.event("VerdictAttested") == {
        "job": disputed.number,
        "forProvider": for_provider,
        "setId": 1,
        "signers": bitmap(indices),
    }
    assert verdict_of(chain, disputed.number) == (True, for_provider)
    assert chain.call("JobEscrow", "jobHash", disputed.number) == job_hash(disputed.state)


def test_verdict_of__another_escrow_asks__is_undecided(
    chain: Chain, disputed: FundedJob, stranger: str
) -> None:
    decide(chain, disputed, FOR_PROVIDER)
    for escrow in (chain.at("LeaseEscrow"), stranger, ZERO_ADDRESS):
        assert chain.call("OracleArbiter", "verdictOf", escrow, disputed.number) == (False, False)


# Too few, or not those who say so


def test_attest_verdict__one_signature_short__reverts(chain: Chain, disputed: FundedJob) -> None:
    with chain.reverts("QuorumMissing", have=2, need=3):
        decide(chain, disputed, FOR_PROVIDER, (0, 3))
    with chain.reverts("QuorumMissing", have=0, need=3):
        send(chain, disputed, FOR_PROVIDER, 0, b"")
    assert verdict_of(chain, disputed.number) == (False, False)


def test_attest_verdict__one_member_signs_for_three__reverts(
    chain: Chain, disputed: FundedJob, oracles: list[str]
) -> None:
    thrice = sign(chain, question(chain, disputed), (0, 0, 0))
    with chain.reverts("SignatureInvalid", index=1, have=oracles[0], need=oracles[1]):
        send(chain, disputed, FOR_PROVIDER, bitmap(QUORUM), thrice)
    with chain.reverts("QuorumMissing", have=1, need=3):
        send(chain, disputed, FOR_PROVIDER, 1, thrice)


def test_attest_verdict__signatures_out_of_order__reverts(
    chain: Chain, disputed: FundedJob, oracles: list[str]
) -> None:
    shuffled = sign(chain, question(chain, disputed), (0, 2, 1))
    with chain.reverts("SignatureInvalid", index=1, have=oracles[2], need=oracles[1]):
        send(chain, disputed, FOR_PROVIDER, bitmap(QUORUM), shuffled)


def test_attest_verdict__a_stranger_signs_for_a_member__reverts(
    chain: Chain, disputed: FundedJob, oracles: list[str], stranger: str
) -> None:
    signable = question(chain, disputed)
    signatures = sign(chain, signable, (0, 1)) + signable.sign(chain.key(stranger))
    with chain.reverts("SignatureInvalid", index=2, have=stranger, need=oracles[2]):
        send(chain, disputed, FOR_PROVIDER, bitmap(QUORUM), signatures)


def test_attest_verdict__a_bit_beyond_the_set__reverts(chain: Chain, disputed: FundedJob) -> None:
    signatures = sign(chain, question(chain, disputed), QUORUM)
    for bit in (4, 64, 255):
        with chain.reverts("SignerUnknown", index=bit, size=4):
            send(chain, disputed, FOR_PROVIDER, 0b111 | 1 << bit, signatures)


@pytest.mark.parametrize("extra", [-65, -1, 1, 65])
def test_attest_verdict__not_65_bytes_a_signer__reverts(
    chain: Chain, disputed: FundedJob, extra: int
) -> None:
    signatures = sign(chain, question(chain, disputed), (0, 1, 2, 3))[: 195 + extra]
    with chain.reverts("SignaturesLengthWrong", have=195 + extra, need=195):
        send(chain, disputed, FOR_PROVIDER, bitmap(QUORUM), signatures)


def test_attest_verdict__the_upper_s__reverts(chain: Chain, disputed: FundedJob, oracles: list[str]) -> None:
    signable = question(chain, disputed)
    good = sign(chain, signable, (0,))
    for spoilt in (high_s(good), good[:64] + b"\0", good[:64] + b"\x1d"):
        signatures = spoilt + sign(chain, signable, (1, 2))
        with chain.reverts("SignatureInvalid", index=0, have=ZERO_ADDRESS, need=oracles[0]):
            send(chain, disputed, FOR_PROVIDER, bitmap(QUORUM), signatures)


# Said of something else


def refuses_replay(
    chain: Chain, job: FundedJob, for_provider: bool, signatures: bytes, set_id: int = 1
) -> None:
    """Signed by members 0, 1, 2 of the set, but not this: the first signature is somebody else's then."""
    members = chain.call("Attestations", "membersOf", set_id)
    have = question(chain, job, for_provider, set_id=set_id).signer(signatures[:65])
    assert have not in members
    with chain.reverts("SignatureInvalid", index=0, have=have, need=members[0]):
        send(chain, job, for_provider, bitmap(QUORUM), signatures)
    assert verdict_of(chain, job.number) == (False, False)


def test_attest_verdict__signed_for_the_other_side__reverts(chain: Chain, disputed: FundedJob) -> None:
    refuses_replay(
        chain, disputed, FOR_PROVIDER, sign(chain, question(chain, disputed, FOR_REQUESTER), QUORUM)
    )


@pytest.mark.parametrize("what", ["chain", "contract", "version"])
def test_attest_verdict__signed_under_another_domain__reverts(
    chain: Chain, disputed: FundedJob, what: str
) -> None:
    here = chain.at("OracleArbiter")
    under = {
        "chain": Domain("OracleArbiter", 1, here),
        "contract": Domain("OracleArbiter", 31337, chain.at("Attestations")),
        "version": Domain("OracleArbiter", 31337, here, version="2"),
    }[what]
    refuses_replay(chain, disputed, FOR_PROVIDER, sign(chain, question(chain, disputed, under=under), QUORUM))


def test_attest_verdict__signed_for_another_job__reverts(
    chain: Chain, requester: str, disputed: FundedJob
) -> None:
    other = replace(disputed, number=disputed.number + 1)
    refuses_replay(chain, disputed, FOR_PROVIDER, sign(chain, question(chain, other), QUORUM))


def test_attest_verdict__signed_for_what_the_number_was_on_a_fork__reverts(
    chain: Chain, disputed: FundedJob
) -> None:
    elsewhere = replace(disputed, state=replace(disputed.state, result=b"\1" * 32))
    refuses_replay(chain, disputed, FOR_PROVIDER, sign(chain, question(chain, elsewhere), QUORUM))


def test_attest_verdict__another_disputed_jobs_signatures__decide_only_that_one(
    chain: Chain, other_provider: str, requester: str, disputed: FundedJob, device: int
) -> None:
    signatures = sign(chain, question(chain, disputed), QUORUM)
    decide(chain, disputed, FOR_PROVIDER)
    chain.send("JobEscrow", "resolve", disputed.number, disputed.state, sender=other_provider)
    chain.mine(10)  # a later slot is forced then
    second = dispute_as(chain, requester, submitted_job(chain, device))
    refuses_replay(chain, second, FOR_PROVIDER, signatures)


# Whose word counts no more, or not yet


def test_attest_verdict__by_the_set_before__reverts(
    chain: Chain, disputed: FundedJob, oracles: list[str], governor: str
) -> None:
    """The same members, and yet another set: what they signed before its epoch began is void."""
    old = sign(chain, question(chain, disputed), QUORUM)
    assert chain.call("OracleArbiter", "setInForce") == 1
    chain.send("Attestations", "seat", oracles, 3, 1, sender=governor)  # the clock is in epoch 1 already
    assert chain.call("OracleArbiter", "setInForce") == 2
    assert chain.call("Attestations", "setOf", chain.call("Attestations", "nextEpoch")) == 1
    refuses_replay(chain, disputed, FOR_PROVIDER, old, set_id=2)
    decide(chain, disputed, FOR_PROVIDER, set_id=2)
    assert verdict_of(chain, disputed.number) == (True, FOR_PROVIDER)


def test_attest_verdict__by_the_next_set_before_its_epoch__reverts(
    chain: Chain, disputed: FundedJob, oracles: list[str], governor: str
) -> None:
    chain.send("Attestations", "seat", oracles[:3], 3, 50, sender=governor)
    early = sign(chain, question(chain, disputed, set_id=2), QUORUM)
    refuses_replay(chain, disputed, FOR_PROVIDER, early)


def test_attest_verdict__a_signer_leaves__no_longer_counts(
    chain: Chain, disputed: FundedJob, oracles: list[str]
) -> None:
    signatures = sign(chain, question(chain, disputed), QUORUM)
    chain.send("Attestations", "leave", sender=oracles[1])
    with chain.reverts("SignerExcluded", index=1):
        send(chain, disputed, FOR_PROVIDER, bitmap(QUORUM), signatures)
    decide(chain, disputed, FOR_PROVIDER, (0, 2, 3))
    assert verdict_of(chain, disputed.number) == (True, FOR_PROVIDER)


def test_attest_verdict__a_signer_is_slashed__no_longer_counts(
    chain: Chain, disputed: FundedJob, auditor: str
) -> None:
    signatures = sign(chain, question(chain, disputed), QUORUM)
    chain.send(
        "Attestations",
        "slashOracle",
        1,
        2,
        auditor,
        OracleFault.EQUIVOCATION,
        EVIDENCE,
        sender=chain.impersonate("AttestationDisputes"),
    )
    with chain.reverts("SignerExcluded", index=2):
        send(chain, disputed, FOR_PROVIDER, bitmap(QUORUM), signatures)


def test_attest_verdict__fewer_than_a_quorum_are_left__nobody_decides(
    chain: Chain, disputed: FundedJob, oracles: list[str]
) -> None:
    for oracle in oracles[:2]:
        chain.send("Attestations", "leave", sender=oracle)
    with chain.reverts("QuorumMissing", have=2, need=3):
        decide(chain, disputed, FOR_PROVIDER, (2, 3))


def test_attest_verdict__no_set_is_seated__reverts(chain: Chain, disputed: FundedJob, governor: str) -> None:
    at = chain.address
    attestations = chain.deploy(
        "Attestations",
        at["AccessManager"],
        at["TensorbondToken"],
        at["DeviceRegistry"],
        at["AttestationDisputes"],
        1,
        label="EmptyAttestations",
    )
    chain.deploy("OracleArbiter", attestations, at["DeviceRegistry"], at["JobEscrow"])
    assert chain.call("OracleArbiter", "setInForce") == 0
    with chain.reverts("SetUnknown", setId=0):
        send(chain, disputed, FOR_PROVIDER, 0, b"")


# Twice, too early, too late


@pytest.mark.parametrize("second", [FOR_PROVIDER, FOR_REQUESTER], ids=["same", "other"])
def test_attest_verdict__a_second_quorum__reverts(chain: Chain, disputed: FundedJob, second: bool) -> None:
    decide(chain, disputed, FOR_PROVIDER)
    with chain.reverts("VerdictGivenAlready", job=disputed.number):
        decide(chain, disputed, second, (1, 2, 3))
    assert verdict_of(chain, disputed.number) == (True, FOR_PROVIDER)


def test_attest_verdict__of_a_job_nobody_disputes__reverts(chain: Chain, submitted: FundedJob) -> None:
    with chain.reverts(
        "JobStatusWrong", job=submitted.number, have=JobStatus.SUBMITTED, need=JobStatus.DISPUTED
    ):
        decide(chain, submitted, FOR_REQUESTER)


def test_attest_verdict__of_a_resolved_job__reverts(chain: Chain, disputed: FundedJob) -> None:
    decide(chain, disputed, FOR_REQUESTER)
    chain.send("JobEscrow", "resolve", disputed.number, disputed.state, sender=role(chain, "stranger"))
    with chain.reverts(
        "JobStateMismatch",
        job=disputed.number,
        have="0x" + job_hash(disputed.state).hex(),
        need="0x" + chain.call("JobEscrow", "jobHash", disputed.number).hex(),
    ):
        decide(chain, disputed, FOR_PROVIDER)


def test_attest_verdict__an_invented_state__reverts(chain: Chain, submitted: FundedJob) -> None:
    """The submitter says that it is disputed, and it isn't."""
    state = replace(submitted.state, status=JobStatus.DISPUTED)
    with chain.reverts(
        "JobStateMismatch",
        job=submitted.number,
        have="0x" + job_hash(state).hex(),
        need="0x" + job_hash(submitted.state).hex(),
    ):
        decide(chain, replace(submitted, state=state), FOR_PROVIDER)


def test_attest_verdict__a_job_that_is_none__reverts(chain: Chain, disputed: FundedJob) -> None:
    unknown = replace(disputed, number=disputed.number + 7)
    with chain.reverts(
        "JobStateMismatch",
        job=unknown.number,
        have="0x" + job_hash(disputed.state).hex(),
        need="0x" + "00" * 32,
    ):
        decide(chain, unknown, FOR_PROVIDER)
