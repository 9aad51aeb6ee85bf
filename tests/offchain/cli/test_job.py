from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from tensorbond.chain.types import OutcomeKind, OutcomeResult
from tests.acts import (
    TBND,
    TUSD,
    attest,
    join_oracles,
    mine_to_final,
    mine_to_slot,
    register_as,
    stake_as,
    timing,
)
from tests.chain import Chain
from tests.leaves import make_leaf, make_outcome
from tests.offchain.cli.conftest import Run, publish

PRICE = 25 * TUSD // 2


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.json"
    path.write_text('{"multiply": "these"}')
    return path


@pytest.fixture
def device(chain: Chain, provider: str) -> int:
    stake_as(chain, provider, 100 * TBND)
    registered = register_as(chain, provider, gops=10)
    mine_to_slot(chain, 4)
    return registered


def fund(run: Run, requester: str, spec: Path, *more: object) -> dict[str, Any]:
    words = [
        "--price",
        "12.50",
        "--spec",
        spec,
        "--collateral",
        "20",
        "--accept-by",
        "+20",
        "--submit-by",
        "+40",
    ]
    told = run("job", "fund", *words, *more, "--json", by=requester)
    assert told.code == 0, told.err
    found: dict[str, Any] = told.json
    return found


def test_fund__a_price__is_escrowed_and_shown(chain: Chain, run: Run, requester: str, spec: Path) -> None:
    before, head = chain.balance("TestDollar", requester), chain.block_number
    job = fund(run, requester, spec)["job"]
    assert chain.balance("TestDollar", requester) == before - PRICE
    shown = run("job", "show", job, "--json").json
    first = timing(chain)
    wait = first.slot_blocks * (1 + first.epoch_slots) + first.attest_blocks + first.proof_blocks
    expected = {
        "status": "FUNDED",
        "requester": requester,
        "provider": None,
        "price": str(PRICE),
        "collateral": str(20 * TBND),
        "accept_by": head + 20,
        "submit_by": head + 40,
        "refund_at": head + 40 + wait,
        "spec": "0x" + keccak(spec.read_bytes()).hex(),
        "result": None,
        "fee_bps": 100,
    }
    assert {name: shown[name] for name in expected} == expected
    text = run("job", "show", job).out
    assert "price          12.5 TUSD\n" in text
    assert "collateral     20 TBND\n" in text
    assert f"accept by      block {head + 20} (in " in text


def test_fund__too_small_a_fraction__is_a_usage_error(run: Run, requester: str, spec: Path) -> None:
    told = run("job", "fund", "--price", "0.0000001", "--spec", spec, by=requester)
    assert told.code == 2
    assert "'0.0000001' is not an amount of a token with 6 decimals" in told.err


def test_fund__an_unknown_token__is_a_usage_error(run: Run, requester: str, spec: Path) -> None:
    told = run("job", "fund", "--price", "1", "--token", "GOLD", "--spec", spec, by=requester)
    assert told.code == 2
    assert "test knows no token GOLD; known: TBND, TUSD" in told.err


def test_fund__a_refund_too_early__is_refused_by_field(run: Run, requester: str, spec: Path) -> None:
    told = run("job", "fund", "--price", "1", "--spec", spec, "--refund-at", "+200", by=requester)
    assert told.code == 2
    assert "JobEscrow.fund refused: DeadlineInvalid(field = refundAt, have = " in told.err


def test_approve__a_submitted_job__pays_the_provider(
    chain: Chain, run: Run, requester: str, provider: str, device: int, spec: Path
) -> None:
    job = fund(run, requester, spec)["job"]
    accepted = run("job", "accept", job, "--device", device, "--json", by=provider)
    assert (accepted.code, accepted.json["collateral"]) == (0, str(20 * TBND))
    assert run("job", "submit", job, "--result", spec, by=provider).code == 0
    shown = run("job", "show", job, "--json").json
    assert (shown["status"], shown["device"], shown["forced_slot"]) == (
        "SUBMITTED",
        device,
        accepted.json["forced_slot"],
    )
    before = chain.balance("TestDollar", provider)
    told = run("job", "approve", job, by=requester)
    assert told.out.startswith(f"job {job} settled: 12.375 TUSD to {provider}, fee 0.125 TUSD (APPROVED)\n")
    assert chain.balance("TestDollar", provider) == before + PRICE * 99 // 100
    assert run("job", "show", job, "--json").json["status"] == "SETTLED"


