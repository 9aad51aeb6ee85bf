from __future__ import annotations

from tensorbond.chain.types import Ledger
from tests.acts import TOKEN_CAP, TUSD, FundedJob, approve_as, terms_of
from tests.chain import Chain

from .jobs import moving


def test_allow_token__by_the_governor__opens_and_closes_funding(
    chain: Chain, governor: str, requester: str
) -> None:
    token = chain.address["TestDollar"]

    sent = chain.send("JobEscrow", "allowToken", token, 0, sender=governor)

    assert sent.event("TokenAllowed") == {"token": token, "cap": 0}
    with chain.reverts("TokenNotAllowed", token=token):
        chain.send("JobEscrow", "fund", terms_of(chain, requester), sender=requester)
    chain.send("JobEscrow", "allowToken", token, TOKEN_CAP, sender=governor)
    chain.send("TestDollar", "approve", chain.address["JobEscrow"], 100 * TUSD, sender=requester)
    chain.send("JobEscrow", "fund", terms_of(chain, requester), sender=requester)


def test_allow_token__off_while_a_job_is_open__books_stay_and_the_job_is_paid(
    chain: Chain, governor: str, requester: str, submitted: FundedJob
) -> None:
    token = chain.address["TestDollar"]
    with moving(chain, {}):
        chain.send("JobEscrow", "allowToken", token, 0, sender=governor)
    assert chain.call("JobEscrow", "ledgerOf", token) == Ledger(100 * TUSD, 0, False)

    approve_as(chain, requester, submitted)
    chain.send("JobEscrow", "sweep", token, sender=requester)

    assert chain.call("JobEscrow", "ledgerOf", token) == Ledger(0, 0, False)


def test_allow_token__above_the_largest_cap__reverts(chain: Chain, governor: str) -> None:
    token, most = chain.address["TestDollar"], 1 << 87
    before = chain.call("JobEscrow", "ledgerOf", token)
    with chain.reverts("CapTooHigh", have=most + 1, most=most):
        chain.send("JobEscrow", "allowToken", token, most + 1, sender=governor)
    assert chain.call("JobEscrow", "ledgerOf", token) == before

    sent = chain.send("JobEscrow", "allowToken", token, most, sender=governor)

    assert sent.event("TokenAllowed") == {"token": token, "cap": most}


def test_allow_token__by_anyone_else__reverts(chain: Chain, stranger: str) -> None:
    with chain.reverts("AccessManagedUnauthorized", caller=stranger):
        chain.send("JobEscrow", "allowToken", chain.address["TensorbondToken"], TOKEN_CAP, sender=stranger)
