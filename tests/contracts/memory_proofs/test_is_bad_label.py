from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tensorbond.chain.types import PlaceKind
from tests.chain import Chain
from tests.labels import Dimensions, H, Memory
from tests.memory_work import MemoryWork, commit_memory, memory_device_as, open_memory, slot_of_phase

pytestmark = pytest.mark.chain

WRONG = 200


def judge(chain: Chain, work: MemoryWork, number: int, opening: bytes | None = None) -> bool:
    opening = work.memory.label_opening(number) if opening is None else opening
    return bool(chain.call("MemoryProofs", "isBadLabel", *work.place, number, opening))


@pytest.fixture
def wrong(chain: Chain, provider: str) -> MemoryWork:
    """Work with the label WRONG made of nothing; those above are made of what is there."""

    def stray(dimensions: Dimensions, salt: bytes) -> Memory:
        return Memory(dimensions, salt, wrong_labels={WRONG: b"\x07" * 32})

    return open_memory(chain, commit_memory(chain, provider, memory_device_as(chain, provider), prover=stray))


def test_is_bad_label__made_of_nothing__is_bad(chain: Chain, wrong: MemoryWork) -> None:
    assert judge(chain, wrong, WRONG)
    # Its neighbours and those that it went into are made as they must be.
    for number in (WRONG - 1, WRONG + 1, WRONG % 64, WRONG - 64, 255):
        assert not judge(chain, wrong, number)


def test_is_bad_label__wrong_in_layer_0__is_bad(chain: Chain, provider: str) -> None:
    def stray(dimensions: Dimensions, salt: bytes) -> Memory:
        return Memory(dimensions, salt, wrong_labels={5: bytes(32)})

    device = memory_device_as(chain, provider)
    work = open_memory(chain, commit_memory(chain, provider, device, prover=stray))
    assert judge(chain, work, 5)
    assert not judge(chain, work, 4)


def test_is_bad_label__every_good_label__is_good(chain: Chain, honest: MemoryWork) -> None:
    for number in (0, 1, 62, 63, 64, 65, 127, 128, 200, 254, 255):
        assert not judge(chain, honest, number)


@pytest.mark.parametrize("shape", [Dimensions(3, 2, 0, 1), Dimensions(3, 3, 1, 1)], ids=["least", "odd"])
def test_is_bad_label__good_label_of_another_shape__is_good(
    chain: Chain, provider: str, shape: Dimensions
) -> None:
    work = open_memory(chain, commit_memory(chain, provider, memory_device_as(chain, provider, shape)))
    for number in range(shape.labels):
        assert not judge(chain, work, number)
    for number in (shape.labels, shape.labels + 1, 1 << (2 + shape.depth)):
        with chain.reverts("PlaceUnknown", kind=PlaceKind.LABEL, first=number, second=0):
            judge(chain, work, number, work.memory.label_opening(0))


def test_is_bad_label__layer_0_shown_with_parents__is_good(chain: Chain, honest: MemoryWork) -> None:
    """What a challenger writes where nothing is bound must not count."""
    rng = random.Random(1)
    opening = honest.memory.label_opening(7)
    first = 64 + 8 + 128 + 32 * honest.memory.dimensions.lower
    end = 64 + len(honest.memory.label_item(7))
    caps = end + 32 * honest.memory.dimensions.cap_bits
    written = opening[:first] + rng.randbytes(end - first) + opening[end:caps]
    written += rng.randbytes(len(opening) - caps)
    assert not judge(chain, honest, 7, written)


@pytest.mark.parametrize("number", [256, 257, 2**10, 2**32, 2**64 - 1, 2**64, 2**255])
def test_is_bad_label__no_such_label__reverts(chain: Chain, honest: MemoryWork, number: int) -> None:
    opening = bytearray(honest.memory.label_opening(number % 256))
    opening[64:72] = (number % 2**64).to_bytes(8, "little")
    with chain.reverts("PlaceUnknown", kind=PlaceKind.LABEL, first=number, second=0):
        judge(chain, honest, number, bytes(opening))