def test_accept__by_a_stranger__is_refused(
    run: Run, requester: str, stranger: str, device: int, spec: Path
) -> None:
    job = fund(run, requester, spec)["job"]
    told = run("job", "accept", job, "--device", device, by=stranger)
    assert told.code == 2
    assert f"JobEscrow.accept refused: OperatorOnly(account = {stranger}, operator = 0x" in told.err


def test_approve__before_it_is_submitted__is_refused(run: Run, requester: str, spec: Path) -> None:
    job = fund(run, requester, spec)["job"]
    told = run("job", "approve", job, by=requester)
    assert (told.code, told.err) == (
        2,
        f"Error: JobEscrow.approve refused: JobStatusWrong(job = {job}, have = 1, need = 3)\n",
    )


def test_refund__nobody_accepted__gives_the_price_back(
    chain: Chain, run: Run, requester: str, stranger: str, spec: Path
) -> None:
    before = chain.balance("TestDollar", requester)
    job = fund(run, requester, spec)["job"]
    early = run("job", "refund", job, by=stranger)
    assert early.code == 2
    assert "DeadlineNotPassed(job = " in early.err
    chain.mine(30)
    told = run("job", "refund", job, by=stranger)
    assert told.out.startswith(f"job {job} refunded: 12.5 TUSD to {requester} (NOT_ACCEPTED)\n")
    assert chain.balance("TestDollar", requester) == before


def test_refund__not_submitted__tells_what_was_slashed(
    chain: Chain, run: Run, requester: str, stranger: str, provider: str, device: int, spec: Path
) -> None:
    job = fund(run, requester, spec)["job"]
    run("job", "accept", job, "--device", device, by=provider)
    chain.mine(50)
    told = run("job", "refund", job, "--json", by=stranger)
    assert told.json["reason"] == "NOT_SUBMITTED"
    assert told.json["slashed"] == str(20 * TBND)
    assert told.json["compensated"] == str(5 * TBND)
    assert told.json["refunded"] == str(PRICE)


@pytest.mark.parametrize("result", [OutcomeResult.PASSED, OutcomeResult.WITHHELD])
def test_settle_or_refund__by_the_final_outcome__is_proven_from_the_store(
    chain: Chain,
    run: Run,
    store: Path,
    requester: str,
    provider: str,
    stranger: str,
    oracles: list[str],
    device: int,
    spec: Path,
    result: OutcomeResult,
) -> None:
    join_oracles(chain, oracles)
    job = fund(run, requester, spec)["job"]
    slot = run("job", "accept", job, "--device", device, "--json", by=provider).json["forced_slot"]
    run("job", "submit", job, "--result", "0x" + "07" * 32, by=provider)
    early = run("job", "settle", job, by=stranger)
    assert early.code == 2
    assert f"job {job}'s benchmark lies, is not attested yet" in early.err

    epoch = slot // timing(chain).epoch_slots
    outcome = make_outcome(slot, OutcomeKind.FORCED, result, job=job)
    attestation = attest(chain, epoch, [make_leaf(device, provider)], {device: [outcome]})
    missing = run("job", "settle", job, by=stranger)
    assert missing.code == 2
    assert f"holds no attestations/31337/{epoch}/" in missing.err
    publish(store, attestation)
    mine_to_final(chain, epoch)

    if result == OutcomeResult.PASSED:
        wrong = run("job", "refund", job, by=stranger)
        assert (wrong.code, wrong.err) == (
            2,
            f"Error: JobEscrow.refundByOutcome refused: OutcomePassed(job = {job})\n",
        )
        told = run("job", "settle", job, by=stranger)
        assert told.out.startswith(
            f"job {job} settled: 12.375 TUSD to {provider}, fee 0.125 TUSD (OUTCOME_PASSED)\n"
        )
    else:
        wrong = run("job", "settle", job, by=stranger)
        assert f"OutcomeNotPassed(job = {job}, result = 4)" in wrong.err
        told = run("job", "refund", job, by=stranger)
        assert told.out.startswith(f"job {job} refunded: 12.5 TUSD to {requester} (OUTCOME_WITHHELD)\n")
    assert told.code == 0


