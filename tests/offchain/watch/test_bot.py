"""The bot against a market of liars on a real chain: nobody tells it where to look."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tensorbond.chain.errors import ContractRefused
from tensorbond.chain.types import OutcomeResult, Place, PlaceKind
from tensorbond.oracle.board import SignedStatement
from tensorbond.oracle.exchange import show_signatures
from tensorbond.watch import bot
from tensorbond.watch.bot import Act, Watcher
from tests import acts
from tests.offchain.audit.market import Market
from tests.offchain.audit.story import HONEST, LIAR, SECOND
from tests.offchain.watch.conftest import Watch
from tests.system import role

pytestmark = pytest.mark.chain


def shown(found: list[Act]) -> set[tuple[str, str]]:
    return {(act.kind, act.result) for act in found}


def test_cycle__bad_evidence_in_an_honest_epoch__only_the_liar_pays(young_market: Market, watch: Watch):
    market, chain = young_market, young_market.chain
    market.attest_honestly(1)
    auditor, before = role(chain, "auditor"), chain.balance("TensorbondToken", role(chain, "auditor"))
    other = role(chain, "other_provider")
    staked = chain.call("ProviderStaking", "stakeOf", role(chain, "provider")).active
    slots = {row.slot for row in market.standing.outcomes[LIAR] if row.result == 3}

    found = watch(market)
    assert {act.result for act in found} == {"proven"}
    bad = {act.subject for act in found if act.kind == "badItem"}
    assert bad == {f"device {LIAR} slot {slot}" for slot in slots}
    missed = {act.subject for act in found if act.kind == "missed"}
    assert missed == {f"device {SECOND} slot 5"}
    proven = chain.events("WorkDisputes", "BadItemProven")
    assert {(each.args["device"], each.args["slot"]) for each in proven} == {(LIAR, slot) for slot in slots}
    rewards = sum(each.args["toChallenger"] for each in chain.events("ProviderStaking", "StakeSlashed"))
    assert chain.balance("TensorbondToken", auditor) - before == rewards > 0
    assert chain.call("ProviderStaking", "stakeOf", role(chain, "provider")).active == staked
    slashed = chain.events("ProviderStaking", "StakeSlashed")
    assert {each.args["provider"] for each in slashed} == {other}
    assert chain.events("Attestations", "OracleSlashed") == []

    # Not again: neither by the same bot, nor by one that starts from nothing.
    sent = chain.call("ProviderStaking", "stakeOf", other).active
    assert watch(market) == []
    assert watch(market, state_dir=market.folder / "another") == []
    assert chain.call("ProviderStaking", "stakeOf", other).active == sent


def test_cycle__without_a_key__tells_what_it_would_send(young_market: Market, watch: Watch):
    young_market.attest_honestly(1)
    block = young_market.chain.block_number
    told = shown(watch(young_market, account=None))
    assert told == {("badItem", "would send"), ("missed", "would send")}
    assert young_market.chain.block_number == block


def test_cycle__proofs_too_large_for_a_transaction__are_told_once_and_never_sent(
    young_market: Market, watch: Watch, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bot, "MAX_TRANSACTION_GAS", 30_000)
    young_market.attest_honestly(1)
    block = young_market.chain.block_number
    found = watch(young_market)
    assert shown(found) == {("badItem", "refused"), ("missed", "refused")}
    assert all(
        re.fullmatch(r"too large: at least \d+ gas, and a transaction has 30000", a.reason) for a in found
    )
    monkeypatch.undo()
    assert watch(young_market) == [], "the reason is remembered"
    assert young_market.chain.block_number == block


def test_cycle__epoch_about_which_a_view_refuses_to_answer__ends_nothing(
    young_market: Market, watch: Watch, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> list[Act]:
        raise ContractRefused("ItemOutOfRange", {"index": 40_000, "items": 16})

    young_market.attest_honestly(1)
    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "_judge", refuse)
        assert watch(young_market) == []
    assert {act.result for act in watch(young_market)} == {"proven"}


def test_cycle__missed_slots__are_proven_from_where_it_begins(young_market: Market, watch: Watch):
    market, chain = young_market, young_market.chain
    market.workers.clear()
    market.work(2)
    market.attest_honestly(1)
    market.attest_honestly(2)
    found = [act for act in watch(market, from_epoch=2) if act.kind == "missed"]
    missed = chain.events("WorkDisputes", "MissProven")
    assert {act.result for act in found} == {"proven"}
    assert {f"device {each.args['device']} slot {each.args['slot']}" for each in missed} == {
        act.subject for act in found
    }
    assert {each.args["slot"] for each in missed} <= set(market.slots_of(2))
    assert len(missed) == sum(len(rows) for rows in market.standing.outcomes.values()) > 0
    assert watch(market, from_epoch=2) == []


def test_cycle__deposits_that_no_answer_can_take__come_back_to_the_asker_once(
    young_market: Market, watch: Watch
):
    market, chain = young_market, young_market.chain
    market.attest_honestly(1)
    watch(market)
    auditor, stranger = role(chain, "auditor"), role(chain, "stranger")
    place, wei = Place(int(PlaceKind.SAMPLE), 0, 0), 10**16
    slot = next(row.slot for row in market.standing.outcomes[HONEST] if row.result == OutcomeResult.PASSED)
    for asker, device in ((auditor, HONEST), (stranger, LIAR)):
        chain.send("Attestations", "requestLeaf", 1, 0, device, sender=asker, value=wei)
    chain.send("Challenges", "requestItem", HONEST, slot, 0, sender=auditor, value=2 * wei)
    assert watch(market, deposits=True) == [], "it can still be answered"

    deadline = chain.call("Challenges", "requestOf", HONEST, slot, place).deadline
    chain.mine_to(max(deadline, chain.call("Attestations", "leafRequestOf", 1, 0, HONEST)[1].answer_by) + 1)
    before = [int(chain.rpc.request("eth_getBalance", each, "latest"), 16) for each in (auditor, stranger)]
    found = watch(market, deposits=True)
    assert shown(found) == {("leafDeposit", "returned"), ("itemDeposit", "returned")}
    after = [int(chain.rpc.request("eth_getBalance", each, "latest"), 16) for each in (auditor, stranger)]
    receipts = [chain.rpc.request("eth_getTransactionReceipt", act.transaction) for act in found]
    gas = sum(int(each["gasUsed"], 16) * int(each["effectiveGasPrice"], 16) for each in receipts)
    assert [now - then for now, then in zip(after, before, strict=True)] == [3 * wei - gas, 0]
    assert watch(market, deposits=True, state_dir=market.folder / "another") == []


def _told(market: Market, path: Path, oracle: str, *statements: Any) -> Path:
    signed = [
        SignedStatement(oracle, each, acts.sign_statement(market.chain, each, oracle)) for each in statements
    ]
    path.write_text(show_signatures(signed).model_dump_json(by_alias=True))
    return path


def test_cycle__a_statement_that_contradicts_the_attested_one__costs_the_bond(
    young_market: Market, watch: Watch, tmp_path: Path
):
    market, chain = young_market, young_market.chain
    statement = market.attest_honestly(1)
    watch(market)
    path = _told(market, tmp_path / "seen.json", market.oracles[0], replace(statement, data_digest=bytes(32)))

    found = watch(market, statements=(path,))
    assert shown(found) == {("equivocation", "proven")}
    (slashed,) = chain.events("Attestations", "OracleSlashed")
    assert slashed.args["oracle"] == market.oracles[0]
    assert slashed.args["amount"] == chain.call("Attestations", "BOND")
    assert chain.call("Attestations", "nextEpoch") == 1, "what rests on its signature is revoked"
    # What was seen is remembered: the file need not be told again, and nobody pays twice.
    assert watch(market) == []


def test_cycle__a_forged_statement__frames_nobody(young_market: Market, watch: Watch, tmp_path: Path):
    market = young_market
    statement = market.attest_honestly(1)
    watch(market)
    path = _told(market, tmp_path / "seen.json", market.oracles[0], replace(statement, data_digest=bytes(32)))
    told = json.loads(path.read_text())
    told["signatures"][0]["oracle"] = market.oracles[1]
    path.write_text(json.dumps(told))
    assert watch(market, statements=(path,)) == []
    assert market.chain.events("Attestations", "OracleSlashed") == []
