from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from tensorbond.proof import (
    Challenge,
    CpuProver,
    Evidence,
    EvidenceMisaddressed,
    Fault,
    HeaderBad,
    ItemBad,
    Shape,
    WrongBeacon,
    WrongChain,
    WrongCommitment,
    WrongDevice,
    WrongProvider,
    WrongSampleBeacon,
    WrongShape,
    WrongSlot,
    evidence_root,
    find_bad_item,
    item_length,
    parse_item,
    samples,
    verifier,
    verify,
)

from .conftest import change_item, flip, replace_item
from .skipping import FramedProof, SloppyProver, reuse_rounds

pytestmark = pytest.mark.unit


def judge(evidence: Evidence) -> None:
    """Verifies the evidence against the challenge that it declares."""
    verify(evidence.challenge, evidence.commitment, evidence.sample_beacon, evidence)


def assert_item_bad(evidence: Evidence, index: int, reason: Fault) -> ItemBad:
    with pytest.raises(ItemBad, match=f"^item {index} is bad: {reason.value}") as refusal:
        judge(evidence)
    assert (refusal.value.index, refusal.value.reason) == (index, reason)
    return refusal.value


def assert_header_bad(evidence: Evidence, reason: Fault) -> None:
    q = evidence.challenge.shape.q
    with pytest.raises(HeaderBad, match=rf"^header \(leaf {q}\) is bad: {reason.value}") as refusal:
        judge(evidence)
    assert (refusal.value.index, refusal.value.reason) == (q, reason)


def test_verify__honest_evidence__tells_what_was_proven(challenge, proof, evidence, sample_beacon):
    verified = verify(challenge, proof.commitment, sample_beacon, evidence)
    assert verified.challenge == challenge
    assert verified.commitment == proof.commitment
    assert verified.evidence_root == evidence_root(evidence)
    assert verified.operations == 2 * 256 * 256 * 1024 * 3


def test_verify__another_signature__is_not_its_matter(evidence):
    judge(evidence.sign(b"\xff" * 65))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"chain_id": 1}, WrongChain),
        ({"provider": bytes(20)}, WrongProvider),
        ({"device": 4}, WrongDevice),
        ({"slot": 41}, WrongSlot),
        ({"beacon": bytes(32)}, WrongBeacon),
        ({"shape": Shape(256, 256, 1024, 3, 9)}, WrongShape),
        ({"shape": Shape(256, 256, 2048, 3, 8)}, WrongShape),
        ({"shape": Shape(512, 256, 1024, 3, 8)}, WrongShape),
    ],
)
def test_verify__evidence_of_another_challenge__is_refused_by_name(
    challenge, evidence, sample_beacon, change, error
):
    with pytest.raises(error, match="asked about") as refusal:
        verify(replace(challenge, **change), evidence.commitment, sample_beacon, evidence)
    assert isinstance(refusal.value, EvidenceMisaddressed)


def test_verify__evidence_of_another_commitment__is_refused(challenge, evidence, sample_beacon):
    with pytest.raises(WrongCommitment):
        verify(challenge, bytes(32), sample_beacon, evidence)


def test_verify__evidence_of_another_sample_beacon__is_refused(challenge, evidence):
    with pytest.raises(WrongSampleBeacon):
        verify(challenge, evidence.commitment, bytes(32), evidence)


def test_verify__samples_of_another_beacon__are_unrequested_items(evidence):
    with pytest.raises(ItemBad):
        judge(replace(evidence, sample_beacon=bytes(32)))


@pytest.mark.parametrize("index", range(8))
def test_verify__round_of_an_item_changed__is_that_item_s_fault(evidence, index):
    asked = parse_item(evidence.challenge.shape, evidence.items[index]).round
    assert_item_bad(change_item(evidence, index, round=(asked + 1) % 3), index, Fault.ROUND)


@pytest.mark.parametrize("index", range(8))
def test_verify__tile_of_an_item_changed__is_that_item_s_fault(evidence, index):
    asked = parse_item(evidence.challenge.shape, evidence.items[index]).tile
    assert_item_bad(change_item(evidence, index, tile=asked ^ 1), index, Fault.TILE)


