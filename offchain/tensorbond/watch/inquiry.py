"""One epoch looked into: everything that chain and evidence say of it, and everything that was attested.

`Inquirer.inquire` asks for all of it once, pinned to a block; whoever builds a proof finds its parts here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field

from tensorbond.chain.abi import Event
from tensorbond.chain.network import BlockRef, Network
from tensorbond.chain.types import Attested, Timing
from tensorbond.oracle.archive import Case, cases_of
from tensorbond.oracle.errors import LeafDataInvalid
from tensorbond.oracle.facts import EpochFacts, Place
from tensorbond.oracle.leaves import MAX_BYTES, EpochData, data_name, no_leaves
from tensorbond.oracle.peers import Peers
from tensorbond.oracle.reader import Reader
from tensorbond.oracle.tree import ZERO, Tree, outcomes_root
from tensorbond.store import FileOversized, NameMissing, Store
from tensorbond.watch.answers import NO_ANSWERS, AnswerReader, Answers, data_of, graft, hidden_node
from tensorbond.watch.lies import Lie, LieKind, Truth, counts_impossibly, find_lies, is_pass
from tensorbond.watch.shelf import Shelf
from tensorbond.watch.sums import AttestedTree, recover

log = logging.getLogger(__name__)

ATTESTED = 1
"""The flags of an attestation that was neither void nor revoked."""
KEPT = 4
"""Epochs whose leaves stay in memory: the next one follows from them."""


@dataclass(frozen=True)
class Claim:
    """What a quorum attested of an epoch, as the chain knows it."""

    epoch: int
    root: bytes
    record: Attested
    data_digest: bytes
    transaction: str
    previous_root: bytes
    """What stood before it when it was attested, whatever stands there now."""

    @property
    def is_revoked(self) -> bool:
        return self.record.flags != ATTESTED


@dataclass(frozen=True)
class Shown:
    """What is shown of an attestation: everything, or the leaves that answers on chain open."""

    data: EpochData
    tree: AttestedTree
    places: Set[int] | None = None
    """The devices whose leaf, or its absence, is known; None: all."""


@dataclass(frozen=True)
class Inquiry:
    """`claim`: None while nothing is attested. `previous`: what is shown under the root that stood before.
    `answers`: what answers to requests show of the attestation."""

    truth: Truth
    cases: Mapping[Place, Case]
    claim: Claim | None = None
    attested: Shown | None = None
    previous: Shown | None = None
    answers: Answers = NO_ANSWERS
    lies: tuple[Lie, ...] = field(default=())

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing that the leaves are judged by."""
        return self.previous is None or self.previous.places is None

    @property
    def facts(self) -> EpochFacts:
        return self.truth.facts


