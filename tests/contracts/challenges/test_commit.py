from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tests.acts import ZERO_ADDRESS, commit_as, set_operator_as
from tests.chain import Chain
from tests.work import device_as, first_slot_of

from .slots import forget_history, mine_before, start_of, window_of

pytestmark = pytest.mark.chain

COMMITMENT = bytes.fromhex("c0" * 32)


@pytest.fixture
def device(chain: Chain, provider: str) -> int:
    return device_as(chain, provider)


@pytest.fixture
def slot(chain: Chain, device: int) -> int:
    """The first in which the device may be drawn; the next transaction opens its window."""
    slot = first_slot_of(chain, device)
    mine_before(chain, window_of(chain, slot)[0])
    return slot


def record_of(commitment: bytes, timestamp: int, key: str, flags: int = 1) -> bytes:
    return keccak(encode(["bytes32", "uint256", "address"], [commitment, timestamp, key]))[:30] + bytes(
        [0, flags]
    )


def test_commit__by_the_provider_itself__records_and_seals(
    chain: Chain, provider: str, device: int, slot: int
) -> None:
    sent = chain.send("Challenges", "commit", device, slot, COMMITMENT, sender=provider)

    assert sent.event("SlotSealed") == {"slot": slot, "beacon": chain.block_hash(start_of(chain, slot))}
    assert sent.event("Committed") == {
        "device": device,
        "slot": slot,
        "key": provider,
        "commitment": COMMITMENT,
        "timestamp": chain.timestamp,
    }
    assert len(sent.events) == 2
    assert chain.call("Challenges", "recordOf", device, slot) == record_of(
        COMMITMENT, chain.timestamp, provider
    )
    for other in (device + 1, slot), (device, slot + 1), (device, slot - 1):
        assert chain.call("Challenges", "recordOf", *other) == bytes(32)
    assert chain.call("Challenges", "faultsOf", device).earliest_slot == 0


def test_commit__by_the_operator__names_its_key(
    chain: Chain, provider: str, operator: str, device: int, slot: int
) -> None:
    set_operator_as(chain, provider, operator)
    sent = chain.send("Challenges", "commit", device, slot, COMMITMENT, sender=operator)
    assert sent.event("Committed")["key"] == operator
    assert chain.call("Challenges", "recordOf", device, slot) == record_of(
        COMMITMENT, chain.timestamp, operator
    )


def test_commit__slot_sealed_before__does_not_seal_again(
    chain: Chain, provider: str, stranger: str, device: int, slot: int
) -> None:
    chain.send("Challenges", "seal", slot, sender=stranger)
    sent = chain.send("Challenges", "commit", device, slot, COMMITMENT, sender=provider)
    assert [event.name for event in sent.events] == ["Committed"]


def test_commit__second_device_in_the_slot__records_both(
    chain: Chain, provider: str, other_provider: str, device: int
) -> None:
    other = device_as(chain, other_provider)
    slot = max(first_slot_of(chain, device), first_slot_of(chain, other))
    mine_before(chain, window_of(chain, slot)[0])
    chain.send("Challenges", "commit", device, slot, COMMITMENT, sender=provider)
    sent = chain.send("Challenges", "commit", other, slot, COMMITMENT, sender=other_provider)
    assert [event.name for event in sent.events] == ["Committed"]
    assert chain.call("Challenges", "recordOf", other, slot) == record_of(
        COMMITMENT, chain.timestamp, other_provider
    )
    assert chain.call("Challenges", "recordOf", device, slot) != chain.call(
        "Challenges", "recordOf", other, slot
    )


def test_commit__in_one_slot_after_another__records_both(
    chain: Chain, provider: str, device: int, slot: int
) -> None:
    chain.send("Challenges", "commit", device, slot, COMMITMENT, sender=provider)
    mine_before(chain, window_of(chain, slot + 1)[1])
    sent = chain.send("Challenges", "commit", device, slot + 1, COMMITMENT, sender=provider)
    assert sent.event("SlotSealed")["slot"] == slot + 1
    assert chain.call("Challenges", "recordOf", device, slot) != chain.call(
        "Challenges", "recordOf", device, slot + 1
    )


@pytest.mark.parametrize("sealed", [False, True])
def test_commit__in_the_last_block_of_the_window__records(
    chain: Chain, provider: str, stranger: str, device: int, slot: int, sealed: bool
) -> None:
    if sealed:
        chain.send("Challenges", "seal", slot, sender=stranger)
    mine_before(chain, window_of(chain, slot)[1])
    chain.send("Challenges", "commit", device, slot, COMMITMENT, sender=provider)
    assert chain.call("Challenges", "recordOf", device, slot) == record_of(
        COMMITMENT, chain.timestamp, provider
    )


@pytest.mark.parametrize("sealed", [False, True])
def test_commit__after_the_window__reverts(
    chain: Chain, provider: str, stranger: str, device: int, slot: int, sealed: bool
) -> None:
    first, last = window_of(chain, slot)
    if sealed:
        chain.send("Challenges", "seal", slot, sender=stranger)
    mine_before(chain, last + 1)
    with chain.reverts("WindowClosed", slot=slot, blockNumber=last + 1, firstBlock=first, lastBlock=last):
        chain.send("Challenges", "commit", device, slot, COMMITMENT, sender=provider)
    assert chain.call("Challenges", "recordOf", device, slot) == bytes(32)


