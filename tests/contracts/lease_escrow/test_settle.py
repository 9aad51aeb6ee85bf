from __future__ import annotations

from tensorbond.chain.types import LeaseStatus
from tests.acts import TUSD
from tests.chain import Chain

from .leases import (
    RATE,
    OpenLease,
    act,
    at,
    ledger_of,
    mine_to_ripe,
    moving,
    open_lease,
    refused,
    ripe_at,
    runway,
    start_lease,
    started_at,
    state_of,
)


def test_settle__first__notes_what_has_accrued_and_pays_nothing_yet(
    chain: Chain, provider: str, lease: OpenLease
) -> None:
    at(chain, lease, 50)
    with moving(chain, {}):
        sent = act(chain, lease, "settle")
    assert sent.event("LeaseSettled") == {
        "lease": lease.number,
        "provider": provider,
        "paid": 0,
        "fee": 0,
        "paidSeconds": 0,
        "heldSeconds": 50,
        "ripeAt": ripe_at(chain),
    }


def test_settle__what_is_held_back__leaves_an_epoch_after_the_last_proof_window(
    chain: Chain, lease: OpenLease
) -> None:
    """And not a block earlier. Of 50 seconds the provider gets 99 hundredths."""
    at(chain, lease, 50)
    act(chain, lease, "settle")
    ripe = state_of(chain, lease).ripe_at
    chain.mine_to(ripe - 2)
    with refused(chain, "HeldBack", lease=lease.number, blockNumber=ripe - 1, ripeAt=ripe):
        act(chain, lease, "settle")
    chain.mine()
    with moving(chain, {"provider paid": 50 * RATE * 99 // 100, "escrow paid": -50 * RATE * 99 // 100}):
        sent = act(chain, lease, "settle")
    told = sent.event("LeaseSettled")
    assert (told["paidSeconds"], told["fee"]) == (50, 50 * RATE // 100)
    assert told["heldSeconds"] == state_of(chain, lease).held_seconds > 150


def test_settle__by_a_stranger_every_time_it_may__never_delays_what_ripens(
    chain: Chain, lease: OpenLease
) -> None:
    """Noting more while something ripens would move its date: it is refused."""
    at(chain, lease, 50)
    act(chain, lease, "settle")
    ripe = state_of(chain, lease).ripe_at
    with chain.reverts("HeldBack", lease=lease.number, blockNumber=chain.block_number + 1, ripeAt=ripe):
        act(chain, lease, "settle")


def test_settle__fees__are_a_share_of_all_that_was_paid_whatever_the_steps(chain: Chain, device: int) -> None:
    """A unit a second: of each second alone the fee would round to nothing."""
    lease = start_lease(chain, device, deposit=10_000, rate=1, cap=10_000, grace=0)
    paid = fee = 0
    for seconds in (110, 250, 550, 900, 1_010):
        mine_to_ripe(chain, lease)
        chain.set_time(max(chain.timestamp, started_at(chain, lease) + seconds) + 1)
        told = act(chain, lease, "settle").event("LeaseSettled")
        paid, fee = paid + told["paid"], fee + told["fee"]
        assert fee == told["paidSeconds"] // 100
        assert paid + fee == told["paidSeconds"]
    assert fee > 5


def test_settle__a_paused_lease_that_is_paid__has_nothing_to_settle(chain: Chain, lease: OpenLease) -> None:
    at(chain, lease, 900)
    act(chain, lease, "settle")
    mine_to_ripe(chain, lease)
    with moving(chain, {"provider paid": 2 * TUSD * 99 // 100, "escrow paid": -2 * TUSD * 99 // 100}):
        act(chain, lease, "settle")
    assert runway(chain, lease) == (0, 200, 0)
    with chain.reverts("NothingToSettle", lease=lease.number):
        act(chain, lease, "settle")


def test_settle__after_the_end__pays_the_rest_and_closes(chain: Chain, lease: OpenLease) -> None:
    at(chain, lease, 70)
    act(chain, lease, "stop", sender="requester")
    ripe = state_of(chain, lease).ripe_at
    with chain.reverts("HeldBack", lease=lease.number, blockNumber=chain.block_number + 1, ripeAt=ripe):
        act(chain, lease, "settle")
    mine_to_ripe(chain, lease)

    fee = 70 * RATE // 100
    with moving(chain, {"provider paid": 70 * RATE - fee, "escrow paid": fee - 70 * RATE}):
        sent = act(chain, lease, "settle")

    assert sent.event("LeaseClosed") == {"lease": lease.number}
    assert state_of(chain, lease).status == LeaseStatus.CLOSED
    with chain.reverts("LeaseStatusWrong", lease=lease.number, have=LeaseStatus.CLOSED):
        act(chain, lease, "settle")
    token = lease.terms.token
    assert ledger_of(chain).fees == fee
    with moving(chain, {"treasury paid": fee, "escrow paid": -fee}):
        sent = chain.send("LeaseEscrow", "sweep", token, sender=chain.accounts[6])
    told = {"token": token, "to": chain.accounts[1], "amount": fee, "burned": 0, "tracked": 0}
    assert sent.event("FeesSwept") == told
    with chain.reverts("NothingOwed", account=chain.accounts[1], token=token):
        chain.send("LeaseEscrow", "sweep", token, sender=chain.accounts[6])


def test_settle__an_offer__reverts(chain: Chain, device: int) -> None:
    lease = open_lease(chain, device)
    with chain.reverts("LeaseStatusWrong", lease=lease.number, have=LeaseStatus.OFFERED):
        act(chain, lease, "settle")


def test_settle__a_chain_that_halts_for_a_year__lets_no_money_out_early(
    chain: Chain, lease: OpenLease
) -> None:
    """What ripens is counted in blocks: no time that passes without them, or that a producer claims, ripens
    it."""
    at(chain, lease, 50)
    act(chain, lease, "settle")
    chain.set_time(chain.timestamp + 365 * 86400)
    ripe = state_of(chain, lease).ripe_at
    with chain.reverts("HeldBack", lease=lease.number, blockNumber=chain.block_number + 1, ripeAt=ripe):
        act(chain, lease, "settle")
