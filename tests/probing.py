"""pytest's plugin of `scripts/coverage.py`: the tests run on probed contracts, and what was hit is kept.

    python -m pytest -p tests.probing tests/contracts/rewards

The chains get room for what the probes cost, in gas and in code, and print their traces into a pipe that is
read here. Tests that measure just that, or that start chains of their own, are left out."""

from __future__ import annotations

import os
import resource
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts import coverage
from tensorbond.chain import lane
from tensorbond.chain.rpc import Rpc
from tensorbond.demo.anvil import Anvil
from tests.chain import Chain, Sent

ROOM = 4_000_000_000
"""Gas of a block."""
GENEROUS = 10_000_000
"""Whoever offers this much gas doesn't mean to measure it, and gets as much again, many times."""
_SENDING = frozenset({"eth_call", "eth_sendTransaction", "eth_sendTransactionSync"})

MEMORY = 8 << 30
"""Of a chain, for what its traces take: it ends before the machine does."""
SECONDS = 60
"""Between two times that the hits are written down: a run that is stopped has not run for nothing."""

_WRITER = f"{time.time_ns()}-{os.getpid()}"
_kept = {"at": 0.0}
_made = coverage.use_instrumented()
_hits: list[coverage.Hits] = []


class ProbedAnvil:
    """What is changed of `Anvil`: its options, and where it writes."""

    started, left = Anvil._start, Anvil.__exit__

    @staticmethod
    def start(anvil: Anvil) -> None:
        options = list(anvil.options)
        if "--gas-limit" in options:
            at = options.index("--gas-limit")
            del options[at : at + 2]
        if "--print-traces" not in options:
            options += ["--print-traces", "--disable-code-size-limit"]
        anvil.options = (*options, "--gas-limit", str(ROOM))
        reading, writing = os.pipe()
        anvil.log = Path(f"/proc/self/fd/{writing}")
        try:
            ProbedAnvil.started(anvil)
        finally:
            os.close(writing)
        if anvil.process is not None:
            resource.prlimit(anvil.process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
        hits = coverage.Hits()
        _hits.append(hits)
        reader = threading.Thread(target=_read, args=(reading, hits), daemon=True)
        reader.start()
        anvil.__dict__["reader"] = reader

    @staticmethod
    def leave(anvil: Anvil, *error: Any) -> None:
        ProbedAnvil.left(anvil, *error)
        if reader := anvil.__dict__.pop("reader", None):
            reader.join(timeout=60)


def _read(pipe: int, hits: coverage.Hits) -> None:
    with open(pipe, "rb", buffering=0) as log:
        while chunk := log.read(1 << 20):
            hits.read(chunk)


def _request(rpc: Rpc, method: str, *params: Any, timeout: float | None = None) -> Any:
    if method in _SENDING and int(params[0].get("gas", "0x0"), 16) >= GENEROUS:
        params = ({**params[0], "gas": hex(ROOM // 2)}, *params[1:])
    return _asked(rpc, method, *params, timeout=timeout)


_asked = Rpc.request


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
    seen = {number for hits in _hits for number in hits.seen.copy()}
    for each in _made.values():
        if seen & each.probes.keys():
            each.add_hits(seen, _WRITER)
