from __future__ import annotations

from pathlib import Path

import pytest

from tests.acts import (
    TBND,
    FundedJob,
    accept_as,
    dispute_as,
    fund_as,
    join_oracles,
    mine_to_slot,
    register_as,
    stake_as,
    submit_as,
)
from tests.chain import Chain
from tests.offchain.cli.conftest import Run

BOND = 100_000 * TBND


def test_join__with_the_bond__is_bonded(chain: Chain, run: Run, oracles: list[str]) -> None:
    before = chain.balance("TensorbondToken", oracles[0])
    told = run("oracle", "join", "http://127.0.0.1:9000", by=oracles[0])
    assert told.code == 0
    assert told.out.startswith("bonded 100000 TBND; http://127.0.0.1:9000\n")
    assert chain.call("Attestations", "bondOf", oracles[0]).amount == BOND
    assert chain.balance("TensorbondToken", oracles[0]) == before - BOND


def test_join__twice__is_refused(run: Run, oracles: list[str]) -> None:
    run("oracle", "join", "http://127.0.0.1:9000", by=oracles[0])
    told = run("oracle", "join", "http://127.0.0.1:9000", by=oracles[0])
    assert (told.code, told.err) == (
        2,
        f"Error: Attestations.joinWithPermit refused: OracleBondedAlready(oracle = {oracles[0]})\n",
    )


def test_seat__by_the_governor__forms_a_set(
    chain: Chain, run: Run, governor: str, oracles: list[str]
) -> None:
    for index, oracle in enumerate(oracles):
        run("oracle", "join", f"http://127.0.0.1:{9000 + index}", by=oracle)
    told = run("oracle", "seat", *reversed(oracles), "--threshold", 3, "--json", by=governor)
    assert (told.code, told.json["members"], told.json["from_epoch"]) == (0, oracles, 1)
    assert list(chain.call("Attestations", "membersOf", told.json["set"])) == oracles


def test_seat__by_anybody_else__is_refused(run: Run, stranger: str, oracles: list[str]) -> None:
    told = run("oracle", "seat", *oracles, "--threshold", 3, by=stranger)
    assert (told.code, told.err) == (
        2,
        f"Error: Attestations.seat refused: AccessManagedUnauthorized(caller = {stranger})\n",
    )


def test_withdraw__before_leaving__is_refused(run: Run, oracles: list[str]) -> None:
    run("oracle", "join", "http://127.0.0.1:9000", by=oracles[0])
    told = run("oracle", "withdraw", by=oracles[0])
    assert told.code == 2
    assert f"OracleNotLeft(oracle = {oracles[0]})" in told.err


def test_leave__never_seated__gives_the_bond_back(chain: Chain, run: Run, oracles: list[str]) -> None:
    before = chain.balance("TensorbondToken", oracles[0])
    run("oracle", "join", "http://127.0.0.1:9000", by=oracles[0])
    assert run("oracle", "leave", by=oracles[0]).code == 0
    told = run("oracle", "withdraw", by=oracles[0])
    assert told.out.startswith("withdrew 100000 TBND\n")
    assert chain.balance("TensorbondToken", oracles[0]) == before


def test_run__no_port__is_a_usage_error(run: Run, oracles: list[str]) -> None:
    told = run("oracle", "run", "--state", "unused", "--listen", "localhost", by=oracles[0])
    assert told.code == 2
    assert "--listen is host:port" in told.err


def test_run__security_txt_that_has_expired__does_not_start(
    run: Run, oracles: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "security.txt"
    file.write_text("Contact: mailto:you@example.org\nExpires: 2020-01-01T00:00:00Z\n")
    told = run("oracle", "run", "--state", tmp_path / "state", "--security-txt", file, by=oracles[0])
    assert told.code == 2
    assert "security.txt: it expired on 2020-01-01" in told.err


@pytest.fixture
def disputed(chain: Chain, provider: str, requester: str, oracles: list[str]) -> FundedJob:
    """Three of four oracles must sign."""
    stake_as(chain, provider, 100 * TBND)
    device = register_as(chain, provider)
    join_oracles(chain, oracles, from_epoch=0)
    mine_to_slot(chain, 4)
    job = accept_as(chain, provider, fund_as(chain, requester), device)
    return dispute_as(chain, requester, submit_as(chain, provider, job))


def test_verdict__signed_by_a_quorum__is_sent_in_any_order(
    chain: Chain, run: Run, oracles: list[str], stranger: str, disputed: FundedJob
) -> None:
    signatures = []
    for oracle in oracles[:3]:
        told = run("oracle", "verdict", "sign", disputed.number, "--for", "requester", "--json", by=oracle)
        assert (told.code, told.json["oracle"], told.json["set"]) == (0, oracle, 1)
        signatures.append(told.json["signature"])
    plain = run("oracle", "verdict", "sign", disputed.number, "--for", "requester", by=oracles[0])
    assert plain.out == signatures[0] + "\n"

    words = ["oracle", "verdict", "send", disputed.number, "--for", "requester"]
    told = run(*words, signatures[2], signatures[0], signatures[0], by=stranger)
    assert (told.code, told.err) == (
        2,
        "Error: OracleArbiter.attestVerdict refused: QuorumMissing(have = 2, need = 3)\n",
    )
    told = run(*words, *reversed(signatures), by=stranger)
    assert told.out.startswith(f"job {disputed.number} is decided for the requester, by 3 of 4 oracles\n")
    verdict = chain.call("OracleArbiter", "verdictOf", chain.at("JobEscrow"), disputed.number)
    assert tuple(verdict) == (True, False)


def test_verdict__by_no_member__is_not_signed(run: Run, stranger: str, disputed: FundedJob) -> None:
    told = run("oracle", "verdict", "sign", disputed.number, "--for", "provider", by=stranger)
    assert (told.code, told.err) == (2, f"Error: {stranger} is not a member of set 1\n")


def test_verdict__by_a_member_that_left__is_neither_signed_nor_sent(
    run: Run, oracles: list[str], stranger: str, disputed: FundedJob
) -> None:
    words = ["oracle", "verdict", "sign", disputed.number, "--for", "provider"]
    signature = run(*words, by=oracles[3]).out.strip()
    run("oracle", "leave", by=oracles[3])
    told = run(*words, by=oracles[3])
    assert (told.code, told.err) == (2, f"Error: {oracles[3]} dropped out of set 1\n")
    told = run("oracle", "verdict", "send", disputed.number, "--for", "provider", signature, by=stranger)
    assert (told.code, told.err) == (2, f"Error: {oracles[3]} dropped out of set 1\n")


def test_verdict__of_a_job_nobody_disputes__is_not_signed(
    chain: Chain, run: Run, requester: str, oracles: list[str]
) -> None:
    job = fund_as(chain, requester)
    told = run("oracle", "verdict", "sign", job.number, "--for", "provider", by=oracles[0])
    assert (told.code, told.err) == (2, f"Error: job {job.number} is funded, not disputed\n")


@pytest.mark.parametrize(("text", "said"), [("0x12", "65 bytes"), ("0x" + "zz" * 65, "hexadecimal")])
def test_verdict__no_signature__is_a_usage_error(run: Run, text: str, said: str) -> None:
    told = run("oracle", "verdict", "send", 1, "--for", "provider", text)
    assert told.code == 2
    assert f"{text!r} is not {said}" in told.err
