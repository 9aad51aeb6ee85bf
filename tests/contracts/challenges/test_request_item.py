from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import ItemRequest, Place, PlaceKind
from tensorbond.proof import samples
from tests.acts import ZERO_ADDRESS, mine_to_slot
from tests.chain import Chain, Sent
from tests.work import Work, commit_work, device_as, drawn_slot_of, open_tile, seal

from ..work_disputes.liars import flipped
from .slots import forget_history, mine_before, mine_out_of_reach, start_of

pytestmark = pytest.mark.chain

GWEI = 10**9
ETHER = 10**18
HALF_WINDOW = 15
"""Half a proof window, in blocks."""
OPENING_BYTES = 13 * 32
ANSWER_GAS = 110_000 + 50 * OPENING_BYTES

SAMPLE = Place(PlaceKind.SAMPLE, 3, 0)
TILE = Place(PlaceKind.TILE, 2, 17)


@pytest.fixture
def work(chain: Chain, provider: str) -> Work:
    """Honest work; the next transaction is in the first block after its open window."""
    work = commit_work(chain, provider, device_as(chain, provider))
    mine_before(chain, start_of(chain, work.slot + 2))
    return work


def balance(chain: Chain, account: str) -> int:
    return int(chain.rpc.request("eth_getBalance", chain.at(account), "latest"), 16)


def set_base_fee(chain: Chain, fee: int) -> None:
    """Of the next block."""
    chain.rpc.request("anvil_setNextBlockBaseFeePerGas", hex(fee))


def ask(chain: Chain, work: Work, place: Place, sender: str, value: int = 0) -> Sent:
    if place.kind == PlaceKind.SAMPLE:
        return chain.send(
            "Challenges", "requestItem", work.device, work.slot, place.first, sender=sender, value=value
        )
    return chain.send("Challenges", "requestPlace", work.device, work.slot, place, sender=sender, value=value)


def opening_of(chain: Chain, work: Work, place: Place) -> bytes:
    if place.kind == PlaceKind.TILE:
        return open_tile(work, place.first, place.second)
    beacon = seal(chain, work.slot + 1)
    asked = samples(work.proof.commitment, beacon, work.shape)[place.first]
    return open_tile(work, asked.round, asked.tile)


def answer(chain: Chain, work: Work, place: Place, sender: str, opening: bytes | None = None) -> Sent:
    shown = opening_of(chain, work, place) if opening is None else opening
    return chain.send("Challenges", "answerItem", work.commit, place, shown, sender=sender)


