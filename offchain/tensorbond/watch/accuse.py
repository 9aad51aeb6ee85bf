"""From what an inquiry found to the transactions that prove it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields, replace
from random import Random

from tensorbond.chain import slots
from tensorbond.chain.network import Network
from tensorbond.chain.types import Commit, OutcomeKind, Place, PlaceKind
from tensorbond.oracle.archive import Case
from tensorbond.oracle.duties import duties
from tensorbond.oracle.facts import EpochFacts
from tensorbond.oracle.facts import Place as Benchmark
from tensorbond.oracle.outcomes import Finding, read_signed
from tensorbond.proof.bad_item import BadItem
from tensorbond.proof.challenge import Challenge, Shape, samples
from tensorbond.proof.evidence import AnyEvidence, evidence_root
from tensorbond.proof.memory import LABEL_SAMPLES, MEMORY_ITEMS, label_samples, segment_samples
from tensorbond.proof.memory_evidence import MemoryEvidence
from tensorbond.proof.verifier import bad_items, find_bad_item
from tensorbond.watch.attestations import disputes_of, requests_of, with_room
from tensorbond.watch.dispute import Dispute
from tensorbond.watch.fraud import CALLS_AT_ONCE, NO_RECORD, equivocation_proof, make_bad_item
from tensorbond.watch.inquiry import Inquiry
from tensorbond.watch.memory import header_claim, item_claim
from tensorbond.watch.openings import open_header
from tensorbond.watch.shelf import Shelf
from tensorbond.watch.statements import Pair
from tensorbond.watch.work import TileOpening, bad_lane, bad_links, tile_at

Alternatives = Sequence[Dispute]
"""Any of which does: the first that the chain takes is sent."""

ASKED = 4
"""Items asked for of each evidence that nobody shows. Too few bad ones to be among them cost the provider
nothing, but earn it nothing either."""

FAULT_PAID = 2
"""The flag of a commit record that has paid for a fault: for another only by a second bad item."""
BOND_TAKEN = 8
"""The flag of a commit record that can't pay again."""
ITEM_SHIFT, ITEM_MASK = 5, 0x7FF
"""Where a commit record has the index + 1 of the first item that was proven bad."""
TRIED = 3
"""Second bad items of an evidence that are tried: the first that the chain takes is enough."""


