"""A stranger against liars, on a real chain: what it finds, the contracts accept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tensorbond.chain import slots
from tensorbond.chain.errors import ContractRefused
from tensorbond.chain.lane import Policy
from tensorbond.chain.network import Network
from tensorbond.chain.sender import Sender
from tensorbond.demo.villains import SkippingProver
from tensorbond.proof.prover import CpuProver
from tensorbond.provider.agent import Agent
from tensorbond.provider.config import AgentConfig
from tensorbond.store import Store
from tensorbond.watch import (
    Missed,
    NoFraud,
    bad_item_proof,
    equivocation_proof,
    find_bad_items,
    find_missed,
    prove_bad_item,
    prove_equivocation,
    prove_missed,
)
from tests.acts import (
    attest,
    close_before,
    join_oracles,
    mine_to_slot,
    sign_statement,
    timing,
)
from tests.chain import Chain
from tests.offchain.provider.test_agent import ForgetfulProver
from tests.work import device_as, drawn_slot_of, first_slot_of

pytestmark = pytest.mark.chain


@pytest.fixture
def network(chain: Chain, deployment_file: Path) -> Iterator[Network]:
    with Network.connect([chain.url], deployment_file) as network:
        yield network


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def sender(network: Network, chain: Chain, stranger: str) -> Sender:
    return Sender(network, chain.key(stranger), Policy(poll=0.01))


@pytest.fixture
def device(chain: Chain, provider: str) -> int:
    return device_as(chain, provider)


@pytest.fixture
def play(
    chain: Chain, deployment_file: Path, provider: str, tmp_path: Path, device: int
) -> Callable[[Callable[[], CpuProver]], int]:
    """The provider commits and publishes once, with any prover; returns the slot."""

    def play_once(prover: Callable[[], CpuProver]) -> int:
        agent = Agent(
            AgentConfig(
                rpc_urls=(chain.url,),
                deployment=deployment_file,
                account=chain.key(provider),
                store_url=str(tmp_path / "store"),
                state_dir=tmp_path / "state",
                confirmations=0,
                prover_factory=prover,
                self_check=False,
            )
        )
        slot = drawn_slot_of(chain, device)
        agent.cycle()
        mine_to_slot(chain, slot + 1)
        agent.cycle()
        agent.close()
        chain.mine()
        return slot

    return play_once


def test_bad_item_proof__honest_work__is_none(play, network, store, device):
    slot = play(lambda: CpuProver(1))
    assert len(store.list()) >= 1
    assert bad_item_proof(network, store, device, slot) is None
    assert list(find_bad_items(network, store)) == []


@pytest.mark.parametrize("prover", [lambda: SkippingProver(0.9), ForgetfulProver])
def test_bad_item_proof__a_liar__is_slashed_by_a_stranger_in_one_transaction(
    play, network, store, device, sender, chain, provider, stranger, prover
):
    slot = play(prover)
    proof = bad_item_proof(network, store, device, slot)
    assert proof is not None
    stake = chain.call("ProviderStaking", "stakeOf", provider).active
    before = chain.balance("TensorbondToken", stranger)
    proven = prove_bad_item(sender, proof).event("BadItemProven")
    assert (proven["device"], proven["slot"], proven["challenger"]) == (device, slot, stranger)
    assert proven["reward"] == proven["amount"] * 2500 // 10_000 > 0
    assert chain.balance("TensorbondToken", stranger) - before == proven["reward"]
    assert stake - chain.call("ProviderStaking", "stakeOf", provider).active == proven["amount"]
    with pytest.raises(ContractRefused, match="FaultedAlready"):
        prove_bad_item(sender, proof)
    assert [each.slot for each in find_bad_items(network, store) if each.slot == slot] == []


def test_find_bad_items__a_liar__finds_what_the_single_look_finds(play, network, store, device):
    slot = play(lambda: SkippingProver(0.9))
    found = [each for each in find_bad_items(network, store) if each.slot == slot]
    assert found == [bad_item_proof(network, store, device, slot)]


def test_bad_item_proof__nothing_published__is_none(play, network, tmp_path, device):
    slot = play(lambda: SkippingProver(0.9))
    assert bad_item_proof(network, Store(tmp_path / "empty"), device, slot) is None
    assert bad_item_proof(network, Store(tmp_path / "empty"), device, slot + 100) is None


def test_bad_item_proof__evidence_tampered_with__frames_nobody(play, network, tmp_path, device, store):
    slot = play(lambda: CpuProver(1))
    other = Store(tmp_path / "forged")
    for name in store.list():
        raw = bytearray(store.get(name, 1 << 22))
        raw[400] ^= 1
        other.put(name, bytes(raw))
    assert bad_item_proof(network, other, device, slot) is None


def test_find_missed__silent_device__is_found_proven_and_found_no_more(
    network, chain, device, sender, stranger
):
    slot = drawn_slot_of(chain, device)
    epoch = slots.epoch_of(timing(chain), slot)
    assert find_missed(network, epoch) == []
    mine_to_slot(chain, slot + 1)
    assert Missed(device, slot) in find_missed(network, epoch)
    proven = prove_missed(sender, Missed(device, slot)).event("MissProven")
    assert (proven["device"], proven["slot"], proven["challenger"]) == (device, slot, stranger)
    assert Missed(device, slot) not in find_missed(network, epoch)


def test_find_missed__committed_in_time__is_not_found(play, network, device, chain):
    slot = play(lambda: CpuProver(1))
    assert Missed(device, slot) not in find_missed(network, slots.epoch_of(timing(chain), slot))


def test_find_missed__before_any_slot_is_over__is_empty(network, chain, device):
    epoch = slots.epoch_of(timing(chain), first_slot_of(chain, device))
    assert find_missed(network, epoch + 5) == []


@pytest.fixture
def attested(chain: Chain, oracles: list[str]) -> Any:
    join_oracles(chain, oracles)
    close_before(chain, 1)
    return attest(chain, 1)


def test_equivocation_proof__two_statements_of_one_oracle__costs_its_bond(
    attested, chain, network, sender, oracles, stranger
):
    first = attested.statement
    second = replace(first, root=b"\1" * 32, total_weight=5)
    signed = [(each, sign_statement(chain, each, oracles[1])) for each in (first, second)]
    proof = equivocation_proof(network, *signed)
    assert (proof.set_id, proof.index) == (1, 1)
    proven = prove_equivocation(sender, proof).event("EquivocationProven")
    assert (proven["epoch"], proven["oracle"], proven["challenger"]) == (1, oracles[1], stranger)
    assert proven["amount"] == chain.call("Attestations", "BOND")
    assert chain.call("Attestations", "bondOf", oracles[1]).amount == 0


def test_equivocation_proof__what_is_none__is_refused(attested, chain, network, oracles, stranger):
    first = attested.statement
    later = replace(first, round=1)
    other = replace(first, root=b"\1" * 32)

    def signed(statement: Any, oracle: str) -> Any:
        return statement, sign_statement(chain, statement, oracle)

    with pytest.raises(NoFraud, match="do not contradict"):
        equivocation_proof(network, signed(first, oracles[0]), signed(later, oracles[0]))
    with pytest.raises(NoFraud, match="do not contradict"):
        equivocation_proof(network, signed(first, oracles[0]), signed(first, oracles[0]))
    with pytest.raises(NoFraud, match="are signed by"):
        equivocation_proof(network, signed(first, oracles[0]), signed(other, oracles[1]))
    with pytest.raises(NoFraud, match="are signed by"):
        equivocation_proof(network, signed(first, oracles[0]), signed(other, oracles[0]), oracles[1])
    with pytest.raises(NoFraud, match="no member"):
        equivocation_proof(network, signed(first, stranger), signed(other, stranger))
