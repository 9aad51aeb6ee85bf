"""`tensorbond.proof` against the library TileProof, and both against the published vector."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tensorbond.proof import (
    Challenge,
    CpuProver,
    Evidence,
    Shape,
    commitment_of,
    digest_tiles,
    evidence_leaves,
    evidence_path,
    evidence_root,
    generate_lines,
    is_drawn,
    is_roll_call,
    item_leaf,
    item_length,
    merkle,
    next_seed,
    parse_item,
    round_leaf,
    row_seed,
    samples,
)
from tests.anvil import ROOT
from tests.chain import Chain

pytestmark = pytest.mark.chain

CHAIN_ID = 31337
words = st.binary(min_size=32, max_size=32)
u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
lines = st.sampled_from([2**k for k in range(8, 16)])
depths = st.sampled_from([2**k for k in range(10, 15)])
shapes = st.builds(
    Shape, m=lines, n=lines, K=depths, R=st.integers(1, 65536), q=st.sampled_from([1, 2, 3, 16, 255, 256])
)
few = settings(max_examples=25, deadline=None)


@pytest.fixture(scope="module")
def harness(bare_system: Chain) -> Iterator[Chain]:
    snapshot = bare_system.snapshot()
    bare_system.deploy("TileProofHarness")
    yield bare_system
    bare_system.revert_to(snapshot)


def call(chain: Chain, function: str, *args: Any) -> Any:
    return chain.call("TileProofHarness", function, *args)


# Random inputs


@few
@given(beacon=words, device=u64, threshold=st.integers(0, 2**32))
@example(beacon=bytes(32), device=1, threshold=0)
@example(beacon=bytes(32), device=2**64 - 1, threshold=2**32)
def test_is_drawn_by_lot__any_beacon__is_the_same(
    harness: Chain, beacon: bytes, device: int, threshold: int
) -> None:
    assert call(harness, "isDrawnByLot", beacon, device, threshold) == is_drawn(beacon, device, threshold)


@few
@given(beacon=words, roll_call=st.integers(0, 256))
@example(beacon=bytes(32), roll_call=0)
@example(beacon=bytes(32), roll_call=256)
def test_is_roll_call__any_beacon__is_the_same(harness: Chain, beacon: bytes, roll_call: int) -> None:
    assert call(harness, "isRollCall", beacon, roll_call) == is_roll_call(beacon, roll_call)


@few
@given(beacon=words, provider=st.binary(min_size=20, max_size=20), device=u64, slot=u64, shape=shapes)
def test_seeds__any_challenge__are_the_same(
    harness: Chain, beacon: bytes, provider: bytes, device: int, slot: int, shape: Shape
) -> None:
    challenge = Challenge(beacon, CHAIN_ID, provider, device, slot, shape)
    sizes = [shape.m, shape.n, shape.K, shape.R]
    first = call(harness, "firstSeed", beacon, "0x" + provider.hex(), device, slot, sizes)
    assert first == challenge.first_seed
    assert call(harness, "columnSeed", first) == challenge.column_seed
    assert call(harness, "rowSeed", first) == row_seed(first)


@few
@given(final_seed=words, rounds_root=words)
def test_commitment__any_roots__is_the_same(harness: Chain, final_seed: bytes, rounds_root: bytes) -> None:
    assert call(harness, "commitmentOf", final_seed, rounds_root) == commitment_of(final_seed, rounds_root)


@few
@given(commitment=words, beacon=words, shape=shapes, data=st.data())
def test_sample__any_commitment_and_beacon__is_the_same(
    harness: Chain, commitment: bytes, beacon: bytes, shape: Shape, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, shape.q - 1))
    asked = samples(commitment, beacon, shape)[index]
    have = call(harness, "sampleOf", commitment, beacon, index, shape.R, shape.tiles)
    assert tuple(have) == (asked.round, asked.tile)


@few
@given(index=u32, item=st.binary(max_size=2000))
def test_evidence_leaf__any_bytes__is_the_same(harness: Chain, index: int, item: bytes) -> None:
    assert call(harness, "evidenceLeaf", index, item) == item_leaf(index, item)


@few
@given(shape=shapes)
def test_lengths__any_shape__are_the_same(harness: Chain, shape: Shape) -> None:
    assert call(harness, "itemLength", shape.tiles, shape.R) == item_length(shape)
    for count in (shape.tiles, shape.R, shape.q + 1):
        assert call(harness, "depthOf", count) == merkle.depth_of(count)


@few
@given(leaves=st.lists(words, min_size=1, max_size=40), data=st.data())
def test_fold__any_tree__is_the_same(harness: Chain, leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    levels = merkle.build(merkle.pad(leaves))
    path = merkle.path_of(levels, index)
    root = merkle.fold(leaves[index], index, path, len(path))
    assert call(harness, "fold", leaves[index], index, list(path)) == root
    assert call(harness, "foldBytes", leaves[index], index, b"".join(path)) == root


@few
@given(entries=st.binary(min_size=1024, max_size=1024))
@example(entries=bytes(1024))
@example(entries=b"\xff" * 1024)
@example(entries=bytes.fromhex("00000080") * 256)
@example(entries=b"".join(i.to_bytes(4, "little") for i in range(256)))
def test_mix__any_tile__is_the_same(harness: Chain, entries: bytes) -> None:
    tile = np.frombuffer(entries, "<i4").reshape(1, 16, 16)
    assert call(harness, "mix", entries)[0] == digest_tiles(tile)[0]


@few
@given(seed=words, round_index=st.integers(0, 4095), root=words)
def test_next_seed__any_round__is_the_same(
    harness: Chain, seed: bytes, round_index: int, root: bytes
) -> None:
    assert call(harness, "nextSeed", seed, round_index, root) == next_seed(seed, round_index, root)


@few
@given(seed=words, roots=st.lists(words, min_size=1, max_size=40))
@example(seed=bytes(32), roots=[bytes(32)] * 300)
def test_follow_chain__any_roots__is_the_same(harness: Chain, seed: bytes, roots: list[bytes]) -> None:
    seeds = [seed]
    for index, root in enumerate(roots):
        seeds.append(next_seed(seeds[-1], index, root))
    leaves = [round_leaf(*pair) for pair in zip(seeds, roots, strict=False)]
    have = call(harness, "followChain", seed, b"".join(roots))
    assert tuple(have) == (seeds[-1], merkle.root_of(merkle.pad(leaves)))


@few
@given(
    data=st.data(),
    rounds=st.integers(1, 9),
    tile_bits=st.integers(1, 8),
    seed=words,
    final_seed=words,
)
def test_open_tile__any_opening__is_the_same(
    harness: Chain, data: st.DataObject, rounds: int, tile_bits: int, seed: bytes, final_seed: bytes
) -> None:
    depth = merkle.depth_of(rounds)
    round_index, tile = data.draw(st.integers(0, rounds - 1)), data.draw(st.integers(0, 2**tile_bits - 1))
    leaf, *nodes = data.draw(st.lists(words, min_size=1 + tile_bits + depth, max_size=1 + tile_bits + depth))
    tile_path, round_path = nodes[:tile_bits], nodes[tile_bits:]
    root = merkle.fold(leaf, tile, tile_path, tile_bits)
    rounds_root = merkle.fold(round_leaf(seed, root), round_index, round_path, depth)
    opening = b"".join((leaf, *tile_path, seed, *round_path, final_seed))
    have = call(harness, "openTile", opening, round_index, tile, 2**tile_bits, rounds)
    assert tuple(have) == (leaf, seed, commitment_of(final_seed, rounds_root))


def tile_of(seed: bytes, first_seed: bytes, row: int, column: int, inner: int, profile: int) -> np.ndarray:
    """The entries of the tile whose first lines these are."""
    column_seed = sha256(b"GPOW1/B" + first_seed).digest()
    rows = generate_lines(row_seed(seed), row, 16, inner, None, profile).astype(np.int64)
    columns = generate_lines(column_seed, column, 16, inner, None, profile).astype(np.int64)
    return (rows @ columns.T).astype(np.int32)


@settings(max_examples=8, deadline=None)
@given(
    seed=words,
    first_seed=words,
    row=st.integers(0, 2047),
    column=st.integers(0, 2047),
    inner=st.sampled_from([64, 192, 1024]),
    profile=st.sampled_from([0, 1]),
)
@example(seed=bytes(32), first_seed=bytes(32), row=0, column=0, inner=4096, profile=0)
@example(seed=bytes(32), first_seed=bytes(32), row=0, column=0, inner=4096, profile=1)
def test_lanes_and_products__any_tile__are_the_same(
    harness: Chain, seed: bytes, first_seed: bytes, row: int, column: int, inner: int, profile: int
) -> None:
    entries = tile_of(seed, first_seed, 16 * row, 16 * column, inner, profile)
    (leaf,) = digest_tiles(entries[None])
    where = (seed, first_seed, 16 * row, 16 * column, inner, profile)
    for lane in range(8):
        word = int.from_bytes(leaf[4 * lane : 4 * lane + 4], "little")
        assert call(harness, "laneIn", leaf, lane) == word
        assert call(harness, "laneOf", *where, lane)[0] == word
    for i, j in ((0, 0), (3, 5), (15, 15)):
        lines = (16 * row + i, 16 * column + j)
        assert call(harness, "product", seed, first_seed, *lines, inner, profile) == entries[i, j]
    item = bytes(8) + entries.astype("<i4").tobytes()
    assert call(harness, "isTile", item, *where)[0]
    wrong = entries.copy()
    wrong[row % 16, column % 16] += 1
    assert not call(harness, "isTile", bytes(8) + wrong.astype("<i4").tobytes(), *where)[0]


# The published vector


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return json.loads((ROOT / "tests" / "vectors" / "gpow1.json").read_text())["c_phase"][0]


@pytest.fixture(scope="module")
def shape(golden: dict[str, Any]) -> Shape:
    return Shape(*(golden["inputs"][name] for name in "mnKRq"))


@pytest.fixture(scope="module")
def evidence(golden: dict[str, Any], shape: Shape) -> Evidence:
    """The vector's evidence, made by Python's prover."""
    inputs = golden["inputs"]
    beacon, provider = bytes.fromhex(inputs["beacon"]), bytes.fromhex(inputs["provider"])
    challenge = Challenge(beacon, inputs["chain_id"], provider, inputs["device"], inputs["slot"], shape)
    return CpuProver().prove(challenge).open(bytes.fromhex(inputs["sample_beacon"]))


def hexes(values: list[str]) -> list[bytes]:
    return [bytes.fromhex(value) for value in values]


def test_vector__seed_0__is_the_published_one(harness: Chain, golden: dict[str, Any], shape: Shape) -> None:
    inputs = golden["inputs"]
    assert inputs["chain_id"] == CHAIN_ID
    have = call(
        harness,
        "firstSeed",
        bytes.fromhex(inputs["beacon"]),
        "0x" + inputs["provider"],
        inputs["device"],
        inputs["slot"],
        [shape.m, shape.n, shape.K, shape.R],
    )
    assert have.hex() == golden["seeds"][0]


def test_vector__commitment__is_the_published_one(harness: Chain, golden: dict[str, Any]) -> None:
    roots = hexes([golden["final_seed"], golden["rounds_root"]])
    assert call(harness, "commitmentOf", *roots).hex() == golden["commitment"]


def test_vector__lines__are_the_published_ones(harness: Chain, golden: dict[str, Any]) -> None:
    harness.deploy("PhiloxHarness")
    first = bytes.fromhex(golden["seeds"][0])
    row = harness.call("PhiloxHarness", "row", call(harness, "rowSeed", first), 0, 64)
    column = harness.call("PhiloxHarness", "column", call(harness, "columnSeed", first), 0, 64)
    assert list(row[:32]) == golden["A0_row0_first32"]
    assert list(column[:32]) == golden["B_col0_first32"]


@pytest.mark.parametrize("i", range(8))
def test_vector__sample__is_the_published_one(
    harness: Chain, golden: dict[str, Any], shape: Shape, evidence: Evidence, i: int
) -> None:
    """Which tile, its entries one by one, its digest, and both paths."""
    published = golden["samples"][i]
    commitment, beacon = bytes.fromhex(golden["commitment"]), bytes.fromhex(golden["inputs"]["sample_beacon"])
    place = (published["round"], published["tile"])
    assert tuple(call(harness, "sampleOf", commitment, beacon, i, shape.R, shape.tiles)) == place

    item = evidence.items[i]
    entries = parse_item(shape, item).entries.astype("<i4")
    assert sha256(entries.tobytes()).hexdigest() == published["entries_sha256"]
    assert tuple(call(harness, "placeOf", item)) == place
    seeds = hexes(golden["seeds"])
    assert call(harness, "seedOf", item, shape.tiles) == seeds[published["round"]]
    row, column = divmod(published["tile"], shape.n // 16)
    for j in range(16):
        assert call(harness, "entryOf", item, 0, j) == published["first_row"][j]
        at = (i + j) % 16, j
        product = call(
            harness,
            "product",
            seeds[published["round"]],
            seeds[0],
            16 * row + at[0],
            16 * column + at[1],
            shape.K,
            0,
        )
        assert call(harness, "entryOf", item, *at) == product == entries[at]

    leaf = call(harness, "mix", entries.tobytes())[0]
    assert leaf.hex() == published["leaf"]
    root = call(harness, "fold", leaf, published["tile"], hexes(published["path"]))
    assert root.hex() == golden["roots"][published["round"]]
    round_leaf = sha256(seeds[published["round"]] + root).digest()
    rounds_root = call(harness, "fold", round_leaf, published["round"], hexes(published["round_path"]))
    assert rounds_root.hex() == golden["rounds_root"]
    assert call(harness, "foldItem", item, shape.tiles, shape.R) == rounds_root


def test_vector__evidence__folds_to_its_root(harness: Chain, evidence: Evidence) -> None:
    root = evidence_root(evidence)
    leaves = evidence_leaves(evidence)
    for index, item in enumerate(evidence.items):
        leaf = call(harness, "evidenceLeaf", index, item)
        assert leaf == leaves[index]
        assert call(harness, "fold", leaf, index, list(evidence_path(evidence, index))) == root
