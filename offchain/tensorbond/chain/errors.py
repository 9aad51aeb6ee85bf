"""What can go wrong between us and the chain, one class for each thing a caller may want to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorbond.errors import TensorbondError


class ChainError(TensorbondError):
    """Anything that stands between us and the chain."""


class RpcError(ChainError):
    """The node answered with a JSON-RPC error."""

    def __init__(self, method: str, code: int, message: str, data: Any = None) -> None:
        self.method, self.code, self.message, self.data = method, code, message, data
        super().__init__(f"{method}: {message} (code {code})")


class RpcUnreachable(ChainError):
    """No endpoint gave a usable answer in time; `reasons` tells for each why."""

    def __init__(self, method: str, reasons: Mapping[str, str]) -> None:
        self.method, self.reasons = method, dict(reasons)
        told = "; ".join(f"{url}: {reason}" for url, reason in self.reasons.items())
        super().__init__(f"no endpoint answered {method}: {told}")


class EndpointFault(ChainError):
    """One endpoint is of no use for one request; the next one is asked."""


class EndpointTimeout(EndpointFault):
    """The answer was not complete by the deadline."""


class EndpointRefused(EndpointFault):
    """No connection, or one that broke."""


class EndpointBusy(EndpointFault):
    """Too many requests (429), or the service is down for now (503)."""


class ReplyMalformed(EndpointFault):
    """HTML, another status, no JSON, or JSON that is no reply to the request."""


class HeadStale(EndpointFault):
    """The endpoint's head is older than allowed: it answers, but of the past."""


class WrongChain(ChainError):
    """An endpoint serves another chain than the deployment is on."""

    def __init__(self, url: str, have: int, need: int) -> None:
        self.url, self.have, self.need = url, have, need
        super().__init__(f"{url} serves chain {have}, the deployment is on chain {need}")


class ArtifactMissing(ChainError):
    """The contracts have not been compiled, or there is none of that name."""


class DeploymentInvalid(ChainError):
    """A deployment file is missing or malformed, or the chain does not hold what it says."""


class DeploymentConflict(ChainError):
    """Deploying would not give what the plan says: a nonce moved, or other parameters or code are in the
    way."""


class KeyInvalid(ChainError):
    """No key where one is needed, or one that can not be read."""


class SignatureInvalid(ChainError):
    """Bytes that are no signature, or one that the contracts would not take."""


class BlockUnknown(ChainError):
    """The node does not know the block: not yet, or no more."""


class ChainReorganised(ChainError):
    """The chain has left a block that work was based on; begin again."""

    def __init__(self, number: int, have: bytes, need: bytes) -> None:
        self.number, self.have, self.need = number, have, need
        super().__init__(f"block {number} is now 0x{have.hex()}, the work was based on 0x{need.hex()}")


class JobUnknown(ChainError):
    """There is no such job, or its events do not give the state that the chain keeps."""


class LeaseUnknown(ChainError):
    """No event opened the lease, or what they tell leads to none on the chain."""


class OrderInvalid(ChainError):
    """What is said to be an order is none, or not one of this order book's."""


class JobNotDisputed(ChainError):
    """A verdict is asked for, but nobody objected to the job, or it is decided."""


class OracleNotSeated(ChainError):
    """The key is no member of the oracle set in force, or dropped out of it."""


class BidFileInvalid(ChainError):
    """A file that should hold a sealed bid doesn't, or holds another job's."""


class EpochUnsettled(ChainError):
    """The epoch is not attested, or not final yet."""


class LogsUnavailable(ChainError):
    """An endpoint refuses the logs even of a single block."""


class ContractRefused(ChainError):
    """A contract reverted; its custom error is decoded, numbers and all."""

    def __init__(
        self, error_name: str, args: Mapping[str, Any], *, contract: str = "", function: str = ""
    ) -> None:
        self.error_name, self.arguments = error_name, dict(args)
        self.contract, self.function = contract, function
        super().__init__(error_name, self.arguments)

    def __str__(self) -> str:
        shown = ", ".join(f"{name} = {_shown(value)}" for name, value in self.arguments.items())
        where = ".".join(filter(None, [self.contract, self.function]))
        what = f"{self.error_name}({shown})" if self.error_name else "no reason given"
        return f"{where} refused: {what}" if where else f"refused: {what}"


class TransactionError(ChainError):
    """A transaction did not do what it was sent for."""


class TransactionStuck(TransactionError):
    """Not mined by its deadline, whatever was paid for it."""


class TransactionDisplaced(TransactionError):
    """Another transaction of the same key took its nonce."""


class TransactionReverted(TransactionError):
    """It passed the simulation, was mined, and reverted without a reason that could be found."""


class FundsInsufficient(TransactionError):
    """The key cannot pay for the gas."""


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        text = value.rstrip(b"\0")
        if text and all(32 < byte < 127 for byte in text):
            return text.decode()
        return "0x" + value.hex()
    return str(value)
