"""Messages of any values at all, by their types, as `tensorbond.chain.digests` signs them."""

from __future__ import annotations

from random import Random
from typing import Any

from tensorbond.chain import digests
from tensorbond.chain.abi import snake
from tensorbond.chain.digests import Domain, Signable
from tensorbond.chain.types import Statement
from tests.chain import Chain
from tests.parity.wallets import TYPES
from tests.random_orders import random_value

# By kind: the contract that checks it (of a permit any token), and its view of the digest, where it has one.
MESSAGES: dict[str, tuple[str, str]] = {
    "Evidence": ("Challenges", "evidenceDigest"),
    "Operator": ("ProviderStaking", ""),
    "Attestation": ("Attestations", "statementDigest"),
    "Vote": ("Attestations", ""),
    "Approval": ("JobEscrow", ""),
    "Verdict": ("OracleArbiter", "verdictDigest"),
    "Voucher": ("LeaseEscrow", "voucherDigest"),
    "Permit": ("TensorbondToken", ""),
}
VIEWS = {kind: contract for kind, (contract, view) in MESSAGES.items() if view}


def random_message(seed: int, kind: str | None = None) -> tuple[str, dict[str, Any]]:
    """The kind and the values by the names that Solidity gives them; the same for the same seed."""
    random = Random(seed)
    kind = kind or list(MESSAGES)[seed % len(MESSAGES)]
    return kind, {name: random_value(random, solidity) for solidity, name in TYPES[kind]}


def message_of(kind: str, where: Domain, values: dict[str, Any]) -> Signable:
    """As the package makes it."""
    if kind == "Attestation":
        return digests.attestation(where, Statement(**{snake(name): each for name, each in values.items()}))
    made: Signable = getattr(digests, kind.lower())(where, *values.values())
    return made


def digest_of(chain: Chain, kind: str, values: dict[str, Any]) -> bytes:
    """The contract's, of one of `VIEWS`."""
    arguments = [Statement(*values.values())] if kind == "Attestation" else [*values.values()]
    found: bytes = chain.call(*MESSAGES[kind], *arguments)
    return found


def told_of(kind: str, where: Domain, values: dict[str, Any]) -> dict[str, Any]:
    """As a wallet is told."""
    return {
        "domain": {
            "name": where.contract,
            "version": where.version,
            "chainId": where.chain_id,
            "verifyingContract": where.address,
        },
        "primaryType": kind,
        "message": {name: _shown(value) for name, value in values.items()},
    }


def read_told(told: dict[str, Any]) -> tuple[str, Domain, dict[str, Any]]:
    """The kind, the domain and the values of what `told_of` made."""
    given, kind = told["domain"], told["primaryType"]
    where = Domain(given["name"], given["chainId"], given["verifyingContract"], given["version"])
    values = {name: _read(solidity, told["message"][name]) for solidity, name in TYPES[kind]}
    return kind, where, values


def _shown(value: Any) -> Any:
    if isinstance(value, bool | str):
        return value
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _read(solidity: str, value: Any) -> Any:
    if solidity == "bytes32":
        return bytes.fromhex(value[2:])
    return int(value) if solidity.startswith("uint") else value
