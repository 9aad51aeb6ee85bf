"""Four oracles and one agent in this process, cycle by cycle, against a real chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_utils.crypto import keccak

from tensorbond.chain import slots
from tensorbond.chain.errors import ContractRefused, RpcUnreachable
from tensorbond.chain.network import Network
from tensorbond.chain.types import EpochStatus, OutcomeKind, OutcomeResult
from tensorbond.demo.villains import SkippingProver
from tensorbond.oracle.config import OracleConfig
from tensorbond.oracle.duties import duties
from tensorbond.oracle.errors import FactsContradict, FactsIncomplete
from tensorbond.oracle.leaves import EpochData, load_epoch
from tensorbond.oracle.node import OracleNode
from tensorbond.oracle.reader import Reader
from tensorbond.oracle.sealer import encode_header
from tensorbond.proof.prover import CpuProver
from tensorbond.provider.agent import Agent
from tensorbond.provider.config import AgentConfig, JobPolicy
from tensorbond.store import Store
from tensorbond.watch import equivocation_proof
from tests.acts import TBND, fund_as, mine_to_slot, sign_statement, stake_as, timing
from tests.chain import Chain
from tests.work import BOND, device_as, first_slot_of

pytestmark = pytest.mark.chain

PASSED, MISSED, BAD, WITHHELD = (
    OutcomeResult.PASSED,
    OutcomeResult.MISSED,
    OutcomeResult.BAD_ITEM,
    OutcomeResult.WITHHELD,
)


class Market:
    """Four seated oracles with folders of their own, and agents as needed."""

    def __init__(
        self, chain: Chain, deployment: Path, oracles: Sequence[str], folder: Path, stack: ExitStack
    ) -> None:
        self.chain, self.deployment, self.folder, self.stack = chain, deployment, folder, stack
        self.oracles = list(oracles)
        self.network = stack.enter_context(Network.connect([chain.url], deployment))
        self.store = Store(folder / "store")
        self.nodes = {oracle: self.start(oracle) for oracle in oracles}
        bond = chain.call("Attestations", "BOND")
        for oracle, node in self.nodes.items():
            chain.send("TensorbondToken", "approve", chain.address["Attestations"], bond, sender=oracle)
            chain.send("Attestations", "join", f"http://127.0.0.1:{node.port}", sender=oracle)
        chain.send("Attestations", "seat", self.oracles, 3, 0, sender=chain.accounts[0])

    def start(self, oracle: str, **changes: Any) -> OracleNode:
        told: dict[str, Any] = {
            "rpc_urls": (self.chain.url,),
            "deployment": self.deployment,
            "account": self.chain.key(oracle),
            "store_url": str(self.folder / "store"),
            "state_dir": self.folder / oracle,
            "confirmations": 0,
            "workers": 1,
        }
        node = OracleNode(OracleConfig(**told | changes))
        self.stack.callback(node.close)
        node.serve()
        return node

    def agent(self, provider: str, **changes: Any) -> Agent:
        told: dict[str, Any] = {
            "rpc_urls": (self.chain.url,),
            "deployment": self.deployment,
            "account": self.chain.key(provider),
            "store_url": str(self.folder / "store"),
            "state_dir": self.folder / provider,
            "confirmations": 0,
            "prover_factory": lambda: CpuProver(1),
            "self_check": False,
        }
        agent = Agent(AgentConfig(**told | changes))
        self.stack.callback(agent.close)
        return agent

    def live(self, epoch: int, *agents: Agent, among: Sequence[str] = ()) -> EpochData:
        """Slot after slot, until the oracles (or those `among` them) have attested the epoch."""
        entry = timing(self.chain)
        first = slots.slot_at(entry, self.chain.block_number)
        for slot in range(first, slots.first_slot(entry, epoch + 1) + 6):
            self.chain.mine_to(max(slots.start_of(entry, slot) + 1, self.chain.block_number))
            for agent in agents:
                agent.cycle()
            over = self.chain.block_number >= slots.last_block(entry, epoch) + entry.slot_blocks
            for _ in range(4 if over else 1):
                for oracle in among or self.oracles:
                    self.nodes[oracle].cycle()
                if self.chain.call("Attestations", "nextEpoch") > epoch:
                    root, record = self.chain.call("Attestations", "attestedOf", epoch)
                    assert record.flags == 1, f"epoch {epoch} is void"
                    return load_epoch(self.store, 31337, epoch, root)
                self.chain.mine()
        raise AssertionError(f"epoch {epoch} is not attested by block {self.chain.block_number}")

    def live_until_due(self, device: int, epoch: int, *agents: Agent) -> tuple[int, EpochData]:
        """Epoch after epoch, until one was attested in which the device was drawn."""
        while not (data := self.live(epoch, *agents)).outcomes[device]:
            epoch += 1
        return epoch, data

    def mine_past(self, epoch: int) -> None:
        """To where the epoch can be judged."""
        mine_to_slot(self.chain, slots.first_slot(timing(self.chain), epoch + 1) + 1)

    def results(self, data: EpochData, device: int) -> set[int]:
        return {row.result for row in data.outcomes[device]}


@pytest.fixture
def market(chain: Chain, deployment_file: Path, oracles: list[str], tmp_path: Path) -> Iterator[Market]:
    with ExitStack() as stack:
        yield Market(chain, deployment_file, oracles, tmp_path, stack)


@pytest.fixture
def begin(market: Market, chain: Chain, provider: str) -> Callable[[], tuple[int, int]]:
    """A device of the provider; and the first epoch in which it can be drawn."""

    def register() -> tuple[int, int]:
        device = device_as(chain, provider)
        return device, slots.epoch_of(timing(chain), first_slot_of(chain, device))

    return register


def test_cycle__honest_provider__every_oracle_computes_the_same_and_a_quorum_attests(
    market, chain, begin, provider
):
    device, epoch = begin()
    epoch, data = market.live_until_due(device, epoch, market.agent(provider))
    assert market.results(data, device) == {PASSED}
    (event,) = [each for each in chain.events("Attestations", "EpochAttested") if each.args["epoch"] == epoch]
    assert event.args["signers"].bit_count() == 3
    assert event.args["dataDigest"] == data.data_digest
    assert event.args["totalWeight"] == data.total_weight
    for slot in range(epoch * 4, epoch * 4 + 5):
        assert chain.call("Challenges", "beaconOf", slot) != bytes(32)


def test_cycle__two_epochs__the_second_builds_on_the_first(market, chain, begin, provider):
    device, epoch = begin()
    agent = market.agent(provider)
    market.live(epoch, agent)
    silent_since = slots.slot_at(timing(chain), chain.block_number) + 1
    second = market.live(epoch + 1)
    third = market.live(epoch + 2)
    for data in (second, third):
        late = [row.result for row in data.outcomes[device] if row.slot >= silent_since]
        assert set(late) <= {MISSED}
    seconds, thirds = second.leaves[device], third.leaves[device]
    assert thirds.cumulative_reward >= seconds.cumulative_reward
    assert thirds.idle_c == (
        0 if any(row.kind == 0 for row in third.outcomes[device]) else seconds.idle_c + 1
    )


def test_cycle__evidence_only_at_one_oracle__the_others_fetch_it_by_name(
    market, chain, begin, provider, tmp_path
):
    device, epoch = begin()
    holder = market.oracles[2]
    port = market.nodes[holder].port
    market.nodes[holder].close()
    market.nodes[holder] = market.start(holder, listen_port=port, store_url=str(tmp_path / "hidden"))
    agent = market.agent(provider, store_url=str(tmp_path / "hidden"))
    _, data = market.live_until_due(device, epoch, agent)
    assert market.results(data, device) == {PASSED}
    taken_over = set(market.store.list("31337"))
    assert taken_over
    assert taken_over <= set(Store(tmp_path / "hidden").list("31337"))


def test_cycle__liar__is_failed_and_enforced_when_final(market, chain, begin, provider, tmp_path):
    device, epoch = begin()
    enforcer = market.oracles[0]
    market.nodes[enforcer].close()
    market.nodes[enforcer] = market.start(enforcer, enforce=True, listen_port=market.nodes[enforcer].port)
    agent = market.agent(provider, prover_factory=lambda: SkippingProver(0.5))
    epoch, data = market.live_until_due(device, epoch, agent)
    bad = [row for row in data.outcomes[device] if row.result == BAD]
    assert bad
    assert data.leaves[device].weight == 0
    stake = chain.call("ProviderStaking", "stakeOf", provider).active
    market.nodes[enforcer].cycle()
    assert chain.events("WorkDisputes", "BadItemEnforced") == []
    _, record = chain.call("Attestations", "attestedOf", epoch)
    chain.mine_to(record.provable_until + 1)
    for _ in range(3):
        market.nodes[enforcer].cycle()
    enforced = chain.events("WorkDisputes", "BadItemEnforced")
    assert [each.args["slot"] for each in enforced] == [row.slot for row in bad]
    assert chain.call("ProviderStaking", "stakeOf", provider).active == stake - sum(
        each.args["amount"] for each in enforced
    )


def test_cycle__forced_draw__is_judged_for_its_job(market, chain, begin, provider, requester):
    device, epoch = begin()
    stake_as(chain, provider, 100 * TBND)
    agent = market.agent(provider, jobs=JobPolicy(result_digest=keccak(b"done")))
    mine_to_slot(chain, epoch * 4 - 2)
    head = chain.block_number
    deadlines = {"accept_by": head + 50, "submit_by": head + 100, "refund_at": head + 400}
    job = fund_as(chain, requester, collateral=BOND, **deadlines)
    data = market.live(epoch, agent)
    forced = [row for row in data.outcomes[device] if row.kind == OutcomeKind.FORCED]
    assert [(row.job, row.result) for row in forced] == [(job.number, PASSED)]
    assert data.outcomes[device][-1] == forced[0]


def test_cycle__too_few_oracles__the_epoch_is_closed_as_void(market, chain):
    epoch = chain.call("Attestations", "nextEpoch")
    market.mine_past(epoch)
    for _ in range(6):
        for oracle in market.oracles[:2]:
            market.nodes[oracle].cycle()
    assert chain.call("Attestations", "nextEpoch") == epoch
    chain.mine_to(chain.call("Attestations", "deadline") + 20)
    market.nodes[market.oracles[0]].cycle()
    assert chain.call("Attestations", "statusOf", epoch) == EpochStatus.VOID


def test_cycle__an_oracle_equivocates__the_others_attest_anew_in_a_later_round(market, chain, stranger):
    epoch = chain.call("Attestations", "nextEpoch")
    market.live(epoch)
    _, record = chain.call("Attestations", "attestedOf", epoch)
    culprit = market.oracles[0]
    statement = next(
        each.statement for node in market.nodes.values() for each in node._board.signed(epoch, record.round)
    )
    other = replace(statement, root=b"\1" * 32)
    proof = equivocation_proof(
        market.network,
        (statement, sign_statement(chain, statement, culprit)),
        (other, sign_statement(chain, other, culprit)),
    )
    chain.send("AttestationDisputes", "proveEquivocation", *vars(proof).values(), sender=stranger)
    assert chain.call("Attestations", "nextEpoch") == epoch
    market.live(epoch)
    _, again = chain.call("Attestations", "attestedOf", epoch)
    assert again.round > record.round
    assert not again.signers & 1


def test_cycle__restarted_node__goes_on_where_it_was(market, chain, begin, provider):
    device, epoch = begin()
    agent = market.agent(provider)
    market.live(epoch - 1, agent)
    for oracle in market.oracles[:3]:
        port = market.nodes[oracle].port
        market.nodes[oracle].close()
        market.nodes[oracle] = market.start(oracle, listen_port=port)
    assert market.results(market.live(epoch, agent, among=market.oracles[:3]), device) <= {PASSED}


def test_health__served__tells_who_and_how_far(market, chain):
    oracle, node = next(iter(market.nodes.items()))
    node.cycle()
    told = httpx.get(f"http://127.0.0.1:{node.port}/health").json()
    assert told["oracle"] == oracle
    assert told["seated"] is True
    assert told["nextEpoch"] == chain.call("Attestations", "nextEpoch")
    assert told["attestations"] == chain.address["Attestations"]


class Witness:
    def __init__(self, answer: Any) -> None:
        self.urls = ("http://witness",)
        self.answer = answer

    def request(self, *_: object) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_cycle__endpoints_disagree_about_the_last_block__signs_nothing(market, chain):
    epoch = chain.call("Attestations", "nextEpoch")
    market.mine_past(epoch)
    node = market.nodes[market.oracles[0]]
    good = Witness(chain.block(slots.last_block(timing(chain), epoch)))
    for bad in (Witness({"hash": "0x" + "11" * 32}), Witness(RpcUnreachable("x", {})), Witness(None)):
        node._witnesses = [good, bad]
        with pytest.raises(FactsContradict):
            node.cycle()
    assert node._board.votes(epoch, 0) == []
    node._witnesses = [good, good]
    for _ in range(2):
        node.cycle()
    assert len(node._board.votes(epoch, 0)) == 1


@pytest.fixture
def network(chain: Chain, deployment_file: Path) -> Iterator[Network]:
    with Network.connect([chain.url], deployment_file) as network:
        yield network


def test_epoch_facts__slots_not_sealed__are_incomplete(network, chain):
    mine_to_slot(chain, 5)
    with pytest.raises(FactsIncomplete, match="slot 0 is not sealed"):
        Reader(network).epoch_facts(0, network.head())


def test_epoch_facts__duties__are_what_the_contract_draws(network, chain, provider):
    devices = [device_as(chain, provider) for _ in range(3)]
    epoch = slots.epoch_of(timing(chain), first_slot_of(chain, devices[0]))
    chain.send("DeviceRegistry", "retire", devices[2], sender=provider)
    for later in (epoch, epoch + 1, epoch + 2):
        for slot in range(later * 4, later * 4 + 5):
            if chain.call("Challenges", "beaconOf", slot) == bytes(32):
                mine_to_slot(chain, slot, 1)
                chain.send("Challenges", "seal", slot, sender=provider)
        facts = Reader(network).epoch_facts(later, network.head())
        for device, due in duties(facts).items():
            drawn = [
                slot
                for slot in range(later * 4, later * 4 + 4)
                if chain.call("Challenges", "isDrawn", device, slot)
            ]
            assert [duty.slot for duty in due] == drawn
            rolls = [slot for slot in drawn if chain.call("Challenges", "isRollCall", slot)]
            assert [duty.slot for duty in due if duty.kind == OutcomeKind.ROLL_CALL] == rolls


def test_epoch_facts__accepted_in_a_long_slot_before_a_border_to_short_epochs__has_the_forced_draw(
    network, chain, provider, requester
):
    """A draw that an honest quorum overlooked would cost it its bonds (badForced)."""
    device = device_as(chain, provider)
    old = timing(chain)
    mine_to_slot(chain, first_slot_of(chain, device))
    border = slots.epoch_of(old, slots.slot_at(old, chain.block_number)) + 2
    short = replace(old, from_epoch=border, slot_blocks=4, epoch_slots=1)
    chain.send("DeviceRegistry", "schedule", short, sender=chain.accounts[0])
    mine_to_slot(chain, slots.first_slot(old, border) - 1)
    head = chain.block_number
    deadlines = {"accept_by": head + 50, "submit_by": head + 100, "refund_at": head + 400}
    job = fund_as(chain, requester, collateral=0, **deadlines)
    sent = chain.send("JobEscrow", "accept", job.number, job.state, device, sender=provider)
    forced = sent.event("JobAccepted")["forcedSlot"]
    assert chain.call("DeviceRegistry", "timingAt", forced).from_epoch == border
    chain.mine_to(head + 40)
    for slot in (forced, forced + 1):
        chain.send("Challenges", "seal", slot, sender=provider)
    facts = Reader(network).epoch_facts(border + 1, network.head())
    assert [(draw.job, draw.slot) for draw in facts.forced] == [(job.number, forced)]


def test_encode_header__any_block__hashes_to_it(chain):
    chain.mine(3)
    for number in range(chain.block_number - 2, chain.block_number + 1):
        block = chain.block(number)
        assert keccak(encode_header(block)).hex() == block["hash"][2:]
    with pytest.raises(FactsContradict):
        encode_header(chain.block() | {"gasUsed": "0x1234"})


def test_seal__hash_out_of_the_chains_reach__is_proven_by_headers(market, chain, monkeypatch):
    mine_to_slot(chain, 3, 1)
    chain.send("Challenges", "seal", 2, sender=chain.accounts[0])
    node = market.nodes[market.oracles[0]]
    send = node._sender.send

    def forgetful(contract: str, function: str, *args: Any) -> Any:
        if function == "seal":
            raise ContractRefused("BlockHashUnavailable", {"blockNumber": 0})
        return send(contract, function, *args)

    monkeypatch.setattr(node._sender, "send", forgetful)
    turn, head = node._reader.turn(node.network.head()), node.network.head()
    node._sealer.seal(turn, head, lambda slot: 0)
    entry = timing(chain)
    for slot in (0, 1, 2):
        assert chain.call("Challenges", "beaconOf", slot) == chain.block_hash(slots.start_of(entry, slot))
    assert len(chain.events("Challenges", "SlotSealed")) == 3
