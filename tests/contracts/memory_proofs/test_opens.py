from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import Place, PlaceKind
from tests.chain import Chain
from tests.labels import Dimensions, Memory
from tests.memory_work import MemoryWork, commit_memory, memory_device_as, open_memory, slot_of_phase

pytestmark = pytest.mark.chain

PLACES = [Place(PlaceKind.LABEL, 0, 0), Place(PlaceKind.LABEL, 255, 0), Place(PlaceKind.SEGMENT, 7, 2)]


def opening_of(work: MemoryWork, place: Place) -> bytes:
    memory = work.memory
    if place.kind == PlaceKind.SAMPLE:
        first, second = work.sample(place.first)
        is_label = place.first < 64
    else:
        (first, second), is_label = (place.first, place.second), place.kind == PlaceKind.LABEL
    return memory.label_opening(first) if is_label else memory.segment_opening(first, second)


def opens(chain: Chain, work: MemoryWork, place: Place, opening: bytes | None = None) -> bool:
    opening = opening_of(work, place) if opening is None else opening
    return bool(chain.call("MemoryProofs", "opens", *work.place, place, opening))


def test_opens__what_was_committed__opens(chain: Chain, honest: MemoryWork) -> None:
    samples = [Place(PlaceKind.SAMPLE, index, 0) for index in (0, 31, 63, 64, 95)]
    for place in (*PLACES, *samples):
        opening = opening_of(honest, place)
        assert opens(chain, honest, place, opening)
        length = chain.call("MemoryProofs", "openingLength", honest.device, honest.slot, place)
        assert length == len(opening)
        for wrong in (b"", opening[:-1], opening + b"\0", opening[:240] + b"\xaa" * 9 + opening[249:]):
            assert not opens(chain, honest, place, wrong)


def test_opens__another_place__does_not(chain: Chain, honest: MemoryWork) -> None:
    for place in PLACES:
        for other in PLACES:
            assert opens(chain, honest, place, opening_of(honest, other)) == (place == other)
    index = honest.index_of()
    wrong = honest.memory.label_opening(honest.sample(index)[0] ^ 1)
    assert not opens(chain, honest, Place(PlaceKind.SAMPLE, index, 0), wrong)


def test_opens__wrong_as_it_was_committed__opens(chain: Chain, provider: str) -> None:
    """Whether the content is right, F4 asks."""

    def stray(dimensions: Dimensions, salt: bytes) -> Memory:
        return Memory(dimensions, salt, wrong_labels={255: bytes(32)}, wrong_ends={(7, 2): [1] * 32})

    device = memory_device_as(chain, provider)
    work = open_memory(chain, commit_memory(chain, provider, device, prover=stray))
    for place in PLACES:
        assert opens(chain, work, place)
    assert chain.call("MemoryProofs", "isBadLabel", *work.place, 255, opening_of(work, PLACES[1]))
    assert chain.call("MemoryProofs", "isBadStep", *work.place, 7, 2, opening_of(work, PLACES[2]))


def test_opens__other_commitment__does_not(chain: Chain, honest: MemoryWork) -> None:
    for place in PLACES:
        opening = opening_of(honest, place)
        found = chain.call("MemoryProofs", "opens", honest.device, honest.slot, bytes(32), place, opening)
        assert not found


@pytest.mark.parametrize(
    "place",
    [
        Place(PlaceKind.SAMPLE, 96, 0),
        Place(PlaceKind.SAMPLE, 0, 1),
        Place(PlaceKind.TILE, 0, 0),
        Place(PlaceKind.LABEL, 256, 0),
        Place(PlaceKind.LABEL, 0, 1),
        Place(PlaceKind.SEGMENT, 8, 0),
        Place(PlaceKind.SEGMENT, 0, 3),
    ],
    ids=str,
)
def test_opening_length__no_such_place__reverts(chain: Chain, honest: MemoryWork, place: Place) -> None:
    with chain.reverts("PlaceUnknown", kind=place.kind, first=place.first, second=place.second):
        chain.call("MemoryProofs", "openingLength", honest.device, honest.slot, place)


def test_opening_length__slot_of_the_c_phase__reverts(chain: Chain, honest: MemoryWork) -> None:
    slot = slot_of_phase(chain, honest.slot + 2, memory=False)
    with chain.reverts("PhaseMismatch", device=honest.device, slot=slot):
        chain.call("MemoryProofs", "openingLength", honest.device, slot, PLACES[0])


def test_opens__no_such_label__does_not(chain: Chain, honest: MemoryWork) -> None:
    """Its path would take the number of another."""
    alias = replace(PLACES[0], first=1 << (2 + honest.memory.dimensions.depth))
    opening = bytearray(opening_of(honest, PLACES[0]))
    opening[64:72] = alias.first.to_bytes(8, "little")
    assert not opens(chain, honest, alias, bytes(opening))
    alias = replace(PLACES[2], first=7 + 8)
    opening = bytearray(opening_of(honest, PLACES[2]))
    opening[64] += 8
    assert not opens(chain, honest, alias, bytes(opening))
