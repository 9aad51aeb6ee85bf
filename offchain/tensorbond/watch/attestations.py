"""From a lie in an attestation to the calldata that prove it to `AttestationDisputes`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any

from tensorbond.chain import slots
from tensorbond.chain.errors import JobUnknown
from tensorbond.chain.jobs import job_state
from tensorbond.chain.network import Network
from tensorbond.chain.types import (
    ZERO_ADDRESS,
    EvidenceRequest,
    Job,
    JobStatus,
    Leaf,
    LeafProof,
    NodeProof,
    OutcomeProof,
    OutcomeResult,
    Record,
    Terms,
)
from tensorbond.oracle.archive import Case
from tensorbond.oracle.leaves import NO_LEAF, EpochData
from tensorbond.oracle.sealer import encode_header
from tensorbond.oracle.tree import ZERO, encode_leaf, outcome_path
from tensorbond.proof.evidence import AnyEvidence
from tensorbond.proof.memory_evidence import MemoryEvidence
from tensorbond.proof.verifier import find_bad_item
from tensorbond.watch.answers import hidden_node
from tensorbond.watch.dispute import Dispute
from tensorbond.watch.inquiry import Claim, Inquiry
from tensorbond.watch.lies import Lie, LieKind, counts_impossibly
from tensorbond.watch.memory import cap_node
from tensorbond.watch.openings import caps, open_header, open_item, open_memory_item
from tensorbond.watch.shown import Parts, judge_parts
from tensorbond.watch.sums import node_path, preimage

Evidences = Callable[[Case, bytes], AnyEvidence]
"""The evidence of a benchmark with a root that was found before."""

Built = Iterator[tuple[str, tuple[Any, ...]]]
"""Kinds of disputes, each with its arguments."""


class Witness:
    """All that is known of one lie: what a builder takes its calldata from."""

    def __init__(self, network: Network, inquiry: Inquiry, lie: Lie, evidences: Evidences) -> None:
        assert inquiry.claim is not None
        assert inquiry.attested is not None
        self.network = network
        self.evidences = evidences
        self.inquiry = inquiry
        self.lie = lie
        self.claim: Claim = inquiry.claim
        self.attested: EpochData = inquiry.attested.data
        self.tree = inquiry.attested.tree.tree

    @property
    def device(self) -> int:
        assert self.lie.device is not None
        return self.lie.device

    @property
    def leaf(self) -> LeafProof:
        return LeafProof(self.lie.epoch, self.attested.leaf(self.device), self.tree.path(self.device))

    @property
    def outcome(self) -> OutcomeProof:
        assert self.lie.row is not None
        rows = self.attested.outcomes[self.device]
        return OutcomeProof(rows[self.lie.row], self.lie.row, outcome_path(rows, self.lie.row))

    @property
    def previous(self) -> tuple[Leaf, bytes]:
        """The leaf before with its path; all zeros, with its empty place's, where there was none."""
        assert self.inquiry.previous is not None
        before = self.inquiry.previous
        return before.data.leaves.get(self.device, NO_LEAF), before.tree.tree.path(self.device)

    @property
    def evidence(self) -> AnyEvidence:
        """What stands under the row's witness."""
        row = self.outcome.outcome
        return self.evidences(self.inquiry.cases[self.device, row.slot], row.witness)

    @property
    def is_committed(self) -> bool:
        return (self.device, self.outcome.outcome.slot) in self.inquiry.facts.commits

    @property
    def record(self) -> Record:
        """The parts of the commit record; all zero where there is none."""
        commit = self.inquiry.facts.commits.get((self.device, self.outcome.outcome.slot))
        if commit is None:
            return Record(bytes(32), 0, ZERO_ADDRESS)
        return Record(commit.commitment, commit.timestamp, commit.key)

    @property
    def parts(self) -> Parts:
        """What answers show of the evidence under the row's witness."""
        row = self.outcome.outcome
        return self.inquiry.answers.items.get((self.device, row.slot, row.witness), {})

    def header(self, slot: int) -> bytes:
        """Of the slot's first block."""
        number = slots.start_of(self.inquiry.facts.timing, slot)
        return encode_header(self.network.rpc.request("eth_getBlockByNumber", hex(number), False))


