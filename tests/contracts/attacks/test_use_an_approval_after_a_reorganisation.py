"""A requester approves a cheap job by signature; the chain forks, and the number is a dear one's.

The provider hands in the same result for it: the approval must not pay it."""

from __future__ import annotations

import pytest

from tensorbond.chain import digests
from tensorbond.chain.jobs import terms_hash
from tests.acts import (
    TBND,
    TUSD,
    FundedJob,
    accept_as,
    current_slot,
    domain,
    fund_as,
    mine_to_slot,
    register_as,
    stake_as,
    submit_as,
)
from tests.chain import Chain

pytestmark = pytest.mark.chain


def test_use_an_approval_after_a_reorganisation__of_another_price__reverts(
    chain: Chain, provider: str, requester: str
) -> None:
    stake_as(chain, provider, 500 * TBND)
    device = register_as(chain, provider)
    mine_to_slot(chain, current_slot(chain) + 6)

    def submitted(price: int) -> FundedJob:
        job = fund_as(chain, requester, price=price)
        return submit_as(chain, provider, accept_as(chain, provider, job, device))

    def approval(job: FundedJob) -> bytes:
        terms, result = terms_hash(job.state), job.state.result
        signable = digests.approval(domain(chain, "JobEscrow"), job.number, terms, result)
        return signable.sign(chain.key(requester))

    before_the_fork = chain.snapshot()
    cheap = submitted(1 * TUSD)
    signature = approval(cheap)
    chain.revert_to(before_the_fork)
    dear = submitted(500 * TUSD)
    assert (dear.number, dear.state.result) == (cheap.number, cheap.state.result)
    before = chain.balance("TestDollar", provider)

    with chain.reverts("ApprovalInvalid", job=dear.number, requester=requester):
        chain.send("JobEscrow", "approveWithSignature", dear.number, dear.state, signature, sender=provider)

    assert chain.balance("TestDollar", provider) == before
    signature = approval(dear)
    chain.send("JobEscrow", "approveWithSignature", dear.number, dear.state, signature, sender=provider)
    assert chain.balance("TestDollar", provider) - before == 495 * TUSD
