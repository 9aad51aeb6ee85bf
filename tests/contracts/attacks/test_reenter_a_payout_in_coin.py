"""Whoever is paid in the chain's coin is called: from in there, it asks to be paid again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tensorbond.chain.abi import decode_error
from tests.chain import Chain, Sent
from tests.work import Work, commit_work, device_as

from ..challenges.slots import mine_before, start_of
from ..challenges.test_request_item import ETHER, HALF_WINDOW, TILE, ask, balance, opening_of

pytestmark = pytest.mark.chain


@pytest.fixture
def work(chain: Chain, provider: str) -> Work:
    work = commit_work(chain, provider, device_as(chain, provider))
    mine_before(chain, start_of(chain, work.slot + 2))
    chain.deploy("HookActor")
    return work


def call(chain: Chain, function: str, *args: Any) -> bytes:
    return chain._abi("Challenges").encode_call(function, args)


def arm(chain: Chain, sender: str, function: str, *args: Any) -> bytes:
    """The actor makes this call of `Challenges` whenever it is paid; its calldata."""
    data = call(chain, function, *args)
    chain.send("HookActor", "arm", chain.at("Challenges"), data, sender=sender)
    return data


def act(chain: Chain, sender: str, data: bytes, value: int = 0) -> Sent:
    return chain.send("HookActor", "act", chain.at("Challenges"), data, sender=sender, value=value)


def assert_refused(chain: Chain, error: str, work: Work) -> None:
    """The call from inside was made once, and refused so."""
    answer = decode_error(chain.call("HookActor", "answer"), [chain._abi("Challenges")])
    assert (answer.error_name, answer.arguments) == (error, {"device": work.device, "slot": work.slot})
    assert (chain.call("HookActor", "attempts"), chain.call("HookActor", "succeeded")) == (1, False)


def test_answer__from_inside_its_payment__is_paid_once(chain: Chain, stranger: str, work: Work) -> None:
    """Another deposit lies there, to be taken."""
    ask(chain, work, TILE, stranger, ETHER)
    ask(chain, work, replace(TILE, second=18), stranger, ETHER)
    data = arm(chain, stranger, "answerItem", work.commit, TILE, opening_of(chain, work, TILE))

    act(chain, stranger, data)

    assert_refused(chain, "AnsweredAlready", work)
    assert balance(chain, "HookActor") == balance(chain, "Challenges") == ETHER


def test_return_deposit__from_inside_its_payment__is_paid_once(
    chain: Chain, stranger: str, work: Work
) -> None:
    other = replace(TILE, second=18)
    ask(chain, work, other, stranger, ETHER)
    act(chain, stranger, call(chain, "requestPlace", work.device, work.slot, TILE), ETHER)
    chain.mine(HALF_WINDOW + 1)
    data = arm(chain, stranger, "returnDeposit", work.device, work.slot, TILE)

    act(chain, stranger, data)

    assert_refused(chain, "DepositReturnedAlready", work)
    assert balance(chain, "HookActor") == balance(chain, "Challenges") == ETHER
