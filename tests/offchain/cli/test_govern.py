from __future__ import annotations

import pytest

from tensorbond.chain.roles import ADMIN, GOVERNOR, GUARDIAN
from tests.chain import Chain
from tests.offchain.cli.conftest import Run

DELAY = 2 * 24 * 3600


@pytest.fixture
def guardian(chain: Chain, governor: str, auditor: str) -> str:
    chain.send("AccessManager", "grantRole", GUARDIAN, auditor, 0, sender=governor)
    chain.send("AccessManager", "revokeRole", GUARDIAN, governor, sender=governor)
    return auditor


@pytest.fixture
def slow_governor(chain: Chain, guardian: str, governor: str) -> str:
    for role in (GOVERNOR, ADMIN):
        chain.send("AccessManager", "grantRole", role, governor, DELAY, sender=governor)
    return governor


def test_call__by_a_governor_whose_calls_wait__is_scheduled_then_done(
    chain: Chain, run: Run, slow_governor: str
) -> None:
    words = ("govern", "call", "JobEscrow", "setFee", 200)
    told = run(*words, "--json", by=slow_governor)
    assert told.code == 0, told.err
    (row,) = told.json["calls"]
    assert (row["call"], row["state"], row["wait"]) == ("JobEscrow.setFee", "scheduled", DELAY)
    assert "scheduled already, give this command again after" in run(*words, by=slow_governor).out
    (waiting,) = run("govern", "status", "--json").json["scheduled"]
    assert waiting["operation"] == row["operation"]
    assert (waiting["contract"], waiting["function"], waiting["arguments"]) == (
        "JobEscrow",
        "setFee",
        ["200"],
    )

    chain.set_time(chain.timestamp + DELAY)
    chain.mine()
    assert run(*words, by=slow_governor).out == "JobEscrow.setFee: done\n"
    assert chain.call("JobEscrow", "feeBps") == 200


def test_cancel__by_the_guardian__ends_what_waits(
    chain: Chain, run: Run, slow_governor: str, guardian: str, stranger: str
) -> None:
    run("govern", "call", "JobEscrow", "setFee", 200, by=slow_governor)
    (waiting,) = run("govern", "status", "--json").json["scheduled"]
    refused = run("govern", "cancel", waiting["operation"], by=stranger)
    assert (refused.code, "AccessManagerUnauthorizedCancel" in refused.err) == (2, True)
    told = run("govern", "cancel", waiting["operation"], by=guardian)
    assert (told.code, told.out) == (0, "cancelled JobEscrow.setFee(200,)\n")
    assert run("govern", "status", "--json").json["scheduled"] == []
    again = run("govern", "cancel", waiting["operation"], by=guardian)
    assert again.err == f"Error: no call {waiting['operation']} is scheduled\n"


def test_pause__by_the_guardian__stops_all_and_the_governor_ends_it(
    chain: Chain, run: Run, governor: str, guardian: str
) -> None:
    told = run("govern", "pause", by=guardian)
    assert told.code == 0, told.err
    assert "DeviceRegistry.pause: done" in told.out.splitlines()
    paused = run("govern", "status", "--json").json["paused"]
    assert "DeviceRegistry" in paused
    assert run("govern", "pause", by=guardian).out == "nothing to do\n"

    refused = run("govern", "unpause", by=guardian)
    assert (refused.code, f"DeviceRegistry.unpause: not for {guardian} to call" in refused.out) == (1, True)
    assert run("govern", "unpause", "DeviceRegistry", by=governor).out == "DeviceRegistry.unpause: done\n"
    assert not chain.call("DeviceRegistry", "paused")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("Nothing", "setFee", 1), "there is no contract Nothing"),
        (("JobEscrow", "feeBps"), "JobEscrow has no verb feeBps"),
    ],
)
def test_call__what_isnt_there__says_so(
    run: Run, governor: str, words: tuple[object, ...], told: str
) -> None:
    found = run("govern", "call", *words, by=governor)
    assert (found.code, told in found.err) == (2, True)
