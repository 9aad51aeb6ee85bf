"""How each due benchmark ended: a pure function of facts and of what the signed evidence shows.

A pass by any evidence that the committing key signed wins; otherwise the lowest signed evidenceRoot's first
bad item is the outcome; a record without signed evidence was withheld; no record is a miss.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from tensorbond.chain import digests
from tensorbond.chain.digests import Domain
from tensorbond.chain.errors import SignatureInvalid
from tensorbond.chain.types import DeviceClass, Outcome, OutcomeResult
from tensorbond.oracle.duties import Duty, duties, shape_of
from tensorbond.oracle.errors import FactsIncomplete
from tensorbond.oracle.facts import CommitFact, EpochFacts, Place, SlotFact
from tensorbond.proof.challenge import Challenge
from tensorbond.proof.errors import ProofError
from tensorbond.proof.evidence import Evidence, evidence_length, evidence_root
from tensorbond.proof.verifier import find_bad_item

NO_WITNESS = bytes(32)


@dataclass(frozen=True)
class Finding:
    """What one evidence signed by the committing key shows: its root, and the first bad item (q: header)."""

    root: bytes
    bad_item: int | None


def read_signed(
    raw: bytes, challenge: Challenge, commit: CommitFact, sample_beacon: bytes, domain: Domain
) -> Evidence | None:
    """The evidence in these bytes, or None where the committing key signed no such for the commitment.

    Only the items, the roots and the final seed are signed, so what the file declares beside them is
    replaced by what the chain says. `domain`: that of Challenges.
    """
    try:
        declared = Evidence.decode(raw, evidence_length(challenge.shape))
        if declared.challenge.shape != challenge.shape:
            return None
        evidence = replace(
            declared, challenge=challenge, sample_beacon=sample_beacon, commitment=commit.commitment
        )
        signed = digests.evidence(domain, commit.commitment, evidence_root(evidence))
        return evidence if signed.signer(evidence.signature) == commit.key else None
    except (ProofError, SignatureInvalid):
        return None


def examine(
    raw: bytes, challenge: Challenge, commit: CommitFact, sample_beacon: bytes, domain: Domain
) -> Finding | None:
    """What the bytes show, or None where they are no signed evidence for the commitment."""
    evidence = read_signed(raw, challenge, commit, sample_beacon, domain)
    if evidence is None:
        return None
    bad = find_bad_item(challenge, commit.commitment, sample_beacon, evidence)
    return Finding(evidence_root(evidence), None if bad is None else bad.index)


def decisive(findings: Collection[Finding]) -> Finding | None:
    """The one finding that decides: a pass if there is any, else the lowest root."""
    return min(findings, key=lambda finding: (finding.bad_item is not None, finding.root), default=None)


def judge(
    duty: Duty,
    commit: CommitFact | None,
    findings: Collection[Finding],
    slot: SlotFact,
    terms: DeviceClass,
) -> Outcome:
    row = Outcome(duty.slot, int(duty.kind), 0, 0, NO_WITNESS, 0, duty.job)
    if commit is None:
        return replace(row, result=int(OutcomeResult.MISSED))
    found = decisive(findings)
    if found is None:
        return replace(row, result=int(OutcomeResult.WITHHELD))
    if found.bad_item is not None:
        result = int(OutcomeResult.BAD_ITEM)
        return replace(row, result=result, witness=found.root, item=found.bad_item)
    throughput = throughput_of(terms, slot.started_at, commit.timestamp)
    return replace(row, result=int(OutcomeResult.PASSED), throughput=throughput, witness=found.root)


def throughput_of(terms: DeviceClass, started_at: int, committed_at: int) -> int:
    """Gops by the chain's own clock, at most the class's peak."""
    elapsed = max(1, committed_at - started_at)
    return min(terms.peak_gops, shape_of(terms).operations // (elapsed * 10**9))


def judge_epoch(
    facts: EpochFacts, findings: Mapping[Place, Collection[Finding]]
) -> dict[int, tuple[Outcome, ...]]:
    """The outcomes of every device with a leaf, in the leaf's order; `findings` by (device, slot).

    Raises FactsIncomplete before the epoch is over.
    """
    if not facts.is_complete:
        raise FactsIncomplete(f"epoch {facts.epoch} is not over: its slots are known to {facts.last_slot}")
    classes = {device.device: facts.classes[device.class_id] for device in facts.devices}
    return {
        device: tuple(
            judge(
                duty,
                facts.commits.get((device, duty.slot)),
                findings.get((device, duty.slot), ()),
                facts.slot(duty.slot),
                classes[device],
            )
            for duty in due
        )
        for device, due in duties(facts).items()
    }
