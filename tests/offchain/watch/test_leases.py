"""Leases of a device that is caught: the bot halts them, once, and their funders get back what ran since the
fault, to the wei."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tensorbond.chain.types import LeaseStatus, StopReason
from tensorbond.demo.villains import SkippingProver
from tensorbond.store import Store
from tensorbond.watch.bot import Act, Watcher
from tests.acts import TUSD, current_slot, mine_to_slot
from tests.chain import Chain
from tests.contracts.lease_escrow.leases import (
    RATE,
    OpenLease,
    act,
    halt,
    is_held,
    mine_to_ripe,
    moving,
    prove_fault,
    start_lease,
    started_at,
    state_of,
    tab_of,
    time_of,
)
from tests.offchain.watch.test_work_faults import Look, look, publish, store
from tests.work import commit_work, device_as, drawn_slot_of, first_slot_of, open_work, seal

__all__ = ["look", "store"]

pytestmark = pytest.mark.chain

Halts = Callable[..., list[Act]]


@pytest.fixture
def halts(chain: Chain, look: Look, store: Store) -> Halts:
    """`halts()`: what the bot does now that isn't about an epoch. Each call is a bot that starts anew."""

    def run(**told: Any) -> list[Act]:
        return [act for act in look(store, **told) if act.kind in ("halt", "seal", "uncovered")]

    return run


@pytest.fixture
def device(chain: Chain, provider: str) -> int:
    """Of class 0, active from now on."""
    registered = device_as(chain, provider)
    mine_to_slot(chain, first_slot_of(chain, registered))
    return registered


@pytest.fixture
def lease(chain: Chain, device: int) -> OpenLease:
    """Two dollars in it: 200 seconds."""
    return start_lease(chain, device)


@dataclass(frozen=True)
class Served:
    """What of a lease is its provider's."""

    slot: int
    seconds: int

    @property
    def back(self) -> int:
        """What goes back of two dollars."""
        return 2 * TUSD - self.seconds * RATE


def fail(chain: Chain, device: int, lease: OpenLease) -> Served:
    """It serves for two slots; then a fault of the second is proven, while the clock runs on."""
    slot = current_slot(chain) + 2
    mine_to_slot(chain, slot)
    seconds = time_of(chain, slot) - started_at(chain, lease)
    assert seconds > 0
    chain.mine(20)
    prove_fault(chain, device, slot)
    return Served(slot, seconds)


def test_cycle__device_that_the_bot_itself_catches__its_lease_is_halted_where_it_lied(
    chain: Chain, provider: str, device: int, lease: OpenLease, look: Look, store: Store
):
    slot = drawn_slot_of(chain, device, current_slot(chain) + 1)
    seconds = time_of(chain, slot) - started_at(chain, lease)
    work = open_work(chain, commit_work(chain, provider, device, slot, SkippingProver(0.9)))
    assert work.evidence is not None
    publish(chain, store, work, work.evidence)
    mine_to_slot(chain, slot + 8)
    for each in range(first_slot_of(chain, device), slot + 8):
        seal(chain, each)
    act(chain, lease, "settle")
    assert state_of(chain, lease).held_seconds > seconds

    assert [(each.kind, each.result) for each in look(store)] == [("badItem", "proven")]
    before = chain.balance("TestDollar", lease.terms.requester)
    halted = [each for each in look(store) if each.kind == "halt"]

    assert chain.balance("TestDollar", lease.terms.requester) - before == 2 * TUSD - seconds * RATE
    assert [(each.result, each.subject) for each in halted] == [
        ("halted", f"lease {lease.number} slot {slot}")
    ]
    (event,) = chain.events("LeaseEscrow", "LeaseHalted")
    assert event.transaction == halted[0].transaction
    assert (event.args["reason"], event.args["active"]) == (StopReason.FAULTED, seconds)
    assert not is_held(chain, device)


