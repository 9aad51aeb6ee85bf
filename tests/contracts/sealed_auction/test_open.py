from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import JobStatus
from tests.acts import ZERO_ADDRESS, FundedJob, accept_as, fund_as
from tests.chain import Chain
from tests.contracts.job_escrow.jobs import job_hash, moving
from tests.contracts.sealed_auction.auctions import OpenAuction, open_as


def test_open__a_funded_job_that_invites_it__has_an_auction(
    chain: Chain, requester: str, funded: FundedJob
) -> None:
    head = chain.block_number
    with moving(chain, {}):
        opened = open_as(chain, requester, funded, head + 8, head + 16)

    assert [event.name for event in opened.sent.events] == ["AuctionOpened"]
    assert opened.sent.event("AuctionOpened") == {
        "job": funded.number,
        "requester": requester,
        "commitBy": head + 8,
        "revealBy": head + 16,
    }
    auction = chain.call("SealedAuction", "auctionOf", funded.number)
    assert (auction.commit_by, auction.reveal_by, auction.bids) == (head + 8, head + 16, 0)
    assert (auction.provider, auction.price) == (ZERO_ADDRESS, 0)


def test_open__by_anybody_else__reverts(chain: Chain, stranger: str, funded: FundedJob) -> None:
    head = chain.block_number
    with chain.reverts("RequesterOnly", account=stranger, requester=funded.state.terms.requester):
        open_as(chain, stranger, funded, head + 8, head + 16)


def test_open__again__reverts(chain: Chain, requester: str, auction: OpenAuction) -> None:
    """Whoever has seen the bids can't ask for other ones: not with the same job."""
    chain.mine_to(auction.reveal_by)
    head = chain.block_number
    with chain.reverts("AuctionOpenedAlready", job=auction.number):
        open_as(chain, requester, auction.job, head + 2, head + 4)


@pytest.mark.parametrize("invited", ["nobody", "provider"])
def test_open__a_job_that_invites_another__reverts(
    chain: Chain, requester: str, provider: str, device: int, invited: str
) -> None:
    other = provider if invited == "provider" else ZERO_ADDRESS
    job = fund_as(chain, requester, provider=other)
    head = chain.block_number
    with chain.reverts("AuctionNotInvited", job=job.number, invited=other):
        open_as(chain, requester, job, head + 8, head + 16)


def test_open__an_accepted_job__reverts(chain: Chain, requester: str, provider: str, device: int) -> None:
    job = accept_as(chain, provider, fund_as(chain, requester), device)
    head = chain.block_number
    with chain.reverts("JobStatusWrong", job=job.number, have=JobStatus.ACCEPTED, need=JobStatus.FUNDED):
        open_as(chain, requester, job, head + 8, head + 16)


def test_open__an_invented_state__reverts(chain: Chain, stranger: str, funded: FundedJob) -> None:
    state = replace(funded.state, terms=replace(funded.state.terms, requester=stranger))
    head = chain.block_number
    with chain.reverts(
        "JobStateMismatch",
        job=funded.number,
        have="0x" + job_hash(state).hex(),
        need="0x" + job_hash(funded.state).hex(),
    ):
        open_as(chain, stranger, replace(funded, state=state), head + 8, head + 16)


@pytest.mark.parametrize(
    ("field", "commit_by", "reveal_by"),
    [
        ("commitBy", 0, 16),
        ("commitBy", 16, 16),
        ("commitBy", 20, 16),
        ("revealBy", 8, 1),
        ("revealBy", 8, 30),
    ],
)
def test_open__deadlines_out_of_order__reverts(
    chain: Chain, requester: str, funded: FundedJob, field: str, commit_by: int, reveal_by: int
) -> None:
    """In blocks from the one it is sent in: now < commitBy < revealBy < acceptBy. The job was funded in the
    block before, to be accepted 30 blocks after the one before its approval."""
    now = chain.block_number + 1
    assert funded.state.terms.accept_by == now + 27
    least, most = (now + 1, now + reveal_by - 1) if field == "commitBy" else (now + 2, now + 26)
    have = now + (commit_by if field == "commitBy" else reveal_by)
    with chain.reverts("DeadlineInvalid", field=field, have=have, least=least, most=most):
        open_as(chain, requester, funded, now + commit_by, now + reveal_by)


def test_open__the_tightest_deadlines__are_taken(chain: Chain, requester: str, funded: FundedJob) -> None:
    now = chain.block_number + 1
    open_as(chain, requester, funded, now + 1, now + 2)
    assert chain.call("SealedAuction", "auctionOf", funded.number).reveal_by == now + 2
