"""A first fault costs the more, the more other bond failed lately. A provider takes its bond back and then
has a fault of the device proven, which costs it nothing: an honest mistake of the same days must not cost
more by that. What counts as failed is what was still at stake."""

from __future__ import annotations

import pytest

from tensorbond.chain.penalties import share_bps
from tests.acts import TBND, close_before, commit_as, current_epoch, mine_to_slot, register_as, stake_as
from tests.chain import Chain, Sent
from tests.contracts.provider_staking.staking import moving, stake_of
from tests.contracts.work_disputes.faults import slashing
from tests.work import BOND, sign_evidence

pytestmark = pytest.mark.chain

FAULT_BPS = 3_000
SHARE = BOND * FAULT_BPS // 10_000
WINDOW_SLOT, EPOCH_SLOTS = 32, 4
"""The first slot of a window of eight epochs."""
Record = tuple[int, int, bytes, int, str]


def commit(chain: Chain, key: str, device: int, slot: int) -> Record:
    commitment = b"\x66" * 32
    event = commit_as(chain, key, device, slot, commitment).event("Committed")
    return device, slot, commitment, event["timestamp"], key


def contradict(chain: Chain, record: Record, sender: str) -> Sent:
    """Whoever committed signs two evidences of it, and the sender shows both."""
    roots = [b"\x44" * 32, b"\x55" * 32]
    signatures = [sign_evidence(chain, record[4], record[2], root) for root in roots]
    return chain.send("WorkDisputes", "proveTwoEvidences", record, roots, signatures, sender=sender)


def discharge(chain: Chain, device: int, sender: str) -> None:
    """Take the bond of a retired device back as soon as nothing can touch it."""
    until = chain.call("DeviceRegistry", "deviceOf", device).until_slot
    close_before(chain, until // EPOCH_SLOTS)
    timing = chain.call("DeviceRegistry", "timingEntry", 0)
    last = timing.from_block + until * timing.slot_blocks - 1
    chain.mine_to(last + timing.attest_blocks + 2 * timing.proof_blocks)
    chain.send("WorkDisputes", "discharge", device, sender=sender)


def test_fail_for_free__after_the_discharge__makes_nobody_pay_more(
    chain: Chain, provider: str, other_provider: str, stranger: str
) -> None:
    stake_as(chain, provider, BOND)
    stake_as(chain, other_provider, BOND)
    mine_to_slot(chain, WINDOW_SLOT - 1, 2)
    device = register_as(chain, other_provider)
    chain.send("DeviceRegistry", "retire", device, sender=other_provider)
    mine_to_slot(chain, WINDOW_SLOT)
    free = commit(chain, other_provider, device, WINDOW_SLOT)
    discharge(chain, device, stranger)
    assert stake_of(chain, other_provider).locked == 0

    honest = register_as(chain, provider)
    slot = (current_epoch(chain) + 1) * EPOCH_SLOTS
    mine_to_slot(chain, slot)
    mistake = commit(chain, provider, honest, slot)
    with moving(chain):
        sent = contradict(chain, free, stranger)
    assert sent.event("FaultProven")["amount"] == 0
    assert sent.all("FaultsCorrelated") == []
    assert chain.call("WorkDisputes", "failedIn", slot // EPOCH_SLOTS) == 0

    with slashing(chain, SHARE, SHARE // 4):
        sent = contradict(chain, mistake, stranger)
    assert sent.event("FaultProven")["amount"] == SHARE
    assert sent.all("FaultsCorrelated") == []


def test_fail_cheaply__with_little_left__makes_others_pay_for_that_little(
    chain: Chain, provider: str, other_provider: str, stranger: str
) -> None:
    """Whoever has already lost most of a bond fails with what is left of it."""
    stake_as(chain, provider, BOND)
    stake_as(chain, other_provider, 3 * BOND)
    cheap, honest = register_as(chain, other_provider), register_as(chain, provider)
    disputes, left = chain.impersonate("WorkDisputes"), TBND
    chain.send("DeviceRegistry", "debit", cheap, BOND - left, sender=disputes)
    mine_to_slot(chain, EPOCH_SLOTS)
    records = [
        commit(chain, other_provider, cheap, EPOCH_SLOTS),
        commit(chain, provider, honest, EPOCH_SLOTS),
    ]
    assert contradict(chain, records[0], stranger).event("FaultProven")["amount"] == left
    assert chain.call("WorkDisputes", "failedIn", 1) == left

    staked = chain.call("ProviderStaking", "totalStaked")
    sent = contradict(chain, records[1], stranger)
    assert sent.event("FaultsCorrelated")["failed"] == left
    assert sent.event("FaultProven")["amount"] == BOND * share_bps(FAULT_BPS, left, staked) // 10_000
