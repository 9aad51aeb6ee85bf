from __future__ import annotations

import random
import struct
from dataclasses import replace
from typing import Any

import pytest

from tensorbond.chain.types import PlaceKind
from tests.chain import Chain
from tests.labels import Dimensions, H, Memory, bytes_of
from tests.memory_work import MemoryWork, commit_memory, memory_device_as, open_memory, slot_of_phase

pytestmark = pytest.mark.chain

WALKER, SEGMENT = 5, 1


def judge(chain: Chain, work: MemoryWork, walker: int, segment: int, opening: bytes | None = None) -> bool:
    opening = work.memory.segment_opening(walker, segment) if opening is None else opening
    return bool(chain.call("MemoryProofs", "isBadStep", *work.place, walker, segment, opening))


def stray_work(chain: Chain, provider: str, **lies: Any) -> MemoryWork:
    def stray(dimensions: Dimensions, salt: bytes) -> Memory:
        return Memory(dimensions, salt, **lies)

    return open_memory(chain, commit_memory(chain, provider, memory_device_as(chain, provider), prover=stray))


@pytest.mark.parametrize("segment", [0, 1, 2])
def test_is_bad_step__end_that_no_steps_lead_to__is_bad(chain: Chain, provider: str, segment: int) -> None:
    work = stray_work(chain, provider, wrong_ends={(WALKER, segment): list(range(32))})
    found = [judge(chain, work, WALKER, other) for other in range(3)]
    assert found == [other == segment for other in range(3)]
    assert not judge(chain, work, WALKER - 1, segment)


def test_is_bad_step__walk_from_another_start__is_bad_in_segment_0(chain: Chain, provider: str) -> None:
    """However the opening tells it, the judge starts where memRoot says."""
    work = stray_work(chain, provider, wrong_starts={WALKER: [9] * 32})
    memory = work.memory
    honest = Memory(memory.dimensions, memory.salt)
    blocks = honest.segment_blocks(WALKER, 0)
    told = memory.segment_opening(WALKER, 0)
    with chain.reverts("OpeningUnbound"):
        judge(chain, work, WALKER, 0, told)  # its openings are of the blocks that a wrong start asks for
    openings = b"".join(map(memory.opening, blocks))
    end = len(told) - 32 - 32 * 64 * memory.dimensions.cap_bits
    shown = told[: 64 + 168] + openings + told[64 + 168 + len(openings) : end] + memory.caps(blocks, 64)
    assert judge(chain, work, WALKER, 0, shown + told[-32:])
    assert not judge(chain, work, WALKER, 1)


def test_is_bad_step__chain_that_does_not_begin_with_zero__is_bad(chain: Chain, provider: str) -> None:
    work = stray_work(chain, provider, wrong_before={WALKER: b"\x01" * 32})
    with chain.reverts("OpeningUnbound"):
        judge(chain, work, WALKER, 0)
    assert judge(chain, work, WALKER, 1)
    assert not judge(chain, work, WALKER, 2)


def test_is_bad_step__every_good_segment__is_good(chain: Chain, honest: MemoryWork) -> None:
    for walker in (0, 3, 7):
        for segment in range(3):
            assert not judge(chain, honest, walker, segment)


@pytest.mark.parametrize("shape", [Dimensions(3, 2, 0, 1), Dimensions(3, 4, 1, 2)], ids=["least", "odd"])
def test_is_bad_step__good_segment_of_another_shape__is_good(
    chain: Chain, provider: str, shape: Dimensions
) -> None:
    work = open_memory(chain, commit_memory(chain, provider, memory_device_as(chain, provider, shape)))
    for walker in range(shape.walkers):
        for segment in range(shape.segments):
            assert not judge(chain, work, walker, segment)


def test_is_bad_step__lies_where_nothing_is_bound__are_good(chain: Chain, honest: MemoryWork) -> None:
    """In segment 0 the h and the start state, in any the digests without use."""
    rng = random.Random(2)
    opening = honest.memory.segment_opening(WALKER, 0)
    lie = opening[:72] + rng.randbytes(160) + opening[232:]
    assert not judge(chain, honest, WALKER, 0, lie)

    opening = bytearray(honest.memory.segment_opening(WALKER, 2))
    item_end = 64 + len(honest.memory.segment_item(WALKER, 2))
    digests = item_end - 32 * (3 - 1 + 3)
    assert opening[digests : digests + 64] == bytes(64)
    opening[digests : digests + 64] = rng.randbytes(64)
    assert not judge(chain, honest, WALKER, 2, bytes(opening))


