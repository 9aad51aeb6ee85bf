from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain import slots
from tests.acts import attest, close_before, current_epoch, join_oracles, mine_to_final, timing
from tests.chain import Chain, Sent
from tests.contracts.provider_staking.staking import moving
from tests.leaves import make_leaf
from tests.work import BOND, Work, show_item

from ..challenges.slots import mine_before
from ..device_registry.registry import schedule
from .conftest import WRONG_COLUMN, WRONG_ROW

pytestmark = pytest.mark.chain

OPEN = 2**32 - 1


def discharge(chain: Chain, device: int, sender: str) -> Sent:
    return chain.send("WorkDisputes", "discharge", device, sender=sender)


def retire(chain: Chain, provider: str, device: int) -> int:
    """Returns the last epoch in which the device can be drawn."""
    chain.send("DeviceRegistry", "retire", device, sender=provider)
    until = chain.call("DeviceRegistry", "deviceOf", device).until_slot
    return slots.epoch_of(timing(chain), until - 1)


def provable_until(chain: Chain, device: int) -> int:
    """The last block in which the device's end allows no discharge yet."""
    t = timing(chain)
    until = chain.call("DeviceRegistry", "deviceOf", device).until_slot
    return slots.last_block(t, slots.epoch_of(t, until - 1)) + t.attest_blocks + 2 * t.proof_blocks


def void(chain: Chain, epoch: int) -> None:
    close_before(chain, epoch + 1)


def settled(chain: Chain) -> int:
    return int(chain.call("Attestations", "settledThrough"))


def test_discharge__ended_and_void__unlocks_the_bond(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    void(chain, retire(chain, provider, device))
    mine_before(chain, provable_until(chain, device) + 1)

    with moving(chain, provider_locked=-BOND):
        sent = discharge(chain, device, stranger)

    assert sent.event("DeviceDischarged") == {"device": device, "provider": provider, "amount": BOND}
    assert sent.event("StakeUnlocked")["amount"] == BOND
    assert chain.call("DeviceRegistry", "bondOf", device) == 0
    assert chain.call("ProviderStaking", "freeOf", provider) == BOND


def test_discharge__twice__reverts(chain: Chain, provider: str, stranger: str, device: int) -> None:
    void(chain, retire(chain, provider, device))
    mine_before(chain, provable_until(chain, device) + 1)
    discharge(chain, device, stranger)
    with chain.reverts("DeviceDischargedAlready", device=device):
        discharge(chain, device, stranger)


def test_discharge__still_drawn__reverts(chain: Chain, provider: str, stranger: str, device: int) -> None:
    last = slots.epoch_of(timing(chain), OPEN - 1)
    with chain.reverts("ProofStillPossible", device=device, have=settled(chain), need=last + 1):
        discharge(chain, device, stranger)


def test_discharge__last_epoch_not_settled__reverts(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    last = retire(chain, provider, device)
    void(chain, last - 1)
    mine_before(chain, provable_until(chain, device) + 100)
    with moving(chain), chain.reverts("ProofStillPossible", device=device, have=last, need=last + 1):
        discharge(chain, device, stranger)


def test_discharge__proof_window_not_over__reverts(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    void(chain, retire(chain, provider, device))
    end = provable_until(chain, device)
    mine_before(chain, end)
    with moving(chain), chain.reverts("ProofStillPossible", device=device, have=end, need=end + 1):
        discharge(chain, device, stranger)
    discharge(chain, device, stranger)


def test_discharge__last_epoch_attested_last__waits_until_it_could_be_enforced(
    chain: Chain, provider: str, stranger: str, oracles: list[str], device: int
) -> None:
    join_oracles(chain, oracles, from_epoch=0)
    last = retire(chain, provider, device)
    close_before(chain, last)
    chain.mine_to(chain.call("Attestations", "deadline") - 1)
    attest(chain, last, [make_leaf(device, provider)])
    mine_to_final(chain, last)
    _, attested = chain.call("Attestations", "attestedOf", last)
    end = attested.provable_until + timing(chain).proof_blocks
    assert end == provable_until(chain, device)
    mine_before(chain, end)
    with moving(chain), chain.reverts("ProofStillPossible", device=device, have=end, need=end + 1):
        discharge(chain, device, stranger)
    assert discharge(chain, device, stranger).event("DeviceDischarged")["amount"] == BOND


def test_discharge__timing_changed_at_its_end__counts_by_the_timing_that_it_served_under(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    last = retire(chain, provider, device)
    served = timing(chain)
    schedule(chain, replace(served, from_epoch=last + 1, proof_blocks=2 * served.proof_blocks))
    assert chain.call("DeviceRegistry", "timingEntry", 1).from_slot == (
        chain.call("DeviceRegistry", "deviceOf", device).until_slot
    )
    void(chain, last)
    end = provable_until(chain, device)
    mine_before(chain, end)
    with moving(chain), chain.reverts("ProofStillPossible", device=device, have=end, need=end + 1):
        discharge(chain, device, stranger)
    assert discharge(chain, device, stranger).event("DeviceDischarged")["amount"] == BOND


def test_discharge__ended_under_a_quicker_timing__waits_for_the_slower_epoch_before_it(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    """Else what was asked for there could be withheld for nothing."""
    slow = timing(chain)
    quick = replace(
        slow,
        from_epoch=current_epoch(chain) + 2,
        slot_blocks=4,
        epoch_slots=1,
        attest_blocks=8,
        proof_blocks=4,
    )
    later = schedule(chain, quick).event("TimingScheduled")["timing"]
    chain.mine_to(later.from_block - 2)
    chain.send("DeviceRegistry", "retire", device, sender=provider)
    assert chain.call("DeviceRegistry", "deviceOf", device).until_slot > later.from_slot
    close_before(chain, later.from_epoch + 1)
    end = later.from_block - 1 + slow.attest_blocks + 2 * slow.proof_blocks
    mine_before(chain, end)
    with moving(chain), chain.reverts("ProofStillPossible", device=device, have=end, need=end + 1):
        discharge(chain, device, stranger)
    assert discharge(chain, device, stranger).event("DeviceDischarged")["amount"] == BOND


def test_discharge__suspended_device__gives_back_the_rest(
    chain: Chain, provider: str, stranger: str, wrong: Work
) -> None:
    proof = show_item(chain, wrong, 0, WRONG_ROW, WRONG_COLUMN)
    taken = chain.send("WorkDisputes", "proveBadItem", proof, sender=stranger).event("BadItemProven")[
        "amount"
    ]
    until = chain.call("DeviceRegistry", "deviceOf", wrong.device).until_slot
    void(chain, slots.epoch_of(timing(chain), until - 1))
    chain.mine_to(max(provable_until(chain, wrong.device), chain.block_number))
    with moving(chain, provider_locked=taken - BOND):
        discharge(chain, wrong.device, stranger)


def test_discharge__unknown_device__reverts(chain: Chain, stranger: str, device: int) -> None:
    with chain.reverts("DeviceUnknown", device=device + 1):
        discharge(chain, device + 1, stranger)


def test_discharge__then_a_late_fraud_proof__finds_nothing(
    chain: Chain, provider: str, stranger: str, wrong: Work
) -> None:
    void(chain, retire(chain, provider, wrong.device))
    chain.mine_to(max(provable_until(chain, wrong.device), chain.block_number))
    discharge(chain, wrong.device, stranger)
    proof = show_item(chain, wrong, 0, WRONG_ROW, WRONG_COLUMN)
    with moving(chain):
        sent = chain.send("WorkDisputes", "proveBadItem", proof, sender=stranger)
    assert sent.event("BadItemProven")["amount"] == 0
