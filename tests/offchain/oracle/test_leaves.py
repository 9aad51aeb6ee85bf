from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorbond.oracle.errors import LeafDataInvalid, LeafUnknown
from tensorbond.oracle.leaves import EpochData, data_name, decode_epoch, load_epoch, no_leaves
from tensorbond.oracle.outcomes import judge_epoch
from tensorbond.oracle.rules import next_leaves
from tensorbond.oracle.tree import ZERO, fold, fold_outcome, leaf_hash
from tensorbond.store import FileOversized, NameMissing, Store
from tests.chain import system_artifacts
from tests.leaves import Epoch
from tests.offchain.oracle.epochs import CHAIN_ID, make_epoch

pytestmark = pytest.mark.unit

GOLDEN = Path(__file__).parents[2] / "vectors" / "oracle_epoch.json"
REGENERATE = "tests.offchain.oracle.test_leaves"


def golden_epochs() -> list[EpochData]:
    """Three epochs in a row, from one seed."""
    chance = random.Random("oracle epoch 1")
    told, leaves = [], {}
    for epoch in range(3):
        facts, findings = make_epoch(epoch, chance)
        outcomes = judge_epoch(facts, findings)
        leaves = next_leaves(facts, leaves, outcomes)
        told.append(EpochData(CHAIN_ID, epoch, leaves, outcomes))
    return told


@pytest.fixture(scope="module")
def data() -> EpochData:
    return golden_epochs()[2]


def test_epoch_data__golden_epochs__are_as_published():
    told = [json.loads(epoch.encode()) for epoch in golden_epochs()]
    assert told == json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_epoch_data__another_hash_seed__gives_the_same_bytes(seed):
    code = (
        f"import hashlib; from {REGENERATE} import golden_epochs;"
        "print(hashlib.sha256(b''.join(each.encode() for each in golden_epochs())).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[3],
            env={"PYTHONHASHSEED": each, "PYTHONPATH": "."},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for each in ("7", seed)
    }
    assert len(digests) == 1


def test_data_digest__any_epoch__equals_a_second_reading_of_the_format(data):
    other = Epoch.of(data.epoch, list(data.leaves.values()), data.outcomes)
    assert data.data_digest == other.data_digest
    assert (data.root, data.total_weight) == (other.root, other.total_weight)


def test_leaf_proof__every_device__folds_to_the_root(data):
    for device in data.leaves:
        proof = data.leaf_proof(device)
        folded = fold(leaf_hash(proof.leaf), proof.leaf.weight, device, proof.path)
        assert (proof.epoch, folded) == (data.epoch, (data.root, data.total_weight))


def test_outcome_proof__every_row__folds_to_its_leaf(data):
    checked = 0
    for device, leaf in data.leaves.items():
        for row in data.outcomes[device]:
            proof = data.outcome_proof(device, row.slot, row.job)
            assert proof.outcome == row
            folded = fold_outcome(row, proof.index, leaf.outcome_count, proof.path)
            assert folded == leaf.outcomes_root
            checked += 1
    assert checked > 10


def test_leaf_proof__unknown_device__is_named(data):
    with pytest.raises(LeafUnknown, match="no leaf for device 99"):
        data.leaf_proof(99)


def test_outcome_proof__slot_without_outcome__is_named(data):
    with pytest.raises(LeafUnknown, match="slot 999 and job 0"):
        data.outcome_proof(1, 999)


def test_decode__what_encode_gave__is_the_same(data):
    assert EpochData.decode(data.encode()) == EpochData(
        data.chain_id,
        data.epoch,
        dict(data.leaves),
        {device: tuple(row) for device, row in data.outcomes.items()},
    )


def test_decode__no_leaves__is_the_empty_epoch():
    empty = no_leaves(CHAIN_ID)
    assert (empty.root, empty.total_weight) == (ZERO, 0)
    assert EpochData.decode(empty.encode()) == empty


def forge(data: EpochData, change) -> bytes:
    told = json.loads(data.encode())
    change(told)
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.update(version=2),
        lambda told: told.update(version=True),
        lambda told: told.update(extra=1),
        lambda told: told.pop("root"),
        lambda told: told.update(root="0x" + "11" * 32),
        lambda told: told.update(totalWeight="7"),
        lambda told: told.update(leaves=None),
        lambda told: told["leaves"].reverse(),
        lambda told: told["leaves"].append(told["leaves"][0]),
        lambda told: told["leaves"][0].update(weight=5),
        lambda told: told["leaves"][0].update(weight="-5"),
        lambda told: told["leaves"][0].update(device=-1),
        lambda told: told["leaves"][0].update(device=1.0),
        lambda told: told["leaves"][0].update(provider=5),
        lambda told: told["leaves"][0].update(provider="nobody"),
        lambda told: told["leaves"][0].update(outcomesRoot="0x12"),
        lambda told: told["leaves"][0].update(outcomes={}),
        lambda told: told["leaves"][0]["outcomes"].pop(),
        lambda told: told["leaves"][0].update(cumulativeReward=str(1 << 256)),
    ],
)
def test_decode__forged_data__is_refused(data, change):
    with pytest.raises(LeafDataInvalid):
        EpochData.decode(forge(data, change))