def test_verify__round_or_tile_out_of_range__is_that_item_s_fault(evidence):
    asked = parse_item(evidence.challenge.shape, evidence.items[2])
    assert_item_bad(change_item(evidence, 2, round=3), 2, Fault.ROUND)
    assert_item_bad(change_item(evidence, 2, round=asked.round + 4), 2, Fault.ROUND)
    assert_item_bad(change_item(evidence, 2, tile=2**32 - 1), 2, Fault.TILE)
    assert_item_bad(change_item(evidence, 2, tile=asked.tile + 256), 2, Fault.TILE)


def test_verify__item_repeated_in_place_of_another__is_the_copy_s_fault(evidence):
    with pytest.raises(ItemBad) as refusal:
        judge(replace_item(evidence, 5, evidence.items[2]))
    assert refusal.value.index == 5


def test_verify__items_reordered__is_the_first_displaced_one_s_fault(evidence):
    items = list(evidence.items)
    items[3], items[6] = items[6], items[3]
    with pytest.raises(ItemBad) as refusal:
        judge(replace(evidence, items=tuple(items)))
    assert refusal.value.index == 3


@pytest.mark.parametrize("filler", [b"\x00", b"\xff"])
def test_verify__empty_items__are_item_0_s_fault(evidence, filler):
    blank = filler * item_length(evidence.challenge.shape)
    with pytest.raises(ItemBad) as refusal:
        judge(replace(evidence, items=(blank,) * 8))
    assert refusal.value.index == 0


@pytest.mark.parametrize(
    "tamper",
    [
        lambda item: {"entries": item.entries + np.eye(16, dtype=np.int32)},
        lambda item: {"tile_path": (flip(item.tile_path[0]), *item.tile_path[1:])},
        lambda item: {"tile_path": item.tile_path[::-1]},
        lambda item: {"round_path": (item.round_path[0], flip(item.round_path[1]))},
        lambda item: {"seed": flip(item.seed)},
    ],
)
def test_verify__item_that_does_not_fold__is_that_item_s_fault(evidence, tamper):
    item = parse_item(evidence.challenge.shape, evidence.items[4])
    refusal = assert_item_bad(change_item(evidence, 4, **tamper(item)), 4, Fault.PATH)
    assert (refusal.row, refusal.col) == (None, None)


def test_verify__two_bad_items__names_the_first(evidence):
    bad = change_item(change_item(evidence, 6, tile=0), 2, seed=bytes(32))
    assert_item_bad(bad, 2, Fault.PATH)


@pytest.mark.parametrize(("row", "col"), [(0, 0), (5, 9), (15, 15)])
def test_verify__entry_wrong_though_committed__names_row_and_column(challenge, sample_beacon, row, col):
    evidence = SloppyProver(row, col).prove(challenge).open(sample_beacon)
    refusal = assert_item_bad(evidence, 0, Fault.ENTRY)
    assert (refusal.row, refusal.col) == (row, col)
    assert int(refusal.have) == int(refusal.need) + 1


def test_verify__root_in_header_changed__is_the_header_s_fault(evidence):
    for index in range(3):
        roots = tuple(flip(root) if i == index else root for i, root in enumerate(evidence.roots))
        assert_header_bad(replace(evidence, roots=roots), Fault.ROOT)


def test_verify__root_of_an_unopened_round_changed__is_the_header_s_fault(challenge, sample_beacon):
    few = replace(challenge, shape=replace(challenge.shape, q=1))
    evidence = CpuProver().prove(few).open(sample_beacon)
    opened = parse_item(few.shape, evidence.items[0]).round
    for index in {0, 1, 2} - {opened}:
        roots = tuple(flip(root) if i == index else root for i, root in enumerate(evidence.roots))
        assert_header_bad(replace(evidence, roots=roots), Fault.SEED if index < opened else Fault.FINAL_SEED)


def test_verify__final_seed_changed__is_the_header_s_fault(evidence):
    assert_header_bad(replace(evidence, final_seed=flip(evidence.final_seed)), Fault.FINAL_SEED)


