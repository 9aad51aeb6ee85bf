"""Evidence: fetching it from the store and from the peers, judging it on all cores, and keeping what decided.

Any oracle may see another file under the same name (a provider can sign two). So whatever decided a benchmark
here is kept in a folder of this oracle's own, and that is what its peers get: they come to the same outcome.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tensorbond.chain import digests
from tensorbond.chain.digests import Domain
from tensorbond.chain.errors import SignatureInvalid
from tensorbond.oracle.duties import challenge_of, duties
from tensorbond.oracle.errors import LeafDataInvalid, LeafDataMissing
from tensorbond.oracle.facts import CommitFact, EpochFacts, Place
from tensorbond.oracle.leaves import MAX_BYTES, EpochData, data_name, decode_epoch
from tensorbond.oracle.outcomes import Finding, decisive, examine
from tensorbond.oracle.peers import Peers
from tensorbond.proof.errors import ProofError
from tensorbond.proof.evidence import (
    MAX_EVIDENCE_BYTES,
    AnyEvidence,
    decode_evidence,
    evidence_length,
    evidence_name,
    evidence_root,
)
from tensorbond.proof.verifier import AnyChallenge
from tensorbond.store import FileOversized, NameMissing, NameTaken, Store, StoreError

log = logging.getLogger(__name__)

FILES_AT_ONCE = 16
"""Benchmarks judged in one go: bounds the memory that their files take."""


@dataclass(frozen=True)
class Case:
    """A committed benchmark whose evidence is to be judged."""

    challenge: AnyChallenge
    commit: CommitFact
    sample_beacon: bytes

    @property
    def place(self) -> Place:
        return self.commit.device, self.commit.slot

    @property
    def name(self) -> str:
        return evidence_name(
            self.challenge.chain_id, self.commit.device, self.commit.slot, self.commit.commitment
        )

    @property
    def length(self) -> int:
        return evidence_length(self.challenge.shape)


class Archive:
    """`domain`: that of Challenges, in which evidence is signed."""

    def __init__(self, store: Store, own: Path, domain: Domain, workers: int | None = None) -> None:
        self._store = store
        self._own = own
        self._domain = domain
        self._pool = ThreadPoolExecutor(workers or os.cpu_count() or 1, thread_name_prefix="verify")
        self._found: dict[Case, dict[bytes, Finding | None]] = {}

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def judge(self, cases: Sequence[Case], peers: Peers | None = None) -> dict[Place, tuple[Finding, ...]]:
        """What the signed evidence of each case shows, so far as it can be had. With `peers`, they are asked
        about every case that no evidence passes. Raises StoreUnavailable: what can't be read isn't absent."""
        for part in _parts([case for case in cases if not self._passed(case)], FILES_AT_ONCE):
            self._examine([(case, raw) for case in part for raw in self._stored(case)])
            unsettled = [case for case in part if not self._passed(case)]
            if peers is not None and unsettled:
                self._ask(unsettled, peers)
        return {case.place: self._findings(case) for case in cases}

    def discard_before(self, slot: int) -> None:
        """Delete own copies about earlier slots: nobody can ask for them any more."""
        for folder in self._own.glob("*/*/*"):
            if folder.name.isdecimal() and int(folder.name) < slot:
                shutil.rmtree(folder)

    def forget_before(self, slot: int) -> None:
        """Drop from memory what was found about earlier slots."""
        self._found = {case: found for case, found in self._found.items() if case.commit.slot >= slot}

    def read(self, name: str) -> bytes | None:
        """A file as this oracle would show it to others; None if it has none."""
        own = self._read_own(name, MAX_BYTES)
        if own is not None:
            return own
        try:
            return self._store.get(name, MAX_BYTES)
        except StoreError:
            return None

    def publish(self, data: EpochData) -> None:
        self._store.put(data_name(data.chain_id, data.epoch, data.root), data.encode())

    def leaf_data(self, chain_id: int, epoch: int, root: bytes, peers: Peers) -> EpochData:
        """From the store or, checked against the root just as well, from a peer; raises LeafDataMissing."""
        name = data_name(chain_id, epoch, root)
        with contextlib.suppress(NameMissing, LeafDataInvalid):
            return decode_epoch(self._store.get(name, MAX_BYTES), chain_id, epoch, root)
        for raw in peers.leaf_data(name, MAX_BYTES):
            try:
                data = decode_epoch(raw, chain_id, epoch, root)
            except LeafDataInvalid as error:
                log.warning("a peer's leaf data of epoch %d are useless: %s", epoch, error)
                continue
            with contextlib.suppress(NameTaken):
                self._store.put(name, raw)
            return data
        raise LeafDataMissing(f"nobody has the leaf data of epoch {epoch} under root 0x{root.hex()}")

    def evidence(self, chain_id: int, commit: CommitFact, root: bytes, peers: Peers) -> AnyEvidence | None:
        """The signed evidence of this root: our own copy, the store's or a peer's; None if nobody has it."""
        name = evidence_name(chain_id, commit.device, commit.slot, commit.commitment)
        signed = digests.evidence(self._domain, commit.commitment, root)
        for raw in self._shown(name, peers):
            with contextlib.suppress(ProofError, SignatureInvalid):
                evidence = decode_evidence(raw)
                if evidence_root(evidence) == root and signed.signer(evidence.signature) == commit.key:
                    return evidence
        return None

    def _shown(self, name: str, peers: Peers) -> Iterator[bytes]:
        own = self._read_own(name, MAX_EVIDENCE_BYTES)
        if own is not None:
            yield own
        with contextlib.suppress(StoreError):
            yield self._store.get(name, MAX_EVIDENCE_BYTES)
        yield from peers.evidence([name], MAX_EVIDENCE_BYTES)[name]

    def _ask(self, cases: Sequence[Case], peers: Peers) -> None:
        """Take the peers' files of these cases, and keep the one that decides a case if it is not stored."""
        answers = peers.evidence([case.name for case in cases], max(case.length for case in cases))
        told = {case: answers[case.name] for case in cases}
        self._examine([(case, raw) for case, files in told.items() for raw in files])
        for case, files in told.items():
            best = decisive(self._findings(case))
            for raw in files:
                if best is not None and self._found[case].get(_key(raw)) == best:
                    self._keep(case, raw)
                    break

    def _keep(self, case: Case, raw: bytes) -> None:
        try:
            self._store.put(case.name, raw)
        except NameTaken:
            _write(self._own / case.name, raw)

    def _stored(self, case: Case) -> Iterator[bytes]:
        """The store's file and our own, if they may be evidence of the case's class at all."""
        own = self._read_own(case.name, case.length)
        if own is not None:
            yield own
        with contextlib.suppress(NameMissing, FileOversized):
            yield self._store.get(case.name, case.length)

    def _read_own(self, name: str, limit: int) -> bytes | None:
        try:
            with open(self._own / name, "rb") as file:
                return file.read(limit)
        except OSError:
            return None

    def _examine(self, files: Iterable[tuple[Case, bytes]]) -> None:
        fresh: dict[tuple[Case, bytes], bytes] = {}
        for case, raw in files:
            key = _key(raw)
            if key not in self._found.setdefault(case, {}):
                fresh[case, key] = raw
        tasks = {
            (case, key): self._pool.submit(
                examine, raw, case.challenge, case.commit, case.sample_beacon, self._domain
            )
            for (case, key), raw in fresh.items()
        }
        for (case, key), task in tasks.items():
            self._found[case][key] = task.result()
        # Whoever signs must show what decided as long as it can be asked for, whatever becomes of the store.
        for (case, key), raw in fresh.items():
            finding = self._found[case][key]
            if finding is not None and finding == decisive(self._findings(case)):
                _write(self._own / case.name, raw)

    def _findings(self, case: Case) -> tuple[Finding, ...]:
        return tuple(each for each in self._found.get(case, {}).values() if each is not None)

    def _passed(self, case: Case) -> bool:
        return any(finding.bad_item is None for finding in self._findings(case))


def cases_of(facts: EpochFacts) -> list[Case]:
    """One for each due benchmark that was committed to."""
    devices = {device.device: device for device in facts.devices}
    places = dict.fromkeys((duty.device, duty.slot) for due in duties(facts).values() for duty in due)
    return [
        Case(
            challenge_of(facts, devices[place[0]], place[1]),
            facts.commits[place],
            facts.slot(place[1]).sample_beacon,
        )
        for place in places
        if place in facts.commits
    ]


def _key(raw: bytes) -> bytes:
    return sha256(raw).digest()


def _parts(cases: Sequence[Case], size: int) -> Iterator[Sequence[Case]]:
    for start in range(0, len(cases), size):
        yield cases[start : start + size]


def _write(path: Path, raw: bytes) -> None:
    """Replaces the file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)
