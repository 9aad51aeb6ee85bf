"""Reads of deployed contracts by name, many in one request, whether or not their code is what it should
be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tensorbond.chain.artifacts import Artifacts
from tensorbond.chain.deployment import Deployment
from tensorbond.chain.errors import RpcError
from tensorbond.chain.lane import refusal_of
from tensorbond.chain.rpc import Rpc

# Contract, function and its arguments.
Call = tuple[str, str, tuple[Any, ...]]


@dataclass(frozen=True)
class Reader:
    """What the contracts of a deployment say at the latest block."""

    rpc: Rpc
    artifacts: Artifacts
    deployment: Deployment

    def call(self, contract: str, function: str, *args: Any) -> Any:
        try:
            data = self.rpc.request(*self._request((contract, function, args)))
        except RpcError as error:
            abi = self.artifacts[contract].abi
            raise refusal_of(error, [abi], (contract, function)) or error from None
        return self._decoded(contract, function, data)

    def calls(self, calls: Sequence[Call]) -> list[Any]:
        """The same for many, in one request."""
        requests = [self._request(call) for call in calls]
        replies = self.rpc.batch([(method, params) for method, *params in requests])
        return [
            self._decoded(contract, function, data)
            for (contract, function, _), data in zip(calls, replies, strict=True)
        ]

    def _request(self, call: Call) -> tuple[str, dict[str, str], str]:
        contract, function, args = call
        data = self.artifacts[contract].abi.encode_call(function, args)
        return "eth_call", {"to": self.deployment.address(contract), "data": "0x" + data.hex()}, "latest"

    def _decoded(self, contract: str, function: str, data: str) -> Any:
        return self.artifacts[contract].abi.decode_result(function, bytes.fromhex(data[2:]))
