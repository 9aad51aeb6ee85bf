"""From a proof and its sample beacon to signed evidence in the store: open, check, record, sign, put."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from tensorbond.chain import digests
from tensorbond.chain.digests import Domain
from tensorbond.journal import Journal
from tensorbond.proof.errors import ProofError
from tensorbond.proof.evidence import (
    AnyEvidence,
    decode_evidence,
    evidence_length,
    evidence_name,
    evidence_root,
)
from tensorbond.proof.verifier import AnyChallenge, find_bad_item
from tensorbond.provider.config import Proof
from tensorbond.provider.errors import EvidenceUnfit
from tensorbond.store import Store, StoreError


class Publisher:
    """`domain`: that of Challenges. `self_check`: verify before signing."""

    def __init__(
        self, store: Store, journal: Journal, account: LocalAccount, domain: Domain, self_check: bool = True
    ) -> None:
        self._store = store
        self._journal = journal
        self._account = account
        self._domain = domain
        self._self_check = self_check

    def is_published(self, challenge: AnyChallenge, commitment: bytes) -> bool:
        return self._store.exists(self._name(challenge, commitment))

    def find(self, challenge: AnyChallenge, commitment: bytes) -> AnyEvidence | None:
        """What was published, or None where it can't be read."""
        try:
            raw = self._store.get(self._name(challenge, commitment), evidence_length(challenge.shape))
            return decode_evidence(raw)
        except (StoreError, ProofError):
            return None

    def publish(self, challenge: AnyChallenge, commitment: bytes, sample_beacon: bytes, proof: Proof) -> None:
        """Sign and store the evidence for what was committed.

        Raises EvidenceUnfit where the proof is not the committed one or shows nothing, PromiseBroken where
        other evidence was signed for the commitment, and the errors of journal and store.
        """
        if proof.commitment != commitment:
            raise EvidenceUnfit(
                f"0x{commitment.hex()} was committed, this proof has 0x{proof.commitment.hex()}"
            )
        evidence = proof.open(sample_beacon)
        bad = find_bad_item(challenge, commitment, sample_beacon, evidence) if self._self_check else None
        if bad is not None:
            raise EvidenceUnfit(f"leaf {bad.index} is bad: {bad.reason.value} is {bad.have}, need {bad.need}")
        root = evidence_root(evidence)
        self._journal.promise(f"evidence/{commitment.hex()}", root)
        signature = digests.evidence(self._domain, commitment, root).sign(self._account)
        self._store.put(self._name(challenge, commitment), evidence.sign(signature).encode())

    def _name(self, challenge: AnyChallenge, commitment: bytes) -> str:
        return evidence_name(challenge.chain_id, challenge.device, challenge.slot, commitment)
