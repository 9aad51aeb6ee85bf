"""The guardian stops new business, and only that; the governor lets it in again."""

from __future__ import annotations

import re

import pytest

from tensorbond.chain.artifacts import CONTRACTS
from tensorbond.chain.roles import PAUSE
from tests.acts import TBND, stake_as
from tests.anvil import ROOT
from tests.chain import Chain, project_artifacts

from .conftest import DELAY, Operation

pytestmark = pytest.mark.chain

_FUNCTION = re.compile(r"^    (function|constructor|modifier)\b ?(\w*)(.*?)^    \}", re.MULTILINE | re.DOTALL)
_STOPS = re.compile(r"^\| `(\w+)` \| (`\w+`(?:, `\w+`)*) \|$", re.MULTILINE)
PAUSABLE = [name for name in CONTRACTS if PAUSE in project_artifacts()[name].abi.functions]


@pytest.mark.parametrize("contract", PAUSABLE)
def test_pause__by_the_guardian__holds_until_the_governor_ends_it(
    chain: Chain, slow_governor: str, guardian: str, contract: str
) -> None:
    sent = chain.send(contract, "pause", sender=guardian)
    assert sent.event("PauseSet") == {"paused": True}
    assert chain.call(contract, "paused")

    with chain.reverts("AccessManagedUnauthorized", caller=guardian):
        chain.send(contract, "unpause", sender=guardian)
    unpause = Operation(chain, slow_governor, contract, "unpause", ())
    with chain.reverts("AccessManagerNotScheduled", operationId=unpause.id):
        unpause.make()
    unpause.schedule()
    chain.set_time(chain.timestamp + DELAY)

    assert unpause.make().event("PauseSet") == {"paused": False}
    assert not chain.call(contract, "paused")


@pytest.mark.parametrize("contract", PAUSABLE)
@pytest.mark.parametrize("who", ["governor", "stranger", "provider"])
def test_pause__by_anyone_but_the_guardian__reverts(
    chain: Chain, guardian: str, contract: str, who: str, request: pytest.FixtureRequest
) -> None:
    caller = request.getfixturevalue(who)
    with chain.reverts("AccessManagedUnauthorized", caller=caller):
        chain.send(contract, "pause", sender=caller)
    assert not chain.call(contract, "paused")


def test_register__while_paused__reverts(chain: Chain, guardian: str, governor: str, provider: str) -> None:
    stake_as(chain, provider, 100 * TBND)
    chain.send("DeviceRegistry", "pause", sender=guardian)
    with chain.reverts("Paused"):
        chain.send("DeviceRegistry", "register", 0, 10, 1, sender=provider)
    chain.send("DeviceRegistry", "unpause", sender=governor)
    chain.send("DeviceRegistry", "register", 0, 10, 1, sender=provider)


def test_pause__a_new_timing_entry__leaves_it_paused(chain: Chain, guardian: str, governor: str) -> None:
    timing = chain.call("DeviceRegistry", "timingEntry", 0)
    chain.send("DeviceRegistry", "pause", sender=guardian)
    later = {**vars(timing), "from_epoch": 1000}
    chain.send("DeviceRegistry", "schedule", later, sender=governor)
    assert chain.call("DeviceRegistry", "paused")
    assert chain.call("DeviceRegistry", "classCount") == 3
    assert chain.call("DeviceRegistry", "timingCount") == 2


def refusing(contract: str) -> set[str]:
    """The public functions of a source that can refuse `Paused()`, by themselves or by what they call."""
    source = (ROOT / "contracts" / f"{contract}.sol").read_text(encoding="utf-8")
    bodies = {name or kind: body for kind, name, body in _FUNCTION.findall(source)}
    found = {name for name, body in bodies.items() if "Paused()" in body}
    while more := {
        name
        for name, body in bodies.items()
        if name not in found and any(re.search(rf"(?<![.\w]){callee}\(", body) for callee in found)
    }:
        found |= more
    return {name for name in found if re.search(r"\b(external|public)\b", bodies[name].split("{")[0])}


@pytest.mark.unit
def test_pause__the_verbs_that_refuse__are_those_of_the_table() -> None:
    section = (ROOT / "docs" / "roles.md").read_text().split("\n## Pause\n")[1].split("\n## ")[0]
    told = {name: set(verbs.replace("`", "").split(", ")) for name, verbs in _STOPS.findall(section)}
    assert told == {name: refusing(name) for name in PAUSABLE}
    assert all(told.values())
    others = {path.stem for path in (ROOT / "contracts").glob("*.sol")} - set(PAUSABLE)
    assert {name for name in others if refusing(name)} == set()
