from __future__ import annotations

import pytest

from tests.chain import Chain
from tests.offchain.proof.skipping import SloppyProver
from tests.work import Work, commit_work, device_as, open_work

WRONG_ROW, WRONG_COLUMN = 3, 5


@pytest.fixture
def device(chain: Chain, provider: str) -> int:
    return device_as(chain, provider)


@pytest.fixture
def honest(chain: Chain, provider: str, device: int) -> Work:
    """Good work, opened."""
    return open_work(chain, commit_work(chain, provider, device))


@pytest.fixture
def sloppy() -> SloppyProver:
    """Commits to the entry (WRONG_ROW, WRONG_COLUMN) of every tile wrong by one."""
    return SloppyProver(WRONG_ROW, WRONG_COLUMN)


@pytest.fixture
def wrong(chain: Chain, provider: str, device: int, sloppy: SloppyProver) -> Work:
    """Sloppy work, opened as committed."""
    return open_work(chain, commit_work(chain, provider, device, prover=sloppy))
