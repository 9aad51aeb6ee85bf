"""Block-pinned reads and events: of the block asked for, or a named error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tensorbond.chain.deployment import Deployment
from tensorbond.chain.errors import (
    BlockUnknown,
    ChainReorganised,
    ContractRefused,
    DeploymentInvalid,
    LogsUnavailable,
    ReplyMalformed,
    RpcError,
    WrongChain,
)
from tensorbond.chain.network import BlockRef, Network
from tensorbond.chain.types import DeviceClass, Timing
from tests.acts import TBND, register_as, stake_as
from tests.anvil import Anvil
from tests.chain import Chain

pytestmark = pytest.mark.chain


@pytest.fixture
def network(chain: Chain, deployment_file: Path) -> Iterator[Network]:
    with Network.connect([chain.url], Deployment.load(deployment_file)) as network:
        yield network


def test_connect__another_chain__is_refused(system: Chain, deployment_file: Path) -> None:
    with (
        Anvil(chain_id=5) as other,
        pytest.raises(WrongChain, match="serves chain 5, the deployment is on chain 31337"),
    ):
        Network.connect([other.url], deployment_file)


def test_connect__nothing_deployed_there__is_refused(system: Chain, deployment_file: Path) -> None:
    with Anvil() as empty, pytest.raises(DeploymentInvalid, match="there is no AccessManager at 0x"):
        Network.connect([empty.url], deployment_file)


def test_connect__other_code_there__is_refused(chain: Chain, deployment_file: Path) -> None:
    chain.rpc.request("anvil_setCode", chain.address["Rewards"], "0x00")
    with pytest.raises(DeploymentInvalid, match=r"Rewards at 0x.* has code hash 0x.*, need 0x"):
        Network.connect([chain.url], deployment_file)


def test_call__structs__come_as_their_dataclasses(network: Network) -> None:
    timing, terms = network.calls([("DeviceRegistry", "timingEntry", 0), ("DeviceRegistry", "classOf", 0)])
    assert isinstance(timing, Timing)
    assert timing == network.deployment.timing
    assert isinstance(terms, DeviceClass)
    assert terms == network.deployment.classes[0]


def test_call__pinned_to_a_block__tells_of_that_block(chain: Chain, network: Network, provider: str) -> None:
    before = network.head()
    stake_as(chain, provider, 5 * TBND)
    assert network.call("ProviderStaking", "stakeOf", provider, block=before).active == 0
    assert network.call("ProviderStaking", "stakeOf", provider, block=before.number).active == 0
    assert network.call("ProviderStaking", "stakeOf", provider).active == 5 * TBND


def test_call__pinned_to_a_block_that_is_gone__is_unknown(
    chain: Chain, network: Network, provider: str
) -> None:
    gone = BlockRef(chain.block_number, b"\x11" * 32, 0)
    with pytest.raises((BlockUnknown, RpcError)):
        network.call("ProviderStaking", "stakeOf", provider, block=gone)


def test_call__refused__is_decoded_with_its_numbers(network: Network, stranger: str) -> None:
    with pytest.raises(ContractRefused) as caught:
        network.call("ProviderStaking", "unbond", 7, sender=stranger)
    assert caught.value.error_name == "FreeStakeInsufficient"
    assert caught.value.arguments == {"provider": stranger, "have": 0, "need": 7}
    assert str(caught.value) == (
        f"ProviderStaking.unbond refused: FreeStakeInsufficient(provider = {stranger}, have = 0, need = 7)"
    )


def test_call__refused_by_a_contract_further_in__is_decoded_too(network: Network, stranger: str) -> None:
    with pytest.raises(ContractRefused, match=r"FreeStakeInsufficient\(provider = 0x"):
        network.call("DeviceRegistry", "register", 0, 10, 1, sender=stranger)


def test_call__a_function_that_is_not_there__says_so(network: Network) -> None:
    with pytest.raises(LookupError, match="Rewards has no function sing"):
        network.call("Rewards", "sing")


def test_call__no_contract_at_the_address__is_malformed(network: Network, stranger: str) -> None:
    with pytest.raises(ReplyMalformed, match=r"balanceOf answered '0x'"):
        network.call(stranger, "balanceOf", stranger)


def test_head__and_block__agree(chain: Chain, network: Network) -> None:
    head = network.head()
    assert head == network.block(head.number) == network.blocks([head.number])[0]
    assert head.hash == chain.block_hash(head.number)
    with pytest.raises(BlockUnknown):
        network.block(head.number + 1)


def test_events__by_name_and_indexed_argument__are_decoded_in_order(
    chain: Chain, network: Network, provider: str, other_provider: str
) -> None:
    for who, amount in ((provider, 3), (other_provider, 4), (provider, 5)):
        stake_as(chain, who, amount * TBND)
    found = network.events("ProviderStaking", "StakeDeposited", provider=provider)
    assert [each.args["amount"] for each in found] == [3 * TBND, 5 * TBND]
    assert [(each.contract, each.name) for each in found] == [("ProviderStaking", "StakeDeposited")] * 2
    assert all(each.block_hash == chain.block_hash(each.block) for each in found)
    either = network.events("ProviderStaking", "StakeDeposited", provider=[provider, other_provider])
    assert [each.args["provider"] for each in either] == [provider, other_provider, provider]


def test_events__of_all_contracts__come_in_chain_order(chain: Chain, network: Network, provider: str) -> None:
    stake_as(chain, provider, 30 * TBND)
    since = chain.block_number + 1
    register_as(chain, provider, gops=10, count=2)
    found = network.events(since=since)
    assert sorted(each.name for each in found) == ["DeviceRegistered", "DeviceRegistered", "StakeLocked"]
    assert [(each.block, each.log_index) for each in found] == sorted(
        (each.block, each.log_index) for each in found
    )


def test_events__unknown_name_or_argument__says_so(network: Network) -> None:
    with pytest.raises(LookupError, match="has an event Sung"):
        network.events("Rewards", "Sung")
    with pytest.raises(LookupError, match="StakeDeposited has no indexed amount"):
        network.events("ProviderStaking", "StakeDeposited", amount=1)


class Limited:
    """Answers getLogs only for ranges of at most `span` blocks, and counts."""

    def __init__(self, network: Network, span: int) -> None:
        self.asked: list[int] = []
        inner = network.rpc.request

        def request(method: str, *params: Any, timeout: float | None = None) -> Any:
            if method == "eth_getLogs":
                width = int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1
                self.asked.append(width)
                if width > span:
                    raise RpcError(method, -32000, "block range too large")
            return inner(method, *params, timeout=timeout)

        network.rpc.request = request  # type: ignore[method-assign]


def test_events__ranges_are_refused__are_halved_until_taken(
    chain: Chain, network: Network, provider: str
) -> None:
    for amount in range(1, 4):
        stake_as(chain, provider, amount * TBND)
        chain.mine(60)
    network._span = 200
    limited = Limited(network, 30)
    found = network.events("ProviderStaking", "StakeDeposited", provider=provider)
    assert [each.args["amount"] for each in found] == [1 * TBND, 2 * TBND, 3 * TBND]
    assert limited.asked[0] > 30
    assert min(limited.asked[:-1]) > 10


def test_events__even_one_block_is_refused__are_unavailable(network: Network) -> None:
    Limited(network, 0)
    with pytest.raises(LogsUnavailable, match="block range too large"):
        network.events("ProviderStaking")


def test_events__an_answer_cut_off_at_a_round_number__is_not_believed(
    chain: Chain, network: Network, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for amount in range(1, 8):
        stake_as(chain, provider, amount)
    monkeypatch.setattr("tensorbond.chain.network._TRUNCATED_AT", 4)
    inner = network.rpc.request
    monkeypatch.setattr(
        network.rpc,
        "request",
        lambda method, *p, **k: r[:4] if (r := inner(method, *p, **k)) and method == "eth_getLogs" else r,
    )
    found = network.events("ProviderStaking", "StakeDeposited", provider=provider)
    assert [each.args["amount"] for each in found] == list(range(1, 8))


def test_events__until_a_block_that_was_reorganised_away__is_refused(
    network: Network, chain: Chain, provider: str
) -> None:
    stake_as(chain, provider, 1)
    chain.mine()
    until = network.head()
    chain.rpc.request("anvil_reorg", 2, [])
    with pytest.raises(ChainReorganised) as caught:
        network.events("ProviderStaking", until=until)
    assert caught.value.number == until.number
    assert caught.value.need == until.hash
    assert caught.value.have == chain.block_hash(until.number)


def test_clone__two_threads__do_not_share_a_connection(network: Network) -> None:
    with network.clone() as other:
        assert other.rpc is not network.rpc
        assert other.head() == network.head()
