from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tensorbond.chain import digests
from tests.acts import TBND, ZERO_ADDRESS, domain, set_operator_as, stake_as
from tests.chain import Chain, Sent

from ..attestations.epochs import high_s
from .staking import UNBONDING_BLOCKS, moving, unbond_as

pytestmark = pytest.mark.chain


def sign_consent(
    chain: Chain, operator: str, provider: str, nonce: int = 0, signer: str | None = None
) -> bytes:
    consent = digests.operator(domain(chain, "ProviderStaking"), provider, operator, nonce)
    return consent.sign(chain.key(signer or operator))


def set_operator(chain: Chain, provider: str, operator: str, signature: bytes) -> Sent:
    return chain.send("ProviderStaking", "setOperator", operator, signature, sender=provider)


def operator_of(chain: Chain, provider: str) -> str:
    return str(chain.call("ProviderStaking", "operatorOf", provider))


def test_operator_of__none_set__is_the_owner(chain: Chain, provider: str) -> None:
    assert operator_of(chain, provider) == provider


def test_set_operator__with_the_new_keys_signature__names_it(
    chain: Chain, provider: str, other_provider: str, operator: str
) -> None:
    with moving(chain):
        sent = set_operator(chain, provider, operator, sign_consent(chain, operator, provider))

    assert sent.event("OperatorSet") == {"provider": provider, "operator": operator}
    assert operator_of(chain, provider) == operator
    assert operator_of(chain, other_provider) == other_provider
    assert chain.call("ProviderStaking", "nonces", provider) == 1


def test_set_operator__signed_by_another_key__reverts(
    chain: Chain, provider: str, operator: str, stranger: str
) -> None:
    signature = sign_consent(chain, operator, provider, signer=stranger)

    with chain.reverts("OperatorSignatureInvalid", operator=operator, recovered=stranger):
        set_operator(chain, provider, operator, signature)


@pytest.mark.parametrize("signature", [b"", b"\x01" * 64, b"\x00" * 65], ids=["empty", "short", "zeros"])
def test_set_operator__malformed_signature__reverts(
    chain: Chain, provider: str, operator: str, signature: bytes
) -> None:
    with chain.reverts("OperatorSignatureInvalid", operator=operator, recovered=ZERO_ADDRESS):
        set_operator(chain, provider, operator, signature)


def test_set_operator__signed_for_another_provider__reverts(
    chain: Chain, provider: str, other_provider: str, operator: str
) -> None:
    signature = sign_consent(chain, operator, provider)
    theirs = digests.operator(domain(chain, "ProviderStaking"), other_provider, operator, 0)

    with chain.reverts("OperatorSignatureInvalid", operator=operator, recovered=theirs.signer(signature)):
        set_operator(chain, other_provider, operator, signature)


def test_set_operator__zero__revokes_at_once(chain: Chain, provider: str, operator: str) -> None:
    set_operator_as(chain, provider, operator)

    sent = set_operator(chain, provider, ZERO_ADDRESS, b"")

    assert sent.event("OperatorSet") == {"provider": provider, "operator": ZERO_ADDRESS}
    assert operator_of(chain, provider) == provider


def test_set_operator__a_spent_consent__reverts(chain: Chain, provider: str, operator: str) -> None:
    signature = sign_consent(chain, operator, provider)
    set_operator(chain, provider, operator, signature)
    set_operator(chain, provider, ZERO_ADDRESS, b"")
    anew = digests.operator(domain(chain, "ProviderStaking"), provider, operator, 1)

    with chain.reverts("OperatorSignatureInvalid", operator=operator, recovered=anew.signer(signature)):
        set_operator(chain, provider, operator, signature)


def test_set_operator__named__still_can_take_nothing_out(chain: Chain, provider: str, operator: str) -> None:
    stake_as(chain, provider, 10 * TBND)
    set_operator_as(chain, provider, operator)
    unbond_as(chain, provider, 4 * TBND)
    chain.mine(UNBONDING_BLOCKS)

    with moving(chain):
        with chain.reverts("NothingUnbonding", holder=operator):
            chain.send("ProviderStaking", "withdraw", sender=operator)
        with chain.reverts("FreeStakeInsufficient", provider=operator, have=0, need=1):
            chain.send("ProviderStaking", "unbond", 1, sender=operator)


@pytest.mark.parametrize("form", ["upper half", "v of 0", "v of 29"])
def test_set_operator__signature_in_another_form__reverts(
    chain: Chain, provider: str, operator: str, form: str
) -> None:
    good = sign_consent(chain, operator, provider)
    v = {"v of 0": 0, "v of 29": 29}
    signature = high_s(good) if form == "upper half" else good[:64] + bytes([v[form]])

    with (
        moving(chain),
        chain.reverts("OperatorSignatureInvalid", operator=operator, recovered=ZERO_ADDRESS),
    ):
        set_operator(chain, provider, operator, signature)
    assert operator_of(chain, provider) == provider
    set_operator(chain, provider, operator, good)


@pytest.mark.parametrize("elsewhere", [{"chain_id": 1}, {"address": "0x" + "11" * 20}, {"version": "2"}])
def test_set_operator__signed_for_another_chain_or_contract__reverts(
    chain: Chain, provider: str, operator: str, elsewhere: dict[str, Any]
) -> None:
    here = domain(chain, "ProviderStaking")
    there = digests.operator(replace(here, **elsewhere), provider, operator, 0)
    signature = there.sign(chain.key(operator))
    nobody = digests.operator(here, provider, operator, 0).signer(signature)

    with moving(chain), chain.reverts("OperatorSignatureInvalid", operator=operator, recovered=nobody):
        set_operator(chain, provider, operator, signature)
    assert operator_of(chain, provider) == provider
