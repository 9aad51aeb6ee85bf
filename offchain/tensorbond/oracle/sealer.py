"""Sealing slots that nobody has sealed: no epoch can be judged before all its beacons are on the chain."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from eth_utils.crypto import keccak

from tensorbond.chain import slots
from tensorbond.chain.errors import ContractRefused
from tensorbond.chain.network import BlockRef
from tensorbond.chain.sender import Sender
from tensorbond.chain.types import Timing
from tensorbond.oracle.errors import FactsContradict
from tensorbond.oracle.reader import Turn

log = logging.getLogger(__name__)

SLOTS_AT_ONCE = 64
MAX_HEADERS = 512
"""Of one transaction: about ten thousand gas each."""

_TEXTS = "parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom"
_NUMBERS = "difficulty number gasLimit gasUsed timestamp"
_LATER = "baseFeePerGas withdrawalsRoot blobGasUsed excessBlobGas parentBeaconBlockRoot requestsHash"
_FIELDS = f"{_TEXTS} {_NUMBERS} extraData mixHash nonce {_LATER}".split()
_INTEGERS = {*_NUMBERS.split(), "baseFeePerGas", "blobGasUsed", "excessBlobGas"}


class Sealer:
    """Seals each slot once it is over: until then a commit does it for nothing."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._network = sender.network
        self._sealed: set[int] = set()

    def seal(self, turn: Turn, head: BlockRef, delay: Callable[[int], int]) -> None:
        """Seal what is unsealed from the turn's epoch on, `delay(slot)` blocks after the slot's end."""
        now: Timing = self._network.call("DeviceRegistry", "timingNow", block=head)
        first = slots.first_slot(turn.timing, turn.epoch)
        self._sealed = {slot for slot in self._sealed if slot >= first}
        begun = range(first, slots.slot_at(now, head.number) + 1)
        wanted = [slot for slot in begun if slot not in self._sealed][:SLOTS_AT_ONCE]
        beacons = self._network.calls([("Challenges", "beaconOf", slot) for slot in wanted], head)
        self._sealed |= {slot for slot, beacon in zip(wanted, beacons, strict=True) if any(beacon)}
        for slot in reversed(wanted):  # a sealed slot's hash vouches for the headers before it
            if slot not in self._sealed and head.number >= self._end(slot) - 1 + delay(slot):
                self._seal_one(slot)

    def forget(self) -> None:
        """Look again at every slot: the chain may have left a block that sealed one."""
        self._sealed.clear()

    def _seal_one(self, slot: int) -> None:
        try:
            self._sender.send("Challenges", "seal", slot)
            log.info("slot %d sealed", slot)
        except ContractRefused as error:
            if error.error_name == "BlockHashUnavailable":
                self._seal_by_headers(slot)
            elif error.error_name != "SlotSealedAlready":
                log.warning("slot %d can't be sealed: %s", slot, error)

    def _seal_by_headers(self, slot: int) -> None:
        """From the slot's first block to the next slot's, which is sealed already."""
        end = self._end(slot)
        numbers = range(self._start(slot), end + 1)
        if slot + 1 not in self._sealed and not any(self._network.call("Challenges", "beaconOf", slot + 1)):
            log.warning("slot %d is too old to be sealed before slot %d is", slot, slot + 1)
            return
        if len(numbers) > MAX_HEADERS:
            log.error("slot %d would take %d headers to seal, at most %d", slot, len(numbers), MAX_HEADERS)
            return
        blocks = self._network.rpc.batch(
            [("eth_getBlockByNumber", (hex(number), False)) for number in numbers]
        )
        self._sender.send("Challenges", "sealByHeaders", slot, [encode_header(each) for each in blocks], end)
        log.info("slot %d sealed by %d headers", slot, len(numbers))

    def _start(self, slot: int) -> int:
        timing: Timing = self._network.call("DeviceRegistry", "timingAt", slot)
        return slots.start_of(timing, slot)

    def _end(self, slot: int) -> int:
        """The first block of the next slot."""
        return self._start(slot + 1)


def encode_header(block: Mapping[str, Any]) -> bytes:
    """The RLP of a block's header, from what a node tells; raises FactsContradict if it is another's."""
    payload = b""
    for name in _FIELDS:
        if name in block:
            text = block[name][2:]
            raw = bytes.fromhex(text if len(text) % 2 == 0 else "0" + text)
            payload += _rlp_string(raw.lstrip(b"\0") if name in _INTEGERS else raw)
    header = _rlp_prefix(0xC0, payload) + payload
    if keccak(header).hex() != block["hash"][2:]:
        raise FactsContradict(f"block {block['number']} does not hash to {block['hash']}")
    return header


def _rlp_string(raw: bytes) -> bytes:
    return raw if len(raw) == 1 and raw[0] < 0x80 else _rlp_prefix(0x80, raw) + raw


def _rlp_prefix(kind: int, raw: bytes) -> bytes:
    if len(raw) < 56:
        return bytes([kind + len(raw)])
    length = len(raw).to_bytes((len(raw).bit_length() + 7) // 8, "big")
    return bytes([kind + 55 + len(length)]) + length
