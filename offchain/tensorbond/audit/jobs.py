"""How an event of a job enters the books: its money, from the deposit until the last wei has left."""

from __future__ import annotations

from dataclasses import replace

from tensorbond.audit.books import (
    JOB_FAULTS,
    MOST_FEES,
    WORK_SHARE,
    ZERO,
    Books,
    Entries,
    parts_of,
    share,
    total,
    unpaid_of,
    where,
    worth_of,
)
from tensorbond.audit.findings import Report
from tensorbond.chain.abi import Event
from tensorbond.chain.types import CloseReason, Job, JobStatus, Terms, Verdict

DISPUTE_SHARE = 1_000
"""Bps of the unpaid price that a requester deposits to dispute a job."""


def _token_allowed(books: Books, event: Event, report: Report) -> None:
    books.tills[event.args["token"]].cap = event.args["cap"]


def _fee_set(books: Books, event: Event, report: Report) -> None:
    books.fee_bps = event.args["feeBps"]


def _funded(books: Books, event: Event, report: Report) -> None:
    terms: Terms = event.args["terms"]
    number = event.args["job"]
    report.expect("escrow", "job ids are dense", number, len(books.jobs) + 1, where(event))
    total(report, event, "feeBps", books.fee_bps)
    books.jobs[number] = Job(terms, event.args["feeBps"])
    till = books.tills[terms.token]
    till.tracked += terms.price
    books.transaction.told[terms.token, _payer(terms), books.escrow] += terms.price
    total(report, event, "tracked", till.tracked)
    report.expect_at_most("escrow", f"cap of {terms.token}", till.tracked - till.fees, till.cap, where(event))


def _assigned(books: Books, event: Event, report: Report) -> None:
    a = event.args
    job = _in_status(books, event, report, JobStatus.FUNDED)
    token = job.terms.token
    report.expect_at_most(
        "escrow", f"job {a['job']} assigned in time", event.block, job.terms.accept_by, where(event)
    )
    report.expect_at_least("invariant 7", f"price of job {a['job']}", a["price"], 1, where(event))
    total(report, event, "returned", job.terms.price - a["price"])
    books.jobs[a["job"]] = replace(job, terms=replace(job.terms, provider=a["provider"], price=a["price"]))
    till = books.tills[token]
    till.tracked -= a["returned"]
    books.transaction.told[token, books.escrow, _payer(job.terms)] += a["returned"]
    total(report, event, "tracked", till.tracked)


def _accepted(books: Books, event: Event, report: Report) -> None:
    a = event.args
    job = _in_status(books, event, report, JobStatus.FUNDED)
    total(report, event, "collateral", job.terms.collateral)
    report.expect_at_most(
        "escrow", f"job {a['job']} accepted in time", event.block, job.terms.accept_by, where(event)
    )
    books.jobs[a["job"]] = replace(
        job,
        status=JobStatus.ACCEPTED,
        provider=a["provider"],
        device=a["device"],
        forced_slot=a["forcedSlot"],
    )


def _submitted(books: Books, event: Event, report: Report) -> None:
    a = event.args
    job = _in_status(books, event, report, JobStatus.ACCEPTED)
    total(report, event, "submittedAt", event.block)
    report.expect_at_most(
        "escrow", f"job {a['job']} submitted in time", event.block, job.terms.submit_by, where(event)
    )
    books.jobs[a["job"]] = replace(
        job, status=JobStatus.SUBMITTED, submitted_at=a["submittedAt"], result=a["result"]
    )


def _parts_paid(books: Books, event: Event, report: Report) -> None:
    a = event.args
    number, parts = a["job"], a["paidParts"]
    job = books.jobs[number]
    may = job.status in (JobStatus.ACCEPTED, JobStatus.SUBMITTED) and job.paid_parts < parts < job.terms.parts
    report.expect("invariant 7", f"parts of job {number} may be paid", may, True, where(event))
    _pay_provider(books, event, report, job, parts)
    books.jobs[number] = replace(job, paid_parts=parts)


