"""Leaves that an attestation vouches for: asked for, answered, or withheld."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from tensorbond.chain.types import DataRequest, EpochStatus, OracleFault
from tensorbond.oracle.tree import encode_outcome, outcomes_root
from tests.acts import register_as
from tests.chain import Chain, Sent, project_artifacts
from tests.contracts.attestations.epochs import PROOF_BLOCKS, STANDING, moving, revoke, status

from .conftest import SECOND, Story
from .epochs import attest_data, no_leaf, prove, punishing, with_leaf

pytestmark = pytest.mark.chain

DEPOSIT = 10**17
BYTES = 608 + 3 + 44 * 20
"""Of an answer without outcomes."""
MOST = BYTES + 224 * 8


@pytest.fixture
def window(chain: Chain, story: Story) -> int:
    """The last block of the proof window of epoch 2, which honest oracles have attested."""
    attest_data(chain, story.second)
    return int(chain.call("Attestations", "attestedOf", SECOND)[1].provable_until)


@pytest.fixture
def asker(chain: Chain) -> str:
    return chain.accounts[19]


PRICE = 10**6


@pytest.fixture(params=[0, 1000])
def base_fee(chain: Chain, request: pytest.FixtureRequest) -> Iterator[int]:
    """Gas costs PRICE for the rest of the test, whatever blocks ask for."""
    chain.rpc.request("anvil_setNextBlockBaseFeePerGas", hex(request.param))
    chain.gas_price = PRICE
    yield request.param
    chain.gas_price = 0
    chain.rpc.request("anvil_setNextBlockBaseFeePerGas", "0x0")


def ask(chain: Chain, asker: str, device: int = 2, value: int = DEPOSIT) -> Sent:
    return chain.send("Attestations", "requestLeaf", SECOND, STANDING, device, sender=asker, value=value)


def answer(chain: Chain, story: Story, device: int = 2, **changes: object) -> Sent:
    """By a stranger, honestly but for the changes."""
    data = story.second
    given = {
        "leaf": data.leaves.get(device, no_leaf()),
        "path": data.tree.path(device),
        "outcomes": list(data.outcomes.get(device, ())),
    } | changes
    place = SECOND, STANDING, device
    return chain.send("Attestations", "answerLeaf", *place, *given.values(), sender=chain.accounts[5])


def coins(chain: Chain, account: str) -> int:
    return int(chain.rpc.request("eth_getBalance", account, "latest"), 16)


def gas(length: int) -> int:
    return 150_000 + 45 * length


# Asked and answered


def test_request_leaf__in_the_first_half__is_kept(chain: Chain, window: int, asker: str) -> None:
    sent = ask(chain, asker)

    event = sent.event("LeafRequested")
    request, state = chain.call("Attestations", "leafRequestOf", SECOND, STANDING, 2)
    assert event == {
        "epoch": SECOND,
        "device": 2,
        "asker": asker,
        "round": 0,
        "request": request,
        "deposit": DEPOSIT,
        "answerBy": sent.block + PROOF_BLOCKS // 4,
    }
    assert state == DataRequest(asker, DEPOSIT, sent.block + PROOF_BLOCKS // 4, False)
    assert coins(chain, chain.address["Attestations"]) == DEPOSIT


@pytest.mark.parametrize("device", [1, 2, 3, 4, 5, 0, (1 << 20) - 1])
def test_answer_leaf__what_stands_there__is_paid_by_the_byte(
    chain: Chain, story: Story, window: int, asker: str, device: int
) -> None:
    ask(chain, asker, device)
    before = coins(chain, chain.accounts[5]), coins(chain, asker)
    count = len(story.second.outcomes.get(device, ()))

    sent = answer(chain, story, device)

    paid = DEPOSIT * gas(BYTES + 224 * count) // gas(MOST)
    request, state = chain.call("Attestations", "leafRequestOf", SECOND, STANDING, device)
    assert sent.event("LeafAnswered") == {
        "epoch": SECOND,
        "device": device,
        "answerer": chain.accounts[5],
        "request": request,
        "paid": paid,
    }
    assert (state.deposit, state.answered) == (DEPOSIT - paid, True)
    assert coins(chain, chain.accounts[5]) == before[0] + paid
    returned = chain.send("Attestations", "returnDeposit", request, sender=chain.accounts[6])
    assert returned.event("DepositReturned") == {
        "request": request,
        "asker": asker,
        "amount": DEPOSIT - paid,
    }
    assert coins(chain, asker) == before[1] + DEPOSIT - paid
    assert coins(chain, chain.address["Attestations"]) == 0
    with chain.reverts("AnsweredAlready", request=request), moving(chain):
        answer(chain, story, device)
    with chain.reverts("NothingToReturn", request=request):
        chain.send("Attestations", "returnDeposit", request, sender=asker)
    chain.mine(PROOF_BLOCKS // 4)
    with chain.reverts("AnsweredAlready", request=request), moving(chain):
        prove(chain, "proveWithheldLeaf", SECOND, STANDING, device)


def test_answer_leaf__last_block__is_in_time(chain: Chain, story: Story, window: int, asker: str) -> None:
    last = ask(chain, asker).event("LeafRequested")["answerBy"]
    chain.mine_to(last - 1)

    assert answer(chain, story).block == last


def test_answer_leaf__asked_at_once__leaves_time_to_ask_on(
    chain: Chain, story: Story, window: int, asker: str
) -> None:
    """What an answer in its last block names can be asked for, and shown to be withheld, too."""
    chain.mine_to(ask(chain, asker).event("LeafRequested")["answerBy"] - 1)
    answer(chain, story)
    sent = ask(chain, asker, 3)
    chain.mine_to(sent.event("LeafRequested")["answerBy"])

    prove(chain, "proveWithheldLeaf", SECOND, STANDING, 3).event("EpochRevoked")


def test_request_leaf__in_its_last_block__leaves_a_quarter_for_the_proof(
    chain: Chain, window: int, asker: str
) -> None:
    chain.mine_to(window - PROOF_BLOCKS // 2 - 1)
    last = ask(chain, asker).event("LeafRequested")["answerBy"]
    assert last == window - PROOF_BLOCKS // 2 + PROOF_BLOCKS // 4 <= window - PROOF_BLOCKS // 4


def test_request_leaf__deposit_below_the_answers_gas__reverts(
    chain: Chain, window: int, asker: str, base_fee: int
) -> None:
    need = gas(MOST) * PRICE * 2
    assert chain.call("Attestations", "leafDepositOf", SECOND, PRICE) == need
    with chain.reverts("DepositInsufficient", have=need - 1, need=need):
        chain.rpc.request("anvil_setNextBlockBaseFeePerGas", hex(base_fee))
        ask(chain, asker, value=need - 1)
    chain.rpc.request("anvil_setNextBlockBaseFeePerGas", hex(base_fee))
    assert ask(chain, asker, value=need).event("LeafRequested")["deposit"] == need


def test_request_leaf__twice__reverts(chain: Chain, window: int, asker: str) -> None:
    request = ask(chain, asker).event("LeafRequested")["request"]

    with chain.reverts("RequestedAlready", request=request):
        ask(chain, chain.accounts[18])


def test_request_leaf__second_half__reverts(chain: Chain, window: int, asker: str) -> None:
    last = window - PROOF_BLOCKS // 2
    chain.mine_to(last - 1)
    ask(chain, asker)
    with chain.reverts("RequestTooLate", blockNumber=last + 1, last=last):
        ask(chain, asker, 3)


def test_request_leaf__not_standing_or_no_place__reverts(
    chain: Chain, story: Story, window: int, asker: str
) -> None:
    with chain.reverts("PlaceUnknown", have=1 << 20, most=(1 << 20) - 1):
        ask(chain, asker, 1 << 20)
    revoke(chain, SECOND)
    with chain.reverts("EpochNotAttested", epoch=SECOND):
        ask(chain, asker)


def test_answer_leaf__something_else__reverts(chain: Chain, story: Story, window: int, asker: str) -> None:
    ask(chain, asker)
    leaf, rows = story.second.leaves[2], list(story.second.outcomes[2])
    root = story.second.root

    lie = replace(story.second, leaves={**story.second.leaves, 2: replace(leaf, weight=leaf.weight + 1)})
    with chain.reverts("LeafNotUnderRoot", epoch=SECOND, have=lie.root, need=root):
        answer(chain, story, leaf=lie.leaves[2])
    without = replace(story.second, leaves={d: story.second.leaves[d] for d in (1, 3, 4)})
    with chain.reverts("LeafNotUnderRoot", epoch=SECOND, have=without.root, need=root):
        answer(chain, story, leaf=no_leaf(), outcomes=[])
    with chain.reverts("OutcomesIncomplete", have=len(rows) - 1, need=len(rows)):
        answer(chain, story, outcomes=rows[:-1])
    changed = [*rows[:-1], replace(rows[-1], item=1)]
    with chain.reverts("OutcomeNotUnderLeaf", have=outcomes_root(changed), need=leaf.outcomes_root):
        answer(chain, story, outcomes=changed)


def test_answer_leaf__bits_that_no_field_holds__reverts(chain: Chain, story: Story, asker: str) -> None:
    """A root over bytes that are no outcome can't be answered, whoever signed it."""
    row = story.second.outcomes[2][0]
    clean = encode_outcome(row)
    stray = b"\1" + clean[1:]
    data = with_leaf(story.second, 2, outcomes_root=keccak(stray), outcome_count=1)
    attest_data(chain, data)
    ask(chain, asker)
    given = SECOND, STANDING, 2, data.leaves[2], data.tree.path(2), [row]
    raw = project_artifacts()["Attestations"].abi.encode_call("answerLeaf", given)
    assert raw.endswith(clean)

    with chain.reverts(""), moving(chain):
        answer = raw[: -len(clean)] + stray
        chain.transact(chain.at("Attestations"), answer, sender=chain.accounts[5], function="answerLeaf")


