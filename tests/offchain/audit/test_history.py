"""The rules of time, devices, commitments and oracles on synthetic events: whoever breaks one is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tensorbond.audit import Finding
from tensorbond.audit.history import OPEN_SLOT, emission
from tensorbond.chain.abi import Event
from tensorbond.chain.types import DeviceClass, Timing
from tests.offchain.audit.events import ATTESTATIONS, A, B, C, history_of, log

pytestmark = pytest.mark.unit

# Epoch 0 is slots 0 to 3, blocks 100 to 139; B(s) = 100 + 10·s.
TIMING = Timing(0, 0, 100, 10, 4, 60, 30, 64)
BOND = 5_000 * 10**18
TERMS = DeviceClass(256, 256, 1024, 4, 16, 1 << 31, 10, 7, 100, 1, 3000)


def _checks(findings: Sequence[Finding]) -> list[str]:
    return [finding.check for finding in findings]


def _registered(block: int, device: int, **changes: int) -> Event:
    told: dict[str, Any] = {"provider": A, "classId": 0, "bondedGops": 5, "bond": 50, "fromEpoch": 1}
    return log("DeviceRegistry", "DeviceRegistered", block, device=device, **(told | changes))


def _begun(*later: Event) -> list[Event]:
    return [
        log("DeviceRegistry", "TimingScheduled", entry=0, timing=TIMING),
        log("DeviceRegistry", "ClassAdded", classId=0, terms=TERMS),
        _registered(110, 1),
        *later,
    ]


# Time


def test_history__one_timing__counts_from_its_first_block() -> None:
    history, findings = history_of(_begun())
    assert findings == []
    assert [history.slot_in(block) for block in (100, 109, 110, 140)] == [0, 0, 1, 4]
    assert (history.start_of(5), history.last_block(0), history.slots_of(1)) == (150, 139, range(4, 8))
    assert [history.epoch_of(slot) for slot in (0, 3, 4)] == [0, 0, 1]
    assert [history.epoch_after(block) for block in (50, 100, 139, 140)] == [0, 1, 1, 2]


def test_history__second_timing__takes_over_at_its_epoch() -> None:
    second = Timing(3, 12, 220, 20, 2, 60, 30, 64)
    history, findings = history_of(
        _begun(log("DeviceRegistry", "TimingScheduled", 110, entry=1, timing=second))
    )
    assert findings == []
    assert (history.last_block(2), history.last_block(3)) == (219, 259)
    assert (history.start_of(11), history.start_of(13)) == (210, 240)
    assert (history.epoch_of(13), history.epoch_of(14)) == (3, 4)
    assert (history.slot_in(219), history.slot_in(240)) == (11, 13)


@pytest.mark.parametrize(
    "second",
    [
        Timing(3, 11, 220, 20, 2, 60, 30, 64),
        Timing(3, 12, 221, 20, 2, 60, 30, 64),
        Timing(1, 4, 140, 20, 2, 60, 30, 64),
        Timing(2_000, 8_000, 80_100, 20, 2, 60, 30, 64),
    ],
)
def test_history__timing_that_tears_the_schedule__is_found(second: Timing) -> None:
    _, findings = history_of(_begun(log("DeviceRegistry", "TimingScheduled", 110, entry=1, timing=second)))
    assert _checks(findings) == ["schedule"]


def test_emission__halves() -> None:
    assert [emission(epoch) for epoch in (0, 249_999, 250_000, 500_000)] == [
        10**21,
        10**21,
        5 * 10**20,
        25 * 10**19,
    ]
    assert emission(250_000 * 100) == 0
    assert sum(emission(250_000 * each) * 250_000 for each in range(100)) < 500_000_000 * 10**18


# Devices


def test_history__suspension__is_known_from_its_block_on() -> None:
    told = log("DeviceRegistry", "DeviceSuspended", 155, device=1, provider=A, untilSlot=6)
    history, findings = history_of(_begun(told))
    assert findings == []
    assert (history.units[1].until(154), history.units[1].until(155)) == (OPEN_SLOT, 6)
    assert [history.is_active(1, slot, 155) for slot in (3, 4, 5, 6)] == [False, True, True, False]


@pytest.mark.parametrize(
    "event",
    [
        log("DeviceRegistry", "DeviceSuspended", 155, device=1, provider=A, untilSlot=7),
        log("DeviceRegistry", "DeviceRetired", 155, device=1, provider=A, untilSlot=8),
        log("DeviceRegistry", "DeviceReleased", 155, device=1),
        _registered(141, 2),
        _registered(141, 2, bond=51, fromEpoch=2),
    ],
)
def test_history__device_event_amiss__is_found(event: Event) -> None:
    _, findings = history_of(_begun(event))
    assert _checks(findings) == ["registry"]


def test_history__retired__ends_with_the_epoch_after_next() -> None:
    retired = log("DeviceRegistry", "DeviceRetired", 155, device=1, provider=A, untilSlot=12)
    assert history_of(_begun(retired))[1] == []


# Commitments


def _commit(block: int, slot: int = 4, key: str = A) -> Event:
    return log(
        "Challenges", "Committed", block, device=1, slot=slot, key=key, commitment=bytes(32), timestamp=0
    )


@pytest.mark.parametrize("block", [141, 148])
def test_history__commitment_within_its_window__is_a_record(block: int) -> None:
    history, findings = history_of(_begun(_commit(block)))
    assert (findings, list(history.records)) == ([], [(1, 4)])


@pytest.mark.parametrize("event", [_commit(140), _commit(149), _commit(111, slot=1), _commit(141, key=B)])
def test_history__commitment_amiss__is_found(event: Event) -> None:
    _, findings = history_of(_begun(event))
    assert _checks(findings) == ["commit"]


def test_history__commitment_by_the_operator__is_a_record() -> None:
    named = log("ProviderStaking", "OperatorSet", provider=A, operator=B)
    assert history_of(_begun(named, _commit(141, key=B)))[1] == []
    assert _checks(history_of(_begun(named, _commit(141, key=A)))[1]) == ["commit"]


def test_history__miss_where_there_is_a_record__is_found() -> None:
    missed = log("Challenges", "MissRecorded", 160, device=1, slot=4, misses=1)
    assert _checks(history_of(_begun(_commit(141), missed))[1]) == ["invariant 10"]


def test_history__fault_paid_twice__is_found() -> None:
    fault = log("Challenges", "FaultRecorded", 160, device=1, slot=4, count=1, mark=0)
    assert _checks(history_of(_begun(fault, fault))[1]) == ["invariant 4"]


@pytest.mark.parametrize(
    ("marks", "checks"),
    [
        ([5, 6], []),
        ([0, 5, 6], []),
        ([5, 5], ["invariant 4"]),
        ([5, 0], ["invariant 4"]),
        ([5, 6, 7], ["invariant 4"]),
    ],
)
def test_history__bad_items_of_one_slot__are_two_at_most(marks: list[int], checks: list[str]) -> None:
    told = [log("Challenges", "FaultRecorded", 160, device=1, slot=4, count=1, mark=mark) for mark in marks]
    assert _checks(history_of(_begun(*told))[1]) == checks


@pytest.mark.parametrize(
    ("failed", "staked", "amount", "checks"),
    [
        (50, 1_000, 22, []),
        (50, 1_000, 15, ["invariant 4"]),
        (49, 1_000, 22, ["fault"]),
        (50, 150, 50, []),
    ],
)
def test_history__fault_soon_after_another_device_s__costs_more(
    failed: int, staked: int, amount: int, checks: list[str]
) -> None:
    """15 % more where 50 of 1,000 had failed; all where a third had."""
    events = [
        _registered(110, 2),
        log("Challenges", "FaultRecorded", 160, device=2, slot=4, count=1, mark=0),
        log("Challenges", "FaultRecorded", 160, device=1, slot=4, count=1, mark=0),
        log("WorkDisputes", "FaultsCorrelated", 160, device=1, epoch=1, failed=failed, staked=staked),
        log("DeviceRegistry", "BondDebited", 160, device=1, amount=amount, bond=50 - amount),
        log("WorkDisputes", "FaultProven", 160, device=1, slot=4, amount=amount),
    ]
    assert _checks(history_of(_begun(*events))[1]) == checks


def test_history__fault_of_a_device_with_nothing_left__makes_no_other_dearer() -> None:
    """Of two bonds of 50, one is back with its owner."""
    events = [
        _registered(110, 2),
        log("DeviceRegistry", "BondDebited", 150, device=2, amount=50, bond=0),
        log("Challenges", "FaultRecorded", 160, device=2, slot=4, count=1, mark=0),
        log("WorkDisputes", "FaultProven", 160, device=2, slot=4, amount=0),
        log("Challenges", "FaultRecorded", 160, device=1, slot=4, count=1, mark=0),
        log("DeviceRegistry", "BondDebited", 160, device=1, amount=15, bond=35),
        log("WorkDisputes", "FaultProven", 160, device=1, slot=4, amount=15),
    ]
    history, findings = history_of(_begun(*events))
    assert findings == []
    assert history.failed.add(1, 0)[1] == 50


@pytest.mark.parametrize(("amount", "checks"), [(15, []), (16, ["invariant 4"]), (14, ["invariant 4"])])
def test_history__first_fault__costs_the_class_s_share(amount: int, checks: list[str]) -> None:
    events = [
        log("Challenges", "FaultRecorded", 160, device=1, slot=4, count=1, mark=0),
        log("DeviceRegistry", "BondDebited", 160, device=1, amount=amount, bond=50 - amount),
        log(
            "WorkDisputes",
            "BadItemProven",
            160,
            device=1,
            slot=4,
            challenger=B,
            index=0,
            amount=amount,
            reward=0,
        ),
    ]
    assert _checks(history_of(_begun(*events))[1]) == checks


def test_history__second_fault_within_32_epochs__takes_all() -> None:
    events = []
    for count, slot, amount, left in ((1, 4, 15, 35), (2, 5, 35, 0)):
        events += [
            log("Challenges", "FaultRecorded", 160, device=1, slot=slot, count=count, mark=0),
            log("DeviceRegistry", "BondDebited", 160, device=1, amount=amount, bond=left),
            log("WorkDisputes", "BadItemProven", 160, device=1, slot=slot, amount=amount),
        ]
    history, findings = history_of(_begun(*events))
    assert (findings, history.units[1].left) == ([], 0)


# Jobs


def test_history__accept__forces_the_first_slot_that_starts_a_slot_later() -> None:
    for block, slot in ((130, 4), (131, 5), (140, 5)):
        told = log(
            "JobEscrow", "JobAccepted", block, job=1, provider=A, device=1, forcedSlot=slot, collateral=0
        )
        assert history_of(_begun(told))[1] == []
        told = log(
            "JobEscrow", "JobAccepted", block, job=1, provider=A, device=1, forcedSlot=slot + 1, collateral=0
        )
        assert _checks(history_of(_begun(told))[1]) == ["escrow"]


def _held(block: int, name: str = "DeviceHeld") -> Event:
    return log("DeviceRegistry", name, block, device=1)


def test_history__device_held__is_so_from_its_accept_to_before_its_close() -> None:
    events = [_held(125), _held(150, "DeviceReleased"), _held(150), _held(170, "DeviceReleased"), _held(181)]
    history, findings = history_of(_begun(*events))
    unit = history.units[1]
    assert (findings, unit.held) == ([], True)
    held = [block for block in range(120, 200) if unit.is_held(block)]
    assert held == [*range(125, 170), *range(181, 200)]


def test_history__held_twice_or_released_unheld__is_found() -> None:
    assert _checks(history_of(_begun(_held(125), _held(126)))[1]) == ["registry"]
    assert _checks(history_of(_begun(_held(125, "DeviceReleased")))[1]) == ["registry"]


def test_history__two_jobs_force_one_slot__is_found() -> None:
    told = {"provider": A, "device": 1, "forcedSlot": 4, "collateral": 0}
    events = [log("JobEscrow", "JobAccepted", 130, job=job, **told) for job in (1, 2)]
    assert _checks(history_of(_begun(*events))[1]) == ["registry"]


# Oracles and epochs


def _config(number: int, threshold: int, members: Sequence[str]) -> bytes:
    types = ["uint256", "address", "uint256", "uint256", "address[]"]
    return keccak(encode(types, [1, ATTESTATIONS, number, threshold, list(members)]))


def _seated(
    number: int = 1, members: Sequence[str] = (A, B, C), from_epoch: int = 0, block: int = 110
) -> Event:
    return log(
        "Attestations",
        "SetSeated",
        block,
        setId=number,
        members=tuple(members),
        threshold=2,
        fromEpoch=from_epoch,
        configDigest=_config(number, 2, members),
    )


def _oracles() -> list[Event]:
    joined = [
        log("Attestations", "OracleJoined", 105, oracle=oracle, amount=BOND, endpoint="", totalBonded=0)
        for oracle in (A, B, C)
    ]
    return _begun(*joined, _seated())


def _attested(epoch: int, block: int, signers: int = 0b011, round: int = 0, set_id: int = 1) -> Event:
    return log(
        "Attestations",
        "EpochAttested",
        block,
        epoch=epoch,
        round=round,
        root=bytes([epoch + 1]) * 32,
        totalWeight=7,
        dataDigest=bytes(32),
        setId=set_id,
        signers=signers,
    )


def test_history__attested_in_order__is_final_after_its_window() -> None:
    history, findings = history_of([*_oracles(), _attested(0, 140), _attested(1, 180)])
    assert findings == []
    assert (history.next_epoch, history.deadline, history.standing_root) == (2, 279, b"\2" * 32)
    assert [history.settled_through(block) for block in (140, 170, 171, 210, 211)] == [0, 0, 1, 1, 2]
    assert history.final_emission(171) == emission(0)


@pytest.mark.parametrize(
    ("events", "checks"),
    [
        ([_attested(1, 180)], ["invariant 11", "history"]),
        ([_attested(0, 139)], ["invariant 11"]),
        ([_attested(0, 200)], ["invariant 11"]),
        ([_attested(0, 140, signers=0b001)], ["invariant 11"]),
        ([_attested(0, 140, signers=0b1011)], ["invariant 11"]),
        ([log("Attestations", "EpochVoided", 199, epoch=0)], ["invariant 11"]),
        ([_attested(0, 140), log("Attestations", "EpochRevoked", 171, epoch=0, round=0)], ["invariant 11"]),
    ],
)
def test_history__epoch_event_amiss__is_found(events: list[Event], checks: list[str]) -> None:
    _, findings = history_of([*_oracles(), *events])
    assert _checks(findings) == checks


def test_history__more_at_stake_than_the_bonds__is_found() -> None:
    """A quorum of two bonds covers ten epochs' emission."""
    voids = [log("Attestations", "EpochVoided", 200 + 40 * epoch, epoch=epoch) for epoch in range(1, 10)]
    attested = [*_oracles(), _attested(0, 140)]
    slow = replace(TIMING, proof_blocks=10_000)
    attested[0] = log("DeviceRegistry", "TimingScheduled", entry=0, timing=slow)
    assert history_of([*attested, *voids])[1] == []
    _, findings = history_of([*attested, *voids, _attested(10, 590)])
    (finding,) = findings
    assert (finding.have, finding.need) == (str(11 * emission(0)), f"at most {2 * BOND}")


