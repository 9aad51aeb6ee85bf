from __future__ import annotations

import pytest

from tensorbond.chain.types import LeafProof, OracleFault, OutcomeProof, OutcomeResult
from tensorbond.oracle.leaves import EpochData
from tensorbond.oracle.tree import leaf_hash, outcome_path
from tests.chain import Chain
from tests.contracts.attestations.epochs import moving

from .conftest import SECOND, Story
from .epochs import attest_data, prove, punishing, with_row

pytestmark = pytest.mark.chain

WITNESS = b"\x07" * 32


def row_with(story: Story, *results: OutcomeResult) -> tuple[int, int]:
    """Device and place of a row with one of these results."""
    return next(
        (device, index)
        for device, rows in story.second.outcomes.items()
        for index, row in enumerate(rows)
        if row.result in results
    )


def proof_of(data: EpochData, device: int, index: int) -> tuple[LeafProof, OutcomeProof]:
    rows = data.outcomes[device]
    return data.leaf_proof(device), OutcomeProof(rows[index], index, outcome_path(rows, index))


@pytest.mark.parametrize("result", [OutcomeResult.PASSED, OutcomeResult.SLOW])
def test_prove_false_pass__without_a_record__slashes_and_revokes(
    chain: Chain, story: Story, result: OutcomeResult
) -> None:
    device, index = row_with(story, OutcomeResult.MISSED)
    data = with_row(story.second, device, index, result=result, witness=WITNESS, throughput=5)
    attest_data(chain, data)

    with punishing(chain, SECOND, OracleFault.FALSE_PASS, device, leaf_hash(data.leaves[device])) as found:
        found.append(prove(chain, "proveFalsePass", *proof_of(data, device, index)))


def test_prove_false_pass__miss_proven_before__slashes_and_revokes(chain: Chain, story: Story) -> None:
    """The sentinel of a miss is no record."""
    device, index = row_with(story, OutcomeResult.MISSED)
    slot = story.second.outcomes[device][index].slot
    chain.send("WorkDisputes", "proveMissed", device, slot, sender=chain.accounts[18])
    data = with_row(story.second, device, index, result=OutcomeResult.PASSED, witness=WITNESS)
    attest_data(chain, data)

    with punishing(chain, SECOND, OracleFault.FALSE_PASS, device, leaf_hash(data.leaves[device])) as found:
        found.append(prove(chain, "proveFalsePass", *proof_of(data, device, index)))


def test_prove_false_pass__with_a_record__reverts(chain: Chain, story: Story) -> None:
    attest_data(chain, story.second)
    device, index = row_with(story, OutcomeResult.PASSED)

    with chain.reverts("FaultNotShown", epoch=SECOND, fault=OracleFault.FALSE_PASS), moving(chain):
        prove(chain, "proveFalsePass", *proof_of(story.second, device, index))


def test_prove_false_pass__of_a_miss__reverts(chain: Chain, story: Story) -> None:
    attest_data(chain, story.second)
    device, index = row_with(story, OutcomeResult.MISSED)

    with chain.reverts("ResultWrong", have=OutcomeResult.MISSED), moving(chain):
        prove(chain, "proveFalsePass", *proof_of(story.second, device, index))


@pytest.mark.parametrize(
    ("told", "changes"),
    [
        (OutcomeResult.PASSED, {"result": OutcomeResult.MISSED}),
        (OutcomeResult.MISSED, {"result": OutcomeResult.BAD_ITEM, "witness": WITNESS}),
        (OutcomeResult.MISSED, {"result": OutcomeResult.WITHHELD}),
    ],
)
def test_prove_false_fail__against_the_record__slashes_and_revokes(
    chain: Chain, story: Story, told: OutcomeResult, changes: dict[str, object]
) -> None:
    device, index = row_with(story, told)
    data = with_row(story.second, device, index, **changes)
    attest_data(chain, data)

    with punishing(chain, SECOND, OracleFault.FALSE_FAIL, device, leaf_hash(data.leaves[device])) as found:
        found.append(prove(chain, "proveFalseFail", *proof_of(data, device, index)))


@pytest.mark.parametrize(
    ("told", "changes"),
    [
        (OutcomeResult.MISSED, {}),
        (OutcomeResult.PASSED, {"result": OutcomeResult.BAD_ITEM}),
        (OutcomeResult.PASSED, {"result": OutcomeResult.WITHHELD}),
    ],
)
def test_prove_false_fail__as_the_record_says__reverts(
    chain: Chain, story: Story, told: OutcomeResult, changes: dict[str, object]
) -> None:
    device, index = row_with(story, told)
    data = with_row(story.second, device, index, **changes)
    attest_data(chain, data)

    with chain.reverts("FaultNotShown", epoch=SECOND, fault=OracleFault.FALSE_FAIL), moving(chain):
        prove(chain, "proveFalseFail", *proof_of(data, device, index))


def test_prove_false_fail__of_a_pass__reverts(chain: Chain, story: Story) -> None:
    attest_data(chain, story.second)
    device, index = row_with(story, OutcomeResult.PASSED)

    with chain.reverts("ResultWrong", have=OutcomeResult.PASSED), moving(chain):
        prove(chain, "proveFalseFail", *proof_of(story.second, device, index))
