"""The network under web3.py's interface, for scripts and notebooks: same endpoints, failover and deadlines.

w3 = connect_web3(network)
contract(w3, network, "ProviderStaking").functions.freeOf(provider).call()
"""

from __future__ import annotations

import itertools
from typing import Any

from web3 import Web3
from web3.contract import Contract
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from tensorbond.chain.errors import ChainError, RpcError
from tensorbond.chain.network import Network
from tensorbond.chain.rpc import Rpc


class RpcProvider(JSONBaseProvider):
    """Lets web3.py ask through an `Rpc`. Not shared between threads."""

    def __init__(self, rpc: Rpc) -> None:
        super().__init__()
        self._rpc = rpc
        self._ids = itertools.count(1)

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """A node's refusal becomes web3.py's own errors; an unreachable chain stays a `ChainError`."""
        try:
            result = self._rpc.request(method, *params)
        except RpcError as error:
            refusal = {"code": error.code, "message": error.message, "data": error.data}
            return {"jsonrpc": "2.0", "id": next(self._ids), "error": refusal}  # type: ignore[typeddict-item]
        return {"jsonrpc": "2.0", "id": next(self._ids), "result": result}

    def is_connected(self, show_traceback: bool = False) -> bool:
        try:
            return self._rpc.chain_id > 0
        except ChainError:
            return False


def connect_web3(network: Network) -> Web3:
    """web3.py over the network's own connections."""
    return Web3(RpcProvider(network.rpc))


def contract(w3: Web3, network: Network, name: str) -> Contract:
    """One of the network's contracts as a web3.py contract."""
    entries = network.artifacts[name].entries
    found: Contract = w3.eth.contract(address=Web3.to_checksum_address(network.address(name)), abi=entries)
    return found
