"""Oracles, their sets and bonds, the epochs that they attest, and the rewards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tensorbond.chain.types import Leaf, OracleFault, Outcome, Statement
from tests.leaves import Epoch

from .books import ALL, ZERO, Deployed, require, share
from .devices import Devices
from .staking import CHALLENGER_SHARE

CAP = 1_000_000_000 * 10**18
EMISSION = 1_000 * 10**18
GRAIN = 10**9
MAX_LEAVES = 64
MAX_SEAT_DELAY = 1_024
MAX_ROUND = 255
STANDING = ALL
"""In place of a round: that of the attestation which stands."""
ATTESTED, VOID, REVOKED = 1, 2, 4


@dataclass
class OracleBook:
    amount: int = 0
    left_epoch: int = 0
    exposed_until: int = 0
    seated: bool = False


@dataclass
class SetBook:
    members: list[str]
    threshold: int
    from_epoch: int
    config_digest: bytes
    excluded: set[int] = field(default_factory=set)

    @property
    def quorum(self) -> int:
        return max(self.threshold, -(-2 * len(self.members) // 3))


@dataclass
class RecordBook:
    """An epoch's attestation, standing or not, and the data behind it."""

    root: bytes
    flags: int
    provable_until: int
    total_weight: int = 0
    set_id: int = 0
    round: int = 0
    signers: tuple[int, ...] = ()
    # Of a void epoch that of the one whose root it carries over.
    data: Epoch | None = None
    # The root that stood before, and what is behind it.
    previous_root: bytes = ZERO
    previous: Epoch | None = None
    # Cumulative reward by device under the standing root; a void epoch carries it over.
    earned: dict[int, int] = field(default_factory=dict)