def _settled(books: Books, event: Event, report: Report) -> None:
    a = event.args
    number, reason = a["job"], CloseReason(a["reason"])
    job = _in_status(books, event, report, _SETTLED_FROM.get(reason, JobStatus.NONE))
    if reason == CloseReason.OUTCOME_PASSED:
        _after(event, report, job.submitted_at + job.terms.review_blocks)
    _pay_provider(books, event, report, job, parts_of(job))
    books.jobs[number] = replace(job, status=JobStatus.SETTLED)


def _pay_provider(books: Books, event: Event, report: Report, job: Job, parts: int) -> None:
    """What is due once so many parts in all are paid: together they bear one payment's fee."""
    number, paid, fee = event.args["job"], event.args["paid"], event.args["fee"]
    till = books.tills[job.terms.token]
    before, after = worth_of(job, job.paid_parts), worth_of(job, parts)
    due = min(share(after, job.fee_bps) - share(before, job.fee_bps), MOST_FEES - till.fees)
    report.expect("invariant 7", f"fee of job {number}", fee, due, where(event))
    report.expect("invariant 7", f"payment of job {number}", paid, after - before - due, where(event))
    _enter_paid(books, number, paid, fee, 0)
    till.tracked -= paid
    till.fees += fee
    books.transaction.told[job.terms.token, books.escrow, job.provider] += paid
    total(report, event, "tracked", till.tracked)


def _refunded(books: Books, event: Event, report: Report) -> None:
    a = event.args
    number, refunded, reason = a["job"], a["refunded"], CloseReason(a["reason"])
    job = _in_status(books, event, report, _REFUNDED_FROM.get(reason, JobStatus.NONE))
    report.expect("invariant 7", f"refund of job {number}", refunded, unpaid_of(job), where(event))
    if reason in _REFUNDED_AFTER:
        deadline = getattr(job.terms, _REFUNDED_AFTER[reason])
        _after(event, report, max(deadline, job.verdict_by))
    fault = JOB_FAULTS.get(reason)
    collateral = job.terms.collateral if fault else 0
    report.expect_at_most("invariant 4", f"slash for job {number}", a["slashed"], collateral, where(event))
    total(report, event, "compensated", share(a["slashed"], WORK_SHARE))
    if a["slashed"] and fault:
        evidence = number.to_bytes(32, "big")
        books.transaction.causes[job.provider, fault.name, evidence, a["slashed"]] += 1
    books.jobs[number] = replace(job, status=JobStatus.REFUNDED)
    _enter_paid(books, number, 0, 0, refunded)
    till = books.tills[job.terms.token]
    till.tracked -= refunded
    books.transaction.told[job.terms.token, books.escrow, _payer(job.terms)] += refunded
    total(report, event, "tracked", till.tracked)


