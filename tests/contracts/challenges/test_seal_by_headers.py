from __future__ import annotations

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from tests.chain import Chain
from tests.headers import headers_of

from .slots import HASH_BLOCKS, forget_history, mine_out_of_reach, start_of

pytestmark = pytest.mark.chain


@pytest.fixture
def start(chain: Chain, slot: int) -> int:
    """The slot's first block, mined, its hash out of reach, as those of the next four."""
    start = start_of(chain, slot)
    forget_history(chain)
    mine_out_of_reach(chain, start + 4)
    return start


def test_seal_by_headers__up_to_a_block_in_reach__keeps_the_lost_hash(
    chain: Chain, stranger: str, slot: int, start: int
) -> None:
    known = chain.block_number + 1 - HASH_BLOCKS
    headers = headers_of(chain, range(start, known + 1))

    sent = chain.send("Challenges", "sealByHeaders", slot, headers, known, sender=stranger)

    assert sent.event("SlotSealed") == {"slot": slot, "beacon": chain.block_hash(start)}
    assert len(sent.events) == 1
    assert chain.call("Challenges", "beaconOf", slot) == chain.block_hash(start)


def test_seal_by_headers__up_to_a_sealed_slot__keeps_the_lost_hash(
    chain: Chain, stranger: str, slot: int
) -> None:
    known = start_of(chain, slot + 1)
    chain.mine_to(known)
    chain.send("Challenges", "seal", slot + 1, sender=stranger)
    forget_history(chain)
    mine_out_of_reach(chain, known)
    start = start_of(chain, slot)
    headers = headers_of(chain, range(start, known + 1))

    sent = chain.send("Challenges", "sealByHeaders", slot, headers, known, sender=stranger)

    assert sent.event("SlotSealed")["beacon"] == chain.block_hash(start)


def test_seal_by_headers__up_to_a_sealed_slot_before_a_change_of_timing__keeps_the_lost_hash(
    chain: Chain, stranger: str, governor: str, slot: int
) -> None:
    known = start_of(chain, slot + 1)
    later = replace(chain.call("DeviceRegistry", "timingEntry", 0), from_epoch=1_000)
    chain.send("DeviceRegistry", "schedule", later, sender=governor)
    chain.mine_to(known)
    chain.send("Challenges", "seal", slot + 1, sender=stranger)
    forget_history(chain)
    mine_out_of_reach(chain, known)
    start = start_of(chain, slot)
    headers = headers_of(chain, range(start, known + 1))

    sent = chain.send("Challenges", "sealByHeaders", slot, headers, known, sender=stranger)

    assert sent.event("SlotSealed")["beacon"] == chain.block_hash(start)


def test_seal_by_headers__one_header_whose_hash_is_known__keeps_it(
    chain: Chain, stranger: str, slot: int
) -> None:
    start = start_of(chain, slot)
    chain.mine_to(start + 1)
    sent = chain.send("Challenges", "sealByHeaders", slot, headers_of(chain, [start]), start, sender=stranger)
    assert sent.event("SlotSealed")["beacon"] == chain.block_hash(start)


def test_seal_by_headers__sealed_before__reverts(chain: Chain, stranger: str, slot: int) -> None:
    start = start_of(chain, slot)
    chain.mine_to(start + 1)
    chain.send("Challenges", "seal", slot, sender=stranger)
    with chain.reverts("SlotSealedAlready", slot=slot):
        chain.send("Challenges", "sealByHeaders", slot, headers_of(chain, [start]), start, sender=stranger)


def test_seal_by_headers__slot_not_started__reverts(chain: Chain, stranger: str, slot: int) -> None:
    head = chain.block_number
    start = start_of(chain, slot + 1)
    with chain.reverts("SlotNotStarted", slot=slot + 1, startBlock=start, blockNumber=head + 1):
        chain.send("Challenges", "sealByHeaders", slot + 1, headers_of(chain, [head]), head, sender=stranger)


