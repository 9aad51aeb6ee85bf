"""A quorum that publishes nothing, and answers every request on chain, is punished for its lie all the
same."""

from __future__ import annotations

from contextlib import closing
from random import Random

import pytest

from tensorbond.chain.types import OutcomeResult, Record
from tensorbond.oracle.archive import cases_of
from tensorbond.oracle.duties import duties
from tensorbond.oracle.leaves import EpochData, data_name
from tensorbond.oracle.outcomes import Finding, judge, read_signed
from tensorbond.oracle.reader import Reader
from tensorbond.proof.evidence import evidence_path
from tensorbond.watch.attestations import NO_LEAF
from tensorbond.watch.lies import Truth
from tests.chain import Chain
from tests.offchain.audit.market import Market
from tests.offchain.audit.story import LIAR
from tests.offchain.watch.conftest import Watch
from tests.offchain.watch.liars import LIARS, Signed, _with_rows
from tests.offchain.watch.test_lying_quorum import SEED, WORK, lie, lie_by

pytestmark = pytest.mark.chain

FORWARDER = "60248060093d393df3" + "36600557005b6014360380" + "60145f375f5f915f5f5f3560601c5af100"
"""A contract that calls who its first 20 bytes name with the rest; without any it takes coins."""


def deploy_forwarder(chain: Chain) -> str:
    """Its address."""
    code = bytes.fromhex(FORWARDER)
    code = bytes([code[0], len(code) - 9]) + code[2:]
    sent = chain.transact(None, code, sender=chain.accounts[5])
    receipt = chain.rpc.request("eth_getTransactionReceipt", sent.transaction)
    return str(receipt["contractAddress"])


def answer_leaves(market: Market, signed: Signed, through: str | None = None) -> int:
    """All that are asked for and not answered, by the liars; how many."""
    chain, data = market.chain, signed.data
    answered = {each.args["device"] for each in chain.events("Attestations", "LeafAnswered")}
    asked = {each.args["device"] for each in chain.events("Attestations", "LeafRequested")} - answered
    for device in asked:
        shown = data.leaves.get(device, NO_LEAF), data.tree.path(device), list(data.outcomes.get(device, ()))
        args = (1, 0, device, *shown)
        if through is None:
            chain.send("Attestations", "answerLeaf", *args, sender=chain.accounts[5])
        else:
            call = chain._abi("Attestations").encode_call("answerLeaf", args)
            to = bytes.fromhex(chain.address["Attestations"].removeprefix("0x"))
            chain.transact(through, to + call, sender=chain.accounts[5])
    done = {each.args["device"] for each in chain.events("Attestations", "LeafAnswered")}
    assert done == answered | asked
    return len(asked)


def assert_punished(market: Market) -> None:
    chain = market.chain
    bond = chain.call("Attestations", "BOND")
    bonds = [chain.call("Attestations", "bondOf", oracle).amount for oracle in market.oracles]
    assert bonds == [0, 0, 0, bond]
    assert chain.call("Attestations", "nextEpoch") == 1
    slashed = chain.events("Attestations", "OracleSlashed")
    assert {each.args["oracle"] for each in slashed} == set(market.oracles[:3])
    assert sum(each.args["amount"] for each in slashed) == 3 * bond


BY_LEAF = (
    "a wrong reward",
    "a wrong weight",
    "a wrong provider",
    "a wrong throughput",
    "a leaf left out",
    "a pass without record",
    "a miss with a record",
    "an outcome left out",
    "a forced draw invented",
    "wrong tallies",
    "a root without outcomes",
)


@pytest.mark.parametrize("name", BY_LEAF)
def test_cycle__a_lie_shown_only_in_answers__costs_the_bonds(young_market: Market, watch: Watch, name: str):
    market = young_market
    signed = lie(market, name, Random(f"{SEED} {name}"), publishes=False)
    found = []
    for _ in range(4):
        found = [act for act in watch(market) if act.kind not in WORK]
        if {act.result for act in found} != {"asked"}:
            break
        assert answer_leaves(market, signed) == len(found)
    (act,) = found
    assert act.kind.startswith(LIARS[name][1])
    assert act.result == "proven"
    assert_punished(market)


