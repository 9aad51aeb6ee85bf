"""Orders: what is signed of an ask or a bid, and how an order travels.

An order file is the JSON that wallets sign (`eth_signTypedData_v4`: types, domain, primaryType, message) and
a `signature`. Numbers of more than 32 bits are decimal text: JavaScript's are exact up to 2^53 only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.address import is_checksum_address, is_hex_address, to_checksum_address

from tensorbond.chain import types
from tensorbond.chain.abi import snake
from tensorbond.chain.digests import Domain, Signable
from tensorbond.chain.errors import OrderInvalid
from tensorbond.chain.types import JobAsk, JobBid, LeaseAsk, LeaseBid

AnyAsk = JobAsk | LeaseAsk
AnyBid = JobBid | LeaseBid
AnyOrder = AnyAsk | AnyBid

# The members of every EIP-712 type, as `contracts/libraries/Orders.sol` has them.
MEMBERS = {
    "Order": "address account,address counterparty,address token,uint96 price,uint8 classId,uint16 count,"
    "uint40 expiry,uint64 series,uint64 nonce",
    "JobAsk": "Order order,uint32 device,uint96 collateral,uint32 submitBlocks,uint32 holdBlocks,"
    "address arbiter,bytes32 spec",
    "JobBid": "Order order,address requester,bool whole,uint24 minGops,uint96 minWeight,uint24 sinceEpoch,"
    "uint96 collateral,uint32 submitBlocks,uint32 reviewBlocks,uint32 refundBlocks,uint16 parts,"
    "address callback,address arbiter,bytes32 spec",
    "LeaseAsk": "Order order,uint32 device,uint96 deposit,uint32 notice,uint32 grace,uint32 voucherBlocks",
    "LeaseBid": "Order order,bool whole,uint24 minGops,uint96 minWeight,uint24 sinceEpoch,uint96 deposit,"
    "uint96 cap,uint32 notice,uint32 grace,uint32 voucherBlocks",
}
ORDERS = {"JobAsk": JobAsk, "JobBid": JobBid, "LeaseAsk": LeaseAsk, "LeaseBid": LeaseBid}

NOBODY = "0x" + "00" * 20

_TYPES = {
    name: [dict(zip(("type", "name"), member.split(" "), strict=True)) for member in members.split(",")]
    for name, members in MEMBERS.items()
}
_DOMAIN = ("name", "version", "chainId", "verifyingContract")
_CHAIN_FIELDS = ("string", "string", "uint256", "address")


@dataclass(frozen=True)
class SignedOrder:
    """An ask or a bid, whose order book it is for, and the signature (empty: not yet signed)."""

    order: AnyOrder
    domain: Domain
    signature: bytes = b""

    @property
    def kind(self) -> str:
        return type(self.order).__name__

    @property
    def digest(self) -> bytes:
        return signable(self.domain, self.order).digest

    def sign(self, account: LocalAccount) -> SignedOrder:
        return SignedOrder(self.order, self.domain, signable(self.domain, self.order).sign(account))

    def encode(self) -> str:
        told = typed_data(self.domain, self.order) | {"signature": "0x" + self.signature.hex()}
        return json.dumps(told, indent=2) + "\n"

    @classmethod
    def decode(cls, text: str | bytes) -> SignedOrder:
        """Raises `OrderInvalid` for what no order book takes: other types, or a value out of its range."""
        with _explained():
            told = json.loads(text)
            kind = told["primaryType"]
            if kind not in ORDERS:
                raise OrderInvalid(f"{kind!r} is no order: {', '.join(ORDERS)}")
            if told["types"] != _types_of(kind):
                raise OrderInvalid(f"the types are not those of a {kind}")
            given = told["domain"]
            if given.keys() != set(_DOMAIN):
                raise OrderInvalid(f"the domain has {sorted(given)}, not {sorted(_DOMAIN)}")
            read = [
                _read(solidity, given[name]) for solidity, name in zip(_CHAIN_FIELDS, _DOMAIN, strict=True)
            ]
            domain = Domain(read[0], read[2], read[3], read[1])
            return cls(_struct(kind, told["message"]), domain, _bytes(told["signature"]))


def unfit(ask: AnyAsk, bid: AnyBid) -> str | None:
    """The first field, as the order book names it, in which an ask and a bid don't fit; None: they do.
    Says nothing of signatures, time, what is left of them, or devices."""
    a, b = ask.order, bid.order
    payer = {b.account, getattr(bid, "requester", b.account)}
    checks = {
        "account": a.account not in payer,
        "counterparty": a.counterparty in (NOBODY, b.account) and b.counterparty in (NOBODY, a.account),
        "token": a.token == b.token,
        "classId": a.class_id == b.class_id,
        "price": a.price <= b.price,
    }
    if isinstance(ask, JobAsk) and isinstance(bid, JobBid):
        checks |= {
            "arbiter": ask.arbiter == bid.arbiter,
            "spec": not any(ask.spec) or ask.spec == bid.spec,
            "collateral": ask.collateral >= bid.collateral,
            "submitBlocks": ask.submit_blocks <= bid.submit_blocks,
            "holdBlocks": bid.submit_blocks + bid.refund_blocks <= ask.hold_blocks,
        }
    elif isinstance(ask, LeaseAsk) and isinstance(bid, LeaseBid):
        checks |= {
            "notice": ask.notice == bid.notice,
            "deposit": ask.deposit <= bid.deposit,
            "grace": ask.grace >= bid.grace,
            "voucherBlocks": ask.voucher_blocks >= bid.voucher_blocks,
        }
    else:
        return "kind"
    return next((field for field, fits in checks.items() if not fits), None)


def signable(domain: Domain, order: AnyOrder) -> Signable:
    """What the account signs: of an ask the provider or its operator, of a bid whoever pays. Domain:
    OrderBook."""
    kind = type(order).__name__
    values = {
        "name": domain.contract,
        "version": domain.version,
        "chainId": domain.chain_id,
        "verifyingContract": domain.address,
    }
    members = {name: _TYPES[name] for name in _used(kind)}
    return Signable(encode_typed_data(values, members, _message(kind, order)))


def typed_data(domain: Domain, order: AnyOrder) -> dict[str, Any]:
    """The same as JSON for a wallet."""
    kind = type(order).__name__
    values = (domain.contract, domain.version, domain.chain_id, domain.address)
    return {
        "types": _types_of(kind),
        "domain": dict(zip(_DOMAIN, values, strict=True)),
        "primaryType": kind,
        "message": _shown(_message(kind, order), kind),
    }


def _used(kind: str) -> tuple[str, ...]:
    return ("Order", kind)


def _types_of(kind: str) -> dict[str, Any]:
    domain = [{"name": name, "type": solidity} for solidity, name in zip(_CHAIN_FIELDS, _DOMAIN, strict=True)]
    ours = {
        name: [{"name": each["name"], "type": each["type"]} for each in _TYPES[name]] for name in _used(kind)
    }
    return {"EIP712Domain": domain} | ours


def _message(kind: str, order: Any) -> dict[str, Any]:
    """The struct's values by the names that Solidity gives them."""
    values = {}
    for each, field in zip(_TYPES[kind], fields(order), strict=True):
        assert snake(each["name"]) == field.name
        value = getattr(order, field.name)
        values[each["name"]] = _message(each["type"], value) if each["type"] in _TYPES else value
    return values


