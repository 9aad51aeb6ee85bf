from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tensorbond.chain.auctions import Bid
from tests.acts import (
    TBND,
    ZERO_ADDRESS,
    current_slot,
    fund_as,
    mine_to_slot,
    register_as,
    stake_as,
)
from tests.chain import Chain
from tests.contracts.job_escrow.jobs import job_hash, moving
from tests.contracts.sealed_auction.auctions import (
    POSTED,
    OpenAuction,
    bid_of,
    commit_bid,
    open_as,
    reveal_bid,
    to_reveals,
)


def opened(chain: Chain, requester: str, *, sponsor: str = ZERO_ADDRESS, **terms: object) -> OpenAuction:
    payer = requester if sponsor == ZERO_ADDRESS else sponsor
    terms |= {"requester": requester, "sponsor": sponsor, "provider": chain.at("SealedAuction")}
    job = fund_as(chain, payer, **terms)
    return open_as(chain, requester, job, chain.block_number + 8, chain.block_number + 16)


def committed(chain: Chain, auction: OpenAuction, *bids: Bid) -> Sequence[Bid]:
    """And the time to reveal has begun."""
    for bid in bids:
        commit_bid(chain, bid)
    to_reveals(chain, auction)
    return bids


def leads(chain: Chain, auction: OpenAuction) -> tuple[str, int]:
    found = chain.call("SealedAuction", "auctionOf", auction.number)
    return found.provider, found.price


def test_reveal__the_only_bid__leads(chain: Chain, operator: str, auction: OpenAuction, device: int) -> None:
    (bid,) = committed(chain, auction, bid_of(chain, auction, device, 60))
    with moving(chain, {}):
        sent = reveal_bid(chain, auction, bid, sender=operator)

    assert [event.name for event in sent.events] == ["BidRevealed"]
    assert sent.event("BidRevealed") == {
        "job": auction.number,
        "provider": bid.provider,
        "device": device,
        "price": 60,
        "cheapest": True,
    }
    assert leads(chain, auction) == (bid.provider, 60)
    kept = chain.call("SealedAuction", "bidOf", auction.number, bid.provider)
    assert (kept.seal, kept.place) == (bytes(28), 1)


@pytest.mark.parametrize(
    ("first", "second", "winner"), [(60, 59, 1), (59, 60, 0), (60, 60, 0)], ids=["less", "more", "same"]
)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "in reverse"])
def test_reveal__two_bids__the_cheapest_or_the_first_committed_leads(
    chain: Chain,
    auction: OpenAuction,
    device: int,
    other_device: int,
    first: int,
    second: int,
    winner: int,
    order: tuple[int, int],
) -> None:
    """Whatever the order in which they are revealed."""
    bids = committed(
        chain,
        auction,
        bid_of(chain, auction, device, first),
        bid_of(chain, auction, other_device, second),
    )
    for index in order:
        sent = reveal_bid(chain, auction, bids[index])
        cheapest = index == winner or index == order[0]
        assert sent.event("BidRevealed")["cheapest"] is cheapest
    assert leads(chain, auction) == (bids[winner].provider, bids[winner].price)


# In time


def test_reveal__before_the_last_commit__reverts(chain: Chain, auction: OpenAuction, device: int) -> None:
    bid = bid_of(chain, auction, device, 60)
    commit_bid(chain, bid)
    chain.mine_to(auction.commit_by - 1)
    with chain.reverts(
        "DeadlineNotPassed", job=auction.number, blockNumber=auction.commit_by, deadline=auction.commit_by
    ):
        reveal_bid(chain, auction, bid)


def test_reveal__past_the_deadline__reverts(
    chain: Chain, auction: OpenAuction, device: int, other_device: int
) -> None:
    bids = committed(
        chain, auction, bid_of(chain, auction, device, 60), bid_of(chain, auction, other_device, 50)
    )
    chain.mine_to(auction.reveal_by - 1)
    reveal_bid(chain, auction, bids[0])
    late = chain.block_number + 1
    with chain.reverts("DeadlinePassed", job=auction.number, blockNumber=late, deadline=auction.reveal_by):
        reveal_bid(chain, auction, bids[1])
    assert leads(chain, auction) == (bids[0].provider, 60)


def test_reveal__no_auction__reverts(chain: Chain, auction: OpenAuction, device: int) -> None:
    bid = bid_of(chain, auction, device, 60)
    with chain.reverts("AuctionUnknown", job=auction.number + 1):
        reveal_bid(chain, replace(auction, job=replace(auction.job, number=auction.number + 1)), bid)


# What was committed, by whom


