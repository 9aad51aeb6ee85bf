"""EIP-712: what is signed under which contract's domain, and who signed it.

A domain is the verifying contract's Solidity name, version "1", the chain and its address. A signature is 65
bytes r ‖ s ‖ v with the low s and v of 27 or 28, as OpenZeppelin's ECDSA takes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from tensorbond.chain.abi import snake
from tensorbond.chain.errors import SignatureInvalid
from tensorbond.chain.types import Statement

_TYPES: dict[str, list[tuple[str, str]]] = {
    "Evidence": [("bytes32", "commitment"), ("bytes32", "evidenceRoot")],
    "Operator": [("address", "provider"), ("address", "operator"), ("uint256", "nonce")],
    "Attestation": [
        ("uint256", "epoch"),
        ("uint256", "round"),
        ("bytes32", "previousRoot"),
        ("bytes32", "lastBlockHash"),
        ("bytes32", "root"),
        ("uint256", "totalWeight"),
        ("bytes32", "dataDigest"),
        ("bytes32", "configDigest"),
    ],
    "Approval": [("uint256", "job"), ("bytes32", "terms"), ("bytes32", "result")],
    "Vote": [("uint256", "epoch"), ("uint256", "round"), ("bytes32", "statementDigest")],
    "Verdict": [
        ("uint256", "job"),
        ("bytes32", "state"),
        ("bool", "forProvider"),
        ("bytes32", "configDigest"),
    ],
    "Voucher": [("uint256", "lease"), ("uint256", "amount")],
    "Permit": [
        ("address", "owner"),
        ("address", "spender"),
        ("uint256", "value"),
        ("uint256", "nonce"),
        ("uint256", "deadline"),
    ],
}

_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


@dataclass(frozen=True)
class Domain:
    """Whose signatures: `contract` is "Challenges", "Attestations", "ProviderStaking", "OracleArbiter" or a
    token's name."""

    contract: str
    chain_id: int
    address: str
    version: str = "1"


@dataclass(frozen=True)
class Signable:
    """Typed data, ready to be signed or checked."""

    message: SignableMessage

    @property
    def digest(self) -> bytes:
        return keccak(b"\x19" + self.message.version + self.message.header + self.message.body)

    def sign(self, account: LocalAccount) -> bytes:
        """65 bytes r ‖ s ‖ v."""
        return bytes(account.sign_message(self.message).signature)

    def signer(self, signature: bytes) -> str:
        """The address that signed. Raises `SignatureInvalid` for what the contracts would refuse too."""
        if len(signature) != 65:
            raise SignatureInvalid(f"a signature has 65 bytes, not {len(signature)}")
        if int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
            raise SignatureInvalid("the signature's s is in the upper half")
        if signature[64] not in (27, 28):
            raise SignatureInvalid(f"the signature's v is {signature[64]}, not 27 or 28")
        try:
            return str(Account.recover_message(self.message, signature=signature))
        except (BadSignature, ValidationError, ValueError) as error:
            raise SignatureInvalid("nobody can have signed this") from error


def evidence(domain: Domain, commitment: bytes, evidence_root: bytes) -> Signable:
    """What a committing key signs of its evidence. Domain: Challenges."""
    return _signable(domain, "Evidence", {"commitment": commitment, "evidenceRoot": evidence_root})


def operator(domain: Domain, provider: str, operator: str, nonce: int) -> Signable:
    """What a key signs to become a provider's operator. Domain: ProviderStaking."""
    return _signable(domain, "Operator", {"provider": provider, "operator": operator, "nonce": nonce})


def attestation(domain: Domain, statement: Statement) -> Signable:
    """What a quorum of oracles signs of an epoch. Domain: Attestations."""
    values = {name: getattr(statement, snake(name)) for _, name in _TYPES["Attestation"]}
    assert len(values) == len(fields(Statement))
    return _signable(domain, "Attestation", values)


def approval(domain: Domain, job: int, terms: bytes, result: bytes) -> Signable:
    """What a requester signs to have a submitted job paid; `terms` is its `terms_hash`. Domain: JobEscrow."""
    return _signable(domain, "Approval", {"job": job, "terms": terms, "result": result})


def vote(domain: Domain, epoch: int, round: int, statement_digest: bytes) -> Signable:
    """What an oracle tells its peers before signing; it binds nobody. Domain: Attestations."""
    return _signable(domain, "Vote", {"epoch": epoch, "round": round, "statementDigest": statement_digest})


def verdict(domain: Domain, job: int, state: bytes, for_provider: bool, config_digest: bytes) -> Signable:
    """What a quorum of oracles signs of a disputed job; `state` is its hash in the escrow. Domain:
    OracleArbiter."""
    message = {"job": job, "state": state, "forProvider": for_provider, "configDigest": config_digest}
    return _signable(domain, "Verdict", message)


def voucher(domain: Domain, lease: int, amount: int) -> Signable:
    """What a lease's requester signs: that so much of its money was earned in all. Domain: LeaseEscrow."""
    return _signable(domain, "Voucher", {"lease": lease, "amount": amount})


def permit(domain: Domain, owner: str, spender: str, value: int, nonce: int, deadline: int) -> Signable:
    """ERC-2612. Domain: the token's own name. `deadline` is a timestamp."""
    message = {"owner": owner, "spender": spender, "value": value, "nonce": nonce, "deadline": deadline}
    return _signable(domain, "Permit", message)


def _signable(domain: Domain, kind: str, message: Mapping[str, Any]) -> Signable:
    return Signable(
        encode_typed_data(
            {
                "name": domain.contract,
                "version": domain.version,
                "chainId": domain.chain_id,
                "verifyingContract": domain.address,
            },
            {kind: [{"name": name, "type": solidity} for solidity, name in _TYPES[kind]]},
            dict(message),
        )
    )
