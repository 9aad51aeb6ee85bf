from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tensorbond.chain.types import CapNode, MemoryItemOpening
from tests.chain import Chain
from tests.labels import STEPS, Dimensions, H, Memory, bytes_of, parents_of
from tests.memory_work import (
    MemoryWork,
    cap_node,
    caps_of,
    commit_memory,
    memory_device_as,
    open_memory,
    show_item,
    slot_of_phase,
)
from tests.work import first_slot_of

pytestmark = pytest.mark.chain

NOTHING = CapNode(0, bytes(32), ())


def judge(
    chain: Chain, work: MemoryWork, opened: MemoryItemOpening, shown: CapNode = NOTHING
) -> tuple[bool, bytes]:
    return tuple(chain.call("MemoryProofs", "isBadItem", *work.place, opened, shown))


def is_bad(chain: Chain, work: MemoryWork, index: int, item: bytes, shown: CapNode = NOTHING) -> bool:
    """What the judge says of an item's bytes, under the root that they fold to."""
    opened, root = show_item(work, index, item)
    bad, evidence_root = judge(chain, work, opened, shown)
    assert evidence_root == root
    return bad


def is_good(chain: Chain, work: MemoryWork, index: int, item: bytes) -> bool:
    opened, root = show_item(work, index, item)
    good, evidence_root = chain.call("MemoryProofs", "isGoodItem", *work.place, opened, caps_of(work, index))
    assert evidence_root == root
    return bool(good)


def flipped(item: bytes, at: int, bit: int = 0) -> bytes:
    changed = bytearray(item)
    changed[at] ^= 1 << bit
    return bytes(changed)


def opening_at(work: MemoryWork, index: int, opening: int) -> int:
    """Where an opening begins in the item."""
    length = 128 + 32 * work.memory.dimensions.lower
    return (8 if index < 64 else 168) + opening * length


# What is bad


@pytest.mark.parametrize("segment", [False, True])
@pytest.mark.parametrize("cut", ["empty", "one byte", "one short", "one long", "two items"])
def test_is_bad_item__another_length__is_bad(
    chain: Chain, honest: MemoryWork, segment: bool, cut: str
) -> None:
    index = honest.index_of(segment)
    good = honest.item(index)
    item = {
        "empty": b"",
        "one byte": b"\0",
        "one short": good[:-1],
        "one long": good + b"\0",
        "two items": good + good,
    }[cut]
    assert is_bad(chain, honest, index, item)
    assert not is_good(chain, honest, index, item)


@pytest.mark.parametrize("segment", [False, True])
def test_is_bad_item__good_item_of_another_place__is_bad(
    chain: Chain, honest: MemoryWork, segment: bool
) -> None:
    index = honest.index_of(segment)
    first, second = honest.sample(index)
    memory, shape = honest.memory, honest.memory.dimensions
    others = (
        [
            memory.segment_item((first + 1) % shape.walkers, second),
            memory.segment_item(first, (second + 1) % 3),
        ]
        if segment
        else [memory.label_item(first ^ 1), memory.label_item((first + 64) % shape.labels)]
    )
    for item in others:
        assert is_bad(chain, honest, index, item)


@pytest.mark.parametrize("segment", [False, True])
def test_is_bad_item__good_item_that_says_another_place__is_bad(
    chain: Chain, honest: MemoryWork, segment: bool
) -> None:
    index = honest.index_of(segment)
    for at in (0, 4, 7):
        assert is_bad(chain, honest, index, flipped(honest.item(index), at))


@pytest.mark.parametrize("opening", [0, 1, 2, 15, 16])
def test_is_bad_item__a_label_in_it_changed__is_bad(chain: Chain, honest: MemoryWork, opening: int) -> None:
    index = honest.index_of()
    number = honest.sample(index)[0]
    label = (number, *parents_of(honest.memory.dimensions, honest.memory.salt, number))[opening]
    at = opening_at(honest, index, opening) + 32 * (label % 4)
    assert is_bad(chain, honest, index, flipped(honest.item(index), at))
    assert is_bad(chain, honest, index, flipped(honest.item(index), at + 31, 7))


def test_is_bad_item__label_of_layer_0_changed__is_bad(chain: Chain, honest: MemoryWork) -> None:
    index = honest.index_of(layer=0)
    at = opening_at(honest, index, 0) + 32 * (honest.sample(index)[0] % 4)
    assert is_bad(chain, honest, index, flipped(honest.item(index), at))


