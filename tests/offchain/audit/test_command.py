"""`tensorbond audit`: exit code 0, 1 or 2, and one clear line where it could not tell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tensorbond.cli import main
from tests.anvil import Anvil
from tests.offchain.audit.market import Market

pytestmark = pytest.mark.chain


def _run(market: Market, *arguments: str) -> Result:
    given = ["audit", "--network", str(market.deployment), "--store", str(market.folder), *arguments]
    if "--rpc" not in arguments:
        given += ["--rpc", market.chain.url]
    return CliRunner(mix_stderr=False).invoke(main, given, env={"TENSORBOND_RPC": ""})


def test_audit__honest_market__exits_0(market: Market) -> None:
    result = _run(market)
    assert result.exit_code == 0, result.output
    assert f"block {market.chain.block_number}: 0 findings; " in result.stdout
    assert " proofs and 4 epochs checked from " in result.stdout


def test_audit__json__is_the_report(market: Market) -> None:
    result = _run(market, "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["ok"], report["findings"], report["notes"]) == (0, True, [], [])
    assert report["block_hash"] == "0x" + market.chain.block_hash(report["block"]).hex()
    assert report["chain_id"] == 31337
    assert min(report[name] for name in ("events_replayed", "balances_checked", "proofs_checked")) > 0


def test_audit__earlier_block__is_of_that_block(market: Market) -> None:
    block = market.chain.block_number - 100
    result = _run(market, "--json", "--block", str(block))
    assert (result.exit_code, json.loads(result.stdout)["block"]) == (0, block)


def test_audit__finding__exits_1_and_names_it(market: Market) -> None:
    market.tamper("Rewards", "totalClaimed")
    result = _run(market)
    assert result.exit_code == 1
    assert "invariant 14: Σ claimed: have " in result.stdout
    assert ": 1 findings; " in result.stdout


def test_audit__finding_as_json__exits_1(market: Market) -> None:
    market.tamper("Rewards", "totalClaimed")
    result = _run(market, "--json")
    (finding,) = json.loads(result.stdout)["findings"]
    assert (result.exit_code, finding["check"], finding["subject"]) == (1, "invariant 14", "Σ claimed")
    assert abs(int(finding["have"]) - int(finding["need"])) == 1


def test_audit__dead_endpoint__exits_2(market: Market) -> None:
    result = _run(market, "--rpc", "http://127.0.0.1:1")
    _could_not_tell(result, "no endpoint answered")


def test_audit__another_chain__exits_2(market: Market) -> None:
    with Anvil(chain_id=5) as other:
        result = _run(market, "--rpc", other.url)
    _could_not_tell(result, "serves chain 5, the deployment is on chain 31337")


def test_audit__missing_deployment__exits_2(market: Market, tmp_path: Path) -> None:
    market.deployment = tmp_path / "none.json"
    _could_not_tell(_run(market), "none.json cannot be read")


def test_audit__missing_store__exits_2(market: Market, tmp_path: Path) -> None:
    market.folder = tmp_path / "none"
    _could_not_tell(_run(market), "holds nothing: is it the network's evidence store?")


def test_audit__block_to_come__exits_2(market: Market) -> None:
    _could_not_tell(_run(market, "--block", "1000000"), "the node knows no block")


def _could_not_tell(result: Result, reason: str) -> None:
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = [line for line in result.stderr.splitlines() if line]
    assert line.startswith("Error: ")
    assert reason in line