def test_is_bad_label__padding_beyond_the_last_label__reverts(chain: Chain, provider: str) -> None:
    """Three layers leave a quarter of the tree to zeros, which no block hashes to and which are no labels."""
    shape = Dimensions(3, 4, 0, 1)
    work = open_memory(chain, commit_memory(chain, provider, memory_device_as(chain, provider, shape)))
    assert work.memory.tree[0][12:] == [bytes(32)] * 4
    with chain.reverts("PlaceUnknown", kind=PlaceKind.LABEL, first=48, second=0):
        judge(chain, work, 48, work.memory.label_opening(47))


@pytest.mark.parametrize("cut", [-2592, -32, -1, 1, 32])
def test_is_bad_label__opening_of_another_length__reverts(chain: Chain, honest: MemoryWork, cut: int) -> None:
    good = honest.memory.label_opening(WRONG)
    opening = good[:cut] if cut < 0 else good + bytes(cut)
    with chain.reverts("OpeningMalformed", have=len(opening), need=len(good)):
        judge(chain, honest, WRONG, opening)


def test_is_bad_label__other_roots__reverts(chain: Chain, honest: MemoryWork) -> None:
    opening = honest.memory.label_opening(WRONG)
    for at in (0, 31, 32, 63):
        forged = bytearray(opening)
        forged[at] ^= 1
        have = H(b"GPOW1/MC", bytes(forged[:64]))
        with chain.reverts("CommitmentMismatch", have=have, need=honest.commitment):
            judge(chain, honest, WRONG, bytes(forged))


def test_is_bad_label__one_bit_anywhere__reverts(chain: Chain, honest: MemoryWork) -> None:
    """Number, each block and path, each cap path."""
    opening = honest.memory.label_opening(WRONG)
    for at in (*range(64, len(opening), 97), len(opening) - 1):
        forged = bytearray(opening)
        forged[at] ^= 0x20
        with chain.reverts("OpeningUnbound"):
            judge(chain, honest, WRONG, bytes(forged))


def test_is_bad_label__good_opening_of_another_label__reverts(chain: Chain, honest: MemoryWork) -> None:
    with chain.reverts("OpeningUnbound"):
        judge(chain, honest, WRONG, honest.memory.label_opening(WRONG + 1))


def test_is_bad_label__inner_node_as_a_block__reverts(chain: Chain, honest: MemoryWork) -> None:
    """Two pairs of nodes are 128 bytes, too: their hash is no node, and the path has its depth."""
    memory, shape = honest.memory, honest.memory.dimensions
    opening = bytearray(memory.label_opening(WRONG))
    pair = memory.tree[0][0] + memory.tree[0][1]
    opening[72 : 72 + 128] = pair + pair
    with chain.reverts("OpeningUnbound"):
        judge(chain, honest, WRONG, bytes(opening))
    # A whole tree one level lower, as if layers were another number: the roots don't fit.
    flat = Memory(Dimensions(2, shape.layer_bits, shape.walker_bits, shape.segments), memory.salt)
    with chain.reverts("OpeningMalformed", have=len(flat.label_opening(65)), need=len(opening)):
        judge(chain, honest, 65, flat.label_opening(65))


def test_is_bad_label__parents_of_another_device__reverts(
    chain: Chain, other_provider: str, wrong: MemoryWork
) -> None:
    """The salt says which parents: what one device committed shows nothing of another's."""
    device = memory_device_as(chain, other_provider)
    with chain.reverts("OpeningUnbound"):
        judge(chain, replace(wrong, device=device), WRONG)


def test_is_bad_label__slot_of_the_c_phase__reverts(chain: Chain, wrong: MemoryWork) -> None:
    slot = slot_of_phase(chain, wrong.slot + 2, memory=False)
    with chain.reverts("PhaseMismatch", device=wrong.device, slot=slot):
        judge(chain, replace(wrong, slot=slot), WRONG)