NO_TERMS = Terms(
    **{each.name: 0 for each in fields(Terms)}  # type: ignore[arg-type]
    | dict.fromkeys(("requester", "sponsor", "token", "provider", "arbiter", "callback"), ZERO_ADDRESS)
    | {"spec": ZERO}
)
NO_JOB = Job(NO_TERMS, 0, status=JobStatus.NONE)


def _bad_sum(told: Witness) -> Built:
    assert told.inquiry.attested is not None
    false = told.inquiry.attested.tree
    if false.wrong is None:
        return
    level, index = false.wrong
    shown = encode_leaf(told.attested.leaf(index)) if level == 0 and index in told.attested.leaves else b""
    if level:
        shown = preimage(false.tree, level, index)
    path = node_path(false.tree, level, index)
    yield "badSum", (NodeProof(told.lie.epoch, level, index, false.stated, shown, path),)


def _bad_device(told: Witness) -> Built:
    yield "badDevice", (told.leaf,)


def _leaf_missing(told: Witness) -> Built:
    yield "leafMissing", (told.lie.epoch, told.device, told.tree.path(told.device))


def _leaf_hidden(told: Witness) -> Built:
    found = hidden_node(told.tree, told.inquiry.truth.devices)
    assert found is not None
    level, index = found
    path = node_path(told.tree, level, index)
    yield "leafHidden", (told.lie.epoch, level, index, *told.tree.levels[level][index], path)


def _bad_reward(told: Witness) -> Built:
    yield "badReward", (told.leaf, *told.previous)


def _bad_weight(told: Witness) -> Built:
    yield "badWeight", (told.leaf,)


def _bad_throughput(told: Witness) -> Built:
    outcome = told.outcome
    yield "badThroughput", (told.leaf, outcome, told.record, told.header(outcome.outcome.slot))


def _bad_outcomes(told: Witness) -> Built:
    if counts_impossibly(told.leaf.leaf, 2 * told.inquiry.facts.timing.epoch_slots):
        # Nothing else is looked at, and the leaf before need not be known.
        yield "badOutcomes", (told.leaf, (), NO_LEAF, b"")
        return
    yield "badOutcomes", (told.leaf, tuple(told.attested.outcomes[told.device]), *told.previous)


def _bad_forced(told: Witness) -> Built:
    assert told.lie.job is not None
    try:
        state = job_state(told.network, told.lie.job)
    except JobUnknown:
        state = NO_JOB
    yield "badForced", (told.leaf, tuple(told.attested.outcomes[told.device]), told.lie.job, state)


def _false_pass(told: Witness) -> Built:
    """No record at all, or the evidence that is said to pass has a bad item or header."""
    row = told.leaf, told.outcome
    if not told.is_committed:
        yield "falsePass", row
        return
    evidence = told.evidence
    bad = find_bad_item(evidence.challenge, evidence.commitment, evidence.sample_beacon, evidence)
    assert bad is not None
    memory = "Memory" if isinstance(evidence, MemoryEvidence) else ""
    if bad.index == len(evidence.items):
        yield f"falsePass{memory}Header", (*row, told.record, open_header(evidence))
    elif isinstance(evidence, MemoryEvidence):
        shown = cap_node(evidence, bad.index, bad.opening or 0)
        yield "falsePassMemoryItem", (*row, told.record, open_memory_item(evidence, bad.index), shown)
    elif (opened := open_item(evidence, bad.index)) is not None:
        yield "falsePassItem", (*row, told.record, opened, bad.row or 0, bad.col or 0)


def _false_fail(told: Witness) -> Built:
    """A record where there is said to be none, none where there must be one, or a named item that is good."""
    row, outcome = (told.leaf, told.outcome), told.outcome.outcome
    if not told.is_committed or outcome.result == OutcomeResult.MISSED:
        yield "falseFail", row
        return
    evidence = told.evidence
    memory = "Memory" if isinstance(evidence, MemoryEvidence) else ""
    if outcome.item == len(evidence.items):
        yield f"falseFail{memory}Header", (*row, told.record, open_header(evidence))
    elif isinstance(evidence, MemoryEvidence):
        opened = open_memory_item(evidence, outcome.item)
        yield "falseFailMemoryItem", (*row, told.record, opened, caps(evidence, outcome.item))
    elif (good := open_item(evidence, outcome.item)) is not None:
        yield "falseFailItem", (*row, told.record, good)


