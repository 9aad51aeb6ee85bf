"""Two providers with a device each, active; a job of 100 test dollars that invites the auction; and its
auction."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acts import TBND, FundedJob, fund_as, mine_to_slot, register_as, set_operator_as, stake_as
from tests.chain import Chain
from tests.contracts.sealed_auction.auctions import COMMIT_BLOCKS, REVEAL_BLOCKS, OpenAuction, open_as
from tests.system import role


@pytest.fixture(scope="module")
def bidders(system: Chain) -> Iterator[tuple[int, int]]:
    """Device ids of the provider (who has an operator) and of the other provider. Once for all tests of a
    file."""
    snapshot = system.snapshot()
    devices = []
    for name in ("provider", "other_provider"):
        stake_as(system, role(system, name), 1_000 * TBND)
        devices.append(register_as(system, role(system, name)))
    set_operator_as(system, role(system, "provider"), role(system, "operator"))
    mine_to_slot(system, 4)
    yield devices[0], devices[1]
    system.revert_to(snapshot)


@pytest.fixture
def device(bidders: tuple[int, int], chain: Chain) -> int:
    return bidders[0]


@pytest.fixture
def other_device(bidders: tuple[int, int], chain: Chain) -> int:
    return bidders[1]


@pytest.fixture
def funded(chain: Chain, requester: str, device: int) -> FundedJob:
    return fund_as(chain, requester, provider=chain.at("SealedAuction"))


@pytest.fixture
def auction(chain: Chain, requester: str, funded: FundedJob) -> OpenAuction:
    return open_as(
        chain, requester, funded, chain.block_number + COMMIT_BLOCKS, chain.block_number + REVEAL_BLOCKS
    )
