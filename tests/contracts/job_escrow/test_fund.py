from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import Job, Ledger
from tests.acts import TBND, TOKEN_CAP, TUSD, ZERO, ZERO_ADDRESS, FundedJob, approve_as, fund_as, terms_of
from tests.chain import Chain, Reverted, project_artifacts
from tests.contracts.permits import permit_and, send_permit, sign_permit

from .jobs import job_hash, moving

PRICE = 100 * TUSD
# Slot, epoch, attestation deadline and proof window of the test network.
DECISION = 10 + 40 + 60 + 30


@pytest.fixture
def approved(chain: Chain, requester: str) -> None:
    chain.send("TestDollar", "approve", chain.address["JobEscrow"], 10 * PRICE, sender=requester)


def test_fund__fresh_terms__escrows_the_price_and_keeps_one_word(
    chain: Chain, requester: str, approved: None
) -> None:
    terms = terms_of(chain, requester)

    with moving(chain, {"requester paid": -PRICE, "escrow paid": PRICE, "tracked": PRICE}):
        sent = chain.send("JobEscrow", "fund", terms, sender=requester)

    state = Job(terms, 100)
    assert sent.event("JobFunded") == {
        "job": 1,
        "requester": requester,
        "token": chain.address["TestDollar"],
        "terms": terms,
        "feeBps": 100,
        "tracked": PRICE,
    }
    assert chain.call("JobEscrow", "jobHash", 1) == job_hash(state)
    assert chain.call("JobEscrow", "jobCount") == 1
    assert chain.call("JobEscrow", "ledgerOf", chain.address["TestDollar"]) == Ledger(PRICE, 0, 10**15)


def test_fund__second_job__counts_on_and_adds_to_the_ledger(
    chain: Chain, requester: str, approved: None
) -> None:
    chain.send("JobEscrow", "fund", terms_of(chain, requester), sender=requester)

    sent = chain.send("JobEscrow", "fund", terms_of(chain, requester, price=7), sender=requester)

    assert sent.event("JobFunded")["job"] == 2
    assert sent.event("JobFunded")["tracked"] == PRICE + 7
    assert chain.call("JobEscrow", "jobCount") == 2


def test_fund__fee_raised_later__job_keeps_the_fee_of_its_day(
    chain: Chain, governor: str, requester: str, approved: None
) -> None:
    first = fund_as(chain, requester)
    chain.send("JobEscrow", "setFee", 500, sender=governor)

    second = fund_as(chain, requester)

    assert (first.state.fee_bps, second.state.fee_bps) == (100, 500)
    assert chain.call("JobEscrow", "jobHash", first.number) == job_hash(first.state)
    assert chain.call("JobEscrow", "jobHash", second.number) == job_hash(second.state)


def test_fund__for_somebody_else__reverts(chain: Chain, requester: str, stranger: str) -> None:
    with chain.reverts("PayerOnly", account=stranger, payer=requester):
        chain.send("JobEscrow", "fund", terms_of(chain, requester), sender=stranger)


def test_fund__token_not_on_the_list__reverts(chain: Chain, requester: str) -> None:
    token = chain.address["TensorbondToken"]
    with chain.reverts("TokenNotAllowed", token=token):
        chain.send("JobEscrow", "fund", terms_of(chain, requester, token=token), sender=requester)


def test_fund__price_zero__reverts(chain: Chain, requester: str) -> None:
    with chain.reverts("PriceZero"):
        chain.send("JobEscrow", "fund", terms_of(chain, requester, price=0), sender=requester)


def test_fund__accept_by_is_past__reverts(chain: Chain, requester: str) -> None:
    mined_in = chain.block_number + 1
    terms = terms_of(chain, requester, accept_by=mined_in - 1)
    with chain.reverts("DeadlineInvalid", field="acceptBy", have=mined_in - 1, least=mined_in):
        chain.send("JobEscrow", "fund", terms, sender=requester)


