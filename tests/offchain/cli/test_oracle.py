from __future__ import annotations

from tests.acts import TBND
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
        f"Error: Attestations.join refused: OracleBondedAlready(oracle = {oracles[0]})\n",
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
