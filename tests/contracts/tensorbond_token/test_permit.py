from __future__ import annotations

import pytest

from tensorbond.chain import digests
from tests.acts import TBND
from tests.chain import Chain

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
