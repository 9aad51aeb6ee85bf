"""From a lie in an attestation to the calldata that prove it to `AttestationDisputes`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from tensorbond.chain import slots
from tensorbond.chain.errors import JobUnknown
from tensorbond.chain.jobs import ZERO_ADDRESS, job_state
from tensorbond.chain.network import Network
from tensorbond.chain.types import Job, Leaf, LeafProof, NodeProof, OutcomeProof, Record, Terms
from tensorbond.oracle.facts import CommitFact
from tensorbond.oracle.leaves import EpochData
from tensorbond.oracle.sealer import encode_header
from tensorbond.oracle.tree import ZERO, encode_leaf, outcome_path
from tensorbond.watch.dispute import Dispute
from tensorbond.watch.inquiry import Claim, Inquiry
from tensorbond.watch.lies import Lie, LieKind
from tensorbond.watch.sums import node_path, preimage

Build = Callable[["Witness"], tuple[Any, ...] | None]


class Witness:
    """All that is known of one lie: what a builder takes its calldata from."""

    def __init__(self, network: Network, inquiry: Inquiry, lie: Lie) -> None:
        assert inquiry.claim is not None
        assert inquiry.attested is not None
        assert inquiry.tree is not None
        self.network = network
        self.inquiry = inquiry
        self.lie = lie
        self.claim: Claim = inquiry.claim
        self.attested: EpochData = inquiry.attested
        self.tree = inquiry.tree.tree

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
        return before.leaves.get(self.device, NO_LEAF), before.tree.path(self.device)

    @property
    def commit(self) -> CommitFact:
        return self.inquiry.facts.commits[self.device, self.outcome.outcome.slot]

    @property
    def record(self) -> Record:
        """The parts of the commit record; all zero where there is none."""
        commit = self.inquiry.facts.commits.get((self.device, self.outcome.outcome.slot))
        if commit is None:
            return Record(bytes(32), 0, ZERO_ADDRESS)
        return Record(commit.commitment, commit.timestamp, commit.key)

    def header(self, slot: int) -> bytes:
        """Of the slot's first block."""
        number = slots.start_of(self.inquiry.facts.timing, slot)
        return encode_header(self.network.rpc.request("eth_getBlockByNumber", hex(number), False))


NO_LEAF = Leaf(**{each.name: 0 for each in fields(Leaf)} | {"provider": ZERO_ADDRESS, "outcomes_root": ZERO})  # type: ignore[arg-type]
NO_TERMS = Terms(
    **{each.name: 0 for each in fields(Terms)}  # type: ignore[arg-type]
    | {"requester": ZERO_ADDRESS, "token": ZERO_ADDRESS, "provider": ZERO_ADDRESS, "spec": ZERO}
)
NO_JOB = Job(NO_TERMS, 0, 0, ZERO_ADDRESS, 0, 0, 0, ZERO)


def _bad_sum(told: Witness) -> tuple[Any, ...] | None:
    false = told.inquiry.tree
    if false is None or false.wrong is None:
        return None
    level, index = false.wrong
    shown = encode_leaf(told.attested.leaf(index)) if level == 0 and index in told.attested.leaves else b""
    if level:
        shown = preimage(false.tree, level, index)
    path = node_path(false.tree, level, index)
    return (NodeProof(told.lie.epoch, level, index, false.stated, shown, path),)


def _leaf_missing(told: Witness) -> tuple[Any, ...]:
    return told.lie.epoch, told.device, told.tree.path(told.device)


def _bad_throughput(told: Witness) -> tuple[Any, ...]:
    outcome = told.outcome
    return told.leaf, outcome, told.record, told.header(outcome.outcome.slot)


def _bad_outcomes(told: Witness) -> tuple[Any, ...]:
    return told.leaf, tuple(told.attested.outcomes[told.device]), *told.previous


def _bad_forced(told: Witness) -> tuple[Any, ...]:
    assert told.lie.job is not None
    try:
        state = job_state(told.network, told.lie.job)
    except JobUnknown:
        state = NO_JOB
    return told.leaf, tuple(told.attested.outcomes[told.device]), told.lie.job, state


BUILDS: dict[LieKind, Build] = {
    LieKind.SUM: _bad_sum,
    LieKind.DEVICE: lambda told: (told.leaf,),
    LieKind.LEAF_MISSING: _leaf_missing,
    LieKind.REWARD: lambda told: (told.leaf, *told.previous),
    LieKind.WEIGHT: lambda told: (told.leaf,),
    LieKind.THROUGHPUT: _bad_throughput,
    LieKind.OUTCOMES: _bad_outcomes,
    LieKind.FORCED: _bad_forced,
}
"""The arguments of each kind's verb, or None where what is known doesn't show the lie."""


def disputes_of(network: Network, inquiry: Inquiry, lie: Lie) -> list[Dispute]:
    """What proves a lie; nothing where it can't be proven by what is known."""
    build = BUILDS.get(lie.kind)
    if build is None or inquiry.claim is None or inquiry.attested is None or inquiry.tree is None:
        return []
    args = build(Witness(network, inquiry, lie))
    if args is None:
        return []
    about = {"round": inquiry.claim.record.round} | lie.about
    return [Dispute(lie.kind, about, args, told=lie.told)]
