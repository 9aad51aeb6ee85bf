from __future__ import annotations

import pytest

from tests.acts import TBND, TOKEN_CAP, TUSD, approve_as, fund_as
from tests.chain import Chain, Sent

from .jobs import accepted_job, is_held, moving, refund, submitted_job

PRICE = 100 * TUSD
PAID, FEE = 99 * TUSD, 1 * TUSD
COLLATERAL = 20 * TBND


@pytest.fixture
def token(chain: Chain, governor: str, requester: str) -> str:
    """A token with a list of accounts that may not be paid."""
    address = chain.deploy("BlacklistToken")
    chain.send("JobEscrow", "allowToken", address, TOKEN_CAP, sender=governor)
    chain.send("BlacklistToken", "mint", requester, 10 * PRICE, sender=governor)
    return address


def block(chain: Chain, account: str, blocked: bool = True) -> Sent:
    return chain.send("BlacklistToken", "setBlocked", account, blocked, sender=account)


def test_collect__token_relents__pays_what_was_deferred(
    chain: Chain, provider: str, requester: str, stranger: str, token: str, device: int
) -> None:
    job = submitted_job(chain, device, token=token)
    block(chain, provider)
    with moving(chain, {"provider owed": PAID, "fees": FEE, "locked": -COLLATERAL}, token):
        settled = approve_as(chain, requester, job)
    assert settled.event("JobSettled")["tracked"] == FEE
    assert settled.event("PaymentDeferred") == {
        "account": provider,
        "token": token,
        "amount": PAID,
        "owed": PAID,
    }
    assert not is_held(chain, device)

    block(chain, provider, False)
    with moving(
        chain,
        {"provider paid": PAID, "provider owed": -PAID, "escrow paid": -PAID, "tracked": -PAID},
        token,
    ):
        sent = chain.send("JobEscrow", "collect", provider, token, sender=stranger)

    assert sent.event("PaymentCollected") == {
        "account": provider,
        "token": token,
        "amount": PAID,
        "tracked": FEE,
    }


def test_collect__two_payments_deferred__pays_their_sum(
    chain: Chain, requester: str, stranger: str, token: str, device: int
) -> None:
    first = fund_as(chain, requester, token=token)
    second = fund_as(chain, requester, token=token, price=7)
    chain.mine_to(second.state.terms.accept_by)
    block(chain, requester)
    assert refund(chain, first).event("PaymentDeferred")["owed"] == PRICE
    assert refund(chain, second).event("PaymentDeferred")["owed"] == PRICE + 7
    block(chain, requester, False)

    with moving(
        chain,
        {
            "requester paid": PRICE + 7,
            "requester owed": -(PRICE + 7),
            "escrow paid": -(PRICE + 7),
            "tracked": -(PRICE + 7),
        },
        token,
    ):
        chain.send("JobEscrow", "collect", requester, token, sender=stranger)


def test_collect__requester_cannot_be_refunded__collateral_is_slashed_and_device_free_all_the_same(
    chain: Chain, requester: str, token: str, device: int
) -> None:
    job = accepted_job(chain, device, token=token)
    chain.mine_to(job.state.terms.submit_by)
    block(chain, requester)

    sent = refund(chain, job)

    assert sent.event("JobRefunded")["compensated"] == COLLATERAL // 4
    assert sent.event("PaymentDeferred")["amount"] == PRICE
    assert not is_held(chain, device)


def test_collect__token_still_refuses__reverts_and_stays_owed(
    chain: Chain, provider: str, requester: str, stranger: str, token: str, device: int
) -> None:
    job = submitted_job(chain, device, token=token)
    block(chain, provider)
    approve_as(chain, requester, job)

    with moving(chain, {}, token), chain.reverts("Blocked", account=provider):
        chain.send("JobEscrow", "collect", provider, token, sender=stranger)


def test_collect__nothing_owed__reverts(chain: Chain, provider: str, stranger: str) -> None:
    token = chain.address["TestDollar"]
    with chain.reverts("NothingOwed", account=provider, token=token):
        chain.send("JobEscrow", "collect", provider, token, sender=stranger)


def test_collect__twice__reverts(
    chain: Chain, provider: str, requester: str, stranger: str, token: str, device: int
) -> None:
    job = submitted_job(chain, device, token=token)
    block(chain, provider)
    approve_as(chain, requester, job)
    block(chain, provider, False)
    chain.send("JobEscrow", "collect", provider, token, sender=stranger)

    with chain.reverts("NothingOwed", account=provider, token=token):
        chain.send("JobEscrow", "collect", provider, token, sender=stranger)
