"""`tensorbond.chain.digests` against the contracts that check the signatures."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorbond.chain import digests
from tensorbond.chain.errors import SignatureInvalid
from tensorbond.chain.types import Statement
from tests.acts import domain
from tests.chain import Chain, account

words = st.binary(min_size=32, max_size=32)
numbers = st.integers(0, 2**256 - 1)
statements = st.builds(
    Statement,
    epoch=numbers,
    round=numbers,
    previous_root=words,
    last_block_hash=words,
    root=words,
    total_weight=numbers,
    data_digest=words,
    config_digest=words,
)
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@settings(max_examples=25, deadline=None)
@given(statement=statements)
def test_attestation__any_statement__has_the_contracts_digest(system: Chain, statement: Statement) -> None:
    ours = digests.attestation(domain(system, "Attestations"), statement).digest
    assert ours == system.call("Attestations", "statementDigest", statement)


@settings(max_examples=25, deadline=None)
@given(commitment=words, root=words)
def test_evidence__any_roots__have_the_contracts_digest(
    system: Chain, commitment: bytes, root: bytes
) -> None:
    ours = digests.evidence(domain(system, "Challenges"), commitment, root).digest
    assert ours == system.call("Challenges", "evidenceDigest", commitment, root)


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


@pytest.mark.parametrize("contract", ["Challenges", "Attestations", "ProviderStaking"])
def test_domain__of_each_contract__is_what_it_says_of_itself(chain: Chain, contract: str) -> None:
    _, name, version, chain_id, verifier, _, _ = chain.call(contract, "eip712Domain")
    ours = domain(chain, contract)
    assert (name, version, chain_id, verifier) == (ours.contract, ours.version, ours.chain_id, ours.address)


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
