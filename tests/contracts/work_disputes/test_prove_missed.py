from __future__ import annotations

import pytest

from tensorbond.chain.slots import epoch_of, first_slot
from tensorbond.chain.types import SlashReason
from tensorbond.proof import is_memory_slot, is_roll_call
from tests.acts import (
    TBND,
    ZERO_ADDRESS,
    commit_as,
    mine_to_slot,
    mine_to_slot_with,
    set_operator_as,
)
from tests.chain import Chain, Sent
from tests.contracts.provider_staking.staking import moving
from tests.memory_work import memory_device_as
from tests.work import BOND, drawn_slot_of, first_slot_of, seal

from ..challenges.slots import mine_before, start_of, window_of
from .faults import slashing

pytestmark = pytest.mark.chain

PENALTY = TBND // 10
REWARD = PENALTY // 4
SHARE = BOND * 3_000 // 10_000
MISS_LIMIT = 8
ROLL_CALL = 64


@pytest.fixture
def slot(chain: Chain, device: int) -> int:
    """A sealed slot that drew the device; its commit window is over with the next transaction."""
    slot = drawn_slot_of(chain, device)
    mine_before(chain, window_of(chain, slot)[1] + 1)
    return slot


def record_others(chain: Chain, device: int, slot: int, number: int) -> None:
    """Misses of other slots, the first of them in the slot's epoch: where the window begins."""
    entry = chain.call("DeviceRegistry", "timingAt", slot)
    first = first_slot(entry, epoch_of(entry, slot))
    others = [other for other in range(first, first + number + 1) if other != slot][:number]
    disputes = chain.impersonate("WorkDisputes")
    for other in others:
        chain.send("Challenges", "recordMiss", device, other, sender=disputes)


def prove(chain: Chain, device: int, slot: int, sender: str) -> Sent:
    return chain.send("WorkDisputes", "proveMissed", device, slot, sender=sender)


def test_prove_missed__no_record__costs_the_fixed_sum(
    chain: Chain, provider: str, stranger: str, device: int, slot: int
) -> None:
    with slashing(chain, PENALTY, REWARD):
        sent = prove(chain, device, slot, stranger)

    assert sent.event("MissProven") == {
        "device": device,
        "slot": slot,
        "challenger": stranger,
        "amount": PENALTY,
        "misses": 1,
    }
    assert sent.event("MissRecorded") == {"device": device, "slot": slot, "misses": 1}
    assert sent.event("BondDebited") == {"device": device, "amount": PENALTY, "bond": BOND - PENALTY}
    slashed = sent.event("StakeSlashed")
    assert (slashed["provider"], slashed["challenger"], slashed["victim"]) == (
        provider,
        stranger,
        ZERO_ADDRESS,
    )
    assert slashed["reason"] == SlashReason.MISSED_SLOT
    assert slashed["evidence"] == chain.call("Challenges", "beaconOf", slot)
    assert slashed["burned"] == PENALTY - REWARD
    # It goes on being drawn: a miss is no fault.
    assert chain.call("DeviceRegistry", "deviceOf", device).until_slot == 2**32 - 1
    assert not chain.call("Challenges", "faultsOf", device).faulted


def test_prove_missed__when_simulated__returns_the_amount(
    chain: Chain, stranger: str, device: int, slot: int
) -> None:
    chain.mine()
    assert chain.call("WorkDisputes", "proveMissed", device, slot, sender=stranger) == PENALTY


def test_prove_missed__window_open__reverts(chain: Chain, stranger: str, device: int) -> None:
    slot = drawn_slot_of(chain, device)
    last = window_of(chain, slot)[1]
    mine_before(chain, last)
    with chain.reverts("WindowOpen", slot=slot, blockNumber=last, lastBlock=last):
        prove(chain, device, slot, stranger)
    prove(chain, device, slot, stranger)


def test_prove_missed__committed__reverts(chain: Chain, provider: str, stranger: str, device: int) -> None:
    slot = drawn_slot_of(chain, device)
    commit_as(chain, provider, device, slot, bytes.fromhex("c0" * 32))
    mine_before(chain, window_of(chain, slot)[1] + 1)
    with moving(chain), chain.reverts("CommittedAlready", device=device, slot=slot):
        prove(chain, device, slot, stranger)


def test_prove_missed__twice__reverts(
    chain: Chain, stranger: str, auditor: str, device: int, slot: int
) -> None:
    prove(chain, device, slot, stranger)
    with moving(chain), chain.reverts("CommittedAlready", device=device, slot=slot):
        prove(chain, device, slot, auditor)


def test_prove_missed__not_drawn__reverts(chain: Chain, stranger: str, device: int) -> None:
    slot = first_slot_of(chain, device)
    while True:
        mine_before(chain, window_of(chain, slot)[1] + 1)
        seal(chain, slot)
        if not chain.call("Challenges", "isDrawn", device, slot):
            break
        slot += 1
    with moving(chain), chain.reverts("NotDrawn", device=device, slot=slot):
        prove(chain, device, slot, stranger)


