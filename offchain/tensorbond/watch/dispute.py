"""One transaction that proves a fault, or asks for what a proof needs: made anywhere, sent by anyone.

A dispute's file is JSON: what it says is there to be read, but only its calldata count.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any

from eth_abi.exceptions import DecodingError

from tensorbond.chain.network import Network
from tensorbond.chain.sender import Receipt, Sender
from tensorbond.errors import TensorbondError
from tensorbond.watch.kinds import KINDS

VERSION = 1
ROUND_VERB = "proveRevoked"
"""Brings another proof of the contract against a revoked attestation."""


class DisputeInvalid(TensorbondError):
    """A file that holds no dispute of this network."""


@dataclass(frozen=True)
class Dispute:
    """A call of its kind's verb; `about` names the fault, the same whoever finds it and however often."""

    kind: str
    about: Mapping[str, int | str]
    """By "epoch", "round", "device", "slot", "outcome", "job", "oracle" and "lease": those that it has."""
    args: tuple[Any, ...]
    value: int = 0
    """Wei that go along as a deposit."""
    told: str = field(default="", compare=False)
    revoked: int | None = None
    """The round of the revoked attestation that it is about; None: it names its own, or what stands."""

    @property
    def subject(self) -> str:
        return " ".join(f"{name} {value}" for name, value in self.about.items())

    @property
    def contract(self) -> str:
        return KINDS[self.kind].contract

    @property
    def function(self) -> str:
        return KINDS[self.kind].function

    @property
    def is_request(self) -> bool:
        """Whether it only asks for what a proof needs."""
        return self.function.startswith("request")

    @property
    def result(self) -> str:
        """What has come of it once it is sent."""
        return "asked" if self.is_request else KINDS[self.kind].result

    def call(self, network: Network) -> tuple[str, tuple[Any, ...]]:
        """The function that is called, and its arguments."""
        if self.revoked is None:
            return self.function, self.args
        return ROUND_VERB, (self.revoked, network.abi(self.contract).encode_call(self.function, self.args))

    def calldata(self, network: Network) -> bytes:
        return network.abi(self.contract).encode_call(*self.call(network))

    def simulate(self, network: Network, sender: str | None = None) -> None:
        """Raises `ContractRefused` where the chain would not take it now. A deposit isn't simulated."""
        if not self.value:
            function, args = self.call(network)
            network.call(self.contract, function, *args, sender=sender)

    def gas(self, network: Network, sender: str | None = None) -> int:
        """What it takes, above what a transaction may have, too, so far as the node tells. Raises `RpcError`
        where it would be refused. A request is always small: 0."""
        if self.value:
            return 0
        call = {"to": network.address(self.contract), "data": "0x" + self.calldata(network).hex()}
        request = call if sender is None else call | {"from": sender}
        return int(network.rpc.request("eth_estimateGas", request), 16)

    def send(self, sender: Sender) -> Receipt:
        function, args = self.call(sender.network)
        return sender.send(self.contract, function, *args, value=self.value)

    def show(self, network: Network) -> dict[str, Any]:
        """What the file says."""
        item = network.abi(self.contract).function(self.function)
        names = [parameter.name for parameter in item.inputs]
        return {
            "version": VERSION,
            "kind": self.kind,
            "about": dict(self.about),
            "told": self.told,
            "chainId": network.chain_id,
            "contract": self.contract,
            "to": network.address(self.contract),
            "function": item.signature,
            "arguments": {name: _show(arg) for name, arg in zip(names, self.args, strict=True)},
            "calldata": "0x" + self.calldata(network).hex(),
            "value": str(self.value),
        }

    @classmethod
    def parse(cls, raw: bytes, network: Network) -> Dispute:
        """Of a file: by its kind, calldata and deposit; the rest is for people. Raises DisputeInvalid."""
        try:
            told: Mapping[str, Any] = json.loads(raw)
            version, chain_id, kind = told["version"], told["chainId"], told["kind"]
            to, value, about = told["to"], int(told["value"]), dict(told["about"])
            calldata = bytes.fromhex(told["calldata"].removeprefix("0x"))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DisputeInvalid(f"no dispute's file: {error!r}") from error
        if version != VERSION or kind not in KINDS or value < 0:
            raise DisputeInvalid(f"a dispute of version {version!r} and kind {kind!r}")
        need = network.chain_id, network.address(KINDS[kind].contract)
        if (chain_id, to) != need:
            raise DisputeInvalid(f"it is for (chain, contract) {(chain_id, to)}, not {need}")
        try:
            abi, revoked = network.abi(KINDS[kind].contract), None
            if KINDS[kind].contract == "AttestationDisputes" and calldata.startswith(
                abi.function(ROUND_VERB).selector
            ):
                revoked, calldata = abi.decode_call(ROUND_VERB, calldata)
            args = abi.decode_call(KINDS[kind].function, calldata)
        except (LookupError, DecodingError, OverflowError, ValueError) as error:
            raise DisputeInvalid(f"the calldata are none of {KINDS[kind].function}: {error}") from error
        return cls(kind, about, args, value, str(told.get("told", "")), revoked)


def _show(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _show(each) for name, each in asdict(value).items()}
    if isinstance(value, Mapping):
        return {name: _show(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_show(each) for each in value]
    # A uint256 is more than many readers of JSON take for a number.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value >> 53 else value
