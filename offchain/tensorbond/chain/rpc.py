"""JSON-RPC over several endpoints. Every request has one deadline, whatever the endpoint does in the
meantime.

Endpoints are asked in turn, the one that answered last first. An endpoint that times out, breaks, answers
HTML or 429, or whose head is old, is passed over for a while; one on another chain is never used.
"""

from __future__ import annotations

import io
import itertools
import json
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead
from typing import Any
from urllib.parse import urlsplit

from tensorbond.chain.errors import (
    ChainError,
    EndpointBusy,
    EndpointFault,
    EndpointRefused,
    EndpointTimeout,
    HeadStale,
    ReplyMalformed,
    RpcError,
    RpcUnreachable,
    WrongChain,
)

# A reply larger than this is an attack or a mistake.
MAX_REPLY_BYTES = 256 * 1024 * 1024
# Calls in one request.
BATCH_CALLS = 16
# Codes with which providers refuse for the moment, not for good.
_BUSY_CODES = (-32005, -32029, 429)


class Rpc:
    """One chain behind one or more endpoints. Not shared between threads: each takes a `clone`."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        chain_id: int | None = None,
        timeout: float = 10.0,
        max_head_age: float | None = None,
        rest: float = 15.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`timeout`: seconds for one request at one endpoint. `chain_id`: the only chain to be accepted;
        None: that of the first endpoint that answers. `max_head_age`: seconds by which a head may lie in the
        past; None: any. `rest`: seconds for which an endpoint that failed is asked last."""
        if not urls:
            raise ChainError("no RPC endpoint is given")
        self.timeout, self.max_head_age, self.rest, self.clock = timeout, max_head_age, rest, clock
        self._chain_id = chain_id
        self._endpoints = [_Endpoint(url) for url in dict.fromkeys(urls)]

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(endpoint.url for endpoint in self._endpoints)

    @property
    def chain_id(self) -> int:
        if self._chain_id is None:
            self._chain_id = int(self.request("eth_chainId"), 16)
        return self._chain_id

    def clone(self) -> Rpc:
        """The same endpoints over connections of its own, for another thread."""
        return Rpc(
            self.urls,
            chain_id=self._chain_id,
            timeout=self.timeout,
            max_head_age=self.max_head_age,
            rest=self.rest,
            clock=self.clock,
        )

    def request(self, method: str, *params: Any, timeout: float | None = None) -> Any:
        """The result of one call. Raises `RpcError` if the node refuses it, `RpcUnreachable` if none
        answers."""
        return self._in_turn(
            method, lambda endpoint, deadline: endpoint.ask(method, params, deadline), timeout
        )

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]], timeout: float | None = None) -> list[Any]:
        """The results of several calls, a few in one request, as public endpoints want it; the first refusal
        raises."""
        parts = [calls[first : first + BATCH_CALLS] for first in range(0, len(calls), BATCH_CALLS)]
        return [result for part in parts for result in self._ask_all(part, timeout)]

    def close(self) -> None:
        for endpoint in self._endpoints:
            endpoint.close()

    def _ask_all(self, calls: Sequence[tuple[str, Sequence[Any]]], timeout: float | None) -> list[Any]:
        name = f"a batch of {calls[0][0]}"
        return list(
            self._in_turn(name, lambda endpoint, deadline: endpoint.ask_all(calls, deadline), timeout)
        )

    def _in_turn(
        self, name: str, ask: Callable[[_Endpoint, float], Any], timeout: float | None = None
    ) -> Any:
        reasons: dict[str, str] = {}
        for endpoint in sorted(self._endpoints, key=lambda endpoint: endpoint.rests_until > self.clock()):
            deadline = time.monotonic() + (timeout or self.timeout)
            try:
                self._check(endpoint, deadline)
                answer = ask(endpoint, deadline)
            except EndpointFault as fault:
                endpoint.rests_until = self.clock() + self.rest
                endpoint.close()
                reasons[endpoint.url] = f"{type(fault).__name__}: {fault}"
                continue
            endpoint.rests_until = 0.0
            return answer
        raise RpcUnreachable(name, reasons)

    def _check(self, endpoint: _Endpoint, deadline: float) -> None:
        if endpoint.chain_id is None:
            endpoint.chain_id = _integer(endpoint.ask("eth_chainId", (), deadline), "eth_chainId")
            if self._chain_id is None:
                self._chain_id = endpoint.chain_id
        if endpoint.chain_id != self._chain_id:
            assert self._chain_id is not None
            raise WrongChain(endpoint.url, endpoint.chain_id, self._chain_id)
        if (
            self.max_head_age is None
            or endpoint.checked_at + self.max_head_age / 4 > self.clock() >= endpoint.checked_at
        ):
            return
        block = endpoint.ask("eth_getBlockByNumber", ("latest", False), deadline)
        if not isinstance(block, dict) or "timestamp" not in block:
            raise ReplyMalformed("the latest block has no timestamp")
        age = self.clock() - _integer(block["timestamp"], "timestamp")
        if age > self.max_head_age:
            raise HeadStale(f"its head is {age:.0f} s old, {self.max_head_age:.0f} s are allowed")
        endpoint.checked_at = self.clock()


