from __future__ import annotations

from tests.acts import TUSD, FundedJob, approve_as, fund_as
from tests.chain import Chain

from .jobs import moving

FEE = 1 * TUSD


def test_sweep__fees_accrued__stranger_sends_them_to_the_recipient(
    chain: Chain, requester: str, stranger: str, treasury: str, submitted: FundedJob
) -> None:
    token = chain.address["TestDollar"]
    other = fund_as(chain, requester)
    approve_as(chain, requester, submitted)

    with moving(chain, {"treasury paid": FEE, "escrow paid": -FEE, "tracked": -FEE, "fees": -FEE}):
        sent = chain.send("JobEscrow", "sweep", token, sender=stranger)

    assert sent.event("FeesSwept") == {
        "token": token,
        "to": treasury,
        "amount": FEE,
        "tracked": other.state.terms.price,
    }
    assert chain.call("JobEscrow", "feeRecipient") == treasury


def test_sweep__no_fees__reverts(chain: Chain, stranger: str, treasury: str, funded: FundedJob) -> None:
    """Open prices are nobody's fees."""
    token = chain.address["TestDollar"]
    with chain.reverts("NothingOwed", account=treasury, token=token):
        chain.send("JobEscrow", "sweep", token, sender=stranger)


def test_sweep__twice__reverts(
    chain: Chain, requester: str, stranger: str, treasury: str, submitted: FundedJob
) -> None:
    token = chain.address["TestDollar"]
    approve_as(chain, requester, submitted)
    chain.send("JobEscrow", "sweep", token, sender=stranger)
    with chain.reverts("NothingOwed", account=treasury, token=token):
        chain.send("JobEscrow", "sweep", token, sender=stranger)