@pytest.mark.parametrize("end", ["first", "last"])
def test_is_bad_item__parents_in_layer_0__are_bad(chain: Chain, honest: MemoryWork, end: str) -> None:
    index = honest.index_of(layer=0)
    at = opening_at(honest, index, 1) if end == "first" else len(honest.item(index)) - 1
    item = flipped(honest.item(index), at)
    assert is_bad(chain, honest, index, item)
    assert not is_good(chain, honest, index, item)


@pytest.mark.parametrize("place", ["another label", "path"])
@pytest.mark.parametrize("opening", [0, 1, 16])
def test_is_bad_item__label_opening_of_another_node__is_bad_where_the_cap_is_shown(
    chain: Chain, honest: MemoryWork, place: str, opening: int
) -> None:
    """A label beside the one in question, or the path: the labels themselves fit."""
    index = honest.index_of()
    number = honest.sample(index)[0]
    label = (number, *parents_of(honest.memory.dimensions, honest.memory.salt, number))[opening]
    at = opening_at(honest, index, opening)
    at += 128 if place == "path" else 32 * ((label + 1) % 4)
    item = flipped(honest.item(index), at)
    assert is_bad(chain, honest, index, item, cap_node(honest, index, opening))
    assert not is_good(chain, honest, index, item)
    # Shown another opening, or no node that memRoot has there, the judge sees nothing.
    assert not is_bad(chain, honest, index, item, cap_node(honest, index, (opening + 1) % 17))
    assert not is_bad(chain, honest, index, item)


@pytest.mark.parametrize("step", [0, 1, 62, 63])
def test_is_bad_item__step_opening_of_another_node__is_bad_where_the_cap_is_shown(
    chain: Chain, honest: MemoryWork, step: int
) -> None:
    index = honest.index_of(segment=True)
    item = flipped(honest.item(index), opening_at(honest, index, step) + 128 + 33)
    assert is_bad(chain, honest, index, item, cap_node(honest, index, step))
    assert not is_good(chain, honest, index, item)
    assert not is_bad(chain, honest, index, item, cap_node(honest, index, (step + 1) % 64))


@pytest.mark.parametrize("step", [0, 63])
def test_is_bad_item__step_over_other_bytes__is_bad(chain: Chain, honest: MemoryWork, step: int) -> None:
    """They don't lead to the walk that was committed to."""
    index = honest.index_of(segment=True)
    assert is_bad(chain, honest, index, flipped(honest.item(index), opening_at(honest, index, step) + 77))


def test_is_bad_item__first_segment_from_another_start__is_bad(chain: Chain, honest: MemoryWork) -> None:
    index = honest.index_of(segment=True, first=True)
    for at in (8, 39, 40, 167):
        assert is_bad(chain, honest, index, flipped(honest.item(index), at))


def test_is_bad_item__later_segment_from_another_start__is_bad(chain: Chain, honest: MemoryWork) -> None:
    index = honest.index_of(segment=True, first=False)
    for at in (8, 39, 40, 167):
        assert is_bad(chain, honest, index, flipped(honest.item(index), at))


def test_is_bad_item__digests_or_walk_path_changed__is_bad(chain: Chain, honest: MemoryWork) -> None:
    """Used or unused, they are signed."""
    shape = honest.memory.dimensions
    for first in (True, False):
        index = honest.index_of(segment=True, first=first)
        item = honest.item(index)
        tail = 32 * (shape.segments - 1 + shape.walker_bits)
        for at in range(len(item) - tail, len(item), 32):
            assert is_bad(chain, honest, index, flipped(item, at))


def test_is_bad_item__walk_committed_with_a_wrong_end__is_bad(chain: Chain, provider: str) -> None:
    def stray(dimensions: Dimensions, salt: bytes) -> Memory:
        ends = {(walker, 1): [7] * 32 for walker in range(dimensions.walkers)}
        return Memory(dimensions, salt, wrong_ends=ends)

    device = memory_device_as(chain, provider)
    work = open_memory(chain, commit_memory(chain, provider, device, prover=stray))
    found = {
        work.sample(index)[1]: is_bad(chain, work, index, work.item(index), cap_node(work, index))
        for index in range(64, 96)
    }
    assert found == {0: False, 1: True, 2: False}


