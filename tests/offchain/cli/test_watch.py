"""`tensorbond watch` and `tensorbond dispute` as commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tensorbond.chain import slots
from tests.acts import mine_to_slot, timing
from tests.chain import Chain
from tests.offchain.cli.conftest import Run
from tests.work import device_as, drawn_slot_of, seal

pytestmark = pytest.mark.chain


@pytest.fixture
def missed(chain: Chain, provider: str) -> tuple[int, int]:
    """A device and a slot of an epoch that is over in which it was drawn and did nothing."""
    device = device_as(chain, provider)
    slot = drawn_slot_of(chain, device)
    epoch = slots.epoch_of(timing(chain), slot)
    first = slots.first_slot(timing(chain), epoch)
    for each in range(first, first + timing(chain).epoch_slots + 2):
        if each > slot:
            mine_to_slot(chain, each)
        seal(chain, each)
    return device, slot


def test_watch__once__finds_proves_and_then_finds_nothing(
    chain: Chain, run: Run, missed: tuple[int, int], auditor: str, tmp_path: Path
):
    words = ("watch", "--once", "--from-epoch", 0, "--state", tmp_path / "watch")
    dry = run(*words, "--dry-run", "--json")
    assert dry.code == 1
    told = [json.loads(line) for line in dry.out.splitlines()]
    assert {(each["kind"], each["result"]) for each in told} == {("missed", "would send")}
    assert f"device {missed[0]} slot {missed[1]}" in {each["subject"] for each in told}
    assert chain.events("WorkDisputes", "MissProven") == []

    done = run(*words, by=auditor)
    assert done.code == 1
    assert f"proven: missed device {missed[0]} slot {missed[1]}: no record" in done.out
    proven = chain.events("WorkDisputes", "MissProven")
    assert len(proven) == len(done.out.splitlines()) == len(told)
    again = run(*words, by=auditor)
    assert (again.code, again.out) == (0, "")


def test_watch__no_key__could_not_tell(run: Run, tmp_path: Path):
    told = run("watch", "--once", "--state", tmp_path / "watch")
    assert (told.code, told.out) == (2, "")


def test_dispute__build_then_send__is_proven_once(
    chain: Chain, run: Run, missed: tuple[int, int], auditor: str, tmp_path: Path
):
    device, slot = missed
    path = tmp_path / "missed.json"
    built = run("dispute", "build", "missed", "--slot", slot, "--device", device, "--out", path)
    assert (built.code, built.out) == (0, "")
    told = json.loads(path.read_text())
    assert told["about"] == {"device": device, "slot": slot}
    assert told["function"] == "proveMissed(uint256,uint256)"
    assert told["arguments"] == {"device": device, "slot": slot}

    sent = run("dispute", "send", path, "--json", by=auditor)
    assert sent.code == 0
    (proven,) = chain.events("WorkDisputes", "MissProven")
    assert (proven.args["device"], proven.args["slot"]) == (device, slot)
    assert sent.json["transaction"] == proven.transaction
    assert "MissProven" in {event["name"] for event in sent.json["events"]}

    refused = run("dispute", "send", path, "--json", by=auditor)
    assert refused.code == 1
    assert refused.json["refused"]["error"] == "CommittedAlready"
    nothing = run("dispute", "build", "missed", "--slot", slot, "--device", device)
    assert (nothing.code, nothing.out) == (1, "")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"chainId": 1}, "not ("),
        ({"to": "0x" + "11" * 20}, "not ("),
        ({"calldata": "0x12345678"}, "the calldata are none of proveMissed"),
        ({"kind": "mint"}, "kind 'mint'"),
        ({"version": 2}, "version 2"),
        ({"value": "-1"}, "kind"),
        ({"value": "much"}, "no dispute's file"),
    ],
)
def test_dispute_send__a_file_that_is_none_of_this_network__is_refused(
    run: Run, missed: tuple[int, int], auditor: str, tmp_path: Path, change: dict[str, object], words: str
):
    built = run("dispute", "build", "missed", "--slot", missed[1], "--device", missed[0])
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(built.json | change))
    told = run("dispute", "send", path, by=auditor)
    assert told.code == 2
    assert words in told.err


def test_dispute_build__no_place_told__is_a_usage_error(run: Run):
    told = run("dispute", "build", "missed")
    assert told.code == 2
    assert "--epoch or --slot" in told.err