class Epochs(Devices):
    def __init__(self, deployed: Deployed) -> None:
        super().__init__(deployed)
        self.bond = deployed.bond
        self.oracles: dict[str, OracleBook] = defaultdict(OracleBook)
        self.total_bonded = 0
        self.sets: list[SetBook] = []
        self.epochs: dict[int, RecordBook] = {}
        # Every attestation that there ever was, by epoch and round.
        self.rounds: dict[tuple[int, int], RecordBook] = {}
        self.next_epoch = self.reached = self.revived = 0
        self.total_claimed = 0

    # Oracles

    @property
    def first_unsigned(self) -> int:
        return max(self.next_epoch, self.reached) + 1

    def join(self, oracle: str) -> None:
        book = self.oracles[oracle]
        require(book.amount == 0, "OracleBondedAlready", oracle)
        require(book.left_epoch == 0, "OracleSlashedBefore", oracle)
        self.move_tbnd(oracle, self.at.attestations, self.bond)
        book.amount = self.bond
        self.total_bonded += self.bond

    def leave(self, oracle: str) -> None:
        book = self.oracles[oracle]
        require(book.amount > 0, "OracleNotBonded", oracle)
        require(book.left_epoch == 0, "OracleLeftAlready", oracle)
        book.left_epoch = self.first_unsigned
        book.exposed_until = self.block + self.timing_of(self.next_epoch).proof_blocks
        self._exclude(oracle)

    def withdraw_bond(self, oracle: str) -> None:
        book = self.oracles[oracle]
        require(book.amount > 0, "OracleNotBonded", oracle)
        require(book.left_epoch > 0, "OracleNotLeft", oracle)
        if book.seated:
            settled, until = self.settled_through(self.block), book.exposed_until
            require(settled >= book.left_epoch, "BondStillExposed", oracle, settled, book.left_epoch)
            require(self.block > until, "BondStillProvable", oracle, self.block, until)
        self.move_tbnd(self.at.attestations, oracle, book.amount)
        self.total_bonded -= book.amount
        self.oracles[oracle] = OracleBook()

    def seat(self, sender: str, members: Sequence[str], threshold: int, from_epoch: int) -> None:
        self.require_governor(sender)
        least = self.next_epoch
        if self.sets:
            pending, settled = self.sets[-1].from_epoch, self.settled_through(self.block)
            require(pending <= settled, "SetInvalid", "pending", pending, settled)
            least = self.first_unsigned
        require(from_epoch >= least, "SetInvalid", "fromEpoch", from_epoch, least)
        latest, size = least + MAX_SEAT_DELAY, len(members)
        require(from_epoch <= latest, "SetInvalid", "fromEpoch", from_epoch, latest)
        require(size > 0, "SetInvalid", "size", size, 1)
        require(threshold <= size, "SetInvalid", "threshold", threshold, size)
        numbers = [int(member, 16) for member in members]
        for index, member in enumerate(members):
            before = numbers[index - 1] if index else 0
            require(numbers[index] > before, "SetInvalid", "order", numbers[index], before)
            require(self.oracles[member].amount > 0, "OracleNotBonded", member)
            require(self.oracles[member].left_epoch == 0, "OracleLeftAlready", member)
        for member in members:
            self.oracles[member].seated = True
        config = encode(
            ["uint256", "address", "uint256", "uint256", "address[]"],
            [self.chain_id, self.at.attestations, len(self.sets) + 1, threshold, list(members)],
        )
        self.sets.append(SetBook(list(members), threshold, from_epoch, keccak(config)))

    def set_of(self, epoch: int) -> int:
        """Sets count from 1; 0: none."""
        return max(
            (number for number, each in enumerate(self.sets, 1) if each.from_epoch <= epoch), default=0
        )

    def _exclude(self, oracle: str) -> None:
        for each in self.sets[-2:]:
            if oracle in each.members:
                each.excluded.add(each.members.index(oracle))

    # Epochs

    def is_standing(self, epoch: int) -> bool:
        return epoch < self.next_epoch

    def before(self, epoch: int) -> RecordBook:
        return self.epochs[epoch - 1] if epoch else RecordBook(ZERO, VOID, 0)

    def deadline_of(self, epoch: int) -> int:
        return max(self.last_block_of(epoch), self.revived) + self.timing_of(epoch).attest_blocks

    def is_final(self, epoch: int, block: int) -> bool:
        if not self.is_standing(epoch):
            return False
        record = self.epochs[epoch]
        return bool(record.flags & ATTESTED) and block > record.provable_until

    def settled_through(self, block: int) -> int:
        for epoch in range(self.next_epoch):
            if block <= self.epochs[epoch].provable_until:
                return epoch
        return self.next_epoch

    def final_emission(self, block: int) -> int:
        settled = range(self.settled_through(block))
        return sum(EMISSION for epoch in settled if self.epochs[epoch].flags & ATTESTED)

    def attest(
        self, statement: Statement, data: Epoch, signers: Sequence[int], forged: bool, earned: dict[int, int]
    ) -> None:
        epoch = statement.epoch
        require(epoch == self.next_epoch, "EpochOutOfOrder", epoch, self.next_epoch)
        last, deadline = self.last_block_of(epoch), self.deadline_of(epoch)
        require(self.block > last, "EpochNotOver", epoch, self.block, last)
        require(self.block <= deadline, "DeadlinePassed", epoch, self.block, deadline)
        old = self.epochs.get(epoch)
        spent = old.round if old and old.flags & (ATTESTED | REVOKED) else -1
        require(statement.round > spent, "RoundSpent", statement.round, spent + 1)
        require(statement.round < 256, "RoundTooLarge", statement.round, 255)
        before = self.before(epoch)
        root, need = statement.previous_root, before.root
        require(root == need, "PreviousRootMismatch", root, need)
        have, need = statement.last_block_hash, self.hash_of(last)
        require(have == need, "LastBlockMismatch", have, need)
        set_id = self.set_of(epoch)
        require(set_id > 0, "SetUnknown", set_id)
        oracle_set = self.sets[set_id - 1]
        have, need = statement.config_digest, oracle_set.config_digest
        require(have == need, "ConfigDigestMismatch", have, need)
        self._require_seated(oracle_set, signers)
        require(not forged, "SignatureInvalid", min(signers, default=0), ..., ...)
        open_epochs = self.next_epoch + 1 - self.settled_through(self.block)
        exposed, covered = open_epochs * EMISSION, oracle_set.quorum * self.bond
        require(exposed <= covered, "ExposureExceeded", exposed, covered)

        until = max(self.block + self.timing_of(epoch).proof_blocks, before.provable_until)
        until = max(until, old.provable_until if old else 0)
        self.epochs[epoch] = RecordBook(
            statement.root,
            ATTESTED,
            until,
            statement.total_weight,
            set_id,
            statement.round,
            tuple(signers),
            data,
            before.root,
            before.data,
            earned,
        )
        self.rounds[epoch, statement.round] = self.epochs[epoch]
        self.next_epoch += 1

    def _require_seated(self, oracle_set: SetBook, signers: Sequence[int]) -> None:
        """Enough of the set, and nobody else."""
        size = len(oracle_set.members)
        require(all(index < size for index in signers), "SignerUnknown", max(signers, default=0), size)
        excluded = oracle_set.excluded.intersection(signers)
        require(not excluded, "SignerExcluded", max(excluded, default=0))
        have, need = len(set(signers)), oracle_set.quorum
        require(have >= need, "QuorumMissing", have, need)

    def close(self, epoch: int) -> None:
        require(epoch == self.next_epoch, "EpochOutOfOrder", epoch, self.next_epoch)
        deadline = self.deadline_of(epoch)
        require(self.block > deadline, "DeadlineNotPassed", epoch, self.block, deadline)
        before, old = self.before(epoch), self.epochs.get(epoch)
        revoked = old is not None and bool(old.flags & (ATTESTED | REVOKED))
        self.epochs[epoch] = RecordBook(
            before.root,
            VOID | (REVOKED if revoked else 0),
            max(before.provable_until, old.provable_until if old else 0),
            round=old.round if revoked and old else 0,
            data=before.data,
            earned=before.earned,
        )
        self.next_epoch += 1

    def prove_equivocation(
        self, sender: str, first: Statement, second: Statement, set_id: int, index: int, forged: bool
    ) -> int:
        key = ("epoch", "round", "previous_root", "last_block_hash")
        require(all(getattr(first, k) == getattr(second, k) for k in key), "StatementsNotComparable")
        value = ("root", "total_weight", "data_digest")
        require(any(getattr(first, k) != getattr(second, k) for k in value), "StatementsEqual")
        in_force = self.set_of(first.epoch)
        require(in_force > 0, "SetUnknown", in_force)
        oracle_set = self.sets[in_force - 1]
        size = len(oracle_set.members)
        require(index < size, "SignerUnknown", index, size)
        require(set_id == in_force, "SetNotInForce", set_id, in_force)
        config = oracle_set.config_digest
        for digest in (first.config_digest, second.config_digest):
            require(digest == config, "ConfigDigestMismatch", digest, config)
        oracle = oracle_set.members[index]
        require(sender != oracle, "ChallengerIsAccused", sender)
        require(not forged, "SignerMismatch", ..., oracle)
        book = self.oracles[oracle]
        record = self.epochs.get(first.epoch)
        rests = bool(
            record
            and self.is_standing(first.epoch)
            and self.block <= record.provable_until
            and index in record.signers
        )
        require(rests or book.amount > 0, "OracleNotBonded", oracle)

        amount = self._take_bond(sender, oracle)
        if rests:
            self._revoke(first.epoch)
        return amount

    def _take_bond(self, challenger: str, oracle: str) -> int:
        """A quarter to the challenger, the rest is burned; it signs no more."""
        book = self.oracles[oracle]
        amount = book.amount
        if amount and book.left_epoch == 0:
            book.left_epoch = self.first_unsigned
            self._exclude(oracle)
        book.amount = 0
        self.total_bonded -= amount
        reward = share(amount, CHALLENGER_SHARE)
        self.tbnd[self.at.attestations] -= amount
        self.tbnd[challenger] += reward
        self.supply -= amount - reward
        return amount

    def _revoke(self, epoch: int) -> None:
        self.reached = max(self.reached, self.next_epoch)
        self.next_epoch = epoch
        self.revived = self.block

    # Lies under a root

    def attestation(self, epoch: int, round: int) -> RecordBook:
        """One that stands, or one that was revoked."""
        if round == STANDING:
            stands = self.is_standing(epoch) and bool(self.epochs[epoch].flags & ATTESTED)
            require(stands, "EpochNotAttested", epoch)
            return self.epochs[epoch]
        require((epoch, round) in self.rounds, "RoundNotAttested", epoch, round)
        return self.rounds[epoch, round]

    def is_revoked(self, epoch: int, record: RecordBook) -> bool:
        return not self.is_standing(epoch) or self.epochs[epoch] is not record

    def signers_of(self, record: RecordBook) -> list[str]:
        return [self.sets[record.set_id - 1].members[index] for index in record.signers]

    def prove_bad_reward(self, sender: str, epoch: int, leaf: Leaf, round: int = STANDING) -> int:
        record = self.attestation(epoch, round)
        assert record.data is not None
        under = record.data.leaves.get(leaf.device) == leaf
        require(under, "LeafNotUnderRoot", epoch, ..., record.root)
        previous = record.previous.leaves.get(leaf.device) if record.previous else None
        before = previous.cumulative_reward if previous else 0
        due = EMISSION * leaf.weight // record.total_weight if record.total_weight else 0
        wrong = leaf.cumulative_reward != before + due
        require(wrong, "FaultNotShown", epoch, OracleFault.BAD_REWARD)
        return self._punish_signers(sender, epoch, record)

    def prove_revoked(self, sender: str, round: int, epoch: int, leaf: Leaf) -> int:
        require(round <= MAX_ROUND, "RoundTooLarge", round, MAX_ROUND)
        return self.prove_bad_reward(sender, epoch, leaf, round)

    def _punish_signers(self, sender: str, epoch: int, record: RecordBook) -> int:
        """Who signed it loses its bond, once; and it falls, if it stands and isn't final."""
        signers = self.signers_of(record)
        require(sender not in signers, "ChallengerIsAccused", sender)
        falls = not self.is_revoked(epoch, record) and self.block <= record.provable_until
        left = any(self.oracles[oracle].amount for oracle in signers)
        require(falls or left, "SignersSlashedAlready", epoch)
        amount = sum(self._take_bond(sender, oracle) for oracle in signers)
        if falls:
            self._revoke(epoch)
        return amount

    def require_final_leaf(self, epoch: int, leaf: Leaf) -> None:
        require(self.is_final(epoch, self.block), "EpochNotFinal", epoch)
        data = self.epochs[epoch].data
        assert data is not None
        require(data.leaves.get(leaf.device) == leaf, "LeafNotUnderRoot", epoch, ..., data.root)

    def require_final_outcome(self, epoch: int, leaf: Leaf, outcome: Outcome) -> None:
        self.require_final_leaf(epoch, leaf)
        data = self.epochs[epoch].data
        assert data is not None
        require(outcome in data.outcomes.get(leaf.device, ()), "OutcomeNotUnderLeaf", ..., leaf.outcomes_root)

    # Rewards

    def claim(self, epoch: int, leaf: Leaf) -> int:
        self.require_final_leaf(epoch, leaf)
        return self._claim([leaf])

    def claim_many(self, epoch: int, leaves: Sequence[Leaf]) -> int:
        """In order of device, each once: nothing else has a path."""
        require(1 <= len(leaves) <= MAX_LEAVES, "LeavesOutOfRange", len(leaves), MAX_LEAVES)
        devices = [leaf.device for leaf in leaves]
        require(devices == sorted(set(devices)), "PathMalformed", ..., ...)
        for leaf in leaves:
            self.require_final_leaf(epoch, leaf)
        return self._claim(leaves)

    def _claim(self, leaves: Sequence[Leaf]) -> int:
        """Who has nothing to claim is no obstacle to the others."""
        first = leaves[0]
        due = {leaf.device: max(0, self._earned(leaf) - self.devices[leaf.device].claimed) for leaf in leaves}
        amount, claimed = sum(due.values()), self.devices[first.device].claimed
        require(amount > 0, "NothingToClaim", first.device, self._earned(first), claimed)
        total, most = self.total_claimed + amount, self.final_emission(self.block)
        require(total <= most, "EmissionExceeded", total, most)
        self.total_claimed = total
        self.supply += amount
        # What neighbours of one provider bring joins what vests as one.
        for provider, neighbours in groupby(leaves, key=lambda leaf: leaf.provider):
            part = 0
            for leaf in neighbours:
                self.devices[leaf.device].claimed += due[leaf.device]
                part += due[leaf.device]
            if part:
                self._distribute(provider, part)
        return amount

    def _earned(self, leaf: Leaf) -> int:
        return leaf.cumulative_reward // GRAIN * GRAIN