def test_seal_by_headers__known_block_out_of_reach__reverts(
    chain: Chain, stranger: str, slot: int, start: int
) -> None:
    known = chain.block_number - HASH_BLOCKS
    headers = headers_of(chain, range(start, known + 1))
    with chain.reverts("BlockHashUnavailable", blockNumber=known):
        chain.send("Challenges", "sealByHeaders", slot, headers, known, sender=stranger)


def test_seal_by_headers__known_block_is_not_the_first_of_a_sealed_slot__reverts(
    chain: Chain, stranger: str, slot: int
) -> None:
    chain.mine_to(start_of(chain, slot + 1))
    chain.send("Challenges", "seal", slot + 1, sender=stranger)
    start, known = start_of(chain, slot), start_of(chain, slot + 1) + 1
    forget_history(chain)
    mine_out_of_reach(chain, known)
    with chain.reverts("BlockHashUnavailable", blockNumber=known):
        chain.send(
            "Challenges",
            "sealByHeaders",
            slot,
            headers_of(chain, range(start, known + 1)),
            known,
            sender=stranger,
        )


def test_seal_by_headers__known_block_in_the_future__reverts(chain: Chain, stranger: str, slot: int) -> None:
    start = start_of(chain, slot)
    chain.mine_to(start + 1)
    known = chain.block_number + 2
    headers = headers_of(chain, range(start, known - 1)) * 2
    with chain.reverts("BlockHashUnavailable", blockNumber=known):
        chain.send("Challenges", "sealByHeaders", slot, headers[: known - start + 1], known, sender=stranger)


@pytest.mark.parametrize("change", ["none", "first left out", "last left out", "one too many"])
def test_seal_by_headers__other_number_of_headers__reverts(
    chain: Chain, stranger: str, slot: int, start: int, change: str
) -> None:
    known = chain.block_number + 1 - HASH_BLOCKS
    headers = headers_of(chain, range(start, known + 1))
    headers = {
        "none": [],
        "first left out": headers[1:],
        "last left out": headers[:-1],
        "one too many": [*headers_of(chain, [start - 1]), *headers],
    }[change]
    with chain.reverts("HeaderMalformed", index=len(headers)):
        chain.send("Challenges", "sealByHeaders", slot, headers, known, sender=stranger)


def test_seal_by_headers__known_block_before_the_slot__reverts(
    chain: Chain, stranger: str, slot: int
) -> None:
    start = start_of(chain, slot)
    chain.mine_to(start + 1)
    headers = headers_of(chain, [start - 1])
    with chain.reverts("HeaderMalformed", index=1):
        chain.send("Challenges", "sealByHeaders", slot, headers, start - 1, sender=stranger)
    with chain.reverts("HeaderMalformed", index=0):
        chain.send("Challenges", "sealByHeaders", slot, [], start - 1, sender=stranger)


@pytest.mark.parametrize("index", [0, 2, -1])
def test_seal_by_headers__a_header_changed__reverts(
    chain: Chain, stranger: str, slot: int, start: int, index: int
) -> None:
    known = chain.block_number + 1 - HASH_BLOCKS
    headers = headers_of(chain, range(start, known + 1))
    index %= len(headers)
    need = keccak(headers[index])
    # A bit of the state root: the header parses as before.
    headers[index] = headers[index][:100] + bytes([headers[index][100] ^ 1]) + headers[index][101:]
    with chain.reverts("HeaderMismatch", index=index, have=keccak(headers[index]), need=need):
        chain.send("Challenges", "sealByHeaders", slot, headers, known, sender=stranger)


def test_seal_by_headers__headers_of_another_place__reverts(
    chain: Chain, stranger: str, slot: int, start: int
) -> None:
    known = chain.block_number + 1 - HASH_BLOCKS
    headers = headers_of(chain, range(start - 1, known))
    with chain.reverts(
        "HeaderMismatch", index=len(headers) - 1, have=keccak(headers[-1]), need=chain.block_hash(known)
    ):
        chain.send("Challenges", "sealByHeaders", slot, headers, known, sender=stranger)
