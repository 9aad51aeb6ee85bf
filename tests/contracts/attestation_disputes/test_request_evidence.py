"""Evidence that an attestation vouches for: asked for, answered, or withheld."""

from __future__ import annotations

from dataclasses import astuple, replace

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tensorbond.chain.types import (
    DataRequest,
    EvidenceRequest,
    OracleFault,
    OutcomeKind,
    OutcomeResult,
    Record,
)
from tensorbond.oracle.leaves import EpochData
from tensorbond.proof import MemoryShape, item_leaf, memory_header_length, memory_item_length, merkle
from tests.acts import mine_to_slot
from tests.chain import Chain, Sent, project_artifacts
from tests.contracts.attestations.epochs import BOND, PROOF_BLOCKS, moving, revoke
from tests.leaves import make_outcome
from tests.work import sign_evidence

from .conftest import SECOND, TERMS, Story
from .epochs import (
    ITEMS,
    attest_data,
    commitment_of,
    facts_of,
    items_of,
    opening_of,
    prove,
    punishing,
    slots_of,
    tell,
    with_row,
    with_rows,
    witness_of,
)
from .test_prove_false_pass import proof_of, row_with
from .test_request_leaf import DEPOSIT, PRICE, base_fee, coins, gas

__all__ = ["base_fee"]

pytestmark = pytest.mark.chain

OTHER = b"\x07" * 32
THIRD = SECOND + 1


def attested(chain: Chain, data: EpochData) -> int:
    """The last block of its proof window."""
    attest_data(chain, data)
    return int(chain.call("Attestations", "attestedOf", SECOND)[1].provable_until)


def ask(
    chain: Chain, data: EpochData, place: tuple[int, int], index: int, value: int = DEPOSIT
) -> EvidenceRequest:
    sent = chain.send(
        "AttestationDisputes",
        "requestEvidence",
        *proof_of(data, *place),
        index,
        sender=chain.accounts[19],
        value=value,
    )
    asked: EvidenceRequest = sent.event("EvidenceRequested")["asked"]
    return asked


def answer(chain: Chain, asked: EvidenceRequest, **changes: object) -> Sent:
    """By a stranger, honestly but for the changes."""
    commit = facts_of(chain, SECOND).commits[asked.device, asked.slot]
    path, root = opening_of(asked.device, asked.slot, asked.index)
    given = {
        "asked": asked,
        "record": Record(commit.commitment, commit.timestamp, commit.key),
        "item": items_of(asked.device, asked.slot)[asked.index],
        "path": path,
        "signature": sign_evidence(chain, commit.key, commit.commitment, root),
    } | changes
    return chain.send("AttestationDisputes", "answerEvidence", *given.values(), sender=chain.accounts[5])


def id_of(asked: EvidenceRequest) -> bytes:
    kinds = ["uint256"] * 4 + ["bytes32"] + ["uint256"] * 3
    return keccak(encode([f"({','.join(kinds)})"], [astuple(asked)]))


@pytest.mark.parametrize("index", [0, 9, ITEMS])
def test_request_evidence__of_a_pass__is_kept_and_answered(chain: Chain, story: Story, index: int) -> None:
    attested(chain, story.second)
    device, place = row_with(story, OutcomeResult.PASSED)
    row = story.second.outcomes[device][place]
    items, length = chain.call("LeafProofs", "itemOf", device, row, index)
    assert items == ITEMS
    assert length == (32 * TERMS.r + 32 if index == ITEMS else 8 + 1024 + 32 * (12 + 1 + 6))

    asked = ask(chain, story.second, (device, place), index)

    witness = witness_of(device, row.slot)
    assert asked == EvidenceRequest(SECOND, 0, device, row.slot, witness, ITEMS, index, length)
    request, last = id_of(asked), chain.block_number + PROOF_BLOCKS // 4
    state = DataRequest(chain.accounts[19], DEPOSIT, last, False)
    assert chain.call("AttestationDisputes", "requestOf", request) == state
    before = coins(chain, chain.accounts[5])
    assert answer(chain, asked).event("EvidenceAnswered") == {
        "epoch": SECOND,
        "device": device,
        "answerer": chain.accounts[5],
        "request": request,
        "paid": DEPOSIT,
    }
    assert coins(chain, chain.accounts[5]) == before + DEPOSIT
    assert chain.call("AttestationDisputes", "requestOf", request) == replace(state, deposit=0, answered=True)
    chain.mine_to(last)
    with chain.reverts("AnsweredAlready", request=request), moving(chain):
        prove(chain, "proveWithheldEvidence", asked)
    with chain.reverts("NothingToReturn", request=request):
        chain.send("AttestationDisputes", "returnDeposit", request, sender=chain.accounts[19])


