"""What providers do wrong, found by the bot and paid for: it is told nothing but where evidence lies."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tensorbond.chain import digests, slots
from tensorbond.chain.types import SlashReason
from tensorbond.demo.villains import SkippingProver
from tensorbond.proof import CpuProver, Evidence, evidence_name, evidence_root
from tensorbond.store import Store
from tensorbond.watch.bot import Act, Watcher
from tensorbond.watch.config import WatchConfig
from tensorbond.watch.work import answer
from tests.acts import TBND, delegate_as, domain, mine_to_slot, register_as, stake_as, timing
from tests.chain import Chain
from tests.work import Work, commit_work, device_as, drawn_slot_of, open_work, seal

pytestmark = pytest.mark.chain

Look = Callable[..., list[Act]]


@pytest.fixture
def look(chain: Chain, deployment_file: Path, tmp_path: Path, auditor: str) -> Look:
    """`look(store)`: what the bot does now in the epochs from 0 on, misses and its deposits aside."""

    def run(store: Store, **told: Any) -> list[Act]:
        config = WatchConfig(
            rpc_urls=(chain.url,),
            deployment=deployment_file,
            store_url=store.url,
            state_dir=tmp_path / "watch",
            account=chain.key(auditor),
            from_epoch=0,
            workers=1,
        )
        with closing(Watcher(replace(config, **told))) as watcher:
            return [act for act in watcher.cycle() if act.kind not in ("missed", "itemDeposit")]

    return run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def work_of(chain: Chain, provider: str, prover: CpuProver | None = None) -> Work:
    """Done in a drawn slot and opened; the epoch and the slot after it are over, and all is sealed."""
    device = device_as(chain, provider)
    work = commit_work(chain, provider, device, drawn_slot_of(chain, device), prover)
    work = open_work(chain, work)
    first = timing(chain)
    end = slots.first_slot(first, slots.epoch_of(first, work.slot) + 1)
    for slot in range(slots.first_slot(first, slots.epoch_of(first, work.slot)), end + 2):
        if slot > work.slot + 1:
            mine_to_slot(chain, slot)
        seal(chain, slot)
    return work


def publish(chain: Chain, store: Store, work: Work, evidence: Evidence) -> None:
    """Signed by the committing key."""
    told = digests.evidence(domain(chain, "Challenges"), work.proof.commitment, evidence_root(evidence))
    name = evidence_name(31337, work.device, work.slot, work.proof.commitment)
    store.put(name, evidence.sign(told.sign(chain.key(work.key))).encode())


def garbled(evidence: Evidence) -> Evidence:
    """Its header ends in another seed."""
    return replace(evidence, final_seed=bytes(32))


def test_cycle__honest_evidence__costs_nothing(chain: Chain, provider: str, look: Look, store: Store):
    work = work_of(chain, provider)
    assert work.evidence is not None
    publish(chain, store, work, work.evidence)
    assert look(store) == []
    assert chain.call("Challenges", "recordOf", work.device, work.slot)[-1] == 1


def test_cycle__bad_item__is_proven(chain: Chain, provider: str, look: Look, store: Store):
    work = work_of(chain, provider, SkippingProver(0.9))
    assert work.evidence is not None
    publish(chain, store, work, work.evidence)
    (act,) = look(store)
    assert (act.kind, act.result) == ("badItem", "proven")
    bond = chain.call("DeviceRegistry", "bondOf", work.device)
    assert bond > 0

    # Another tile of the same slot is bad, too: together they take the whole bond.
    (second,) = look(store)
    assert (second.kind, second.result) == ("badItem", "proven")
    items = [event.args["index"] for event in chain.events("WorkDisputes", "BadItemProven")]
    assert len(set(items)) == 2
    assert chain.events("WorkDisputes", "BadItemProven")[1].args["amount"] == bond
    assert chain.call("DeviceRegistry", "bondOf", work.device) == 0
    assert look(store) == []


def test_cycle__provider_short_past_the_grace__loses_its_devices(
    chain: Chain, provider: str, other_provider: str, look: Look, store: Store
):
    stake_as(chain, provider, 60 * TBND)
    delegate_as(chain, other_provider, provider, 40 * TBND)
    devices = [register_as(chain, provider, gops=50) for _ in range(2)]
    args = "ProviderStaking", "undelegate", provider, 2**256 - 1
    since = chain.send(*args, sender=other_provider).block
    grace = timing(chain).slot_blocks * timing(chain).epoch_slots
    chain.mine_to(since + grace - 1)
    assert look(store) == []
    chain.mine(1)

    assert [(act.kind, act.subject, act.result) for act in look(store)] == [
        ("uncovered", f"device {device}", "proven") for device in devices
    ]
    suspended = chain.events("DeviceRegistry", "DeviceSuspended")
    assert [event.args["device"] for event in suspended] == devices
    assert look(store) == []


def test_cycle__bad_header__is_proven(chain: Chain, provider: str, look: Look, store: Store):
    work = work_of(chain, provider)
    assert work.evidence is not None
    publish(chain, store, work, garbled(work.evidence))
    (act,) = look(store)
    assert (act.kind, act.result) == ("badHeader", "proven")
    (proven,) = chain.events("WorkDisputes", "FaultProven")
    assert (proven.args["device"], proven.args["reason"]) == (work.device, SlashReason.BAD_HEADER)
    assert look(store) == []


def test_cycle__two_evidences_seen_one_after_the_other__are_proven(
    chain: Chain, provider: str, look: Look, tmp_path: Path
):
    work = work_of(chain, provider)
    assert work.evidence is not None
    here, there = Store(tmp_path / "here"), Store(tmp_path / "there")
    publish(chain, here, work, work.evidence)
    publish(chain, there, work, garbled(work.evidence))
    assert look(here) == []
    chain.mine(20)
    found = look(there)
    assert [(act.kind, act.result) for act in found] == [("twoEvidences", "proven")]


def test_cycle__withheld_evidence__is_asked_for_and_then_proven(
    chain: Chain, provider: str, look: Look, store: Store, auditor: str
):
    work = work_of(chain, provider, SkippingProver(0.9))
    asked = look(store)
    assert {(act.kind, act.result) for act in asked} == {("requestItem", "asked")}
    requests = chain.events("Challenges", "ItemRequested")
    assert len(requests) == len(asked) == 4
    assert {each.args["asker"] for each in requests} == {auditor}
    assert look(store) == [], "the same is not asked for twice"
    assert len(chain.events("Challenges", "ItemRequested")) == 4

    chain.mine_to(requests[0].args["deadline"] + 1)
    before = chain.balance("TensorbondToken", auditor)
    found = look(store)
    assert ("withheldItem", "proven") in {(act.kind, act.result) for act in found}
    (proven,) = chain.events("WorkDisputes", "FaultProven")
    assert (proven.args["device"], proven.args["reason"]) == (work.device, SlashReason.WITHHELD)
    assert chain.balance("TensorbondToken", auditor) - before == proven.args["reward"] > 0


def test_cycle__answer_that_opens_a_wrong_leaf__is_proven(
    chain: Chain, provider: str, look: Look, store: Store
):
    work = work_of(chain, provider, SkippingProver(0.9))
    look(store)
    for request in chain.events("Challenges", "ItemRequested"):
        place = request.args["place"]
        opening = answer(work.proof, place, seal(chain, work.slot + 1))
        chain.send("Challenges", "answerItem", work.commit, place, opening, sender=provider)
    (act,) = look(store)
    assert (act.kind, act.result) == ("badLane", "proven")
    (proven,) = chain.events("WorkDisputes", "FaultProven")
    assert (proven.args["device"], proven.args["reason"]) == (work.device, SlashReason.BAD_LANE)
    assert look(store) == []


def test_cycle__not_allowed_to_ask__asks_for_nothing(chain: Chain, provider: str, look: Look, store: Store):
    work_of(chain, provider, SkippingProver(0.9))
    assert look(store, ask=False) == []
    assert chain.events("Challenges", "ItemRequested") == []
