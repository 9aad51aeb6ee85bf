from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tensorbond.chain import digests
from tests.acts import TBND
from tests.chain import Chain

from ..attestations.epochs import high_s
from ..permits import send_permit, sign_permit

pytestmark = pytest.mark.chain


def test_permit__signed_by_the_owner__sets_the_allowance(chain: Chain, provider: str, stranger: str) -> None:
    permit = sign_permit(chain, provider, stranger, 5 * TBND)

    sent = send_permit(chain, permit, sender=stranger)

    assert sent.event("Approval") == {"owner": provider, "spender": stranger, "value": 5 * TBND}
    assert chain.call("TensorbondToken", "allowance", provider, stranger) == 5 * TBND
    assert chain.call("TensorbondToken", "nonces", provider) == 1
    assert chain.balance("TensorbondToken", stranger) == 0


def test_permit__sent_twice__reverts(chain: Chain, provider: str, stranger: str) -> None:
    permit = sign_permit(chain, provider, stranger, 5 * TBND)
    send_permit(chain, permit, sender=stranger)
    domain = digests.Domain("Tensorbond", 31337, chain.address["TensorbondToken"])
    # With the next nonce, the signature is somebody else's.
    signer = digests.permit(domain, provider, stranger, 5 * TBND, 1, permit.deadline).signer(permit.signature)

    with chain.reverts("ERC2612InvalidSigner", signer=signer, owner=provider):
        send_permit(chain, permit, sender=stranger)


def test_permit__expired__reverts(chain: Chain, provider: str, stranger: str) -> None:
    permit = sign_permit(chain, provider, stranger, 5 * TBND, deadline=chain.timestamp - 1)

    with chain.reverts("ERC2612ExpiredSignature", deadline=permit.deadline):
        send_permit(chain, permit, sender=stranger)


def test_permit__upper_half_s_or_another_v__reverts(chain: Chain, provider: str, stranger: str) -> None:
    permit = sign_permit(chain, provider, stranger, 5 * TBND)
    twin = high_s(permit.signature)

    with chain.reverts("ECDSAInvalidSignatureS", s=twin[32:64]):
        send_permit(chain, replace(permit, signature=twin), sender=stranger)
    for v in (0, 1, 26, 29):
        spoilt = replace(permit, signature=permit.signature[:64] + bytes([v]))
        with chain.reverts("ECDSAInvalidSignature"):
            send_permit(chain, spoilt, sender=stranger)
    assert chain.call("TensorbondToken", "allowance", provider, stranger) == 0


@pytest.mark.parametrize("elsewhere", [{"chain_id": 1}, {"address": "0x" + "11" * 20}, {"version": "2"}])
def test_permit__signed_for_another_chain_or_contract__reverts(
    chain: Chain, provider: str, stranger: str, elsewhere: dict[str, Any]
) -> None:
    permit = sign_permit(chain, provider, stranger, 5 * TBND)
    here = digests.Domain("Tensorbond", 31337, chain.address["TensorbondToken"])
    terms = (provider, stranger, permit.value, 0, permit.deadline)
    signature = digests.permit(replace(here, **elsewhere), *terms).sign(chain.key(provider))
    nobody = digests.permit(here, *terms).signer(signature)

    with chain.reverts("ERC2612InvalidSigner", signer=nobody, owner=provider):
        send_permit(chain, replace(permit, signature=signature), sender=stranger)
    assert chain.call("TensorbondToken", "allowance", provider, stranger) == 0