def _disputed(books: Books, event: Event, report: Report) -> None:
    a = event.args
    number, bond = a["job"], a["bond"]
    job = _in_status(books, event, report, JobStatus.SUBMITTED)
    once = job.verdict_by == 0 and event.block <= job.submitted_at + job.terms.review_blocks
    report.expect("escrow", f"job {number} may be disputed", once, True, where(event))
    total(report, event, "bond", -(-unpaid_of(job) * DISPUTE_SHARE // 10_000))
    books.jobs[number] = replace(job, status=JobStatus.DISPUTED, verdict_by=a["verdictBy"])
    books.dispute_bonds[number] = bond
    till = books.tills[job.terms.token]
    till.tracked += bond
    books.transaction.told[job.terms.token, job.terms.requester, books.escrow] += bond
    total(report, event, "tracked", till.tracked)


def _resolved(books: Books, event: Event, report: Report) -> None:
    a = event.args
    number, verdict = a["job"], Verdict(a["verdict"])
    job = _in_status(books, event, report, JobStatus.DISPUTED)
    total(report, event, "bond", books.dispute_bonds.pop(number))
    winner = job.provider if verdict == Verdict.FOR_PROVIDER else job.terms.requester
    report.expect("event total", f"who gets the bond of job {number}", a["account"], winner, where(event))
    if verdict == Verdict.NONE:
        _after(event, report, job.verdict_by)
        books.jobs[number] = replace(job, status=JobStatus.SUBMITTED)
    till = books.tills[job.terms.token]
    till.tracked -= a["bond"]
    books.transaction.told[job.terms.token, books.escrow, winner] += a["bond"]
    total(report, event, "tracked", till.tracked)


def _enter_paid(books: Books, number: int, paid: int, fee: int, refunded: int) -> None:
    before = books.paid[number]
    books.paid[number] = (before[0] + paid, before[1] + fee, before[2] + refunded)


def _payer(terms: Terms) -> str:
    return terms.requester if terms.sponsor == ZERO else terms.sponsor


def _after(event: Event, report: Report, deadline: int) -> None:
    subject = f"job {event.args['job']} closed after its deadline"
    report.expect_at_least("escrow", subject, event.block, deadline + 1, where(event))


def _deferred(books: Books, event: Event, report: Report) -> None:
    account, token, amount = event.args["account"], event.args["token"], event.args["amount"]
    till = books.tills[token]
    till.tracked += amount
    till.owed[account] += amount
    books.transaction.told[token, books.escrow, account] -= amount
    total(report, event, "owed", till.owed[account])


def _collected(books: Books, event: Event, report: Report) -> None:
    account, token, amount = event.args["account"], event.args["token"], event.args["amount"]
    till = books.tills[token]
    total(report, event, "amount", till.owed[account])
    till.owed[account] = 0
    till.tracked -= amount
    books.transaction.told[token, books.escrow, account] += amount
    total(report, event, "tracked", till.tracked)


def _swept(books: Books, event: Event, report: Report) -> None:
    token, amount, burned = event.args["token"], event.args["amount"], event.args["burned"]
    till = books.tills[token]
    total(report, event, "burned", share(till.fees, books.fee_burn_bps) if token == books.token else 0)
    total(report, event, "amount", till.fees - burned)
    till.fees = 0
    till.tracked -= amount + burned
    books.transaction.told[token, books.escrow, event.args["to"]] += amount
    books.transaction.told[token, books.escrow, ZERO] += burned
    total(report, event, "tracked", till.tracked)


def _in_status(books: Books, event: Event, report: Report, need: JobStatus) -> Job:
    job = books.jobs[event.args["job"]]
    report.expect(
        "invariant 7", f"status of job {event.args['job']}", JobStatus(job.status), need, where(event)
    )
    return job


_SETTLED_FROM = {
    CloseReason.APPROVED: JobStatus.SUBMITTED,
    CloseReason.OUTCOME_PASSED: JobStatus.SUBMITTED,
    CloseReason.VERDICT_FOR_PROVIDER: JobStatus.DISPUTED,
}

_REFUNDED_FROM = {
    CloseReason.NOT_ACCEPTED: JobStatus.FUNDED,
    CloseReason.NOT_SUBMITTED: JobStatus.ACCEPTED,
    CloseReason.OUTCOME_MISSED: JobStatus.SUBMITTED,
    CloseReason.OUTCOME_BAD: JobStatus.SUBMITTED,
    CloseReason.OUTCOME_WITHHELD: JobStatus.SUBMITTED,
    CloseReason.OUTCOME_SLOW: JobStatus.SUBMITTED,
    CloseReason.NOT_ATTESTED: JobStatus.SUBMITTED,
    CloseReason.VERDICT_FOR_REQUESTER: JobStatus.DISPUTED,
}

_REFUNDED_AFTER = {
    CloseReason.NOT_ACCEPTED: "accept_by",
    CloseReason.NOT_SUBMITTED: "submit_by",
    CloseReason.NOT_ATTESTED: "refund_at",
}


ENTRIES: Entries = {
    ("JobEscrow", "TokenAllowed"): _token_allowed,
    ("JobEscrow", "FeeSet"): _fee_set,
    ("JobEscrow", "JobFunded"): _funded,
    ("JobEscrow", "JobAssigned"): _assigned,
    ("JobEscrow", "JobAccepted"): _accepted,
    ("JobEscrow", "JobSubmitted"): _submitted,
    ("JobEscrow", "JobPartsPaid"): _parts_paid,
    ("JobEscrow", "JobDisputed"): _disputed,
    ("JobEscrow", "DisputeResolved"): _resolved,
    ("JobEscrow", "JobSettled"): _settled,
    ("JobEscrow", "JobRefunded"): _refunded,
    ("JobEscrow", "PaymentDeferred"): _deferred,
    ("JobEscrow", "PaymentCollected"): _collected,
    ("JobEscrow", "FeesSwept"): _swept,
}
