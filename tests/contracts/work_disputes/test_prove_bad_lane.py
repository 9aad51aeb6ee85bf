from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import PlaceKind, SlashReason
from tensorbond.proof import commitment_of, merkle, round_leaf
from tests.chain import Chain
from tests.work import Work, commit_work, device_as, open_tile

from .conftest import WRONG_COLUMN, WRONG_ROW
from .faults import assert_pays, prove
from .liars import flipped

pytestmark = pytest.mark.chain

WRONG_LANE = 2 * (WRONG_ROW // 4) + WRONG_COLUMN // 8


def assert_good(
    chain: Chain, work: Work, round_index: int, tile: int, lane: int, opening: bytes, sender: str
) -> None:
    with chain.reverts("LaneGood", round=round_index, tile=tile, lane=lane):
        chain.call(
            "WorkDisputes", "proveBadLane", work.commit, round_index, tile, lane, opening, sender=sender
        )


def bound_by(work: Work, round_index: int, tile: int, opening: bytes) -> bytes:
    """The commitment that an opening opens."""
    nodes = [opening[at : at + 32] for at in range(0, len(opening), 32)]
    shape = work.shape
    path, seed = nodes[1 : 1 + shape.tile_depth], nodes[1 + shape.tile_depth]
    root = merkle.fold(nodes[0], tile, path, shape.tile_depth)
    rounds_root = merkle.fold(round_leaf(seed, root), round_index, nodes[2 + shape.tile_depth : -1], 2)
    return commitment_of(nodes[-1], rounds_root)


@pytest.mark.parametrize("class_id", [0, 1, 2])
def test_prove_bad_lane__wrong__slashes_at_just_that_lane(
    chain: Chain, stranger: str, provider: str, sloppy, class_id: int
) -> None:
    work = commit_work(chain, provider, device_as(chain, provider, class_id), prover=sloppy)
    place = (work.shape.R - 1, 77)
    opening = open_tile(work, *place)
    for lane in range(8) if class_id == 0 else (WRONG_LANE + 1,):
        if lane != WRONG_LANE:
            assert_good(chain, work, *place, lane, opening, stranger)
    assert_pays(
        chain,
        work,
        "proveBadLane",
        work.commit,
        *place,
        WRONG_LANE,
        opening,
        sender=stranger,
        reason=SlashReason.BAD_LANE,
        evidence=work.proof.commitment,
    )


def test_prove_bad_lane__good__reverts(chain: Chain, provider: str, stranger: str, device: int) -> None:
    work = commit_work(chain, provider, device)
    for round_index, tile in ((0, 0), (1, 17), (3, 255)):
        for lane in range(8):
            opening = open_tile(work, round_index, tile)
            assert_good(chain, work, round_index, tile, lane, opening, stranger)


def test_prove_bad_lane__tile_shown_at_another_place__reverts(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    work = commit_work(chain, provider, device)
    opening = open_tile(work, 1, 17)
    for place in ((1, 16), (1, 18), (0, 17), (2, 17)):
        with chain.reverts(
            "CommitmentMismatch", have=bound_by(work, *place, opening), need=work.proof.commitment
        ):
            prove(chain, "proveBadLane", work.commit, *place, 0, opening, sender=stranger)


@pytest.mark.parametrize("node", range(13))
def test_prove_bad_lane__any_node_changed__reverts(
    chain: Chain, provider: str, stranger: str, device: int, node: int
) -> None:
    """The leaf, eight levels of tiles, the seed, two levels of rounds, finalSeed."""
    work = commit_work(chain, provider, device)
    opening = open_tile(work, 1, 17)
    forged = opening[: 32 * node] + flipped(opening[32 * node :])
    assert len(forged) == len(opening) == 13 * 32
    with chain.reverts("CommitmentMismatch", have=bound_by(work, 1, 17, forged), need=work.proof.commitment):
        prove(chain, "proveBadLane", work.commit, 1, 17, 0, forged, sender=stranger)


def test_prove_bad_lane__inner_node_as_a_leaf__reverts(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    work = commit_work(chain, provider, device)
    opening = open_tile(work, 1, 16)
    node = merkle.join(opening[:32], opening[32:64])
    with chain.reverts("OpeningMalformed", have=12 * 32, need=13 * 32):
        prove(chain, "proveBadLane", work.commit, 1, 8, 0, node + opening[64:], sender=stranger)


@pytest.mark.parametrize("change", [-416, -32, -1, 1, 32])
def test_prove_bad_lane__opening_of_another_length__reverts(
    chain: Chain, provider: str, stranger: str, device: int, change: int
) -> None:
    work = commit_work(chain, provider, device)
    opening = (open_tile(work, 1, 17) + bytes(32))[: 416 + change]
    with chain.reverts("OpeningMalformed", have=416 + change, need=416):
        prove(chain, "proveBadLane", work.commit, 1, 17, 0, opening, sender=stranger)


@pytest.mark.parametrize(("round_index", "tile"), [(4, 0), (0, 256), (2**255, 0), (0, 2**255), (5, 17)])
def test_prove_bad_lane__no_such_place__reverts(
    chain: Chain, provider: str, stranger: str, device: int, round_index: int, tile: int
) -> None:
    work = commit_work(chain, provider, device)
    opening = open_tile(work, 1, 17)
    with chain.reverts("PlaceUnknown", kind=PlaceKind.TILE, first=round_index, second=tile):
        prove(chain, "proveBadLane", work.commit, round_index, tile, 0, opening, sender=stranger)


@pytest.mark.parametrize("lane", [8, 9, 2**255])
def test_prove_bad_lane__no_such_lane__reverts(
    chain: Chain, provider: str, stranger: str, device: int, lane: int
) -> None:
    work = commit_work(chain, provider, device)
    with chain.reverts("LaneOutOfRange", lane=lane):
        prove(chain, "proveBadLane", work.commit, 1, 17, lane, open_tile(work, 1, 17), sender=stranger)


def test_prove_bad_lane__parts_of_another_record__reverts(
    chain: Chain, provider: str, stranger: str, device: int, sloppy
) -> None:
    work = commit_work(chain, provider, device, prover=sloppy)
    commit = replace(work.commit, timestamp=work.timestamp + 1)
    with chain.reverts("RecordMismatch", device=device, slot=work.slot):
        prove(chain, "proveBadLane", commit, 0, 0, WRONG_LANE, open_tile(work, 0, 0), sender=stranger)


def test_prove_bad_lane__by_the_provider__reverts(chain: Chain, provider: str, device: int, sloppy) -> None:
    work = commit_work(chain, provider, device, prover=sloppy)
    with chain.reverts("ChallengerIsAccused", challenger=provider):
        prove(chain, "proveBadLane", work.commit, 0, 0, WRONG_LANE, open_tile(work, 0, 0), sender=provider)
