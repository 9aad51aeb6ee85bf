"""How a committed benchmark ended: by its evidence or, where there is none, by computing it again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tensorbond.audit.published import Row
from tensorbond.chain import digests
from tensorbond.chain.digests import Domain
from tensorbond.chain.errors import SignatureInvalid
from tensorbond.chain.types import OutcomeResult
from tensorbond.proof import (
    AnyEvidence,
    Challenge,
    CpuProver,
    MemoryChallenge,
    ProofError,
    decode_evidence,
    evidence_length,
    evidence_name,
    evidence_root,
    find_bad_item,
)
from tensorbond.store import FileOversized, NameMissing, Store

MOST_OPERATIONS = 10**13
MOST_LABELS = 1 << 24
"""The largest benchmarks that are computed again where evidence is missing: a minute on two cores."""

NOTHING = bytes(32)


@dataclass(frozen=True)
class Case:
    """A benchmark that was due and committed to, and what the attestation says of it."""

    challenge: Challenge | MemoryChallenge
    commitment: bytes
    key: str
    sample_beacon: bytes
    told: Row | None

    @property
    def subject(self) -> str:
        return f"device {self.challenge.device} slot {self.challenge.slot}"


@dataclass(frozen=True)
class Verdict:
    """How it ended; whether a good M-phase was slow, the clock says. `note` is no finding; `missing`: what
    ought to be published and isn't."""

    result: OutcomeResult
    witness: bytes = NOTHING
    item: int = 0
    note: str = ""
    missing: str = ""


def judge(case: Case, store: Store, domain: Domain) -> Verdict:
    """`domain`: that of Challenges. Raises `StoreUnavailable`."""
    evidence, why = _signed_evidence(case, store, domain)
    if evidence is None:
        return _without_evidence(case, why)
    if case.told is not None and case.told.result == OutcomeResult.WITHHELD:
        return Verdict(OutcomeResult.WITHHELD, note="evidence appeared after it had been found withheld")
    root = evidence_root(evidence)
    bad = find_bad_item(case.challenge, case.commitment, case.sample_beacon, evidence)
    if bad is None:
        return Verdict(OutcomeResult.PASSED, root)
    if case.told is not None and case.told.result == OutcomeResult.BAD_ITEM and case.told.witness < root:
        # The lowest signed root decides, and the store keeps but one file of those that a key may sign.
        note = "the evidence that was judged isn't the stored one, which is bad as well"
        return Verdict(OutcomeResult.BAD_ITEM, case.told.witness, case.told.item, note=note)
    return Verdict(OutcomeResult.BAD_ITEM, root, bad.index)


def _signed_evidence(case: Case, store: Store, domain: Domain) -> tuple[AnyEvidence | None, str]:
    """What the committing key signed for the commitment, or why there is nothing of the kind.

    Only items and header are signed; what the file declares beside them is replaced by the facts.
    """
    challenge = case.challenge
    name = evidence_name(challenge.chain_id, challenge.device, challenge.slot, case.commitment)
    try:
        declared = decode_evidence(store.get(name, evidence_length(challenge.shape)))
        if declared.challenge.shape != challenge.shape:
            return None, "the stored evidence has another shape or phase"
        facts: dict[str, Any] = {"challenge": challenge, "commitment": case.commitment}
        evidence = replace(declared, **facts, sample_beacon=case.sample_beacon)
        signable = digests.evidence(domain, case.commitment, evidence_root(evidence))
        signer = signable.signer(evidence.signature)
    except NameMissing:
        return None, "the store has no evidence"
    except (FileOversized, ProofError, SignatureInvalid) as error:
        return None, f"the stored evidence can't be read ({type(error).__name__})"
    if signer != case.key:
        return None, "the stored evidence isn't signed by the committing key"
    return evidence, ""


def _without_evidence(case: Case, why: str) -> Verdict:
    told = case.told
    if told is not None and told.result == OutcomeResult.WITHHELD:
        return Verdict(OutcomeResult.WITHHELD, note=f"{why}; it was found withheld and still is")
    if _is_large(case.challenge):
        return _beyond_telling(told, f"{why}, and the benchmark is too large to be computed again")
    try:
        proof = CpuProver().prove(case.challenge)
        good = proof.commitment == case.commitment
        witness = evidence_root(proof.open(case.sample_beacon)) if good else NOTHING
    except (MemoryError, ProofError) as error:
        return _beyond_telling(told, f"{why}, and the benchmark can't be computed again ({error})")
    note = f"{why}; the whole benchmark was computed again"
    if good:
        return Verdict(OutcomeResult.PASSED, witness, note=note)
    if told is not None and told.result in (OutcomeResult.PASSED, OutcomeResult.SLOW):
        return Verdict(OutcomeResult.BAD_ITEM, note=note)
    if told is not None and told.result == OutcomeResult.BAD_ITEM:
        return Verdict(OutcomeResult.BAD_ITEM, told.witness, told.item, note=note)
    return Verdict(OutcomeResult.WITHHELD, note=note)


def _beyond_telling(told: Row | None, missing: str) -> Verdict:
    """Signers of an attestation vouch that its evidence can be had."""
    if told is None or told.result == OutcomeResult.MISSED:
        return Verdict(OutcomeResult.WITHHELD, missing=missing)
    if told.result == OutcomeResult.SLOW:
        return Verdict(OutcomeResult.PASSED, told.witness, told.item, missing=missing)
    return Verdict(OutcomeResult(told.result), told.witness, told.item, missing=missing)


def _is_large(challenge: Challenge | MemoryChallenge) -> bool:
    if isinstance(challenge, MemoryChallenge):
        return challenge.shape.labels > MOST_LABELS
    return challenge.shape.operations > MOST_OPERATIONS
