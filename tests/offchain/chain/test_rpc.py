"""Endpoints that fail in every way they do: each by its own name, and the next one is asked."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tensorbond.chain.errors import ChainError, RpcError, RpcUnreachable, WrongChain
from tensorbond.chain.rpc import Rpc
from tests.offchain.chain.faulty import Answer, FaultyServer, after_chain_id, healthy, reply, send

pytestmark = pytest.mark.chain


def hang(handler: BaseHTTPRequestHandler, request: Any) -> None:
    time.sleep(1.0)


def drip_body(handler: BaseHTTPRequestHandler, request: Any) -> None:
    """One byte every 50 ms: each read succeeds, the answer never ends in time."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(40):
        handler.wfile.write(b" ")
        time.sleep(0.05)


def drip_headers(handler: BaseHTTPRequestHandler, request: Any) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 40:
        handler.wfile.write(bytes([byte]))
        time.sleep(0.05)


def html(handler: BaseHTTPRequestHandler, request: Any) -> None:
    send(handler, b"<html><body>Welcome to our portal</body></html>", kind="text/html")


def too_many(handler: BaseHTTPRequestHandler, request: Any) -> None:
    send(handler, b"slow down", 429)


def limited(handler: BaseHTTPRequestHandler, request: Any) -> None:
    error = {"code": -32005, "message": "limit exceeded"}
    send(handler, json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error}).encode())


def hang_up(handler: BaseHTTPRequestHandler, request: Any) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def cut_short(handler: BaseHTTPRequestHandler, request: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"jsonrpc"')
    handler.close_connection = True


def another_id(handler: BaseHTTPRequestHandler, request: Any) -> None:
    reply(handler, {"id": request["id"] + 1}, "0x1")


def neither(handler: BaseHTTPRequestHandler, request: Any) -> None:
    send(handler, json.dumps({"jsonrpc": "2.0", "id": request["id"]}).encode())


def a_list(handler: BaseHTTPRequestHandler, request: Any) -> None:
    send(handler, b"[]")


FAULTS = [
    (hang, "EndpointTimeout"),
    (drip_body, "EndpointTimeout"),
    (drip_headers, "EndpointTimeout"),
    (html, "ReplyMalformed"),
    (too_many, "EndpointBusy"),
    (limited, "EndpointBusy"),
    (hang_up, "EndpointRefused"),
    (cut_short, "EndpointRefused"),
    (another_id, "ReplyMalformed"),
    (neither, "ReplyMalformed"),
    (a_list, "ReplyMalformed"),
]


@pytest.fixture
def good() -> Iterator[FaultyServer]:
    with FaultyServer(healthy()) as server:
        yield server


@pytest.mark.parametrize(("fault", "name"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])
def test_request__only_a_faulty_endpoint__says_which_and_why(fault: Answer, name: str) -> None:
    with FaultyServer(after_chain_id(fault)) as server, closing(Rpc([server.url], timeout=0.4)) as rpc:
        started = time.monotonic()
        with pytest.raises(RpcUnreachable) as caught:
            rpc.request("eth_blockNumber")
        assert time.monotonic() - started < 0.9
        assert caught.value.reasons.keys() == {server.url}
        assert caught.value.reasons[server.url].startswith(name + ": ")


@pytest.mark.parametrize(("fault", "name"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])
def test_request__faulty_then_healthy__is_answered_and_the_faulty_one_rests(
    fault: Answer, name: str, good: FaultyServer
) -> None:
    with (
        FaultyServer(after_chain_id(fault)) as bad,
        closing(Rpc([bad.url, good.url], timeout=0.4, chain_id=31337)) as rpc,
    ):
        assert rpc.request("eth_first") == "eth_first"
        asked = len(bad.asked)
        assert rpc.request("eth_second") == "eth_second"
        assert len(bad.asked) == asked


def test_request__a_rest_is_over__the_first_endpoint_is_asked_again(good: FaultyServer) -> None:
    now = time.time()
    with (
        FaultyServer(after_chain_id(html)) as bad,
        closing(Rpc([bad.url, good.url], timeout=1, rest=15, clock=lambda: now)) as rpc,
    ):
        rpc.request("eth_first")
        now += 16
        rpc.request("eth_second")
        assert bad.asked.count("eth_second") == 1


def test_request__nobody_listens__is_unreachable() -> None:
    with (
        closing(Rpc(["http://127.0.0.1:1"], timeout=1, chain_id=1)) as rpc,
        pytest.raises(RpcUnreachable) as caught,
    ):
        rpc.request("eth_blockNumber")
    assert caught.value.reasons["http://127.0.0.1:1"].startswith("EndpointRefused: ")


@pytest.mark.parametrize("url", ["ftp://x", "127.0.0.1:8545", "http://"])
def test_request__not_a_url__is_unreachable(url: str) -> None:
    with (
        closing(Rpc([url], chain_id=1)) as rpc,
        pytest.raises(RpcUnreachable, match="not an http or https URL"),
    ):
        rpc.request("eth_blockNumber")


def test_request__another_chain__is_refused_though_others_serve_it(good: FaultyServer) -> None:
    with (
        FaultyServer(healthy(chain_id=5)) as other,
        closing(Rpc([other.url, good.url], chain_id=31337)) as rpc,
    ):
        with pytest.raises(WrongChain) as caught:
            rpc.request("eth_blockNumber")
        assert (caught.value.url, caught.value.have, caught.value.need) == (other.url, 5, 31337)


def test_request__a_stale_head__another_endpoint_is_asked(good: FaultyServer) -> None:
    with (
        FaultyServer(healthy(head_age=120)) as stale,
        closing(Rpc([stale.url, good.url], max_head_age=60)) as rpc,
    ):
        assert rpc.request("eth_gasPrice") == "eth_gasPrice"
        assert "eth_gasPrice" not in stale.asked


def test_request__only_stale_heads__says_how_old() -> None:
    with (
        FaultyServer(healthy(head_age=120)) as stale,
        closing(Rpc([stale.url], max_head_age=60)) as rpc,
        pytest.raises(RpcUnreachable, match=r"HeadStale: its head is 1[12]\d s old, 60 s are allowed"),
    ):
        rpc.request("eth_gasPrice")


def test_request__the_node_refuses__its_error_is_not_retried(good: FaultyServer) -> None:
    def refuse(handler: BaseHTTPRequestHandler, request: Any) -> None:
        error = {"code": 3, "message": "execution reverted", "data": "0x01"}
        send(handler, json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error}).encode())

    with (
        FaultyServer(after_chain_id(refuse)) as bad,
        closing(Rpc([bad.url, good.url], chain_id=31337)) as rpc,
    ):
        with pytest.raises(RpcError) as caught:
            rpc.request("eth_call")
        assert (caught.value.code, caught.value.data) == (3, "0x01")
        assert "eth_call" not in good.asked


