from __future__ import annotations

import pytest

from tests.acts import commit_as
from tests.chain import Chain
from tests.work import device_as, first_slot_of

from .slots import (
    HASH_BLOCKS,
    forget_history,
    mine_before,
    mine_out_of_reach,
    start_of,
)

pytestmark = pytest.mark.chain

COMMITMENT = bytes.fromhex("c0" * 32)


def test_seal__by_anyone__keeps_the_hash_of_the_first_block(chain: Chain, stranger: str, slot: int) -> None:
    slot += 1
    mine_before(chain, start_of(chain, slot) + 1)

    sent = chain.send("Challenges", "seal", slot, sender=stranger)

    beacon = chain.block_hash(start_of(chain, slot))
    assert sent.event("SlotSealed") == {"slot": slot, "beacon": beacon}
    assert len(sent.events) == 1
    assert chain.call("Challenges", "beaconOf", slot) == beacon
    assert chain.call("Challenges", "beaconOf", slot - 1) == bytes(32)
    assert chain.call("Challenges", "beaconOf", slot + 1) == bytes(32)


def test_seal__when_simulated__returns_the_beacon(chain: Chain, slot: int) -> None:
    assert chain.call("Challenges", "seal", slot - 1) == chain.block_hash(start_of(chain, slot - 1))


def test_seal__in_the_first_block__reverts(chain: Chain, stranger: str, slot: int) -> None:
    slot += 1
    start = start_of(chain, slot)
    mine_before(chain, start)
    with chain.reverts("SlotNotStarted", slot=slot, startBlock=start, blockNumber=start):
        chain.send("Challenges", "seal", slot, sender=stranger)


def test_seal__sealed_before__reverts(chain: Chain, stranger: str, slot: int) -> None:
    slot -= 1
    beacon = chain.send("Challenges", "seal", slot, sender=stranger).event("SlotSealed")["beacon"]
    with chain.reverts("SlotSealedAlready", slot=slot):
        chain.send("Challenges", "seal", slot, sender=stranger)
    assert chain.call("Challenges", "beaconOf", slot) == beacon


@pytest.mark.parametrize("age", [HASH_BLOCKS, HASH_BLOCKS + 1, 2 * HASH_BLOCKS])
def test_seal__block_in_reach_of_history__keeps_its_hash(
    chain: Chain, stranger: str, slot: int, age: int
) -> None:
    start = start_of(chain, slot)
    mine_before(chain, start + age)
    sent = chain.send("Challenges", "seal", slot, sender=stranger)
    assert sent.event("SlotSealed")["beacon"] == chain.block_hash(start)


def test_seal__no_history_and_block_out_of_reach__reverts(chain: Chain, stranger: str, slot: int) -> None:
    start = start_of(chain, slot)
    forget_history(chain)
    mine_out_of_reach(chain, start)
    with chain.reverts("BlockHashUnavailable", blockNumber=start):
        chain.send("Challenges", "seal", slot, sender=stranger)
    assert chain.call("Challenges", "beaconOf", slot) == bytes(32)
    chain.send("Challenges", "seal", slot + 1, sender=stranger)


@pytest.mark.parametrize("slot", [2**32, 2**64])
def test_seal__beyond_every_slot__reverts(chain: Chain, stranger: str, slot: int) -> None:
    error = {"slot": slot, "startBlock": start_of(chain, slot), "blockNumber": chain.block_number + 1}
    with chain.reverts("SlotNotStarted", **error):
        chain.send("Challenges", "seal", slot, sender=stranger)
    assert chain.call("Challenges", "beaconOf", slot) == bytes(32)


def test_seal__of_a_slot_beyond_every_number__reverts(chain: Chain, stranger: str) -> None:
    slot = 2**255
    with chain.reverts("Panic", code=0x11):
        chain.send("Challenges", "seal", slot, sender=stranger)
    assert chain.call("Challenges", "beaconOf", slot) == bytes(32)


def test_seal__of_an_older_slot__leaves_the_open_window_open(
    chain: Chain, provider: str, stranger: str
) -> None:
    device = device_as(chain, provider)
    slot = first_slot_of(chain, device)
    mine_before(chain, start_of(chain, slot) + 1)
    chain.send("Challenges", "seal", slot, sender=stranger)
    before = chain.snapshot()
    alone = commit_as(chain, provider, device, slot, COMMITMENT)
    chain.revert_to(before)
    chain.send("Challenges", "seal", slot - 1, sender=stranger)
    sent = commit_as(chain, provider, device, slot, COMMITMENT)
    assert [event.name for event in sent.events] == ["Committed"]
    assert sent.gas_used == alone.gas_used
