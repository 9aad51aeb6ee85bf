"""A token on an anvil of one's own, for what only a chain under one's thumb can show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from eth_account.signers.local import LocalAccount

from tensorbond.chain.lane import Lane, Policy
from tests.anvil import Anvil
from tests.chain import Chain, account, project_artifacts

TOKEN = "TestDollar"


@pytest.fixture
def start() -> Iterator[Callable[..., Chain]]:
    """`start("--no-mining")`: a chain with those options, gone after the test."""
    with ExitStack() as stack:

        def start_one(*options: str) -> Chain:
            anvil = stack.enter_context(Anvil(*options, accounts=4))
            chain = Chain(anvil.url, project_artifacts(), gas_price=None)
            stack.callback(chain.close)
            return chain

        yield start_one


@pytest.fixture
def key() -> LocalAccount:
    return account(0)


def make_lane(chain: Chain, key: LocalAccount, **policy: object) -> Lane:
    """A lane in a hurry, which knows the token's errors."""
    hasty = {"patience": 0.3, "deadline": 5.0, "poll": 0.02} | policy
    return Lane(chain.rpc, key, policy=Policy(**hasty), abis=[project_artifacts()[TOKEN].abi])  # type: ignore[arg-type]


def mint(chain: Chain, to: str, amount: int) -> tuple[str, bytes]:
    """Address and calldata of a mint."""
    return chain.address[TOKEN], project_artifacts()[TOKEN].abi.encode_call("mint", [to, amount])
