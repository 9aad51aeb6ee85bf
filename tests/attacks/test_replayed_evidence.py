"""Evidence that was good once, shown again: for another slot, device, commitment or sample beacon."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.proof import (
    EvidenceMisaddressed,
    Fault,
    ItemBad,
    WrongCommitment,
    WrongDevice,
    WrongSampleBeacon,
    WrongSlot,
    verify,
)
from tests.acts import commit_as, mine_to_slot
from tests.chain import Chain
from tests.work import commit_work, device_as, open_work, seal, show_item

from .forging import beacon, ended, multiplications, refusal_of


@pytest.fixture
def evidence(honest, sample_beacon):
    return honest.open(sample_beacon)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("change", "error"), [({"slot": 43}, WrongSlot), ({"device": 4}, WrongDevice)], ids=["slot", "device"]
)
def test_replayed_evidence__for_another_question__is_refused_by_name_and_relabelled(
    challenge, evidence, sample_beacon, cost, change, error
) -> None:
    asked = replace(challenge, **change)
    with pytest.raises(error):
        verify(asked, evidence.commitment, sample_beacon, evidence)
    refusal = refusal_of(asked, replace(evidence, challenge=asked))
    assert isinstance(refusal, ItemBad)
    assert (refusal.index, refusal.reason) == (0, Fault.ENTRY)
    cost("old evidence relabelled", 0, multiplications(challenge.shape), "products", ended(refusal))


@pytest.mark.unit
def test_replayed_evidence__for_another_commitment__opens_other_tiles(
    challenge, evidence, sample_beacon, cost
) -> None:
    commitment = beacon("commitment")
    with pytest.raises(WrongCommitment):
        verify(challenge, commitment, sample_beacon, evidence)
    refusal = refusal_of(challenge, replace(evidence, commitment=commitment))
    assert refusal.index == 0
    assert refusal.reason in (Fault.ROUND, Fault.TILE)
    cost("old evidence, new commitment", 0, multiplications(challenge.shape), "products", ended(refusal))


@pytest.mark.unit
def test_replayed_evidence__for_another_sample_beacon__opens_other_tiles(
    challenge, evidence, sample_beacon, cost
) -> None:
    later = beacon("later")
    with pytest.raises(WrongSampleBeacon) as refused:
        verify(challenge, evidence.commitment, later, evidence)
    assert isinstance(refused.value, EvidenceMisaddressed)
    refusal = refusal_of(challenge, replace(evidence, sample_beacon=later))
    assert refusal.index == 0
    assert refusal.reason in (Fault.ROUND, Fault.TILE)
    cost("old evidence, new sample beacon", 0, multiplications(challenge.shape), "products", ended(refusal))


@pytest.mark.chain
def test_replayed_commitment__in_the_next_slot_on_chain__costs_the_bond(
    chain: Chain, provider: str, stranger: str, cost
) -> None:
    device = device_as(chain, provider)
    work = commit_work(chain, provider, device)
    mine_to_slot(chain, work.slot + 1)
    event = commit_as(chain, provider, device, work.slot + 1, work.proof.commitment).event("Committed")
    mine_to_slot(chain, work.slot + 2)
    later = replace(
        work,
        slot=work.slot + 1,
        timestamp=event["timestamp"],
        evidence=work.proof.open(seal(chain, work.slot + 2)),
    )

    proven = chain.send("WorkDisputes", "proveBadItem", show_item(chain, later), sender=stranger)

    assert proven.event("BadItemProven")["slot"] == work.slot + 1
    assert proven.event("StakeSlashed")["provider"] == provider
    honest = multiplications(work.shape)
    ending = f"BadItemProven, {proven.gas_used // 1000} k gas"
    cost("old commitment in a new slot, on chain", 0, honest, "products", ending)


@pytest.mark.chain
def test_replayed_accusation__of_a_bad_slot_against_a_good_one__is_refused(
    chain: Chain, provider: str, stranger: str
) -> None:
    """An honest slot cannot be slashed with what was signed for another."""
    device = device_as(chain, provider)
    work = open_work(chain, commit_work(chain, provider, device))
    again = commit_work(chain, provider, device, work.slot + 2)
    with chain.reverts("RecordMismatch", device=device, slot=again.slot):
        chain.send(
            "WorkDisputes",
            "proveBadItem",
            replace(show_item(chain, work), slot=again.slot),
            sender=stranger,
        )
