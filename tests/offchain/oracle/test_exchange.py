from __future__ import annotations

import json
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import httpx
import pytest

from tensorbond.oracle.board import Board
from tensorbond.oracle.exchange import (
    ListenFailed,
    MessageInvalid,
    Server,
    make_app,
    parse_signatures,
    parse_votes,
    show_signatures,
    show_votes,
)
from tensorbond.oracle.leaves import data_name
from tensorbond.oracle.peers import Peers
from tests.offchain.oracle.epochs import CHAIN_ID
from tests.offchain.oracle.test_board import MEMBERS, STATEMENT, sign, vote
from tests.offchain.signing import ATTESTATIONS

pytestmark = pytest.mark.chain

COMMITMENT = "ab" * 32
EVIDENCE = f"{CHAIN_ID}/3/42/{COMMITMENT}"
FILES = {EVIDENCE: b"evidence", data_name(CHAIN_ID, 5, b"r" * 32): b"{}"}


@pytest.fixture
def board() -> Board:
    board = Board(ATTESTATIONS)
    board.seat([member.address for member in MEMBERS], 0)
    return board


@pytest.fixture
def server(board: Board) -> Iterator[Server]:
    server = Server(make_app(board, lambda: {"nextEpoch": 7}, FILES.get), "127.0.0.1", 0)
    server.start()
    yield server
    server.stop()


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


def test_messages__shown_and_parsed__are_the_same():
    votes = [vote(member) for member in MEMBERS]
    assert parse_votes(show_votes(votes).model_dump_json(by_alias=True).encode(), 0, 0) == votes
    signed = [sign(member) for member in MEMBERS]
    shown = show_signatures(signed).model_dump_json(by_alias=True).encode()
    assert parse_signatures(shown, 0, 0) == signed


def test_exchange__between_two__carries_votes_signatures_and_files(board, server):
    board.post_vote(vote(MEMBERS[0]))
    board.post_signed(sign(MEMBERS[1]))
    peers = Peers({MEMBERS[0].address: url(server)})
    assert peers.votes(0, 0) == [vote(MEMBERS[0])]
    assert peers.signatures(0, 0) == [sign(MEMBERS[1])]
    assert peers.votes(0, 1) == []
    assert peers.evidence([EVIDENCE, EVIDENCE.replace("42", "43")], 100) == {
        EVIDENCE: [b"evidence"],
        EVIDENCE.replace("42", "43"): [],
    }
    assert peers.leaf_data(data_name(CHAIN_ID, 5, b"r" * 32), 100) == [b"{}"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/health", 200),
        ("/votes/0/0", 200),
        ("/votes/0/256", 422),
        ("/votes/-1/0", 422),
        ("/votes/x/0", 422),
        (f"/signatures/{1 << 64}/0", 422),
        (f"/evidence/{CHAIN_ID}/3/42/{COMMITMENT}", 200),
        (f"/evidence/{CHAIN_ID}/3/42/{COMMITMENT.upper()}", 422),
        (f"/evidence/{CHAIN_ID}/3/42/..%2F..%2Fkey", 404),
        (f"/evidence/{CHAIN_ID}/3/43/{COMMITMENT}", 404),
        ("/nothing", 404),
    ],
)
def test_server__any_request__answers_and_lives_on(server, path, status):
    assert httpx.get(url(server) + path).status_code == status
    assert httpx.get(url(server) + "/health").json() == {"nextEpoch": 7}
    assert httpx.post(url(server) + "/health", content=b"x" * 100_000).status_code == 405


def test_server__port_in_use__is_named(server):
    with pytest.raises(ListenFailed, match=str(server.port)):
        Server(make_app(Board(ATTESTATIONS), dict, FILES.get), "127.0.0.1", server.port)


def test_server__stopped__frees_its_port(board):
    server = Server(make_app(board, dict, FILES.get), "127.0.0.1", 0)
    server.start()
    server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url(server) + "/health")


GOOD = show_votes([vote(MEMBERS[0])]).model_dump_json(by_alias=True)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"votes": 5}',
        b'{"votes": [null]}',
        b'{"votes": [{}]}',
        b'{"votes": [], "more": 1}',
        b'{"votes": ' + b"[" * 100_000,
        GOOD.replace("0x", "").encode(),
        GOOD.replace(MEMBERS[0].address, "0x12").encode(),
        GOOD.replace(MEMBERS[0].address, "0x" + "zz" * 20).encode(),
        json.dumps({"votes": json.loads(GOOD)["votes"] * 1000}).encode(),
    ],
)
def test_parse_votes__nonsense__is_refused(raw):
    with pytest.raises(MessageInvalid):
        parse_votes(raw, 0, 0)