def _shown(message: Mapping[str, Any], kind: str) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for each in _TYPES[kind]:
        value, solidity = message[each["name"]], each["type"]
        if solidity in _TYPES:
            shown[each["name"]] = _shown(value, solidity)
        elif isinstance(value, bytes):
            shown[each["name"]] = "0x" + value.hex()
        elif solidity.startswith("uint") and _bits(solidity) > 32:
            shown[each["name"]] = str(value)
        else:
            shown[each["name"]] = value
    return shown


def _struct(kind: str, message: Mapping[str, Any]) -> Any:
    names = [each["name"] for each in _TYPES[kind]]
    if sorted(message) != sorted(names):
        raise OrderInvalid(f"a {kind} has the fields {', '.join(names)}, not {', '.join(message)}")
    values = {snake(each["name"]): _read(each["type"], message[each["name"]]) for each in _TYPES[kind]}
    return getattr(types, kind)(**values)


def _read(solidity: str, value: Any) -> Any:
    if solidity in _TYPES:
        return _struct(solidity, value)
    if solidity == "bool" or solidity == "string":
        expected = bool if solidity == "bool" else str
        if type(value) is not expected:
            raise OrderInvalid(f"{value!r} is not a {solidity}")
        return value
    if solidity == "address":
        digits = str(value).removeprefix("0x")
        mixed = digits not in (digits.lower(), digits.upper())
        if not is_hex_address(value) or digits == value or (mixed and not is_checksum_address(value)):
            raise OrderInvalid(f"{value!r} is not an address")
        return to_checksum_address(value)
    if solidity == "bytes32":
        found = _bytes(value)
        if len(found) != 32:
            raise OrderInvalid(f"{value!r} is not 32 bytes")
        return found
    if isinstance(value, str) and re.fullmatch(r"0|[1-9][0-9]{0,77}", value):
        value = int(value)
    if type(value) is not int or not 0 <= value < 1 << _bits(solidity):
        raise OrderInvalid(f"{value!r} is not a {solidity}")
    return value


def _bits(solidity: str) -> int:
    return int(solidity.removeprefix("uint"))


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str) or not re.fullmatch(r"0x(?:[0-9a-fA-F]{2})*", value):
        raise OrderInvalid(f"{value!r} is not 0x and an even number of hex digits")
    return bytes.fromhex(value[2:])


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise OrderInvalid(f"this is no order file: {error!r}") from error