def test_request_evidence__of_a_forced_pass__is_answered(chain: Chain, story: Story) -> None:
    attested(chain, story.second)
    row = story.second.outcomes[2][-1]
    assert (row.kind, row.result) == (OutcomeKind.FORCED, OutcomeResult.PASSED)

    answer(chain, ask(chain, story.second, (2, len(story.second.outcomes[2]) - 1), 3))


def test_request_evidence__of_a_bad_item__is_the_one_that_it_names(chain: Chain, story: Story) -> None:
    place = row_with(story, OutcomeResult.PASSED)
    data = with_row(story.second, *place, result=OutcomeResult.BAD_ITEM, item=5, throughput=0)
    attested(chain, data)

    with chain.reverts("ItemNotNamed", have=4, need=5):
        ask(chain, data, place, 4)
    answer(chain, ask(chain, data, place, 5))


@pytest.mark.parametrize("result", [OutcomeResult.MISSED, OutcomeResult.WITHHELD])
def test_request_evidence__where_none_was_witnessed__reverts(
    chain: Chain, story: Story, result: OutcomeResult
) -> None:
    place = row_with(story, OutcomeResult.PASSED)
    data = with_row(story.second, *place, result=result, throughput=0, witness=bytes(32))
    attested(chain, data)

    with chain.reverts("ResultWrong", have=result):
        ask(chain, data, place, 0)


@pytest.mark.parametrize("index", [0, 63, 64, 95, 96])
def test_request_evidence__of_an_m_phase__is_as_long_as_its_items(
    chain: Chain, story: Story, index: int
) -> None:
    attested(chain, story.second)
    place = 4, story.memory_row
    row = story.second.outcomes[4][story.memory_row]
    terms = chain.call("DeviceRegistry", "classOf", chain.call("DeviceRegistry", "deviceOf", 4).class_id)
    steps = 64 * terms.segments
    shape = MemoryShape(terms.layers, 1 << terms.layer_bits, 1 << terms.walker_bits, steps)
    length = memory_header_length(shape) if index == 96 else memory_item_length(shape, index)

    assert ask(chain, story.second, place, index) == EvidenceRequest(
        SECOND, 0, 4, row.slot, row.witness, 96, index, length
    )
    with chain.reverts("ItemOutOfRange", have=97, most=96):
        ask(chain, story.second, place, 97)


def test_request_evidence__deposit_below_the_answers_gas__reverts(
    chain: Chain, story: Story, base_fee: int
) -> None:
    place = row_with(story, OutcomeResult.PASSED)
    attested(chain, story.second)
    row, length = story.second.outcomes[place[0]][place[1]], 8 + 1024 + 32 * (12 + 1 + 6)
    assert chain.call("LeafProofs", "itemOf", place[0], row, 0) == (ITEMS, length)

    need = 2 * gas(length + 1024) * PRICE
    assert chain.call("AttestationDisputes", "evidenceDepositOf", length, PRICE) == need
    with chain.reverts("DepositInsufficient", have=need - 1, need=need):
        chain.rpc.request("anvil_setNextBlockBaseFeePerGas", hex(base_fee))
        ask(chain, story.second, place, 0, need - 1)
    chain.rpc.request("anvil_setNextBlockBaseFeePerGas", hex(base_fee))
    ask(chain, story.second, place, 0, need)


def test_request_evidence__slot_that_nobody_sealed__reverts(chain: Chain, story: Story) -> None:
    attest_data(chain, story.second)
    mine_to_slot(chain, slots_of(chain, THIRD).stop)
    slot = slots_of(chain, THIRD).start + 1
    row = make_outcome(slot, witness=OTHER)
    data = with_rows(tell(chain, THIRD, story.second, story.findings), 1, [row])
    attest_data(chain, data)

    with chain.reverts("SlotNotSealed", slot=slot), moving(chain):
        ask(chain, data, (1, 0), 0)


def test_request_evidence__past_the_header__reverts(chain: Chain, story: Story) -> None:
    attested(chain, story.second)

    with chain.reverts("ItemOutOfRange", have=ITEMS + 1, most=ITEMS):
        ask(chain, story.second, row_with(story, OutcomeResult.PASSED), ITEMS + 1)


def test_answer_evidence__something_else__reverts(chain: Chain, story: Story) -> None:
    attested(chain, story.second)
    asked = ask(chain, story.second, row_with(story, OutcomeResult.PASSED), 3)
    device, slot = asked.device, asked.slot
    commit = facts_of(chain, SECOND).commits[device, slot]
    path, root = opening_of(device, slot, 3)
    stranger = chain.accounts[5]

    with chain.reverts("EvidencePathMalformed", have=4, need=5):
        answer(chain, asked, path=path[:4])
    another = items_of(device, slot)[4]
    have = merkle.fold(item_leaf(3, another), 3, path, len(path))
    with chain.reverts("WitnessMismatch", have=have, need=root):
        answer(chain, asked, item=another)
    with chain.reverts("RecordMismatch", device=device, slot=slot):
        answer(chain, asked, record=Record(commit.commitment, commit.timestamp + 1, commit.key))
    by_stranger = sign_evidence(chain, stranger, commitment_of(device, slot), root)
    with chain.reverts("SignerMismatch", have=stranger, need=commit.key):
        answer(chain, asked, signature=by_stranger)
    for other in (replace(asked, length=1), replace(asked, epoch=1)):
        with chain.reverts("RequestUnknown", request=id_of(other)):
            answer(chain, other)


