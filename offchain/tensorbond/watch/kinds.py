"""The kinds of disputes: every verb that punishes a fault, asks for what the proof of one needs, or keeps one
from being paid for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    contract: str
    function: str
    shows: str
    result: str = "proven"
    """What has come of it once it is sent."""


KINDS: dict[str, Kind] = {
    "missed": Kind("WorkDisputes", "proveMissed", "F0: a drawn slot without a commit record"),
    "badItem": Kind("WorkDisputes", "proveBadItem", "F1: a bad item in signed evidence of the C-phase"),
    "badHeader": Kind("WorkDisputes", "proveBadHeader", "a bad header in signed evidence"),
    "badMemoryItem": Kind(
        "WorkDisputes", "proveBadMemoryItem", "F1: a bad item in signed evidence of the M-phase"
    ),
    "badMemoryHeader": Kind(
        "WorkDisputes", "proveBadMemoryHeader", "a bad header in signed evidence of the M-phase"
    ),
    "badLabel": Kind("WorkDisputes", "proveBadLabel", "F4: a committed label that its parents don't make"),
    "badStep": Kind("WorkDisputes", "proveBadStep", "F4: a committed walk that its steps don't make"),
    "twoEvidences": Kind("WorkDisputes", "proveTwoEvidences", "F8: two evidences signed for one commitment"),
    "requestItem": Kind("Challenges", "requestItem", "F7: asks for an item that nobody shows"),
    "withheldItem": Kind("WorkDisputes", "proveWithheld", "F7: what was asked for was not shown in time"),
    "badLink": Kind("WorkDisputes", "proveBadLink", "F2: a wrong link in the committed chain of seeds"),
    "badLane": Kind("WorkDisputes", "proveBadLane", "F3: a wrong lane in a committed leaf"),
    "uncovered": Kind(
        "DeviceRegistry",
        "suspendUncovered",
        "a provider has been short of its locks for longer than an epoch",
    ),
    "halt": Kind(
        "LeaseEscrow", "halt", "a lease of a device that has failed, or ended: what accrued since", "halted"
    ),
    "seal": Kind("Challenges", "seal", "the hash of a slot's first block, which a halt counts to", "sealed"),
    "itemDeposit": Kind(
        "Challenges", "returnDeposit", "what it deposited for an item that was not shown", "returned"
    ),
    "leafDeposit": Kind(
        "Attestations", "returnDeposit", "what it deposited for a leaf, and no answer was paid", "returned"
    ),
    "evidenceDeposit": Kind(
        "AttestationDisputes",
        "returnDeposit",
        "what it deposited for evidence, and no answer was paid",
        "returned",
    ),
    "badSum": Kind("AttestationDisputes", "proveBadSum", "a sum in the tree that its parts don't give"),
    "badDevice": Kind(
        "AttestationDisputes", "proveBadDevice", "a leaf of no device, or of another provider or class"
    ),
    "leafMissing": Kind("AttestationDisputes", "proveLeafMissing", "no leaf for a device that has begun"),
    "leafHidden": Kind(
        "AttestationDisputes", "proveLeafHidden", "something in the tree where no device has its place"
    ),
    "badReward": Kind("AttestationDisputes", "proveBadReward", "a reward that the weight doesn't give"),
    "badWeight": Kind("AttestationDisputes", "proveBadWeight", "a weight that the record doesn't give"),
    "badThroughput": Kind(
        "AttestationDisputes", "proveBadThroughput", "a throughput that work and time don't give"
    ),
    "badOutcomes": Kind(
        "AttestationDisputes", "proveBadOutcomes", "outcomes that are not the drawn ones, or wrong tallies"
    ),
    "badForced": Kind(
        "AttestationDisputes", "proveBadForced", "an outcome of a draw that no job forced, or the want of one"
    ),
    "falsePass": Kind("AttestationDisputes", "proveFalsePass", "a pass without a commit record"),
    "falsePassItem": Kind("AttestationDisputes", "proveFalsePassItem", "a pass although an item is bad"),
    "falsePassHeader": Kind(
        "AttestationDisputes", "proveFalsePassHeader", "a pass although the header is bad"
    ),
    "falsePassMemoryItem": Kind(
        "AttestationDisputes", "proveFalsePassMemoryItem", "a pass of the M-phase although an item is bad"
    ),
    "falsePassMemoryHeader": Kind(
        "AttestationDisputes", "proveFalsePassMemoryHeader", "a pass of the M-phase with a bad header"
    ),
    "falseFail": Kind(
        "AttestationDisputes", "proveFalseFail", "a miss with a commit record, or another fault without one"
    ),
    "falseFailItem": Kind("AttestationDisputes", "proveFalseFailItem", "the item that is named bad is good"),
    "falseFailHeader": Kind(
        "AttestationDisputes", "proveFalseFailHeader", "the header that is named bad is good"
    ),
    "falseFailMemoryItem": Kind(
        "AttestationDisputes", "proveFalseFailMemoryItem", "the item of the M-phase named bad is good"
    ),
    "falseFailMemoryHeader": Kind(
        "AttestationDisputes", "proveFalseFailMemoryHeader", "the header of the M-phase named bad is good"
    ),
    "requestLeaf": Kind("Attestations", "requestLeaf", "asks for a leaf that nobody shows"),
    "withheldLeaf": Kind("AttestationDisputes", "proveWithheldLeaf", "the leaf was not shown in time"),
    "requestEvidence": Kind(
        "AttestationDisputes", "requestEvidence", "asks for evidence of an outcome that nobody shows"
    ),
    "withheldEvidence": Kind(
        "AttestationDisputes", "proveWithheldEvidence", "the evidence was not shown in time"
    ),
    "equivocation": Kind(
        "AttestationDisputes", "proveEquivocation", "F5: one oracle signed two statements of one turn"
    ),
}