def test_request__the_idle_connection_was_closed__is_answered_over_a_new_one() -> None:
    def once(handler: BaseHTTPRequestHandler, request: Any) -> None:
        healthy()(handler, request)
        handler.close_connection = True  # without saying so

    with FaultyServer(once) as server, closing(Rpc([server.url])) as rpc:
        assert [rpc.request(f"eth_{index}") for index in range(5)] == [f"eth_{index}" for index in range(5)]


def test_batch__replies_in_any_order__are_given_in_the_order_asked(good: FaultyServer) -> None:
    with closing(Rpc([good.url])) as rpc:
        assert rpc.batch([("eth_a", ()), ("eth_b", ()), ("eth_c", ())]) == ["eth_a", "eth_b", "eth_c"]
        assert rpc.batch([]) == []


def test_batch__a_reply_is_missing__is_malformed() -> None:
    def drop_one(handler: BaseHTTPRequestHandler, request: Any) -> None:
        replies = [{"jsonrpc": "2.0", "id": each["id"], "result": 1} for each in request[1:]]
        send(handler, json.dumps(replies).encode())

    with (
        FaultyServer(after_chain_id(drop_one)) as server,
        closing(Rpc([server.url])) as rpc,
        pytest.raises(RpcUnreachable, match="ReplyMalformed: not the reply to eth_a"),
    ):
        rpc.batch([("eth_a", ()), ("eth_b", ())])


def test_rpc__no_endpoint__is_refused() -> None:
    with pytest.raises(ChainError, match="no RPC endpoint"):
        Rpc([])
