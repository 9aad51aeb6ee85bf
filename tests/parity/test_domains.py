"""EIP-712 domains: each contract's, read back by ERC-5267, is the one that this package signs for, and
follows the chain's id."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tensorbond.chain import digests
from tensorbond.chain.digests import Domain
from tensorbond.chain.orders import signable
from tests.acts import domain
from tests.chain import Chain, project_artifacts
from tests.random_messages import MESSAGES, VIEWS, digest_of, message_of, random_message
from tests.random_orders import random_order

TOKENS = ("TensorbondToken", "TestDollar")
SIGNED_FOR = [
    name for name, artifact in project_artifacts().items() if "eip712Domain" in artifact.abi.functions
]
OTHER = 4242


def ours(chain: Chain, contract: str) -> Domain:
    """A token's domain has its own name."""
    where = domain(chain, contract)
    return replace(where, contract=chain.call(contract, "name")) if contract in TOKENS else where


def told(chain: Chain, contract: str) -> Domain:
    """As the contract tells it, which must use name, version, chain and address and nothing else."""
    fields, name, version, chain_id, address, salt, extensions = chain.call(contract, "eip712Domain")
    assert (fields, salt, extensions) == (b"\x0f", bytes(32), ())
    return Domain(name, chain_id, address, version)


@pytest.fixture
def forking(chain: Chain) -> Iterator[Chain]:
    """A chain whose id a test may change."""
    yield chain
    chain.rpc.request("anvil_setChainId", 31337)


def test_domains__there_are__those_of_every_message_and_order() -> None:
    assert {*SIGNED_FOR} == {contract for contract, _ in MESSAGES.values()} | {"OrderBook", "TestDollar"}


@pytest.mark.parametrize("contract", SIGNED_FOR)
def test_domain__read_back_by_erc_5267__is_what_is_signed_for(forking: Chain, contract: str) -> None:
    here = ours(forking, contract)
    assert told(forking, contract) == here
    forking.rpc.request("anvil_setChainId", OTHER)
    assert told(forking, contract) == replace(here, chain_id=OTHER)


@pytest.mark.parametrize("contract", [*TOKENS, "OrderBook", "Attestations"])
def test_separator__after_the_chain_changed_its_id__is_another(forking: Chain, contract: str) -> None:
    view = "DOMAIN_SEPARATOR" if contract in TOKENS else "domainSeparator"
    here = ours(forking, contract)
    for where in (here, replace(here, chain_id=OTHER)):
        forking.rpc.request("anvil_setChainId", where.chain_id)
        assert forking.call(contract, view) == digests.voucher(where, 0, 0).message.header


@pytest.mark.parametrize("kind", VIEWS)
def test_digest__after_the_chain_changed_its_id__is_another(forking: Chain, kind: str) -> None:
    here, (_, values) = ours(forking, VIEWS[kind]), random_message(3, kind)
    before = digest_of(forking, kind, values)
    forking.rpc.request("anvil_setChainId", OTHER)
    after = digest_of(forking, kind, values)
    assert before == message_of(kind, here, values).digest != after
    assert after == message_of(kind, replace(here, chain_id=OTHER), values).digest


def test_order__after_the_chain_changed_its_id__has_another_digest(forking: Chain) -> None:
    here, order = ours(forking, "OrderBook"), random_order(3, "JobAsk")
    assert forking.call("OrderBook", "jobAskDigest", order) == signable(here, order).digest
    forking.rpc.request("anvil_setChainId", OTHER)
    there = signable(replace(here, chain_id=OTHER), order).digest
    assert forking.call("OrderBook", "jobAskDigest", order) == there


def test_operator__signed_before_the_chain_changed_its_id__is_refused(
    forking: Chain, provider: str, operator: str
) -> None:
    here = ours(forking, "ProviderStaking")
    old, new = (
        digests.operator(where, provider, operator, 0) for where in (here, replace(here, chain_id=OTHER))
    )
    signature = old.sign(forking.key(operator))
    forking.call("ProviderStaking", "setOperator", operator, signature, sender=provider)
    forking.rpc.request("anvil_setChainId", OTHER)
    nobody = new.signer(signature)
    with forking.reverts("OperatorSignatureInvalid", operator=operator, recovered=nobody):
        forking.call("ProviderStaking", "setOperator", operator, signature, sender=provider)
    again = new.sign(forking.key(operator))
    forking.call("ProviderStaking", "setOperator", operator, again, sender=provider)


def test_permit__signed_before_the_chain_changed_its_id__is_refused(
    forking: Chain, provider: str, stranger: str
) -> None:
    here, deadline = ours(forking, "TensorbondToken"), forking.timestamp + 60
    terms = (provider, stranger, 7, 0, deadline)
    old, new = (digests.permit(where, *terms) for where in (here, replace(here, chain_id=OTHER)))

    def permit(signature: bytes) -> None:
        arguments = (provider, stranger, 7, deadline, signature[64], signature[:32], signature[32:64])
        forking.call("TensorbondToken", "permit", *arguments, sender=stranger)

    signature = old.sign(forking.key(provider))
    permit(signature)
    forking.rpc.request("anvil_setChainId", OTHER)
    with forking.reverts("ERC2612InvalidSigner", signer=new.signer(signature), owner=provider):
        permit(signature)
    permit(new.sign(forking.key(provider)))
