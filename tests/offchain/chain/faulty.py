"""A small RPC server that misbehaves to order, and counts what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler, Any], None]


class FaultyServer:
    """`with FaultyServer(answer) as server: server.url`. `answer` gets the handler and the parsed request."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append("batch" if isinstance(body, list) else body["method"])
                try:
                    answer(self, body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FaultyServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def send(
    handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, kind: str = "application/json"
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def reply(handler: BaseHTTPRequestHandler, request: Any, result: Any) -> None:
    send(handler, json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode())


def healthy(chain_id: int = 31337, head_age: float = 0.0, **results: Any) -> Answer:
    """Answers chain id and head as asked, other methods from `results` or with their own name."""

    def answer(handler: BaseHTTPRequestHandler, request: Any) -> None:
        if isinstance(request, list):
            replies = [{"jsonrpc": "2.0", "id": each["id"], "result": result_of(each)} for each in request]
            send(handler, json.dumps(replies[::-1]).encode())
        else:
            reply(handler, request, result_of(request))

    def result_of(request: Any) -> Any:
        if request["method"] == "eth_chainId":
            return hex(chain_id)
        if request["method"] == "eth_getBlockByNumber":
            return {"number": "0x7", "hash": "0x" + "11" * 32, "timestamp": hex(int(time.time() - head_age))}
        return results.get(request["method"], request["method"])

    return answer


def after_chain_id(fault: Answer, chain_id: int = 31337) -> Answer:
    """Healthy while it is asked for the chain id, then `fault`."""

    def answer(handler: BaseHTTPRequestHandler, request: Any) -> None:
        if not isinstance(request, list) and request["method"] == "eth_chainId":
            reply(handler, request, hex(chain_id))
        else:
            fault(handler, request)

    return answer
