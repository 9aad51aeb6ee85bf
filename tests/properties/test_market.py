"""The whole market, played at random: after every step the chain equals the model to the wei, and the
numbered invariants of docs/protocol.md hold.

Every rule is a verb. It asks mostly for what should work, and else for what must not: the model knows by
which error it is refused. `HYPOTHESIS_PROFILE=deep` plays longer, `SHRINK=1` looks for the shortest play
that fails.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import wraps
from random import Random
from typing import Any, TypeVar

import pytest
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    RuleStrategy,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tensorbond.chain.types import Job, JobStatus, Leaf, LeafProof, Outcome, OutcomeResult, Terms
from tests.chain import Chain, Sent, project_artifacts
from tests.leaves import Epoch
from tests.system import free_anvil

from .model import (
    ALL,
    ATTESTED,
    CAP,
    COMMITTED,
    FAULT_PAID,
    OPEN,
    TOKEN_CAP,
    ZERO,
    ZERO_ADDRESS,
    JobBook,
    RecordBook,
    slot_at,
)
from .world import TBND, TUSD, Key, View, World, differences, expected

pytestmark = [pytest.mark.chain, pytest.mark.slow]

T = TypeVar("T")

# Plays and steps in each. "ci" plays the same ones every time.
PROFILES = {"ci": (26, 120), "deep": (120, 300)}
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")
PLAYS, STEPS = PROFILES[PROFILE]

# Every verb that the play must know.
VERBS = [
    "stake",
    "stakeWithPermit",
    "unbond",
    "rebond",
    "withdraw",
    "delegate",
    "undelegate",
    "rebondDelegated",
    "withdrawDelegated",
    "setCommission",
    "release",
    "setOperator",
    "addClass",
    "schedule",
    "register",
    "retire",
    "seal",
    "commit",
    "proveMissed",
    "enforce",
    "discharge",
    "join",
    "leave",
    "withdrawBond",
    "seat",
    "attest",
    "close",
    "proveEquivocation",
    "claim",
    "fund",
    "accept",
    "submit",
    "approve",
    "settle",
    "refund",
    "refundByOutcome",
    "collect",
    "sweep",
    "allowToken",
    "setFee",
]
LEAST_SUCCESS = 0.2

FUNDED, ACCEPTED, SUBMITTED = JobStatus.FUNDED, JobStatus.ACCEPTED, JobStatus.SUBMITTED


LUCK = st.integers(0, 2**64 - 1)
# Verbs that need others before them come up more often.
WEIGHTS = {
    "accept": 8,
    "block": 3,
    "collect": 8,
    "commit": 2,
    "discharge": 2,
    "enforce": 3,
    "fund": 4,
    "refund_by_outcome": 6,
    "register": 2,
    "settle": 10,
    "submit": 8,
    "sweep": 2,
    "withdraw_bond": 3,
}


def verb(method: Callable[[Play], None]) -> Callable[[Play], None]:
    """A rule whose choices all follow from one number."""

    @rule(luck=LUCK)
    @wraps(method)
    def play(self: Play, luck: int) -> None:
        # A play that repeats itself is no use: equal numbers give other choices later.
        self.step += 1
        self.random = Random(f"{luck} {self.step}")
        method(self)

    return play  # type: ignore[no-any-return]


class EveryRule(RuleStrategy):
    """Any rule that can be played now. Hypothesis would switch off half of them in each play, but a market
    has nothing to say where nobody funds or nobody attests."""

    def do_draw(self, data: Any) -> Any:
        valid = [each for each in self.rules if self.is_valid(each)]
        weighed = [each for each in valid for _ in range(WEIGHTS.get(each.function.__name__, 1))]
        weighed.sort(key=lambda each: each.function.__name__ != "stake")  # the simplest step
        chosen = data.draw(st.sampled_from(weighed))
        return chosen, {name: data.draw(given) for name, given in chosen.arguments_strategies.items()}


class Play(RuleBasedStateMachine):
    """One play. The world outlives it and goes back to the beginning for the next."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._rules_strategy = EveryRule(self)
        self.world = world
        self.chain, self.cast = world.chain, world.cast

    @initialize(luck=LUCK)
    def begin(self, luck: int) -> None:
        self.step = 0
        self.random = Random(luck)
        self.world.begin(Random(luck))
        self.model = self.world.model
        self.tally = Tally(self.world)
        self.seen = -1
        # A block's hash follows from its number: begin at another one, and others are drawn.
        self.world.advance_to(self.world.head + self.random.randrange(40))

    # Stake

    @verb
    def stake(self) -> None:
        provider = self.random.choice(self.stakers)
        amount = self.pick([self.amount(100 * TBND)], [0, 20_000 * TBND])
        self.allow(provider, amount)
        self.act("stake", "ProviderStaking", amount, by=provider, effect=lambda m: m.stake(provider, amount))

    @verb
    def stake_with_permit(self) -> None:
        provider = self.random.choice(self.stakers)
        amount, valid = self.amount(50 * TBND), self.mostly()
        nonce = self.chain.call("TensorbondToken", "nonces", provider)
        v, r, s = self.world.sign_permit(provider, amount, nonce if valid else nonce + 1, 2**40)
        self.act(
            "stakeWithPermit",
            "ProviderStaking",
            amount,
            2**40,
            v,
            r,
            s,
            by=provider,
            effect=lambda m: m.stake_with_permit(provider, amount, valid),
        )

    @verb
    def unbond(self) -> None:
        provider = self.random.choice(self.stakers)
        self.world.tend()
        after = deepcopy(self.model.position(provider))
        after.release(self.model.block)
        free = after.free
        good = [1, free // 9, free // 3, free - 1, free] if free > 8 else []
        amount = self.pick(good, [0, free + 1])
        self.act(
            "unbond",
            "ProviderStaking",
            amount,
            by=provider,
            effect=lambda m: m.unbond(provider, amount),
            tended=True,
        )
        if amount <= free:
            active = self.model.position(provider).active.amount
            assert active >= self.model.position(provider).locked, "an owner's unbond cut into locked"

    @precondition(lambda self: any(self.waiting(p) for p in self.stakers))
    @verb
    def rebond(self) -> None:
        provider = self.pick([p for p in self.stakers if self.waiting(p)], self.stakers)
        amount = self.part_of(self.model.position(provider).unbonding.amount)
        self.act(
            "rebond",
            "ProviderStaking",
            amount,
            by=provider,
            effect=lambda m: m.rebond(provider, provider, amount),
        )

    @verb
    def delegate(self) -> None:
        provider, delegator = self.random.choice(self.couples)
        amount = self.pick([self.amount(100 * TBND)], [0, 9_000_000 * TBND])
        self.allow(delegator, amount)
        self.act(
            "delegate",
            "ProviderStaking",
            provider,
            amount,
            by=delegator,
            effect=lambda m: m.delegate(provider, delegator, amount),
        )

    @precondition(lambda self: any(self.model.position(p).held.get(d) for p, d in self.couples))
    @verb
    def undelegate(self) -> None:
        held = [(p, d) for p, d in self.couples if self.model.position(p).held.get(d)]
        provider, delegator = self.pick(held, self.couples)
        amount = self.part_of(self.model.position(provider).worth_of(delegator, self.model.block))
        self.act(
            "undelegate",
            "ProviderStaking",
            provider,
            amount,
            by=delegator,
            effect=lambda m: m.undelegate(provider, delegator, amount),
        )

    @precondition(lambda self: any(self.waiting(*pair) for pair in self.couples))
    @verb
    def rebond_delegated(self) -> None:
        provider, delegator = self.pick([pair for pair in self.couples if self.waiting(*pair)], self.couples)
        amount = self.part_of(sum(each.shares for each in self.waiting(provider, delegator)))
        self.act(
            "rebondDelegated",
            "ProviderStaking",
            provider,
            amount,
            by=delegator,
            effect=lambda m: m.rebond(provider, delegator, amount),
        )

    @precondition(lambda self: any(self.waiting(*pair) for pair in self.couples))
    @verb
    def withdraw_delegated(self) -> None:
        provider, delegator = self.pick([pair for pair in self.couples if self.waiting(*pair)], self.couples)
        for request in self.waiting(provider, delegator)[:1]:
            self.wait_for(request.matures_at)
        self.act(
            "withdrawDelegated",
            "ProviderStaking",
            provider,
            by=delegator,
            effect=lambda m: m.withdraw(provider, delegator),
        )

    @verb
    def set_commission(self) -> None:
        provider = self.random.choice(self.stakers)
        bps = self.pick([self.random.randrange(3_001)], [3_001])
        self.act(
            "setCommission",
            "ProviderStaking",
            bps,
            by=provider,
            effect=lambda m: m.set_commission(provider, bps),
        )

    @verb
    def release(self) -> None:
        provider = self.random.choice(self.stakers)
        self.act(
            "release",
            "ProviderStaking",
            provider,
            by=self.cast.stranger,
            effect=lambda m: m.release(provider),
        )

    @precondition(lambda self: bool(self.uncovered()))
    @verb
    def suspend_uncovered(self) -> None:
        """Seldom: a provider must lock what delegators gave and they must leave; so no least share."""
        device = self.pick(self.uncovered(), list(self.model.devices))
        self.act(
            "suspendUncovered",
            "DeviceRegistry",
            device,
            by=self.cast.stranger,
            effect=lambda m: m.suspend_uncovered(device),
        )

    @precondition(lambda self: any(self.waiting(p) for p in self.stakers))
    @verb
    def withdraw(self) -> None:
        waiting = [p for p in self.stakers if self.waiting(p)]
        provider = self.pick(waiting, self.stakers)
        for request in self.waiting(provider)[:1]:
            self.wait_for(request.matures_at)
        self.act("withdraw", "ProviderStaking", by=provider, effect=lambda m: m.withdraw(provider, provider))

    @verb
    def set_operator(self) -> None:
        provider = self.random.choice(self.cast.providers)
        operator = self.random.choice([*self.cast.hot_keys, ZERO_ADDRESS])
        valid = self.mostly()
        signature = b""
        if operator != ZERO_ADDRESS:
            signature = self.world.sign_operator(provider if valid else self.cast.stranger, operator)
        self.act(
            "setOperator",
            "ProviderStaking",
            operator,
            signature,
            by=provider,
            effect=lambda m: m.set_operator(provider, operator, valid),
        )

    # Devices

    @precondition(lambda self: len(self.model.classes) < 5)
    @verb
    def add_class(self) -> None:
        terms = replace(
            self.model.classes[0],
            fault_bps=self.random.choice([1, 3_333, 10_000]),
            miss_penalty=self.random.choice([0, 7, TBND]),
            q=self.random.choice([16, 16, 16, 0]),
        )
        sender = self.pick([self.cast.governor], [self.cast.stranger])
        self.act("addClass", "DeviceRegistry", terms, by=sender, effect=lambda m: m.add_class(sender, terms))

    @precondition(lambda self: len(self.model.timings) < 4)
    @verb
    def schedule(self) -> None:
        self.world.tend()
        last = self.model.timings[-1]
        least = max(self.model.epoch + 1, last.from_epoch) + 1
        timing = replace(
            last,
            from_epoch=self.pick([least, least + 1], [least - 1]),
            slot_blocks=self.random.choice([5, 6]),
            epoch_slots=self.random.choice([1, 2, 3]),
            attest_blocks=self.pick([12, 16, 20], [7, 60]),
            proof_blocks=self.random.choice([6, 8]),
            roll_call=self.random.choice([0, 64, 256]),
        )
        sender = self.pick([self.cast.governor], [self.cast.stranger])
        self.act("schedule", "DeviceRegistry", timing, by=sender, effect=lambda m: m.schedule(sender, timing))

    @precondition(lambda self: len(self.model.devices) < 9)
    @verb
    def register(self) -> None:
        provider = self.random.choice(self.cast.providers)
        class_id = self.pick(range(len(self.model.classes)), [len(self.model.classes)])
        gops = self.pick([1, 3, 10, 20], [0, 1_001])
        count = self.pick([1, 2], [0, 65])
        self.act(
            "register",
            "DeviceRegistry",
            class_id,
            gops,
            count,
            by=provider,
            effect=lambda m: m.register(provider, class_id, gops, count),
        )

    @precondition(lambda self: len(self.model.devices) > 4)
    @verb
    def retire(self) -> None:
        mine = [d for d, book in self.model.devices.items() if book.until_slot == OPEN and d != self.careful]
        device = self.pick(mine[3:], [self.careful, 99, *(set(self.model.devices) - set(mine))])
        owner = self.model.devices[device].provider if device in self.model.devices else self.cast.stranger
        sender = self.pick([owner], [self.cast.stranger])
        if device == self.careful:
            sender = self.cast.stranger
        self.act("retire", "DeviceRegistry", device, by=sender, effect=lambda m: m.retire(sender, device))

    @precondition(lambda self: any(self.is_over(d) for d in self.model.devices))
    @verb
    def discharge(self) -> None:
        over = [d for d in self.model.devices if self.is_over(d)]
        device = self.pick(over, [*self.model.devices, 99])
        book = self.model.devices.get(device)
        if book and book.until_slot != OPEN:
            t = self.model.timing_at(book.until_slot - 1)
            windows = t.attest_blocks + 2 * t.proof_blocks
            self.wait_for(self.model.slot_start(book.until_slot) + windows + 8, 60)
        self.act(
            "discharge", "WorkDisputes", device, by=self.cast.stranger, effect=lambda m: m.discharge(device)
        )

    # Challenges and disputes about work

    @verb
    def seal(self) -> None:
        # The careful provider seals by committing; what is left to others is the slot that just began.
        slot = self.model.slot + self.random.choice([0, 1, 1, 1, 2])
        self.world.advance_to(min(self.model.slot_start(slot), self.world.head + 8))
        self.act(
            "seal",
            "Challenges",
            slot,
            by=self.cast.stranger,
            effect=lambda m: m.seal(slot),
            tended=True,
        )

    @verb
    def commit(self) -> None:
        while True:
            first, _ = self.model.window_of(self.model.slot + 1)
            self.world.advance_to(first - 1)
            self.world.tend()
            if self.model.block <= self.model.window_of(self.model.slot)[1]:
                break
        slot = self.pick([self.model.slot], [self.model.slot - 1, self.model.slot + 1])
        ours = [d for d in self.model.devices if d != self.careful]
        device = self.pick(ours, [self.careful, 99])
        owner = self.model.devices[device].provider if device in self.model.devices else self.cast.stranger
        operator = self.model.operator_of(owner)
        sender = self.pick([operator], [self.cast.stranger])
        if device == self.careful:
            sender = self.cast.stranger
        commitment = self.pick([keccak(b"%d %d" % (device, slot))], [ZERO])
        self.act(
            "commit",
            "Challenges",
            device,
            slot,
            commitment,
            by=sender,
            effect=lambda m: m.commit(sender, device, slot, commitment),
        )

    @verb
    def prove_missed(self) -> None:
        self.world.tend()
        recent = [slot for slot in sorted(self.model.beacons)[-20:] if self.is_past(slot)]
        places = [(device, slot) for device in self.model.devices for slot in recent]
        missed = [
            place
            for place in places
            if place not in self.model.records
            and self.model.is_active(*place)
            and self.model.is_drawn(*place)
        ]
        device, slot = self.pick(missed, [*places, (1, self.model.slot), (1, self.model.slot + 3)])
        sender = self.pick([self.cast.stranger, self.cast.governor], self.cast.providers)
        self.act(
            "proveMissed",
            "WorkDisputes",
            device,
            slot,
            by=sender,
            effect=lambda m: m.prove_missed(sender, device, slot),
        )

    @precondition(lambda self: self.enforceable())
    @verb
    def enforce(self) -> None:
        epoch, device, index = self.pick(self.enforceable()[-8:], list(self.rows())[-8:])
        self.wait_for(self.model.epochs[epoch].provable_until + 1)
        leaf, outcome = self.proof(epoch, device, index)
        sender = self.pick([self.cast.stranger], self.cast.providers)
        self.act(
            "enforce",
            "WorkDisputes",
            leaf,
            outcome,
            by=sender,
            effect=lambda m: m.enforce(sender, epoch, leaf.leaf, outcome.outcome),
        )

    # Oracles and epochs

    @verb
    def join(self) -> None:
        new = [o for o in self.cast.oracles if self.model.oracles[o].amount == 0]
        self.world.tend()
        oracle = self.pick(new, self.cast.oracles)
        self.attempted("join", self.world.join(oracle, counts=False))

    @verb
    def leave(self) -> None:
        """Those who leave never break a quorum: an honest network goes on."""
        self.world.tend()
        sets = self.model.sets[-2:]
        needed = {
            oracle
            for each in sets
            if len(each.members) - len(each.excluded) <= each.quorum
            for oracle in each.members
        }
        free = [oracle for oracle in self.cast.oracles if self.stays(oracle) and oracle not in needed]
        others = [oracle for oracle in self.cast.oracles if not self.stays(oracle)]
        if not free and not others:
            return
        oracle = self.pick(free, others)
        self.act("leave", "Attestations", by=oracle, effect=lambda m: m.leave(oracle))

    @precondition(lambda self: any(self.left(o) for o in self.cast.oracles))
    @verb
    def withdraw_bond(self) -> None:
        left = [o for o in self.cast.oracles if self.left(o)]
        oracle = self.pick(left, self.cast.oracles)
        book = self.model.oracles[oracle]
        if book.amount and book.left_epoch:
            epoch = min(book.left_epoch - 1, self.model.next_epoch + 2)
            until = self.model.last_block_of(epoch) + self.model.timing_of(epoch).attest_blocks + 8
            self.wait_for(max(until, book.exposed_until + 1), 60)
        self.act("withdrawBond", "Attestations", by=oracle, effect=lambda m: m.withdraw_bond(oracle))

    @precondition(lambda self: self.may_seat() or self.model.slot % 8 == 0)
    @verb
    def seat(self) -> None:
        self.world.tend()
        able = [oracle for oracle in self.cast.oracles if self.stays(oracle)]
        few = self.random.sample(able, min(len(able), 2))
        members = self.pick([able[:6]], [few, few[::-1], [*able[:2], self.cast.stranger]])
        threshold = self.pick([1, max(1, len(members) - 1)], [len(members) + 1])
        least = self.model.first_unsigned if self.model.sets else self.model.next_epoch
        from_epoch = self.pick([least, least + 1], [least - 1])
        sender = self.pick([self.cast.governor], [self.cast.stranger])
        self.act(
            "seat",
            "Attestations",
            members,
            threshold,
            from_epoch,
            by=sender,
            effect=lambda m: m.seat(sender, members, threshold, from_epoch),
        )

    @verb
    def attest(self) -> None:
        """By a quorum in time; or too few, too early, by the wrong ones, about the wrong past."""
        world, model = self.world, self.model
        fault = self.pick(["none"], ["few", "forged", "epoch", "root", "hash", "config", "round", "signer"])
        over = model.last_block_of(model.next_epoch)
        if self.mostly() and world.head < over <= world.head + 16:
            world.advance_to(over)
        epoch = model.next_epoch
        quorum = world.quorum_of(epoch)
        changes: dict[str, Any] = {
            "epoch": {"epoch": epoch + 1},
            "root": {"previous_root": keccak(b"another past")},
            "hash": {"last_block_hash": keccak(b"another block")},
            "config": {"config_digest": keccak(b"another set")},
            "round": {"round": 256},
        }.get(fault, {})
        if fault == "few":
            changes["signers"] = quorum[:-1]
        elif fault == "signer":
            changes["signers"] = [*quorum, 40]
        elif fault == "forged":
            changes["forger"] = self.cast.stranger
        self.attempted("attest", world.attest(counts=False, **changes))

    @precondition(lambda self: self.model.block > self.model.last_block_of(self.model.next_epoch))
    @verb
    def close(self) -> None:
        """The oracles sleep, mostly for long enough."""
        model = self.model
        if self.mostly():
            deadline = model.deadline_of(model.next_epoch)
            self.world.advance_to(min(deadline, self.world.head + 40), oracles=False)
        self.world.tend(oracles=False)
        epoch = self.pick([model.next_epoch], [model.next_epoch + 1])
        self.attempted("close", self.world.close(epoch, counts=False))

    @verb
    def prove_equivocation(self) -> None:
        """A liar signs twice; or somebody says so of an oracle that has not."""
        self.world.tend()
        model, world = self.model, self.world
        revocable = [
            e
            for e in world.statements
            if model.is_standing(e) and model.block <= self.record(e).provable_until
        ]
        epoch = self.pick(revocable, [model.next_epoch, *world.statements])
        set_id = model.set_of(epoch)
        if not set_id:
            return
        members = model.sets[set_id - 1].members
        first = (
            world.statements.get(epoch) or world.statement_of(Epoch.of(epoch, []), epoch)
            if self.has_ended(epoch)
            else None
        )
        if first is None:
            return
        second = replace(
            first,
            **self.pick(
                [
                    {"root": keccak(b"another")},
                    {"total_weight": first.total_weight + 1},
                    {"data_digest": ZERO},
                ],
                [{}, {"round": first.round + 1}, {"root": ZERO, "config_digest": ZERO}],
            ),
        )
        liars = [i for i, o in enumerate(members) if o in self.cast.liars and model.oracles[o].amount]
        index = self.pick(liars, [*range(len(members)), 40])
        oracle = members[index] if index < len(members) else members[0]
        forged = oracle not in self.cast.liars
        signer = self.cast.stranger if forged else oracle
        named = self.pick([set_id], [set_id + 1])
        sender = self.pick([self.cast.stranger], [oracle])
        self.act(
            "proveEquivocation",
            "AttestationDisputes",
            first,
            world.sign_statement(first, oracle),
            second,
            world.sign_statement(second, signer),
            named,
            index,
            by=sender,
            effect=lambda m: m.prove_equivocation(sender, first, second, named, index, forged),
        )

    @precondition(lambda self: any(True for _ in self.leaves()))
    @verb
    def claim(self) -> None:
        leaves = list(self.leaves())
        due = [
            (epoch, leaf)
            for epoch, leaf in leaves
            if leaf.cumulative_reward > self.model.devices[leaf.device].claimed
        ]
        epoch, leaf = self.pick(due[-6:], leaves)
        self.wait_for(self.record(epoch).provable_until + 1)
        proof = self.data(epoch).leaf_proof(leaf.device)
        if not self.mostly():
            leaf = replace(leaf, cumulative_reward=leaf.cumulative_reward + 1)
            proof = replace(proof, leaf=leaf)
        self.act("claim", "Rewards", proof, by=self.cast.stranger, effect=lambda m: m.claim(epoch, leaf))

    # Jobs

    @precondition(lambda self: len(self.open_jobs()) < 7)
    @verb
    def fund(self) -> None:
        self.world.tend()
        model = self.model
        token = self.random.choice(list(model.tokens))
        unblocked = [each for each in self.cast.requesters if each not in model.tokens[token].blocked]
        requester = self.pick(unblocked, self.cast.requesters)
        accept_by = model.block + self.random.randint(0, 60)
        submit_by = accept_by + self.random.randint(8, 40)
        review = self.random.choice([0, 0, 10, 60])
        decision = max(model.decision_blocks(), review)
        terms = Terms(
            requester=requester,
            token=token,
            price=self.random.randint(1, 40 * TUSD),
            provider=self.pick([ZERO_ADDRESS], self.cast.providers),
            class_id=self.pick([0], range(len(model.classes))),
            min_gops=self.random.randint(0, 12),
            collateral=self.random.choice([0, 7, self.amount(60 * TBND), self.amount(60 * TBND)]),
            accept_by=accept_by,
            submit_by=submit_by,
            review_blocks=review,
            refund_at=submit_by + decision + self.random.randint(0, 12),
            spec=keccak(b"work"),
        )
        wrong = self.pick(
            [{}],
            [
                {"price": 0},
                {"price": 10_000 * TUSD},
                {"token": self.chain.address["TensorbondToken"]},
                {"accept_by": model.block - 1},
                {"submit_by": accept_by - 1},
                {"refund_at": submit_by + decision - 1},
            ],
        )
        terms = replace(terms, **wrong)
        if wrong.get("token"):
            model.tokens.setdefault(terms.token, replace(model.tokens[next(iter(model.tokens))], cap=0))
        sender = self.pick([requester], [self.cast.stranger])
        self.act("fund", "JobEscrow", terms, by=sender, effect=lambda m: m.fund(sender, terms))
        if wrong.get("token"):
            del model.tokens[terms.token]

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
        deadline = {FUNDED: terms.accept_by, ACCEPTED: terms.submit_by}.get(job.state.status, terms.refund_at)
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

    @verb
    def block(self) -> None:
        """The second token blocks an account, or no more."""
        self.world.tend()
        account = self.random.choice([*self.cast.requesters, *self.cast.providers])
        token = self.chain.address["BlacklistToken"]
        blocked = account not in self.model.tokens[token].blocked
        self.chain.send("BlacklistToken", "setBlocked", account, blocked, sender=self.cast.stranger)
        self.world._mined(1)
        book = self.model.tokens[token].blocked
        book.add(account) if blocked else book.discard(account)

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

    @precondition(lambda self: any(book.fees for book in self.model.tokens.values()))
    @verb
    def sweep(self) -> None:
        due = [token for token, book in self.model.tokens.items() if book.fees]
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

    # Chance

    @verb
    def wait(self) -> None:
        self.world.advance_to(self.world.head + self.random.randint(1, 24))

    @verb
    def send_by_mistake(self) -> None:
        """Money that nobody accounts for."""
        self.world.tend()
        model, requester, wei = self.model, self.cast.requesters[0], self.random.randint(1, 1_000)
        if self.random.random() < 0.5:
            to = self.random.choice([model.at.staking, model.at.attestations, model.at.escrow])
            self.chain.send("TensorbondToken", "transfer", to, wei, sender=self.cast.treasury)
            model.move_tbnd(self.cast.treasury, to, wei)
        else:
            token = self.chain.address["TestDollar"]
            self.chain.send(token, "transfer", model.at.escrow, wei, sender=requester)
            model.tokens[token].move(requester, model.at.escrow, wei)
        self.world._mined(1)

    # What must hold after every step

    @invariant()
    def chain_is_what_the_model_says(self) -> None:
        if not hasattr(self, "tally") or self.seen == self.world.head:
            return
        self.seen = self.world.head
        need = expected(self.world)
        have = self.world.look(list(need))
        assert not (differing := differences(have, need)), "\n".join(differing)
        self.tally.check(have)

    # Choosing

    @property
    def careful(self) -> int:
        return self.cast.careful_device

    @property
    def stakers(self) -> list[str]:
        return [*self.cast.providers, self.cast.careful]

    def mostly(self) -> bool:
        return self.random.random() < 0.85

    def pick(self, good: Sequence[T], rest: Sequence[T]) -> T:
        """Mostly what should work, if there is any."""
        return self.random.choice(list(good if good and (not rest or self.mostly()) else rest))

    def amount(self, most: int) -> int:
        """Odd wei or whole coins."""
        return self.random.choice([self.random.randint(1, most), TBND * self.random.randint(1, most // TBND)])

    def wait_for(self, block: int, most: int = 40) -> None:
        """Mostly until the next transaction is in `block`, if that isn't far."""
        if self.mostly() and self.model.block < block <= self.model.block + most:
            self.world.advance_to(block - 1)

    def allow(self, provider: str, amount: int) -> None:
        if self.model.allowance[provider] >= amount:
            return
        self.world.tend()
        spender = self.model.at.staking
        self.chain.send("TensorbondToken", "approve", spender, 2**256 - 1, sender=provider)
        self.world._mined(1)
        self.model.allowance[provider] = 2**256 - 1

    def act(
        self,
        verb: str,
        contract: str,
        *args: Any,
        by: str,
        effect: Callable[[Any], object],
        tended: bool = False,
    ) -> None:
        if not tended:
            self.world.tend()
        self.world.act(verb, contract, verb, *args, sender=by, effect=effect)

    def attempted(self, verb: str, sent: Sent | None) -> None:
        self.world.attempts[verb] += 1
        self.world.successes[verb] += sent is not None

    def waiting(self, provider: str, holder: str | None = None) -> list[Any]:
        return self.model.position(provider).queues[holder or provider].waiting

    def part_of(self, amount: int) -> int:
        return self.pick([ALL, max(1, amount // 3), max(1, amount - 1)], [0, 2 * amount + 1])

    @property
    def couples(self) -> list[tuple[str, str]]:
        """(provider, delegator)"""
        return [(p, d) for p in self.stakers for d in self.cast.delegators if p != d]

    def uncovered(self) -> list[int]:
        model = self.model
        return [d for d, book in model.devices.items() if model.position(book.provider).short_since]

    def is_over(self, device: int) -> bool:
        book = self.model.devices[device]
        return book.until_slot != OPEN and book.bond > 0 and self.model.slot >= book.until_slot

    def is_past(self, slot: int) -> bool:
        return self.model.block > self.model.window_of(slot)[1]

    def has_ended(self, epoch: int) -> bool:
        return self.world.head >= self.model.last_block_of(epoch)

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
        t = model.timing
        slot = slot_at(t, model.block + 2 * t.slot_blocks - 1)
        return (
            model.block <= terms.accept_by
            and not book.held
            and slot != book.forced_slot
            and model.is_active(device, slot)
            and book.class_id == terms.class_id
            and book.gops >= terms.min_gops
            and terms.provider in (ZERO_ADDRESS, book.provider)
        )

    def may_seat(self) -> bool:
        model = self.model
        return not model.sets or model.sets[-1].from_epoch <= model.settled_through(model.block)

    def stays(self, oracle: str) -> bool:
        book = self.model.oracles[oracle]
        return book.amount > 0 and book.left_epoch == 0

    def left(self, oracle: str) -> bool:
        book = self.model.oracles[oracle]
        return book.amount > 0 and book.left_epoch > 0

    def record(self, epoch: int) -> RecordBook:
        return self.model.epochs[epoch]

    def data(self, epoch: int) -> Epoch:
        data = self.record(epoch).data
        assert data is not None
        return data

    def standing(self) -> Iterator[int]:
        for epoch in range(self.model.next_epoch):
            if self.record(epoch).flags & ATTESTED:
                yield epoch

    def leaves(self) -> Iterator[tuple[int, Leaf]]:
        for epoch in self.standing():
            for leaf in self.data(epoch).leaves.values():
                yield epoch, leaf

    def rows(self) -> Iterator[tuple[int, int, int]]:
        """Every outcome under a standing attestation: (epoch, device, index)."""
        for epoch in self.standing():
            for device, rows in self.data(epoch).outcomes.items():
                for index in range(len(rows)):
                    yield epoch, device, index

    def row(self, epoch: int, device: int, index: int) -> Outcome:
        return self.data(epoch).outcomes[device][index]

    def proof(self, epoch: int, device: int, index: int) -> tuple[LeafProof, Any]:
        data = self.data(epoch)
        return data.leaf_proof(device), data.outcome_proof(device, index)

    def enforceable(self) -> list[tuple[int, int, int]]:
        """Bad items whose provider committed and has not paid."""
        found = []
        for place in self.rows():
            row = self.row(*place)
            _, flags = self.model.records.get((place[1], row.slot), (ZERO, 0))
            if row.result == OutcomeResult.BAD_ITEM and flags & (COMMITTED | FAULT_PAID) == COMMITTED:
                found.append(place)
        return found

    def jobs(self, *statuses: JobStatus) -> list[tuple[int, JobBook]]:
        return [(n, job) for n, job in self.model.jobs.items() if job.state.status in statuses]

    def owed(self) -> list[tuple[str, str]]:
        tokens = self.model.tokens.items()
        return [(account, token) for token, book in tokens for account, wei in book.owed.items() if wei]

    def relent(self, account: str, token: str) -> None:
        if account in self.model.tokens[token].blocked:
            self.world.tend()
            self.chain.send("BlacklistToken", "setBlocked", account, False, sender=self.cast.stranger)
            self.world._mined(1)
            self.model.tokens[token].blocked.discard(account)

    def in_time(self) -> list[tuple[int, JobBook]]:
        return [(n, job) for n, job in self.jobs(ACCEPTED) if self.model.block <= job.state.terms.submit_by]

    def open_jobs(self) -> list[tuple[int, JobBook]]:
        return self.jobs(FUNDED, ACCEPTED, SUBMITTED)

    def pick_job(self, *statuses: JobStatus) -> tuple[int, JobBook]:
        return self.pick(self.jobs(*statuses), list(self.model.jobs.items()))

    def pick_state(self, job: JobBook) -> Job:
        """Mostly the job's state; else one that would be worth a lie."""
        lies = [
            replace(job.state, terms=replace(job.state.terms, price=10**12)),
            replace(job.state, terms=replace(job.state.terms, collateral=1)),
            replace(job.state, provider=self.cast.stranger),
            replace(job.state, status=SUBMITTED, submitted_at=1),
        ]
        return self.pick([job.state], lies)

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


class Tally:
    """What events and views say, put beside the numbered invariants of docs/protocol.md."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.stakers = (*world.cast.providers, world.cast.careful)
        # With what was released.
        self.deposited: Counter[str] = Counter()
        self.earned: Counter[str] = Counter()
        self.withdrawn: Counter[str] = Counter()
        self.slashed: Counter[str] = Counter()
        self.left: dict[int, list[int]] = defaultdict(list)
        self.before: dict[Key, View] = {}
        for provider in self.stakers:
            self.deposited[provider] = world.model.position(provider).deposited
        self.next_epoch = world.model.next_epoch

    def check(self, now: dict[Key, View]) -> None:
        sents, self.world.since = self.world.since, []
        for sent in sents:
            self.read(sent)
        self.stake_is_backed(now)
        self.payments_are_backed(now)
        self.exits_are_paid_for(now, sents)
        self.locks_are_covered(now)
        self.rewards_are_bounded(now)
        self.honest_parties_keep_theirs(now)
        self.before = now

    def read(self, sent: Sent) -> None:
        for event in sent.events:
            args = event.args
            match event.name:
                case "StakeDeposited" | "StakeDelegated" | "RewardReleased":
                    self.deposited[args["provider"]] += args["amount"]
                case "StakeWithdrawn" | "DelegationWithdrawn":
                    self.withdrawn[args["provider"]] += args["amount"]
                case "RewardDistributed":
                    self.earned[args["provider"]] += args["amount"]
                case "StakeSlashed":
                    taken = args["fromVesting"] + args["fromActive"] + args["fromUnbonding"]
                    self.slashed[args["provider"]] += taken - args["fromVesting"]
                    self.earned[args["provider"]] -= args["fromVesting"]
                    # 9
                    assert taken == args["toChallenger"] + args["toVictim"] + args["burned"]
                    assert max(args["toChallenger"], args["toVictim"]) <= taken // 4
                    assert args["provider"] != self.world.cast.careful, "an honest provider was slashed"
                case "OracleSlashed":
                    assert args["amount"] == args["toChallenger"] + args["burned"]
                    assert args["toChallenger"] <= args["amount"] // 4
                    assert args["oracle"] in self.world.cast.liars, "an honest oracle was slashed"
                case "JobSettled":
                    self.left[args["job"]].append(args["paid"] + args["fee"])
                case "JobRefunded":
                    self.left[args["job"]].append(args["refunded"])
                    assert args["compensated"] == args["slashed"] // 4
                case "EpochAttested":
                    self.attested_by_a_quorum(args)
                    self.follows(args["epoch"])
                case "EpochVoided":
                    self.follows(args["epoch"])
                case "EpochRevoked":
                    assert args["epoch"] < self.next_epoch
                    self.next_epoch = args["epoch"]
        # 7
        for number, amounts in self.left.items():
            assert amounts == [self.world.model.jobs[number].state.terms.price]

    def follows(self, epoch: int) -> None:
        assert epoch == self.next_epoch
        self.next_epoch += 1

    def attested_by_a_quorum(self, args: dict[str, Any]) -> None:
        """11. Bonds are looked up as they were before; the set's members are distinct by construction."""
        oracle_set = self.world.model.sets[args["setId"] - 1]
        signers = [o for i, o in enumerate(oracle_set.members) if args["signers"] >> i & 1]
        assert args["signers"] >> len(oracle_set.members) == 0
        assert (
            len(set(signers))
            == len(signers)
            >= max(oracle_set.threshold, -(-2 * len(oracle_set.members) // 3))
        )
        for oracle in signers:
            key = ("Attestations", "bondOf", (oracle,))
            if key in self.before:
                assert self.before[key]["amount"] > 0 or self.world.model.oracles[oracle].amount > 0

    def stake_is_backed(self, now: dict[Key, View]) -> None:
        """1"""
        stakes = [now["ProviderStaking", "stakeOf", (p,)] for p in self.stakers]
        total = value(now, "ProviderStaking", "totalStaked")
        assert total == sum(stake["active"] + stake["unbonding"] for stake in stakes)
        waiting = sum(stake["vesting"] + stake["vested"] for stake in stakes)
        assert value(now, "TensorbondToken", "balanceOf", self.world.model.at.staking) >= total + waiting
        bonded = value(now, "Attestations", "totalBonded")
        bonds = [now["Attestations", "bondOf", (o,)]["amount"] for o in self.world.cast.oracles]
        assert bonded == sum(bonds)
        assert value(now, "TensorbondToken", "balanceOf", self.world.model.at.attestations) >= bonded

    def payments_are_backed(self, now: dict[Key, View]) -> None:
        """2"""
        model = self.world.model
        for token in model.tokens:
            ledger = now["JobEscrow", "ledgerOf", (token,)]
            open_prices = sum(
                job.state.terms.price
                for job in model.jobs.values()
                if job.state.terms.token == token and job.state.status in (FUNDED, ACCEPTED, SUBMITTED)
            )
            owed = sum(
                view["value"]
                for (contract, function, args), view in now.items()
                if (contract, function) == ("JobEscrow", "owedOf") and args[1] == token
            )
            assert ledger["tracked"] == open_prices + owed + ledger["fees"]
            assert value(now, token, "balanceOf", model.at.escrow) >= ledger["tracked"]

    def exits_are_paid_for(self, now: dict[Key, View], sents: list[Sent]) -> None:
        """3 and 4"""
        excused = {
            event.args["provider"]
            for sent in sents
            for event in sent.events
            if event.name in ("StakeSlashed", "StakeWithdrawn", "StakeRebonded")
        }
        for provider in self.stakers:
            stake = now["ProviderStaking", "stakeOf", (provider,)]
            left = stake["active"] + stake["unbonding"]
            paid_in = self.deposited[provider] - self.slashed[provider]
            assert left + self.withdrawn[provider] == paid_in
            released = self.deposited[provider] - self.world.model.position(provider).deposited
            assert stake["vesting"] + stake["vested"] == self.earned[provider] - released
            key = ("ProviderStaking", "withdrawableOf", (provider,))
            if key in self.before and provider not in excused:
                assert now[key]["value"] >= self.before[key]["value"]

    def locks_are_covered(self, now: dict[Key, View]) -> None:
        """5"""
        model = self.world.model
        for provider in self.stakers:
            stake = now["ProviderStaking", "stakeOf", (provider,)]
            assert stake["locked"] <= stake["active"] or stake["shortSince"]
            bonds = sum(
                value(now, "DeviceRegistry", "bondOf", device)
                for device, book in model.devices.items()
                if book.provider == provider
            )
            collateral = sum(
                job.state.terms.collateral
                for job in model.jobs.values()
                if job.state.provider == provider and job.state.status in (ACCEPTED, SUBMITTED)
            )
            assert stake["locked"] == bonds + collateral

    def rewards_are_bounded(self, now: dict[Key, View]) -> None:
        """6"""
        claimed = value(now, "Rewards", "totalClaimed")
        devices = self.world.model.devices
        assert claimed == sum(value(now, "Rewards", "claimedOf", device) for device in devices)
        assert claimed <= value(now, "Attestations", "finalEmission")
        assert value(now, "TensorbondToken", "totalSupply") <= CAP
        for key, view in self.before.items():
            if key[:2] == ("Rewards", "claimedOf"):
                assert now[key]["value"] >= view["value"]

    def honest_parties_keep_theirs(self, now: dict[Key, View]) -> None:
        """10"""
        cast = self.world.cast
        assert self.slashed[cast.careful] == 0
        faults = now["Challenges", "faultsOf", (cast.careful_device,)]
        assert (faults["count"], faults["misses"]) == (0, 0)


def value(views: dict[Key, View], contract: str, function: str, *args: Any) -> int:
    return views[contract, function, args]["value"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A chain in this process, with times short enough to see many epochs."""
    with free_anvil("--timestamp", "1700000000") as anvil:
        chain = Chain(anvil.url, project_artifacts())
        yield World(chain, tmp_path_factory.mktemp("deployments") / "market.json")
        chain.rpc.close()


def test_market__any_course_of_acts__invariants_hold_and_model_is_met(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    run_state_machine_as_test(
        lambda: Play(world),
        settings=settings(
            max_examples=PLAYS,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=PROFILE == "ci",
            database=None,
            print_blob=True,
            phases=[Phase.generate, Phase.shrink] if os.environ.get("SHRINK") else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    with capsys.disabled():
        report(world)
    for verb in VERBS:
        attempts, successes = world.attempts[verb], world.successes[verb]
        assert successes >= LEAST_SUCCESS * attempts > 0, f"{verb}: {successes} of {attempts}"


def report(world: World) -> None:
    print(f"\n{world.transactions} transactions in {world.blocks} blocks")
    for verb in VERBS:
        attempts, successes = world.attempts[verb], world.successes[verb]
        share = f"{successes / attempts:4.0%}" if attempts else "  – "
        reasons = ", ".join(f"{count} {error}" for error, count in world.refusals[verb].most_common())
        print(f"{verb:18}{successes:5} of {attempts:5} {share}  {reasons}")
    print(", ".join(f"{count} {event}" for event, count in sorted(world.events.items())))
