"""A disputed job of the default arbiter, and four seated oracles of which three must sign."""

from __future__ import annotations

import pytest

from tests.acts import FundedJob, dispute_as
from tests.chain import Chain
from tests.contracts.job_escrow.conftest import (  # noqa: F401
    accepted,
    device,
    funded,
    market,
    submitted,
)


@pytest.fixture
def disputed(chain: Chain, requester: str, submitted: FundedJob) -> FundedJob:  # noqa: F811
    return dispute_as(chain, requester, submitted)