def test_is_bad_item__walk_committed_from_a_wrong_start__is_bad(chain: Chain, provider: str) -> None:
    def stray(dimensions: Dimensions, salt: bytes) -> Memory:
        starts = {walker: [walker] * 32 for walker in range(dimensions.walkers)}
        return Memory(dimensions, salt, wrong_starts=starts)

    device = memory_device_as(chain, provider)
    work = open_memory(chain, commit_memory(chain, provider, device, prover=stray))
    index = work.index_of(segment=True, first=True)
    assert is_bad(chain, work, index, work.item(index))


def test_is_bad_item__chain_that_does_not_begin_with_zero__is_bad(chain: Chain, provider: str) -> None:
    """The contract and the verifier: h_0 shows in segment 1, though that folds to the walkRoot."""

    def stray(dimensions: Dimensions, salt: bytes) -> Memory:
        before = dict.fromkeys(range(dimensions.walkers), b"\x01" * 32)
        return Memory(dimensions, salt, wrong_before=before)

    device = memory_device_as(chain, provider)
    work = open_memory(chain, commit_memory(chain, provider, device, prover=stray))
    items = {index: work.item(index) for index in range(64, 96)}
    found = {
        work.sample(index)[1]: is_bad(chain, work, index, items[index], cap_node(work, index))
        for index in items
    }
    assert found == {0: True, 1: True, 2: False}
    assert {work.sample(index)[1]: is_good(chain, work, index, items[index]) for index in items} == {
        0: False,
        1: False,
        2: True,
    }


def test_is_bad_item__label_committed_wrong__is_bad(chain: Chain, provider: str) -> None:
    def stray(dimensions: Dimensions, salt: bytes) -> Memory:
        labels = range(128, dimensions.labels)
        return Memory(dimensions, salt, wrong_labels={number: bytes(32) for number in labels})

    device = memory_device_as(chain, provider)
    work = open_memory(chain, commit_memory(chain, provider, device, prover=stray))
    for index in range(8):
        number = work.sample(index)[0]
        assert is_bad(chain, work, index, work.item(index)) == (number >= 128)


# What an honest prover has to fear: nothing


def test_is_bad_item__every_good_item__is_good(chain: Chain, honest: MemoryWork) -> None:
    chosen = [honest.index_of(layer=0), *range(0, 96, 7)]
    for index in chosen:
        item = honest.item(index)
        assert is_good(chain, honest, index, item)
        for opening in {0, 1, 5, len(honest.blocks(index)) - 1}:
            if opening < len(honest.blocks(index)):
                assert not is_bad(chain, honest, index, item, cap_node(honest, index, opening))


@pytest.mark.parametrize(
    "shape",
    [Dimensions(3, 2, 0, 1), Dimensions(3, 4, 2, 1), Dimensions(5, 3, 1, 5)],
    ids=["least", "one segment", "odd"],
)
def test_is_bad_item__good_item_of_another_shape__is_good(
    chain: Chain, provider: str, shape: Dimensions
) -> None:
    device = memory_device_as(chain, provider, shape)
    work = open_memory(chain, commit_memory(chain, provider, device))
    for index in (*range(0, 64, 9), 64, 70, 95):
        item = work.item(index)
        assert is_good(chain, work, index, item)
        assert not is_bad(chain, work, index, item, cap_node(work, index))
        assert is_bad(chain, work, index, flipped(item, 0))


def test_is_bad_item__lies_about_the_cap__show_nothing(chain: Chain, honest: MemoryWork) -> None:
    rng = random.Random(5)
    for index in (honest.index_of(), honest.index_of(layer=0), honest.index_of(segment=True)):
        item, true = honest.item(index), cap_node(honest, index)
        lies = [
            replace(true, node=rng.randbytes(32)),
            replace(true, path=true.path[:-1]),
            replace(true, path=()),
            replace(true, path=(*true.path, bytes(32))),
            # An inner node in the cap's place, and the root itself.
            replace(true, node=honest.memory.tree[-2][0], path=(honest.memory.tree[-2][1],)),
            replace(true, node=honest.memory.mem_root, path=()),
            *(replace(true, opening=opening) for opening in (1, 17, 64, 2**255)),
        ]
        for lie in lies:
            assert not is_bad(chain, honest, index, item, lie)