@dataclass
class _Endpoint:
    url: str
    chain_id: int | None = None
    rests_until: float = 0.0
    checked_at: float = float("-inf")
    _connection: HTTPConnection | None = None
    _ids: itertools.count[int] = field(default_factory=itertools.count)

    def ask(self, method: str, params: Sequence[Any], deadline: float) -> Any:
        number = next(self._ids)
        reply = self._post(
            {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}, deadline
        )
        return _result(method, number, reply)

    def ask_all(self, calls: Sequence[tuple[str, Sequence[Any]]], deadline: float) -> list[Any]:
        numbers = [next(self._ids) for _ in calls]
        requests = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}
            for number, (method, params) in zip(numbers, calls, strict=True)
        ]
        replies = self._post(requests, deadline)
        if not isinstance(replies, list):
            if isinstance(replies, dict) and "error" in replies:
                _result("batch", None, replies)
            raise ReplyMalformed("a batch was not answered by a list")
        by_id = {reply.get("id"): reply for reply in replies if isinstance(reply, dict)}
        return [
            _result(method, number, by_id.get(number))
            for number, (method, _) in zip(numbers, calls, strict=True)
        ]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, body: Any, deadline: float) -> Any:
        data = json.dumps(body, separators=(",", ":")).encode()
        fresh = self._connection is None
        try:
            status, text = self._exchange(data, deadline)
        except EndpointRefused:
            self.close()
            if fresh:
                raise
            status, text = self._exchange(data, deadline)  # it had only closed the idle connection
        if status in (429, 503):
            raise EndpointBusy(f"HTTP {status}")
        try:
            return json.loads(text)
        except ValueError:
            start = " ".join(text[:60].decode("utf-8", "replace").split())
            raise ReplyMalformed(f"HTTP {status} and no JSON: {start!r}") from None

    def _exchange(self, data: bytes, deadline: float) -> tuple[int, bytes]:
        try:
            if self._connection is None:
                self._connection = _connect(self.url, deadline)
            self._connection.sock.deadline = deadline  # type: ignore[union-attr]
            path = urlsplit(self.url)._replace(scheme="", netloc="", fragment="").geturl() or "/"
            self._connection.request("POST", path, data, {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            text = response.read(MAX_REPLY_BYTES + 1)
            if response.length and len(text) <= MAX_REPLY_BYTES:
                raise IncompleteRead(text, response.length)
            if response.will_close:
                self.close()
        except TimeoutError:
            self.close()
            raise EndpointTimeout("no complete answer by the deadline") from None
        except (OSError, HTTPException) as error:
            self.close()
            raise EndpointRefused(str(error) or type(error).__name__) from error
        if len(text) > MAX_REPLY_BYTES:
            self.close()
            raise ReplyMalformed(f"more than {MAX_REPLY_BYTES} bytes")
        return response.status, text


def _connect(url: str, deadline: float) -> HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EndpointRefused("not an http or https URL")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=_remaining(deadline))
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sock = _BoundedSocket(connection.sock, deadline)
    return connection


class _BoundedSocket:
    """A socket whose every send and receive ends at `deadline`, so that a slow drip cannot stretch a
    request."""

    def __init__(self, inner: socket.socket, deadline: float) -> None:
        self.inner, self.deadline = inner, deadline

    def sendall(self, data: Any) -> None:
        self.inner.settimeout(_remaining(self.deadline))
        self.inner.sendall(data)

    def makefile(self, mode: str, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_BoundedReader(self), 1 << 16)

    def close(self) -> None:
        self.inner.close()


class _BoundedReader(io.RawIOBase):
    def __init__(self, bounded: _BoundedSocket) -> None:
        self._bounded = bounded

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._bounded.inner.settimeout(_remaining(self._bounded.deadline))
        return self._bounded.inner.recv_into(buffer)


def _remaining(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return remaining


def _result(method: str, number: int | None, reply: Any) -> Any:
    if not isinstance(reply, dict) or (number is not None and reply.get("id") != number):
        raise ReplyMalformed(f"not the reply to {method}")
    error = reply.get("error")
    if error is not None:
        if not isinstance(error, dict):
            raise ReplyMalformed(f"{method}: an error of no known form: {str(error)[:60]!r}")
        code, message = error.get("code", 0), str(error.get("message", ""))
        if code in _BUSY_CODES:
            raise EndpointBusy(f"{message} (code {code})")
        raise RpcError(method, code, message, error.get("data"))
    if "result" not in reply:
        raise ReplyMalformed(f"{method}: neither a result nor an error")
    return reply["result"]


def _integer(value: Any, what: str) -> int:
    try:
        return int(value, 16)
    except (TypeError, ValueError):
        raise ReplyMalformed(f"{what} is not a hexadecimal number: {str(value)[:60]!r}") from None
