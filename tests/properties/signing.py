"""EIP-712 signatures, quickly: a play makes thousands."""

from __future__ import annotations

from functools import cache
from typing import Any

from eth_keys.datatypes import PrivateKey
from eth_utils.crypto import keccak

from tests.words import words

CHAIN_ID = 31337

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_NONCE = 0xC0FFEE
_POINT = PrivateKey(_NONCE.to_bytes(32, "big")).public_key.to_bytes()
_R, _ODD = int.from_bytes(_POINT[:32], "big"), _POINT[63] & 1
_INVERSE = pow(_NONCE, -1, _ORDER)


def sign(key: bytes, digest: bytes) -> bytes:
    """65 bytes r ‖ s ‖ v, always with the same nonce: fast, and these keys have nothing to lose."""
    s = _INVERSE * (int.from_bytes(digest, "big") + _R * int.from_bytes(key, "big")) % _ORDER
    odd = _ODD
    if s > _ORDER // 2:
        s, odd = _ORDER - s, odd ^ 1
    return _R.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + odd])


@cache
def domain(name: str, address: str) -> bytes:
    kind = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    return keccak(words(kind, keccak(name.encode()), keccak(b"1"), CHAIN_ID, address))


def typed(domain: bytes, kind: str, values: list[Any]) -> bytes:
    """The digest of a struct without members of any length."""
    return digest_of(domain, keccak(words(keccak(kind.encode()), *values)))


def digest_of(domain: bytes, content: bytes) -> bytes:
    return keccak(b"\x19\x01" + domain + content)


STATEMENT = (
    "Attestation(uint256 epoch,uint256 round,bytes32 previousRoot,bytes32 lastBlockHash,bytes32 root,"
    "uint256 totalWeight,bytes32 dataDigest,bytes32 configDigest)"
)