def test_verify__whole_header_changed__is_the_header_s_fault(evidence):
    roots = tuple(flip(root) for root in evidence.roots)
    changed = replace(evidence, roots=roots, final_seed=bytes(32))
    assert_header_bad(changed, Fault.ROOT)


def test_verify__bad_item_under_a_bad_header__is_the_item_s_fault(evidence):
    changed = replace(evidence, roots=(flip(evidence.roots[0]), *evidence.roots[1:]))
    assert_item_bad(change_item(changed, 7, seed=bytes(32)), 7, Fault.PATH)


def test_verify__one_round_passed_off_as_all__is_the_header_s_fault(challenge, sample_beacon):
    assert_header_bad(reuse_rounds(challenge).open(sample_beacon), Fault.SEED)


def test_verify__commitment_to_nothing__is_the_header_s_fault(proof, sample_beacon):
    framed = FramedProof(
        proof.prover, proof.challenge, proof.seeds, proof.roots, proof.final_seed, proof.kept, b"\x07" * 32
    )
    assert_header_bad(framed.open(sample_beacon), Fault.COMMITMENT)


def test_verify__proof_of_another_challenge_relabelled__is_item_0_s_fault(challenge, evidence):
    for change in (
        {"device": 9},
        {"slot": 9},
        {"provider": bytes(20)},
        {"beacon": bytes(32)},
        {"chain_id": 1},
    ):
        relabelled = replace(evidence, challenge=replace(challenge, **change))
        assert_item_bad(relabelled, 0, Fault.ENTRY)


def test_find_bad_item__honest_evidence__finds_none(challenge, evidence, sample_beacon):
    assert find_bad_item(challenge, evidence.commitment, sample_beacon, evidence) is None


def test_find_bad_item__wrong_entry__gives_place_and_both_values(challenge, sample_beacon):
    evidence = SloppyProver(3, 4).prove(challenge).open(sample_beacon)
    bad = find_bad_item(challenge, evidence.commitment, sample_beacon, evidence)
    entry = parse_item(challenge.shape, evidence.items[0]).entries[3, 4]
    assert (bad.index, bad.reason, bad.row, bad.col) == (0, Fault.ENTRY, 3, 4)
    assert (bad.have, bad.need) == (str(entry), str(entry - 1))


def test_find_bad_item__misaddressed_evidence__raises(challenge, evidence, sample_beacon):
    with pytest.raises(WrongDevice):
        find_bad_item(replace(challenge, device=4), evidence.commitment, sample_beacon, evidence)


def test_verify__rows_beyond_the_kept_ones__are_generated_again(evidence, monkeypatch):
    monkeypatch.setattr(verifier, "KEPT_BYTES", 0)
    judge(evidence)


def test_multiply_samples__shared_lines__generates_each_once(challenge, proof, monkeypatch):
    asked = samples(proof.commitment, bytes(32), replace(challenge.shape, q=200))
    generated = []

    def count(matrix_seed, first, *rest):
        generated.append((matrix_seed, first))
        return generate_lines(matrix_seed, first, *rest)

    generate_lines = verifier.generate_lines
    monkeypatch.setattr(verifier, "generate_lines", count)
    verifier.multiply_samples(challenge, asked, [proof.seeds[sample.round] for sample in asked])
    assert len(generated) == len(set(generated))


def test_verify__many_threads_at_once__all_agree(challenge, proof):
    beacons = [bytes([i]) * 32 for i in range(24)]

    def check(beacon: bytes) -> bytes:
        return verify(challenge, proof.commitment, beacon, proof.open(beacon)).evidence_root

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(check, beacons)) == [check(beacon) for beacon in beacons]


def test_verify__challenge_built_anew__is_judged_by_value(challenge, evidence, sample_beacon):
    again = Challenge(
        bytes(challenge.beacon),
        challenge.chain_id,
        bytes(challenge.provider),
        challenge.device,
        challenge.slot,
        Shape(256, 256, 1024, 3, 8),
    )
    assert verify(again, evidence.commitment, sample_beacon, evidence).challenge == challenge
