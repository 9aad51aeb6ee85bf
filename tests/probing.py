"""pytest's plugin of `scripts/coverage.py`: the tests run on probed contracts, and what was hit is kept.

    python -m pytest -p tests.probing tests/contracts/rewards

The chains get room for what the probes cost, in gas and in code, and are asked for the trace of every call
and transaction: one that prints its traces keeps the memory of each step, gigabytes for one proof. Tests that
measure gas are left out."""

from __future__ import annotations

import os
import resource
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from scripts import coverage
from tensorbond.chain import lane
from tensorbond.chain.errors import RpcError
from tensorbond.chain.rpc import Rpc
from tensorbond.demo.anvil import Anvil
from tests.chain import Chain, Sent

ROOM = 4_000_000_000
"""Gas of a block."""
GENEROUS = 10_000_000
"""Whoever offers this much gas doesn't mean to measure it, and gets as much again, many times."""
_SENDING = frozenset({"eth_call", "eth_sendTransaction", "eth_sendTransactionSync"})

MEMORY = 4 << 30
"""Of a chain, for what its traces take: it ends before the machine does."""
SECONDS = 60
"""Between two times that the hits are written down: a run that is stopped has not run for nothing."""

_WRITER = f"{time.time_ns()}-{os.getpid()}"
_kept = {"at": 0.0}
_made = coverage.use_instrumented()
_hits = coverage.Hits()


class ProbedAnvil:
    """What is changed of `Anvil`: its options, and that it tells what it ran before it ends."""

    started, left = Anvil._start, Anvil.__exit__

    @staticmethod
    def start(anvil: Anvil) -> None:
        options = list(anvil.options)
        if "--gas-limit" in options:
            at = options.index("--gas-limit")
            del options[at : at + 2]
        if "--disable-code-size-limit" not in options:
            options.append("--disable-code-size-limit")
        anvil.options = (*options, "--gas-limit", str(ROOM))
        ProbedAnvil.started(anvil)
        if anvil.process is not None:
            resource.prlimit(anvil.process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))

    @staticmethod
    def leave(anvil: Anvil, *error: Any) -> None:
        if anvil.process is not None and anvil.process.poll() is None:
            _trace_sent(anvil.rpc)
        ProbedAnvil.left(anvil, *error)


def _request(rpc: Rpc, method: str, *params: Any, timeout: float | None = None) -> Any:
    if method in _SENDING and int(params[0].get("gas", "0x0"), 16) >= GENEROUS:
        params = ({**params[0], "gas": hex(ROOM // 2)}, *params[1:])
    if method == "eth_call" and len(params) < 3:
        call = _trace(rpc, "debug_traceCall", params[0], *(params[1:2] or ("latest",)))
        if call and "error" not in call:
            return call.get("output", "0x")
    elif method == "evm_revert":
        _trace_sent(rpc)
    result = _asked(rpc, method, *params, timeout=timeout)
    if method == "debug_traceCall":
        _hits.read(result)
    elif method.startswith("eth_send"):
        transaction = result["transactionHash"] if isinstance(result, dict) else result
        _sent.setdefault(rpc.urls, []).append(transaction)
    return result


_asked = Rpc.request
_sent: dict[tuple[str, ...], list[str]] = {}
"""What is to be traced before it is undone, by the chain."""


def _trace_sent(rpc: Rpc) -> None:
    for transaction in _sent.pop(rpc.urls, ()):
        _trace(rpc, "debug_traceTransaction", transaction)


def _trace(rpc: Rpc, method: str, *params: Any) -> dict[str, Any]:
    """What cannot even begin has no trace."""
    trace: dict[str, Any] = {}
    with suppress(RpcError):
        trace = _asked(rpc, method, *params, {"tracer": "callTracer"}, timeout=300)
        _hits.read(trace)
    return trace


def _transact(chain: Chain, *args: Any, **options: Any) -> Sent:
    """What it used says nothing: no test measures it here."""
    return replace(_transacted(chain, *args, **options), gas_used=0)


_transacted = Chain.transact


def pytest_configure(config: pytest.Config) -> None:
    Anvil._start = ProbedAnvil.start  # type: ignore[method-assign]
    Anvil.__exit__ = ProbedAnvil.leave  # type: ignore[method-assign]
    Rpc.request = _request  # type: ignore[method-assign]
    Chain.transact = _transact  # type: ignore[method-assign]
    lane.MAX_TRANSACTION_GAS = ROOM // 2


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Only what runs the contracts is worth a run, and only what measures nothing passes."""
    kept, dropped = [], []
    for item in items:
        reason = next((told for place, told in coverage.LEFT_OUT.items() if place in item.nodeid), "")
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
        chained = {"system", "bare_system"} & set(getattr(item, "fixturenames", ()))
        (kept if chained or item.get_closest_marker("chain") else dropped).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=dropped)


def pytest_runtest_logfinish() -> None:
    if time.monotonic() - _kept["at"] > SECONDS:
        _keep()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    _keep()


def _keep() -> None:
    _kept["at"] = time.monotonic()
    for each in _made.values():
        if _hits.seen & each.probes.keys():
            each.add_hits(_hits.seen, _WRITER)