def test_reveal__what_another_committed__reverts(
    chain: Chain, other_provider: str, auction: OpenAuction, device: int, other_device: int
) -> None:
    """A copied hash opens for nobody but the provider it names."""
    mine = bid_of(chain, auction, device, 60)
    commit_bid(chain, mine)
    chain.send("SealedAuction", "commit", auction.number, other_provider, mine.hash, sender=other_provider)
    to_reveals(chain, auction)

    copy = bid_of(chain, auction, other_device, 60, salt=mine.salt)
    with chain.reverts(
        "BidMismatch", job=auction.number, have="0x" + copy.hash[:28].hex(), need="0x" + mine.hash[:28].hex()
    ):
        reveal_bid(chain, auction, copy)
    operator = chain.call("ProviderStaking", "operatorOf", mine.provider)
    with chain.reverts("OperatorOnly", account=other_provider, operator=operator):
        reveal_bid(chain, auction, mine, sender=other_provider)
    reveal_bid(chain, auction, mine)
    assert leads(chain, auction) == (mine.provider, 60)


@pytest.mark.parametrize("change", [{"price": 59}, {"salt": bytes(32)}], ids=["price", "salt"])
def test_reveal__something_else__reverts(
    chain: Chain, auction: OpenAuction, device: int, change: dict[str, object]
) -> None:
    (bid,) = committed(chain, auction, bid_of(chain, auction, device, 60))
    other = replace(bid, **change)  # type: ignore[arg-type]
    with chain.reverts(
        "BidMismatch", job=auction.number, have="0x" + other.hash[:28].hex(), need="0x" + bid.hash[:28].hex()
    ):
        reveal_bid(chain, auction, other)
    reveal_bid(chain, auction, bid)


@pytest.mark.parametrize(
    "change",
    [{"chain_id": 1}, {"auction": "0x" + "11" * 20}, {"job": 99}],
    ids=["chain", "contract", "job"],
)
def test_reveal__committed_for_elsewhere__reverts(
    chain: Chain, auction: OpenAuction, device: int, change: dict[str, object]
) -> None:
    bid = bid_of(chain, auction, device, 60)
    elsewhere = replace(bid, **change)  # type: ignore[arg-type]
    chain.send("SealedAuction", "commit", auction.number, bid.provider, elsewhere.hash, sender=bid.provider)
    to_reveals(chain, auction)
    with chain.reverts(
        "BidMismatch",
        job=auction.number,
        have="0x" + bid.hash[:28].hex(),
        need="0x" + elsewhere.hash[:28].hex(),
    ):
        reveal_bid(chain, auction, bid)


def test_reveal__nothing_committed__reverts(chain: Chain, auction: OpenAuction, device: int) -> None:
    to_reveals(chain, auction)
    bid = bid_of(chain, auction, device, 60)
    with chain.reverts("BidUnknown", job=auction.number, provider=bid.provider):
        reveal_bid(chain, auction, bid)


def test_reveal__twice__reverts(chain: Chain, auction: OpenAuction, device: int) -> None:
    (bid,) = committed(chain, auction, bid_of(chain, auction, device, 60))
    reveal_bid(chain, auction, bid)
    with chain.reverts("BidUnknown", job=auction.number, provider=bid.provider):
        reveal_bid(chain, auction, bid)


# A bid that qualifies


@pytest.mark.parametrize("price", [0, POSTED + 1, 2**96 - 1])
def test_reveal__a_price_out_of_range__reverts(
    chain: Chain, auction: OpenAuction, device: int, price: int
) -> None:
    (bid,) = committed(chain, auction, bid_of(chain, auction, device, price))
    with chain.reverts("PriceOutOfRange", have=price, least=1, most=POSTED):
        reveal_bid(chain, auction, bid)


@pytest.mark.parametrize("price", [1, POSTED])
def test_reveal__the_least_and_the_most__qualify(
    chain: Chain, auction: OpenAuction, device: int, price: int
) -> None:
    (bid,) = committed(chain, auction, bid_of(chain, auction, device, price))
    reveal_bid(chain, auction, bid)
    assert leads(chain, auction) == (bid.provider, price)


def test_reveal__not_in_whole_parts__reverts(
    chain: Chain, requester: str, device: int, other_device: int
) -> None:
    """The escrow would refuse to assign it, and nobody could be awarded."""
    auction = opened(chain, requester, parts=4)
    odd, even = committed(
        chain, auction, bid_of(chain, auction, device, 3), bid_of(chain, auction, other_device, 8)
    )
    with chain.reverts("PriceIndivisible", price=3, parts=4):
        reveal_bid(chain, auction, odd)
    reveal_bid(chain, auction, even)
    assert leads(chain, auction) == (even.provider, 8)


@pytest.mark.parametrize(
    ("terms", "field", "have", "need"),
    [({"class_id": 1}, "classId", 0, 1), ({"min_gops": 11}, "bondedGops", 10, 11)],
    ids=["class", "gops"],
)
def test_reveal__an_unfit_device__reverts(
    chain: Chain, requester: str, device: int, terms: dict[str, int], field: str, have: int, need: int
) -> None:
    auction = opened(chain, requester, **terms)
    (bid,) = committed(chain, auction, bid_of(chain, auction, device, 60))
    with chain.reverts("DeviceUnfit", field=field, have=have, need=need):
        reveal_bid(chain, auction, bid)


