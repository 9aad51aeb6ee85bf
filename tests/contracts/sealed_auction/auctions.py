"""What the tests of auctions say again and again: opening one, bidding under seal, and going on in time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tensorbond.chain.auctions import Bid
from tensorbond.chain.types import Job
from tests.acts import TUSD, FundedJob
from tests.chain import Chain, Sent
from tests.system import role

# From the block before it is opened.
COMMIT_BLOCKS, REVEAL_BLOCKS = 8, 16
POSTED = 100 * TUSD
SALT = b"\x5a" * 32


@dataclass(frozen=True)
class OpenAuction:
    job: FundedJob
    commit_by: int
    reveal_by: int
    sent: Sent

    @property
    def number(self) -> int:
        return self.job.number

    @property
    def state(self) -> Job:
        return self.job.state


def open_as(chain: Chain, requester: str, job: FundedJob, commit_by: int, reveal_by: int) -> OpenAuction:
    sent = chain.send("SealedAuction", "open", job.number, job.state, commit_by, reveal_by, sender=requester)
    return OpenAuction(job, commit_by, reveal_by, sent)


def bid_of(
    chain: Chain,
    auction: OpenAuction,
    device: int,
    price: int,
    *,
    provider: str | None = None,
    salt: bytes = SALT,
    **changes: Any,
) -> Bid:
    """By the device's provider, unless another is named."""
    provider = provider or chain.call("DeviceRegistry", "deviceOf", device).provider
    bid = Bid(31337, chain.at("SealedAuction"), auction.number, provider, device, price, salt)
    return replace(bid, **changes)


def commit_bid(chain: Chain, bid: Bid, sender: str | None = None) -> Sent:
    return chain.send(
        "SealedAuction", "commit", bid.job, bid.provider, bid.hash, sender=sender or bid.provider
    )


def reveal_bid(
    chain: Chain, auction: OpenAuction, bid: Bid, sender: str | None = None, state: Job | None = None
) -> Sent:
    return chain.send(
        "SealedAuction",
        "reveal",
        auction.number,
        state or auction.state,
        bid.device,
        bid.price,
        bid.salt,
        sender=sender or bid.provider,
    )


def to_reveals(chain: Chain, auction: OpenAuction) -> None:
    """The next block is the first to reveal in."""
    chain.mine_to(auction.commit_by)


def to_award(chain: Chain, auction: OpenAuction) -> None:
    """The next block is the first to award in."""
    chain.mine_to(auction.reveal_by)


def award(chain: Chain, auction: OpenAuction, sender: str | None = None) -> Sent:
    """By a stranger, if nobody is named."""
    return chain.send(
        "SealedAuction", "award", auction.number, auction.state, sender=sender or role(chain, "stranger")
    )


def awarded_state(auction: OpenAuction, provider: str, price: int) -> FundedJob:
    """The job once it is awarded."""
    terms = replace(auction.state.terms, provider=provider, price=price)
    return replace(auction.job, state=replace(auction.state, terms=terms))
