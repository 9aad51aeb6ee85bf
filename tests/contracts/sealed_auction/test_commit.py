from __future__ import annotations

from tests.chain import Chain
from tests.contracts.job_escrow.jobs import moving
from tests.contracts.sealed_auction.auctions import OpenAuction, bid_of, commit_bid


def test_commit__by_provider_and_by_operator__takes_a_place_each(
    chain: Chain, operator: str, auction: OpenAuction, device: int, other_device: int
) -> None:
    mine, other = bid_of(chain, auction, device, 60), bid_of(chain, auction, other_device, 50)
    with moving(chain, {}):
        sent = commit_bid(chain, mine, sender=operator)
        commit_bid(chain, other)

    assert [event.name for event in sent.events] == ["BidCommitted"]
    assert sent.event("BidCommitted") == {
        "job": auction.number,
        "provider": mine.provider,
        "bid": mine.hash,
        "place": 1,
    }
    for place, bid in enumerate((mine, other), start=1):
        kept = chain.call("SealedAuction", "bidOf", auction.number, bid.provider)
        assert (kept.seal, kept.place) == (bid.hash[:28], place)
    assert chain.call("SealedAuction", "auctionOf", auction.number).bids == 2


def test_commit__for_somebody_else__reverts(
    chain: Chain, stranger: str, operator: str, auction: OpenAuction, device: int, other_device: int
) -> None:
    """Nobody takes another's one place."""
    with chain.reverts("OperatorOnly", account=stranger, operator=operator):
        commit_bid(chain, bid_of(chain, auction, device, 60), sender=stranger)
    other = bid_of(chain, auction, other_device, 60)
    with chain.reverts("OperatorOnly", account=operator, operator=other.provider):
        commit_bid(chain, other, sender=operator)


def test_commit__a_second_one__reverts(
    chain: Chain, operator: str, auction: OpenAuction, device: int
) -> None:
    """Else a bidder would commit many prices, and choose among them once it has seen the others'."""
    first = bid_of(chain, auction, device, 60)
    commit_bid(chain, first)
    for again in (first, bid_of(chain, auction, device, 10)):
        with chain.reverts("BidCommittedAlready", job=auction.number, provider=first.provider):
            commit_bid(chain, again, sender=operator)
    assert chain.call("SealedAuction", "bidOf", auction.number, first.provider).seal == first.hash[:28]


def test_commit__past_the_deadline__reverts(
    chain: Chain, auction: OpenAuction, device: int, other_device: int
) -> None:
    chain.mine_to(auction.commit_by - 1)
    commit_bid(chain, bid_of(chain, auction, device, 60))
    late = chain.block_number + 1
    with chain.reverts("DeadlinePassed", job=auction.number, blockNumber=late, deadline=auction.commit_by):
        commit_bid(chain, bid_of(chain, auction, other_device, 60))


def test_commit__no_auction__reverts(chain: Chain, auction: OpenAuction, device: int) -> None:
    with chain.reverts("AuctionUnknown", job=auction.number + 1):
        commit_bid(chain, bid_of(chain, auction, device, 60, job=auction.number + 1))
