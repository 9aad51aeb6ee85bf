"""Three devices that have worked for two epochs, a fourth for the second, which is yet to be attested.

The fourth has an M-phase to prove in one slot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tensorbond.chain.types import DeviceClass, OutcomeKind, OutcomeResult
from tensorbond.oracle.facts import Place
from tensorbond.oracle.leaves import EpochData
from tensorbond.oracle.outcomes import Finding
from tensorbond.proof import is_memory_slot, is_roll_call
from tests.acts import (
    TBND,
    FundedJob,
    accept_as,
    fund_as,
    join_oracles,
    mine_to_slot_with,
    register_as,
    stake_as,
    timing,
)
from tests.chain import Chain
from tests.contracts.attestation_disputes.epochs import (
    CHAIN_ID,
    Findings,
    attest_data,
    end_epoch,
    play_slot,
    slots_of,
    tell,
)
from tests.contracts.attestations.conftest import bonded
from tests.system import isolated

__all__ = ["bonded"]

FIRST, SECOND = 1, 2
FAST, RARE, DEEP = 3, 4, 5
"""Classes with gops by a clock of whole seconds: always drawn, in roll calls only, with an M-phase."""
TERMS = DeviceClass(1024, 1024, 16384, 64, 16, (1 << 32) - 1, TBND, 0, 1000, 1, 3000)


@dataclass(frozen=True)
class Story:
    """What honest oracles say of epochs 1 and 2; 2 is yet to be attested. Devices 2 and 4 took jobs."""

    first: EpochData
    second: EpochData
    findings: Findings
    job: FundedJob

    @property
    def memory_row(self) -> int:
        """Where device 4's outcomes tell of an M-phase that it passed."""
        rows = self.second.outcomes[4]
        passed = OutcomeKind.DRAWN_M, OutcomeResult.PASSED
        return next(index for index, row in enumerate(rows) if (row.kind, row.result) == passed)


@pytest.fixture
def chain(system: Chain, request: pytest.FixtureRequest) -> Iterator[Chain]:
    """The system; where a test wants the story, told already."""
    if "story" in request.fixturenames:
        request.getfixturevalue("played")
    yield from isolated(system)


@pytest.fixture
def seated(chain: Chain, oracles: list[str], request: pytest.FixtureRequest) -> list[str]:
    """Four oracles, set 1 from epoch 0 on, of which three must sign."""
    if "story" not in request.fixturenames:
        assert join_oracles(chain, oracles, threshold=3, from_epoch=0) == 1
    return oracles


@pytest.fixture
def story(chain: Chain, played: Story) -> Story:
    """Devices 1, 2 and 4 of one provider and 3 of another; in every slot one or two of them sleep."""
    return played


@pytest.fixture(scope="module")
def played(
    system: Chain, oracles: list[str], governor: str, requester: str, provider: str, other_provider: str
) -> Iterator[Story]:
    """Played once a module: every test begins where it ends."""
    for chain in isolated(system):
        assert join_oracles(chain, oracles, threshold=3, from_epoch=0) == 1
        yield _tell(chain, governor, requester, provider, other_provider)


def _tell(chain: Chain, governor: str, requester: str, provider: str, other_provider: str) -> Story:
    deep = replace(
        TERMS,
        layers=64,
        layer_bits=16,
        walker_bits=4,
        segments=2,
        peak_bandwidth=2000,
        min_bandwidth=400,
    )
    for terms in (TERMS, replace(TERMS, draw_threshold=0), deep):
        chain.send("DeviceRegistry", "addClass", terms, sender=governor)
    for owner, class_id, count in ((provider, FAST, 2), (other_provider, RARE, 1)):
        stake_as(chain, owner, 100 * TBND)
        register_as(chain, owner, class_id, count=count)
    attest_data(chain, EpochData(CHAIN_ID, 0, {}, {}))

    findings: dict[Place, list[Finding]] = {}
    for slot in slots_of(chain, FIRST):
        findings |= play_slot(chain, slot, awake(slot, (1, 2, 3)))
    register_as(chain, provider, DEEP)
    end_epoch(chain, FIRST)
    first = tell(chain, FIRST, None, findings)
    attest_data(chain, first)

    for slot in slots_of(chain, SECOND):
        if slot in memory_slots(chain):
            mine_to_slot_with(chain, slot, lambda beacon: draws_memory(chain, beacon))
        findings |= play_slot(chain, slot, awake(slot, (1, 2, 3, 4)))
        if slot == slots_of(chain, SECOND).start + 1:
            job = accept_as(chain, provider, fund_as(chain, requester, class_id=FAST), 2)
        if slot == slots_of(chain, SECOND).start + 2:
            accept_as(chain, provider, fund_as(chain, requester, class_id=DEEP), 4)
    end_epoch(chain, SECOND)
    assert job.state.forced_slot in slots_of(chain, SECOND)
    return Story(first, tell(chain, SECOND, first, findings), findings, job)


def memory_slots(chain: Chain) -> tuple[int, int]:
    """Of epoch 2: device 4 proves its memory in the one, and is held by a job in the other."""
    first = slots_of(chain, SECOND).start
    return first + 1, first + 3


def draws_memory(chain: Chain, beacon: bytes) -> bool:
    return is_memory_slot(beacon) and not is_roll_call(beacon, timing(chain).roll_call)


def awake(slot: int, devices: tuple[int, ...]) -> list[int]:
    return [device for device in devices if (device + slot) % 3]
