"""F7 in the M-phase: labels and segments, sampled or not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tensorbond.chain.types import Place, PlaceKind, SlashReason
from tests.acts import mine_to_slot
from tests.chain import Chain, Sent
from tests.contracts.work_disputes.faults import assert_pays
from tests.memory_work import MemoryWork, commit_memory, commit_of, memory_device_as, open_memory

pytestmark = pytest.mark.chain

ETHER = 10**18
HALF_WINDOW = 15
LABEL, SEGMENT = Place(PlaceKind.LABEL, 200, 0), Place(PlaceKind.SEGMENT, 5, 2)
SAMPLED_LABEL, SAMPLED_SEGMENT = Place(PlaceKind.SAMPLE, 3, 0), Place(PlaceKind.SAMPLE, 95, 0)
EVERY = [LABEL, SEGMENT, SAMPLED_LABEL, SAMPLED_SEGMENT]


@pytest.fixture
def work(chain: Chain, provider: str) -> MemoryWork:
    """Honest work whose open window is over."""
    work = open_memory(chain, commit_memory(chain, provider, memory_device_as(chain, provider)))
    mine_to_slot(chain, work.slot + 2)
    return work


def ask(chain: Chain, work: MemoryWork, place: Place, sender: str) -> Sent:
    if place.kind == PlaceKind.SAMPLE:
        args = ("requestItem", work.device, work.slot, place.first)
    else:
        args = ("requestPlace", work.device, work.slot, place)
    return chain.send("Challenges", *args, sender=sender, value=ETHER)


def opening_of(work: MemoryWork, place: Place) -> bytes:
    first, second = (
        work.sample(place.first) if place.kind == PlaceKind.SAMPLE else (place.first, place.second)
    )
    if place.kind == PlaceKind.LABEL or (place.kind == PlaceKind.SAMPLE and place.first < 64):
        return work.memory.label_opening(first)
    return work.memory.segment_opening(first, second)


def answer(chain: Chain, work: MemoryWork, place: Place, opening: bytes, sender: str) -> Sent:
    return chain.send("Challenges", "answerItem", commit_of(work), place, opening, sender=sender)


@pytest.mark.parametrize("place", EVERY, ids=str)
def test_answer__with_what_was_committed__pays_whoever_answers(
    chain: Chain, provider: str, stranger: str, work: MemoryWork, place: Place
) -> None:
    asked = ask(chain, work, place, stranger).event("ItemRequested")
    assert asked["place"] == place
    request = chain.call("Challenges", "requestOf", work.device, work.slot, place)
    assert (request.asker, request.deposit, request.of_memory) == (stranger, ETHER, True)
    opening = opening_of(work, place)
    wrong = bytearray(opening)
    wrong[240] ^= 1
    for refused in (b"", opening[:-1], bytes(wrong), opening_of(replace(work), LABEL)[:-32]):
        with chain.reverts("OpeningWrong", device=work.device, slot=work.slot):
            answer(chain, work, place, refused, provider)

    sent = answer(chain, work, place, opening, provider)

    assert sent.event("ItemAnswered") == {
        "device": work.device,
        "slot": work.slot,
        "answerer": provider,
        "place": place,
        "opening": opening,
        "deposit": ETHER,
    }
    with chain.reverts("AnsweredAlready", device=work.device, slot=work.slot):
        chain.send("WorkDisputes", "proveWithheld", commit_of(work), place, sender=stranger)


@pytest.mark.parametrize("place", EVERY, ids=str)
def test_deposit__of_an_opening__pays_its_gas_and_more(
    chain: Chain, provider: str, stranger: str, work: MemoryWork, place: Place
) -> None:
    """What an answer costs stays below the gas that the deposit is reckoned from."""
    ask(chain, work, place, stranger)
    opening = opening_of(work, place)
    assert answer(chain, work, place, opening, provider).gas_used < 110_000 + 50 * len(opening)


@pytest.mark.parametrize("place", [LABEL, SAMPLED_SEGMENT], ids=str)
def test_prove_withheld__unanswered__slashes(
    chain: Chain, stranger: str, work: MemoryWork, place: Place
) -> None:
    ask(chain, work, place, stranger)
    chain.mine(HALF_WINDOW + 1)
    assert_pays(
        chain,
        work,
        "proveWithheld",
        commit_of(work),
        place,
        sender=stranger,
        reason=SlashReason.WITHHELD,
        evidence=keccak(encode(["uint8", "uint64", "uint64"], [place.kind, place.first, place.second])),
    )


@pytest.mark.parametrize(
    "place",
    [Place(PlaceKind.LABEL, 256, 0), Place(PlaceKind.SEGMENT, 8, 0), Place(PlaceKind.SAMPLE, 96, 0)],
    ids=str,
)
def test_request__no_such_place__reverts(chain: Chain, stranger: str, work: MemoryWork, place: Place) -> None:
    with chain.reverts("PlaceUnknown", kind=place.kind, first=place.first, second=place.second):
        ask(chain, work, place, stranger)


def test_request__place_of_the_c_phase__reverts(chain: Chain, stranger: str, work: MemoryWork) -> None:
    with chain.reverts("PhaseMismatch", device=work.device, slot=work.slot):
        ask(chain, work, Place(PlaceKind.TILE, 0, 0), stranger)
