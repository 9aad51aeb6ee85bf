"""`tensorbond.chain.digests` and the contracts agree on what is signed of any statement."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tensorbond.chain import digests
from tensorbond.chain.types import Statement
from tests.acts import domain
from tests.chain import Chain

pytestmark = pytest.mark.chain

RANDOM = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
uints = st.one_of(st.sampled_from([0, 1, (1 << 256) - 1]), st.integers(0, (1 << 256) - 1))
words = st.one_of(st.just(bytes(32)), st.binary(min_size=32, max_size=32))
statements = st.builds(Statement, uints, uints, words, words, words, uints, words, words)


@RANDOM
@given(statements)
def test_statement__any_values__have_one_digest(chain: Chain, statement: Statement) -> None:
    signable = digests.attestation(domain(chain, "Attestations"), statement)

    assert chain.call("Attestations", "statementDigest", statement) == signable.digest


def test_domain__of_the_attestations__is_what_the_contract_says(chain: Chain) -> None:
    ours = domain(chain, "Attestations")
    kind = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    types = ["bytes32", "bytes32", "bytes32", "uint256", "address"]
    values = [keccak(text=text) for text in (kind, ours.contract, ours.version)]
    separator = keccak(encode(types, [*values, ours.chain_id, ours.address]))

    assert chain.call("Attestations", "domainSeparator") == separator


@RANDOM
@given(statements)
def test_vote__on_any_statement__is_no_signature_of_it(chain: Chain, statement: Statement) -> None:
    ours = domain(chain, "Attestations")
    signed = chain.call("Attestations", "statementDigest", statement)

    assert digests.vote(ours, statement.epoch, statement.round, signed).digest != signed
