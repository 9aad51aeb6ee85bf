from __future__ import annotations

import pytest

from tensorbond.chain.types import Faults
from tests.acts import commit_as
from tests.chain import Chain, Sent
from tests.work import device_as, first_slot_of

from .slots import mine_before, window_of

pytestmark = pytest.mark.chain

COMMITMENT = bytes.fromhex("c0" * 32)
EPOCH_SLOTS = 4


@pytest.fixture
def device(chain: Chain, provider: str) -> int:
    return device_as(chain, provider)


@pytest.fixture
def slot(chain: Chain, provider: str, device: int) -> int:
    """A slot with a record."""
    slot = first_slot_of(chain, device)
    commit_in(chain, provider, device, slot)
    return slot


def commit_in(chain: Chain, key: str, device: int, slot: int) -> None:
    mine_before(chain, window_of(chain, slot)[0])
    commit_as(chain, key, device, slot, COMMITMENT)


def record_fault(chain: Chain, device: int, slot: int, mark: int = 0) -> Sent:
    """Act as the disputes."""
    args = device, slot, slot // EPOCH_SLOTS, mark
    return chain.send("Challenges", "recordFault", *args, sender=chain.impersonate("WorkDisputes"))


def low_bits(chain: Chain, device: int, slot: int) -> tuple[int, int]:
    """Of the record: the first item's index + 1, and the flags."""
    low = int.from_bytes(chain.call("Challenges", "recordOf", device, slot)[30:], "big")
    return low >> 5, low & 31


def test_record_fault__of_a_committed_slot__marks_it(chain: Chain, device: int, slot: int) -> None:
    record = chain.call("Challenges", "recordOf", device, slot)

    sent = record_fault(chain, device, slot)

    assert sent.event("FaultRecorded") == {"device": device, "slot": slot, "count": 1, "mark": 0}
    assert len(sent.events) == 1
    assert chain.call("Challenges", "recordOf", device, slot) == record[:31] + bytes([3])
    assert chain.call("Challenges", "faultsOf", device) == Faults(slot, True, 1, slot // EPOCH_SLOTS, 0, 0)
    assert chain.call("Challenges", "faultsOf", device + 1) == Faults(0, False, 0, 0, 0, 0)


@pytest.mark.parametrize(("apart", "repeated"), [(32, True), (33, False)])
def test_record_fault__when_simulated__tells_what_it_met(
    chain: Chain, device: int, slot: int, apart: int, repeated: bool
) -> None:
    disputes, epoch = chain.impersonate("WorkDisputes"), slot // EPOCH_SLOTS
    args = "Challenges", "recordFault", device, slot, epoch, 5
    assert chain.call(*args, sender=disputes) == (False, False, 0)
    later = slot + apart * EPOCH_SLOTS
    chain.send("Challenges", "recordMiss", device, later, sender=disputes)
    chain.send("Challenges", "recordFault", device, later, epoch + apart, 0, sender=disputes)
    assert chain.call(*args, sender=disputes) == (False, repeated, 0)
    record_fault(chain, device, slot, 7)
    assert chain.call(*args, sender=disputes) == (True, False, 7)


def test_record_fault__two_items__remembers_the_first_and_that_there_were_two(
    chain: Chain, device: int, slot: int
) -> None:
    record_fault(chain, device, slot, 1024)
    assert low_bits(chain, device, slot) == (1024, 3)
    faults = chain.call("Challenges", "faultsOf", device)

    sent = record_fault(chain, device, slot, 1)

    assert sent.event("FaultRecorded") == {"device": device, "slot": slot, "count": 1, "mark": 1}
    assert low_bits(chain, device, slot) == (1024, 11)
    assert chain.call("Challenges", "faultsOf", device) == faults


@pytest.mark.parametrize(("told", "mark"), [([5], 5), ([5], 0), ([5, 6], 6), ([5, 6], 7), ([0, 5, 6], 0)])
def test_record_fault__nothing_new__reverts(
    chain: Chain, device: int, slot: int, told: list[int], mark: int
) -> None:
    for each in told:
        record_fault(chain, device, slot, each)
    with chain.reverts("FaultedAlready", device=device, slot=slot):
        record_fault(chain, device, slot, mark)


def test_record_fault__twice__reverts(chain: Chain, device: int, slot: int) -> None:
    record_fault(chain, device, slot)
    faults = chain.call("Challenges", "faultsOf", device)
    with chain.reverts("FaultedAlready", device=device, slot=slot):
        record_fault(chain, device, slot)
    assert chain.call("Challenges", "faultsOf", device) == faults


def test_record_fault__without_a_record__reverts(chain: Chain, device: int, slot: int) -> None:
    with chain.reverts("RecordMissing", device=device, slot=slot + 1):
        record_fault(chain, device, slot + 1)


def test_record_fault__of_a_missed_slot__marks_the_sentinel(chain: Chain, device: int, slot: int) -> None:
    chain.send("Challenges", "recordMiss", device, slot + 1, sender=chain.impersonate("WorkDisputes"))
    record_fault(chain, device, slot + 1)
    assert chain.call("Challenges", "recordOf", device, slot + 1) == bytes(31) + bytes([6])


@pytest.mark.parametrize("newest_first", [False, True])
def test_record_fault__in_any_order__keeps_the_earliest_slot_and_the_last_epoch(
    chain: Chain, provider: str, device: int, slot: int, newest_first: bool
) -> None:
    later = slot + EPOCH_SLOTS
    commit_in(chain, provider, device, later)
    for each in (later, slot) if newest_first else (slot, later):
        sent = record_fault(chain, device, each)
    assert sent.event("FaultRecorded")["count"] == 2
    assert chain.call("Challenges", "faultsOf", device) == Faults(slot, True, 2, later // EPOCH_SLOTS, 0, 0)


@pytest.mark.parametrize("account", ["stranger", "provider", "governor"])
def test_record_fault__by_anyone_else__reverts(
    chain: Chain, device: int, slot: int, account: str, request: pytest.FixtureRequest
) -> None:
    account = request.getfixturevalue(account)
    with chain.reverts("WorkDisputesOnly", account=account):
        chain.send("Challenges", "recordFault", device, slot, slot // EPOCH_SLOTS, 0, sender=account)
