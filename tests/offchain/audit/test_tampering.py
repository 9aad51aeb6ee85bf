"""One wei, or one bit, changed behind the contracts' backs is found, whichever word it stands in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.offchain.audit.market import Market
from tests.offchain.audit.story import HONEST, LIAR
from tests.system import role

pytestmark = pytest.mark.chain

Arguments = Callable[[Market], tuple[Any, ...]]


def _nothing(market: Market) -> tuple[Any, ...]:
    return ()


def _provider(market: Market) -> tuple[Any, ...]:
    return (role(market.chain, "provider"),)


def _staking(market: Market) -> tuple[Any, ...]:
    return (market.chain.address["ProviderStaking"],)


def _escrow(market: Market) -> tuple[Any, ...]:
    return (market.chain.address["JobEscrow"],)


def _request(market: Market) -> tuple[Any, ...]:
    events = market.chain.events("ProviderStaking", "UnbondingStarted")
    return events[-1].args["provider"], events[-1].args["request"]


def _dollar(market: Market) -> tuple[Any, ...]:
    return (market.chain.address["TestDollar"],)


def _delegation(market: Market) -> tuple[Any, ...]:
    return role(market.chain, "provider"), role(market.chain, "requester")


def _device(market: Market) -> tuple[Any, ...]:
    return (HONEST,)


def _commit(market: Market) -> tuple[Any, ...]:
    args = market.chain.events("Challenges", "Committed")[0].args
    return args["device"], args["slot"]


def _oracle(market: Market) -> tuple[Any, ...]:
    return (market.oracles[1],)


TAMPERED: list[tuple[str, str, Arguments, int, int, str]] = [
    # contract, view, arguments, word, bit, the check that finds it
    ("TensorbondToken", "totalSupply", _nothing, 0, 0, "invariant 14"),
    ("TensorbondToken", "balanceOf", _provider, 0, 0, "invariant 14"),
    ("TensorbondToken", "balanceOf", _staking, 0, 0, "invariant 1"),
    ("TensorbondToken", "balanceOf", _escrow, 0, 0, "invariant 2"),
    ("ProviderStaking", "totalStaked", _nothing, 0, 0, "invariant 1"),
    ("ProviderStaking", "stakeOf", _provider, 0, 0, "invariant 14"),
    ("ProviderStaking", "stakeOf", _provider, 0, 96, "invariant 14"),
    ("ProviderStaking", "stakeOf", _provider, 1, 0, "invariant 14"),
    ("ProviderStaking", "stakeOf", _provider, 2, 0, "invariant 14"),
    ("ProviderStaking", "stakeOf", _provider, 2, 128, "invariant 14"),
    ("ProviderStaking", "stakeOf", _provider, 3, 128, "invariant 14"),
    ("ProviderStaking", "stakeOf", _provider, 5, 0, "invariant 14"),
    ("ProviderStaking", "delegationOf", _delegation, 0, 0, "invariant 14"),
    ("ProviderStaking", "requestOf", _request, 1, 0, "invariant 14"),
    ("DeviceRegistry", "bondOf", _device, 1, 0, "invariant 14"),
    ("DeviceRegistry", "deviceOf", _device, 0, 0, "registry"),
    ("DeviceRegistry", "deviceCount", _nothing, 0, 216, "registry"),
    ("Challenges", "beaconOf", lambda market: (5,), 0, 0, "beacon"),
    ("Challenges", "recordOf", _commit, 0, 1, "record"),
    ("Challenges", "recordOf", _commit, 0, 200, "record"),
    ("DeviceRegistry", "faultsOf", lambda market: (LIAR,), 0, 136, "record"),
    ("Attestations", "totalBonded", _nothing, 0, 96, "invariant 14"),
    ("Attestations", "bondOf", _oracle, 0, 0, "invariant 14"),
    ("Attestations", "nextEpoch", _nothing, 0, 0, "invariant 11"),
    ("JobEscrow", "ledgerOf", _dollar, 0, 0, "invariant 2"),
    ("JobEscrow", "ledgerOf", _dollar, 0, 128, "invariant 2"),
    ("LeaseEscrow", "ledgerOf", _dollar, 0, 0, "invariant 2"),
    ("LeaseEscrow", "ledgerOf", _dollar, 0, 88, "invariant 2"),
    ("JobEscrow", "jobHash", lambda market: (1,), 0, 0, "invariant 7"),
    ("JobEscrow", "jobCount", _nothing, 0, 0, "escrow"),
    ("Rewards", "totalClaimed", _nothing, 0, 0, "invariant 14"),
    ("Rewards", "claimedOf", _device, 0, 64, "invariant 14"),
]


@pytest.mark.parametrize(
    ("contract", "view", "arguments", "word", "bit", "check"),
    TAMPERED,
    ids=[f"{each[0]}.{each[1]}-{each[3]}-{each[4]}-{i}" for i, each in enumerate(TAMPERED)],
)
def test_audit__storage_changed__is_found(
    market: Market, contract: str, view: str, arguments: Arguments, word: int, bit: int, check: str
) -> None:
    market.tamper(contract, view, *arguments(market), word=word, bit=bit)
    checks = {finding.check for finding in market.audit().findings}
    assert check in checks


def test_audit__root_changed__is_found(market: Market) -> None:
    market.tamper("Attestations", "attestedOf", 1, word=1)
    assert "invariant 11" in {finding.check for finding in market.audit().findings}


def test_audit__payment_token_gone_from_the_escrow__is_found(market: Market) -> None:
    chain = market.chain
    escrow = chain.impersonate("JobEscrow")
    tracked = chain.call("JobEscrow", "ledgerOf", chain.address["TestDollar"]).tracked
    held = chain.balance("TestDollar", escrow)
    chain.send("TestDollar", "transfer", chain.accounts[19], held - tracked + 1, sender=escrow)

    found = {finding.check: finding for finding in market.audit().findings}
    assert found.keys() == {"invariant 2", "invariant 14"}
    assert (found["invariant 2"].have, found["invariant 2"].need) == (str(tracked - 1), f"at least {tracked}")
    assert "transfer of" in found["invariant 14"].subject


def test_audit__stake_paid_out_without_an_event__is_found(market: Market) -> None:
    chain = market.chain
    staking = chain.impersonate("ProviderStaking")
    chain.send("TensorbondToken", "transfer", chain.accounts[19], 1, sender=staking)
    found = [finding for finding in market.audit().findings if finding.check == "invariant 14"]
    assert [(finding.have, finding.need) for finding in found] == [("1", "0")]


def test_audit__minted_without_a_claim__is_found(market: Market) -> None:
    chain = market.chain
    rewards = chain.impersonate("Rewards")
    chain.send("TensorbondToken", "mint", chain.accounts[19], 1, sender=rewards)
    found = {finding.check for finding in market.audit().findings}
    assert found == {"invariant 6", "invariant 14"}


def test_audit__slash_without_a_proof__is_found(market: Market) -> None:
    chain = market.chain
    disputes = chain.impersonate("WorkDisputes")
    provider, nobody = role(chain, "provider"), "0x" + "00" * 20
    chain.send(
        "ProviderStaking", "slash", provider, 1000, nobody, 0, nobody, 0, 3, bytes(32), sender=disputes
    )
    found = [finding for finding in market.audit().findings if finding.check == "invariant 4"]
    assert [(finding.have, finding.need) for finding in found] == [("1", "0")]


def test_audit__lock_without_a_device_or_job__is_found(market: Market) -> None:
    registry = market.chain.impersonate("DeviceRegistry")
    market.chain.send("ProviderStaking", "lock", role(market.chain, "provider"), 1, sender=registry)
    assert {finding.check for finding in market.audit().findings} == {"invariant 5"}
