from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tensorbond.chain import Network, Policy, Sender, job_state
from tensorbond.chain.errors import ContractRefused, JobUnknown
from tensorbond.chain.jobs import job_hash
from tests.acts import TBND, accept_as, approve_as, fund_as, mine_to_slot, register_as, stake_as, submit_as
from tests.chain import Chain

pytestmark = pytest.mark.chain

MakeSender = Callable[[str], Sender]


@pytest.fixture
def network(chain: Chain, deployment_file: Path) -> Iterator[Network]:
    with Network.connect([chain.url], deployment_file) as network:
        yield network


@pytest.fixture
def sender_of(chain: Chain, network: Network) -> MakeSender:
    return lambda account: Sender(network, chain.key(account), Policy(poll=0.02))


def test_send__a_verb__gives_its_events(chain: Chain, sender_of: MakeSender, provider: str) -> None:
    sender = sender_of(provider)
    staking = chain.address["ProviderStaking"]
    sender.send("TensorbondToken", "approve", staking, 7 * TBND)
    receipt = sender.send("ProviderStaking", "stake", 7 * TBND)
    assert receipt.event("StakeDeposited") == {
        "provider": provider,
        "amount": 7 * TBND,
        "shares": 7 * TBND,
        "active": 7 * TBND,
    }
    assert [(each.contract, each.name) for each in receipt.events] == [
        ("ProviderStaking", "StakeDeposited"),
        ("TensorbondToken", "Transfer"),
    ]
    assert receipt.block == chain.block_number
    with pytest.raises(LookupError, match="emitted no Sung"):
        receipt.event("Sung")


def test_send__refused__raises_the_decoded_error_and_sends_nothing(
    chain: Chain, sender_of: MakeSender, stranger: str
) -> None:
    block = chain.block_number
    with pytest.raises(ContractRefused) as caught:
        sender_of(stranger).send("ProviderStaking", "unbond", 3)
    assert (caught.value.contract, caught.value.function, caught.value.error_name) == (
        "ProviderStaking",
        "unbond",
        "FreeStakeInsufficient",
    )
    assert caught.value.arguments == {"provider": stranger, "have": 0, "need": 3}
    assert chain.block_number == block


def test_simulate__a_verb__gives_what_it_would_return_and_changes_nothing(
    chain: Chain, sender_of: MakeSender, provider: str
) -> None:
    stake_as(chain, provider, 5 * TBND)
    block = chain.block_number
    assert sender_of(provider).simulate("ProviderStaking", "unbond", TBND) == 0
    assert chain.block_number == block


def test_job_state__along_its_life__is_what_the_chain_has_hashed(
    chain: Chain, network: Network, provider: str, requester: str
) -> None:
    stake_as(chain, provider, 100 * TBND)
    device = register_as(chain, provider)
    mine_to_slot(chain, 4)
    job = fund_as(chain, requester)
    funded = network.head()
    assert job_state(network, job.number) == job.state
    job = accept_as(chain, provider, job, device)
    assert job_state(network, job.number) == job.state
    job = submit_as(chain, provider, job)
    assert job_state(network, job.number) == job.state
    approve_as(chain, requester, job)
    ended = job_state(network, job.number)
    assert job_hash(ended) == chain.call("JobEscrow", "jobHash", job.number)
    assert job_state(network, job.number, funded).status == 1


def test_job_state__there_is_none__says_so(network: Network) -> None:
    with pytest.raises(JobUnknown, match="there is no job 7 in block"):
        job_state(network, 7)
