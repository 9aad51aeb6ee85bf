"""The library LabelProof against proof.md §3 written down slowly in Python, and both against the published
vector."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.anvil import ROOT
from tests.chain import Chain
from tests.labels import (
    STEPS,
    Dimensions,
    Memory,
    bytes_of,
    label_of,
    parents_of,
    path_in,
    salt_of,
    step,
    tree_of,
)

pytestmark = pytest.mark.chain

CHAIN_ID = 31337
words = st.binary(min_size=32, max_size=32)
u64 = st.integers(0, 2**64 - 1)
dimensions = st.builds(
    Dimensions, st.integers(2, 65535), st.integers(2, 18), st.integers(0, 16), st.integers(1, 256)
)
few = settings(max_examples=25, deadline=None)

WHOLE = [
    Dimensions(2, 2, 0, 1),
    Dimensions(3, 4, 2, 3),
    Dimensions(4, 6, 3, 2),
    Dimensions(5, 5, 1, 4),
]


@pytest.fixture(scope="module")
def harness(bare_system: Chain) -> Iterator[Chain]:
    snapshot = bare_system.snapshot()
    bare_system.deploy("LabelProofHarness")
    yield bare_system
    bare_system.revert_to(snapshot)


def call(chain: Chain, function: str, *args: Any) -> Any:
    return chain.call("LabelProofHarness", function, *args)


@cache
def whole(shape: Dimensions) -> Memory:
    return Memory(shape, sha256(repr(shape).encode()).digest())


# Random inputs


@few
@given(shape=dimensions)
@example(shape=Dimensions(2, 2, 0, 1))
@example(shape=Dimensions(65535, 18, 16, 256))
@example(shape=Dimensions(4096, 18, 16, 256))
def test_shape__any_class__is_the_same(harness: Chain, shape: Dimensions) -> None:
    have = tuple(call(harness, "shapeOf", shape.words).values())
    assert have == (
        shape.layers,
        shape.layer_bits,
        shape.labels,
        shape.blocks,
        shape.depth,
        shape.cap_bits,
        shape.lower,
        shape.walker_bits,
        shape.segments,
    )
    opening = 128 + 32 * shape.lower
    assert list(call(harness, "lengths", shape.words)) == [
        8 + 17 * opening,
        4 + 4 + 32 + 128 + STEPS * opening + 32 * (shape.segments - 1 + shape.walker_bits),
        64 + 32 * 2**shape.cap_bits,
    ]


@few
@given(
    beacon=words,
    provider=st.binary(min_size=20, max_size=20),
    device=u64,
    slot=u64,
    layers=st.integers(1, 65535),
)
def test_salt__any_challenge__is_the_same(
    harness: Chain, beacon: bytes, provider: bytes, device: int, slot: int, layers: int
) -> None:
    have = call(harness, "saltOf", beacon, "0x" + provider.hex(), device, slot, layers)
    assert have == salt_of(beacon, CHAIN_ID, provider, device, slot, layers)


@few
@given(salt=words, shape=dimensions, data=st.data())
def test_parents__any_label__are_the_same(
    harness: Chain, salt: bytes, shape: Dimensions, data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, shape.labels - 1))
    have = list(call(harness, "parentsOf", salt, shape.layer_bits, number))
    assert have == parents_of(shape, salt, number)
    layer = number >> shape.layer_bits
    assert len(have) == (16 if layer else 0)
    assert all(parent >> shape.layer_bits < layer for parent in have)


@few
@given(salt=words, number=u64, parents=st.sampled_from([0, 16]), data=st.data())
def test_label__any_parents__is_the_same(
    harness: Chain, salt: bytes, number: int, parents: int, data: st.DataObject
) -> None:
    labels = data.draw(st.lists(words, min_size=parents, max_size=parents))
    assert call(harness, "labelOf", salt, number, labels) == label_of(salt, number, labels)


@few
@given(mem_root=words, walker=st.integers(0, 2**32 - 1))
def test_start__any_walker__is_the_same(harness: Chain, mem_root: bytes, walker: int) -> None:
    memory = Memory(Dimensions(2, 2, 0, 1), bytes(32))
    memory.__dict__["tree"] = [[mem_root]]
    assert call(harness, "startOf", mem_root, walker) == bytes_of(memory.start(walker))


@few
@given(start=st.binary(min_size=128, max_size=128), layers=st.integers(2, 65535), data=st.data())
@example(start=b"\xff" * 128, layers=65535, data=None)
def test_walk__any_state_and_blocks__is_the_same(
    harness: Chain, start: bytes, layers: int, data: st.DataObject | None
) -> None:
    """The blocks needn't lie where the steps look for them."""
    shape = Dimensions(layers, 18, 0, 1)
    seed = data.draw(words) if data else bytes(32)
    blocks = [
        b"\xff" * 128 if data is None else b"".join(sha256(seed + bytes([k, j])).digest() for j in range(4))
        for k in range(STEPS)
    ]
    state = [int.from_bytes(start[4 * k : 4 * k + 4], "little") for k in range(32)]
    asked = []
    for block in blocks:
        asked.append(state[0] * shape.blocks >> 32)
        state = step(state, block)
    item = bytes(168) + b"".join(block + bytes(32 * shape.lower) for block in blocks)
    digest, have, _ = call(harness, "walk", shape.words, item, start)
    assert list(have) == asked
    assert digest == sha256(bytes_of(state)).digest()


