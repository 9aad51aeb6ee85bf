from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from tensorbond.proof import (
    CpuProver,
    FieldInvalid,
    MemoryShape,
    ProofTooLarge,
    ShapeInvalid,
    fold_openings,
    is_memory_slot,
    label_of,
    label_samples,
    merkle,
    next_blocks,
    parent_numbers,
    segment_samples,
    step_states,
    verify,
    walk_start,
)
from tensorbond.proof.errors import LinesInvalid
from tensorbond.proof.labels import fill_labels, hash_blocks, hash_pairs

from . import memory_reference, reference

pytestmark = pytest.mark.unit

random = np.random.default_rng(7)


def any_words(*shape: int) -> np.ndarray:
    return random.integers(0, 2**32, shape, dtype=np.uint32)


def test_prove__golden_challenge__equals_the_vector(golden_memory, memory_challenge, memory_proof):
    assert memory_challenge.salt.hex() == golden_memory["salt"]
    assert memory_proof.mem_root.hex() == golden_memory["mem_root"]
    assert memory_proof.walk_root.hex() == golden_memory["walk_root"]
    assert memory_proof.commitment.hex() == golden_memory["commitment"]
    labels = memory_proof.memory.labels
    assert labels[0].tobytes().hex() == golden_memory["label_0_0"]
    assert labels[7 * 1024 + 5].tobytes().hex() == golden_memory["label_last_5"]
    assert list(parent_numbers(memory_challenge.salt, 7 * 1024 + 5, 1024)) == golden_memory["parents_last_5"]
    states, _ = memory_proof.replay([3])
    assert sha256(states[-1, 0].tobytes()).hexdigest() == golden_memory["walker3_final_state_sha256"]


@pytest.mark.parametrize(
    "shape",
    [
        MemoryShape(1, 4, 1, 64),
        MemoryShape(2, 4, 2, 64),
        MemoryShape(5, 8, 1, 64),
        MemoryShape(3, 16, 2, 128),
        MemoryShape(5, 64, 32, 64),
        MemoryShape(7, 32, 4, 192),
    ],
)
def test_prove__any_shape__equals_plain_python_and_is_verified(
    golden_memory, memory_challenge, sample_beacon, shape
):
    asked = replace(memory_challenge, shape=shape)
    proof = CpuProver().prove(asked)
    names = {name: getattr(shape, name) for name in ("layers", "W", "walkers", "steps")}
    assert (proof.mem_root, proof.walk_root, proof.commitment) == memory_reference.commit(
        golden_memory["inputs"] | names
    )
    verified = verify(asked, proof.commitment, sample_beacon, proof.open(sample_beacon))
    assert (verified.operations, verified.bytes_moved) == (0, shape.bytes_moved)


@pytest.mark.parametrize("workers", [1, 3])
def test_prove__any_number_of_workers__is_the_same_proof(memory_challenge, memory_proof, workers):
    assert CpuProver(workers).prove(memory_challenge).commitment == memory_proof.commitment


def test_prove__progress_asked_for__counts_layers_and_groups_of_walkers(memory_challenge):
    seen = []
    CpuProver().prove(memory_challenge, lambda done, total: seen.append((done, total)))
    assert seen == [(done, 12) for done in range(1, 13)]


def test_prove__labels_beyond_the_limit__is_refused(memory_challenge):
    with pytest.raises(ProofTooLarge, match="this shape needs"):
        CpuProver(memory_limit=1 << 18).prove(memory_challenge)
    huge = replace(memory_challenge, shape=MemoryShape(65535, 1 << 18, 1 << 16, 64))
    with pytest.raises(ProofTooLarge):
        CpuProver().prove(huge)


def test_warm_up__little_memory_allowed__loads_both_phases(memory_challenge):
    prover = CpuProver(workers=1, memory_limit=0)
    prover.warm_up()
    with pytest.raises(ProofTooLarge):
        prover.prove(memory_challenge)


def test_open__another_beacon__opens_other_samples_of_the_same_commitment(memory_challenge, memory_proof):
    evidence = memory_proof.open(b"\x01" * 32)
    assert evidence.items != memory_proof.open(b"\x02" * 32).items
    assert verify(memory_challenge, memory_proof.commitment, b"\x01" * 32, evidence)


@pytest.mark.parametrize("change", ["beacon", "chain_id", "provider", "device", "slot", "layers"])
def test_salt__any_field_changed__is_another(memory_challenge, change):
    changes = {
        "beacon": {"beacon": bytes(32)},
        "provider": {"provider": bytes(20)},
        "layers": {"shape": replace(memory_challenge.shape, layers=9)},
    }.get(change, {change: 1})
    assert replace(memory_challenge, **changes).salt != memory_challenge.salt


@pytest.mark.parametrize(
    ("dimensions", "name"),
    [
        ((0, 16, 1, 64), "layers"),
        ((65536, 16, 1, 64), "layers"),
        ((1, 2, 1, 64), "W"),
        ((1, 24, 1, 64), "W"),
        ((1, 1 << 19, 1, 64), "W"),
        ((1, 16, 0, 64), "walkers"),
        ((1, 16, 3, 64), "walkers"),
        ((1, 16, 1 << 17, 64), "walkers"),
        ((1, 16, 1, 0), "steps"),
        ((1, 16, 1, 96), "steps"),
        ((1, 16, 1, 64 * 257), "steps"),
    ],
)
def test_memory_shape__dimension_out_of_bounds__is_refused(dimensions, name):
    with pytest.raises(ShapeInvalid, match=f"^{name} is "):
        MemoryShape(*dimensions)