def test_answer_leaf__nobody_asked__reverts(chain: Chain, story: Story, window: int) -> None:
    request, _ = chain.call("Attestations", "leafRequestOf", SECOND, STANDING, 2)

    with chain.reverts("RequestUnknown", request=request):
        answer(chain, story)


# Withheld


def test_prove_withheld_leaf__unanswered__slashes_and_revokes(
    chain: Chain, story: Story, window: int, asker: str
) -> None:
    asked = ask(chain, asker).event("LeafRequested")
    request, last = asked["request"], asked["answerBy"]
    chain.mine_to(last - 1)
    with chain.reverts("AnswerStillPossible", request=request, blockNumber=last, last=last), moving(chain):
        prove(chain, "proveWithheldLeaf", SECOND, STANDING, 2)
    with chain.reverts("AnswerTooLate", request=request, blockNumber=last + 1, last=last):
        answer(chain, story)

    with punishing(chain, SECOND, OracleFault.WITHHELD_DATA, 2, request) as found:
        found.append(prove(chain, "proveWithheldLeaf", SECOND, STANDING, 2))

    before = coins(chain, asker)
    chain.send("Attestations", "returnDeposit", request, sender=chain.accounts[6])
    assert coins(chain, asker) == before + DEPOSIT


def test_prove_withheld_leaf__last_block_of_the_window__revokes(
    chain: Chain, story: Story, window: int, asker: str
) -> None:
    ask(chain, asker)
    chain.mine_to(window - 1)

    prove(chain, "proveWithheldLeaf", SECOND, STANDING, 2).event("EpochRevoked")


