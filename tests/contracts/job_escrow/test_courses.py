"""Every course that time can take with a job, and who may end it how.

Each row leads a job to a block and says which closing verbs work in it. Two promises are read off the table:
whoever submitted and passed is paid even if the requester is silent, and in every other course the requester
has its money back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tensorbond.chain.types import OutcomeResult
from tests.acts import FundedJob, accept_as, close_before, fund_as, mine_to_final, submit_as
from tests.chain import Chain, Reverted, Sent
from tests.system import role

from .jobs import Draw, attest_draw, forced_epoch, refund, refund_by_outcome, settle

REVIEW = 100
PROOF_BLOCKS = 30

PASSED, MISSED, BAD_ITEM, WITHHELD, SLOW = OutcomeResult
OPEN, VOID = "open", "void"
FUNDED, ACCEPTED, SUBMITTED = "funded", "accepted", "submitted"

When = Callable[[FundedJob], int]


@dataclass(frozen=True)
class Course:
    name: str
    status: str
    # What the forced slot's epoch comes to; `OPEN`: nothing, `VOID`: closed.
    epoch: OutcomeResult | str
    # The block in which the verbs are tried.
    when: When
    allowed: frozenset[str]
    # The attestation stands but can still be disproved.
    provable: bool = False
    # The first attestation was revoked, and a second came too late to be final by refundAt.
    late: bool = False


def course(
    name: str, status: str, epoch: OutcomeResult | str, when: When, *allowed: str, **flags: bool
) -> Course:
    return Course(name, status, epoch, when, frozenset(allowed), **flags)


def accept_by(job: FundedJob) -> int:
    return job.state.terms.accept_by


def submit_by(job: FundedJob) -> int:
    return job.state.terms.submit_by


def review_end(job: FundedJob) -> int:
    return job.state.submitted_at + REVIEW


def refund_at(job: FundedJob) -> int:
    return job.state.terms.refund_at


def grace_end(job: FundedJob) -> int:
    return refund_at(job) + PROOF_BLOCKS


def late_end(job: FundedJob) -> int:
    """A second attestation comes before refundAt, has a proof window, and one more to be shown."""
    return refund_at(job) + 2 * PROOF_BLOCKS


def after(when: When) -> When:
    return lambda job: when(job) + 1


def long_after(when: When) -> When:
    return lambda job: when(job) + 200


COURSES = [
    course("nobody has accepted yet", FUNDED, OPEN, accept_by),
    course("nobody accepted", FUNDED, OPEN, after(accept_by), "refund"),
    course("nobody accepted, long ago", FUNDED, OPEN, long_after(refund_at), "refund"),
    course("not submitted yet", ACCEPTED, OPEN, submit_by),
    course("not submitted", ACCEPTED, OPEN, after(submit_by), "refund"),
    course("not submitted, long ago", ACCEPTED, OPEN, long_after(refund_at), "refund"),
    course("not submitted though the draw passed", ACCEPTED, PASSED, after(refund_at), "refund"),
    course("not submitted and withheld", ACCEPTED, WITHHELD, after(refund_at), "refund"),
    *(
        course(f"in review, {epoch.name}, not final", SUBMITTED, epoch, review_end, "approve", provable=True)
        for epoch in OutcomeResult
    ),
    course("in review, passed", SUBMITTED, PASSED, review_end, "approve"),
    course("review over, passed", SUBMITTED, PASSED, after(review_end), "approve", "settle"),
    course("at refundAt, passed", SUBMITTED, PASSED, refund_at, "approve", "settle"),
    course("in the grace, passed", SUBMITTED, PASSED, after(refund_at), "approve", "settle"),
    course("at the end of the grace, passed", SUBMITTED, PASSED, grace_end, "approve", "settle"),
    course("after the grace, passed", SUBMITTED, PASSED, after(grace_end), "approve", "settle", "refund"),
    *(
        course(f"{when_name}, {epoch.name}", SUBMITTED, epoch, when, "approve", "refundByOutcome", *more)
        for epoch in (MISSED, BAD_ITEM, WITHHELD, SLOW)
        for when_name, when, more in (
            ("in review", review_end, ()),
            ("review over", after(review_end), ()),
            ("at refundAt", refund_at, ()),
            ("in the grace", after(refund_at), ()),
            ("at the end of the grace", grace_end, ()),
            ("after the grace", after(grace_end), ("refund",)),
        )
    ),
    *(
        course(f"{when_name}, {epoch}", SUBMITTED, epoch, when, "approve", *more)
        for epoch in (OPEN, VOID)
        for when_name, when, more in (
            ("review over", after(review_end), ()),
            ("at refundAt", refund_at, ()),
            ("after refundAt", after(refund_at), ("refund",)),
            ("after the grace", after(grace_end), ("refund",)),
            ("long after", long_after(refund_at), ("refund",)),
        )
    ),
    course("late, not final at refundAt", SUBMITTED, PASSED, after(refund_at), "approve", late=True),
    course("late, final in the grace", SUBMITTED, PASSED, grace_end, "approve", "settle", late=True),
    course(
        "late, missed, final in the grace",
        SUBMITTED,
        MISSED,
        grace_end,
        "approve",
        "refundByOutcome",
        late=True,
    ),
    course("late, after the grace", SUBMITTED, PASSED, after(grace_end), "approve", "settle", late=True),
    course(
        "late, after a grace of its own",
        SUBMITTED,
        PASSED,
        after(late_end),
        "approve",
        "settle",
        "refund",
        late=True,
    ),
]


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.name)
def test_courses__at_any_time__exactly_these_verbs_close_the_job(
    chain: Chain, device: int, course: Course
) -> None:
    job = bring_to(chain, course.status, device)
    draw = conclude(chain, job, course)
    chain.mine_to(course.when(job) - 1)

    allowed, refused = set(), {}
    for verb, act in closing_verbs(chain, job, draw).items():
        snapshot = chain.snapshot()
        try:
            sent = act()
        except Reverted as reverted:
            refused[verb] = reverted.error
        else:
            assert sent.block == course.when(job)
            assert_money_leaves_once(job, sent)
            allowed.add(verb)
        chain.revert_to(snapshot)

    assert allowed == course.allowed
    assert all(refused.values()), f"no reason given: {refused}"


def test_courses__passed__requester_is_silent__provider_can_settle_before_anyone_can_refund() -> None:
    passed = [each for each in COURSES if (each.status, each.epoch) == (SUBMITTED, PASSED) and not each.late]
    first_refund = next(index for index, each in enumerate(passed) if "refund" in each.allowed)
    assert any("settle" in each.allowed for each in passed[:first_refund])
    assert not any("refundByOutcome" in each.allowed for each in passed)


def test_courses__all_others__end_with_the_requesters_money_back() -> None:
    ways: dict[tuple[str, Any], set[str]] = {}
    for each in COURSES:
        ways.setdefault((each.status, each.epoch), set()).update(each.allowed)
    for (status, epoch), allowed in ways.items():
        assert "refund" in allowed, (status, epoch)
        if (status, epoch) != (SUBMITTED, PASSED):
            assert "settle" not in allowed, (status, epoch)


def bring_to(chain: Chain, status: str, device: int) -> FundedJob:
    provider, requester = role(chain, "provider"), role(chain, "requester")
    job = fund_as(chain, requester, review_blocks=REVIEW)
    if status in (ACCEPTED, SUBMITTED):
        job = accept_as(chain, provider, job, device)
    if status == SUBMITTED:
        job = submit_as(chain, provider, job)
    return job


def conclude(chain: Chain, job: FundedJob, course: Course) -> Draw | None:
    """Let the forced epoch come to what the course says."""
    if course.epoch == OPEN:
        return None
    epoch = forced_epoch(chain, job)
    if course.epoch == VOID:
        close_before(chain, epoch + 1)
        return None
    assert isinstance(course.epoch, OutcomeResult)
    if course.late:
        return attest_late(chain, job, course.epoch)
    if course.provable:
        chain.mine_to(course.when(job) - 10)
    draw = attest_draw(chain, job, course.epoch, final=False)
    if not course.provable:
        mine_to_final(chain, epoch)
    return draw


def attest_late(chain: Chain, job: FundedJob, result: OutcomeResult) -> Draw:
    """Attested in time, and revoked at the end of the proof window again and again, until it is too late."""
    disputes = chain.impersonate("AttestationDisputes")
    epoch = forced_epoch(chain, job)
    attest_draw(chain, job, result, final=False)
    for round in range(1, 255):
        chain.mine(PROOF_BLOCKS - 2)
        chain.send("Attestations", "revoke", epoch, sender=disputes)
        chain.mine_to(min(chain.call("Attestations", "deadline"), refund_at(job) - 10) - 1)
        draw = attest_draw(chain, job, result, final=False, round=round)
        if chain.block_number > refund_at(job) - PROOF_BLOCKS:
            return draw
    raise AssertionError("never late")


def closing_verbs(chain: Chain, job: FundedJob, draw: Draw | None) -> dict[str, Callable[[], Sent]]:
    requester = role(chain, "requester")
    verbs: dict[str, Callable[[], Sent]] = {
        "approve": lambda: chain.send("JobEscrow", "approve", job.number, job.state, sender=requester),
        "refund": lambda: refund(chain, job),
    }
    if draw is not None:
        verbs["settle"] = lambda: settle(chain, job, draw)
        verbs["refundByOutcome"] = lambda: refund_by_outcome(chain, job, draw)
    return verbs


def assert_money_leaves_once(job: FundedJob, sent: Sent) -> None:
    """Invariant 7."""
    settled, refunded = sent.all("JobSettled"), sent.all("JobRefunded")
    assert len(settled) + len(refunded) == 1
    left = sum(each["paid"] + each["fee"] for each in settled) + sum(each["refunded"] for each in refunded)
    assert left == job.state.terms.price
