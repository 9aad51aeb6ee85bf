"""Verbs of oracles, epochs and rewards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from eth_utils.crypto import keccak
from hypothesis.stateful import precondition

from tensorbond.chain.types import Leaf, LeafProof, Outcome
from tests.leaves import Epoch, make_leaf

from ..model.books import ZERO, ZERO_ADDRESS
from ..model.epochs import ATTESTED, RecordBook
from .table import Table, verb


class EpochVerbs(Table):
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

    # A lie takes all who signed it, and there are few oracles.

    @precondition(lambda self: self.provable(revoked=False) and self.oracles_left() > 6)
    @verb
    def prove_bad_reward(self) -> None:
        """Mostly a lie; else a reward that is right, one that nobody signed, or a lie that was paid for."""
        self.world.tend()
        right = [(epoch, self.record(epoch).round, leaf.device) for epoch, leaf in self.leaves()]
        right += self.provable(revoked=False, paid=True)
        epoch, round, device = self.pick(self.provable(revoked=False), right)
        sender, leaf, args = self.shown(epoch, round, device)
        self.act(
            "proveBadReward",
            "AttestationDisputes",
            *args,
            by=sender,
            effect=lambda m: m.prove_bad_reward(sender, epoch, leaf),
        )

    @precondition(lambda self: self.provable(revoked=True) and self.oracles_left() > 4)
    @verb
    def prove_revoked(self) -> None:
        """Who signed what was revoked answers for it as before."""
        self.world.tend()
        right = [*((epoch, round, 1) for epoch, round in self.model.rounds), *self.world.lies]
        epoch, round, device = self.pick(self.provable(revoked=True), right)
        sender, leaf, args = self.shown(epoch, round, device)
        named = self.pick([round], [round + 1, 256])
        proof = self.chain._abi("AttestationDisputes").encode_call("proveBadReward", args)
        self.act(
            "proveRevoked",
            "AttestationDisputes",
            named,
            proof,
            by=sender,
            effect=lambda m: m.prove_revoked(sender, named, epoch, leaf),
        )

    def shown(self, epoch: int, round: int, device: int) -> tuple[str, Leaf, list[Any]]:
        """By whom, which leaf, and the proof's arguments."""
        record = self.model.rounds[epoch, round]
        assert record.data is not None
        before = record.previous or Epoch.of(epoch, [])
        previous = before.leaves.get(device, make_leaf(0, ZERO_ADDRESS))
        proof = record.data.leaf_proof(device)
        if not self.mostly():
            proof = replace(proof, leaf=replace(proof.leaf, cumulative_reward=1))
        sender = self.pick([self.cast.stranger], self.model.signers_of(record))
        return sender, proof.leaf, [proof, previous, before.path_of(device)]

    @precondition(lambda self: any(True for _ in self.leaves()))
    @verb
    def claim(self) -> None:
        epoch, leaf = self.pick(self.due()[-6:], list(self.leaves()))
        self.wait_for(self.record(epoch).provable_until + 1)
        proof = self.data(epoch).leaf_proof(leaf.device)
        if not self.mostly():
            leaf = replace(leaf, cumulative_reward=leaf.cumulative_reward + 1)
            proof = replace(proof, leaf=leaf)
        self.act("claim", "Rewards", proof, by=self.cast.stranger, effect=lambda m: m.claim(epoch, leaf))

    @precondition(lambda self: any(True for _ in self.leaves()))
    @verb
    def claim_many(self) -> None:
        """Of one epoch, some due and some not; or none, too many, one twice, out of order, a wrong one."""
        epoch, leaf = self.pick(self.due()[-6:], list(self.leaves()))
        data, random = self.data(epoch), self.random
        self.wait_for(self.record(epoch).provable_until + 1)
        others = random.sample(sorted(data.leaves), random.randint(0, len(data.leaves)))
        leaves, path = data.leaves_proof(sorted({leaf.device, *others}))
        last = leaves[-1]
        wrong = [
            [],
            [*leaves, *[last] * 64],
            [*leaves, last],
            leaves[::-1],
            [*leaves[:-1], replace(last, cumulative_reward=last.cumulative_reward + 1)],
        ]
        leaves = self.pick([leaves], wrong)
        self.act(
            "claimMany",
            "Rewards",
            epoch,
            leaves,
            path,
            by=self.cast.stranger,
            effect=lambda m: m.claim_many(epoch, leaves),
        )

    # Choosing

    def has_ended(self, epoch: int) -> bool:
        return self.world.head >= self.model.last_block_of(epoch)

    def may_seat(self) -> bool:
        model = self.model
        return not model.sets or model.sets[-1].from_epoch <= model.settled_through(model.block)

    def stays(self, oracle: str) -> bool:
        book = self.model.oracles[oracle]
        return book.amount > 0 and book.left_epoch == 0

    def left(self, oracle: str) -> bool:
        book = self.model.oracles[oracle]
        return book.amount > 0 and book.left_epoch > 0

    def provable(self, *, revoked: bool, paid: bool = False) -> list[tuple[int, int, int]]:
        """Lies whose signers have something to lose, or have lost all."""
        model, found = self.model, []
        for epoch, round, device in self.world.lies:
            record = model.rounds[epoch, round]
            signers = model.signers_of(record)
            left = any(model.oracles[oracle].amount for oracle in signers)
            if model.is_revoked(epoch, record) == revoked and left != paid:
                found.append((epoch, round, device))
        return found

    def oracles_left(self) -> int:
        """Those that have a bond or may join."""
        return sum(self.stays(o) or not self.model.oracles[o].left_epoch for o in self.cast.oracles)

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

    def due(self) -> list[tuple[int, Leaf]]:
        devices = self.model.devices
        return [
            (epoch, leaf)
            for epoch, leaf in self.leaves()
            if leaf.cumulative_reward > devices[leaf.device].claimed
        ]

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