def test_refund__final_but_nobody_shows_the_outcome__is_a_proof_window_later(
    chain: Chain, run: Run, requester: str, provider: str, oracles: list[str], device: int, spec: Path
) -> None:
    join_oracles(chain, oracles)
    job = fund(run, requester, spec)["job"]
    accepted = run("job", "accept", job, "--device", device, "--json", by=provider).json
    run("job", "submit", job, "--result", spec, by=provider)
    slot = accepted["forced_slot"]
    epoch = slot // timing(chain).epoch_slots
    outcome = make_outcome(slot, OutcomeKind.FORCED, OutcomeResult.PASSED, job=job)
    attest(chain, epoch, [make_leaf(device, provider)], {device: [outcome]})  # and published nowhere
    mine_to_final(chain, epoch)
    refund_at = run("job", "show", job, "--json").json["refund_at"]
    chain.mine_to(refund_at)
    early = run("job", "refund", job, by=requester)
    assert early.code == 2
    assert f"JobEscrow.refund refused: OutcomeDecides(job = {job}, epoch = {epoch})" in early.err
    chain.mine_to(refund_at + timing(chain).proof_blocks + 1)
    told = run("job", "refund", job, "--json", by=requester)
    assert (told.code, told.json["reason"], told.json["refunded"]) == (0, "NOT_ATTESTED", str(PRICE))


def test_settle__never_accepted__says_so(run: Run, requester: str, stranger: str, spec: Path) -> None:
    job = fund(run, requester, spec)["job"]
    told = run("job", "settle", job, by=stranger)
    assert (told.code, told.err) == (2, f"Error: job {job} was never accepted: no benchmark was forced\n")


def test_show__no_such_job__says_so(chain: Chain, run: Run) -> None:
    told = run("job", "show", 99)
    assert (told.code, told.err) == (2, f"Error: there is no job 99 in block {chain.block_number}\n")


def test_dispute__without_a_verdict__costs_nothing_and_a_signature_settles(
    chain: Chain, run: Run, requester: str, provider: str, stranger: str, device: int, spec: Path
) -> None:
    job = fund(run, requester, spec, "--parts", "4", "--review", "30")["job"]
    assert run("job", "accept", job, "--device", device, by=provider).code == 0
    told = run("job", "approve", job, "--parts", "1", by=requester)
    assert "1 of 4 parts paid, now 3.09375 TUSD" in told.out
    assert run("job", "submit", job, "--result", spec, by=provider).code == 0
    told = run("job", "dispute", job, "--json", by=requester)
    assert (told.json["bond"], told.code) == (str(PRICE * 3 // 40), 0)
    told = run("job", "resolve", job, by=stranger)
    assert "JobEscrow.resolve refused: VerdictPending(" in told.err
    chain.mine_to(run("job", "show", job, "--json").json["verdict_by"])
    assert f"job {job} resolved (NONE): bond of 0.9375 TUSD" in run("job", "resolve", job, by=stranger).out
    signature = run("job", "sign", job, "--json", by=requester).json["signature"]
    told = run("job", "approve", job, "--signature", signature, "--json", by=stranger)
    assert told.json["paid"] == str(PRICE * 3 // 4 - PRICE * 3 // 400)


def test_assign__at_a_lower_price__is_accepted_by_the_other(
    chain: Chain, run: Run, requester: str, provider: str, stranger: str, device: int, spec: Path
) -> None:
    job = fund(run, requester, spec, "--provider", stranger, "--requester", stranger)["job"]
    told = run("job", "assign", job, "--provider", provider, "--price", "10", by=stranger)
    assert "for 10 TUSD; 2.5 TUSD returned" in told.out
    shown = run("job", "show", job, "--json").json
    assert (shown["invited"], shown["sponsor"], shown["price"]) == (provider, requester, str(10 * TUSD))
