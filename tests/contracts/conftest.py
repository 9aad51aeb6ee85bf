"""The tests of `EXITS` run twice: in an open system, and in one that is paused by the time of the exit.
In those of `TRIED`, everybody who may not tries the verb, before one who may."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tensorbond.chain.artifacts import CONTRACTS
from tensorbond.chain.roles import GUARDIAN, PAUSE
from tests.chain import Chain, Sent, project_artifacts
from tests.contracts.governance.callers import TRIED, refusal, try_as_others
from tests.contracts.governance.exits import EXITS
from tests.contracts.governance.table import table
from tests.system import role

HERE = Path(__file__).parent
PAUSABLE = [name for name in CONTRACTS if PAUSE in project_artifacts()[name].abi.functions]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if _verb(metafunc.definition) is not None:
        metafunc.fixturenames.append("while_paused")
        metafunc.parametrize("while_paused", [False, True], indirect=True, ids=["open", "paused"])


@pytest.fixture
def while_paused(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything that can be paused is, before the verb in question is sent for the first time."""
    if not request.param:
        yield
        return
    chain: Chain = request.getfixturevalue("chain")
    verb, send, tried = _verb(request.node), chain.send, False

    def send_paused(contract: str, function: str, *args: Any, **options: Any) -> Sent:
        nonlocal tried
        if f"{contract}.{function}" == verb and not tried:
            tried = True
            pause_all(chain)
        return send(contract, function, *args, **options)

    monkeypatch.setattr(chain, "send", send_paused)
    yield
    assert tried, f"{verb} was not sent"


@pytest.fixture(autouse=True)
def _tried_as_others(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """See `governance/callers.py`."""
    place = _place(request.node)
    is_paused = getattr(request.node, "callspec", None) and request.node.callspec.params.get("while_paused")
    left = {verb for verb, found in TRIED.items() if found == place and not is_paused}
    if not left:
        yield
        return
    chain: Chain = request.getfixturevalue("chain")
    send = chain.send

    def send_after_others(contract: str, function: str, *args: Any, **options: Any) -> Sent:
        verb, row = f"{contract}.{function}", table().get((contract, function))
        if (
            verb in left
            and row
            and refusal(chain, contract, function, *args, sender=options["sender"]) is None
        ):
            left.discard(verb)
            try_as_others(chain, verb, args, row.caller, row.error)
        return send(contract, function, *args, **options)

    monkeypatch.setattr(chain, "send", send_after_others)
    yield
    assert left == set(), "nobody could send these"


def _place(test: pytest.Function | pytest.Item) -> tuple[str, str]:
    return test.path.relative_to(HERE).as_posix(), getattr(test, "originalname", "")


def _verb(test: pytest.Function | pytest.Item) -> str | None:
    assert isinstance(test, pytest.Function)
    return next((verb for verb, found in EXITS.items() if found == _place(test)), None)


def pause_all(chain: Chain) -> None:
    """Pause every contract that can be, without mining a block: tests count them."""
    for contract, slot, word in _pauses(chain):
        now = int.from_bytes(chain.storage(contract, slot), "big")
        chain.rpc.request("anvil_setStorageAt", chain.at(contract), hex(slot), f"0x{now | word:064x}")
        assert chain.call(contract, "paused")


@cache
def _pauses(chain: Chain) -> list[tuple[str, int, int]]:
    """Which bit of which slot `pause` sets, by trying it."""
    snapshot = chain.snapshot()
    governor, found = role(chain, "governor"), []
    for contract in PAUSABLE:
        before = [chain.storage(contract, slot) for slot in range(16)]
        chain.send(contract, "pause", sender=governor)
        for slot, old in enumerate(before):
            new = chain.storage(contract, slot)
            if new != old:
                found.append((contract, slot, int.from_bytes(new, "big") ^ int.from_bytes(old, "big")))
    assert [contract for contract, *_ in found] == PAUSABLE
    assert chain.call("AccessManager", "hasRole", GUARDIAN, governor)[0]
    chain.revert_to(snapshot)
    return found
