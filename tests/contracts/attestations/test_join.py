from __future__ import annotations

import pytest

from tensorbond.chain.types import Bond
from tests.acts import TBND
from tests.chain import Chain

from .epochs import BOND, join, leave, moving, slash, withdraw

pytestmark = pytest.mark.chain


def test_join__bond_approved__takes_the_bond_and_tells_the_endpoint(chain: Chain, oracles: list[str]) -> None:
    oracle = oracles[0]
    chain.send("TensorbondToken", "approve", chain.at("Attestations"), BOND, sender=oracle)

    with moving(chain, Attestations=BOND, bonded=BOND, **{oracle: -BOND}):
        sent = chain.send("Attestations", "join", "https://oracle.example", sender=oracle)

    assert sent.event("OracleJoined") == {
        "oracle": oracle,
        "amount": BOND,
        "endpoint": "https://oracle.example",
        "totalBonded": BOND,
    }
    assert chain.call("Attestations", "bondOf", oracle) == Bond(BOND, 0, 0, False)
    assert chain.call("Attestations", "setCount") == 0


def test_join__second_oracle__adds_to_the_total(chain: Chain, oracles: list[str]) -> None:
    join(chain, oracles[0])

    assert join(chain, oracles[1]).event("OracleJoined")["totalBonded"] == 2 * BOND


def test_join__bonded_already__reverts(chain: Chain, bonded: list[str]) -> None:
    with chain.reverts("OracleBondedAlready", oracle=bonded[0]), moving(chain):
        chain.send("Attestations", "join", "", sender=bonded[0])


def test_join__left_but_not_withdrawn__reverts(chain: Chain, bonded: list[str]) -> None:
    leave(chain, bonded[0])

    with chain.reverts("OracleBondedAlready", oracle=bonded[0]):
        chain.send("Attestations", "join", "", sender=bonded[0])


def test_join__after_withdrawing__bonds_anew(chain: Chain, bonded: list[str]) -> None:
    leave(chain, bonded[0])
    withdraw(chain, bonded[0])

    assert join(chain, bonded[0]).event("OracleJoined")["totalBonded"] == 4 * BOND
    assert chain.call("Attestations", "bondOf", bonded[0]) == Bond(BOND, 0, 0, False)


def test_join__slashed_before__reverts(chain: Chain, seated: list[str]) -> None:
    """The fraud proof that took the first bond would take the next one as well."""
    slash(chain, 1, 0)

    with chain.reverts("OracleSlashedBefore", oracle=seated[0]):
        chain.send("Attestations", "join", "", sender=seated[0])


def test_join__without_approval__reverts(chain: Chain, oracles: list[str]) -> None:
    with chain.reverts(
        "ERC20InsufficientAllowance", spender=chain.address["Attestations"], allowance=0, needed=BOND
    ):
        chain.send("Attestations", "join", "", sender=oracles[0])


def test_join__without_the_money__reverts(chain: Chain, stranger: str) -> None:
    chain.send("TensorbondToken", "approve", chain.at("Attestations"), BOND, sender=stranger)

    with chain.reverts("ERC20InsufficientBalance", sender=stranger, balance=0, needed=BOND):
        chain.send("Attestations", "join", "", sender=stranger)


def test_join__stray_transfer__changes_no_total(chain: Chain, provider: str, bonded: list[str]) -> None:
    chain.send("TensorbondToken", "transfer", chain.at("Attestations"), 5 * TBND, sender=provider)

    assert chain.call("Attestations", "totalBonded") == 4 * BOND
