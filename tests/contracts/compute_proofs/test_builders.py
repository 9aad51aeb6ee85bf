"""What `tensorbond.watch.work` makes of evidence and openings, on the chain that judges it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import Place, PlaceKind, SlashReason
from tensorbond.watch.work import (
    TileOpening,
    answer,
    bad_lane,
    bad_links,
    open_tile,
    opened_tiles,
    tile_at,
)
from tests.acts import mine_to_slot
from tests.chain import Chain
from tests.offchain.proof.skipping import SloppyProver
from tests.work import Work, commit_work, device_as, open_work, seal

from ..work_disputes.liars import LyingProver, wrong_final_seed, wrong_root, wrong_seed

pytestmark = pytest.mark.chain


def test_builders__on_honest_work__find_nothing(works: list[Work]) -> None:
    for work in works:
        assert work.evidence is not None
        opened = opened_tiles(work.evidence)
        assert len(opened) == work.shape.q
        assert not list(bad_links(work.proof.challenge, opened))
        assert {bad_lane(work.proof.challenge, tile) for tile in opened} == {None}


@pytest.mark.parametrize("class_id", [0, 1, 2])
def test_bad_lane__of_sloppy_work__is_proven(
    chain: Chain, provider: str, stranger: str, class_id: int
) -> None:
    device = device_as(chain, provider, class_id)
    work = open_work(chain, commit_work(chain, provider, device, prover=SloppyProver(13, 9)))
    assert work.evidence is not None
    opened = opened_tiles(work.evidence)[3]
    lane = bad_lane(work.proof.challenge, opened)
    assert lane == 7
    args = work.commit, opened.round, opened.tile, lane, opened.encode()
    sent = chain.send("WorkDisputes", "proveBadLane", *args, sender=stranger)
    assert sent.event("FaultProven")["reason"] == SlashReason.BAD_LANE


@pytest.mark.parametrize(
    ("change", "indices"),
    [
        (wrong_seed(0), [0, 1]),
        (wrong_seed(2), [2, 3]),
        (wrong_root(3), [4]),
        (wrong_final_seed, [4]),
    ],
)
def test_bad_links__of_a_broken_chain__are_proven(
    chain: Chain, provider: str, stranger: str, change, indices: list[int]
) -> None:
    work = commit_work(chain, provider, device_as(chain, provider), prover=LyingProver(change))
    opened = [open_tile(work.proof, index, 5) for index in range(4)]
    # A root that no leaf folds to can't be opened; its neighbours can.
    bound = [tile for tile in opened if tile.commitment == work.proof.commitment]
    links = list(bad_links(work.proof.challenge, bound))
    assert [link.index for link in links] == (indices if len(bound) == 4 else [])
    for link in links:
        assert chain.call("WorkDisputes", "proveBadLink", work.commit, link, sender=stranger)


@pytest.mark.parametrize("place", [Place(PlaceKind.SAMPLE, 3, 0), Place(PlaceKind.TILE, 2, 17)])
def test_answer__to_a_request__is_taken_and_parsed(
    chain: Chain, provider: str, stranger: str, place: Place
) -> None:
    work = commit_work(chain, provider, device_as(chain, provider))
    mine_to_slot(chain, work.slot + 2)
    beacon = seal(chain, work.slot + 1)
    verb, args = (
        ("requestItem", (place.first,)) if place.kind == PlaceKind.SAMPLE else ("requestPlace", (place,))
    )
    chain.send("Challenges", verb, work.device, work.slot, *args, sender=stranger)
    opening = answer(work.proof, place, beacon)

    sent = chain.send("Challenges", "answerItem", work.commit, place, opening, sender=provider)

    shown = sent.event("ItemAnswered")["opening"]
    where = tile_at(place, work.proof.commitment, beacon, work.shape)
    parsed = TileOpening.parse(work.shape, *where, shown)
    assert parsed == open_tile(work.proof, *where)
    assert parsed.encode() == opening
    assert parsed.commitment == work.proof.commitment
    assert bad_lane(work.proof.challenge, parsed) is None
    assert bad_lane(work.proof.challenge, replace(parsed, leaf=bytes(32))) == 0
