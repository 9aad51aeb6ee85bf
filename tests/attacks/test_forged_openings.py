"""Openings that are not those asked for: none, too few, one again, in another order, of other tiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tensorbond.demo.villains import SkippingProver
from tensorbond.proof import (
    Evidence,
    Fault,
    Item,
    ItemBad,
    ItemCountWrong,
    Proof,
    Round,
    ShapeInvalid,
    WrongShape,
    encode_item,
    merkle,
    parse_item,
)
from tensorbond.proof.prover import leaves_of

from .forging import ended, judge, multiplications, refusal_of

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def half(challenge) -> Proof:
    """Half of the tiles were never computed."""
    return SkippingProver(0.5, workers=1).prove(challenge)


@pytest.fixture(scope="module")
def evidence(half, sample_beacon) -> Evidence:
    return half.open(sample_beacon)


@pytest.fixture(scope="module")
def good(half, evidence) -> list[int]:
    """The samples that fall on computed tiles."""
    return [index for index, data in enumerate(evidence.items) if is_computed(half, evidence, data)]


def is_computed(half: Proof, evidence: Evidence, data: bytes) -> bool:
    item = parse_item(evidence.challenge.shape, data)
    assert isinstance(half.prover, SkippingProver)
    return item.tile not in half.prover.skipped(Round(half.challenge, item.round, item.seed))


def computed_tile(half: Proof, round_index: int) -> bytes:
    """A true item of a tile that was computed, asked for or not."""
    work = Round(half.challenge, round_index, half.seeds[round_index])
    assert isinstance(half.prover, SkippingProver)
    tile = min(set(range(work.shape.tiles)) - half.prover.skipped(work))
    item = Item(
        round=round_index,
        tile=tile,
        entries=half.prover.tile_entries(work, tile),
        tile_path=merkle.path_of(merkle.build(leaves_of(half.kept[round_index])), tile),
        seed=work.seed,
        round_path=merkle.path_of(merkle.build(half.round_leaves), round_index),
    )
    return encode_item(work.shape, item)


def test_half_the_tiles__opened_as_asked__is_caught_at_the_first_skipped_one(
    challenge, evidence, good
) -> None:
    refusal = refusal_of(challenge, evidence)
    first = min(set(range(16)) - set(good))
    assert (refusal.index, refusal.reason) == (first, Fault.ENTRY)


@pytest.mark.parametrize("count", [0, 1, 15, 17])
def test_openings__more_or_fewer_than_asked__are_no_evidence(evidence, count) -> None:
    items = (*evidence.items, evidence.items[0])[:count]
    with pytest.raises(ItemCountWrong) as refusal:
        replace(evidence, items=items)
    assert (refusal.value.have, refusal.value.need) == (count, 16)


def test_openings__none_declared_as_none_asked__are_no_evidence(evidence) -> None:
    data = evidence.encode()
    count_at = 8 + 2 + 8 + 20 + 8 + 8 + 4 * 4
    items_at, end = count_at + 4 + 3 * 32, len(data) - 65 - 32 * 3
    empty = data[:count_at] + bytes(4) + data[count_at + 4 : items_at] + data[end:]
    with pytest.raises(ShapeInvalid) as refusal:
        Evidence.decode(empty)
    assert (refusal.value.name, refusal.value.have) == ("q", 0)


def test_openings__the_good_ones_declared_as_all__are_about_another_shape(challenge, evidence, good) -> None:
    fewer = replace(challenge, shape=replace(challenge.shape, q=len(good)))
    items = tuple(evidence.items[index] for index in good)
    with pytest.raises(WrongShape):
        judge(challenge, replace(evidence, challenge=fewer, items=items))


def repeat_good(half: Proof, items: list[bytes], good: list[int]) -> list[bytes]:
    return [data if index in good else items[good[0]] for index, data in enumerate(items)]


def good_first(half: Proof, items: list[bytes], good: list[int]) -> list[bytes]:
    return [items[index] for index in (*good, *(set(range(16)) - set(good)))]


def reverse(half: Proof, items: list[bytes], good: list[int]) -> list[bytes]:
    return items[::-1]


def unrequested(half: Proof, items: list[bytes], good: list[int]) -> list[bytes]:
    return [data if index in good else computed_tile(half, 0) for index, data in enumerate(items)]


@pytest.mark.parametrize("cover", [repeat_good, good_first, reverse, unrequested])
def test_openings__cover_for_skipped_tiles__are_caught_at_the_first_that_was_not_asked_for(
    challenge, half, evidence, good, cost, cover: Callable[[Proof, list[bytes], list[int]], list[bytes]]
) -> None:
    covered = cover(half, list(evidence.items), good)
    refusal = refusal_of(challenge, replace(evidence, items=tuple(covered)))
    assert isinstance(refusal, ItemBad)
    moved = (index for index in range(16) if covered[index] != evidence.items[index])
    skipped = (index for index in range(16) if index not in good)
    assert refusal.index == min(*moved, *skipped)
    assert refusal.reason in (Fault.ROUND, Fault.TILE, Fault.ENTRY)
    honest = multiplications(challenge.shape)
    name = cover.__name__.replace("_", " ")
    cost(f"half the tiles, openings: {name}", honest / 2, honest, "products", ended(refusal))
