"""The leaf's formulas against the oracle's, which share no code with them, and what is read under a root."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorbond.audit.epochs import bandwidth_of, leaf_of, throughput_of
from tensorbond.audit.history import Unit
from tensorbond.audit.published import (
    LEAF_FIELDS,
    LeafDataUnreadable,
    LeafRow,
    Row,
    digest_of,
    outcomes_root_of,
    read_published,
    root_of,
)
from tensorbond.chain.types import DeviceClass, Leaf, Outcome
from tensorbond.oracle.facts import DeviceFact
from tensorbond.oracle.leaves import EpochData, data_name
from tensorbond.oracle.outcomes import bandwidth_of as oracle_bandwidth
from tensorbond.oracle.outcomes import throughput_of as oracle_throughput
from tensorbond.oracle.rules import next_leaf
from tensorbond.store import Store
from tests.offchain.oracle.epochs import MEMORY, TERMS, beacon_of, make_facts

pytestmark = pytest.mark.unit

PROVIDER = "0x" + "00" * 19 + "AA"
SMALL = st.integers(0, 12)
SLOTS = st.integers(0, 3)
BEACONS = {slot: beacon_of(slot, memory=slot > 1) for slot in range(4)}
"""Slots 2 and 3 are of the M-phase."""


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    kind, result = draw(st.integers(0, 3)), draw(st.integers(1, 5))
    throughput = draw(st.integers(0, 50)) if result in (1, 5) else 0
    witness = draw(st.binary(min_size=32, max_size=32))
    return Outcome(draw(SLOTS), kind, result, throughput, witness, draw(SMALL), draw(SMALL))


@st.composite
def leaves(draw: st.DrawFn) -> Leaf:
    kinds: list[int] = []
    for _ in range(3):
        due = draw(SMALL)
        kinds += [due, draw(st.integers(0, due)), draw(st.sampled_from((0, 1, 7, 8, 9, 65535)))]
    shown = (draw(st.integers(0, 50)) for _ in range(3))
    return Leaf(1, PROVIDER, 0, *kinds, *shown, draw(SMALL), draw(SMALL), bytes(32), 0)


def _mine(leaf: Leaf | None) -> LeafRow | None:
    return leaf and LeafRow(**asdict(leaf))


@given(
    st.none() | leaves(),
    st.lists(outcomes(), max_size=6),
    st.integers(0, 40),
    st.booleans(),
    st.booleans(),
    st.sampled_from((TERMS, MEMORY)),
)
def test_leaf_of__any_epoch__is_the_oracle_s(
    before: Leaf | None, rows: list[Outcome], bonded: int, active: bool, held: bool, terms: DeviceClass
) -> None:
    holds = ((115, 125),) if held else ()
    device = DeviceFact(1, PROVIDER, 0, bonded, 0, 4 if active else 3, holds)
    theirs = next_leaf(make_facts([device], terms=terms, beacons=BEACONS), device, before, rows)
    told = tuple(Row(**asdict(row)) for row in rows)
    memory = {2, 3} - ({2} if held else set()) if terms.layers else set()
    mine = leaf_of(1, Unit(PROVIDER, 0, bonded, 0, 0, 0), terms, told, memory, _mine(before), active)
    names = [name for name in LEAF_FIELDS if name != "cumulative_reward"]
    assert {name: getattr(mine, name) for name in names} == {name: getattr(theirs, name) for name in names}


@given(st.integers(0, 10**6), st.integers(1, 2**24 - 1))
def test_throughput_of__any_time__is_the_oracle_s(elapsed: int, peak: int) -> None:
    terms = DeviceClass(4096, 4096, 16384, 64, 16, 0, 1, 0, peak, 1, 1)
    assert throughput_of(terms, elapsed) == oracle_throughput(terms, 1000, 1000 + elapsed)


@given(
    st.integers(0, 10**4),
    st.integers(1, 65535),
    st.integers(4, 18),
    st.integers(0, 16),
    st.integers(1, 256),
    st.integers(1, 2**24 - 1),
)
def test_bandwidth_of__any_time__is_the_oracle_s(
    elapsed: int, layers: int, layer_bits: int, walker_bits: int, segments: int, peak: int
) -> None:
    shape = {"layers": layers, "layer_bits": layer_bits, "walker_bits": walker_bits, "segments": segments}
    terms = replace(TERMS, **shape, peak_bandwidth=peak)
    assert bandwidth_of(terms, elapsed) == oracle_bandwidth(terms, 1000, 1000 + elapsed)


@given(
    st.lists(outcomes(), max_size=9), leaves(), st.lists(st.integers(0, 2**20 - 1), unique=True, max_size=5)
)
def test_root_and_digest__any_leaves__are_the_oracle_s(
    rows: list[Outcome], leaf: Leaf, devices: list[int]
) -> None:
    theirs = EpochData(
        1, 0, {d: Leaf(**{**asdict(leaf), "device": d}) for d in devices}, {d: tuple(rows) for d in devices}
    )
    told = tuple(Row(**asdict(row)) for row in rows)
    mine = {d: LeafRow(**{**asdict(leaf), "device": d}, rows=told) for d in devices}
    assert root_of(mine) == (theirs.root, theirs.total_weight)
    assert digest_of(mine) == theirs.data_digest


def test_outcomes_root_of__no_rows__is_zero() -> None:
    assert outcomes_root_of(()) == bytes(32)


# What is published


def _published(change: dict[str, Any], tmp_path: Path) -> Store:
    leaf = Leaf(1, PROVIDER, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 5, 0, 0, 5, 10**21, bytes(32), 0)
    told = json.loads(EpochData(1, 7, {1: leaf}, {1: ()}).encode())
    told["leaves"][0] |= change
    store = Store(tmp_path)
    store.put(data_name(1, 7, bytes(32)), json.dumps(told).encode())
    return store


def test_read_published__what_oracles_write__is_read(tmp_path: Path) -> None:
    (leaf,) = read_published(_published({}, tmp_path), 1, 7, bytes(32)).values()
    assert (leaf.device, leaf.provider, leaf.cumulative_reward) == (1, PROVIDER, 10**21)


@pytest.mark.parametrize(
    "change",
    [
        {"device": -1},
        {"device": 1 << 20},
        {"dueC": 65536},
        {"provider": "0x12"},
        {"provider": 7},
        {"weight": "many"},
        {"weight": None},
        {"outcomesRoot": "0x00"},
        {"outcomes": [{}]},
        {"outcomes": None},
        {"cumulativeReward": str(1 << 128)},
    ],
)
def test_read_published__what_cannot_be__is_unreadable(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(LeafDataUnreadable, match="leaf data of epoch 7"):
        read_published(_published(change, tmp_path), 1, 7, bytes(32))


def test_read_published__weights_beyond_a_node__are_unreadable(tmp_path: Path) -> None:
    heavy = {"weight": str((1 << 96) - 1)}
    store = _published(heavy, tmp_path)
    told = json.loads(store.get(data_name(1, 7, bytes(32)), 1 << 20))
    told["leaves"] += [{**told["leaves"][0], "device": device} for device in (2, 3)]
    Path(tmp_path, data_name(1, 7, bytes(32))).write_text(json.dumps(told))
    with pytest.raises(LeafDataUnreadable):
        read_published(store, 1, 7, bytes(32))


def test_read_published__device_twice__is_unreadable(tmp_path: Path) -> None:
    store = _published({}, tmp_path)
    told = json.loads(store.get(data_name(1, 7, bytes(32)), 1 << 20))
    told["leaves"] *= 2
    Path(tmp_path, data_name(1, 7, bytes(32))).write_text(json.dumps(told))
    with pytest.raises(LeafDataUnreadable, match="device 1 twice"):
        read_published(store, 1, 7, bytes(32))
