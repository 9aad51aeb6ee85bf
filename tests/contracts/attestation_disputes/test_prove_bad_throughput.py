from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain import slots
from tensorbond.chain.types import LeafProof, OracleFault, Outcome, OutcomeProof, OutcomeResult, Record
from tensorbond.oracle.leaves import EpochData
from tensorbond.oracle.tree import leaf_hash, outcome_path
from tests.acts import timing
from tests.chain import Chain
from tests.contracts.attestations.epochs import moving
from tests.headers import headers_of

from .conftest import SECOND, Story
from .epochs import attest_data, commitment_of, facts_of, prove, punishing, with_row

pytestmark = pytest.mark.chain

FAULT = OracleFault.BAD_THROUGHPUT
STRANGER = "0x" + "11" * 20

Proof = tuple[LeafProof, OutcomeProof, Record, bytes]


def passed(story: Story, forced: bool = False) -> tuple[int, int, Outcome]:
    """Device, place and row of one that passed."""
    for device, rows in story.second.outcomes.items():
        for index, row in enumerate(rows):
            if row.result == OutcomeResult.PASSED and (row.job != 0) == forced:
                return device, index, row
    raise AssertionError("nobody passed")


def record_of(chain: Chain, device: int, slot: int) -> Record:
    commit = facts_of(chain, SECOND).commits[device, slot]
    assert commit.commitment == commitment_of(device, slot)
    return Record(commit.commitment, commit.timestamp, commit.key)


def header_of(chain: Chain, slot: int) -> bytes:
    return headers_of(chain, [slots.start_of(timing(chain), slot)])[0]


def proof_of(chain: Chain, data: EpochData, device: int, index: int) -> Proof:
    rows = data.outcomes[device]
    row = rows[index]
    outcome = OutcomeProof(row, index, outcome_path(rows, index))
    return data.leaf_proof(device), outcome, record_of(chain, device, row.slot), header_of(chain, row.slot)


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("change", [1, -1, 4_000_000_000])
def test_prove_bad_throughput__more_or_less__slashes_and_revokes(
    chain: Chain, story: Story, change: int, forced: bool
) -> None:
    device, index, row = passed(story, forced)
    assert row.throughput > 0
    data = with_row(story.second, device, index, throughput=row.throughput + change)
    attest_data(chain, data)

    with punishing(chain, SECOND, FAULT, device, leaf_hash(data.leaves[device])) as found:
        found.append(prove(chain, "proveBadThroughput", *proof_of(chain, data, device, index)))


def test_prove_bad_throughput__leaf_that_nobody_attested__reverts(chain: Chain, story: Story) -> None:
    attest_data(chain, story.second)
    device, index, row = passed(story)
    lie = with_row(story.second, device, index, throughput=row.throughput + 1)

    with (
        chain.reverts("LeafNotUnderRoot", epoch=SECOND, have=lie.root, need=story.second.root),
        moving(chain),
    ):
        prove(chain, "proveBadThroughput", *proof_of(chain, lie, device, index))


@pytest.mark.parametrize("forced", [False, True])
def test_prove_bad_throughput__slow_without_a_bound__slashes_and_revokes(
    chain: Chain, story: Story, forced: bool
) -> None:
    device, index, _ = passed(story, forced)
    data = with_row(story.second, device, index, result=OutcomeResult.SLOW)
    attest_data(chain, data)

    with punishing(chain, SECOND, FAULT, device, leaf_hash(data.leaves[device])) as found:
        found.append(prove(chain, "proveBadThroughput", *proof_of(chain, data, device, index)))


@pytest.mark.parametrize(
    "changes", [{"throughput": 1}, {"throughput": -1}, {"result": OutcomeResult.SLOW}], ids=str
)
def test_prove_bad_throughput__of_the_m_phase__slashes_and_revokes(
    chain: Chain, story: Story, changes: dict[str, int]
) -> None:
    index = story.memory_row
    bandwidth = story.second.outcomes[4][index].throughput
    assert bandwidth > 0
    told = {"throughput": bandwidth + changes.get("throughput", 0)}
    data = with_row(story.second, 4, index, **(changes | told))
    attest_data(chain, data)

    with punishing(chain, SECOND, FAULT, 4, leaf_hash(data.leaves[4])) as found:
        found.append(prove(chain, "proveBadThroughput", *proof_of(chain, data, 4, index)))


def test_prove_bad_throughput__honest__reverts(chain: Chain, story: Story) -> None:
    attest_data(chain, story.second)

    for device, rows in story.second.outcomes.items():
        for index, row in enumerate(rows):
            if row.result != OutcomeResult.PASSED:
                continue
            proof = proof_of(chain, story.second, device, index)
            with (
                chain.reverts("FaultNotShown", epoch=SECOND, fault=FAULT),
                moving(chain),
            ):
                prove(chain, "proveBadThroughput", *proof)


def test_prove_bad_throughput__other_record_or_header__reverts(chain: Chain, story: Story) -> None:
    device, index, row = passed(story)
    data = with_row(story.second, device, index, throughput=0)
    attest_data(chain, data)
    leaf, outcome, record, header = proof_of(chain, data, device, index)

    for changes in (
        {"timestamp": record.timestamp + 1},
        {"commitment": bytes(32)},
        {"key": STRANGER},
    ):
        wrong = replace(record, **changes)  # type: ignore[arg-type]
        with chain.reverts("RecordMismatch", device=device, slot=row.slot), moving(chain):
            prove(chain, "proveBadThroughput", leaf, outcome, wrong, header)
    beacon = facts_of(chain, SECOND).slot(row.slot).beacon
    other = headers_of(chain, [slots.start_of(timing(chain), row.slot) + 1])[0]
    have = chain.block_hash(slots.start_of(timing(chain), row.slot) + 1)
    with chain.reverts("HeaderMismatch", slot=row.slot, have=have, need=beacon), moving(chain):
        prove(chain, "proveBadThroughput", leaf, outcome, record, other)


def test_prove_bad_throughput__missed__reverts(chain: Chain, story: Story) -> None:
    device, index, _ = passed(story)
    data = with_row(story.second, device, index, result=OutcomeResult.MISSED)
    attest_data(chain, data)

    with chain.reverts("ResultWrong", have=OutcomeResult.MISSED), moving(chain):
        prove(chain, "proveBadThroughput", *proof_of(chain, data, device, index))


def test_prove_bad_throughput__row_of_another_leaf__reverts(chain: Chain, story: Story) -> None:
    device, index, row = passed(story)
    data = with_row(story.second, device, index, throughput=row.throughput + 1)
    attest_data(chain, story.second)
    _, outcome, record, header = proof_of(chain, data, device, index)
    leaf = story.second.leaf_proof(device)

    error = {"have": data.leaves[device].outcomes_root, "need": leaf.leaf.outcomes_root}
    with chain.reverts("OutcomeNotUnderLeaf", **error), moving(chain):
        prove(chain, "proveBadThroughput", leaf, outcome, record, header)


def test_prove_bad_throughput__path_of_another_depth__reverts(chain: Chain, story: Story) -> None:
    device, index, _ = passed(story)
    attest_data(chain, story.second)
    leaf, outcome, record, header = proof_of(chain, story.second, device, index)
    depth = len(outcome.path)
    deeper = replace(outcome, path=(*outcome.path, bytes(32)))

    with chain.reverts("OutcomePathMalformed", have=depth + 1, need=depth), moving(chain):
        prove(chain, "proveBadThroughput", leaf, deeper, record, header)