def test_is_bad_item__another_opening_than_shown__shows_nothing(chain: Chain, honest: MemoryWork) -> None:
    """The node must be the one above the very block that the opening is of."""
    index = honest.index_of(segment=True)
    for other in range(8):
        node = honest.memory.tree[honest.memory.dimensions.lower][other]
        path = tuple(honest.memory.cap_path(other << honest.memory.dimensions.lower))
        assert not is_bad(chain, honest, index, honest.item(index), CapNode(3, node, path))


# What is no claim at all


@pytest.mark.parametrize("root", ["mem_root", "walk_root"])
def test_is_bad_item__roots_that_are_not_the_commitments__reverts(
    chain: Chain, honest: MemoryWork, root: str
) -> None:
    opened = replace(show_item(honest, 0)[0], **{root: bytes(32)})
    have = H(b"GPOW1/MC", opened.mem_root, opened.walk_root)
    with chain.reverts("CommitmentMismatch", have=have, need=honest.commitment):
        judge(chain, honest, opened)


@pytest.mark.parametrize("index", [96, 97, 127, 128, 2**255])
def test_is_bad_item__header_or_padding_as_an_item__reverts(
    chain: Chain, honest: MemoryWork, index: int
) -> None:
    with chain.reverts("IndexOutOfRange", have=index, count=96):
        judge(chain, honest, replace(show_item(honest, 0)[0], index=index))


@pytest.mark.parametrize("depth", [0, 6, 8])
def test_is_bad_item__evidence_path_of_another_depth__reverts(
    chain: Chain, honest: MemoryWork, depth: int
) -> None:
    opened = show_item(honest, 0)[0]
    path = (*opened.path, bytes(32))[:depth]
    with chain.reverts("EvidencePathMalformed", have=depth, need=7):
        judge(chain, honest, replace(opened, path=path))


def test_is_bad_item__next_slot_unsealed__reverts(chain: Chain, provider: str) -> None:
    work = commit_memory(chain, provider, memory_device_as(chain, provider))
    with chain.reverts("SlotNotSealed", slot=work.slot + 1):
        judge(chain, work, show_item(work, 0)[0])


def test_is_bad_item__slot_unsealed__reverts(chain: Chain, honest: MemoryWork) -> None:
    with chain.reverts("SlotNotSealed", slot=honest.slot + 7):
        judge(chain, replace(honest, slot=honest.slot + 7), show_item(honest, 0)[0])


def test_is_bad_item__slot_of_the_other_phase__reverts(chain: Chain, provider: str) -> None:
    device = memory_device_as(chain, provider)
    work = open_memory(chain, commit_memory(chain, provider, device))
    slot = slot_of_phase(chain, work.slot + 2, memory=False)
    assert first_slot_of(chain, device) < slot
    with chain.reverts("PhaseMismatch", device=device, slot=slot):
        judge(chain, replace(work, slot=slot), show_item(work, 0)[0])


@pytest.mark.parametrize("length", [-32, 32])
@pytest.mark.parametrize("segment", [False, True])
def test_is_good_item__cap_paths_of_another_length__reverts(
    chain: Chain, honest: MemoryWork, segment: bool, length: int
) -> None:
    index = honest.index_of(segment)
    opened, caps = show_item(honest, index)[0], caps_of(honest, index)
    wrong = caps[:length] if length < 0 else caps + bytes(length)
    with chain.reverts("CapPathsMalformed", have=len(wrong), need=len(caps)):
        chain.call("MemoryProofs", "isGoodItem", *honest.place, opened, wrong)


@pytest.mark.parametrize("segment", [False, True])
def test_is_good_item__one_cap_path_wrong__is_not_good(
    chain: Chain, honest: MemoryWork, segment: bool
) -> None:
    index = honest.index_of(segment)
    opened, caps = show_item(honest, index)[0], caps_of(honest, index)
    for at in (0, len(caps) // 2, len(caps) - 1):
        good, _ = chain.call("MemoryProofs", "isGoodItem", *honest.place, opened, flipped(caps, at))
        assert not good


def test_walk__steps__are_sixty_four(honest: MemoryWork) -> None:
    walker, segment = honest.sample(95)
    assert len(honest.blocks(95)) == STEPS
    start = honest.item(95)[40:168]
    assert start == bytes_of(honest.memory.states[walker][segment])