def test_prove_withheld_leaf__nobody_asked__reverts(chain: Chain, window: int) -> None:
    request, _ = chain.call("Attestations", "leafRequestOf", SECOND, STANDING, 2)

    with chain.reverts("RequestUnknown", request=request), moving(chain):
        prove(chain, "proveWithheldLeaf", SECOND, STANDING, 2)


def test_prove_withheld_leaf__attested_anew__asks_for_nothing(
    chain: Chain, story: Story, window: int, asker: str
) -> None:
    """What nobody answered of a revoked attestation is not held against the next one's signers."""
    old = ask(chain, asker).event("LeafRequested")["request"]
    chain.mine(PROOF_BLOCKS // 4)
    revoke(chain, SECOND)
    with chain.reverts("EpochNotAttested", epoch=SECOND), moving(chain):
        prove(chain, "proveWithheldLeaf", SECOND, STANDING, 2)
    attest_data(chain, story.second, round=1)
    new, _ = chain.call("Attestations", "leafRequestOf", SECOND, STANDING, 2)
    assert new != old

    with chain.reverts("RequestUnknown", request=new), moving(chain):
        prove(chain, "proveWithheldLeaf", SECOND, STANDING, 2)
    assert status(chain, SECOND) == EpochStatus.ATTESTED
    returned = chain.send("Attestations", "returnDeposit", old, sender=asker)
    assert returned.event("DepositReturned")["amount"] == DEPOSIT


def test_return_deposit__before_the_answer_is_over__reverts(
    chain: Chain, story: Story, window: int, asker: str, provider: str
) -> None:
    register_as(chain, provider)
    asked = ask(chain, asker).event("LeafRequested")
    request, last = asked["request"], asked["answerBy"]

    error = {"request": request, "blockNumber": chain.block_number + 1, "last": last}
    with chain.reverts("AnswerStillPossible", **error):
        chain.send("Attestations", "returnDeposit", request, sender=asker)
