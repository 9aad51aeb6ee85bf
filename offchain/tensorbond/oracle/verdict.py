"""Verdicts of disputed jobs: what one oracle signs, and a quorum's signatures as the arbiter takes them.

Whose right it is an oracle's people decide; nothing here judges a job.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from tensorbond.chain import BlockRef, Network, digests, job_state
from tensorbond.chain.digests import Domain, Signable
from tensorbond.chain.errors import JobNotDisputed, OracleNotSeated
from tensorbond.chain.jobs import job_hash
from tensorbond.chain.types import Job, JobStatus


@dataclass(frozen=True)
class Question:
    """A disputed job before the oracle set in force, as of one block."""

    job: int
    state: Job
    set_id: int
    members: tuple[str, ...]
    excluded: int
    config_digest: bytes
    domain: Domain

    @classmethod
    def of(cls, network: Network, job: int, block: BlockRef | None = None) -> Question:
        """Raises `JobNotDisputed`, `JobUnknown`."""
        block = block or network.head()
        state = job_state(network, job, block)
        if state.status != JobStatus.DISPUTED:
            raise JobNotDisputed(f"job {job} is {JobStatus(state.status).name.lower()}, not disputed")
        set_id = network.call("OracleArbiter", "setInForce", block=block)
        if not set_id:
            raise OracleNotSeated("no oracle set is in force yet")
        return cls(
            job=job,
            state=state,
            set_id=set_id,
            members=tuple(network.call("Attestations", "membersOf", set_id, block=block)),
            excluded=network.call("Attestations", "oracleSet", set_id, block=block).excluded,
            config_digest=network.call("Attestations", "configDigestOf", set_id, block=block),
            domain=Domain("OracleArbiter", network.chain_id, network.address("OracleArbiter")),
        )

    def verdict(self, for_provider: bool) -> Signable:
        return digests.verdict(self.domain, self.job, job_hash(self.state), for_provider, self.config_digest)

    def index_of(self, oracle: str) -> int:
        """Its place in the set. Raises `OracleNotSeated`."""
        if oracle not in self.members:
            raise OracleNotSeated(f"{oracle} is not a member of set {self.set_id}")
        index = self.members.index(oracle)
        if self.excluded >> index & 1:
            raise OracleNotSeated(f"{oracle} dropped out of set {self.set_id}")
        return index

    def sign(self, account: LocalAccount, for_provider: bool) -> bytes:
        """A member's signature."""
        self.index_of(account.address)
        return self.verdict(for_provider).sign(account)

    def quorum(self, for_provider: bool, signatures: Iterable[bytes]) -> tuple[int, bytes]:
        """The signer bitmap and the joined signatures, in whatever order they came; one that came twice
        counts once."""
        signable = self.verdict(for_provider)
        by_index = {self.index_of(signable.signer(signature)): signature for signature in signatures}
        joined = b"".join(by_index[index] for index in sorted(by_index))
        return sum(1 << index for index in by_index), joined
