"""For one unit of a dollar a requester would have had a provider's collateral locked for thousands of years:
by a review that never ends, or by a refund that never comes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.acts import TUSD, terms_of
from tests.chain import Chain

FOR_EVER = 2**32 - 1

pytestmark = pytest.mark.chain


@pytest.mark.parametrize("review_blocks", [10, FOR_EVER], ids=["late refund", "long review"])
def test_lock_collateral_for_ever__is_refused_when_funding(
    chain: Chain, requester: str, review_blocks: int
) -> None:
    terms = terms_of(chain, requester, price=1, review_blocks=review_blocks)
    terms = replace(terms, refund_at=terms.submit_by + FOR_EVER)
    chain.send("TestDollar", "approve", chain.address["JobEscrow"], TUSD, sender=requester)
    before = chain.balance("TestDollar", requester)

    most = chain.block_number + 1 + 2**22
    with chain.reverts("RefundTooLate", have=terms.refund_at, most=most):
        chain.send("JobEscrow", "fund", terms, sender=requester)

    assert chain.balance("TestDollar", requester) == before
    assert chain.call("JobEscrow", "jobCount") == 0
    chain.send("JobEscrow", "fund", replace(terms, review_blocks=10, refund_at=most), sender=requester)
