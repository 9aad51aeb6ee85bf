"""How each due benchmark ended: a pure function of facts and of what the signed evidence shows.

A pass by any evidence that the committing key signed wins (though an M-phase may be slow, which is no pass);
otherwise the lowest signed evidenceRoot's bad item is the outcome; a record without signed evidence was
withheld; no record is a miss.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tensorbond.chain import digests
from tensorbond.chain.digests import Domain
from tensorbond.chain.errors import SignatureInvalid
from tensorbond.chain.types import DeviceClass, Outcome, OutcomeKind, OutcomeResult
from tensorbond.oracle.duties import Duty, duties, memory_shape_of, shape_of
from tensorbond.oracle.errors import FactsIncomplete
from tensorbond.oracle.facts import CommitFact, DeviceFact, EpochFacts, Place
from tensorbond.proof.errors import ProofError
from tensorbond.proof.evidence import AnyEvidence, decode_evidence, evidence_length, evidence_root
from tensorbond.proof.verifier import AnyChallenge, find_bad_item

NO_WITNESS = bytes(32)


@dataclass(frozen=True)
class Finding:
    """What one evidence signed by the committing key shows: its root, and its bad item, if any: the first, or
    the number of items for the header."""

    root: bytes
    bad_item: int | None


def read_signed(
    raw: bytes, challenge: AnyChallenge, commit: CommitFact, sample_beacon: bytes, domain: Domain
) -> AnyEvidence | None:
    """The evidence in these bytes, or None where the committing key signed no such for the commitment.

    Only the items and the header are signed, so what the file declares beside them is replaced by what the
    chain says. Evidence of the other phase is none. `domain`: that of Challenges.
    """
    try:
        declared = decode_evidence(raw, evidence_length(challenge.shape))
        if declared.challenge.shape != challenge.shape:
            return None
        facts: dict[str, Any] = {"challenge": challenge, "commitment": commit.commitment}
        evidence = replace(declared, **facts, sample_beacon=sample_beacon)
        signed = digests.evidence(domain, commit.commitment, evidence_root(evidence))
        return evidence if signed.signer(evidence.signature) == commit.key else None
    except (ProofError, SignatureInvalid):
        return None


def examine(
    raw: bytes, challenge: AnyChallenge, commit: CommitFact, sample_beacon: bytes, domain: Domain
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


def judge(facts: EpochFacts, device: DeviceFact, duty: Duty, findings: Collection[Finding]) -> Outcome:
    """`findings`: what the signed evidence of the slot's phase shows.

    A forced draw is of the C-phase. Where the slot's is the M-phase, the job was over before the slot began,
    and the draw decides nothing: what was committed then counts as withheld.
    """
    row = Outcome(duty.slot, int(duty.kind), 0, 0, NO_WITNESS, 0, duty.job)
    commit = facts.commits.get((duty.device, duty.slot))
    if commit is None:
        return replace(row, result=int(OutcomeResult.MISSED))
    memory = facts.is_memory(device, duty.slot)
    found = decisive(() if memory and duty.kind == OutcomeKind.FORCED else findings)
    if found is None:
        return replace(row, result=int(OutcomeResult.WITHHELD))
    if found.bad_item is not None:
        result = int(OutcomeResult.BAD_ITEM)
        return replace(row, result=result, witness=found.root, item=found.bad_item)
    terms, times = facts.classes[device.class_id], (facts.slot(duty.slot).started_at, commit.timestamp)
    if memory:
        throughput, least = bandwidth_of(terms, *times), terms.min_bandwidth
    else:
        throughput, least = throughput_of(terms, *times), terms.slow_gops
    result = OutcomeResult.SLOW if throughput < least else OutcomeResult.PASSED
    return replace(row, result=int(result), throughput=throughput, witness=found.root)


def throughput_of(terms: DeviceClass, started_at: int, committed_at: int) -> int:
    """Gops of the C-phase by the chain's own clock, at most the class's peak."""
    return min(terms.peak_gops, shape_of(terms).operations // (_elapsed(started_at, committed_at) * 10**9))


def bandwidth_of(terms: DeviceClass, started_at: int, committed_at: int) -> int:
    """MB/s of the M-phase by the chain's own clock, at most the class's peak."""
    moved = memory_shape_of(terms).bytes_moved
    return min(terms.peak_bandwidth, moved // (_elapsed(started_at, committed_at) * 10**6))


def judge_epoch(
    facts: EpochFacts, findings: Mapping[Place, Collection[Finding]]
) -> dict[int, tuple[Outcome, ...]]:
    """The outcomes of every device with a leaf, in the leaf's order; `findings` by (device, slot).

    Raises FactsIncomplete before the epoch is over.
    """
    if not facts.is_complete:
        raise FactsIncomplete(f"epoch {facts.epoch} is not over: its slots are known to {facts.last_slot}")
    devices = {device.device: device for device in facts.devices}
    return {
        device: tuple(
            judge(facts, devices[device], duty, findings.get((device, duty.slot), ())) for duty in due
        )
        for device, due in duties(facts).items()
    }


def _elapsed(started_at: int, committed_at: int) -> int:
    """Seconds."""
    return max(1, committed_at - started_at)