def test_reveal__anothers_device__reverts(
    chain: Chain, provider: str, other_provider: str, auction: OpenAuction, device: int, other_device: int
) -> None:
    (bid,) = committed(chain, auction, bid_of(chain, auction, other_device, 60, provider=provider))
    with chain.reverts("OperatorOnly", account=provider, operator=other_provider):
        reveal_bid(chain, auction, bid)


def test_reveal__no_device__reverts(chain: Chain, provider: str, auction: OpenAuction) -> None:
    (bid,) = committed(chain, auction, bid_of(chain, auction, 9_999, 60, provider=provider))
    with chain.reverts("DeviceUnknown", device=9_999):
        reveal_bid(chain, auction, bid)


def test_reveal__a_device_not_active_yet__reverts(chain: Chain, provider: str, auction: OpenAuction) -> None:
    new = register_as(chain, provider)
    (bid,) = committed(chain, auction, bid_of(chain, auction, new, 60))
    with chain.reverts("DeviceNotActive", device=new, slot=current_slot(chain)):
        reveal_bid(chain, auction, bid)


def test_reveal__a_suspended_device__reverts(chain: Chain, auction: OpenAuction, device: int) -> None:
    """From the next slot on."""
    commit_bid(chain, bid := bid_of(chain, auction, device, 60))
    chain.send(
        "DeviceRegistry", "suspend", device, current_slot(chain), sender=chain.impersonate("WorkDisputes")
    )
    mine_to_slot(chain, current_slot(chain) + 1)
    assert auction.commit_by <= chain.block_number < auction.reveal_by
    with chain.reverts("DeviceNotActive", device=device, slot=current_slot(chain)):
        reveal_bid(chain, auction, bid)


def test_reveal__too_little_free_stake__reverts_until_there_is_enough(
    chain: Chain, requester: str, provider: str, device: int
) -> None:
    auction = opened(chain, requester, collateral=1_000 * TBND)
    (bid,) = committed(chain, auction, bid_of(chain, auction, device, 60))
    free = chain.call("ProviderStaking", "freeOf", provider)
    with chain.reverts("FreeStakeInsufficient", provider=provider, have=free, need=1_000 * TBND):
        reveal_bid(chain, auction, bid)
    stake_as(chain, provider, 1_000 * TBND - free)
    reveal_bid(chain, auction, bid)
    assert leads(chain, auction) == (provider, 60)


def test_reveal__the_requester_is_the_provider__reverts(chain: Chain, requester: str, device: int) -> None:
    """A requester that dislikes what it sees can't outbid everybody to have its money back."""
    stake_as(chain, requester, 100 * TBND)
    own = register_as(chain, requester)
    auction = opened(chain, requester)
    (bid,) = committed(chain, auction, bid_of(chain, auction, own, 1))
    with chain.reverts("BidderPays", account=requester):
        reveal_bid(chain, auction, bid)


@pytest.mark.parametrize("payer", ["requester", "sponsor"])
def test_reveal__who_pays_is_the_providers_operator__reverts(
    chain: Chain, requester: str, operator: str, device: int, payer: str
) -> None:
    chain.send("TestDollar", "mint", operator, POSTED, sender=chain.accounts[0])
    own = payer == "requester"
    auction = opened(chain, operator) if own else opened(chain, requester, sponsor=operator)
    (bid,) = committed(chain, auction, bid_of(chain, auction, device, 1))
    with chain.reverts("BidderPays", account=operator):
        reveal_bid(chain, auction, bid, sender=operator)


def test_reveal__the_sponsor_is_the_provider__reverts(
    chain: Chain, requester: str, other_provider: str, device: int, other_device: int
) -> None:
    chain.send("TestDollar", "mint", other_provider, POSTED, sender=chain.accounts[0])
    auction = opened(chain, requester, sponsor=other_provider)
    (bid,) = committed(chain, auction, bid_of(chain, auction, other_device, 1))
    with chain.reverts("BidderPays", account=other_provider):
        reveal_bid(chain, auction, bid)


# Of a job that is still there


def test_reveal__an_invented_state__reverts(chain: Chain, auction: OpenAuction, device: int) -> None:
    (bid,) = committed(chain, auction, bid_of(chain, auction, device, POSTED + 1))
    state = replace(auction.state, terms=replace(auction.state.terms, price=POSTED + 1))
    with chain.reverts(
        "JobStateMismatch",
        job=auction.number,
        have="0x" + job_hash(state).hex(),
        need="0x" + job_hash(auction.state).hex(),
    ):
        reveal_bid(chain, auction, bid, state=state)
