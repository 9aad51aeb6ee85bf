"""Verbs of jobs."""

from __future__ import annotations

from dataclasses import replace

from eth_utils.crypto import keccak
from hypothesis.stateful import precondition

from tensorbond.chain.types import Job, JobStatus, OutcomeResult, Terms, Verdict

from ..model.books import ZERO_ADDRESS
from ..model.jobs import (
    ACCEPTED,
    DISPUTED,
    FUNDED,
    MAX_JOB_BLOCKS,
    SETTLED,
    SUBMITTED,
    TOKEN_CAP,
    JobBook,
    agreed_of,
    hash_of,
)
from ..world import TBND, TUSD
from .epochs import EpochVerbs
from .table import verb


class JobVerbs(EpochVerbs):
    @precondition(lambda self: len(self.open_jobs()) < 7)
    @verb
    def fund(self) -> None:
        self.world.tend()
        model = self.model
        token = self.random.choice(list(model.tokens))
        unblocked = [each for each in self.cast.requesters if each not in model.tokens[token].blocked]
        requester = self.pick(unblocked, self.cast.requesters)
        provider = self.random.choice(
            [ZERO_ADDRESS, ZERO_ADDRESS, *self.cast.providers, model.at.auction, model.at.auction]
        )
        # An auction takes its time.
        accept_by = model.block + self.random.randint(30 if provider == model.at.auction else 0, 60)
        submit_by = accept_by + self.random.randint(8, 40)
        review = self.random.choice([0, 10, 30, 60])
        decision = max(model.decision_blocks(), review)
        parts = self.random.choice([0, 0, 1, 2, 3, 5])
        terms = Terms(
            requester=requester,
            sponsor=self.pick([ZERO_ADDRESS], self.cast.requesters),
            token=token,
            price=self.random.randint(1, 40 * TUSD) * max(parts, 1),
            parts=parts,
            provider=provider,
            class_id=self.pick([0], range(len(model.classes))),
            min_gops=self.random.randint(0, 12),
            collateral=self.random.choice([0, 7, self.amount(60 * TBND), self.amount(60 * TBND)]),
            accept_by=accept_by,
            submit_by=submit_by,
            review_blocks=review,
            refund_at=submit_by + decision + self.random.randint(0, 12),
            arbiter=self.random.choice([ZERO_ADDRESS, ZERO_ADDRESS, *model.arbiters]),
            spec=keccak(b"work"),
        )
        wrong = self.pick(
            [{}],
            [
                {"price": 0},
                {"price": 10_000 * TUSD, "parts": 1},
                {"price": 7, "parts": 2},
                {"token": self.model.at.registry},
                {"accept_by": model.block - 1},
                {"submit_by": accept_by - 1},
                {"refund_at": submit_by + decision - 1},
                {"refund_at": model.block + MAX_JOB_BLOCKS + 1},
            ],
        )
        terms = replace(terms, **wrong)
        sender = self.pick([terms.payer], [self.cast.stranger])
        self.act("fund", "JobEscrow", terms, by=sender, effect=lambda m: m.fund(sender, terms))

    @precondition(lambda self: self.assignable())
    @verb
    def assign(self) -> None:
        self.world.tend()
        number, job = self.pick(self.assignable(), self.open_jobs())
        terms, state = job.state.terms, self.pick_state(job)
        parts = max(terms.parts, 1)
        provider = self.pick(self.cast.providers, [ZERO_ADDRESS])
        cheaper = [terms.price, max(terms.price // parts // 2, 1) * parts]
        price = self.pick(cheaper, [0, terms.price + parts, terms.price - 1])
        invited = [] if terms.provider == self.model.at.auction else [terms.provider]
        sender = self.pick(invited, [self.cast.stranger])
        self.act(
            "assign",
            "JobEscrow",
            number,
            state,
            provider,
            price,
            by=sender,
            effect=lambda m: m.assign(sender, number, state, provider, price),
        )

    @precondition(lambda self: self.pairs())
    @verb
    def accept(self) -> None:
        self.world.tend()
        ours = [device for device in self.model.devices if device != self.careful]
        others = [(number, device) for number, _ in self.open_jobs() for device in ours]
        number, device = self.pick(self.pairs(), others)
        job = self.model.jobs[number]
        owner = self.model.devices[device].provider
        sender = self.pick([owner, self.model.operator_of(owner)], [self.cast.stranger])
        state = self.pick_state(job)
        self.act(
            "accept",
            "JobEscrow",
            number,
            state,
            device,
            by=sender,
            effect=lambda m: m.accept(sender, number, state, device),
        )

    @precondition(lambda self: self.in_time())
    @verb
    def submit(self) -> None:
        self.world.tend()
        number, job = self.pick(self.in_time(), self.open_jobs())
        owner = job.state.provider
        sender = self.pick([owner, self.model.operator_of(owner)], [self.cast.stranger])
        state, result = self.pick_state(job), keccak(b"result")
        self.act(
            "submit",
            "JobEscrow",
            number,
            state,
            result,
            by=sender,
            effect=lambda m: m.submit(sender, number, state, result),
        )

    @precondition(lambda self: self.jobs(SUBMITTED))
    @verb
    def approve(self) -> None:
        number, job = self.pick_job(SUBMITTED)
        sender = self.pick([job.state.terms.requester], [self.cast.stranger])
        state = self.pick_state(job)
        self.act(
            "approve",
            "JobEscrow",
            number,
            state,
            by=sender,
            effect=lambda m: m.approve(sender, number, state),
        )

    @precondition(lambda self: any(job.state.terms.parts > 1 for _, job in self.jobs(ACCEPTED, SUBMITTED)))
    @verb
    def approve_part(self) -> None:
        parted = [(n, job) for n, job in self.jobs(ACCEPTED, SUBMITTED) if job.state.terms.parts > 1]
        self.world.tend()
        number, job = self.pick(parted, list(self.model.jobs.items()))
        left = max(job.state.terms.parts, 1) - job.state.paid_parts
        parts = self.pick(range(1, left), [0, left, left + 1])
        sender = self.pick([job.state.terms.requester], [self.cast.stranger])
        state = self.pick_state(job)
        self.act(
            "approvePart",
            "JobEscrow",
            number,
            state,
            parts,
            by=sender,
            effect=lambda m: m.approve_part(sender, number, state, parts),
        )

    @precondition(lambda self: self.jobs(SUBMITTED))
    @verb
    def approve_with_signature(self) -> None:
        self.world.tend()
        number, job = self.pick_job(SUBMITTED)
        requester, terms, result = job.state.terms.requester, agreed_of(job.state), job.state.result
        right = requester, number, terms, result
        signed = self.pick([right], self.not_signed(*right))
        signature, state = self.world.sign_approval(*signed), self.pick_state(job)
        valid = signed == (state.terms.requester, number, agreed_of(state), state.result)
        self.act(
            "approveWithSignature",
            "JobEscrow",
            number,
            state,
            signature,
            by=self.cast.stranger,
            effect=lambda m: m.approve_with_signature(number, state, valid),
        )

    def not_signed(
        self, requester: str, number: int, terms: bytes, result: bytes
    ) -> list[tuple[str, int, bytes, bytes]]:
        """Approvals of something else, or by somebody else."""
        return [
            (self.cast.stranger, number, terms, result),
            (requester, number + 1, terms, result),
            (requester, number, keccak(b"another job"), result),
            (requester, number, terms, keccak(b"another result")),
        ]

    # Disputes

    @precondition(lambda self: self.disputable())
    @verb
    def dispute(self) -> None:
        self.world.tend()
        number, job = self.pick(self.disputable(), self.jobs(SUBMITTED))
        sender, state = self.pick([job.state.terms.requester], [self.cast.stranger]), self.pick_state(job)
        self.act(
            "dispute",
            "JobEscrow",
            number,
            state,
            by=sender,
            effect=lambda m: m.dispute(sender, number, state),
        )

    @precondition(lambda self: self.jobs(DISPUTED))
    @verb
    def attest_verdict(self) -> None:
        """By the oracles, of a job that is theirs to decide; or it does no good."""
        self.world.tend()
        model, world = self.model, self.world
        theirs = [(n, job) for n, job in self.undecided() if job.state.terms.arbiter == ZERO_ADDRESS]
        number, job = self.pick(theirs, self.jobs(DISPUTED, SUBMITTED, SETTLED))
        oracle_set = model.sets[model.set_of(model.epoch) - 1]
        able = [i for i in range(len(oracle_set.members)) if i not in oracle_set.excluded]
        quorum = able[: oracle_set.quorum]
        wrong = [quorum[:-1], [*quorum, len(oracle_set.members)], [*quorum, *oracle_set.excluded]]
        signers = sorted(set(self.pick([quorum], wrong)))
        forger = self.pick([None], [self.cast.stranger]) if signers else None
        for_provider, state = self.random.random() < 0.5, self.pick_state(job)
        signatures = b""
        for index in signers:
            oracle = oracle_set.members[index] if index < len(oracle_set.members) else self.cast.stranger
            signer = forger if forger and index == signers[0] else oracle
            signatures += world.sign_verdict(signer, number, hash_of(state), for_provider)
        self.act(
            "attestVerdict",
            "OracleArbiter",
            number,
            state,
            for_provider,
            sum(1 << index for index in signers),
            signatures,
            by=self.cast.stranger,
            effect=lambda m: m.attest_verdict(number, state, for_provider, signers, forger),
        )

    @verb
    def script(self) -> None:
        """The other arbiter says something else of all its jobs from now on, or fails, or says nothing."""
        self.world.tend()
        arbiter = self.chain.address["ScriptedArbiter"]
        answers = {
            (0, 0, 0): Verdict.NONE,
            (0, 0, 1): Verdict.NONE,
            (0, 1, 0): Verdict.FOR_REQUESTER,
            (0, 1, 1): Verdict.FOR_PROVIDER,
            (0, 1, 2): Verdict.NONE,
            (0, 2, 1): Verdict.NONE,
            (1, 1, 1): Verdict.NONE,
            (2, 1, 1): Verdict.NONE,
            (3, 1, 1): Verdict.NONE,
            (4, 1, 1): Verdict.NONE,
        }
        said = self.random.choice(list(answers))
        self.chain.send("ScriptedArbiter", "script", *said, sender=self.cast.stranger)
        self.world._mined(1)
        self.model.arbiters[arbiter] = answers[said]

    @precondition(lambda self: self.jobs(DISPUTED))
    @verb
    def resolve(self) -> None:
        """By a verdict; or without one, mostly late enough."""
        number, job = self.pick_job(DISPUTED)
        if job.state.status == DISPUTED and self.model.verdict_on(number) == Verdict.NONE:
            self.wait_for(job.state.verdict_by + 1)
        self.world.tend()
        state = self.pick_state(job)
        self.act(
            "resolve",
            "JobEscrow",
            number,
            state,
            by=self.cast.stranger,
            effect=lambda m: m.resolve(number, state),
        )

    # By outcome, or by time

    @precondition(lambda self: self.decided(True))
    @verb
    def settle(self) -> None:
        self.by_outcome("settle", passed=True)

    @precondition(lambda self: self.decided(False))
    @verb
    def refund_by_outcome(self) -> None:
        self.by_outcome("refundByOutcome", passed=False)

    @precondition(lambda self: self.open_jobs())
    @verb
    def refund(self) -> None:
        number, job = self.pick_job(FUNDED, ACCEPTED, SUBMITTED)
        terms = job.state.terms
        undecided = max(terms.refund_at, job.state.verdict_by)
        deadline = {FUNDED: terms.accept_by, ACCEPTED: terms.submit_by}.get(job.state.status, undecided)
        self.wait_for(deadline + 1)
        state = self.pick_state(job)
        self.act(
            "refund",
            "JobEscrow",
            number,
            state,
            by=self.cast.stranger,
            effect=lambda m: m.refund(number, state),
        )

    @precondition(lambda self: self.owed())
    @verb
    def collect(self) -> None:
        """Mostly the token has relented by then."""
        owed = self.owed()
        if self.mostly():
            self.relent(*self.random.choice(owed))
        payable = [(a, t) for a, t in owed if a not in self.model.tokens[t].blocked]
        account, token = self.pick(payable, [*owed, (self.cast.stranger, next(iter(self.model.tokens)))])
        self.act(
            "collect",
            "JobEscrow",
            account,
            token,
            by=self.cast.stranger,
            effect=lambda m: m.collect(account, token),
        )

    @precondition(lambda self: any(ledger.fees for ledger in self.model.ledgers.values()))
    @verb
    def sweep(self) -> None:
        due = [token for token, ledger in self.model.ledgers.items() if ledger.fees]
        token = self.pick(due, list(self.model.tokens))
        self.act("sweep", "JobEscrow", token, by=self.cast.stranger, effect=lambda m: m.sweep(token))

    @verb
    def allow_token(self) -> None:
        token = self.random.choice(list(self.model.tokens))
        cap = TOKEN_CAP if self.mostly() else 0
        sender = self.pick([self.cast.governor], [self.cast.stranger])
        self.act(
            "allowToken",
            "JobEscrow",
            token,
            cap,
            by=sender,
            effect=lambda m: m.allow_token(sender, token, cap),
        )

    @verb
    def set_fee(self) -> None:
        bps = self.pick([0, 1, 100, 500], [501])
        sender = self.pick([self.cast.governor], [self.cast.stranger])
        self.act("setFee", "JobEscrow", bps, by=sender, effect=lambda m: m.set_fee(sender, bps))

    # Choosing

    def decided(self, passed: bool) -> dict[int, tuple[int, int, int]]:
        """Submitted jobs with an attested outcome that says so, and where it stands."""
        found = {}
        waiting = {number for number, _ in self.jobs(SUBMITTED)}
        for place in self.rows() if waiting else ():
            row = self.row(*place)
            if row.job in waiting and (row.result == OutcomeResult.PASSED) == passed:
                found[row.job] = place
        return found

    def pairs(self) -> list[tuple[int, int]]:
        """Funded jobs and devices that fit them now."""
        ours = [device for device in self.model.devices if device != self.careful]
        pairs = ((number, device) for number, _ in self.jobs(FUNDED) for device in ours)
        return [pair for pair in pairs if self.is_fit(*pair)]

    def is_fit(self, number: int, device: int) -> bool:
        model, book = self.model, self.model.devices[device]
        terms = model.jobs[number].state.terms
        slot = model.coming_slot + 1
        return (
            model.block <= terms.accept_by
            and not book.held
            and slot != book.forced_slot
            and model.is_active(device, slot)
            and book.class_id == terms.class_id
            and book.gops >= terms.min_gops
            and terms.provider in (ZERO_ADDRESS, book.provider)
        )

    def jobs(self, *statuses: JobStatus) -> list[tuple[int, JobBook]]:
        return [(n, job) for n, job in self.model.jobs.items() if job.state.status in statuses]

    def owed(self) -> list[tuple[str, str]]:
        ledgers = self.model.ledgers.items()
        return [(account, token) for token, ledger in ledgers for account, wei in ledger.owed.items() if wei]

    def in_time(self) -> list[tuple[int, JobBook]]:
        return [(n, job) for n, job in self.jobs(ACCEPTED) if self.model.block <= job.state.terms.submit_by]

    def open_jobs(self) -> list[tuple[int, JobBook]]:
        return self.jobs(FUNDED, ACCEPTED, SUBMITTED, DISPUTED)

    def assignable(self) -> list[tuple[int, JobBook]]:
        return [
            (n, job)
            for n, job in self.jobs(FUNDED)
            if job.state.terms.provider not in (ZERO_ADDRESS, self.model.at.auction)
            and self.model.block <= job.state.terms.accept_by
        ]

    def disputable(self) -> list[tuple[int, JobBook]]:
        return [
            (n, job)
            for n, job in self.jobs(SUBMITTED)
            if not job.state.verdict_by
            and self.model.block <= job.state.submitted_at + job.state.terms.review_blocks
        ]

    def undecided(self) -> list[tuple[int, JobBook]]:
        return [(n, job) for n, job in self.jobs(DISPUTED) if n not in self.model.verdicts]

    def pick_job(self, *statuses: JobStatus) -> tuple[int, JobBook]:
        return self.pick(self.jobs(*statuses), list(self.model.jobs.items())[-6:])

    def pick_state(self, job: JobBook) -> Job:
        """Mostly the job's state; else one that would be worth a lie."""
        lies = [
            replace(job.state, terms=replace(job.state.terms, price=10**12)),
            replace(job.state, terms=replace(job.state.terms, collateral=1)),
            replace(job.state, provider=self.cast.stranger),
            replace(job.state, status=SUBMITTED, submitted_at=1),
        ]
        return self.random.choice(lies) if self.random.random() < 0.08 else job.state

    def by_outcome(self, verb: str, *, passed: bool) -> None:
        """Close a job by an outcome: its own, another's, or one that says something else."""
        model = self.model
        decided = self.decided(passed)
        others = [*self.rows()][-4:]
        number = self.pick(list(decided), [n for n, _ in self.jobs(SUBMITTED)])
        place = self.pick([decided[number]] if number in decided else [], [*decided.values(), *others])
        job = model.jobs[number]
        due = self.record(place[0]).provable_until + 1
        if passed:
            due = max(due, job.state.submitted_at + job.state.terms.review_blocks + 1)
        self.wait_for(due, 60)
        leaf, outcome = self.proof(*place)
        state = self.pick_state(job)
        effect = type(model).settle if passed else type(model).refund_by_outcome
        self.act(
            verb,
            "JobEscrow",
            number,
            state,
            leaf,
            outcome,
            by=self.cast.stranger,
            effect=lambda m: effect(m, number, state, place[0], leaf.leaf, outcome.outcome),
        )