def _shown_in_parts(told: Witness) -> Built:
    """An item or the header that an answer shows makes the row false."""
    row = told.outcome.outcome
    case = told.inquiry.cases[told.device, row.slot]
    if not told.parts:
        return
    events = told.network.events("Challenges", "ItemAnswered", device=told.device, slot=row.slot)
    # Every opening of the C-phase ends with the final seed.
    final_seeds = [event.args["opening"][-32:] for event in events]
    for kind, rest in judge_parts(case, told.parts, row, final_seeds):
        yield kind, (told.leaf, told.outcome, told.record, *rest)


BUILDS: dict[LieKind, Callable[[Witness], Built]] = {
    LieKind.SUM: _bad_sum,
    LieKind.DEVICE: _bad_device,
    LieKind.LEAF_MISSING: _leaf_missing,
    LieKind.LEAF_HIDDEN: _leaf_hidden,
    LieKind.REWARD: _bad_reward,
    LieKind.WEIGHT: _bad_weight,
    LieKind.THROUGHPUT: _bad_throughput,
    LieKind.OUTCOMES: _bad_outcomes,
    LieKind.FORCED: _bad_forced,
    LieKind.PASS: _false_pass,
    LieKind.FAIL: _false_fail,
    LieKind.EVIDENCE_WITHHELD: _shown_in_parts,
}
"""What proves each kind of lie."""


def disputes_of(network: Network, inquiry: Inquiry, lie: Lie, evidences: Evidences) -> list[Dispute]:
    """What proves a lie; nothing where it can't be proven by what is known."""
    build = BUILDS.get(lie.kind)
    if build is None or inquiry.attested is None:
        return []
    built = build(Witness(network, inquiry, lie, evidences))
    return [Dispute(kind, about(inquiry, lie), args, told=lie.told) for kind, args in built]


def requests_of(
    network: Network, inquiry: Inquiry, lie: Lie, picked: Callable[[bytes, int], Sequence[int]]
) -> list[list[Dispute]]:
    """What asks for data that the signers vouch for and nobody shows: for each part first the proof that it
    was not shown in time, then the request. `picked`: which of so many items of a witness."""
    where = about(inquiry, lie)
    if lie.kind == LieKind.LEAF_WITHHELD:
        assert inquiry.claim is not None
        place = lie.epoch, inquiry.claim.record.round, lie.device
        value = with_room(network.call("Attestations", "leafDepositOf", lie.epoch, network.max_fee()))
        return [
            [
                Dispute("withheldLeaf", where, place, told=lie.told),
                Dispute("requestLeaf", where, place, value, lie.told),
            ]
        ]
    if lie.kind != LieKind.EVIDENCE_WITHHELD:
        return []
    told = Witness(network, inquiry, lie, _no_evidence)
    leaf, outcome = told.leaf, told.outcome
    row = outcome.outcome
    items, _ = network.call("LeafProofs", "itemOf", told.device, row, 0)
    asked = [row.item] if row.result == OutcomeResult.BAD_ITEM else [*picked(row.witness, items), items]
    found = []
    for index in asked:
        if index in told.parts:
            continue
        _, length = network.call("LeafProofs", "itemOf", told.device, row, index)
        of = lie.epoch, told.claim.record.round, told.device, row.slot, row.witness
        request = EvidenceRequest(*of, items, index, length)
        value = with_room(network.call("AttestationDisputes", "evidenceDepositOf", length, network.max_fee()))
        part = where | {"item": index}
        found.append(
            [
                Dispute("withheldEvidence", part, (request,), told=lie.told),
                Dispute("requestEvidence", part, (leaf, outcome, index), value, lie.told),
            ]
        )
    return found


def about(inquiry: Inquiry, lie: Lie) -> dict[str, int | str]:
    """An epoch that is attested anew is another matter."""
    assert inquiry.claim is not None
    return {"round": inquiry.claim.record.round} | lie.about


def with_room(least: int) -> int:
    """A deposit that is enough though it is sent anew at a higher price before it is mined."""
    return least * 3 // 2


def _no_evidence(case: Case, root: bytes) -> AnyEvidence:
    raise LookupError(f"no evidence of {case.place} has the root 0x{root.hex()}")