def widths(function: str, name: str) -> dict[str, int]:
    """Of a struct's numbers, as calldata have them."""
    abi = system_artifacts()["Attestations"].abi
    (parameter,) = (each for each in abi.function(function).inputs if each.name == name)
    numbers = (each for each in parameter.components if each.type.startswith("uint"))
    return {each.name: int(each.type.removeprefix("uint")) for each in numbers}


@pytest.mark.parametrize(("of", "name"), [("leaf", "leaf"), ("outcome", "outcomes")])
def test_parse__number_that_no_calldata_can_hold__is_refused(data, of, name):
    """No proof could be about such a leaf, so nobody may take it for shown."""
    at = next(index for index, rows in enumerate(data.outcomes.values()) if rows)
    for field, bits in widths("answerLeaf", name).items():
        for value, fits in (((1 << bits) - 1, True), (1 << bits, False), (-1, False)):
            told = json.loads(data.encode())
            row = told["leaves"][at] if of == "leaf" else told["leaves"][at]["outcomes"][0]
            row[field] = str(value) if isinstance(row[field], str) else value
            raw = json.dumps(told).encode()
            if fits:
                assert EpochData.parse(raw) != data
            else:
                with pytest.raises(LeafDataInvalid, match="doesn't fit"):
                    EpochData.parse(raw)


@pytest.mark.parametrize(
    "change", [{"provider": "0x" + "ab" * 20}, {"provider": "0x1"}, {"outcomesRoot": "0x" + "00" * 31}]
)
def test_parse__another_form_of_the_same__is_refused(data, change):
    told = json.loads(data.encode())
    told["leaves"][0] |= change
    with pytest.raises(LeafDataInvalid):
        EpochData.parse(json.dumps(told).encode())


def test_decode__not_canonical__is_refused(data):
    with pytest.raises(LeafDataInvalid, match="canonical"):
        EpochData.decode(json.dumps(json.loads(data.encode())).encode())


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"7", b"\xff", b"[" * 100_000])
def test_decode__no_leaf_data_at_all__is_refused(raw):
    with pytest.raises(LeafDataInvalid):
        EpochData.decode(raw)


PUBLISHED = golden_epochs()[0]


@given(st.integers(0, len(PUBLISHED.encode()) - 1), st.integers(1, 255))
def test_decode_epoch__one_byte_changed__is_refused(at, flip):
    raw = bytearray(PUBLISHED.encode())
    raw[at] ^= flip
    with pytest.raises(LeafDataInvalid):
        decode_epoch(bytes(raw), CHAIN_ID, 0, PUBLISHED.root)


def test_decode_epoch__another_root__is_refused(data):
    with pytest.raises(LeafDataInvalid, match="not"):
        decode_epoch(data.encode(), CHAIN_ID, data.epoch, bytes(32))


def test_load_epoch__published__is_found_under_its_root(data, tmp_path):
    store = Store(tmp_path)
    store.put(data_name(CHAIN_ID, data.epoch, data.root), data.encode())
    assert load_epoch(store, CHAIN_ID, data.epoch, data.root).data_digest == data.data_digest


def test_load_epoch__not_published__is_named(tmp_path):
    with pytest.raises(NameMissing):
        load_epoch(Store(tmp_path), CHAIN_ID, 1, bytes(32))


def test_load_epoch__oversized__is_refused(data, tmp_path, monkeypatch):
    monkeypatch.setattr("tensorbond.oracle.leaves.MAX_BYTES", 100)
    store = Store(tmp_path)
    store.put(data_name(CHAIN_ID, data.epoch, data.root), data.encode())
    with pytest.raises(FileOversized):
        load_epoch(store, CHAIN_ID, data.epoch, data.root)


if __name__ == "__main__":
    shown = [json.loads(epoch.encode()) for epoch in golden_epochs()]
    GOLDEN.write_text(json.dumps(shown, indent=1, sort_keys=True) + "\n")
