from __future__ import annotations

import pytest

from tensorbond.chain.types import Bond
from tests.chain import Chain, Sent

from ..permits import TokenPermit, send_permit, sign_permit
from .epochs import BOND, moving

pytestmark = pytest.mark.chain


def join_with(chain: Chain, permit: TokenPermit, sender: str) -> Sent:
    return chain.send(
        "Attestations",
        "joinWithPermit",
        "https://oracle.example",
        permit.deadline,
        permit.v,
        permit.r,
        permit.s,
        sender=sender,
    )


@pytest.fixture
def permit(chain: Chain, oracles: list[str]) -> TokenPermit:
    return sign_permit(chain, oracles[0], chain.address["Attestations"], BOND)


def test_join_with_permit__signed_by_the_caller__bonds_without_an_approval(
    chain: Chain, oracles: list[str], permit: TokenPermit
) -> None:
    oracle = oracles[0]
    with moving(chain, Attestations=BOND, bonded=BOND, **{oracle: -BOND}):
        sent = join_with(chain, permit, oracle)

    assert sent.event("OracleJoined") == {
        "oracle": oracle,
        "amount": BOND,
        "endpoint": "https://oracle.example",
        "totalBonded": BOND,
    }
    assert chain.call("Attestations", "bondOf", oracle) == Bond(BOND, 0, 0, False)
    assert chain.call("TensorbondToken", "allowance", oracle, chain.address["Attestations"]) == 0


def test_join_with_permit__sent_ahead_by_a_stranger__bonds_all_the_same(
    chain: Chain, oracles: list[str], stranger: str, permit: TokenPermit
) -> None:
    send_permit(chain, permit, stranger)

    with moving(chain, Attestations=BOND, bonded=BOND, **{oracles[0]: -BOND}):
        join_with(chain, permit, oracles[0])


@pytest.mark.parametrize("fault", ["expired", "of another signer", "of less than the bond"])
def test_join_with_permit__bad_permit__reverts_for_the_missing_allowance(
    chain: Chain, oracles: list[str], stranger: str, fault: str
) -> None:
    attestations = chain.address["Attestations"]
    permit = {
        "expired": lambda: sign_permit(chain, oracles[0], attestations, BOND, deadline=chain.timestamp - 1),
        "of another signer": lambda: sign_permit(chain, oracles[0], attestations, BOND, signer=stranger),
        "of less than the bond": lambda: sign_permit(chain, oracles[0], attestations, BOND - 1),
    }[fault]()

    with (
        moving(chain),
        chain.reverts("ERC20InsufficientAllowance", spender=attestations, allowance=0, needed=BOND),
    ):
        join_with(chain, permit, oracles[0])


def test_join_with_permit__by_another_oracle__does_not_take_the_signers_bond(
    chain: Chain, oracles: list[str], permit: TokenPermit
) -> None:
    attestations = chain.address["Attestations"]
    with (
        moving(chain),
        chain.reverts("ERC20InsufficientAllowance", spender=attestations, allowance=0, needed=BOND),
    ):
        join_with(chain, permit, oracles[1])


def test_join_with_permit__bonded_already__reverts(chain: Chain, bonded: list[str]) -> None:
    again = sign_permit(chain, bonded[0], chain.address["Attestations"], BOND)

    with chain.reverts("OracleBondedAlready", oracle=bonded[0]), moving(chain):
        join_with(chain, again, bonded[0])
