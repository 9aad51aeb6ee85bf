"""ERC-2612 permits, with real signatures."""

from __future__ import annotations

from dataclasses import dataclass

from tensorbond.chain import digests
from tests.chain import Chain


@dataclass(frozen=True)
class TokenPermit:
    owner: str
    spender: str
    value: int
    deadline: int
    signature: bytes

    @property
    def r(self) -> bytes:
        return self.signature[:32]

    @property
    def s(self) -> bytes:
        return self.signature[32:64]

    @property
    def v(self) -> int:
        return self.signature[64]


def sign_permit(
    chain: Chain,
    owner: str,
    spender: str,
    value: int,
    deadline: int | None = None,
    signer: str | None = None,
    token: str = "TensorbondToken",
) -> TokenPermit:
    """By `owner`, with its next nonce, good for an hour, unless said otherwise."""
    if deadline is None:
        deadline = chain.timestamp + 3600
    domain = digests.Domain(chain.call(token, "name"), 31337, chain.address[token])
    nonce = chain.call(token, "nonces", owner)
    signable = digests.permit(domain, owner, spender, value, nonce, deadline)
    return TokenPermit(owner, spender, value, deadline, signable.sign(chain.key(signer or owner)))