@few
@given(leaves=st.integers(0, 7).flatmap(lambda k: st.lists(words, min_size=2**k, max_size=2**k)))
def test_fold_cap__any_nodes__is_their_root(harness: Chain, leaves: list[bytes]) -> None:
    assert call(harness, "foldCap", b"".join(leaves)) == tree_of(leaves)[-1][0]


# Whole proofs


@pytest.mark.parametrize("shape", WHOLE, ids=str)
def test_commitment__of_a_whole_proof__is_the_same(harness: Chain, shape: Dimensions) -> None:
    memory = whole(shape)
    assert call(harness, "commitmentOf", memory.mem_root, memory.walk_root) == memory.commitment


@pytest.mark.parametrize("shape", WHOLE, ids=str)
@pytest.mark.parametrize("index", [0, 1, 63, 64, 65, 95])
def test_sample__any_index__asks_for_the_same(harness: Chain, shape: Dimensions, index: int) -> None:
    memory, beacon = whole(shape), sha256(bytes([index])).digest()
    have = call(harness, "sampleOf", memory.commitment, beacon, index, shape.words)
    assert tuple(have) == memory.sample(beacon, index)


@pytest.mark.parametrize("shape", WHOLE, ids=str)
def test_label_items__of_a_whole_proof__are_made_and_fold(harness: Chain, shape: Dimensions) -> None:
    memory = whole(shape)
    last = shape.labels - 1
    for number in (0, 1, 2**shape.layer_bits - 1, 2**shape.layer_bits, last // 2, last):
        item = memory.label_item(number)
        assert call(harness, "isMade", shape.words, memory.salt, item)
        for k, block in enumerate(memory.label_blocks(number)):
            node = call(harness, "foldOpening", shape.words, item, True, k, block)
            assert node == memory.tree[shape.lower][block >> shape.lower]
    # A bit of the label or of any of its parents makes it another.
    openings = 128 + 32 * shape.lower
    for k, place in enumerate((last, *parents_of(shape, memory.salt, last))):
        wrong = bytearray(item)
        wrong[8 + openings * k + 32 * (place % 4) + k] ^= 1
        assert not call(harness, "isMade", shape.words, memory.salt, bytes(wrong))


@pytest.mark.parametrize("shape", WHOLE, ids=str)
def test_segment_items__of_a_whole_proof__walk_and_fold(harness: Chain, shape: Dimensions) -> None:
    memory = whole(shape)
    for walker in {0, shape.walkers - 1}:
        for segment in range(shape.segments):
            item, states = memory.segment_item(walker, segment), memory.states[walker]
            digest, blocks, _ = call(harness, "walk", shape.words, item, bytes_of(states[segment]))
            assert digest == sha256(bytes_of(states[segment + 1])).digest()
            assert list(blocks) == memory.segment_blocks(walker, segment)
            assert call(harness, "foldWalk", shape.words, item, digest) == memory.walk_root
            for k, block in enumerate(blocks):
                node = call(harness, "foldOpening", shape.words, item, False, k, block)
                assert node == memory.tree[shape.lower][block >> shape.lower]


# The published vector


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return json.loads((ROOT / "tests" / "vectors" / "gpow1.json").read_text())["m_phase"][0]


def test_vector__whole_proof__is_the_published_one(harness: Chain, golden: dict[str, Any]) -> None:
    inputs = golden["inputs"]
    assert (inputs["W"], inputs["walkers"], inputs["steps"]) == (1 << 10, 1 << 6, 4 * STEPS)
    shape = Dimensions(inputs["layers"], 10, 6, 4)
    provider = bytes.fromhex(inputs["provider"])
    place = inputs["device"], inputs["slot"], inputs["layers"]
    salt = call(harness, "saltOf", bytes.fromhex(inputs["beacon"]), "0x" + inputs["provider"], *place)
    assert salt.hex() == golden["salt"]
    assert salt == salt_of(bytes.fromhex(inputs["beacon"]), inputs["chain_id"], provider, *place)

    number = 7 * 1024 + 5
    assert list(call(harness, "parentsOf", salt, 10, number)) == golden["parents_last_5"]
    assert call(harness, "labelOf", salt, 0, []).hex() == golden["label_0_0"]
    memory = Memory(shape, salt)
    parents = [memory.labels[parent] for parent in golden["parents_last_5"]]
    assert call(harness, "labelOf", salt, number, parents).hex() == golden["label_last_5"]

    roots = bytes.fromhex(golden["mem_root"]), bytes.fromhex(golden["walk_root"])
    assert (memory.mem_root, memory.walk_root) == roots
    assert call(harness, "commitmentOf", *roots).hex() == golden["commitment"]

    # Walker 3 from its start to its end, as the contract walks it.
    state = call(harness, "startOf", roots[0], 3)
    for segment in range(4):
        item = memory.segment_item(3, segment)
        digest, _, _ = call(harness, "walk", shape.words, item, state)
        assert call(harness, "foldWalk", shape.words, item, digest) == roots[1]
        state = bytes_of(memory.states[3][segment + 1])
        assert digest == sha256(state).digest()
    assert digest.hex() == golden["walker3_final_state_sha256"]
    assert path_in(memory.walk_tree, 3)
