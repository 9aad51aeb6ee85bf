from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tensorbond.chain.orders import SignedOrder
from tests.acts import TBND, TUSD, attest, join_oracles, mine_to_final, mine_to_slot, register_as, stake_as
from tests.chain import Chain
from tests.leaves import make_leaf
from tests.offchain.cli.conftest import Run, publish
from tests.system import oracle_accounts

SPEC = "0x" + "5a" * 32


@pytest.fixture
def device(chain: Chain, provider: str) -> int:
    stake_as(chain, provider, 100 * TBND)
    registered = register_as(chain, provider, gops=10, count=2)
    mine_to_slot(chain, 4)
    return registered


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    return tmp_path / "orders"


def make(run: Run, kind: str, out: Path, *more: object, by: str) -> dict[str, Any]:
    words = ["--price", "80", "--collateral", "20"]
    own = ["--submit-within", "60"] if kind == "ask" else ["--submit-within", "60", "--spec", SPEC]
    told = run("order", kind, *words, *own, *more, "--out", out, "--json", by=by)
    assert told.code == 0, told.err
    found: dict[str, Any] = told.json
    return found


def test_match__ones_own_bid__permits_and_matches_in_one_transaction(
    chain: Chain, run: Run, device: int, orders: Path, requester: str, provider: str
) -> None:
    make(run, "ask", orders / "ask.json", "--device", device, by=provider)
    made = make(run, "bid", orders / "bid.json", "--price", "100", by=requester)
    assert (made["kind"], made["account"], made["nonce"]) == ("JobBid", requester, 0)
    before, sent = chain.balance("TestDollar", requester), nonce(chain, requester)
    told = run("order", "match", orders / "bid.json", orders / "ask.json", "--json", by=requester)
    assert told.code == 0, told.err
    assert (told.json["devices"], told.json["price"]) == ([device], str(80 * TUSD))
    assert chain.balance("TestDollar", requester) == before - 80 * TUSD
    assert nonce(chain, requester) == sent + 1
    shown = run("job", "show", told.json["jobs"][0], "--json").json
    assert (shown["status"], shown["device"], shown["spec"]) == ("ACCEPTED", device, SPEC)
    told = run("order", "show", orders / "bid.json", orders / "ask.json", "--json")
    assert told.code == 1
    assert [(row["left"], row["state"]) for row in told.json["orders"]] == [(0, "spent")] * 2


def nonce(chain: Chain, account: str) -> int:
    return int(chain.rpc.request("eth_getTransactionCount", account, "latest"), 16)


def test_match__a_cluster_by_a_stranger__opens_a_job_for_each_device(
    chain: Chain, run: Run, device: int, orders: Path, requester: str, provider: str, stranger: str
) -> None:
    chain.send("TestDollar", "approve", chain.address["JobEscrow"], 200 * TUSD, sender=requester)
    make(run, "ask", orders / "ask.json", "--count", 3, by=provider)
    make(run, "bid", orders / "bid.json", "--count", 2, "--whole", by=requester)
    asked = f"{orders / 'ask.json'}@{device},{device + 1}"
    told = run("order", "match", orders / "bid.json", asked, by=stranger)
    assert told.code == 0, told.err
    assert f"matched: job 1, 2 on device {device}, {device + 1} for 160 TUSD\n" in told.out
    told = run("order", "show", orders / "ask.json")
    assert (told.code, told.out) == (0, f"{orders / 'ask.json'}: JobAsk of {provider}, 1 of 3 left, open\n")


def test_match__a_bid_that_wants_a_weight__shows_the_newest_final_leaf(
    chain: Chain, run: Run, device: int, orders: Path, store: Path, requester: str, provider: str
) -> None:
    join_oracles(chain, oracle_accounts(chain, 4), from_epoch=0)
    attested = attest(chain, 1, [make_leaf(device, provider, weight=9)])
    mine_to_final(chain, 1)
    publish(store, attested)
    make(run, "ask", orders / "ask.json", "--device", device, by=provider)
    make(run, "bid", orders / "bid.json", "--min-weight", 9, "--since-epoch", 1, by=requester)
    told = run("order", "match", orders / "bid.json", orders / "ask.json", by=requester)
    assert told.code == 0, told.err
    make(run, "bid", orders / "later.json", "--min-weight", 9, "--since-epoch", 2, by=requester)
    told = run("order", "match", orders / "later.json", orders / "ask.json", by=requester)
    assert (told.code, "no epoch since 2 is final" in told.err) == (2, True)


