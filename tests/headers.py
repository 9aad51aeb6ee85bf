"""Block headers as RLP, from what a node answers for a block."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import rlp
from eth_utils.crypto import keccak

from tests.chain import Chain

_FIELDS = (
    "parentHash",
    "sha3Uncles",
    "miner",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "mixHash",
    "nonce",
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
)
_INTEGERS = {
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "baseFeePerGas",
    "blobGasUsed",
    "excessBlobGas",
}


def header_fields(block: dict[str, Any]) -> list[bytes]:
    """The fields in the header's order, as the bytes that RLP holds."""
    fields = []
    for name in _FIELDS:
        if name in block:
            digits = block[name][2:]
            if name in _INTEGERS:
                digits = digits.lstrip("0")
                digits = "0" * (len(digits) % 2) + digits
            fields.append(bytes.fromhex(digits))
    return fields


def encode_header(block: dict[str, Any]) -> bytes:
    header = bytes(rlp.encode(header_fields(block)))
    assert keccak(header).hex() == block["hash"][2:]
    return header


def headers_of(chain: Chain, blocks: Iterable[int]) -> list[bytes]:
    return [encode_header(chain.block(number)) for number in blocks]