class Inquirer:
    def __init__(self, network: Network, reader: Reader, store: Store, shelf: Shelf) -> None:
        self._network = network
        self._reader = reader
        self._store = store
        self._shelf = shelf
        self._answers = AnswerReader(network)
        self._read: dict[bytes, Shown] = {}

    def claim_of(self, epoch: int, pinned: BlockRef) -> Claim | None:
        """What stands attested of an epoch."""
        return next((claim for claim in self.claims_of(epoch, pinned) if not claim.is_revoked), None)

    def claims_of(self, epoch: int, pinned: BlockRef) -> list[Claim]:
        """Everything that was attested of an epoch: what was revoked, and what stands."""
        events = self._network.events("Attestations", "EpochAttested", until=pinned, epoch=epoch)
        return [self._claim(event, pinned) for event in events]

    def is_punishable(self, claim: Claim, pinned: BlockRef) -> bool:
        """Whether who signed a revoked attestation can still be made to answer for it."""
        record, network = claim.record, self._network
        if pinned.number > record.provable_until:
            return False
        members = network.call("Attestations", "membersOf", record.set_id, block=pinned)
        signers = [member for index, member in enumerate(members) if record.signers >> index & 1]
        bonds = network.calls([("Attestations", "bondOf", signer) for signer in signers], pinned)
        return any(bond.amount for bond in bonds)

    def _claim(self, event: Event, pinned: BlockRef) -> Claim:
        args = event.args
        epoch = args["epoch"]
        root, previous_root, record = self._network.call(
            "Attestations", "attestationOf", epoch, args["round"], block=pinned
        )
        return Claim(epoch, root, record, args["dataDigest"], event.transaction, previous_root)

    def peers_of(self, epoch: int, pinned: BlockRef) -> Peers:
        """The exchanges of the set in force at an epoch."""
        set_id = self._network.call("Attestations", "setOf", epoch, block=pinned)
        if not set_id:
            return Peers({})
        members = self._network.call("Attestations", "membersOf", set_id, block=pinned)
        return Peers(self._reader.endpoints(members, pinned))

    def inquire(self, epoch: int, claim: Claim | None, pinned: BlockRef, peers: Peers) -> Inquiry:
        """Everything about an epoch that is over, and about one attestation of it. Raises FactsIncomplete,
        FactsContradict and StoreUnavailable."""
        facts = self._reader.epoch_facts(epoch, pinned)
        answers = NO_ANSWERS if claim is None else self._answers_to(claim, pinned)
        attested = None if claim is None else self._shown(claim, peers, answers)
        cases = cases_of(facts)
        found = self._shelf.judge(cases, _witnesses(attested), peers)
        by_place = {case.place: case for case in cases}
        if claim is None:
            return Inquiry(Truth(facts, {}, found), by_place)
        previous = self._previous(claim, peers, pinned)
        truth = Truth(facts, previous.data.leaves, found, previous.places)
        lies = _data_lies(truth, claim, attested, answers)
        for event, device, transaction in sorted(answers.unread):
            told = f"{transaction} answers ({event}) in a way that can't be read"
            lies.append(Lie(LieKind.UNPROVEN, epoch, device, None, told))
        if attested is not None:
            lies += find_lies(truth, attested.data, claim.record.total_weight, attested.places)
            tree = attested.tree
            if tree.wrong is not None:
                told = f"node {tree.wrong[1]} of level {tree.wrong[0]} states the sum {tree.stated}"
                lies.insert(0, Lie(LieKind.SUM, epoch, None, None, told))
        return Inquiry(truth, by_place, claim, attested, previous, answers, tuple(lies))

    def _answers_to(self, claim: Claim, pinned: BlockRef) -> Answers:
        return self._answers.read(claim.epoch, claim.record.round, claim.root, pinned)

    def _shown(self, claim: Claim, peers: Peers, answers: Answers) -> Shown | None:
        """What anybody published, or else what answers on chain show."""
        published = self._published(claim, peers)
        if published is not None or not answers.leaves:
            return published
        return Shown(
            data_of(answers.leaves, self._network.chain_id, claim.epoch),
            graft(answers.leaves.values(), claim.root, claim.record.total_weight),
            answers.leaves.keys(),
        )

    def _published(self, claim: Claim, peers: Peers) -> Shown | None:
        """The leaves and the tree that stand under the attested root, from whoever shows them."""
        if claim.root in self._read:
            return self._read[claim.root]
        name = data_name(self._network.chain_id, claim.epoch, claim.root)
        timing: Timing = self._network.call("DeviceRegistry", "timingOf", claim.epoch)
        for raw in self._offers(name, peers):
            try:
                data = EpochData.parse(raw)
                tree = recover(data.leaves.values(), claim.root, claim.record.total_weight)
                is_whole = all(
                    counts_impossibly(leaf, 2 * timing.epoch_slots)
                    or (outcomes_root(data.outcomes[device]), len(data.outcomes[device]))
                    == (leaf.outcomes_root, leaf.outcome_count)
                    for device, leaf in data.leaves.items()
                )
            except (LeafDataInvalid, ValueError) as error:
                log.info("leaf data of epoch %d are useless: %s", claim.epoch, error)
                continue
            if tree is not None and is_whole:
                self._read = dict([*self._read.items(), (claim.root, Shown(data, tree))][-KEPT:])
                return self._read[claim.root]
        return None

    def _offers(self, name: str, peers: Peers) -> Iterator[bytes]:
        with suppress(NameMissing, FileOversized):
            yield self._store.get(name, MAX_BYTES)
        yield from peers.leaf_data(name, MAX_BYTES)

    def _previous(self, claim: Claim, peers: Peers, pinned: BlockRef) -> Shown:
        nothing = no_leaves(self._network.chain_id)
        if claim.previous_root == ZERO:
            return Shown(nothing, AttestedTree(nothing.tree))
        epoch = self._reader.epoch_of_root(claim.previous_root, claim.epoch, pinned)
        told = self._network.events(
            "Attestations", "EpochAttested", until=pinned, epoch=epoch, root=claim.previous_root
        )
        before = self._claim(told[-1], pinned)
        shown = self._shown(before, peers, self._answers_to(before, pinned))
        if shown is None:
            log.info("nobody shows the leaves of epoch %d, which epoch %d follows", epoch, claim.epoch)
            return Shown(nothing, AttestedTree(Tree(claim.previous_root, 0, ())), frozenset())
        return shown


def _witnesses(attested: Shown | None) -> dict[Place, frozenset[bytes]]:
    """What evidence an attestation says that there is, by benchmark."""
    found: dict[Place, frozenset[bytes]] = {}
    for device, rows in {} if attested is None else attested.data.outcomes.items():
        for row in rows:
            if is_pass(row) or any(row.witness):
                place = device, row.slot
                found[place] = found.get(place, frozenset()) | {row.witness}
    return found


def _data_lies(truth: Truth, claim: Claim, attested: Shown | None, answers: Answers) -> list[Lie]:
    """Leaves that nobody can show, or that are not those of the digest."""
    if attested is not None and attested.places is None:
        digest = attested.data.data_digest
        if digest == claim.data_digest:
            return []
        told = f"the data digest is 0x{digest.hex()}, attested is 0x{claim.data_digest.hex()}"
        return [Lie(LieKind.UNPROVEN, claim.epoch, None, None, told)]
    unread = {place for event, place, _ in answers.unread if event == "LeafAnswered"}
    asked = (truth.devices.keys() or {0}) - answers.leaves.keys() - unread
    told = f"nobody shows the leaf under 0x{claim.root.hex()}"
    lies = [Lie(LieKind.LEAF_WITHHELD, claim.epoch, place, None, told) for place in sorted(asked)]
    hidden = None if attested is None else hidden_node(attested.tree.tree, truth.devices)
    if hidden is not None:
        level, index = hidden
        told = f"node {index} of level {level} is there, but no device that has begun below it"
        lies.append(Lie(LieKind.LEAF_HIDDEN, claim.epoch, index << level, None, told))
    return lies
