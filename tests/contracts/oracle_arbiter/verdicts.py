"""What the tests of verdicts say again and again: who signs what, and sending it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorbond.chain import digests
from tensorbond.chain.digests import Domain, Signable
from tensorbond.chain.jobs import job_hash
from tests.acts import FundedJob, domain
from tests.chain import Chain, Sent
from tests.system import role

FOR_PROVIDER, FOR_REQUESTER = True, False


def verdict_of(chain: Chain, job: int) -> tuple[bool, bool]:
    decided, for_provider = chain.call("OracleArbiter", "verdictOf", chain.at("JobEscrow"), job)
    return decided, for_provider


def question(
    chain: Chain,
    job: FundedJob,
    for_provider: bool = FOR_PROVIDER,
    *,
    set_id: int = 1,
    under: Domain | None = None,
) -> Signable:
    """What the members of set `set_id` sign."""
    digest = chain.call("Attestations", "configDigestOf", set_id)
    under = under or domain(chain, "OracleArbiter")
    return digests.verdict(under, job.number, job_hash(job.state), for_provider, digest)


def sign(chain: Chain, signable: Signable, indices: Sequence[int], set_id: int = 1) -> bytes:
    """By these members of the set, in the order given."""
    members = chain.call("Attestations", "membersOf", set_id)
    return b"".join(signable.sign(chain.key(members[index])) for index in indices)


def bitmap(indices: Sequence[int]) -> int:
    return sum(1 << index for index in set(indices))


def send(
    chain: Chain, job: FundedJob, for_provider: bool, signers: int, signatures: bytes, **options: Any
) -> Sent:
    sender = options.pop("sender", role(chain, "stranger"))
    return chain.send(
        "OracleArbiter",
        "attestVerdict",
        job.number,
        job.state,
        for_provider,
        signers,
        signatures,
        sender=sender,
    )


def decide(
    chain: Chain, job: FundedJob, for_provider: bool, indices: Sequence[int] = (0, 1, 2), set_id: int = 1
) -> Sent:
    """Have these members sign, and send it as a stranger."""
    signatures = sign(chain, question(chain, job, for_provider, set_id=set_id), indices, set_id)
    return send(chain, job, for_provider, bitmap(indices), signatures)
