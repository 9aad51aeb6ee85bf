from __future__ import annotations

from tensorbond.chain.types import CloseReason
from tests.acts import TUSD, accept_as, approve_as, submit_as
from tests.chain import Chain
from tests.contracts.job_escrow.jobs import job_hash, moving, refund
from tests.contracts.sealed_auction.auctions import (
    POSTED,
    OpenAuction,
    award,
    awarded_state,
    bid_of,
    commit_bid,
    reveal_bid,
    to_award,
    to_reveals,
)


def bids_are_in(
    chain: Chain, auction: OpenAuction, device: int, other_device: int, mine: int = 60 * TUSD
) -> None:
    """The provider bids `mine`, the other one 70; both are revealed, and the time to award has come."""
    bids = bid_of(chain, auction, device, mine), bid_of(chain, auction, other_device, 70 * TUSD)
    for bid in bids:
        commit_bid(chain, bid)
    to_reveals(chain, auction)
    for bid in bids:
        reveal_bid(chain, auction, bid)
    to_award(chain, auction)


def test_award__by_a_stranger__invites_the_cheapest_at_its_price(
    chain: Chain, provider: str, auction: OpenAuction, device: int, other_device: int
) -> None:
    bids_are_in(chain, auction, device, other_device)
    back = POSTED - 60 * TUSD
    with moving(chain, {"requester paid": back, "escrow paid": -back, "tracked": -back}):
        sent = award(chain, auction)

    assert sent.event("AuctionAwarded") == {"job": auction.number, "provider": provider, "price": 60 * TUSD}
    assigned = sent.event("JobAssigned")
    assert (assigned["provider"], assigned["price"], assigned["returned"]) == (provider, 60 * TUSD, back)
    job = awarded_state(auction, provider, 60 * TUSD)
    assert chain.call("JobEscrow", "jobHash", job.number) == job_hash(job.state)


def test_award__then_work__pays_what_was_bid(
    chain: Chain, requester: str, provider: str, auction: OpenAuction, device: int, other_device: int
) -> None:
    bids_are_in(chain, auction, device, other_device)
    award(chain, auction)
    job = accept_as(chain, provider, awarded_state(auction, provider, 60 * TUSD), device)
    job = submit_as(chain, provider, job)
    before = chain.balance("TestDollar", provider)
    approve_as(chain, requester, job)
    assert chain.balance("TestDollar", provider) == before + 60 * TUSD * 99 // 100


def test_award__at_the_posted_price__returns_nothing(
    chain: Chain, provider: str, auction: OpenAuction, device: int
) -> None:
    bid = bid_of(chain, auction, device, POSTED)
    commit_bid(chain, bid)
    to_reveals(chain, auction)
    reveal_bid(chain, auction, bid)
    to_award(chain, auction)
    with moving(chain, {}):
        assert award(chain, auction).event("JobAssigned")["returned"] == 0


def test_award__before_all_could_reveal__reverts(
    chain: Chain, provider: str, auction: OpenAuction, device: int
) -> None:
    """Whoever leads can't cut the others short."""
    bid = bid_of(chain, auction, device, 60)
    commit_bid(chain, bid)
    to_reveals(chain, auction)
    reveal_bid(chain, auction, bid)
    chain.mine_to(auction.reveal_by - 1)
    with chain.reverts(
        "DeadlineNotPassed", job=auction.number, blockNumber=auction.reveal_by, deadline=auction.reveal_by
    ):
        award(chain, auction, sender=provider)


def test_award__nobody_revealed__reverts_and_the_price_goes_back(
    chain: Chain, auction: OpenAuction, device: int
) -> None:
    commit_bid(chain, bid_of(chain, auction, device, 60))
    to_award(chain, auction)
    with chain.reverts("NoBid", job=auction.number):
        award(chain, auction)
    chain.mine_to(auction.state.terms.accept_by)
    with moving(chain, {"requester paid": POSTED, "escrow paid": -POSTED, "tracked": -POSTED}):
        sent = refund(chain, auction.job)
    assert sent.event("JobRefunded")["reason"] == CloseReason.NOT_ACCEPTED


def test_award__twice__reverts(
    chain: Chain, provider: str, auction: OpenAuction, device: int, other_device: int
) -> None:
    bids_are_in(chain, auction, device, other_device)
    award(chain, auction)
    job = awarded_state(auction, provider, 60 * TUSD)
    with chain.reverts(
        "JobStateMismatch",
        job=auction.number,
        have="0x" + job_hash(auction.state).hex(),
        need="0x" + job_hash(job.state).hex(),
    ):
        award(chain, auction)
    with chain.reverts("ProviderNotInvited", have=chain.at("SealedAuction"), need=provider):
        chain.send("SealedAuction", "award", job.number, job.state, sender=provider)


def test_award__past_accept_by__reverts(
    chain: Chain, auction: OpenAuction, device: int, other_device: int
) -> None:
    bids_are_in(chain, auction, device, other_device)
    deadline = auction.state.terms.accept_by
    chain.mine_to(deadline)
    with chain.reverts("DeadlinePassed", job=auction.number, blockNumber=deadline + 1, deadline=deadline):
        award(chain, auction)


def test_award__the_winner_never_accepts__the_price_goes_back(
    chain: Chain, other_provider: str, auction: OpenAuction, device: int, other_device: int, provider: str
) -> None:
    """Nobody else gets the job, and the requester loses time, not money."""
    bids_are_in(chain, auction, device, other_device, mine=1)
    award(chain, auction)
    job = awarded_state(auction, provider, 1)
    with chain.reverts("ProviderNotInvited", have=other_provider, need=provider):
        accept_as(chain, other_provider, job, other_device)
    chain.mine_to(job.state.terms.accept_by)
    with moving(chain, {"requester paid": 1, "escrow paid": -1, "tracked": -1}):
        refund(chain, job)


def test_award__no_auction__reverts(chain: Chain, auction: OpenAuction, stranger: str) -> None:
    with chain.reverts("AuctionUnknown", job=auction.number + 1):
        chain.send("SealedAuction", "award", auction.number + 1, auction.state, sender=stranger)


def test_assign__around_the_auction__reverts(
    chain: Chain, requester: str, provider: str, auction: OpenAuction
) -> None:
    """Neither requester nor bidder hands the job on while it is the auction's."""
    for account in (requester, provider):
        with chain.reverts("ProviderNotInvited", have=account, need=chain.at("SealedAuction")):
            chain.send("JobEscrow", "assign", auction.number, auction.state, provider, 1, sender=account)


def test_accept__before_it_is_awarded__reverts(
    chain: Chain, provider: str, auction: OpenAuction, device: int
) -> None:
    with chain.reverts("ProviderNotInvited", have=provider, need=chain.at("SealedAuction")):
        accept_as(chain, provider, auction.job, device)
