"""One card behind two device ids: what it computes for one is worth nothing for the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.proof import Fault, ItemBad, WrongDevice, verify
from tests.chain import Chain
from tests.work import commit_work, device_as, open_work, show_item

from .forging import ended, multiplications, refusal_of


@pytest.mark.unit
def test_one_commitment__for_two_devices__is_bad_for_the_second(
    challenge, sample_beacon, honest, cost
) -> None:
    evidence, second = honest.open(sample_beacon), replace(challenge, device=4)
    with pytest.raises(WrongDevice):
        verify(second, honest.commitment, sample_beacon, evidence)
    refusal = refusal_of(second, replace(evidence, challenge=second))
    assert isinstance(refusal, ItemBad)
    assert (refusal.index, refusal.reason) == (0, Fault.ENTRY)
    cost("one commitment for two devices", 0, multiplications(challenge.shape), "products", ended(refusal))


@pytest.mark.chain
def test_one_commitment__for_two_devices_on_chain__costs_the_second_its_bond(
    chain: Chain, provider: str, stranger: str, cost
) -> None:
    first, second = device_as(chain, provider), device_as(chain, provider)
    work = commit_work(chain, provider, first)
    sent = chain.send(
        "Challenges", "commit", second, work.slot, work.proof.commitment, sender=provider
    ).event("Committed")
    opened = open_work(chain, work)
    claimed = replace(opened, device=second, timestamp=sent["timestamp"])

    with chain.reverts("ItemGood", index=0, row=0, column=0):
        chain.send("WorkDisputes", "proveBadItem", show_item(chain, opened), sender=stranger)
    proven = chain.send("WorkDisputes", "proveBadItem", show_item(chain, claimed), sender=stranger)

    assert proven.event("BadItemProven")["device"] == second
    assert proven.event("BondDebited")["device"] == second
    assert chain.call("DeviceRegistry", "deviceOf", first).until_slot > opened.slot + 2
    honest = multiplications(work.shape)
    ending = f"BadItemProven, {proven.gas_used // 1000} k gas"
    cost("one commitment for two devices, on chain", 0, honest, "products", ending)