def test_commit__before_the_window__reverts(chain: Chain, provider: str, device: int, slot: int) -> None:
    first, last = window_of(chain, slot + 1)
    mine_before(chain, first - 1)
    with chain.reverts(
        "WindowClosed", slot=slot + 1, blockNumber=first - 1, firstBlock=first, lastBlock=last
    ):
        chain.send("Challenges", "commit", device, slot + 1, COMMITMENT, sender=provider)


def test_commit__for_a_past_slot_sealed_late__reverts(
    chain: Chain, provider: str, stranger: str, device: int, slot: int
) -> None:
    first, last = window_of(chain, slot)
    mine_before(chain, window_of(chain, slot + 1)[0])
    chain.send("Challenges", "seal", slot, sender=stranger)
    head = chain.block_number
    with chain.reverts("WindowClosed", slot=slot, blockNumber=head + 1, firstBlock=first, lastBlock=last):
        chain.send("Challenges", "commit", device, slot, COMMITMENT, sender=provider)


def test_commit__twice__reverts_and_keeps_the_first(
    chain: Chain, provider: str, device: int, slot: int
) -> None:
    chain.send("Challenges", "commit", device, slot, COMMITMENT, sender=provider)
    record = chain.call("Challenges", "recordOf", device, slot)
    with chain.reverts("CommittedAlready", device=device, slot=slot):
        chain.send("Challenges", "commit", device, slot, bytes.fromhex("c1" * 32), sender=provider)
    assert chain.call("Challenges", "recordOf", device, slot) == record


def test_commit__zero__reverts(chain: Chain, provider: str, device: int, slot: int) -> None:
    with chain.reverts("CommitmentZero"):
        chain.send("Challenges", "commit", device, slot, bytes(32), sender=provider)


@pytest.mark.parametrize("account", ["stranger", "other_provider"])
def test_commit__by_anyone_else__reverts(
    chain: Chain, provider: str, device: int, slot: int, account: str, request: pytest.FixtureRequest
) -> None:
    account = request.getfixturevalue(account)
    with chain.reverts("OperatorOnly", account=account, operator=provider):
        chain.send("Challenges", "commit", device, slot, COMMITMENT, sender=account)


def test_commit__by_the_owner_beside_its_operator__reverts(
    chain: Chain, provider: str, operator: str, device: int, slot: int
) -> None:
    set_operator_as(chain, provider, operator)
    with chain.reverts("OperatorOnly", account=provider, operator=operator):
        chain.send("Challenges", "commit", device, slot, COMMITMENT, sender=provider)


def test_commit__by_a_key_revoked_a_block_ago__reverts(
    chain: Chain, provider: str, operator: str, device: int, slot: int
) -> None:
    set_operator_as(chain, provider, operator)
    chain.send("ProviderStaking", "setOperator", ZERO_ADDRESS, b"", sender=provider)
    with chain.reverts("OperatorOnly", account=operator, operator=provider):
        chain.send("Challenges", "commit", device, slot, COMMITMENT, sender=operator)


def test_commit__before_the_device_is_active__reverts(chain: Chain, provider: str, device: int) -> None:
    slot = first_slot_of(chain, device) - 1
    mine_before(chain, window_of(chain, slot)[0])
    with chain.reverts("DeviceNotActive", device=device, slot=slot):
        chain.send("Challenges", "commit", device, slot, COMMITMENT, sender=provider)


def test_commit__in_the_slot_a_device_ends__reverts(
    chain: Chain, provider: str, device: int, slot: int
) -> None:
    chain.send("DeviceRegistry", "retire", device, sender=provider)
    end = chain.call("DeviceRegistry", "deviceOf", device).until_slot
    mine_before(chain, window_of(chain, end - 1)[0])
    chain.send("Challenges", "commit", device, end - 1, COMMITMENT, sender=provider)
    mine_before(chain, window_of(chain, end)[0])
    with chain.reverts("DeviceNotActive", device=device, slot=end):
        chain.send("Challenges", "commit", device, end, COMMITMENT, sender=provider)


def test_commit__for_an_unknown_device__reverts(chain: Chain, provider: str, device: int, slot: int) -> None:
    with chain.reverts("DeviceUnknown", device=device + 1):
        chain.send("Challenges", "commit", device + 1, slot, COMMITMENT, sender=provider)


@pytest.mark.parametrize("slot_number", [2**32, 2**32 + 3, 2**127])
def test_commit__for_a_slot_beyond_every_slot__reverts(
    chain: Chain, provider: str, device: int, slot: int, slot_number: int
) -> None:
    chain.send("Challenges", "commit", device, slot, COMMITMENT, sender=provider)
    with chain.reverts("SafeCastOverflowedUintDowncast", bits=32, value=slot_number):
        chain.send("Challenges", "commit", device, slot_number, COMMITMENT, sender=provider)
    assert chain.call("Challenges", "recordOf", device, slot_number) == bytes(32)


def test_commit__without_history_contract__seals_by_blockhash(
    chain: Chain, provider: str, device: int, slot: int
) -> None:
    forget_history(chain)
    sent = commit_as(chain, provider, device, slot, COMMITMENT)
    assert sent.event("SlotSealed")["beacon"] == chain.block_hash(start_of(chain, slot))