def test_cycle__a_leaf_hidden_beside_the_answers__costs_the_bonds(young_market: Market, watch: Watch):
    market = young_market
    signed = lie(market, "a leaf invented", Random(SEED), publishes=False)
    watch(market)
    assert answer_leaves(market, signed) == len(signed.data.leaves) - 1
    assert [(act.kind, act.result) for act in watch(market)] == [("leafHidden", "proven")]
    assert_punished(market)


def test_cycle__answers_through_another_contract__are_read_from_its_call(young_market: Market, watch: Watch):
    market = young_market
    signed = lie(market, "a wrong reward", Random(SEED), publishes=False)
    watch(market)
    assert answer_leaves(market, signed, deploy_forwarder(market.chain)) == len(signed.data.leaves)
    assert [(act.kind, act.result) for act in watch(market)] == [("badReward", "proven")]
    assert_punished(market)


def test_cycle__honest_answers__ask_for_nothing_more(young_market: Market, watch: Watch):
    market = young_market
    honest = market.judge(1)
    market.seal(1)
    statement = market.attest(honest)
    (market.folder / data_name(31337, 1, statement.root)).unlink()
    assert "requestLeaf" in {act.kind for act in watch(market)}
    answer_leaves(market, Signed(honest, honest.total_weight))
    assert watch(market) == []
    assert market.chain.events("Attestations", "OracleSlashed") == []


def pass_as_measured(truth: Truth, honest: EpochData, choice: Random) -> Signed | None:
    """The first bad item of the liar's device, attested as the pass that work and time would make of it."""
    (device,) = (each for each in truth.facts.devices if each.device == LIAR)
    rows, due = list(honest.outcomes[LIAR]), duties(truth.facts)[LIAR]
    index = next(index for index, row in enumerate(rows) if row.result == OutcomeResult.BAD_ITEM)
    rows[index] = judge(truth.facts, device, due[index], [Finding(rows[index].witness, None)])
    return _with_rows(truth, honest, LIAR, rows)


def test_cycle__a_bad_item_shown_only_in_an_answer__costs_the_bonds(young_market: Market, watch: Watch):
    """The evidence is nowhere to be had but in answers."""
    market, chain = young_market, young_market.chain
    signed = lie_by(market, pass_as_measured, Random(SEED))
    slot = next(row.slot for row in signed.data.outcomes[LIAR] if row.result == OutcomeResult.PASSED)
    with closing(market.connect()) as network:
        facts = Reader(network).epoch_facts(1, network.head())
        (case,) = (case for case in cases_of(facts) if case.place == (LIAR, slot))
        raw, domain = market.store.get(case.name, case.length), network.domain("Challenges")
        shown = read_signed(raw, case.challenge, case.commit, case.sample_beacon, domain)
    assert shown is not None
    (market.folder / case.name).unlink()
    asked = [act for act in watch(market) if act.kind == "requestEvidence"]
    assert [act.result for act in asked] == ["asked"] * 5
    record = Record(case.commit.commitment, case.commit.timestamp, case.commit.key)
    for event in chain.events("AttestationDisputes", "EvidenceRequested"):
        index = event.args["asked"].index
        item, path = (*shown.items, shown.header)[index], list(evidence_path(shown, index))
        answer = event.args["asked"], record, item, path, shown.signature
        chain.send("AttestationDisputes", "answerEvidence", *answer, sender=chain.accounts[5])
    found = [act for act in watch(market) if act.kind.startswith("falsePass")]
    assert [(act.kind, act.result) for act in found] == [("falsePassItem", "proven")]
    assert_punished(market)
