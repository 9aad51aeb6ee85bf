"""What a lease costs, against a meter that ticks every second: equal to the unit, in whatever order things
happen, and wherever a fault is proven."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chain import Chain

from .leases import (
    OpenLease,
    act,
    approve,
    halt,
    mine_to_ripe,
    next_slot,
    prove_fault,
    runway,
    start_block,
    start_lease,
    started_at,
    state_of,
)

RATE, DEPOSIT = 7, 1_000


@dataclass
class Meter:
    """Takes the rate at the end of every second that the money pays for."""

    now: int
    money: int
    active: list[int] = field(default_factory=list)
    """The seconds that were paid for, by when they began."""

    def run_to(self, time: int) -> None:
        for second in range(self.now, time):
            if self.money >= RATE:
                self.money -= RATE
                self.active.append(second)
        self.now = max(self.now, time)


steps = st.lists(
    st.tuples(
        st.integers(0, 120), st.sampled_from(["topUp", "topUp", "settle", "slot"]), st.integers(1, 900)
    ),
    min_size=1,
    max_size=7,
)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=steps, ended=st.sampled_from(["stop", "halt", "stop and halt"]), pick=st.integers(0, 9))
def test_accrual__any_course__is_what_a_meter_counts(
    chain: Chain, device: int, steps: list[tuple[int, str, int]], ended: str, pick: int
) -> None:
    here = chain.snapshot()
    lease = start_lease(chain, device, DEPOSIT, rate=RATE, cap=100_000, grace=0, notice=0)
    approve(chain, lease.terms.requester, 100_000, lease.terms.token)
    meter, slots, deposited = Meter(started_at(chain, lease), DEPOSIT), [next_slot(chain)], DEPOSIT
    for gap, verb, amount in steps:
        chain.set_time(chain.timestamp + 1 + gap)
        if verb == "slot":
            chain.mine()
            slots.append(next_slot(chain))
        elif verb == "topUp":
            amount = max(amount, RATE)
            act(chain, lease, "topUp", amount, sender="requester")
            meter.run_to(chain.timestamp)
            meter.money += amount
            deposited += amount
        elif state_of(chain, lease).ripe_at <= chain.block_number + 1:
            act(chain, lease, "settle")
        meter.run_to(chain.timestamp)
        left = runway(chain, lease)
        assert left == (meter.money // RATE, len(meter.active), meter.money)

    refunded = finish(chain, device, lease, meter, slots[pick % len(slots)], ended)
    paid = sum(told["paid"] + told["fee"] for told in settled(chain, lease))
    if state_of(chain, lease).held_seconds > state_of(chain, lease).paid_seconds:
        mine_to_ripe(chain, lease)
        told = act(chain, lease, "settle").event("LeaseSettled")
        paid += told["paid"] + told["fee"]
    assert paid + refunded == deposited
    chain.revert_to(here)


def finish(chain: Chain, device: int, lease: OpenLease, meter: Meter, slot: int, ended: str) -> int:
    """Stop it, or prove a fault, or both; what went back to the requester."""
    refunded = 0
    if ended != "halt":
        told = act(chain, lease, "stop", sender="requester").event("LeaseStopped")
        meter.run_to(chain.timestamp)
        assert told["active"] == len(meter.active)
        refunded += told["refunded"]
        assert refunded == meter.money
    if ended != "stop":
        prove_fault(chain, device, slot)
        time = int(chain.block(start_block(chain, slot))["timestamp"], 16)
        honest = sum(second < time for second in meter.active)
        if ended == "stop and halt" and honest == state_of(chain, lease).held_seconds:
            return refunded
        resumed = [
            event.args["origin"]
            for event in chain.events("LeaseEscrow", "LeaseResumed")
            if event.args["lease"] == lease.number and time < event.args["origin"] + event.args["active"]
        ]
        paid = state_of(chain, lease).paid_seconds
        told = halt(chain, lease, slot, resumed[0] if resumed else 0).event("LeaseHalted")
        assert told["active"] == max(honest, paid)
        refunded += told["refunded"]
    return refunded


def settled(chain: Chain, lease: OpenLease) -> list[dict[str, int]]:
    return [
        event.args
        for event in chain.events("LeaseEscrow", "LeaseSettled")
        if event.args["lease"] == lease.number
    ]


def test_meter__money_for_five_seconds_in_two_parts__counts_five() -> None:
    meter = Meter(100, 3 * RATE + 1)
    meter.run_to(110)
    meter.money += 2 * RATE
    meter.run_to(120)
    assert (meter.active, meter.money) == ([100, 101, 102, 110, 111], 1)