@pytest.mark.parametrize(
    ("shape", "depth", "cap_bits"),
    [
        (MemoryShape(1, 4, 1, 64), 0, 0),
        (MemoryShape(2, 4, 1, 64), 1, 0),
        (MemoryShape(1, 16, 1, 64), 2, 1),
        (MemoryShape(8, 1024, 64, 256), 11, 5),
        (MemoryShape(3, 1 << 18, 1, 64), 18, 9),
        (MemoryShape(1 << 14, 1 << 18, 1, 64), 30, 11),
        (MemoryShape(65535, 1 << 18, 1, 64), 32, 11),
    ],
)
def test_memory_shape__depth__splits_into_cap_and_path(shape, depth, cap_bits):
    assert (shape.depth, shape.cap_bits, shape.lower) == (depth, cap_bits, depth - cap_bits)


def test_bytes_moved__golden_shape__is_the_rule_of_the_bandwidth(memory_challenge):
    assert memory_challenge.shape.bytes_moved == 544 * 8192 + 128 * 64 * 256


@pytest.mark.parametrize("number", [1 << 18, (1 << 18) * 20_000 + 77, (1 << 18) * 65535 - 1])
def test_parent_numbers__place_beyond_32_bits__equal_plain_python(number):
    salt = bytes(range(32))
    assert list(parent_numbers(salt, number, 1 << 18)) == memory_reference.parents(salt, number, 1 << 18)


def test_label_of__layer_0__has_no_parents(golden_memory, memory_challenge):
    assert parent_numbers(memory_challenge.salt, 1023, 1024) == ()
    assert label_of(memory_challenge.salt, 0, []).hex() == golden_memory["label_0_0"]


def test_fill_labels__in_parts__is_the_same_as_whole(memory_challenge, memory_proof):
    labels = np.zeros((8192, 8), np.uint32)
    for layer in range(8):
        for first in range(0, 1024, 8):
            fill_labels(labels, memory_challenge.salt, layer, 1024, 8, first)
    assert (labels == memory_proof.memory.labels).all()


def test_step_states__any_states__equal_plain_python():
    states, blocks = any_words(5, 32), any_words(5, 32)
    expected = [memory_reference.step(s, b) for s, b in zip(states.tolist(), blocks.tolist(), strict=True)]
    assert step_states(states, blocks).tolist() == expected


@pytest.mark.parametrize("blocks", [4, 2048, 2**32 - 1])
def test_next_blocks__any_states__scale_the_first_word(blocks):
    states = any_words(9, 32)
    states[0, 0], states[1, 0] = 0, 2**32 - 1
    assert next_blocks(states, blocks).tolist() == [word * blocks >> 32 for word in states[:, 0].tolist()]


def test_walk_start__spelled_out__is_four_digests():
    root = bytes(range(32))
    parts = [reference.sha(b"GPOW1/W", root, reference.u32(258), reference.u32(j)) for j in range(4)]
    assert walk_start(root, 258) == b"".join(parts)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 40])
def test_hash_blocks_and_pairs__any_count__equal_hashlib(count):
    blocks, nodes, padding = any_words(count, 32), any_words(count, 8), any_words(8)
    assert [row.tobytes() for row in hash_blocks(blocks)] == [
        sha256(row.tobytes()).digest() for row in blocks
    ]
    data = nodes.tobytes() + (padding.tobytes() if count % 2 else b"")
    expected = [sha256(data[i : i + 64]).digest() for i in range(0, len(data), 64)]
    assert [row.tobytes() for row in hash_pairs(nodes, padding)] == expected


@pytest.mark.parametrize("lower", [0, 1, 5, 20])
def test_fold_openings__any_place__equals_the_merkle_file(lower):
    openings = any_words(19, 32 + 8 * lower)
    numbers = random.integers(0, 1 << lower, 19).astype(np.uint64)
    tops = fold_openings(openings, numbers, lower)
    for row, number, top in zip(openings, numbers.tolist(), tops, strict=True):
        path = [node.tobytes() for node in row[32:].reshape(lower, 8)]
        leaf = sha256(row[:32].tobytes()).digest()
        assert top.tobytes() == merkle.fold(leaf, number, path, lower)


def test_fold_openings__openings_of_another_length__is_refused():
    with pytest.raises(LinesInvalid):
        fold_openings(any_words(2, 40), np.zeros(2, np.uint64), 2)


def test_samples__spelled_out__follow_the_tags(memory_challenge):
    shape, commitment, beacon = memory_challenge.shape, b"\x07" * 32, b"\x09" * 32
    labels = label_samples(commitment, beacon, shape)
    segments = segment_samples(commitment, beacon, shape)
    assert [sample.index for sample in (*labels, *segments)] == list(range(96))
    digest = reference.sha(b"GPOW1/Q2", commitment, beacon, reference.u32(63))
    assert labels[63].number == int.from_bytes(digest[:8], "little") % 8192
    digest = reference.sha(b"GPOW1/Q3", commitment, beacon, reference.u32(31))
    assert segments[31].walker == int.from_bytes(digest[:8], "little") % 64
    assert segments[31].segment == int.from_bytes(digest[8:16], "little") % 4


def test_is_memory_slot__many_beacons__is_one_in_eight():
    drawn = [is_memory_slot(sha256(bytes([i, j])).digest()) for i in range(32) for j in range(64)]
    assert 200 < sum(drawn) < 312
    assert is_memory_slot(bytes(32)) == (sha256(b"GPOW1/kind" + bytes(32)).digest()[0] < 32)
    with pytest.raises(FieldInvalid):
        is_memory_slot(bytes(31))