def last_block_of(chain: Chain, work: Work) -> int:
    """Of requests: the epoch's last block, 60 blocks to attest it, half of a proof window of 30."""
    return start_of(chain, work.slot // 4 * 4 + 4) - 1 + 60 + HALF_WINDOW


# Asking


@pytest.mark.parametrize("place", [SAMPLE, TILE])
def test_request__in_time__keeps_the_deposit(chain: Chain, stranger: str, work: Work, place: Place) -> None:
    held, own = balance(chain, "Challenges"), balance(chain, stranger)

    sent = ask(chain, work, place, stranger, ETHER)

    assert sent.block == start_of(chain, work.slot + 2)
    assert sent.event("ItemRequested") == {
        "device": work.device,
        "slot": work.slot,
        "asker": stranger,
        "place": place,
        "deposit": ETHER,
        "deadline": sent.block + HALF_WINDOW,
    }
    request = chain.call("Challenges", "requestOf", work.device, work.slot, place)
    assert request == ItemRequest(stranger, ETHER, sent.block + HALF_WINDOW, False, False)
    assert balance(chain, "Challenges") == held + ETHER
    assert balance(chain, stranger) == own - ETHER


def test_request_item__next_slot_unsealed__seals_it(chain: Chain, stranger: str, work: Work) -> None:
    assert chain.call("Challenges", "beaconOf", work.slot + 1) == bytes(32)
    beacon = chain.block_hash(start_of(chain, work.slot + 1))
    assert ask(chain, work, SAMPLE, stranger).event("SlotSealed") == {
        "slot": work.slot + 1,
        "beacon": beacon,
    }
    assert not ask(chain, work, replace(SAMPLE, first=4), stranger).all("SlotSealed")


def test_request_item__next_slot_out_of_reach__reverts(chain: Chain, stranger: str, work: Work) -> None:
    start = start_of(chain, work.slot + 1)
    forget_history(chain)
    mine_out_of_reach(chain, start)
    with chain.reverts("BlockHashUnavailable", blockNumber=start):
        ask(chain, work, SAMPLE, stranger)


@pytest.mark.parametrize("place", [SAMPLE, TILE])
def test_request__before_the_open_window_is_over__reverts(
    chain: Chain, provider: str, stranger: str, place: Place
) -> None:
    work = commit_work(chain, provider, device_as(chain, provider))
    first = start_of(chain, work.slot + 2)
    mine_before(chain, first - 1)
    bounds = {"firstBlock": first, "lastBlock": last_block_of(chain, work)}
    with chain.reverts("RequestWindowClosed", slot=work.slot, blockNumber=first - 1, **bounds):
        ask(chain, work, place, stranger)


def test_request_item__next_slot_not_begun__reverts_for_its_window(
    chain: Chain, provider: str, stranger: str
) -> None:
    """Nothing is there to seal yet, and that isn't what is told."""
    work = commit_work(chain, provider, device_as(chain, provider))
    number = chain.block_number + 1
    assert number <= start_of(chain, work.slot + 1)
    bounds = {"firstBlock": start_of(chain, work.slot + 2), "lastBlock": last_block_of(chain, work)}
    with chain.reverts("RequestWindowClosed", slot=work.slot, blockNumber=number, **bounds):
        ask(chain, work, SAMPLE, stranger)


def test_request__in_the_last_block__is_taken_and_after_it_refused(
    chain: Chain, stranger: str, work: Work
) -> None:
    last = last_block_of(chain, work)
    mine_before(chain, last)
    assert ask(chain, work, TILE, stranger).block == last
    bounds = {"firstBlock": start_of(chain, work.slot + 2), "lastBlock": last}
    with chain.reverts("RequestWindowClosed", slot=work.slot, blockNumber=last + 1, **bounds):
        ask(chain, work, SAMPLE, stranger)


@pytest.mark.parametrize("place", [SAMPLE, TILE])
def test_request__twice__reverts(chain: Chain, stranger: str, auditor: str, work: Work, place: Place) -> None:
    ask(chain, work, place, stranger)
    with chain.reverts("RequestedAlready", device=work.device, slot=work.slot):
        ask(chain, work, place, auditor)
    answer(chain, work, place, auditor)
    with chain.reverts("RequestedAlready", device=work.device, slot=work.slot):
        ask(chain, work, place, auditor)


def test_request__without_a_record__reverts(chain: Chain, stranger: str, work: Work) -> None:
    missed = replace(work, slot=work.slot + 1)
    with chain.reverts("RecordMissing", device=work.device, slot=missed.slot):
        ask(chain, missed, TILE, stranger)


def test_request__for_a_missed_slot__reverts(chain: Chain, provider: str, stranger: str, work: Work) -> None:
    slot = drawn_slot_of(chain, work.device, work.slot + 2)
    mine_to_slot(chain, slot + 1)
    chain.send("WorkDisputes", "proveMissed", work.device, slot, sender=stranger)
    with chain.reverts("RecordMissing", device=work.device, slot=slot):
        ask(chain, replace(work, slot=slot), TILE, stranger)


@pytest.mark.parametrize(
    "place",
    [
        Place(PlaceKind.SAMPLE, 16, 0),
        Place(PlaceKind.SAMPLE, 2**64 - 1, 0),
        Place(PlaceKind.TILE, 4, 0),
        Place(PlaceKind.TILE, 0, 256),
        Place(PlaceKind.TILE, 2**64 - 1, 2**64 - 1),
    ],
)
def test_request__no_such_place__reverts(chain: Chain, stranger: str, work: Work, place: Place) -> None:
    unknown = {"kind": place.kind, "first": place.first, "second": place.second}
    with chain.reverts("PlaceUnknown", **unknown):
        ask(chain, work, place, stranger)
    with chain.reverts("PlaceUnknown", **unknown):
        chain.call("Challenges", "depositOf", work.device, work.slot, place, 0)


@pytest.mark.parametrize("kind", [PlaceKind.LABEL, PlaceKind.SEGMENT])
def test_request__place_of_the_m_phase__reverts(
    chain: Chain, stranger: str, work: Work, kind: PlaceKind
) -> None:
    with chain.reverts("PhaseMismatch", device=work.device, slot=work.slot):
        ask(chain, work, Place(kind, 0, 0), stranger)


def test_request_place__a_sample__reverts(chain: Chain, stranger: str, work: Work) -> None:
    with chain.reverts("PlaceSampled", index=3):
        chain.send("Challenges", "requestPlace", work.device, work.slot, SAMPLE, sender=stranger)


@pytest.mark.parametrize(("place", "factor"), [(SAMPLE, 2), (TILE, 4)])
@pytest.mark.parametrize(("base_fee", "price"), [(7 * GWEI, 8 * GWEI), (0, 3 * GWEI)])
def test_request__with_less_than_the_deposit__reverts(
    chain: Chain, stranger: str, work: Work, place: Place, factor: int, base_fee: int, price: int
) -> None:
    """Priced by what the asker pays for its own gas, where there is no base fee, too."""
    need = ANSWER_GAS * factor * price
    seal(chain, work.slot + 1)
    chain.gas_price = price
    told = chain.call("Challenges", "depositOf", work.device, work.slot, place, price)
    assert told == need
    try:
        set_base_fee(chain, base_fee)
        with chain.reverts("DepositInsufficient", have=need - 1, need=need):
            ask(chain, work, place, stranger, need - 1)
        set_base_fee(chain, base_fee)
        assert ask(chain, work, place, stranger, need).event("ItemRequested")["deposit"] == need
    finally:
        chain.gas_price = 0
        set_base_fee(chain, 0)


# Answering


@pytest.mark.parametrize("place", [SAMPLE, TILE])
def test_answer__with_what_was_committed__pays_whoever_answers(
    chain: Chain, stranger: str, auditor: str, work: Work, place: Place
) -> None:
    deadline = ask(chain, work, place, stranger, ETHER).block + HALF_WINDOW
    held, own, asker = balance(chain, "Challenges"), balance(chain, auditor), balance(chain, stranger)
    opening = opening_of(chain, work, place)

    sent = answer(chain, work, place, auditor)

    assert sent.event("ItemAnswered") == {
        "device": work.device,
        "slot": work.slot,
        "answerer": auditor,
        "place": place,
        "opening": opening,
        "deposit": ETHER,
    }
    assert balance(chain, "Challenges") == held - ETHER
    assert balance(chain, auditor) == own + ETHER
    assert balance(chain, stranger) == asker
    request = chain.call("Challenges", "requestOf", work.device, work.slot, place)
    assert request == ItemRequest(stranger, 0, deadline, True, False)


def test_answer__gas__is_less_than_what_the_deposit_is_for(
    chain: Chain, provider: str, stranger: str
) -> None:
    for class_id, nodes in ((0, 13), (1, 12), (2, 11)):
        work = commit_work(chain, provider, device_as(chain, provider, class_id))
        mine_before(chain, start_of(chain, work.slot + 2))
        for place in (SAMPLE, Place(PlaceKind.TILE, 0, 17)):
            ask(chain, work, place, stranger, 1)
            assert answer(chain, work, place, provider).gas_used <= 110_000 + 50 * 32 * nodes


def test_answer__in_the_last_block__is_taken(chain: Chain, stranger: str, provider: str, work: Work) -> None:
    deadline = ask(chain, work, TILE, stranger, 5).block + HALF_WINDOW
    mine_before(chain, deadline)
    assert answer(chain, work, TILE, provider).block == deadline


def test_answer__too_late__reverts(chain: Chain, stranger: str, provider: str, work: Work) -> None:
    deadline = ask(chain, work, TILE, stranger, 5).block + HALF_WINDOW
    mine_before(chain, deadline + 1)
    with chain.reverts("AnswerLate", blockNumber=deadline + 1, deadline=deadline):
        answer(chain, work, TILE, provider)


def test_answer__twice__reverts(chain: Chain, stranger: str, provider: str, work: Work) -> None:
    ask(chain, work, TILE, stranger, 5)
    answer(chain, work, TILE, provider)
    with chain.reverts("AnsweredAlready", device=work.device, slot=work.slot):
        answer(chain, work, TILE, provider)


def test_answer__what_nobody_asked__reverts(chain: Chain, stranger: str, provider: str, work: Work) -> None:
    ask(chain, work, TILE, stranger, 5)
    with chain.reverts("RequestMissing", device=work.device, slot=work.slot):
        answer(chain, work, replace(TILE, second=18), provider)
    with chain.reverts("RequestMissing", device=work.device, slot=work.slot):
        answer(chain, work, SAMPLE, provider)


@pytest.mark.parametrize("place", [SAMPLE, TILE])
def test_answer__with_anything_else__reverts(
    chain: Chain, stranger: str, provider: str, work: Work, place: Place
) -> None:
    ask(chain, work, place, stranger, 5)
    opening = opening_of(chain, work, place)
    wrong = [
        b"",
        opening[:-1],
        opening + b"\0",
        open_tile(work, 2, 18),
        open_tile(work, 1, 17),
        *(opening[: 32 * node] + flipped(opening[32 * node :]) for node in range(13)),
    ]
    for shown in wrong:
        with chain.reverts("OpeningWrong", device=work.device, slot=work.slot):
            chain.call("Challenges", "answerItem", work.commit, place, shown, sender=provider)
    assert not chain.call("Challenges", "requestOf", work.device, work.slot, place).answered


def test_answer__for_another_record__reverts(
    chain: Chain, stranger: str, auditor: str, provider: str, work: Work
) -> None:
    ask(chain, work, TILE, stranger, 5)
    opening = open_tile(work, 2, 17)
    for changes in ({"key": auditor}, {"timestamp": 1}, {"commitment": bytes(32)}):
        with chain.reverts("RecordMismatch", device=work.device, slot=work.slot):
            commit = replace(work.commit, **changes)
            chain.send("Challenges", "answerItem", commit, TILE, opening, sender=provider)


# Nobody answered


def test_return_deposit__unanswered__pays_the_asker_once(
    chain: Chain, stranger: str, auditor: str, work: Work
) -> None:
    deadline = ask(chain, work, TILE, stranger, ETHER).block + HALF_WINDOW
    args = (work.device, work.slot, TILE)
    mine_before(chain, deadline)
    with chain.reverts("AnswerStillPossible", blockNumber=deadline, deadline=deadline):
        chain.send("Challenges", "returnDeposit", *args, sender=auditor)
    own, other = balance(chain, stranger), balance(chain, auditor)

    sent = chain.send("Challenges", "returnDeposit", *args, sender=auditor)

    assert sent.event("DepositReturned") == {
        "device": work.device,
        "slot": work.slot,
        "asker": stranger,
        "place": TILE,
        "deposit": ETHER,
    }
    assert (balance(chain, stranger), balance(chain, auditor)) == (own + ETHER, other)
    assert balance(chain, "Challenges") == 0
    with chain.reverts("DepositReturnedAlready", device=work.device, slot=work.slot):
        chain.send("Challenges", "returnDeposit", *args, sender=auditor)
    assert chain.call("Challenges", "requestOf", *args) == ItemRequest(
        ZERO_ADDRESS, 0, deadline, False, False
    )


def test_return_deposit__answered_or_never_asked__reverts(
    chain: Chain, stranger: str, provider: str, work: Work
) -> None:
    with chain.reverts("RequestMissing", device=work.device, slot=work.slot):
        chain.send("Challenges", "returnDeposit", work.device, work.slot, TILE, sender=stranger)
    ask(chain, work, TILE, stranger, ETHER)
    answer(chain, work, TILE, provider)
    chain.mine(HALF_WINDOW + 1)
    with chain.reverts("AnsweredAlready", device=work.device, slot=work.slot):
        chain.send("Challenges", "returnDeposit", work.device, work.slot, TILE, sender=stranger)
