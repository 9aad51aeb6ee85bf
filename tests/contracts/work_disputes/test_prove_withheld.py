from __future__ import annotations

from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tensorbond.chain.types import Place, PlaceKind, SlashReason
from tests.acts import set_operator_as
from tests.chain import Chain
from tests.work import Work, commit_work, open_tile

from ..challenges.slots import mine_before, start_of
from .faults import assert_pays, prove

pytestmark = pytest.mark.chain

HALF_WINDOW = 15
PLACE = Place(PlaceKind.TILE, 1, 9)


@pytest.fixture
def asked(chain: Chain, provider: str, stranger: str, device: int) -> Work:
    """Honest work, of which somebody wants to see PLACE."""
    work = commit_work(chain, provider, device)
    ask(chain, work, stranger)
    return work


def ask(chain: Chain, work: Work, sender: str) -> None:
    mine_before(chain, start_of(chain, work.slot + 2))
    chain.send("Challenges", "requestPlace", work.device, work.slot, PLACE, sender=sender, value=7)


def test_prove_withheld__unanswered__slashes(chain: Chain, stranger: str, asked: Work) -> None:
    deadline = chain.block_number + HALF_WINDOW
    mine_before(chain, deadline)
    with chain.reverts("AnswerStillPossible", blockNumber=deadline, deadline=deadline):
        prove(chain, "proveWithheld", asked.commit, PLACE, sender=stranger)
    place = keccak(encode(["(uint8,uint64,uint64)"], [(PLACE.kind, PLACE.first, PLACE.second)]))
    assert_pays(
        chain,
        asked,
        "proveWithheld",
        asked.commit,
        PLACE,
        sender=stranger,
        reason=SlashReason.WITHHELD,
        evidence=place,
    )


def test_prove_withheld__deposit_gone_back__slashes(
    chain: Chain, stranger: str, auditor: str, asked: Work
) -> None:
    chain.mine(HALF_WINDOW + 1)
    chain.send("Challenges", "returnDeposit", asked.device, asked.slot, PLACE, sender=auditor)
    assert prove(chain, "proveWithheld", asked.commit, PLACE, sender=stranger).event("FaultProven")


def test_prove_withheld__answered__reverts(chain: Chain, provider: str, stranger: str, asked: Work) -> None:
    opening = open_tile(asked, PLACE.first, PLACE.second)
    chain.send("Challenges", "answerItem", asked.commit, PLACE, opening, sender=provider)
    chain.mine(HALF_WINDOW + 1)
    with chain.reverts("AnsweredAlready", device=asked.device, slot=asked.slot):
        prove(chain, "proveWithheld", asked.commit, PLACE, sender=stranger)


def test_prove_withheld__never_asked__reverts(chain: Chain, stranger: str, asked: Work) -> None:
    chain.mine(HALF_WINDOW + 1)
    for place in (
        replace(PLACE, first=0),
        replace(PLACE, second=8),
        Place(PlaceKind.SAMPLE, 0, 0),
        Place(PlaceKind.LABEL, 1, 9),
    ):
        with chain.reverts("RequestMissing", device=asked.device, slot=asked.slot):
            prove(chain, "proveWithheld", asked.commit, place, sender=stranger)


def test_prove_withheld__parts_of_another_record__reverts(
    chain: Chain, stranger: str, auditor: str, asked: Work
) -> None:
    chain.mine(HALF_WINDOW + 1)
    with chain.reverts("RecordMismatch", device=asked.device, slot=asked.slot):
        prove(chain, "proveWithheld", replace(asked.commit, key=auditor), PLACE, sender=stranger)


@pytest.mark.parametrize("rotated", [False, True])
def test_prove_withheld__by_the_committing_key__reverts(
    chain: Chain, provider: str, operator: str, stranger: str, device: int, rotated: bool
) -> None:
    set_operator_as(chain, provider, operator)
    work = commit_work(chain, operator, device)
    if rotated:
        set_operator_as(chain, provider, chain.accounts[18])
    ask(chain, work, stranger)
    chain.mine(HALF_WINDOW + 1)
    with chain.reverts("ChallengerIsAccused", challenger=operator):
        prove(chain, "proveWithheld", work.commit, PLACE, sender=operator)


def test_prove_withheld__asked_last__is_possible_before_the_bond_is_free(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    work = commit_work(chain, provider, device)
    chain.send("DeviceRegistry", "retire", device, sender=provider)
    last = start_of(chain, work.slot // 4 * 4 + 4) - 1 + 60 + HALF_WINDOW
    mine_before(chain, last)
    chain.send("Challenges", "requestPlace", device, work.slot, PLACE, sender=stranger, value=7)
    chain.mine(HALF_WINDOW)
    assert chain.call("DeviceRegistry", "bondOf", device) > 0
    sent = prove(chain, "proveWithheld", work.commit, PLACE, sender=stranger)
    assert sent.event("FaultProven")["amount"] > 0