SIGNED = show_signatures([sign(MEMBERS[0])]).model_dump(mode="json", by_alias=True)


@pytest.mark.parametrize(
    "change",
    [
        {"round": -1},
        {"round": True},
        {"round": 1.5},
        {"epoch": "0"},
        {"epoch": 1 << 64},
        {"totalWeight": "-1"},
        {"totalWeight": "1" * 40},
        {"totalWeight": 5},
        {"root": "0x00"},
        {"root": None},
        {"epoch": 1},
        {"extra": 1},
    ],
)
def test_parse_signatures__nonsense__is_refused(change):
    told = json.loads(json.dumps(SIGNED))
    told["signatures"][0]["statement"] |= change
    with pytest.raises(MessageInvalid):
        parse_signatures(json.dumps(told).encode(), 0, 0)


def test_parse_signatures__of_another_turn__is_refused():
    shown = show_signatures([sign(MEMBERS[0], replace(STATEMENT, round=1))])
    with pytest.raises(MessageInvalid, match="another turn"):
        parse_signatures(shown.model_dump_json(by_alias=True).encode(), 0, 0)


# Peers that do not behave.


@contextmanager
def peer(answer) -> Iterator[str]:
    """A TCP server that treats every connection with `answer(socket)`."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            with suppress(OSError):
                answer(self.request)

    class Threaded(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Threaded(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_address[1]}"
        finally:
            listening.shutdown()
            thread.join()


def say(raw: bytes):
    return lambda connection: connection.sendall(raw)


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(200):
        connection.sendall(b" ")
        time.sleep(0.05)


def drip_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(200):
        connection.sendall(b"y")
        time.sleep(0.05)


def flood(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def hang(_: socket.socket) -> None:
    time.sleep(10)


def reply(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


MISBEHAVIOURS = {
    "html": say(reply("200 OK", b"<html>try again</html>")),
    "busy": say(reply("429 Too Many Requests", b"")),
    "moved": say(reply("302 Found", b"", "Location: http://127.0.0.1:1/")),
    "closed": lambda connection: connection.close(),
    "no_http": say(b"\x16\x03\x01 nonsense\r\n\r\n"),
    "short": say(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf"),
    "bomb": say(reply("200 OK", b"\x1f\x8b" + b"0" * 50, "Content-Encoding: gzip")),
    "nested": say(reply("200 OK", b"[" * 500_000)),
    "hang": hang,
    "drip": drip,
    "drip_headers": drip_headers,
    "flood": flood,
}


@pytest.mark.parametrize("kind", MISBEHAVIOURS)
def test_peers__one_misbehaves__the_other_is_heard_in_time(board, server, kind):
    board.post_vote(vote(MEMBERS[1]))
    board.post_signed(sign(MEMBERS[1]))
    with peer(MISBEHAVIOURS[kind]) as hostile:
        peers = Peers(
            {MEMBERS[0].address: hostile, MEMBERS[1].address: url(server)},
            answer_seconds=1.0,
            file_seconds=1.0,
        )
        began = time.monotonic()
        assert peers.votes(0, 0) == [vote(MEMBERS[1])]
        assert peers.signatures(0, 0) == [sign(MEMBERS[1])]
        assert b"evidence" in peers.evidence([EVIDENCE], 1000)[EVIDENCE]
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:1", "ftp://x", "nonsense", "http://[", "", "http://\0"]
)
def test_peers__unreachable_endpoint__is_left_out(server, endpoint):
    peers = Peers({MEMBERS[0].address: endpoint, MEMBERS[1].address: url(server)})
    assert peers.votes(0, 0) == []
    assert peers.evidence([EVIDENCE], 1000) == {EVIDENCE: [b"evidence"]}


def test_peers__file_longer_than_the_limit__is_left_out(server):
    assert Peers({MEMBERS[0].address: url(server)}).evidence([EVIDENCE], 7) == {EVIDENCE: []}


def test_peers__down__rests_before_it_is_asked_again(server):
    peers = Peers({MEMBERS[0].address: "http://127.0.0.1:1"})
    assert peers.votes(0, 0) == []
    peers.endpoints[MEMBERS[0].address] = url(server)
    assert peers.evidence([EVIDENCE], 100) == {EVIDENCE: []}


def test_peers__nobody_else__is_no_trouble():
    assert Peers({}).votes(0, 0) == []
    assert Peers({}).evidence([EVIDENCE], 9) == {EVIDENCE: []}