@pytest.mark.parametrize("held", [False, True], ids=["free", "held"])
def test_prove_missed__memory_slot__costs_the_fixed_sum_unless_held(
    chain: Chain, provider: str, stranger: str, held: bool
) -> None:
    """A job has the memory that the M-phase would take."""
    device = memory_device_as(chain, provider)
    slot = first_slot_of(chain, device) + 1
    mine_to_slot(chain, slot - 1)
    if held:
        chain.send("DeviceRegistry", "hold", device, 0, sender=chain.impersonate("JobEscrow"))
    mine_to_slot_with(chain, slot, lambda beacon: is_memory_slot(beacon) and is_roll_call(beacon, ROLL_CALL))
    seal(chain, slot)
    mine_before(chain, window_of(chain, slot)[1] + 1)

    if held:
        with moving(chain), chain.reverts("NotDrawn", device=device, slot=slot):
            prove(chain, device, slot, stranger)
        return
    with slashing(chain, PENALTY, REWARD):
        sent = prove(chain, device, slot, stranger)
    assert sent.event("MissProven") == {
        "device": device,
        "slot": slot,
        "challenger": stranger,
        "amount": PENALTY,
        "misses": 1,
    }


def test_prove_missed__slot_unsealed__reverts(chain: Chain, stranger: str, device: int) -> None:
    slot = first_slot_of(chain, device)
    mine_before(chain, start_of(chain, slot + 1))
    with chain.reverts("SlotNotSealed", slot=slot):
        prove(chain, device, slot, stranger)


def test_prove_missed__before_the_device_was_active__reverts(
    chain: Chain, stranger: str, device: int
) -> None:
    slot = first_slot_of(chain, device) - 1
    mine_before(chain, start_of(chain, slot + 1))
    seal(chain, slot)
    with chain.reverts("NotDrawn", device=device, slot=slot):
        prove(chain, device, slot, stranger)


@pytest.mark.parametrize("account", ["provider", "operator"])
def test_prove_missed__by_the_provider_or_its_operator__reverts(
    chain: Chain, provider: str, operator: str, device: int, account: str
) -> None:
    set_operator_as(chain, provider, operator)
    slot = drawn_slot_of(chain, device)
    mine_before(chain, window_of(chain, slot)[1] + 1)
    sender = provider if account == "provider" else operator
    with chain.reverts("ChallengerIsAccused", challenger=sender):
        prove(chain, device, slot, sender)


def test_prove_missed__for_the_last_time_in_a_window__costs_a_share(
    chain: Chain, provider: str, stranger: str, device: int, slot: int
) -> None:
    record_others(chain, device, slot, MISS_LIMIT - 1)
    with moving(
        chain,
        total=-SHARE,
        held=-SHARE,
        supply=SHARE // 4 - SHARE,
        provider_active=-SHARE,
        provider_locked=-SHARE,
        stranger_balance=SHARE // 4,
    ):
        sent = prove(chain, device, slot, stranger)
    assert sent.event("MissProven")["misses"] == MISS_LIMIT
    assert sent.event("MissProven")["amount"] == SHARE
    assert sent.event("StakeSlashed")["reason"] == SlashReason.MISSED_OFTEN
    assert sent.event("FaultRecorded") == {"device": device, "slot": slot, "count": 1, "mark": 0}
    assert sent.event("DeviceSuspended")["device"] == device
    assert chain.call("Challenges", "recordOf", device, slot) == bytes(31) + bytes([6])


@pytest.mark.parametrize("others", [MISS_LIMIT - 2, MISS_LIMIT])
def test_prove_missed__one_before_or_after_the_limit__costs_the_fixed_sum(
    chain: Chain, stranger: str, device: int, slot: int, others: int
) -> None:
    record_others(chain, device, slot, others)
    sent = prove(chain, device, slot, stranger)
    assert (sent.event("MissProven")["misses"], sent.event("MissProven")["amount"]) == (others + 1, PENALTY)
    assert not sent.all("FaultRecorded")


def test_prove_missed__less_bond_left_than_the_sum__takes_what_is_left(
    chain: Chain, provider: str, stranger: str, device: int, slot: int
) -> None:
    left = PENALTY // 3
    drain(chain, provider, device, BOND - left)
    with moving(
        chain,
        total=-left,
        held=-left,
        supply=left // 4 - left,
        provider_active=-left,
        provider_locked=-left,
        stranger_balance=left // 4,
    ):
        sent = prove(chain, device, slot, stranger)
    assert sent.event("MissProven")["amount"] == left
    assert chain.call("DeviceRegistry", "bondOf", device) == 0


def test_prove_missed__no_bond_left__only_marks_the_slot(
    chain: Chain, provider: str, stranger: str, device: int, slot: int
) -> None:
    drain(chain, provider, device, BOND)
    with moving(chain):
        sent = prove(chain, device, slot, stranger)
    assert [event.name for event in sent.events] == ["MissRecorded", "MissProven"]
    assert sent.event("MissProven")["amount"] == 0


def drain(chain: Chain, provider: str, device: int, amount: int) -> None:
    """Take part of the bond, acting as the disputes."""
    disputes = chain.impersonate("WorkDisputes")
    reason = SlashReason.BAD_ITEM
    arguments = (provider, amount, ZERO_ADDRESS, 0, ZERO_ADDRESS, 0, reason, bytes(32))
    chain.send("ProviderStaking", "slash", *arguments, sender=disputes)
    chain.send("DeviceRegistry", "debit", device, amount, sender=disputes)
