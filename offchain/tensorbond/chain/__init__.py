"""The chain's border: deployments, block-pinned reads, events, transactions, keys and signatures.

Names are imported when they are first used, for some of them load a good deal.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorbond.chain.abi import Event as Event
    from tensorbond.chain.deployment import Deployment as Deployment
    from tensorbond.chain.jobs import job_state as job_state
    from tensorbond.chain.keys import load_account as load_account
    from tensorbond.chain.lane import Policy as Policy
    from tensorbond.chain.leases import lease_of as lease_of
    from tensorbond.chain.network import BlockRef as BlockRef
    from tensorbond.chain.network import Network as Network
    from tensorbond.chain.rpc import Rpc as Rpc
    from tensorbond.chain.sender import Receipt as Receipt
    from tensorbond.chain.sender import Sender as Sender

_HOMES = {
    "BlockRef": "network",
    "Deployment": "deployment",
    "Event": "abi",
    "Network": "network",
    "Policy": "lane",
    "Receipt": "sender",
    "Rpc": "rpc",
    "Sender": "sender",
    "job_state": "jobs",
    "lease_of": "leases",
    "load_account": "keys",
}

__all__ = [
    "BlockRef",
    "Deployment",
    "Event",
    "Network",
    "Policy",
    "Receipt",
    "Rpc",
    "Sender",
    "job_state",
    "lease_of",
    "load_account",
]


def __getattr__(name: str) -> Any:
    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
