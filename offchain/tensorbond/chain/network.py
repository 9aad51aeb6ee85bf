"""A deployed network as one reads it: block-pinned calls and events, by the contracts' Solidity names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_abi.exceptions import DecodingError

from tensorbond.chain import artifacts
from tensorbond.chain.abi import Abi, Event, encode_topic
from tensorbond.chain.artifacts import Artifacts
from tensorbond.chain.deployment import Deployment
from tensorbond.chain.digests import Domain
from tensorbond.chain.errors import (
    BlockUnknown,
    ChainReorganised,
    LogsUnavailable,
    ReplyMalformed,
    RpcError,
    RpcUnreachable,
)
from tensorbond.chain.lane import fees_now, refusal_of
from tensorbond.chain.rpc import Rpc

# Blocks of the first getLogs; halved when refused, doubled when it went well.
_FIRST_SPAN = 2_000
_MOST_SPAN = 100_000
# Some nodes cut their answer off here without a word.
_TRUNCATED_AT = 10_000


@dataclass(frozen=True)
class BlockRef:
    """One block, by number and hash: what a cycle of work pins its reads to."""

    number: int
    hash: bytes
    timestamp: int


class Network:
    """The contracts of one deployment, over one `Rpc`. Not shared between threads: each takes a `clone`."""

    def __init__(self, rpc: Rpc, deployment: Deployment, compiled: Artifacts | None = None) -> None:
        self.rpc, self.deployment = rpc, deployment
        self.artifacts = compiled or artifacts.load()
        self._abis = {name: self.artifacts[name].abi for name in deployment.contracts}
        self._names = {record.address.lower(): name for name, record in deployment.contracts.items()}
        self._span = _FIRST_SPAN

    @classmethod
    def connect(
        cls,
        rpc_urls: Sequence[str],
        deployment: Deployment | str | Path,
        timeout: float = 10.0,
        max_head_age: float | None = None,
    ) -> Network:
        """Raises `WrongChain` or `DeploymentInvalid` unless the endpoints serve the deployment's chain and
        code.

        `max_head_age`: seconds after which an endpoint's head counts as stale; None where blocks come as they
        like."""
        if not isinstance(deployment, Deployment):
            deployment = Deployment.load(deployment)
        rpc = Rpc(rpc_urls, chain_id=deployment.chain_id, timeout=timeout, max_head_age=max_head_age)
        try:
            deployment.verify(rpc)
            return cls(rpc, deployment)
        except BaseException:
            rpc.close()
            raise

    def clone(self) -> Network:
        """The same network over connections of its own, for another thread."""
        return Network(self.rpc.clone(), self.deployment, self.artifacts)

    def close(self) -> None:
        self.rpc.close()

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def chain_id(self) -> int:
        return self.deployment.chain_id

    def address(self, contract: str) -> str:
        """Of a contract by its Solidity name, or of a payment token by its symbol."""
        if contract.startswith("0x"):
            return contract
        return self.deployment.tokens.get(contract) or self.deployment.address(contract)

    def abi(self, contract: str) -> Abi:
        """Of a contract by name or address; any other address is taken for a token."""
        name = self._names.get(contract.lower(), contract)
        return self._abis.get(name) or self._abis["TensorbondToken"]

    def domain(self, contract: str) -> Domain:
        """The contract's EIP-712 domain."""
        return Domain(contract, self.chain_id, self.address(contract))

    # Blocks

    def head(self) -> BlockRef:
        return self._block("latest")

    def block(self, number: int) -> BlockRef:
        return self._block(hex(number))

    def blocks(self, numbers: Iterable[int]) -> list[BlockRef]:
        """Several in one request."""
        wanted = [hex(number) for number in numbers]
        found = self.rpc.batch([("eth_getBlockByNumber", (number, False)) for number in wanted])
        return [_block_ref(number, block) for number, block in zip(wanted, found, strict=True)]

    def require_canonical(self, block: BlockRef) -> None:
        """Raise `ChainReorganised` if the chain no longer holds `block`."""
        have = self.block(block.number)
        if have.hash != block.hash:
            raise ChainReorganised(block.number, have.hash, block.hash)

    def max_fee(self) -> int:
        """The most that a transaction which is sent now pays for one gas, unless it is sent anew: wei."""
        return fees_now(self.rpc).max_fee

    # Calls

    def call(
        self,
        contract: str,
        function: str,
        *args: Any,
        block: int | BlockRef | None = None,
        sender: str | None = None,
    ) -> Any:
        """What a view returns, or what a verb would, at a block (default: the head). Raises
        `ContractRefused`."""
        abi = self.abi(contract)
        try:
            data = self.rpc.request("eth_call", self._request(contract, function, args, sender), _tag(block))
        except RpcError as error:
            raise self._refusal(error, contract, function) from None
        return self._result(abi, contract, function, data)

    def calls(self, calls: Sequence[tuple[Any, ...]], block: int | BlockRef | None = None) -> list[Any]:
        """Several `(contract, function, *args)` in one request; the first refusal raises."""
        requests = [("eth_call", (self._request(c, f, args, None), _tag(block))) for c, f, *args in calls]
        try:
            replies = self.rpc.batch(requests)
        except RpcError as error:
            raise self._refusal(error, "", "") from None
        return [
            self._result(self.abi(c), c, f, data) for (c, f, *_), data in zip(calls, replies, strict=True)
        ]

    # Events

    def events(
        self,
        contract: str | Sequence[str] | None = None,
        event: str | Sequence[str] | None = None,
        *,
        since: int | None = None,
        until: int | BlockRef | None = None,
        **indexed: Any,
    ) -> list[Event]:
        """The events of one or more contracts (None: all of ours), in order, from block `since` to `until`
        inclusive.

        `indexed`: an indexed argument's value, or a list of accepted values; needs a single `event`. Raises
        `ChainReorganised` if `until` is a `BlockRef` that the chain has left by the end."""
        return list(self.stream(contract, event, since=since, until=until, **indexed))

    def stream(
        self,
        contract: str | Sequence[str] | None = None,
        event: str | Sequence[str] | None = None,
        *,
        since: int | None = None,
        until: int | BlockRef | None = None,
        **indexed: Any,
    ) -> Iterator[Event]:
        """`events`, page by page."""
        contracts = list(self.deployment.contracts) if contract is None else _listed(contract)
        query: dict[str, Any] = {"address": [self.address(name) for name in contracts]}
        if event is not None:
            query["topics"] = self._topics(contracts, _listed(event), indexed)
        first = self.deployment.first_block if since is None else since
        last = until.number if isinstance(until, BlockRef) else self.head().number if until is None else until
        while first <= last:
            end = min(first + self._span - 1, last)
            logs = self._logs(query | {"fromBlock": hex(first), "toBlock": hex(end)}, end - first + 1)
            if logs is None:
                continue
            yield from self.decode(logs)
            first = end + 1
        if isinstance(until, BlockRef):
            self.require_canonical(until)

    def decode(self, logs: Iterable[Mapping[str, Any]]) -> Iterator[Event]:
        """The events that logs of our contracts tell of; logs that none of them can have written are left
        out."""
        for log in logs:
            name = self._names.get(log["address"].lower(), "")
            topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
            try:
                decoded = self.abi(log["address"]).decode_event(topics, bytes.fromhex(log["data"][2:]))
            except DecodingError:
                decoded = None
            if decoded is not None:
                yield Event(
                    contract=name or log["address"],
                    name=decoded[0].name,
                    args=decoded[1],
                    block=int(log["blockNumber"], 16),
                    block_hash=bytes.fromhex(log["blockHash"][2:]),
                    log_index=int(log["logIndex"], 16),
                    transaction=log["transactionHash"],
                    address=log["address"],
                )

    def _logs(self, query: Mapping[str, Any], span: int) -> list[Mapping[str, Any]] | None:
        """One page; None if it was too large, and the next must be smaller."""
        try:
            logs: list[Mapping[str, Any]] = self.rpc.request("eth_getLogs", query)
        except (RpcError, RpcUnreachable) as error:
            if span > 1:
                self._span = max(span // 2, 1)
                return None
            raise LogsUnavailable(f"logs of block {int(query['fromBlock'], 16)}: {error}") from error
        if not isinstance(logs, list):
            raise ReplyMalformed("eth_getLogs: not a list")
        if len(logs) >= _TRUNCATED_AT and span > 1:
            self._span = max(span // 2, 1)
            return None
        if len(logs) < _TRUNCATED_AT // 4:
            self._span = min(max(self._span, span) * 2, _MOST_SPAN)
        return logs

    def _topics(
        self, contracts: Sequence[str], events: Sequence[str], indexed: Mapping[str, Any]
    ) -> list[Any]:
        items = []
        for name in events:
            found = [item for c in contracts for item in self.abi(c).events.values() if item.name == name]
            if not found:
                raise LookupError(f"none of {', '.join(contracts)} has an event {name}")
            items += found
        topics: list[Any] = [list(dict.fromkeys("0x" + item.digest.hex() for item in items))]
        if not indexed:
            return topics
        parameters = {parameter.name: parameter for parameter in items[0].indexed_inputs}
        if unknown := indexed.keys() - parameters.keys():
            raise LookupError(f"{items[0].name} has no indexed {', '.join(sorted(unknown))}")
        for name, parameter in parameters.items():
            value = indexed.get(name)
            values = value if isinstance(value, list | tuple) else [value]
            encoded = ["0x" + encode_topic(parameter, each).hex() for each in values if each is not None]
            topics.append(encoded or None)
        return topics

    def _block(self, tag: str) -> BlockRef:
        return _block_ref(tag, self.rpc.request("eth_getBlockByNumber", tag, False))

    def _request(
        self, contract: str, function: str, args: Sequence[Any], sender: str | None
    ) -> dict[str, str]:
        data = self.abi(contract).encode_call(function, args)
        request = {"to": self.address(contract), "data": "0x" + data.hex()}
        return request if sender is None else request | {"from": sender}

    def _result(self, abi: Abi, contract: str, function: str, data: Any) -> Any:
        try:
            return abi.decode_result(function, bytes.fromhex(data[2:]))
        except (DecodingError, TypeError, ValueError):
            raise ReplyMalformed(f"{contract}.{function} answered {str(data)[:60]!r}") from None

    def _refusal(self, error: RpcError, contract: str, function: str) -> Exception:
        own = [self.abi(contract)] if contract else []
        if "block" in error.message.lower() and "not found" in error.message.lower():
            return BlockUnknown(error.message)
        return refusal_of(error, [*own, *self._abis.values()], (contract, function)) or error


def _tag(block: int | BlockRef | None) -> Any:
    """EIP-1898: pinned by hash, a read never silently moves to another branch."""
    if block is None:
        return "latest"
    if isinstance(block, int):
        return hex(block)
    return {"blockHash": "0x" + block.hash.hex(), "requireCanonical": True}


def _block_ref(tag: str, block: Any) -> BlockRef:
    if block is None:
        raise BlockUnknown(f"the node knows no block {tag}")
    try:
        return BlockRef(
            int(block["number"], 16), bytes.fromhex(block["hash"][2:]), int(block["timestamp"], 16)
        )
    except (KeyError, TypeError, ValueError):
        raise ReplyMalformed(f"not a block: {str(block)[:60]!r}") from None


def _listed(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
