"""Many funders: each has its part of what is unspent, nobody a part of what is not its own."""

from __future__ import annotations

from tensorbond.chain.types import LeaseStatus
from tests.acts import TUSD
from tests.chain import Chain

from .leases import (
    RATE,
    OpenLease,
    act,
    at,
    halt,
    moving,
    next_slot,
    prove_fault,
    start_lease,
    started_at,
    state_of,
    top_up,
)


def shared_lease(chain: Chain, device: int) -> OpenLease:
    """A dollar of the requester's, two of a stranger's, one of an auditor's, all in the first seconds."""
    lease = start_lease(chain, device, deposit=TUSD)
    for name in ("stranger", "auditor"):
        account = {"stranger": chain.accounts[5], "auditor": chain.accounts[6]}[name]
        chain.send(lease.terms.token, "approve", chain.address["LeaseEscrow"], 2 * TUSD, sender=account)
    at(chain, lease, 20)
    act(chain, lease, "topUp", 2 * 800_000, sender="stranger")
    at(chain, lease, 21)
    act(chain, lease, "topUp", 797_000, sender="auditor")
    return lease


def test_refund__of_what_is_unspent__pro_rata_to_those_who_paid(
    chain: Chain, requester: str, stranger: str, auditor: str, device: int
) -> None:
    """80 of 100 hundredths were left when the stranger doubled it; each had a third, the auditor a fourth."""
    lease = shared_lease(chain, device)
    at(chain, lease, 121)
    with moving(chain, {}):
        told = act(chain, lease, "stop", sender="requester").event("LeaseStopped")
    assert told["refunded"] == 0
    left = TUSD + 1_600_000 + 797_000 - 121 * RATE

    shares = {"requester": 800_000, "stranger": 1_600_000}
    total = 2_400_000 + 797_000 * 2_400_000 // (2_390_000)
    shares["auditor"] = total - 2_400_000
    paid = 0
    for name, account in (("auditor", auditor), ("requester", requester), ("stranger", stranger)):
        amount = left * shares[name] // total
        with moving(chain, {f"{name} paid": amount, "escrow paid": -amount}):
            sent = act(chain, lease, "refund", account)
        assert sent.event("LeaseRefunded") == {
            "lease": lease.number,
            "funder": account,
            "amount": amount,
            "refunded": amount,
        }
        with chain.reverts("NothingToRefund", lease=lease.number, funder=account):
            act(chain, lease, "refund", account)
        paid += amount
    assert 0 <= left - paid <= 2


def test_refund__late_funder__loses_nothing_to_those_whose_money_is_spent(
    chain: Chain, stranger: str, device: int
) -> None:
    """Else an early funder could wait for another's money and stop."""
    lease = start_lease(chain, device, grace=0)
    at(chain, lease, 190)
    chain.mine()
    top_up(chain, lease, 2 * TUSD, "stranger")
    active = act(chain, lease, "stop", sender="requester").event("LeaseStopped")["active"]
    act(chain, lease, "refund", stranger)
    spent = 100 * TUSD - chain.balance("TestDollar", stranger)
    assert spent <= (active - 190) * RATE


def test_refund__dust_of_many__blocks_nobody(chain: Chain, requester: str, lease: OpenLease) -> None:
    """No loop visits funders: each is refunded alone."""
    dust = chain.accounts[8:12]
    for account in dust:
        chain.send("TestDollar", "mint", account, 1, sender=account)
        chain.send(lease.terms.token, "approve", chain.address["LeaseEscrow"], 1, sender=account)
        act(chain, lease, "topUp", 1, sender=account)
    sent = act(chain, lease, "stop", sender="requester")
    assert sent.gas_used < 120_000
    before = chain.balance("TestDollar", requester)
    act(chain, lease, "refund", requester)
    active = state_of(chain, lease).held_seconds
    assert 2 * TUSD - active * RATE - 4 <= chain.balance("TestDollar", requester) - before


def test_refund__a_halt_after_it__pays_everybody_the_rest(
    chain: Chain, requester: str, stranger: str, auditor: str, device: int
) -> None:
    """Who took its refund early loses nothing of what is clawed back later."""
    lease = shared_lease(chain, device)
    slot = next_slot(chain)
    chain.mine(20)
    act(chain, lease, "stop", sender="requester")
    act(chain, lease, "refund", stranger)
    prove_fault(chain, device, slot)
    halt(chain, lease, slot)
    honest = state_of(chain, lease).held_seconds
    for account in (requester, stranger, auditor):
        act(chain, lease, "refund", account)
    left = TUSD + 1_600_000 + 797_000 - honest * RATE
    spent = sum(
        given - chain.balance("TestDollar", account)
        for given, account in ((100 * TUSD, stranger), (100 * TUSD, auditor))
    )
    refunded = sum(
        chain.call("LeaseEscrow", "shareOf", lease.number, lease.lease, account).refunded
        for account in (requester, stranger, auditor)
    )
    assert left - 2 <= refunded <= left
    assert 0 < spent < 1_600_000 + 797_000


def test_refund__while_it_runs__reverts(chain: Chain, stranger: str, device: int) -> None:
    """A funder's money can't be drawn out from under a lease."""
    lease = shared_lease(chain, device)
    with chain.reverts("LeaseStatusWrong", lease=lease.number, have=LeaseStatus.ACTIVE):
        act(chain, lease, "refund", stranger)


def test_refund__who_never_paid__reverts(chain: Chain, provider: str, device: int) -> None:
    lease = shared_lease(chain, device)
    act(chain, lease, "stop", sender="requester")
    with chain.reverts("NothingToRefund", lease=lease.number, funder=provider):
        act(chain, lease, "refund", provider)


def test_refund__requesters_alone__was_paid_by_stop(chain: Chain, requester: str, lease: OpenLease) -> None:
    act(chain, lease, "stop", sender="requester")
    with chain.reverts("NothingToRefund", lease=lease.number, funder=requester):
        act(chain, lease, "refund", requester)
    assert started_at(chain, lease)