def test_prove_withheld_evidence__unanswered__slashes_and_revokes(chain: Chain, story: Story) -> None:
    place = row_with(story, OutcomeResult.PASSED)
    data = with_row(story.second, *place, witness=OTHER)
    attested(chain, data)
    asked = ask(chain, data, place, 3)
    request, last = id_of(asked), chain.block_number + PROOF_BLOCKS // 4
    chain.mine_to(last - 1)
    with chain.reverts("AnswerStillPossible", request=request, blockNumber=last, last=last), moving(chain):
        prove(chain, "proveWithheldEvidence", asked)
    with chain.reverts("WitnessMismatch", have=witness_of(asked.device, asked.slot), need=OTHER):
        answer(chain, asked)

    with punishing(chain, SECOND, OracleFault.WITHHELD_DATA, place[0], request) as found:
        found.append(prove(chain, "proveWithheldEvidence", asked))

    before = coins(chain, chain.accounts[19])
    chain.send("AttestationDisputes", "returnDeposit", request, sender=chain.accounts[6])
    assert coins(chain, chain.accounts[19]) == before + DEPOSIT


def ask_revoked(chain: Chain, data: EpochData, place: tuple[int, int], index: int) -> EvidenceRequest:
    """Of the epoch's first round, which has fallen."""
    proof = proof_of(data, *place)
    with chain.reverts("EpochNotAttested", epoch=SECOND):
        ask(chain, data, place, index)
    request = project_artifacts()["AttestationDisputes"].abi.encode_call("requestEvidence", (*proof, index))
    sent = chain.send(
        "AttestationDisputes", "proveRevoked", 0, request, sender=chain.accounts[19], value=DEPOSIT
    )
    found: EvidenceRequest = sent.event("EvidenceRequested")["asked"]
    assert chain.call("AttestationDisputes", "requestOf", id_of(found)).asker == chain.accounts[19]
    return found


def test_request_evidence__of_a_revoked_round__is_answered(chain: Chain, story: Story) -> None:
    attested(chain, story.second)
    place = row_with(story, OutcomeResult.PASSED)
    revoke(chain, SECOND)

    asked = ask_revoked(chain, story.second, place, 3)

    assert (asked.round, asked.device) == (0, place[0])
    assert answer(chain, asked).event("EvidenceAnswered")["paid"] == DEPOSIT


def test_prove_withheld_evidence__of_a_revoked_round__slashes_its_signers(chain: Chain, story: Story) -> None:
    place = row_with(story, OutcomeResult.PASSED)
    data = with_row(story.second, *place, witness=OTHER)
    attested(chain, data)
    revoke(chain, SECOND)
    asked = ask_revoked(chain, data, place, 3)
    attest_data(chain, story.second, round=1)
    chain.mine(PROOF_BLOCKS // 4)

    taken = 3 * BOND
    with moving(chain, Attestations=-taken, bonded=-taken, auditor=taken // 4, supply=taken // 4 - taken):
        sent = prove(chain, "proveWithheldEvidence", asked)

    assert sent.event("FraudProven")["evidence"] == id_of(asked)
    assert sent.all("EpochRevoked") == []
    assert chain.call("Attestations", "attestedOf", SECOND)[1].round == 1


def test_prove_withheld_evidence__nobody_asked_for_just_that__reverts(chain: Chain, story: Story) -> None:
    attested(chain, story.second)
    asked = ask(chain, story.second, row_with(story, OutcomeResult.PASSED), 3)
    chain.mine(PROOF_BLOCKS // 4)

    changed: dict[str, object]
    for changed in ({"index": 4}, {"witness": OTHER}, {"slot": asked.slot + 1}, {"length": 1}):
        other = replace(asked, **changed)  # type: ignore[arg-type]
        with chain.reverts("RequestUnknown", request=id_of(other)), moving(chain):
            prove(chain, "proveWithheldEvidence", other)


def test_prove_withheld_evidence__attested_anew__asks_for_nothing(chain: Chain, story: Story) -> None:
    attested(chain, story.second)
    asked = ask(chain, story.second, row_with(story, OutcomeResult.PASSED), 3)
    chain.mine(PROOF_BLOCKS // 4)
    revoke(chain, SECOND)
    attest_data(chain, story.second, round=1)

    anew = replace(asked, round=1)
    with chain.reverts("RequestUnknown", request=id_of(anew)), moving(chain):
        prove(chain, "proveWithheldEvidence", anew)
