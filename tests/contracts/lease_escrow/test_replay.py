"""`tensorbond audit` rebuilds leases from their events: what adds up is silent, every unit that doesn't is a
finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tensorbond.audit import Finding, Report
from tensorbond.audit.leases import LeaseBooks, _expectations, check_lease_invariants, replay_leases
from tensorbond.chain.abi import Event
from tests.acts import TUSD
from tests.chain import Chain

from .leases import (
    act,
    approve,
    at,
    halt,
    mine_to_ripe,
    next_slot,
    open_lease,
    prove_fault,
    redeem,
    refund,
    start_lease,
    tab_of,
    top_up,
)


def play(chain: Chain, device: int) -> None:
    """Three leases and a tab, with a pause, several funders, vouchers, a notice, a fault and what follows."""
    lease = start_lease(chain, device, notice=60)
    approve(chain, lease.terms.requester, 4 * TUSD, lease.terms.token)
    at(chain, lease, 500)
    act(chain, lease, "topUp", TUSD, sender="requester")
    top_up(chain, lease, TUSD, "stranger")
    act(chain, lease, "settle")
    act(chain, lease, "giveNotice", sender="provider")
    mine_to_ripe(chain, lease)
    act(chain, lease, "stop")
    refund(chain, lease, lease.terms.requester)
    refund(chain, lease, chain.accounts[5], 3 * TUSD)
    mine_to_ripe(chain, lease)
    act(chain, lease, "settle")
    chain.send("LeaseEscrow", "sweep", lease.terms.token, sender=chain.accounts[5])

    tab = tab_of(chain)
    redeem(chain, tab, 123_456)
    act(chain, tab, "giveNotice", sender="requester")
    chain.mine(50)
    act(chain, tab, "stop")

    act(chain, open_lease(chain, device), "stop", sender="requester")

    faulty = start_lease(chain, device, 4 * TUSD)
    slot = next_slot(chain)
    chain.mine(20)
    prove_fault(chain, device, slot)
    halt(chain, faulty, slot)


def told(chain: Chain) -> list[Event]:
    """The escrow's events, and the token's transfers."""
    events = [*chain.events("LeaseEscrow"), *chain.events("TestDollar", "Transfer")]
    return sorted(events, key=lambda event: (event.block, event.log_index))


def replayed(chain: Chain, events: Sequence[Event]) -> tuple[LeaseBooks, list[Finding]]:
    times = {
        event.block: int(chain.block(event.block)["timestamp"], 16)
        for event in events
        if event.contract == "LeaseEscrow"
    }
    report = Report(31337, 0, bytes(32))
    books = LeaseBooks(chain.address["LeaseEscrow"], chain.accounts[1], times)
    replay_leases(books, events, report)
    check_lease_invariants(books, report)
    return books, report.findings


def test_replay__a_long_story__is_what_the_chain_keeps(chain: Chain, device: int) -> None:
    play(chain, device)
    books, findings = replayed(chain, told(chain))
    assert findings == []
    for _, subject, call, need in _expectations(books):
        assert chain.call(*call) == need, subject
    held = chain.balance("TestDollar", chain.address["LeaseEscrow"])
    assert held == books.open_money()[chain.address["TestDollar"]]


# What the chain's own word of the lease is compared with, and what no other event and no clock speaks of.
STATED = {"ripeAt", "reason"}
UNTOLD = {"LeaseOpened": {"device"}, "LeaseHalted": {"slot"}}


def test_replay__any_number_changed_by_one__is_a_finding(chain: Chain, device: int) -> None:
    play(chain, device)
    events = told(chain)
    _, findings = replayed(chain, events)
    assert findings == []
    times: dict[int, int] = {}
    silent = []
    for index, event in enumerate(events):
        if event.contract != "LeaseEscrow" or event.name in ("FeeSet", "TokenAllowed"):
            continue
        for name, value in event.args.items():
            if not isinstance(value, int) or isinstance(value, bool) or name in UNTOLD.get(event.name, ()):
                continue
            forged = replace(event, args={**event.args, name: value + 1})
            report = Report(31337, 0, bytes(32))
            times = times or replayed(chain, events)[0].times  # type: ignore[assignment]
            books = LeaseBooks(chain.address["LeaseEscrow"], chain.accounts[1], times)
            replay_leases(books, [*events[:index], forged, *events[index + 1 :]], report)
            check_lease_invariants(books, report)
            if not report.findings and name not in STATED:
                silent.append((event.name, name))
    assert silent == []
