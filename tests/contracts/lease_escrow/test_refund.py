"""Many funders: money is spent in the order in which it came; each is refunded what is left of its own."""

from __future__ import annotations

from tensorbond.chain.types import LeaseDeposit, LeaseStatus
from tests.acts import TUSD
from tests.chain import Chain

from .leases import (
    RATE,
    OpenLease,
    act,
    approve,
    at,
    deposit_of,
    halt,
    ledger_of,
    mine_to_ripe,
    moving,
    next_slot,
    prove_fault,
    redeem,
    refund,
    start_lease,
    state_of,
    top_up,
)

STRANGERS, AUDITORS = TUSD, TUSD + 1_600_000
"""Where their deposits lie in `shared_lease`."""
FUNDS = AUDITORS + 797_000


def shared_lease(chain: Chain, device: int) -> OpenLease:
    """A dollar of the requester's, then 1.6 of a stranger's, then 0.797 of an auditor's."""
    lease = start_lease(chain, device, deposit=TUSD)
    for account in (chain.accounts[5], chain.accounts[6]):
        approve(chain, account, 2 * TUSD, lease.terms.token)
    at(chain, lease, 20)
    act(chain, lease, "topUp", 1_600_000, sender="stranger")
    at(chain, lease, 21)
    act(chain, lease, "topUp", 797_000, sender="auditor")
    return lease


def refuses(chain: Chain, lease: OpenLease, funder: str, place: int) -> None:
    named = {"lease": lease.number, "funder": funder, "from": place}
    with moving(chain, {}), chain.reverts("NothingToRefund", **named):
        refund(chain, lease, funder, place)


def test_refund__of_what_is_unspent__last_in_first_out(
    chain: Chain, requester: str, stranger: str, auditor: str, device: int
) -> None:
    """1.21 were spent: all of the requester's, and 0.21 of the stranger's."""
    lease = shared_lease(chain, device)
    at(chain, lease, 121)
    with moving(chain, {}):
        told = act(chain, lease, "stop", sender="requester").event("LeaseStopped")
    assert told["refunded"] == 0

    for name, account, place, amount in (
        ("auditor", auditor, AUDITORS, 797_000),
        ("stranger", stranger, STRANGERS, 1_390_000),
    ):
        with moving(chain, {f"{name} paid": amount, "escrow paid": -amount}):
            sent = refund(chain, lease, account, place)
        assert sent.event("LeaseRefunded") == {
            "lease": lease.number,
            "funder": account,
            "from": place,
            "amount": amount,
            "refunded": amount,
        }
        refuses(chain, lease, account, place)
    refuses(chain, lease, requester, 0)
    assert deposit_of(chain, lease, stranger, STRANGERS) == LeaseDeposit(1_600_000, 1_390_000)
    assert ledger_of(chain).tracked == 121 * RATE == FUNDS - 797_000 - 1_390_000
    mine_to_ripe(chain, lease)
    act(chain, lease, "settle")
    assert ledger_of(chain).tracked == ledger_of(chain).fees


def test_refund__of_another_s_place_or_none__reverts(
    chain: Chain, requester: str, stranger: str, provider: str, device: int
) -> None:
    lease = shared_lease(chain, device)
    act(chain, lease, "stop", sender="requester")
    for funder, place in (
        (provider, 0),
        (requester, STRANGERS),
        (stranger, 0),
        (stranger, STRANGERS + 1),
        (stranger, 2**256 - 1),
    ):
        refuses(chain, lease, funder, place)


def test_refund__late_funder__loses_nothing_to_those_whose_money_is_spent(
    chain: Chain, stranger: str, device: int
) -> None:
    """Else an early funder could wait for another's money, and stop."""
    lease = start_lease(chain, device, grace=0)
    approve(chain, stranger, 2 * TUSD, lease.terms.token)
    at(chain, lease, 190)
    act(chain, lease, "topUp", 2 * TUSD, sender="stranger")
    at(chain, lease, 207)
    act(chain, lease, "stop", sender="requester")
    paid = 2 * TUSD - 7 * RATE
    with moving(chain, {"stranger paid": paid, "escrow paid": -paid}):
        refund(chain, lease, stranger, 2 * TUSD)


def test_refund__money_from_before_and_after_a_pause__is_one_line(
    chain: Chain, requester: str, stranger: str, device: int
) -> None:
    """The requester's 200 seconds, 300 of nobody's, then a stranger's 100 and the requester's second 100."""
    lease = start_lease(chain, device)
    for account in (requester, stranger):
        approve(chain, account, TUSD, lease.terms.token)
    at(chain, lease, 500)
    act(chain, lease, "topUp", TUSD, sender="stranger")
    at(chain, lease, 510)
    act(chain, lease, "topUp", TUSD, sender="requester")
    at(chain, lease, 630)
    act(chain, lease, "stop", sender="provider")
    refuses(chain, lease, requester, 0)
    refuses(chain, lease, stranger, 2 * TUSD)
    left = 70 * RATE
    with moving(chain, {"requester paid": left, "escrow paid": -left}):
        refund(chain, lease, requester, 3 * TUSD)


