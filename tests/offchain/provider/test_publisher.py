from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tensorbond.chain import digests
from tensorbond.journal import Journal, JournalUnwritable, PromiseBroken
from tensorbond.proof.evidence import Evidence, evidence_name, evidence_root
from tensorbond.provider.errors import EvidenceUnfit
from tensorbond.provider.publisher import Publisher
from tensorbond.store import NameTaken, Store
from tests.offchain.signing import (
    CHALLENGE,
    CHALLENGES,
    OPERATOR,
    SAMPLE_BEACON,
    bad_evidence,
    good_evidence,
    proof,
)

pytestmark = pytest.mark.unit

COMMITMENT = proof().commitment
NAME = evidence_name(CHALLENGE.chain_id, CHALLENGE.device, CHALLENGE.slot, COMMITMENT)


@dataclass(frozen=True)
class Bad:
    """A proof that opens something bad."""

    commitment: bytes = COMMITMENT

    def open(self, sample_beacon: bytes) -> Evidence:
        return bad_evidence()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.sqlite", "me")
    yield journal
    journal.close()


@pytest.fixture
def publisher(store: Store, journal: Journal) -> Publisher:
    return Publisher(store, journal, OPERATOR, CHALLENGES)


def test_publish__good_proof__stores_signed_evidence(publisher, store):
    assert not publisher.is_published(CHALLENGE, COMMITMENT)
    publisher.publish(CHALLENGE, COMMITMENT, SAMPLE_BEACON, proof())
    stored = Evidence.decode(store.get(NAME, 1 << 20))
    told = digests.evidence(CHALLENGES, COMMITMENT, evidence_root(stored))
    assert told.signer(stored.signature) == OPERATOR.address
    assert stored == good_evidence()
    assert publisher.is_published(CHALLENGE, COMMITMENT)


def test_publish__twice__is_the_same(publisher, store):
    for _ in range(2):
        publisher.publish(CHALLENGE, COMMITMENT, SAMPLE_BEACON, proof())
    assert store.list() == [NAME]


def test_publish__proof_is_not_the_committed_one__signs_nothing(publisher, store, journal):
    with pytest.raises(EvidenceUnfit, match="was committed"):
        publisher.publish(CHALLENGE, bytes(32), SAMPLE_BEACON, proof())
    assert (store.list(), journal.texts("")) == ([], [])


def test_publish__own_proof_is_bad__signs_nothing(publisher, store, journal):
    with pytest.raises(EvidenceUnfit, match="leaf 1 is bad"):
        publisher.publish(CHALLENGE, COMMITMENT, SAMPLE_BEACON, Bad())
    assert (store.list(), journal.texts("")) == ([], [])


def test_publish__without_self_check__signs_even_that(store, journal):
    Publisher(store, journal, OPERATOR, CHALLENGES, self_check=False).publish(
        CHALLENGE, COMMITMENT, SAMPLE_BEACON, Bad()
    )
    assert store.list() == [NAME]


def test_publish__sample_beacon_was_replaced__never_signs_a_second_evidence(publisher, store):
    publisher.publish(CHALLENGE, COMMITMENT, SAMPLE_BEACON, proof())
    with pytest.raises(PromiseBroken):
        publisher.publish(CHALLENGE, COMMITMENT, b"t" * 32, proof())
    assert Evidence.decode(store.get(NAME, 1 << 20)).sample_beacon == SAMPLE_BEACON


def test_publish__killed_between_journal_and_store__publishes_the_same_later(publisher, journal, store):
    journal.promise(f"evidence/{COMMITMENT.hex()}", evidence_root(good_evidence()))
    publisher.publish(CHALLENGE, COMMITMENT, SAMPLE_BEACON, proof())
    assert store.list() == [NAME]


def test_publish__name_is_taken__is_named_and_replaces_nothing(publisher, store):
    other = replace(good_evidence(), signature=bytes(65)).encode()
    store.put(NAME, other)
    with pytest.raises(NameTaken):
        publisher.publish(CHALLENGE, COMMITMENT, SAMPLE_BEACON, proof())
    assert store.get(NAME, 1 << 20) == other


def test_publish__journal_can_not_be_written__signs_nothing(publisher, journal, store, monkeypatch):
    def full(*_: object) -> None:
        raise JournalUnwritable("the disk is full")

    monkeypatch.setattr(journal, "promise", full)
    with pytest.raises(JournalUnwritable):
        publisher.publish(CHALLENGE, COMMITMENT, SAMPLE_BEACON, proof())
    assert store.list() == []
