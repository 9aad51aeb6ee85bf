"""Three devices that have worked for two epochs, a fourth for the second, which is yet to be attested."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tensorbond.chain.types import DeviceClass
from tensorbond.oracle.facts import Place
from tensorbond.oracle.leaves import EpochData
from tensorbond.oracle.outcomes import Finding
from tests.acts import TBND, FundedJob, accept_as, fund_as, register_as, stake_as
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
from tests.contracts.attestations.conftest import bonded, seated

__all__ = ["bonded", "seated"]

FIRST, SECOND = 1, 2
FAST = 3
"""The class of the story's devices: large enough to have gops by a clock of whole seconds."""
TERMS = DeviceClass(1024, 1024, 16384, 64, 16, 1 << 31, TBND, 0, 1000, 1, 3000)


@dataclass(frozen=True)
class Story:
    """What honest oracles say of epochs 1 and 2; 1 stands, 2 is theirs to attest. Device 2 took a job."""

    first: EpochData
    second: EpochData
    findings: Findings
    job: FundedJob


@pytest.fixture
def story(
    chain: Chain, seated: list[str], governor: str, requester: str, provider: str, other_provider: str
) -> Story:
    """Devices 1, 2 and 4 of one provider and 3 of another; in every slot one or two of them sleep."""
    chain.send("DeviceRegistry", "addClass", TERMS, sender=governor)
    for owner, count in ((provider, 2), (other_provider, 1)):
        stake_as(chain, owner, 100 * TBND)
        register_as(chain, owner, FAST, count=count)
    attest_data(chain, EpochData(CHAIN_ID, 0, {}, {}))

    findings: dict[Place, list[Finding]] = {}
    for slot in slots_of(chain, FIRST):
        findings |= play_slot(chain, slot, awake(slot, (1, 2, 3)))
    register_as(chain, provider, FAST)
    end_epoch(chain, FIRST)
    first = tell(chain, FIRST, None, findings)
    attest_data(chain, first)

    for slot in slots_of(chain, SECOND):
        findings |= play_slot(chain, slot, awake(slot, (1, 2, 3, 4)))
        if slot == slots_of(chain, SECOND).start + 1:
            job = accept_as(chain, provider, fund_as(chain, requester, class_id=FAST), 2)
    end_epoch(chain, SECOND)
    assert job.state.forced_slot in slots_of(chain, SECOND)
    return Story(first, tell(chain, SECOND, first, findings), findings, job)


def awake(slot: int, devices: tuple[int, ...]) -> list[int]:
    return [device for device in devices if (device + slot) % 3]
