"""Our codec against web3.py's: calls, results, events and refusals read the same through both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from web3 import Web3
from web3.exceptions import ContractCustomError

from tensorbond.chain.abi import to_abi
from tensorbond.chain.deployment import Deployment
from tensorbond.chain.network import Network
from tensorbond.chain.rpc import Rpc
from tensorbond.chain.types import Terms
from tensorbond.chain.web3 import RpcProvider, connect_web3, contract
from tests.acts import fund_as, register_as, stake_as
from tests.chain import Chain

TBND = 10**18


@pytest.fixture
def network(chain: Chain, deployment_file: Path) -> Iterator[Network]:
    deployment = Deployment.load(deployment_file)
    with Network.connect([chain.url], deployment) as network:
        yield network


@pytest.fixture
def w3(network: Network) -> Web3:
    return connect_web3(network)


def test_call__the_same_view__reads_the_same(network: Network, w3: Web3, chain: Chain, provider: str) -> None:
    stake_as(chain, provider, 100 * TBND)
    staking = contract(w3, network, "ProviderStaking")
    ours = network.call("ProviderStaking", "stakeOf", provider)
    assert tuple(staking.functions.stakeOf(provider).call()) == tuple(vars(ours).values())
    assert staking.functions.freeOf(provider).call() == 100 * TBND


def test_events__of_a_registration__read_the_same(
    network: Network, w3: Web3, chain: Chain, provider: str
) -> None:
    stake_as(chain, provider, 100 * TBND)
    register_as(chain, provider)
    registry = contract(w3, network, "DeviceRegistry")
    (ours,) = network.events("DeviceRegistry", "DeviceRegistered")
    (theirs,) = registry.events.DeviceRegistered().get_logs(from_block=0)
    assert dict(theirs["args"]) == ours.args
    assert (theirs["blockNumber"], theirs["logIndex"]) == (ours.block, ours.log_index)


def test_encode__a_call_with_a_struct__gives_the_same_bytes(
    network: Network, w3: Web3, chain: Chain, requester: str
) -> None:
    fund_as(chain, requester)
    (event,) = network.events("JobEscrow", "JobFunded")
    terms: Terms = event.args["terms"]
    abi = network.abi("JobEscrow")
    parameter = abi.function("fund").inputs[0]
    theirs = contract(w3, network, "JobEscrow").encode_abi("fund", [to_abi(parameter, terms)])
    assert theirs == "0x" + abi.encode_call("fund", [terms]).hex()


def test_refusal__of_a_verb__is_the_same_custom_error(network: Network, w3: Web3, provider: str) -> None:
    staking = contract(w3, network, "ProviderStaking")
    error = network.abi("ProviderStaking").errors
    (selector,) = (key for key, item in error.items() if item.name == "FreeStakeInsufficient")
    with pytest.raises(ContractCustomError) as refused:
        staking.functions.unbond(5).call({"from": Web3.to_checksum_address(provider)})
    assert str(refused.value.data).startswith("0x" + selector.hex())


def test_is_connected__a_dead_endpoint__is_false(w3: Web3, network: Network) -> None:
    assert w3.is_connected()
    with closing(Rpc(["http://127.0.0.1:9"], timeout=0.5)) as dead:
        assert not RpcProvider(dead).is_connected()