def test_sign__by_the_operator__completes_an_ask_made_elsewhere(
    chain: Chain, run: Run, device: int, orders: Path, provider: str, operator: str
) -> None:
    path = orders / "ask.json"
    make(run, "ask", path, "--account", provider, "--unsigned", by=operator)
    assert run("order", "show", path, "--json").json["orders"][0]["state"] == "unsigned"
    assert run("order", "sign", path, by=operator).code == 0
    assert run("order", "show", path, "--json").json["orders"][0]["state"] == "unsigned"
    assert run("order", "sign", path, by=provider).code == 0
    assert run("order", "show", path, "--json").json["orders"][0]["state"] == "open"
    signed = SignedOrder.decode(path.read_text())
    assert signed.order.order.account == provider
    assert json.loads(path.read_text())["domain"]["verifyingContract"] == chain.address["OrderBook"]


def test_ask__beside_other_orders__takes_the_next_nonce(run: Run, orders: Path, provider: str) -> None:
    made = [make(run, "ask", orders / f"{name}.json", by=provider)["nonce"] for name in ("a", "b", "c")]
    assert made == [0, 1, 2]
    (orders / "notes.json").write_text("[]")
    assert run("order", "cancel", "--nonce", 3, by=provider).code == 0
    assert make(run, "ask", orders / "d.json", by=provider)["nonce"] == 4
    assert make(run, "ask", orders / "b.json", by=provider)["nonce"] == 1


def test_cancel__files_and_nonces__are_spent(
    chain: Chain, run: Run, orders: Path, provider: str, requester: str
) -> None:
    make(run, "ask", orders / "a.json", by=provider)
    told = run("order", "cancel", orders / "a.json", "--nonce", 300, "--json", by=provider)
    assert (told.code, told.json["nonces"]) == (0, [0, 300])
    assert [chain.call("OrderBook", "spentOf", provider, word) for word in (0, 1)] == [1, 1 << 44]
    refused = run("order", "cancel", orders / "a.json", by=requester)
    assert (refused.code, "AccountOnly" in refused.err) == (2, True)


def test_cancel__all__starts_the_next_series(run: Run, orders: Path, provider: str) -> None:
    make(run, "ask", orders / "a.json", by=provider)
    told = run("order", "cancel", "--all", "--json", by=provider)
    assert (told.code, told.json["series"]) == (0, 1)
    assert run("order", "show", orders / "a.json", "--json").json["orders"][0]["state"] == "spent"
    assert make(run, "ask", orders / "b.json", by=provider)["series"] == 1
    assert run("order", "cancel", by=provider).code == 2


def test_lease_orders__are_made_of_their_own_terms(
    run: Run, orders: Path, provider: str, requester: str
) -> None:
    terms = ["--lease", "--price", "0.01", "--notice", 60, "--grace", 300]
    told = run("order", "ask", *terms, "--deposit", 5, "--out", orders / "ask.json", "--json", by=provider)
    assert (told.code, told.json["kind"]) == (0, "LeaseAsk")
    told = run("order", "bid", *terms, "--cap", 50, "--out", orders / "bid.json", "--json", by=requester)
    assert (told.code, told.json["kind"]) == (0, "LeaseBid")
    bid = SignedOrder.decode((orders / "bid.json").read_text()).order
    assert vars(bid) | {"deposit": 50 * TUSD, "cap": 50 * TUSD, "notice": 60, "grace": 300} == vars(bid)
    told = run("order", "bid", *terms, "--out", orders / "bid.json", by=requester)
    assert (told.code, "--lease needs --cap" in told.err) == (2, True)


def test_match__what_does_not_go_together__is_refused_before_anything_is_sent(
    run: Run, orders: Path, provider: str, requester: str
) -> None:
    make(run, "ask", orders / "ask.json", by=provider)
    make(run, "bid", orders / "bid.json", by=requester)
    for words, message in (
        ((orders / "ask.json", orders / "ask.json"), "not a bid"),
        ((orders / "bid.json", orders / "bid.json"), "doesn't match"),
        ((orders / "bid.json", orders / "ask.json"), "names no device"),
        ((orders / "bid.json", f"{orders / 'ask.json'}@x"), "are no devices"),
        ((orders / "bid.json", orders / "none.json"), "is no file"),
    ):
        told = run("order", "match", *words, by=requester)
        assert (told.code, message in told.err) == (2, True), told.err
    told = json.loads((orders / "ask.json").read_text())
    told["domain"]["chainId"] = 1
    (orders / "ask.json").write_text(json.dumps(told))
    told = run("order", "match", orders / "bid.json", f"{orders / 'ask.json'}@1", by=requester)
    assert (told.code, "the order is for" in told.err) == (2, True)