def test_cycle__proven_fault__halts_once_however_often_it_restarts(
    chain: Chain, device: int, lease: OpenLease, halts: Halts, tmp_path: Path
):
    served = fail(chain, device, lease)
    with moving(chain, {"requester paid": served.back, "escrow paid": -served.back}):
        (halted,) = halts()
    assert (halted.kind, halted.result, halted.told) == ("halt", "halted", f"device {device} failed")
    assert halted.to_json()["subject"] == f"lease {lease.number} slot {served.slot}"
    assert state_of(chain, lease).held_seconds == served.seconds

    block = chain.block_number
    assert halts() == [], "it has halted before"
    assert halts(confirmations=2) == [], "nor where it doesn't see that yet"
    assert halts(state_dir=tmp_path / "another") == [], "nor one that knows nothing"
    assert chain.block_number == block
    mine_to_ripe(chain, lease)
    paid = served.seconds * RATE * 99 // 100
    with moving(chain, {"provider paid": paid, "escrow paid": -paid}):
        act(chain, lease, "settle")
    assert halts() == []


def test_cycle__killed_before_it_could_note_it__halts_no_second_time(
    chain: Chain, device: int, lease: OpenLease, halts: Halts, monkeypatch: pytest.MonkeyPatch
):
    fail(chain, device, lease)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "_promise", killed)
        patch.setattr(Watcher, "_salt", lambda _: b"")
        with pytest.raises(KeyboardInterrupt):
            halts()
    assert len(chain.events("LeaseEscrow", "LeaseHalted")) == 1
    block = chain.block_number
    assert halts() == []
    assert chain.block_number == block


def test_cycle__its_halt_left_the_chain_by_a_reorganisation__is_sent_again(
    chain: Chain, device: int, lease: OpenLease, halts: Halts
):
    served = fail(chain, device, lease)
    (halted,) = halts()
    chain.rpc.request("anvil_reorg", 1, [])
    assert state_of(chain, lease).status == LeaseStatus.ACTIVE

    with moving(chain, {"requester paid": served.back, "escrow paid": -served.back}):
        (again,) = halts()
    assert again.subject == halted.subject
    assert [event.transaction for event in chain.events("LeaseEscrow", "LeaseHalted")] == [again.transaction]
    assert halts() == []


def test_cycle__stopped_after_the_fault__is_clawed_back_before_it_is_ripe(
    chain: Chain, device: int, lease: OpenLease, halts: Halts
):
    """The provider, who knows, has stopped it; what it has accrued is held back still."""
    slot = current_slot(chain) + 1
    mine_to_slot(chain, slot)
    served = Served(slot, time_of(chain, slot) - started_at(chain, lease))
    chain.mine(20)
    active = act(chain, lease, "stop", sender="provider").event("LeaseStopped")["active"]
    chain.mine_to(state_of(chain, lease).ripe_at - 8)
    prove_fault(chain, device, slot)

    back = (active - served.seconds) * RATE
    with moving(chain, {"requester paid": back, "escrow paid": -back}):
        assert [each.result for each in halts()] == ["halted"]
    assert chain.block_number < state_of(chain, lease).ripe_at


def test_cycle__somebody_else_halted_it__sends_nothing_and_says_nothing(
    chain: Chain, device: int, lease: OpenLease, halts: Halts
):
    served = fail(chain, device, lease)
    halt(chain, lease, served.slot)
    block = chain.block_number
    assert halts() == []
    assert chain.block_number == block


def test_cycle__earlier_fault_proven_later__halts_again(
    chain: Chain, device: int, lease: OpenLease, halts: Halts
):
    served = fail(chain, device, lease)
    assert len(halts()) == 1
    earlier = served.slot - 1
    seconds = time_of(chain, earlier) - started_at(chain, lease)
    prove_fault(chain, device, earlier)
    back = (served.seconds - seconds) * RATE
    with moving(chain, {"requester paid": back, "escrow paid": -back}):
        (again,) = halts()
    assert again.subject == f"lease {lease.number} slot {earlier}"
    assert halts() == []