@pytest.mark.parametrize(
    ("walker", "segment"), [(8, 0), (WALKER + 8, 0), (WALKER + 2**16, 1), (2**32, 0), (0, 3), (0, 2**255)]
)
def test_is_bad_step__no_such_segment__reverts(
    chain: Chain, honest: MemoryWork, walker: int, segment: int
) -> None:
    """A walker's path would take the number of another: it must not be judged by another's start."""
    opening = bytearray(honest.memory.segment_opening(walker % 8, segment % 3))
    opening[64:72] = struct.pack("<II", walker % 2**32, segment % 2**32)
    with chain.reverts("PlaceUnknown", kind=PlaceKind.SEGMENT, first=walker, second=segment):
        judge(chain, honest, walker, segment, bytes(opening))


@pytest.mark.parametrize("cut", [-64, -32, -1, 1, 32])
def test_is_bad_step__opening_of_another_length__reverts(chain: Chain, honest: MemoryWork, cut: int) -> None:
    good = honest.memory.segment_opening(WALKER, SEGMENT)
    opening = good[:cut] if cut < 0 else good + bytes(cut)
    with chain.reverts("OpeningMalformed", have=len(opening), need=len(good)):
        judge(chain, honest, WALKER, SEGMENT, opening)


def test_is_bad_step__other_roots__reverts(chain: Chain, honest: MemoryWork) -> None:
    opening = honest.memory.segment_opening(WALKER, SEGMENT)
    forged = opening[:32] + bytes(32) + opening[64:]
    have = H(b"GPOW1/MC", forged[:64])
    with chain.reverts("CommitmentMismatch", have=have, need=honest.commitment):
        judge(chain, honest, WALKER, SEGMENT, forged)


def test_is_bad_step__one_bit_anywhere__reverts(chain: Chain, honest: MemoryWork) -> None:
    """Place, h, start, blocks, paths, digests in use, walk path, cap paths, the committed end."""
    memory = honest.memory
    opening = memory.segment_opening(WALKER, SEGMENT)
    item_end = 64 + len(memory.segment_item(WALKER, SEGMENT))
    tail = range(item_end - 32 * (3 - 1 + 3), item_end, 32)
    unused = tail[1]
    places = [64, 68, 72, 103, 104, 231, 232, *range(233, item_end - 160, 499), *tail, item_end]
    places += [len(opening) - 64, len(opening) - 32, len(opening) - 1]
    for at in set(places) - {unused}:
        forged = bytearray(opening)
        forged[at] ^= 0x04
        with chain.reverts("OpeningUnbound"):
            judge(chain, honest, WALKER, SEGMENT, bytes(forged))


def test_is_bad_step__good_opening_of_another_segment__reverts(chain: Chain, honest: MemoryWork) -> None:
    for walker, segment in ((WALKER, 2), (WALKER + 1, SEGMENT)):
        with chain.reverts("OpeningUnbound"):
            judge(chain, honest, WALKER, SEGMENT, honest.memory.segment_opening(walker, segment))


def test_is_bad_step__start_that_the_chain_does_not_bind__reverts(chain: Chain, honest: MemoryWork) -> None:
    """A start of the challenger's own, with true openings of all that it asks for."""
    memory = honest.memory
    states = [list(states) for states in memory.states]
    states[WALKER][SEGMENT] = list(range(32))
    forged = replace(memory)
    forged.__dict__ |= {"tree": memory.tree, "labels": memory.labels, "walk_tree": memory.walk_tree}
    forged.__dict__ |= {"states": states, "chains": memory.chains}
    opening = forged.segment_opening(WALKER, SEGMENT)
    assert opening[104:232] == bytes_of(list(range(32)))
    with chain.reverts("OpeningUnbound"):
        judge(chain, honest, WALKER, SEGMENT, opening)


def test_is_bad_step__slot_of_the_c_phase__reverts(chain: Chain, honest: MemoryWork) -> None:
    slot = slot_of_phase(chain, honest.slot + 2, memory=False)
    with chain.reverts("PhaseMismatch", device=honest.device, slot=slot):
        judge(chain, replace(honest, slot=slot), WALKER, SEGMENT)
