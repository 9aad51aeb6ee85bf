from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tensorbond.oracle.archive import Archive, Case, cases_of
from tensorbond.oracle.errors import LeafDataMissing
from tensorbond.oracle.leaves import data_name
from tensorbond.oracle.outcomes import Finding
from tensorbond.proof.evidence import evidence_root
from tensorbond.store import Store, StoreUnavailable
from tests.offchain.oracle.epochs import CHAIN_ID, make_commit, make_device, make_facts
from tests.offchain.oracle.test_leaves import PUBLISHED
from tests.offchain.signing import (
    CHALLENGE,
    CHALLENGES,
    SAMPLE_BEACON,
    bad_evidence,
    commit_record,
    good_evidence,
    key,
    signed,
)

pytestmark = pytest.mark.unit

CASE = Case(CHALLENGE, commit_record(), SAMPLE_BEACON)
GOOD = Finding(evidence_root(good_evidence()), None)
BAD, WORSE = sorted((bad_evidence(1), bad_evidence(2)), key=evidence_root)
DATA_NAME = data_name(CHAIN_ID, 0, PUBLISHED.root)


@dataclass
class Peers:
    """What peers would answer."""

    files: dict[str, list[bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def evidence(self, names: Sequence[str], limit: int) -> dict[str, list[bytes]]:
        self.asked += names
        return {name: [raw for raw in self.files.get(name, []) if len(raw) <= limit] for name in names}

    def leaf_data(self, name: str, limit: int) -> list[bytes]:
        return self.files.get(name, [])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def archive(store: Store, tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(store, tmp_path / "own", CHALLENGES, workers=2)
    yield archive
    archive.close()


def findings(archive: Archive, peers: Peers | None = None) -> set[Finding]:
    return set(archive.judge([CASE], peers)[CASE.place])


def test_judge__stored_evidence_passes__asks_no_peer(archive, store):
    store.put(CASE.name, good_evidence().encode())
    peers = Peers()
    assert findings(archive, peers) == {GOOD}
    assert peers.asked == []


def test_judge__nothing_anywhere__finds_nothing(archive):
    assert findings(archive, Peers()) == set()
    assert archive.read(CASE.name) is None


def test_judge__a_peer_has_it__is_taken_over_and_stored(archive, store):
    peers = Peers({CASE.name: [b"nonsense", good_evidence().encode()]})
    assert findings(archive, peers) == {GOOD}
    assert store.get(CASE.name, 1 << 20) == good_evidence().encode()


def test_judge__appears_later__is_found_then(archive, store):
    assert findings(archive) == set()
    store.put(CASE.name, good_evidence().encode())
    assert findings(archive) == {GOOD}


def test_judge__bad_here_good_at_a_peer__passes_and_is_shown_to_others(archive, store, tmp_path):
    store.put(CASE.name, BAD.encode())
    peers = Peers({CASE.name: [good_evidence().encode()]})
    assert GOOD in findings(archive, peers)
    assert archive.read(CASE.name) == good_evidence().encode()
    archive.close()
    restarted = Archive(store, tmp_path / "own", CHALLENGES, workers=1)
    assert GOOD in findings(restarted)
    restarted.close()


def test_judge__two_bad_ones__both_oracles_show_the_lowest(store, tmp_path):
    archives = []
    for number, (mine, theirs) in enumerate(((BAD, WORSE), (WORSE, BAD))):
        own = Store(tmp_path / f"store{number}")
        own.put(CASE.name, mine.encode())
        archive = Archive(own, tmp_path / f"own{number}", CHALLENGES, workers=1)
        assert len(findings(archive, Peers({CASE.name: [theirs.encode()]}))) == 2
        archives.append(archive)
    assert {archive.read(CASE.name) for archive in archives} == {BAD.encode()}
    for archive in archives:
        archive.close()


def test_judge__files_of_strangers__are_neither_found_nor_kept(archive, store):
    forged = signed(good_evidence(), by=key(9)).encode()
    assert findings(archive, Peers({CASE.name: [forged]})) == set()
    assert not store.exists(CASE.name)


def test_judge__oversized_file_in_the_store__is_no_evidence(archive, store):
    store.put(CASE.name, good_evidence().encode() + b"x")
    assert findings(archive) == set()


def test_judge__store_out_of_reach__is_not_taken_for_absence(archive, tmp_path):
    folder = tmp_path / "store" / CASE.name
    folder.mkdir(parents=True)
    with pytest.raises(StoreUnavailable):
        archive.judge([CASE])


def test_judge__beacon_replaced_by_a_reorganisation__is_judged_anew(archive, store):
    store.put(CASE.name, good_evidence().encode())
    assert findings(archive) == {GOOD}
    moved = replace(CASE, sample_beacon=b"t" * 32)
    assert archive.judge([moved])[CASE.place] == (Finding(GOOD.root, 0),)


def test_forget_before__later_slot__reads_again(archive, store):
    store.put(CASE.name, good_evidence().encode())
    findings(archive)
    archive.forget_before(CHALLENGE.slot + 1)
    assert archive._found == {}
    assert findings(archive) == {GOOD}


def test_leaf_data__from_a_peer__is_checked_and_kept(archive, store):
    peers = Peers({DATA_NAME: [b"nonsense", PUBLISHED.encode()]})
    found = archive.leaf_data(CHAIN_ID, 0, PUBLISHED.root, peers)
    assert found.data_digest == PUBLISHED.data_digest
    assert archive.read(DATA_NAME) == PUBLISHED.encode()
    assert archive.leaf_data(CHAIN_ID, 0, PUBLISHED.root, Peers()).root == PUBLISHED.root


def test_leaf_data__nobody_has_it__is_named(archive):
    with pytest.raises(LeafDataMissing):
        archive.leaf_data(CHAIN_ID, 0, PUBLISHED.root, Peers({DATA_NAME: [b"{}"]}))


def test_publish__leaf_data__lie_under_their_root(archive, store):
    archive.publish(PUBLISHED)
    assert store.list("attestations") == [DATA_NAME]


def test_cases_of__an_epoch__has_one_for_each_due_record():
    commits = [make_commit(1, 0), make_commit(1, 2), make_commit(2, 1)]
    facts = make_facts([make_device(1), make_device(2, until_slot=1)], roll_call=256, commits=commits)
    assert [case.place for case in cases_of(facts)] == [(1, 0), (1, 2)]