def test_fund__accept_by_is_this_block__funds(chain: Chain, requester: str, approved: None) -> None:
    terms = terms_of(chain, requester, accept_by=chain.block_number + 1)
    assert chain.send("JobEscrow", "fund", terms, sender=requester).event("JobFunded")["terms"] == terms


def test_fund__submit_by_before_accept_by__reverts(chain: Chain, requester: str) -> None:
    terms = terms_of(chain, requester)
    terms = replace(terms, submit_by=terms.accept_by - 1)
    with chain.reverts("DeadlineInvalid", field="submitBy", have=terms.submit_by, least=terms.accept_by):
        chain.send("JobEscrow", "fund", terms, sender=requester)


def test_fund__no_time_for_a_final_attestation__reverts(chain: Chain, requester: str, approved: None) -> None:
    terms = terms_of(chain, requester)
    least = terms.submit_by + DECISION

    with chain.reverts("DeadlineInvalid", field="refundAt", have=least - 1, least=least):
        chain.send("JobEscrow", "fund", replace(terms, refund_at=least - 1), sender=requester)

    chain.send("JobEscrow", "fund", replace(terms, refund_at=least), sender=requester)


def test_fund__review_outlasts_the_refund__reverts(chain: Chain, requester: str, approved: None) -> None:
    """Else a provider whose draw passed could never settle before the requester takes the price back."""
    terms = terms_of(chain, requester, review_blocks=DECISION + 1)
    least = terms.submit_by + DECISION + 1

    with chain.reverts("DeadlineInvalid", field="refundAt", have=least - 1, least=least):
        chain.send("JobEscrow", "fund", replace(terms, refund_at=least - 1), sender=requester)

    chain.send("JobEscrow", "fund", replace(terms, refund_at=least), sender=requester)


def test_fund__deadlines_as_late_as_they_may_be__funds(chain: Chain, requester: str, approved: None) -> None:
    last = chain.block_number + 1 + 2**22
    terms = terms_of(chain, requester, accept_by=last - DECISION, submit_by=last - DECISION, refund_at=last)
    assert chain.call("JobEscrow", "MAX_JOB_BLOCKS") == 2**22
    chain.send("JobEscrow", "fund", terms, sender=requester)


def test_fund__deadlines_at_the_end_of_their_range__reverts(
    chain: Chain, requester: str, approved: None
) -> None:
    last = 2**40 - 1
    terms = terms_of(chain, requester, accept_by=last - DECISION, submit_by=last - DECISION, refund_at=last)
    with chain.reverts("RefundTooLate", have=last, most=chain.block_number + 1 + 2**22):
        chain.send("JobEscrow", "fund", terms, sender=requester)

    over = replace(terms, submit_by=last)
    with chain.reverts("DeadlineInvalid", field="refundAt", have=last, least=last + DECISION):
        chain.send("JobEscrow", "fund", over, sender=requester)


def test_fund__without_allowance__reverts_and_leaves_no_job(chain: Chain, requester: str) -> None:
    with chain.reverts(
        "ERC20InsufficientAllowance", spender=chain.address["JobEscrow"], allowance=0, needed=PRICE
    ):
        chain.send("JobEscrow", "fund", terms_of(chain, requester), sender=requester)

    assert chain.call("JobEscrow", "jobCount") == 0
    assert chain.call("JobEscrow", "jobHash", 1) == ZERO


def test_fund__by_the_sponsor__takes_its_money_and_returns_it_to_it(
    chain: Chain, requester: str, stranger: str
) -> None:
    job = fund_as(chain, requester, requester=stranger, sponsor=requester)
    assert job.sent.event("JobFunded")["requester"] == stranger
    chain.mine_to(job.state.terms.accept_by)
    with moving(chain, {"requester paid": PRICE, "escrow paid": -PRICE, "tracked": -PRICE}):
        sent = chain.send("JobEscrow", "refund", job.number, job.state, sender=stranger)
    assert sent.event("JobRefunded")["payer"] == requester


