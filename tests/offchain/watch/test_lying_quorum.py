"""A quorum signs a lie, and the bot finds it without being told, proves it, and has the bonds burned."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from random import Random

import pytest

from tensorbond.chain.errors import ContractRefused, RpcError
from tensorbond.chain.lane import MAX_TRANSACTION_GAS
from tensorbond.chain.sender import Receipt, Sender
from tensorbond.chain.types import Statement
from tensorbond.oracle.leaves import EpochData, data_name
from tensorbond.oracle.reader import Reader
from tensorbond.watch.dispute import Dispute
from tensorbond.watch.lies import LieKind, Truth
from tests import acts
from tests.offchain.audit.market import Market
from tests.offchain.watch.conftest import Watch
from tests.offchain.watch.liars import LIARS, Liar, Signed, _with_leaf
from tests.system import role

pytestmark = pytest.mark.chain

SEED = 20
WORK = {"badItem", "missed"}
"""What a provider pays for: there are liars among them, too."""


def lie(market: Market, name: str, choice: Random, publishes: bool = True) -> Signed:
    """What this liar makes of epoch 1, signed by a quorum and published."""
    return lie_by(market, LIARS[name][0], choice, publishes)


def lie_by(market: Market, liar: Liar, choice: Random, publishes: bool = True) -> Signed:
    honest = market.judge(1)
    with closing(market.connect()) as network:
        facts = Reader(network).epoch_facts(1, network.head())
    signed = liar(Truth(facts, market.standing.leaves, {}), honest, choice)
    assert signed is not None, "epoch 1 has something of everything"
    told = {"root": signed.root, "total_weight": signed.total_weight, "data_digest": signed.data.data_digest}
    sign(market, replace(market.statement(honest), **told))
    if publishes:
        market.store.put(data_name(31337, 1, signed.root), signed.data.encode())
    return signed


def sign(market: Market, statement: Statement) -> None:
    """Three of the four oracles."""
    bitmap, signatures = acts.sign_as_quorum(market.chain, statement, market.oracles, (0, 1, 2))
    market.chain.send(
        "Attestations", "attest", statement, bitmap, signatures, sender=market.chain.accounts[5]
    )


AT_ONCE = [name for name, (_, kind) in LIARS.items() if kind != LieKind.EVIDENCE_WITHHELD]


@pytest.mark.parametrize("name", AT_ONCE)
def test_cycle__a_lying_quorum__loses_its_bonds_and_the_epoch(young_market: Market, watch: Watch, name: str):
    market, chain = young_market, young_market.chain
    lie(market, name, Random(f"{SEED} {name}"))
    assert chain.call("Attestations", "nextEpoch") == 2
    bond = chain.call("Attestations", "BOND")
    auditor = role(chain, "auditor")
    before = chain.balance("TensorbondToken", auditor)

    found = watch(market)
    (shown,) = [act.kind for act in found if act.kind not in WORK]
    assert shown.startswith(LIARS[name][1])
    assert {act.result for act in found} == {"proven"}
    assert [chain.call("Attestations", "bondOf", oracle).amount for oracle in market.oracles] == [
        0,
        0,
        0,
        bond,
    ]
    assert chain.call("Attestations", "nextEpoch") == 1
    slashed = chain.events("Attestations", "OracleSlashed")
    assert {each.args["oracle"] for each in slashed} == set(market.oracles[:3])
    assert sum(each.args["amount"] for each in slashed) == 3 * bond
    work = [*chain.events("WorkDisputes", "BadItemProven"), *chain.events("WorkDisputes", "MissProven")]
    rewards = sum(
        each.args["toChallenger"] for each in [*slashed, *chain.events("ProviderStaking", "StakeSlashed")]
    )
    assert len(work) == len(found) - 1
    assert chain.balance("TensorbondToken", auditor) - before == rewards


def test_cycle__a_lie_that_an_equivocation_brought_down__costs_the_others_their_bonds(
    young_market: Market, watch: Watch
):
    """One of them contradicts itself through a friend, before anybody proves the lie; then the truth is
    attested."""
    market, chain = young_market, young_market.chain
    signed, honest = lie(market, "a wrong reward", Random(SEED)), market.judge(1)
    root, before, _ = chain.call("Attestations", "attestationOf", 1, 0)
    told = replace(market.statement(honest), previous_root=before, root=root)
    told = replace(told, total_weight=signed.total_weight, data_digest=signed.data.data_digest)
    other = replace(told, total_weight=told.total_weight + 1)
    pair = [acts.sign_statement(chain, each, market.oracles[0]) for each in (told, other)]
    args = told, pair[0], other, pair[1], 1, 0
    chain.send("AttestationDisputes", "proveEquivocation", *args, sender=chain.accounts[6])
    assert chain.call("Attestations", "nextEpoch") == 1
    market.attest(honest, round=1, signers=(1, 2, 3))

    found = [act for act in watch(market) if act.kind not in WORK]

    assert [(act.kind, act.result) for act in found] == [("badReward", "proven")]
    bonds = [chain.call("Attestations", "bondOf", oracle).amount for oracle in market.oracles]
    assert [bool(bond) for bond in bonds] == [False, False, False, True]
    assert chain.call("Attestations", "nextEpoch") == 2


def test_cycle__leaves_that_nobody_shows__are_asked_for_and_then_cost_the_bonds(
    young_market: Market, watch: Watch
):
    market, chain = young_market, young_market.chain
    signed = lie(market, "a wrong reward", Random(SEED), publishes=False)
    asked = [act for act in watch(market) if act.kind not in WORK]
    assert {(act.kind, act.result) for act in asked} == {("requestLeaf", "asked")}
    requests = chain.events("Attestations", "LeafRequested")
    assert {each.args["device"] for each in requests} == set(signed.data.leaves)
    assert watch(market) == [], "nothing is asked for twice"

    chain.mine_to(requests[0].args["answerBy"] + 1)
    found = watch(market)
    assert [(act.kind, act.result) for act in found] == [("withheldLeaf", "proven")]
    assert [chain.call("Attestations", "bondOf", oracle).amount for oracle in market.oracles[:3]] == [0, 0, 0]
    assert chain.call("Attestations", "nextEpoch") == 1


def one_outcome_too_many(truth: Truth, honest: EpochData, choice: Random) -> Signed:
    device = choice.choice(list(honest.leaves))
    return _with_leaf(truth, honest, device, outcome_count=honest.leaves[device].outcome_count + 1)


def more_memory_than_a_field_holds(truth: Truth, honest: EpochData, choice: Random) -> Signed:
    return _with_leaf(truth, honest, choice.choice(list(honest.leaves)), vram=1 << 64)


@pytest.mark.parametrize("liar", [one_outcome_too_many, more_memory_than_a_field_holds])
def test_cycle__leaves_published_as_no_proof_can_tell_them__are_asked_for_all_the_same(
    young_market: Market, watch: Watch, liar: Liar
):
    """No answer shows such a leaf, either."""
    market, chain = young_market, young_market.chain
    lie_by(market, liar, Random(SEED))
    asked = [act for act in watch(market) if act.kind not in WORK]
    assert {(act.kind, act.result) for act in asked} == {("requestLeaf", "asked")}

    chain.mine_to(chain.events("Attestations", "LeafRequested")[0].args["answerBy"] + 1)
    assert [(act.kind, act.result) for act in watch(market)] == [("withheldLeaf", "proven")]


def test_cycle__leaves_that_appear_while_they_are_asked_for__are_looked_at(
    young_market: Market, watch: Watch
):
    market = young_market
    signed = lie(market, "a wrong reward", Random(SEED), publishes=False)
    assert "requestLeaf" in {act.kind for act in watch(market)}
    market.store.put(data_name(31337, 1, signed.root), signed.data.encode())
    assert [act.kind for act in watch(market)] == ["badReward"]


def test_cycle__a_witness_that_nobody_shows__is_asked_for_and_then_costs_the_bonds(
    young_market: Market, watch: Watch
):
    market, chain = young_market, young_market.chain
    lie(market, "an unknown witness", Random(SEED))
    asked = [act for act in watch(market) if act.kind not in WORK]
    assert {(act.kind, act.result) for act in asked} == {("requestEvidence", "asked")}
    requests = chain.events("AttestationDisputes", "EvidenceRequested")
    assert len(requests) == len(asked)

    chain.mine_to(requests[0].args["answerBy"] + 1)
    found = watch(market)
    assert [(act.kind, act.result) for act in found] == [("withheldEvidence", "proven")]
    assert [chain.call("Attestations", "bondOf", oracle).amount for oracle in market.oracles[:3]] == [0, 0, 0]


def two_lies(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    """A row names a witness that nobody has, and a reward is wrong, too."""
    signed = LIARS["an unknown witness"][0](truth, honest, choice)
    assert signed is not None
    device = choice.choice(list(honest.leaves))
    reward = signed.data.leaves[device].cumulative_reward + 1
    return _with_leaf(truth, signed.data, device, cumulative_reward=reward)


@pytest.mark.parametrize("refusal", ["too large", "by the node", "by the contract"])
def test_hide_behind_a_lie_whose_proof_is_refused__data_are_asked_for_all_the_same(
    young_market: Market, watch: Watch, monkeypatch: pytest.MonkeyPatch, refusal: str
):
    """A quorum adds a lie that it knows nobody can prove, so that nobody asks for what would fell it."""
    market, chain = young_market, young_market.chain
    lie_by(market, two_lies, Random(SEED))
    gas, send = Dispute.gas, Dispute.send

    def refuse(dispute: Dispute, sender: Sender) -> Receipt:
        if dispute.kind != "badReward":
            return send(dispute, sender)
        if refusal == "by the node":
            raise RpcError("eth_sendRawTransaction", -32000, "oversized data: limit 131072")
        raise ContractRefused("LeafAsItShould", {})

    if refusal == "too large":
        large = {"badReward": MAX_TRANSACTION_GAS + 1}
        monkeypatch.setattr(Dispute, "gas", lambda d, *told: large.get(d.kind) or gas(d, *told))
    else:
        monkeypatch.setattr(Dispute, "send", refuse)

    found = watch(market)
    assert ("badReward", "refused") in {(act.kind, act.result) for act in found}
    asked = [act for act in found if act.kind == "requestEvidence"]
    assert {act.result for act in asked} == {"asked"}
    assert len(chain.events("AttestationDisputes", "EvidenceRequested")) == len(asked) > 0
    assert {act.kind for act in found} >= WORK, "whoever lied about work pays, too"
    assert (
        watch(market) == []
        if refusal == "too large"
        else {act.result for act in watch(market)} == {"refused"}
    )

    chain.mine_to(chain.events("AttestationDisputes", "EvidenceRequested")[0].args["answerBy"] + 1)
    assert ("withheldEvidence", "proven") in {(act.kind, act.result) for act in watch(market)}
    assert [chain.call("Attestations", "bondOf", oracle).amount for oracle in market.oracles[:3]] == [0, 0, 0]


def test_cycle__an_oracle_that_is_dead_and_one_that_raves__change_nothing(young_market: Market, watch: Watch):
    """Nobody listens at the endpoints that the oracles of this market published."""
    lie(young_market, "a wrong weight", Random(SEED))
    urls = ("http://127.0.0.1:9", young_market.chain.url)
    assert "badWeight" in {act.kind for act in watch(young_market, rpc_urls=urls)}
