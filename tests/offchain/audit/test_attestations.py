"""A dishonest quorum: each kind of lie in an attestation has the finding that names it, and no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tensorbond.audit import Report
from tensorbond.chain.types import Outcome, OutcomeKind, OutcomeResult
from tensorbond.oracle.leaves import EpochData, data_name
from tensorbond.oracle.tree import outcomes_root
from tests import acts
from tests.offchain.audit.market import Market, relabel, repay
from tests.offchain.audit.story import HONEST, LIAR, SECOND
from tests.system import role

pytestmark = pytest.mark.chain

Lie = Callable[[EpochData], EpochData]


def _found(report: Report) -> list[tuple[str, str]]:
    return [(finding.check, finding.subject) for finding in report.findings]


def test_audit__honest_attestation__finds_nothing(young_market: Market) -> None:
    young_market.attest_honestly(1)
    report = young_market.audit()
    assert _found(report) == []
    assert report.epochs_checked == 2


def _reward(data: EpochData) -> EpochData:
    return relabel(data, HONEST, cumulative_reward=data.leaves[HONEST].cumulative_reward + 1)


def _weight(data: EpochData) -> EpochData:
    return repay(relabel(data, HONEST, weight=data.leaves[HONEST].weight + 1))


def _provider(data: EpochData) -> EpochData:
    return relabel(data, HONEST, provider=data.leaves[SECOND].provider)


def _class(data: EpochData) -> EpochData:
    return relabel(data, HONEST, class_id=9)


def _passed(data: EpochData) -> EpochData:
    return relabel(data, LIAR, passed_c=data.leaves[LIAR].passed_c + 1)


def _idle(data: EpochData) -> EpochData:
    return relabel(data, HONEST, idle_m=1)


def _bandwidth(data: EpochData) -> EpochData:
    return relabel(data, HONEST, min_bandwidth=1)


def _vram(data: EpochData) -> EpochData:
    return relabel(data, SECOND, vram=data.leaves[SECOND].vram + 1)


def _drawn_m(data: EpochData) -> EpochData:
    return relabel(data, SECOND, due_m=data.leaves[SECOND].due_m + 1)


def _rate(data: EpochData) -> EpochData:
    return relabel(data, SECOND, min_bandwidth=data.leaves[SECOND].min_bandwidth + 1)


@pytest.mark.parametrize(
    ("lie", "finding"),
    [
        (_vram, ("badOutcomes", f"epoch 1: device {SECOND}: vram")),
        (_drawn_m, ("badOutcomes", f"epoch 1: device {SECOND}: due_m")),
        (_rate, ("badOutcomes", f"epoch 1: device {SECOND}: min_bandwidth")),
        (_reward, ("badReward", f"epoch 1: device {HONEST}: cumulative_reward")),
        (_weight, ("badWeight", f"epoch 1: device {HONEST}: weight")),
        (_provider, ("badDevice", f"epoch 1: device {HONEST}: provider")),
        (_class, ("badDevice", f"epoch 1: device {HONEST}: class_id")),
        (_passed, ("badOutcomes", f"epoch 1: device {LIAR}: passed_c")),
        (_idle, ("badOutcomes", f"epoch 1: device {HONEST}: idle_m")),
        (_bandwidth, ("badOutcomes", f"epoch 1: device {HONEST}: min_bandwidth")),
    ],
)
def test_audit__one_false_number_in_a_leaf__is_one_finding(
    young_market: Market, lie: Lie, finding: tuple[str, str]
) -> None:
    young_market.attest(lie(young_market.judge(1)))
    assert _found(young_market.audit()) == [finding]


def test_audit__device_left_out__is_found(young_market: Market) -> None:
    data = young_market.judge(1)
    leaves = {device: leaf for device, leaf in data.leaves.items() if device != SECOND}
    outcomes = {device: rows for device, rows in data.outcomes.items() if device != SECOND}
    young_market.attest(repay(EpochData(31337, 1, leaves, outcomes)))
    assert _found(young_market.audit()) == [("badDevice", f"epoch 1: leaf of device {SECOND}")]


def test_audit__device_invented__is_found(young_market: Market) -> None:
    data = young_market.judge(1)
    ghost = replace(data.leaves[HONEST], device=9, outcomes_root=bytes(32), outcome_count=0)
    data = EpochData(31337, 1, {**data.leaves, 9: ghost}, {**data.outcomes, 9: ()})
    young_market.attest(repay(data))
    assert _found(young_market.audit()) == [("badDevice", "epoch 1: leaf of device 9")]


def _retold(data: EpochData, device: int, rows: tuple[Outcome, ...], **leaf: object) -> EpochData:
    """Other outcomes; the leaf says what they give, as far as `leaf` has it."""
    leaf = {"outcomes_root": outcomes_root(rows), "outcome_count": len(rows), **leaf}
    data = EpochData(31337, data.epoch, data.leaves, {**data.outcomes, device: rows})
    return repay(relabel(data, device, **leaf))


def _memory_row(data: EpochData) -> Outcome:
    (row,) = [row for row in data.outcomes[SECOND] if row.kind == OutcomeKind.DRAWN_M]
    assert (row.result, data.leaves[SECOND].passed_m) == (OutcomeResult.PASSED, 1)
    return row


@pytest.mark.parametrize("change", [{"result": int(OutcomeResult.SLOW)}, {"throughput": 1000}])
def test_audit__good_m_phase_called_slow_or_faster_than_it_was__is_found(
    young_market: Market, change: dict[str, int]
) -> None:
    data = young_market.judge(1)
    row = _memory_row(data)
    rows = tuple(replace(each, **change) if each == row else each for each in data.outcomes[SECOND])
    slow = {"passed_m": 0, "min_bandwidth": 0, "vram": 0, "weight": 0}
    leaf = slow if "result" in change else {"min_bandwidth": 1000}
    young_market.attest(_retold(data, SECOND, rows, **leaf))
    assert _found(young_market.audit()) == [("badThroughput", f"epoch 1: device {SECOND} slot {row.slot}")]


@pytest.mark.parametrize("kind", [None, int(OutcomeKind.DRAWN_C)])
def test_audit__m_phase_left_out_or_called_another__is_found(young_market: Market, kind: int | None) -> None:
    data = young_market.judge(1)
    row, rows = _memory_row(data), []
    for each in data.outcomes[SECOND]:
        if each != row:
            rows.append(each)
        elif kind is not None:
            rows.append(replace(each, kind=kind))
    young_market.attest(_retold(data, SECOND, tuple(rows)))
    assert ("badOutcomes", f"epoch 1: device {SECOND}: what was due") in _found(young_market.audit())


def test_audit__bad_items_passed__is_found(young_market: Market) -> None:
    data = young_market.judge(1)
    rows = tuple(
        replace(row, result=1, throughput=5, item=0) if row.result == OutcomeResult.BAD_ITEM else row
        for row in data.outcomes[LIAR]
    )
    natural = [row for row in rows if row.kind != OutcomeKind.FORCED]
    leaf = data.leaves[LIAR]
    lie = _retold(
        data,
        LIAR,
        rows,
        passed_c=leaf.due_c,
        passed_roll=leaf.due_roll,
        min_gops=5,
        weight=5 if natural else 0,
    )
    young_market.attest(lie)
    found = _found(young_market.audit())
    assert found == [("falsePass", f"epoch 1: device {LIAR} slot {row.slot}") for row in rows]


@pytest.mark.parametrize("result", [OutcomeResult.MISSED, OutcomeResult.BAD_ITEM])
def test_audit__pass_denied__is_found(young_market: Market, result: OutcomeResult) -> None:
    data = young_market.judge(1)
    rows = data.outcomes[HONEST]
    index = next(i for i, row in enumerate(rows) if row.kind == OutcomeKind.FORCED)
    denied = replace(rows[index], result=int(result), throughput=0)
    if result == OutcomeResult.MISSED:
        denied = replace(denied, witness=bytes(32))
    young_market.attest(_retold(data, HONEST, (*rows[:index], denied, *rows[index + 1 :])))
    found = _found(young_market.audit())
    assert found == [("falseFail", f"epoch 1: device {HONEST} slot {denied.slot}")]


def test_audit__pass_called_withheld__is_noted(young_market: Market) -> None:
    """Nobody can tell when a file was published."""
    data = young_market.judge(1)
    rows = data.outcomes[HONEST]
    slot = next(row.slot for row in rows if row.kind == OutcomeKind.FORCED)
    told = tuple(
        replace(row, result=4, throughput=0, witness=bytes(32)) if row.slot == slot else row for row in rows
    )
    natural = [row for row in rows if row.slot == slot and row.kind != OutcomeKind.FORCED]
    leaf = data.leaves[HONEST]
    passed_c = leaf.passed_c - sum(row.kind == OutcomeKind.DRAWN_C for row in natural)
    passed_roll = leaf.passed_roll - sum(row.kind == OutcomeKind.ROLL_CALL for row in natural)
    least = [row.throughput for row in told if row.kind != OutcomeKind.FORCED and row.result == 1]
    parts = [(passed_c, leaf.due_c), (passed_roll, leaf.due_roll)]
    part, whole = min((pair for pair in parts if pair[1]), key=lambda pair: pair[0] / pair[1])
    weight = min(min(least), 10) * part // whole
    lie = _retold(
        data, HONEST, told, passed_c=passed_c, passed_roll=passed_roll, min_gops=min(least), weight=weight
    )
    young_market.attest(lie)
    report = young_market.audit()
    assert _found(report) == []
    assert report.notes == [
        f"device {HONEST} slot {slot}: evidence appeared after it had been found withheld"
    ]


def test_audit__throughput_exaggerated__is_found(young_market: Market) -> None:
    data = young_market.judge(1)
    rows = data.outcomes[HONEST]
    index = next(i for i, row in enumerate(rows) if row.kind == OutcomeKind.FORCED)
    faster = replace(rows[index], throughput=rows[index].throughput + 1)
    young_market.attest(_retold(data, HONEST, (*rows[:index], faster, *rows[index + 1 :])))
    assert _found(young_market.audit()) == [("badThroughput", f"epoch 1: device {HONEST} slot {faster.slot}")]


@pytest.mark.parametrize("change", ["left out", "twice", "out of order", "other job"])
def test_audit__rows_that_are_not_the_draws__are_found(young_market: Market, change: str) -> None:
    data = young_market.judge(1)
    rows = data.outcomes[LIAR]
    *natural, forced = rows
    told = {
        "left out": tuple(natural),
        "twice": (*rows, forced),
        "out of order": (forced, *natural),
        "other job": (*natural, replace(forced, job=forced.job + 1)),
    }[change]
    young_market.attest(_retold(data, LIAR, told))
    assert _found(young_market.audit()) == [("badOutcomes", f"epoch 1: device {LIAR}: what was due")]


def test_audit__total_weight_not_the_sum__is_found(young_market: Market) -> None:
    data = young_market.judge(1)
    statement = replace(young_market.statement(data), total_weight=data.total_weight + 1)
    young_market.attest(data, statement=statement)
    assert _found(young_market.audit()) == [("badSum", "epoch 1: total weight")]


def test_audit__digest_of_other_data__is_found(young_market: Market) -> None:
    data = young_market.judge(1)
    young_market.attest(data, statement=replace(young_market.statement(data), data_digest=bytes(32)))
    assert _found(young_market.audit()) == [("attestation", "epoch 1: leaf data: digest")]


def test_audit__root_of_nothing__is_found(young_market: Market) -> None:
    data = young_market.judge(1)
    young_market.attest_blindly(EpochData(31337, 1, {}, {}), None)
    checks = {check for check, _ in _found(young_market.audit())}
    assert checks == {"withheldData", "attestation", "badSum"}
    assert data.leaves


def test_audit__slot_never_sealed__is_found(young_market: Market) -> None:
    """Nobody commits in epoch 2, nobody seals, and the quorum attests the misses all the same."""
    market = young_market
    market.attest_honestly(1)
    acts.mine_past_epoch(market.chain, 2)
    market.chain.mine(20)
    here = market.chain.snapshot()
    market.seal(2)
    data = market.judge(2)
    market.chain.revert_to(here)
    market.attest(data)
    found = _found(market.audit())
    due = {row.slot for rows in data.outcomes.values() for row in rows}
    sealed = {event.args["slot"] for event in market.chain.events("Challenges", "SlotSealed")}
    assert due - sealed
    assert found == [
        ("badOutcomes", f"epoch 2: slot {slot} was sealed before") for slot in sorted(due - sealed)
    ]


def test_audit__lie_that_later_epochs_rest_on__is_found_once(young_market: Market) -> None:
    market = young_market
    market.attest(_reward(market.judge(1)))
    market.attest_honestly(2)
    report = market.audit()
    assert _found(report) == [("badReward", f"epoch 1: device {HONEST}: cumulative_reward")]
    assert report.epochs_checked == 3


def test_audit__reward_that_falls__is_found(young_market: Market) -> None:
    market = young_market
    market.attest_honestly(1)
    market.seal(2)
    data = market.judge(2)
    market.attest(relabel(data, HONEST, cumulative_reward=0))
    assert _found(market.audit()) == [
        ("badReward", f"epoch 2: device {HONEST}: cumulative_reward"),
        ("invariant 6", f"epoch 2: reward of device {HONEST}"),
    ]


def test_audit__claim_and_settlement_by_a_lie__are_found_by_the_lie(young_market: Market) -> None:
    """The chain did as the attestation told it: the only fault is the attestation's."""
    market, chain = young_market, young_market.chain
    market.attest(_reward(market.judge(1)))
    acts.mine_to_final(chain, 1)
    leaf = market.proofs_of(market.standing).leaf_proof(HONEST)
    chain.send("Rewards", "claim", leaf, sender=role(chain, "stranger"))
    assert _found(market.audit()) == [("badReward", f"epoch 1: device {HONEST}: cumulative_reward")]


def test_audit__attested_through_another_contract__is_noted(young_market: Market) -> None:
    market, chain = young_market, young_market.chain
    data = market.judge(1)
    statement = market.statement(data)
    market.store.put(data_name(31337, 1, statement.root), data.encode())
    signed = acts.sign_as_quorum(chain, statement, market.oracles, (0, 1, 2))
    call = chain._abi("Attestations").encode_call("attest", [statement, *signed])
    chain.send(
        "AccessManager", "execute", chain.address["Attestations"], call, sender=role(chain, "governor")
    )

    report = market.audit()
    assert _found(report) == []
    assert report.notes == ["epoch 1: came by way of another contract, so its signatures weren't read again"]
