from __future__ import annotations

from typing import Any

import pytest

from tests.acts import TBND, TUSD, mine_to_slot, register_as, stake_as
from tests.chain import Chain
from tests.offchain.cli.conftest import Run


@pytest.fixture
def device(chain: Chain, provider: str) -> int:
    stake_as(chain, provider, 100 * TBND)
    registered = register_as(chain, provider)
    mine_to_slot(chain, 4)
    return registered


def told(run: Run, by: str, *words: object) -> dict[str, Any]:
    found = run("lease", *words, "--json", by=by)
    assert found.code == 0, found.err
    result: dict[str, Any] = found.json
    return result


def opened(run: Run, requester: str, *words: object) -> int:
    return int(told(run, requester, "open", *words)["lease"])


def test_lease__rented_topped_up_and_stopped__pays_and_refunds(
    chain: Chain, run: Run, requester: str, provider: str, device: int
) -> None:
    number = opened(
        run, requester, "--device", device, "--rate", "0.01", "--deposit", "2", "--cap", "10", "--grace", 100
    )
    assert told(run, requester, "show", number)["status"] == "OFFERED"
    assert told(run, provider, "accept", number)["device"] == device
    assert told(run, requester, "top-up", number, "--amount", "1")["amount"] == str(TUSD)
    shown = told(run, requester, "show", number)
    assert (shown["status"], shown["paused"], shown["rate"]) == ("ACTIVE", False, "10000")
    assert shown["runway"] * 10_000 == int(shown["unspent"]) <= 3 * TUSD

    chain.set_time(chain.timestamp + 50)
    told(run, provider, "settle", number)
    chain.mine(200)
    settled = told(run, provider, "settle", number)
    assert int(settled["paid"]) > 0
    stopped = told(run, requester, "stop", number)
    assert stopped["reason"] == "REQUESTER_STOPPED"
    assert chain.balance("TestDollar", provider) == int(settled["paid"])


def test_lease__tab__is_drawn_by_vouchers_until_its_notice_ends(
    chain: Chain, run: Run, requester: str, provider: str
) -> None:
    number = opened(run, requester, "--provider", provider, "--deposit", "5", "--voucher-blocks", 50)
    signed = told(run, requester, "voucher", number, "--amount", "2")
    words = ("redeem", number, "--amount", "2", "--signature", signed["signature"])
    assert told(run, provider, *words)["paid"] == str(2 * TUSD * 99 // 100)
    assert told(run, provider, *words)["paid"] == "0"
    told(run, requester, "notice", number)
    chain.mine(50)
    assert told(run, requester, "stop", number)["refunded"] == str(3 * TUSD)


def test_lease__halted_where_its_device_ended__refunds(
    chain: Chain, run: Run, requester: str, provider: str, stranger: str, device: int
) -> None:
    number = opened(run, requester, "--device", device, "--rate", "0.000001", "--deposit", "5")
    told(run, provider, "accept", number)
    refused = run("lease", "halt", number, by=stranger)
    assert refused.code == 2
    chain.send("DeviceRegistry", "retire", device, sender=provider)
    mine_to_slot(chain, chain.call("DeviceRegistry", "deviceOf", device).until_slot, 2)
    halted = told(run, stranger, "halt", number)
    assert halted["reason"] == "DEVICE_ENDED"
    assert int(halted["refunded"]) == 5 * TUSD - halted["active"]


def test_refund__several_deposits_of_one_funder__come_back_in_one_go_or_one_by_one(
    chain: Chain, run: Run, requester: str, stranger: str, device: int
) -> None:
    for holder in (requester, stranger):
        chain.send("TestDollar", "mint", holder, 10 * TUSD, sender=holder)
    terms = "--rate", "0.01", "--deposit", "2", "--cap", "10"
    number = opened(run, requester, "--device", device, *terms)
    told(run, chain.accounts[2], "accept", number)
    for amount, by in (("1", stranger), ("0.5", requester), ("3", stranger)):
        told(run, by, "top-up", number, "--amount", amount)
    refused = run("lease", "refund", number, by=stranger)
    assert refused.code == 2
    assert "LeaseStatusWrong" in refused.err
    assert told(run, requester, "stop", number)["refunded"] == "0"

    words = "refund", number, "--funder", requester, "--from", "3"
    one = told(run, stranger, *words)
    assert (one["funder"], one["amount"]) == (requester, str(TUSD // 2))
    both = told(run, stranger, "refund", number)
    assert both["amount"] == str(4 * TUSD)
    assert both["deposits"] == [
        {"from": str(2 * TUSD), "amount": str(TUSD)},
        {"from": str(7 * TUSD // 2), "amount": str(3 * TUSD)},
    ]
    again = run("lease", "refund", number, by=stranger)
    assert again.code == 2
    assert f"nothing to refund to {stranger}" in again.err


def test_lease__nobody_opened_it__says_so(run: Run, requester: str) -> None:
    refused = run("lease", "show", 7, by=requester)
    assert refused.code == 2
    assert "there is no lease 7" in refused.err