class Accuser:
    """`ask`: also asks on chain for what is withheld; `salt`: secret, so that nobody knows which items."""

    def __init__(self, network: Network, shelf: Shelf, salt: bytes, ask: bool = True) -> None:
        self._network = network
        self._salt = salt
        self._shelf = shelf
        self._ask = ask

    def lies(self, inquiry: Inquiry) -> Alternatives:
        """All lies of one attestation are one fault: it falls with the first."""
        found = [
            dispute
            for lie in inquiry.lies
            for dispute in disputes_of(self._network, inquiry, lie, self._evidence)
        ]
        return _in_its_round(inquiry, found)

    def asked(self, inquiry: Inquiry) -> list[Alternatives]:
        """What asks for data that nobody shows, though the attestation vouches for them."""
        return [
            _in_its_round(inquiry, request)
            for lie in inquiry.lies
            if self._ask
            for request in requests_of(self._network, inquiry, lie, self._picked)
        ]

    def work(self, inquiry: Inquiry) -> list[Alternatives]:
        """One list for each fault of a provider; none beside a revoked attestation, which is looked into for
        its signers."""
        if inquiry.claim is not None and inquiry.claim.is_revoked:
            return []
        faults = *self._misses(inquiry.facts), *self._faults(inquiry), *self._opened(inquiry)
        return [each for each in (*faults, *self._withheld(inquiry)) if each]

    # Work

    def _misses(self, facts: EpochFacts) -> list[Alternatives]:
        """F0: drawn, and no record. A miss that was proven before has one."""
        places = [
            (duty.device, duty.slot)
            for due in duties(facts).values()
            for duty in due
            if duty.kind != OutcomeKind.FORCED and (duty.device, duty.slot) not in facts.commits
        ]
        records = self._records(places)
        return [
            [Dispute("missed", about(place), place, told="no record")]
            for place in places
            if records[place] == NO_RECORD
        ]

    def _faults(self, inquiry: Inquiry) -> list[Alternatives]:
        """What signed evidence shows, where the benchmark has not paid for a fault yet."""
        guilty = {
            place: findings
            for place, findings in inquiry.truth.findings.items()
            if len(findings) > 1 or any(each.bad_item is not None for each in findings)
        }
        records = self._records(list(guilty))
        return [
            self._second_items(inquiry.cases[place], findings, records[place])
            if records[place][-1] & FAULT_PAID
            else self._of_evidence(inquiry.cases[place], findings)
            for place, findings in guilty.items()
            if not records[place][-1] & BOND_TAKEN
        ]

    def _of_evidence(self, case: Case, findings: Collection[Finding]) -> list[Dispute]:
        """The cheapest first."""
        found = self._two_evidences(case, findings)
        for finding in findings:
            if finding.bad_item is not None:
                found += self._bad_item(case, finding)
        return found

    def _second_items(self, case: Case, findings: Collection[Finding], record: bytes) -> list[Dispute]:
        """Of a slot that has paid for a fault: two bad items of different places take the whole bond. The
        record remembers which one was proven; where it was none, the first of two costs nothing yet."""
        first = (int.from_bytes(record, "big") >> ITEM_SHIFT & ITEM_MASK) - 1
        found: list[Dispute] = []
        if not self._network.call("DeviceRegistry", "bondOf", case.commit.device):
            return found
        for finding in findings:
            if finding.bad_item is None:
                continue
            evidence = self._evidence(case, finding.root)
            told = case.challenge, case.commit.commitment, case.sample_beacon
            bad = [each for each in bad_items(*told, evidence) if each.index != first]
            places = {place_of(case, each.index) for each in bad}
            if first >= 0:
                places -= {place_of(case, first)}
            if len(places) < (1 if first >= 0 else 2):
                continue
            found += [
                replace(dispute, about=about(case.place) | {"item": each.index})
                for each in bad
                if place_of(case, each.index) in places
                for dispute in self._about_item(case, evidence, each)
            ][:TRIED]
        return found

    def _bad_item(self, case: Case, finding: Finding) -> list[Dispute]:
        evidence = self._evidence(case, finding.root)
        bad = find_bad_item(case.challenge, case.commit.commitment, case.sample_beacon, evidence)
        return [] if bad is None else self._about_item(case, evidence, bad)

    def _about_item(self, case: Case, evidence: AnyEvidence, bad: BadItem) -> list[Dispute]:
        if isinstance(evidence, MemoryEvidence):
            return [_bad_memory(case, evidence, bad)]
        if bad.index == len(evidence.items):
            args = _commit(case), open_header(evidence), evidence.signature
            return [Dispute("badHeader", about(case.place), args, told=str(bad.reason))]
        proof = make_bad_item(evidence, case.commit.timestamp, case.commit.key, bad.index, bad.row, bad.col)
        if proof is None:
            return []
        return [Dispute("badItem", about(case.place), (proof,), told=f"item {bad.index}")]

    def _two_evidences(self, case: Case, findings: Collection[Finding]) -> list[Dispute]:
        """F8: the key signed two evidences for one commitment, good or bad."""
        if len(findings) < 2:
            return []
        shown = [self._evidence(case, each.root) for each in findings][:2]
        roots = tuple(evidence_root(each) for each in shown)
        signatures = tuple(each.signature for each in shown)
        told = " and ".join(f"0x{root.hex()}" for root in roots)
        return [Dispute("twoEvidences", about(case.place), (_commit(case), roots, signatures), told=told)]

    def _withheld(self, inquiry: Inquiry) -> list[Alternatives]:
        """F7: what is committed to, but not shown to anybody: asked for on chain, then proven withheld."""
        hidden = [
            case
            for place, case in inquiry.cases.items()
            if self._ask and not inquiry.truth.findings.get(place)
        ]
        records = self._records([case.place for case in hidden])
        return [
            self._asked_item(case, index)
            for case in hidden
            if not records[case.place][-1] & FAULT_PAID
            for index in self._picked(case.commit.commitment, _items(case))
        ]

    def _opened(self, inquiry: Inquiry) -> list[Alternatives]:
        """F2 and F3: what answers have opened of a commitment to the C-phase."""
        answers: dict[Benchmark, list[TileOpening]] = {}
        timing = inquiry.facts.timing
        since = slots.start_of(timing, slots.first_slot(timing, inquiry.facts.epoch))
        for event in self._network.events("Challenges", "ItemAnswered", since=since):
            case = inquiry.cases.get((event.args["device"], event.args["slot"]))
            if case is not None and isinstance(case.challenge, Challenge):
                shape, commitment = case.challenge.shape, case.commit.commitment
                where = tile_at(event.args["place"], commitment, case.sample_beacon, shape)
                opening = TileOpening.parse(shape, *where, event.args["opening"])
                answers.setdefault(case.place, []).append(opening)
        records = self._records(list(answers))
        return [
            self._of_openings(inquiry.cases[place], opened)
            for place, opened in answers.items()
            if not records[place][-1] & FAULT_PAID
        ]

    def _of_openings(self, case: Case, opened: Sequence[TileOpening]) -> list[Dispute]:
        assert isinstance(case.challenge, Challenge)
        found = [
            Dispute("badLink", about(case.place), (_commit(case), link), told=f"link {link.index}")
            for link in bad_links(case.challenge, opened)
        ]
        for each in opened:
            lane = bad_lane(case.challenge, each)
            if lane is not None:
                args = _commit(case), each.round, each.tile, lane, each.encode()
                told = f"lane {lane} of tile {each.tile} in round {each.round}"
                found.append(Dispute("badLane", about(case.place), args, told=told))
        return found

    def _picked(self, subject: bytes, count: int) -> list[int]:
        """Which of so many items are asked for: nobody can know before, and always the same."""
        return sorted(Random(self._salt + subject).sample(range(count), min(ASKED, count)))

    def _asked_item(self, case: Case, index: int) -> list[Dispute]:
        place = Place(int(PlaceKind.SAMPLE), index, 0)
        need = self._network.call("Challenges", "depositOf", *case.place, place, self._network.max_fee())
        told = "no evidence of what was committed to"
        where = about(case.place) | {"item": index}
        return [
            Dispute("withheldItem", where, (_commit(case), place), told=told),
            Dispute("requestItem", where, (*case.place, index), with_room(need), told),
        ]

    def _evidence(self, case: Case, root: bytes) -> AnyEvidence:
        raw = self._shelf.read(case, root)
        domain = self._network.domain("Challenges")
        evidence = read_signed(raw, case.challenge, case.commit, case.sample_beacon, domain)
        assert evidence is not None  # nothing else is on the shelf
        return evidence

    def _records(self, places: Sequence[Benchmark]) -> dict[Benchmark, bytes]:
        found: dict[Benchmark, bytes] = {}
        for start in range(0, len(places), CALLS_AT_ONCE):
            part = places[start : start + CALLS_AT_ONCE]
            told = self._network.calls([("Challenges", "recordOf", *place) for place in part])
            found |= dict(zip(part, told, strict=True))
        return found


