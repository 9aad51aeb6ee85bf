"""ERC-2612 permits, with real signatures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tensorbond.chain import digests
from tests.chain import Chain, Sent, project_artifacts


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


def send_permit(chain: Chain, permit: TokenPermit, sender: str, token: str = "TensorbondToken") -> Sent:
    """To the token itself."""
    words = permit.owner, permit.spender, permit.value, permit.deadline, permit.v, permit.r, permit.s
    return chain.send(token, "permit", *words, sender=sender)


def permit_and(
    chain: Chain, escrow: str, permit: TokenPermit, verb: str, *args: Any, token: str = "TensorbondToken"
) -> Sent:
    """By the permit's owner: a verb that takes a deposit, the permit before it in one transaction."""
    abi = project_artifacts()[escrow].abi
    words = chain.address[token], permit.owner, permit.value, permit.deadline, permit.v, permit.r, permit.s
    calls = [abi.encode_call("permit", words), abi.encode_call(verb, args)]
    return chain.send(escrow, "multicall", calls, sender=permit.owner)
