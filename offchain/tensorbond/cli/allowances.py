"""How a command lets a contract take tokens: by a permit (ERC-2612), or by an approval that goes before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorbond.chain.errors import ContractRefused, RpcError

if TYPE_CHECKING:
    from tensorbond.chain import Network, Sender

Signed = tuple[int, int, bytes, bytes]
_PERMIT_SECONDS = 3600


def allow(network: Network, sender: Sender, token: str, spender: str, amount: int) -> None:
    """See that `spender` may take `amount`. A lesser one ends first: USDT changes none but from zero."""
    allowed = network.call(token, "allowance", sender.address, spender)
    if allowed < amount:
        if allowed:
            sender.send(token, "approve", spender, 0)
        sender.send(token, "approve", spender, amount)


def permit(network: Network, sender: Sender, token: str, spender: str, amount: int) -> Signed | None:
    """Deadline, v, r and s of the sender's permit for `amount`, good for an hour.

    None where `spender` may take so much already, and of a token that takes no permits.
    """
    from tensorbond.chain import digests

    if network.call(token, "allowance", sender.address, spender) >= amount:
        return None
    try:
        name, nonce, separator = network.calls(
            [(token, "name"), (token, "nonces", sender.address), (token, "DOMAIN_SEPARATOR")]
        )
    except (ContractRefused, RpcError):
        return None
    deadline = network.head().timestamp + _PERMIT_SECONDS
    domain = digests.Domain(name, network.chain_id, network.address(token))
    signable = digests.permit(domain, sender.address, spender, amount, nonce, deadline)
    if signable.message.header != separator:
        return None
    signed = signable.sign(sender.account)
    return deadline, signed[64], signed[:32], signed[32:64]
