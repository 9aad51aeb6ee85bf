"""Every evidence that a committing key was ever seen to sign, kept by its root.

A store holds one file for a benchmark, but a provider can sign two and show each to others: whatever was seen
stays here, so that a witness can be looked at again, and two evidences for one commitment be told.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from tensorbond.chain.digests import Domain
from tensorbond.oracle.archive import FILES_AT_ONCE, Case
from tensorbond.oracle.facts import Place
from tensorbond.oracle.outcomes import Finding, examine
from tensorbond.oracle.peers import Peers
from tensorbond.store import FileOversized, NameMissing, Store


class Shelf:
    """`domain`: that of Challenges, in which evidence is signed. `folder`: its own, for good."""

    def __init__(self, store: Store, folder: Path, domain: Domain, workers: int | None = None) -> None:
        self._store = store
        self._folder = folder
        self._domain = domain
        self._pool = ThreadPoolExecutor(workers or os.cpu_count() or 1, thread_name_prefix="watch")
        self._seen: dict[tuple[Case, bytes], Finding | None] = {}

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def judge(
        self, cases: Sequence[Case], witnesses: Mapping[Place, frozenset[bytes]], peers: Peers
    ) -> dict[Place, tuple[Finding, ...]]:
        """What all signed evidence of each case shows, in the order of roots. The peers are asked where none
        passes, or where a witness that was attested is unknown. Raises StoreUnavailable."""
        found: dict[Place, tuple[Finding, ...]] = {}
        for start in range(0, len(cases), FILES_AT_ONCE):
            part = cases[start : start + FILES_AT_ONCE]
            told = self._examine({case: list(self._files(case)) for case in part})
            lacking = [case for case in part if _lacks(told[case], witnesses.get(case.place, frozenset()))]
            if lacking and peers.endpoints:
                answers = peers.evidence(
                    [case.name for case in lacking], max(case.length for case in lacking)
                )
                more = self._examine({case: answers[case.name] for case in lacking})
                told |= {case: told[case] | more[case] for case in lacking}
            found |= {case.place: tuple(told[case][root] for root in sorted(told[case])) for case in part}
        return found

    def read(self, case: Case, root: bytes) -> bytes:
        """The file of a finding's root. Raises FileNotFoundError."""
        return (self._place(case) / root.hex()).read_bytes()

    def forget_before(self, slot: int) -> None:
        """Drop from memory what was found about earlier slots; the files stay."""
        self._seen = {key: found for key, found in self._seen.items() if key[0].commit.slot >= slot}

    def _files(self, case: Case) -> Iterator[bytes]:
        with contextlib.suppress(NameMissing, FileOversized):
            yield self._store.get(case.name, case.length)
        with contextlib.suppress(FileNotFoundError):
            for path in sorted(self._place(case).iterdir()):
                if not path.name.startswith("."):
                    yield path.read_bytes()

    def _examine(self, files: Mapping[Case, Sequence[bytes]]) -> dict[Case, dict[bytes, Finding]]:
        tasks = {
            (case, _key(raw)): self._pool.submit(
                examine, raw, case.challenge, case.commit, case.sample_beacon, self._domain
            )
            for case, raws in files.items()
            for raw in raws
            if (case, _key(raw)) not in self._seen
        }
        self._seen |= {key: task.result() for key, task in tasks.items()}
        found: dict[Case, dict[bytes, Finding]] = {case: {} for case in files}
        for case, raws in files.items():
            for raw in raws:
                finding = self._seen[case, _key(raw)]
                if finding is not None and finding.root not in found[case]:
                    self._keep(case, finding.root, raw)
                    found[case][finding.root] = finding
        return found

    def _keep(self, case: Case, root: bytes, raw: bytes) -> None:
        path = self._place(case) / root.hex()
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            file.write(raw)
        os.replace(file.name, path)

    def _place(self, case: Case) -> Path:
        return self._folder / case.name


def _lacks(found: Mapping[bytes, Finding], witnesses: frozenset[bytes]) -> bool:
    passes = any(finding.bad_item is None for finding in found.values())
    return not passes or not witnesses <= found.keys()


def _key(raw: bytes) -> bytes:
    return sha256(raw).digest()