@pytest.mark.parametrize("name", ["OracleLeft", "OracleSlashed"])
def test_history__oracle_that_left_or_was_slashed__signs_no_more(name: str) -> None:
    gone = log("Attestations", name, 120, oracle=A, leftEpoch=1, exposedUntil=150)
    history, findings = history_of([*_oracles(), gone, _attested(0, 140)])
    assert _checks(findings) == ["invariant 11"]
    assert history.sets[1].excluded == 0b001
    assert history_of([*_oracles(), gone, _attested(0, 140, signers=0b110)])[1] == []


def test_history__void_epoch__carries_the_root_over() -> None:
    void = log("Attestations", "EpochVoided", 240, epoch=1)
    history, findings = history_of([*_oracles(), _attested(0, 140), void])
    assert findings == []
    assert (history.standing_root, sorted(history.attested)) == (b"\1" * 32, [0])
    assert history.final_emission(1000) == emission(0)


def test_history__revoked_epochs__are_attested_anew_in_a_greater_round() -> None:
    revoked = log("Attestations", "EpochRevoked", 150, epoch=0, round=0)
    before = [*_oracles(), _attested(0, 140), revoked]
    history, findings = history_of([*before, _attested(0, 210, round=1)])
    assert findings == []
    assert (history.words[0].round, history.words[0].provable_until) == (1, 240)
    assert _checks(history_of([*before, _attested(0, 151)])[1]) == ["invariant 11"]
    assert _checks(history_of([*before, _attested(0, 211, round=1)])[1]) == ["invariant 11"]