def test_fund__with_a_sponsor_that_has_not_agreed__reverts(
    chain: Chain, requester: str, stranger: str, approved: None
) -> None:
    """The requester's allowance is no consent to pay for others."""
    terms = terms_of(chain, stranger, sponsor=requester)
    with chain.reverts("PayerOnly", account=stranger, payer=requester):
        chain.send("JobEscrow", "fund", terms, sender=stranger)


def test_fund__by_a_sponsor_for_nobody__reverts(chain: Chain, requester: str, approved: None) -> None:
    """Nobody could approve such a job, and of its slash a part would be told that nobody got."""
    terms = terms_of(chain, ZERO_ADDRESS, sponsor=requester)
    with moving(chain, {}), chain.reverts("RequesterZero"):
        chain.send("JobEscrow", "fund", terms, sender=requester)
    assert chain.call("JobEscrow", "jobCount") == 0


def test_fund__price_that_the_parts_do_not_divide__reverts(chain: Chain, requester: str) -> None:
    with chain.reverts("PriceIndivisible", price=PRICE, parts=3):
        chain.send("JobEscrow", "fund", terms_of(chain, requester, parts=3), sender=requester)


def test_fund__up_to_the_cap__and_no_further(chain: Chain, requester: str, governor: str) -> None:
    token = chain.address["TestDollar"]
    chain.send("JobEscrow", "allowToken", token, 2 * PRICE, sender=governor)
    fund_as(chain, requester, price=PRICE)
    with chain.reverts("CapExceeded", token=token, have=2 * PRICE + 1, cap=2 * PRICE):
        fund_as(chain, requester, price=PRICE + 1)
    fund_as(chain, requester, price=PRICE)


def test_fund__fees_that_nobody_swept__take_no_room_under_the_cap(
    chain: Chain, requester: str, governor: str, submitted: FundedJob
) -> None:
    approve_as(chain, requester, submitted)
    chain.send("JobEscrow", "allowToken", chain.address["TestDollar"], PRICE, sender=governor)
    fund_as(chain, requester, price=PRICE)


def test_fund__while_paused__reverts_and_goes_on_after(
    chain: Chain, requester: str, governor: str, approved: None
) -> None:
    chain.send("JobEscrow", "pause", sender=governor)
    with chain.reverts("Paused"):
        chain.send("JobEscrow", "fund", terms_of(chain, requester), sender=requester)
    chain.send("JobEscrow", "unpause", sender=governor)
    chain.send("JobEscrow", "fund", terms_of(chain, requester), sender=requester)


@pytest.mark.parametrize("word", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14])
def test_fund__bytes_that_abi_encode_would_not_write__reverts(
    chain: Chain, requester: str, approved: None, word: int
) -> None:
    """Else no verb could read the state again, and money and collateral would be stuck."""
    abi = project_artifacts()["JobEscrow"].abi
    data = bytearray(abi.encode_call("fund", [terms_of(chain, requester)]))
    data[4 + 32 * word] |= 0x80
    with pytest.raises(Reverted) as caught:
        chain.transact(chain.address["JobEscrow"], bytes(data), sender=requester, function="fund")
    assert (caught.value.error, caught.value.args_) == ("", {}), "the ABI decoder itself refuses"


@pytest.mark.parametrize("ahead", [False, True], ids=["", "sent ahead by a stranger"])
def test_fund__with_a_permit__is_one_transaction(
    chain: Chain, requester: str, stranger: str, ahead: bool
) -> None:
    token = chain.address["TensorbondToken"]
    chain.send("JobEscrow", "allowToken", token, TOKEN_CAP, sender=chain.accounts[0])
    terms = terms_of(chain, requester, token=token, price=TBND)
    permit = sign_permit(chain, requester, chain.address["JobEscrow"], TBND)
    if ahead:
        send_permit(chain, permit, stranger)

    with moving(
        chain,
        {
            "requester paid": -TBND,
            "requester TBND": -TBND,
            "escrow paid": TBND,
            "escrow TBND": TBND,
            "tracked": TBND,
        },
        token="TensorbondToken",
    ):
        sent = permit_and(chain, "JobEscrow", permit, "fund", terms)
    assert sent.event("JobFunded")["terms"] == terms
