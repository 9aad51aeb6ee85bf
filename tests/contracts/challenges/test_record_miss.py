from __future__ import annotations

import pytest

from tensorbond.chain.types import Faults
from tests.chain import Chain, Sent

from .test_record_fault import COMMITMENT, EPOCH_SLOTS, commit_in, device, record_fault, slot

__all__ = ["device", "slot"]

pytestmark = pytest.mark.chain

MISS_EPOCHS = 8


def record_miss(chain: Chain, device: int, slot: int) -> Sent:
    """Act as the disputes."""
    return chain.send("Challenges", "recordMiss", device, slot, sender=chain.impersonate("WorkDisputes"))


def misses_of(chain: Chain, device: int) -> tuple[int, int]:
    faults = chain.call("Challenges", "faultsOf", device)
    return faults.misses, faults.miss_epoch


def test_record_miss__without_a_record__leaves_a_sentinel(chain: Chain, device: int, slot: int) -> None:
    sent = record_miss(chain, device, slot + 1)
    assert sent.event("MissRecorded") == {"device": device, "slot": slot + 1, "misses": 1}
    assert len(sent.events) == 1
    assert chain.call("Challenges", "recordOf", device, slot + 1) == bytes(31) + bytes([4])
    assert chain.call("Challenges", "faultsOf", device) == Faults(
        0, False, 0, 0, 1, (slot + 1) // EPOCH_SLOTS
    )


def test_record_miss__with_a_record__reverts(chain: Chain, device: int, slot: int) -> None:
    with chain.reverts("CommittedAlready", device=device, slot=slot):
        record_miss(chain, device, slot)


def test_record_miss__twice__reverts(chain: Chain, device: int, slot: int) -> None:
    record_miss(chain, device, slot + 1)
    with chain.reverts("CommittedAlready", device=device, slot=slot + 1):
        record_miss(chain, device, slot + 1)
    assert misses_of(chain, device)[0] == 1


def test_record_miss__then_commit__reverts(chain: Chain, provider: str, device: int, slot: int) -> None:
    record_miss(chain, device, slot + 1)
    with chain.reverts("CommittedAlready", device=device, slot=slot + 1):
        commit_in(chain, provider, device, slot + 1)


def test_record_miss__then_require_record__reverts(
    chain: Chain, provider: str, device: int, slot: int
) -> None:
    record_miss(chain, device, slot + 1)
    with chain.reverts("RecordMissing", device=device, slot=slot + 1):
        chain.call("Challenges", "requireRecord", device, slot + 1, COMMITMENT, 0, provider)


def test_record_miss__within_the_window__adds_up(chain: Chain, device: int, slot: int) -> None:
    epoch = (slot + 1) // EPOCH_SLOTS
    last = (epoch + MISS_EPOCHS) * EPOCH_SLOTS - 1
    record_miss(chain, device, slot + 1)
    assert record_miss(chain, device, slot + 2).event("MissRecorded")["misses"] == 2
    assert record_miss(chain, device, last).event("MissRecorded")["misses"] == 3
    assert misses_of(chain, device) == (3, epoch)


def test_record_miss__after_the_window__opens_another(chain: Chain, device: int, slot: int) -> None:
    epoch = (slot + 1) // EPOCH_SLOTS
    record_miss(chain, device, slot + 1)
    record_miss(chain, device, slot + 2)
    after = (epoch + MISS_EPOCHS) * EPOCH_SLOTS
    assert record_miss(chain, device, after).event("MissRecorded")["misses"] == 1
    assert misses_of(chain, device) == (1, epoch + MISS_EPOCHS)


def test_record_miss__of_an_older_epoch__counts_for_nothing(chain: Chain, device: int, slot: int) -> None:
    later = slot + EPOCH_SLOTS
    record_miss(chain, device, later)
    kept = misses_of(chain, device)

    sent = record_miss(chain, device, slot + 1)

    assert sent.event("MissRecorded")["misses"] == 0
    assert misses_of(chain, device) == kept
    assert chain.call("Challenges", "recordOf", device, slot + 1) == bytes(31) + bytes([4])


def test_record_miss__beside_a_fault__leaves_it_alone(chain: Chain, device: int, slot: int) -> None:
    record_fault(chain, device, slot)
    record_miss(chain, device, slot + 1)
    epoch = slot // EPOCH_SLOTS
    assert chain.call("Challenges", "faultsOf", device) == Faults(
        slot, True, 1, epoch, 1, (slot + 1) // EPOCH_SLOTS
    )


def test_record_miss__by_anyone_else__reverts(chain: Chain, stranger: str, device: int, slot: int) -> None:
    with chain.reverts("WorkDisputesOnly", account=stranger):
        chain.send("Challenges", "recordMiss", device, slot + 1, sender=stranger)
