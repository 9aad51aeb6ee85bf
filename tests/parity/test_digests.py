"""`tensorbond.chain.digests` against the contracts that check the signatures, viem and `cast`."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorbond.chain import digests
from tensorbond.chain.errors import SignatureInvalid
from tests.acts import domain
from tests.anvil import ROOT
from tests.chain import Chain, account
from tests.parity.wallets import KEY, ask_cast, ask_viem, examples
from tests.random_messages import (
    MESSAGES,
    VIEWS,
    digest_of,
    message_of,
    random_message,
    read_told,
    told_of,
)

VECTORS = json.loads((ROOT / "tests" / "vectors" / "messages.json").read_text(encoding="utf-8"))
TOLD = [each["told"] for each in VECTORS]
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@cache
def at_random() -> list[tuple[dict[str, Any], str, str]]:
    """As a wallet is told, the digest and the signature."""
    where, account, found = (
        digests.Domain("Challenges", 10, "0x" + "00" * 19 + "01"),
        Account.from_key(KEY),
        [],
    )
    for seed in range(examples(64)):
        kind, values = random_message(seed)
        signable = message_of(kind, where, values)
        signature = signable.sign(account)
        found.append((told_of(kind, where, values), "0x" + signable.digest.hex(), "0x" + signature.hex()))
    return found


@cache
def viems() -> list[dict[str, str]]:
    """Of the vectors, then of those at random: node takes long to start."""
    return ask_viem([*TOLD, *(told for told, _, _ in at_random())])


def test_vectors__there_are__enough_of_each_kind() -> None:
    kinds = [told["primaryType"] for told in TOLD]
    assert len({each["digest"] for each in VECTORS}) == len(kinds) >= 20
    assert min(kinds.count(kind) for kind in MESSAGES) >= 3


def test_vectors__hashed_by_eth_account__are_theirs() -> None:
    for each in VECTORS:
        signable = message_of(*read_told(each["told"]))
        signature = signable.sign(Account.from_key(KEY))
        assert ("0x" + signable.digest.hex(), "0x" + signature.hex()) == (each["digest"], each["signature"])
        assert signable.signer(signature) == Account.from_key(KEY).address


def test_vectors__hashed_and_signed_by_viem__are_theirs() -> None:
    theirs = [{"digest": each["digest"], "signature": each["signature"]} for each in VECTORS]
    assert viems()[: len(TOLD)] == theirs


def test_vectors__signed_by_cast__are_theirs() -> None:
    assert ask_cast(TOLD) == [each["signature"] for each in VECTORS]


@pytest.mark.parametrize("kind", VIEWS)
def test_vectors__hashed_by_the_contract__are_theirs(chain: Chain, kind: str) -> None:
    """Its code at the vectors' address, on the vectors' chain."""
    contract = VIEWS[kind]
    code = chain.rpc.request("eth_getCode", chain.address[contract], "latest")
    try:
        for each in VECTORS:
            _, where, values = read_told(each["told"])
            if each["told"]["primaryType"] == kind:
                chain.rpc.request("anvil_setCode", where.address, code)
                chain.rpc.request("anvil_setChainId", where.chain_id)
                chain.register(contract, where.address)
                assert "0x" + digest_of(chain, kind, values).hex() == each["digest"]
    finally:
        chain.rpc.request("anvil_setChainId", 31337)


@pytest.mark.parametrize("kind", VIEWS)
@settings(max_examples=examples(25), deadline=None)
@given(seed=st.integers(0, 2**64))
def test_digest__of_any_message__is_the_contracts(system: Chain, kind: str, seed: int) -> None:
    _, values = random_message(seed, kind)
    assert message_of(kind, domain(system, VIEWS[kind]), values).digest == digest_of(system, kind, values)


def test_digest__of_random_messages__is_viems_and_casts() -> None:
    ours = [{"digest": digest, "signature": signature} for _, digest, signature in at_random()]
    assert viems()[len(TOLD) :] == ours
    some = at_random()[: examples(8)]
    assert ask_cast([told for told, _, _ in some]) == [signature for _, _, signature in some]


def test_operator__consent_signed_here__is_taken_by_the_contract(
    chain: Chain, provider: str, operator: str
) -> None:
    nonce = chain.call("ProviderStaking", "nonces", provider)
    signable = digests.operator(domain(chain, "ProviderStaking"), provider, operator, nonce)
    chain.send(
        "ProviderStaking", "setOperator", operator, signable.sign(chain.key(operator)), sender=provider
    )
    assert chain.call("ProviderStaking", "operatorOf", provider) == operator


def test_permit__signed_here__is_taken_by_the_token(chain: Chain, provider: str, stranger: str) -> None:
    name = chain.call("TensorbondToken", "name")
    token = digests.Domain(name, 31337, chain.address["TensorbondToken"])
    deadline = chain.timestamp + 60
    signature = digests.permit(token, provider, stranger, 7, 0, deadline).sign(chain.key(provider))
    chain.send(
        "TensorbondToken",
        "permit",
        provider,
        stranger,
        7,
        deadline,
        signature[64],
        signature[:32],
        signature[32:64],
        sender=stranger,
    )
    assert chain.call("TensorbondToken", "allowance", provider, stranger) == 7


def test_vote__is_another_type_than_a_statement() -> None:
    where = digests.Domain("Attestations", 1, "0x" + "11" * 20)
    kind = keccak(text="Vote(uint256 epoch,uint256 round,bytes32 statementDigest)")
    struct = keccak(encode(["bytes32", "uint256", "uint256", "bytes32"], [kind, 5, 2, b"\x07" * 32]))
    name = keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    types = ["bytes32", "bytes32", "bytes32", "uint256", "address"]
    separator = keccak(encode(types, [name, keccak(text="Attestations"), keccak(text="1"), 1, where.address]))
    assert digests.vote(where, 5, 2, b"\x07" * 32).digest == keccak(b"\x19\x01" + separator + struct)


def test_signer__what_was_signed__is_the_signers_address() -> None:
    where = digests.Domain("Challenges", 1, "0x" + "11" * 20)
    signable = digests.evidence(where, b"\x01" * 32, b"\x02" * 32)
    assert signable.signer(signable.sign(account(3))) == account(3).address
    other = digests.evidence(where, b"\x01" * 32, b"\x03" * 32)
    assert other.signer(signable.sign(account(3))) != account(3).address


def test_signer__what_the_contracts_refuse__is_refused_here_too() -> None:
    signable = digests.evidence(digests.Domain("Challenges", 1, "0x" + "11" * 20), b"\x01" * 32, b"\x02" * 32)
    good = signable.sign(account(3))
    s = int.from_bytes(good[32:64], "big")
    high = good[:32] + (ORDER - s).to_bytes(32, "big") + bytes([55 - good[64]])
    for bad, why in (
        (good[:64], "65 bytes"),
        (good + b"\0", "65 bytes"),
        (b"", "65 bytes"),
        (high, "upper half"),
        (good[:64] + b"\0", "v is 0"),
        (good[:64] + b"\x1d", "v is 29"),
        (bytes(64) + b"\x1b", "nobody"),
        (b"\xff" * 32 + good[32:], "nobody"),
    ):
        with pytest.raises(SignatureInvalid, match=why):
            signable.signer(bad)