def _in_its_round(inquiry: Inquiry, disputes: Alternatives) -> Alternatives:
    if inquiry.claim is None or not inquiry.claim.is_revoked:
        return disputes
    return [against_revoked(each, inquiry.claim.record.round) for each in disputes]


def against_revoked(dispute: Dispute, round: int) -> Dispute:
    """The same of a revoked attestation. Requests for leaves, and what was withheld, name the round."""
    names_round = dispute.kind in ("withheldLeaf", "requestLeaf", "withheldEvidence")
    return dispute if names_round else replace(dispute, revoked=round)


def _bad_memory(case: Case, evidence: MemoryEvidence, bad: BadItem) -> Dispute:
    if bad.index == MEMORY_ITEMS:
        args: tuple[object, ...] = header_claim(evidence, _commit(case))
        return Dispute("badMemoryHeader", about(case.place), args, told=str(bad.reason))
    args = item_claim(evidence, _commit(case), bad)
    return Dispute("badMemoryItem", about(case.place), args, told=f"item {bad.index}: {bad.reason}")


def _items(case: Case) -> int:
    shape = case.challenge.shape
    return shape.q if isinstance(shape, Shape) else MEMORY_ITEMS


def place_of(case: Case, index: int) -> tuple[int, ...]:
    """Where the commitment has what an item shows: two items of one place are one fault."""
    told = case.commit.commitment, case.sample_beacon
    if isinstance(case.challenge, Challenge):
        sample = samples(*told, case.challenge.shape)[index]
        return sample.round, sample.tile
    if index < LABEL_SAMPLES:
        return (label_samples(*told, case.challenge.shape)[index].number,)
    segment = segment_samples(*told, case.challenge.shape)[index - LABEL_SAMPLES]
    return segment.walker, segment.segment


def _commit(case: Case) -> Commit:
    commit = case.commit
    return Commit(commit.device, commit.slot, commit.commitment, commit.timestamp, commit.key)


def about(place: Benchmark) -> dict[str, int | str]:
    return {"device": place[0], "slot": place[1]}


def equivocation(network: Network, pair: Pair) -> Dispute:
    """F5. Raises NoFraud where the two don't contradict each other, or no member signed them."""
    first, second = pair
    proof = equivocation_proof(
        network, (first.statement, first.signature), (second.statement, second.signature)
    )
    return Dispute(
        "equivocation",
        {"epoch": first.statement.epoch, "round": first.statement.round, "oracle": first.oracle},
        tuple(getattr(proof, each.name) for each in fields(proof)),
        told="two statements that contradict each other",
    )