def test_refund__after_vouchers__they_spent_the_same_line(
    chain: Chain, requester: str, stranger: str, device: int
) -> None:
    lease = start_lease(chain, device, deposit=TUSD, voucher_blocks=50)
    top_up(chain, lease, 2 * TUSD, "stranger")
    redeem(chain, lease, 1_500_000)
    at(chain, lease, 30)
    act(chain, lease, "giveNotice", sender="requester")
    chain.mine(50)
    act(chain, lease, "stop")
    assert state_of(chain, lease).held_seconds == 30
    refuses(chain, lease, requester, 0)
    left = 3 * TUSD - 1_500_000 - 30 * RATE
    with moving(chain, {"stranger paid": left, "escrow paid": -left}):
        refund(chain, lease, stranger, TUSD)


def test_refund__dust_of_many__blocks_nobody(chain: Chain, requester: str, lease: OpenLease) -> None:
    """No loop visits funders: each is refunded alone."""
    dust = chain.accounts[8:12]
    for account in dust:
        chain.send("TestDollar", "mint", account, 1, sender=account)
        chain.send(lease.terms.token, "approve", chain.address["LeaseEscrow"], 1, sender=account)
        act(chain, lease, "topUp", 1, sender=account)
    sent = act(chain, lease, "stop", sender="requester")
    assert sent.gas_used < 120_000
    left = 2 * TUSD - state_of(chain, lease).held_seconds * RATE
    with moving(chain, {"requester paid": left, "escrow paid": -left}):
        refund(chain, lease, requester)
    for index, account in enumerate(dust):
        refund(chain, lease, account, 2 * TUSD + index)
        assert chain.balance("TestDollar", account) == 1


def test_refund__halts_after_it__free_the_rest_each_time(
    chain: Chain, requester: str, stranger: str, auditor: str, device: int
) -> None:
    """Who took its refund early loses nothing of what is clawed back later, be it twice."""
    lease = shared_lease(chain, device)
    early = next_slot(chain)
    at(chain, lease, 80)
    late = next_slot(chain)
    at(chain, lease, 150)
    act(chain, lease, "stop", sender="requester")
    with moving(chain, {"stranger paid": 1_100_000, "escrow paid": -1_100_000}):
        refund(chain, lease, stranger, STRANGERS)

    for slot in (late, early):
        prove_fault(chain, device, slot)
        with moving(chain, {}):
            halt(chain, lease, slot)
        spent = state_of(chain, lease).held_seconds * RATE
        assert spent < TUSD
        back = {requester: TUSD - spent - deposit_of(chain, lease, requester).refunded}
        back[stranger] = 1_600_000 - deposit_of(chain, lease, stranger, STRANGERS).refunded
        for name, account, place in (("requester", requester, 0), ("stranger", stranger, STRANGERS)):
            if back[account] == 0:
                refuses(chain, lease, account, place)
                continue
            with moving(chain, {f"{name} paid": back[account], "escrow paid": -back[account]}):
                told = refund(chain, lease, account, place).event("LeaseRefunded")
            assert told["refunded"] == deposit_of(chain, lease, account, place).refunded
    refund(chain, lease, auditor, AUDITORS)
    mine_to_ripe(chain, lease)
    act(chain, lease, "settle")
    assert ledger_of(chain).tracked == ledger_of(chain).fees


def test_refund__of_a_closed_lease__is_paid_as_before(chain: Chain, stranger: str, device: int) -> None:
    """Nobody must hurry: it may be asked for when the provider has all."""
    lease = shared_lease(chain, device)
    at(chain, lease, 121)
    act(chain, lease, "stop", sender="requester")
    mine_to_ripe(chain, lease)
    act(chain, lease, "settle")
    assert state_of(chain, lease).status == LeaseStatus.CLOSED
    with moving(chain, {"stranger paid": 1_390_000, "escrow paid": -1_390_000}):
        refund(chain, lease, stranger, STRANGERS)


def test_refund__while_it_runs__reverts(chain: Chain, stranger: str, device: int) -> None:
    """A funder's money can't be drawn out from under a lease."""
    lease = shared_lease(chain, device)
    with chain.reverts("LeaseStatusWrong", lease=lease.number, have=LeaseStatus.ACTIVE):
        refund(chain, lease, stranger, STRANGERS)


def test_refund__while_its_notice_runs__reverts(chain: Chain, stranger: str, device: int) -> None:
    lease = start_lease(chain, device, notice=1_000)
    top_up(chain, lease, TUSD, "stranger")
    act(chain, lease, "giveNotice", sender="requester")
    with chain.reverts("LeaseStatusWrong", lease=lease.number, have=LeaseStatus.ENDING):
        refund(chain, lease, stranger, 2 * TUSD)


def test_refund__requesters_alone__was_paid_by_stop_and_halt(
    chain: Chain, requester: str, lease: OpenLease, device: int
) -> None:
    """What is kept of the funds is what is spent, after the stop and after each halt."""
    early = next_slot(chain)
    at(chain, lease, 60)
    late = next_slot(chain)
    at(chain, lease, 150)
    act(chain, lease, "stop", sender="requester")
    refuses(chain, lease, requester, 0)
    for slot in (late, early):
        prove_fault(chain, device, slot)
        halt(chain, lease, slot)
        state = state_of(chain, lease)
        assert state.funds == state.held_seconds * RATE == ledger_of(chain).tracked
        refuses(chain, lease, requester, 0)
