"""An adapter to a central arbitrator, whose judge is the governor, and a disputed job that names it."""

from __future__ import annotations

import pytest

from tests.acts import FundedJob, dispute_as
from tests.chain import Chain
from tests.contracts.job_escrow.conftest import device, market  # noqa: F401
from tests.contracts.job_escrow.jobs import submitted_job

EXTRA_DATA = b"court 3, five jurors"


@pytest.fixture
def arbiter(chain: Chain, governor: str) -> str:
    arbitrator = chain.deploy("CentralArbitrator", sender=governor)
    return chain.deploy("Erc792Arbiter", arbitrator, EXTRA_DATA, "JobEscrow")


@pytest.fixture
def disputed(chain: Chain, requester: str, device: int, arbiter: str) -> FundedJob:  # noqa: F811
    return dispute_as(chain, requester, submitted_job(chain, device, arbiter=arbiter))
