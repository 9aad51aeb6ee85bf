"""A developer's own session with ape: its accounts, its project, its chain.

Run by `ape test tests/contracts/test_ape_project.py`; plain pytest leaves ape's plugin out.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import UNDER_APE

if not UNDER_APE:
    pytest.skip("has ape's fixtures only under `ape test`", allow_module_level=True)

import ape

pytestmark = pytest.mark.chain


@pytest.fixture
def token(project: Any, accounts: Any) -> Any:
    """The stake token; accounts[0] may mint, accounts[1] holds a thousand wei."""
    return accounts[0].deploy(project.TensorbondToken, accounts[0], accounts[1], 1000)


def test_mint__by_anybody_but_the_minter__reverts(token: Any, accounts: Any) -> None:
    with ape.reverts(token.MinterOnly, account=accounts[2].address):
        token.mint(accounts[2], 1, sender=accounts[2])
    assert token.totalSupply() == 1000


def test_burn__by_the_holder__lowers_the_supply(token: Any, accounts: Any) -> None:
    receipt = token.burn(400, sender=accounts[1])
    (event,) = receipt.decode_logs(token.Transfer)
    assert (event["from"], event["value"]) == (accounts[1].address, 400)
    assert (token.balanceOf(accounts[1]), token.totalSupply()) == (600, 600)


def test_project__every_contract__compiles_under_ape(project: Any) -> None:
    for name in ("ProviderStaking", "DeviceRegistry", "Challenges", "Attestations", "JobEscrow", "Rewards"):
        assert len(project.get_contract(name).contract_type.deployment_bytecode.bytecode) > 2
