"""The tests of `EXITS` run twice: in an open system, and in one that is paused by the time of the exit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tensorbond.chain.artifacts import CONTRACTS
from tensorbond.chain.roles import GUARDIAN, PAUSE
from tests.chain import Chain, Sent, project_artifacts
from tests.contracts.governance.exits import EXITS
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


def _verb(test: pytest.Function | pytest.Item) -> str | None:
    assert isinstance(test, pytest.Function)
    place = test.path.relative_to(HERE).as_posix(), test.originalname
    return next((verb for verb, found in EXITS.items() if found == place), None)


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