def test_history__revocation__opens_every_later_epoch() -> None:
    events = [
        *_oracles(),
        _attested(0, 140),
        _attested(1, 180),
        log("Attestations", "EpochRevoked", 165, epoch=0, round=0),
    ]
    history, _ = history_of(events)
    assert (history.attested, history.next_epoch, history.reached) == ({}, 0, 2)
    assert history.words[1].spent.round == 0


@pytest.mark.parametrize(
    "event",
    [
        _seated(2, (A, B), from_epoch=1, block=150),
        _seated(2, (A, A, B), from_epoch=9, block=150),
        _seated(2, (A, B, "0x" + "77" * 20), from_epoch=9, block=150),
    ],
)
def test_history__set_that_must_not_be__is_found(event: Event) -> None:
    _, findings = history_of([*_oracles(), _attested(0, 140), event])
    assert _checks(findings) == ["invariant 11"]


def test_history__attested_by_a_set_not_in_force__is_found() -> None:
    later = _seated(2, (A, B), from_epoch=9, block=150)
    _, findings = history_of([*_oracles(), _attested(0, 140), later, _attested(1, 180, set_id=2)])
    assert _checks(findings) == ["invariant 11"]


def test_history__bond_withdrawn_early__is_found() -> None:
    left = log("Attestations", "OracleLeft", 150, oracle=A, leftEpoch=2, exposedUntil=180)
    gone = log("Attestations", "BondWithdrawn", 179, oracle=A, amount=BOND, totalBonded=0)
    _, findings = history_of([*_oracles(), _attested(0, 140), left, gone])
    assert _checks(findings) == ["invariant 12", "invariant 12"]


def test_history__claim_before_the_window_is_over__is_found() -> None:
    def claimed(block: int) -> Event:
        return log(
            "Rewards",
            "RewardClaimed",
            block,
            device=1,
            provider=A,
            epoch=0,
            amount=1,
            claimed=1,
            totalClaimed=1,
        )

    assert history_of([*_oracles(), _attested(0, 140), claimed(171)])[1] == []
    assert _checks(history_of([*_oracles(), _attested(0, 140), claimed(170)])[1]) == ["invariant 6"]


def test_history__event_about_nothing_known__is_found() -> None:
    _, findings = history_of(_begun(log("DeviceRegistry", "DeviceHeld", device=7)))
    assert _checks(findings) == ["history"]