def test_cycle__devices_that_stand_offers_tabs_and_stopped_in_time__are_left_alone(
    chain: Chain, provider: str, device: int, lease: OpenLease, halts: Halts
):
    other = device_as(chain, provider)
    mine_to_slot(chain, first_slot_of(chain, other))
    over = start_lease(chain, other)
    tab_of(chain)
    act(chain, over, "stop", sender="requester")
    slot = current_slot(chain) + 1
    mine_to_slot(chain, slot)
    prove_fault(chain, other, slot)
    block, states = chain.block_number, [state_of(chain, each) for each in (lease, over)]

    assert halts() == []

    assert chain.block_number == block
    assert [state_of(chain, each) for each in (lease, over)] == states
    assert states[0].status == LeaseStatus.ACTIVE


def test_cycle__device_retired_under_its_lease__is_sealed_and_halted_at_its_end(
    chain: Chain, provider: str, device: int, lease: OpenLease, halts: Halts
):
    chain.send("DeviceRegistry", "retire", device, sender=provider)
    until = chain.call("DeviceRegistry", "deviceOf", device).until_slot
    assert halts() == [], "it counts until then"
    mine_to_slot(chain, until)
    assert halts() == [], "whoever commits in it seals it"
    mine_to_slot(chain, until + 1)
    assert [(each.kind, each.result) for each in halts()] == [("seal", "sealed")]
    seconds = time_of(chain, until) - started_at(chain, lease)
    back = 2 * TUSD - seconds * RATE
    with moving(chain, {"requester paid": back, "escrow paid": -back}):
        (halted,) = halts()
    assert halted.told == f"device {device} ended"
    (event,) = chain.events("LeaseEscrow", "LeaseHalted")
    assert (event.args["reason"], event.args["active"]) == (StopReason.DEVICE_ENDED, seconds)


def test_cycle__lease_with_vouchers__is_halted_at_a_fault_only(
    chain: Chain, provider: str, device: int, halts: Halts
):
    """What an honest provider was promised by vouchers, it can redeem after its device has ended."""
    lease = start_lease(chain, device, voucher_blocks=50)
    chain.send("DeviceRegistry", "retire", device, sender=provider)
    mine_to_slot(chain, chain.call("DeviceRegistry", "deviceOf", device).until_slot + 1)
    assert halts() == []
    assert state_of(chain, lease).status == LeaseStatus.ACTIVE

    slot = current_slot(chain) - 2
    prove_fault(chain, device, slot)
    assert [each.subject for each in halts()] == [f"lease {lease.number} slot {slot}"]


def test_cycle__lease_by_vouchers_alone__is_left_alone(chain: Chain, device: int, halts: Halts):
    """Nothing accrues: a halt would give nothing back but what vouchers are for."""
    lease = start_lease(chain, device, rate=0, voucher_blocks=50)
    fail(chain, device, lease)
    assert halts() == []
    assert state_of(chain, lease).status == LeaseStatus.ACTIVE


def test_cycle__no_gas__waits_for_it_and_goes_on(
    chain: Chain, device: int, lease: OpenLease, halts: Halts, auditor: str
):
    served = fail(chain, device, lease)
    before = chain.rpc.request("eth_getBalance", auditor, "latest")
    chain.rpc.request("anvil_setNextBlockBaseFeePerGas", hex(10**9))
    chain.rpc.request("anvil_setBalance", auditor, "0x0")
    try:
        (waiting,) = halts()
    finally:
        chain.rpc.request("anvil_setNextBlockBaseFeePerGas", "0x0")
        chain.rpc.request("anvil_setBalance", auditor, before)
    assert (waiting.kind, waiting.result) == ("halt", "waits")
    assert state_of(chain, lease).status == LeaseStatus.ACTIVE
    assert [each.result for each in halts()] == ["halted"]
    assert state_of(chain, lease).held_seconds == served.seconds


def test_cycle__told_to_look_only_or_to_halt_nothing__sends_nothing(
    chain: Chain, device: int, lease: OpenLease, halts: Halts
):
    fail(chain, device, lease)
    block = chain.block_number
    assert halts(halt=False) == []
    assert [each.result for each in halts(account=None)] == ["would send"]
    assert chain.block_number == block
