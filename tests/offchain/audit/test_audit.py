"""The whole audit of a market that was played on a chain: what is honest has no finding."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tensorbond.audit import AuditImpossible, audit
from tensorbond.chain.deployment import Deployment
from tensorbond.chain.errors import BlockUnknown, ChainReorganised
from tensorbond.chain.network import Network
from tensorbond.store import Store
from tests.offchain.audit.market import Market
from tests.offchain.chain.faulty import FaultyServer, send
from tests.system import role

pytestmark = pytest.mark.chain


def test_audit__honest_market__finds_nothing(market: Market) -> None:
    report = market.audit()

    assert [str(finding) for finding in report.findings] == []
    assert report.notes == []
    assert report.epochs_checked == 4
    assert report.proofs_checked == sum(
        1 for event in market.chain.events("Challenges", "Committed") if event.args["slot"] < 20
    )
    assert report.balances_checked > 50


def test_audit__earlier_blocks__finds_nothing(market: Market) -> None:
    head = market.chain.block_number
    first = Deployment.load(market.deployment).contracts["LeaseEscrow"].block
    for block in range(first, head, (head - first) // 5):
        assert [str(finding) for finding in market.audit(block).findings] == [], block


def test_audit__every_transaction_of_the_story__finds_nothing_in_its_block(market: Market) -> None:
    blocks = {
        e.block for name in ("ProviderStaking", "WorkDisputes", "Rewards") for e in market.chain.events(name)
    }
    for block in sorted(blocks)[-14:-9]:
        assert market.audit(block).ok, block


def test_audit__stray_transfers__are_no_finding(market: Market) -> None:
    giver = role(market.chain, "treasury")
    for contract in market.chain.address.values():
        if contract != market.chain.address["TensorbondToken"]:
            market.chain.send("TensorbondToken", "transfer", contract, 1, sender=giver)
    assert market.audit().ok


def test_audit__block_before_the_contracts__is_impossible(market: Market) -> None:
    with pytest.raises(AuditImpossible, match="block 1 is older than the contracts"):
        market.audit(1)


def test_audit__block_after_the_head__is_impossible(market: Market) -> None:
    with pytest.raises(BlockUnknown):
        market.audit(market.chain.block_number + 1)


def test_audit__empty_store__is_impossible(market: Market, tmp_path: Path) -> None:
    market.folder = tmp_path / "elsewhere"
    with pytest.raises(AuditImpossible, match="holds nothing: is it the network's evidence store"):
        market.audit()


def test_audit__chain_reorganised_meanwhile__is_no_finding(market: Market) -> None:
    chain = market.chain
    here = chain.snapshot()
    chain.mine(3)

    def reorganise(what: str, done: int, total: int) -> None:
        nonlocal here
        if what == "balances" and here:
            chain.revert_to(here)
            here = ""
            chain.set_time(chain.timestamp + 77)
            chain.mine(5)

    with closing(market.connect()) as network, pytest.raises((ChainReorganised, BlockUnknown)):
        audit(network, market.store, progress=reorganise)


def test_audit__node_that_leaves_a_log_out__is_found(market: Market) -> None:
    left_out = "0x" + market.chain._abi("DeviceRegistry").event("DeviceRegistered").digest.hex()

    def answer(handler: Any, body: Any) -> None:
        replies = []
        for one in body if isinstance(body, list) else [body]:
            result = market.chain.rpc.request(one["method"], *one["params"])
            if one["method"] == "eth_getLogs":
                result = [entry for entry in result if entry["topics"][0] != left_out]
            replies.append({"jsonrpc": "2.0", "id": one["id"], "result": result})
        send(handler, json.dumps(replies if isinstance(body, list) else replies[0]).encode())

    with FaultyServer(answer) as server, closing(Network.connect([server.url], market.deployment)) as network:
        report = audit(network, Store(market.folder))
    assert not report.ok
    assert "the audit ends here" in report.notes[-1]


def test_audit__endpoint_that_refuses_large_requests__finds_nothing(market: Market) -> None:
    """At most 50 blocks of logs, and sixteen requests at a time."""

    def answer(handler: Any, body: Any) -> None:
        if isinstance(body, list) and len(body) > 16:
            return send(
                handler, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch too large"}}'
            )
        if not isinstance(body, list) and body["method"] == "eth_getLogs":
            query = body["params"][0]
            if int(query["toBlock"], 16) - int(query["fromBlock"], 16) >= 50:
                told = f'{{"jsonrpc":"2.0","id":{body["id"]},"error":{{"code":-32000,"message":"range"}}}}'
                return send(handler, told.encode())
        each = body if isinstance(body, list) else [body]
        replies = [
            {
                "jsonrpc": "2.0",
                "id": one["id"],
                "result": market.chain.rpc.request(one["method"], *one["params"]),
            }
            for one in each
        ]
        return send(handler, json.dumps(replies if isinstance(body, list) else replies[0]).encode())

    with FaultyServer(answer) as server, closing(Network.connect([server.url], market.deployment)) as network:
        assert audit(network, Store(market.folder)).ok
