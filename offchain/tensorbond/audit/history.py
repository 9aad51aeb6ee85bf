"""What the logs say of all that an attestation depends on: timing, devices, commitments, oracles, epochs.

The rules that the contracts enforce are written out here once more; an event that breaks one is a finding.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tensorbond.audit.books import share, where
from tensorbond.audit.findings import Report
from tensorbond.chain.abi import Event
from tensorbond.chain.penalties import FAULT_EPOCHS, MISS_EPOCHS, MISS_LIMIT, Failed, share_bps
from tensorbond.chain.types import CloseReason, DeviceClass, Timing

OPEN_SLOT = 2**32 - 1
NEVER = 2**64
EMISSION_INITIAL = 1_000 * 10**18
EMISSION_HALVING = 250_000
ATTESTED, VOID, REVOKED = 1, 2, 4
"""Flags of an epoch's word."""
MAX_SCHEDULE_DELAY = 1_024
"""Epochs that a timing entry may lie ahead of the first one it may begin with."""
LIVE_SETS = 2
"""Who leaves or is slashed drops out of so many of the newest sets."""

Place = tuple[int, int]
"""(device, slot)"""


def emission(epoch: int) -> int:
    """Wei minted at most for an epoch, by the schedule in the contract's code."""
    return EMISSION_INITIAL >> (epoch // EMISSION_HALVING)


@dataclass
class Faults:
    """What was proven against a device so far."""

    slots: list[int] = field(default_factory=list)
    """Of each fault that cost a share of the bond."""
    last_epoch: int = 0
    misses: int = 0
    miss_epoch: int = 0
    takes: str = "share"
    """Of the bond, by the fault that was recorded last: its "share", "all" that is left, or "nothing"."""
    failed: int = 0
    staked: int = 0
    """Wei of other bond that had failed before it, and of all stake."""


@dataclass
class Unit:
    """A device as the logs tell of it."""

    provider: str
    class_id: int
    bonded_gops: int
    from_epoch: int
    bond: int
    """What it registered with."""
    left: int
    """What slashes left of that."""
    holds: list[tuple[int, int]] = field(default_factory=list)
    """Of each job that held it: the block that accepted and, later, the one that closed the job."""
    faults: Faults = field(default_factory=Faults)
    ends: list[tuple[int, int]] = field(default_factory=list)
    """(block in which it was said, the first slot without draws)"""

    @property
    def held(self) -> bool:
        return bool(self.holds) and self.holds[-1][1] == NEVER

    def is_held(self, block: int) -> bool:
        """Whether a job that was accepted in this block or before is closed only after it."""
        return any(accepted <= block < closed for accepted, closed in self.holds)

    def until(self, block: int) -> int:
        """The slot from which the device is drawn no more, as known after `block`."""
        return min((slot for said, slot in self.ends if said <= block), default=OPEN_SLOT)


@dataclass(frozen=True)
class Record:
    """A commitment, by its event."""

    key: str
    commitment: bytes
    timestamp: int
    block: int


@dataclass(frozen=True)
class Draw:
    """A benchmark that accepting `job` in `block` forced."""

    job: int
    block: int


@dataclass(frozen=True)
class Closing:
    """How a job ended, and the draw that it may rest on."""

    reason: CloseReason
    block: int
    device: int
    slot: int


@dataclass
class Bond:
    """An oracle's standing; the amount is in the books."""

    bonded: bool = False
    left_epoch: int = 0
    exposed_until: int = 0
    seated: bool = False


@dataclass
class OracleSet:
    members: tuple[str, ...]
    threshold: int
    from_epoch: int
    config: bytes
    excluded: int = 0

    @property
    def quorum(self) -> int:
        return max(self.threshold, -(-2 * len(self.members) // 3))


@dataclass(frozen=True)
class Word:
    """What the chain keeps of an epoch: the standing root, and the fields of its attestation."""

    root: bytes = bytes(32)
    total_weight: int = 0
    provable_until: int = 0
    set_id: int = 0
    round: int = 0
    signers: int = 0
    flags: int = 0

    @property
    def spent(self) -> Word:
        """What is left of it once the epoch is open again."""
        if self.flags & (ATTESTED | REVOKED):
            return Word(round=self.round, flags=REVOKED)
        return Word()


@dataclass
class History:
    """Addresses and the chain's id are those of the deployment."""

    chain_id: int
    attestations: str
    timings: list[Timing] = field(default_factory=list)
    classes: dict[int, DeviceClass] = field(default_factory=dict)
    units: dict[int, Unit] = field(default_factory=dict)
    operators: dict[str, str] = field(default_factory=dict)
    beacons: dict[int, bytes] = field(default_factory=dict)
    """Sealed ones."""
    sealed_at: dict[int, int] = field(default_factory=dict)
    records: dict[Place, Record] = field(default_factory=dict)
    missed: dict[Place, int] = field(default_factory=dict)
    """Where a sentinel stands for a proven miss: the block of the proof."""
    faulted: set[Place] = field(default_factory=set)
    """Paid for a proven fault."""
    marks: dict[Place, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Index + 1 of each item that was proven bad there: two at most."""
    failed: Failed = field(default_factory=Failed)
    enforced: list[Event] = field(default_factory=list)
    forced: dict[Place, list[Draw]] = field(default_factory=lambda: defaultdict(list))
    closings: dict[int, Closing] = field(default_factory=dict)
    claims: dict[int, list[Event]] = field(default_factory=lambda: defaultdict(list))
    """By the epoch whose leaf they showed."""
    sets: dict[int, OracleSet] = field(default_factory=dict)
    bonds: dict[str, Bond] = field(default_factory=lambda: defaultdict(Bond))
    bond: int = 0
    """Wei that every oracle bonds."""
    words: dict[int, Word] = field(default_factory=dict)
    attested: dict[int, Event] = field(default_factory=dict)
    """Standing attestations by epoch."""
    next_epoch: int = 0
    reached: int = 0
    revived_block: int = 0
    _draws: dict[int, Place] = field(default_factory=dict)

    @classmethod
    def read(cls, chain_id: int, attestations: str, events: Iterable[Event], report: Report) -> History:
        history = cls(chain_id, attestations)
        for event in events:
            enter = _ENTRIES.get((event.contract, event.name))
            if enter is None:
                continue
            try:
                enter(history, event, report)
            except (ArithmeticError, LookupError, ValueError) as error:
                subject = f"{event.contract}.{event.name} fits what was told before"
                report.expect("history", subject, repr(error), "an entry", where(event))
        return history

    # Time

    def timing_of(self, epoch: int) -> Timing:
        """The entry in force at an epoch."""
        return [timing for timing in self.timings if timing.from_epoch <= epoch][-1]

    def timing_in(self, block: int) -> Timing:
        """The entry in force at a block; before the first one, that."""
        return ([timing for timing in self.timings if timing.from_block <= block] or self.timings[:1])[-1]

    def timing_at(self, slot: int) -> Timing:
        return [timing for timing in self.timings if timing.from_slot <= slot][-1]

    def slot_in(self, block: int) -> int:
        """The slot that a block lies in by the timing in force there."""
        return _slot(self.timing_in(block), block)

    def epoch_of(self, slot: int) -> int:
        timing = self.timing_at(slot)
        return timing.from_epoch + (slot - timing.from_slot) // timing.epoch_slots

    def start_of(self, slot: int) -> int:
        """The slot's first block."""
        timing = self.timing_at(slot)
        return timing.from_block + (slot - timing.from_slot) * timing.slot_blocks

    def slots_of(self, epoch: int) -> range:
        timing = self.timing_of(epoch)
        first = timing.from_slot + (epoch - timing.from_epoch) * timing.epoch_slots
        return range(first, first + timing.epoch_slots)

    def last_block(self, epoch: int) -> int:
        timing = self.timing_of(epoch)
        return (
            timing.from_block + (epoch + 1 - timing.from_epoch) * timing.epoch_slots * timing.slot_blocks - 1
        )

    def epoch_after(self, block: int) -> int:
        """The epoch after that of a block; before the first block of all, epoch 0."""
        timing = self.timing_in(block)
        if block < timing.from_block:
            return timing.from_epoch
        return timing.from_epoch + (_slot(timing, block) - timing.from_slot) // timing.epoch_slots + 1

    def forced_slot(self, block: int) -> int:
        """The slot that a job forces which is accepted in the block: the first that starts a slot later."""
        timing = self.timing_in(block)
        return max(_slot(timing, block + 2 * timing.slot_blocks - 1), timing.from_slot + 1)

    # Epochs

    @property
    def standing_root(self) -> bytes:
        return self.words[self.next_epoch - 1].root if self.next_epoch else bytes(32)

    @property
    def deadline(self) -> int:
        """The last block in which the next epoch can be attested."""
        last = max(self.last_block(self.next_epoch), self.revived_block)
        return last + self.timing_of(self.next_epoch).attest_blocks

    def settled_through(self, block: int) -> int:
        """All epochs below are final or void in `block`."""
        return bisect_left(range(self.next_epoch), block, key=lambda epoch: self.words[epoch].provable_until)

    def provable_through(self, epoch: int) -> int:
        """The end of the last proof window that was opened before the epoch's next one: also on what was
        revoked of it, whose signers answer for it as long."""
        before = self.words[epoch - 1].provable_until if epoch else 0
        return max(before, self.words.get(epoch, Word()).provable_until)

    def final_emission(self, block: int) -> int:
        settled = range(self.settled_through(block))
        return sum(emission(epoch) for epoch in settled if self.words[epoch].flags & ATTESTED)

    def set_in_force(self, epoch: int) -> int:
        """0: none. Before the first set's epoch there is none but that."""
        begun = [number for number, oracles in self.sets.items() if oracles.from_epoch <= epoch]
        return max(begun, default=0)

    def leave(self, oracle: str) -> None:
        """The oracle signs no more."""
        self.bonds[oracle].left_epoch = max(self.next_epoch, self.reached) + 1
        for number in sorted(self.sets)[-LIVE_SETS:]:
            oracles = self.sets[number]
            if oracle in oracles.members:
                oracles.excluded |= 1 << oracles.members.index(oracle)

    def is_active(self, device: int, slot: int, at: int) -> bool:
        """Whether the device may be drawn in the slot, as known after block `at`."""
        unit = self.units[device]
        return unit.from_epoch <= self.epoch_of(slot) and slot < unit.until(at)


def _slot(timing: Timing, block: int) -> int:
    return timing.from_slot + (block - timing.from_block) // timing.slot_blocks


def _timing_scheduled(history: History, event: Event, report: Report) -> None:
    timing: Timing = event.args["timing"]
    report.expect("schedule", "entries are in order", event.args["entry"], len(history.timings), where(event))
    if history.timings:
        last = history.timings[-1]
        slot = last.from_slot + (timing.from_epoch - last.from_epoch) * last.epoch_slots
        block = last.from_block + (slot - last.from_slot) * last.slot_blocks
        have = (timing.from_slot, timing.from_block)
        report.expect(
            "schedule", "an entry begins where the last one's epoch ends", have, (slot, block), where(event)
        )
        forced = history.forced_slot(event.block)
        ahead = max(history.epoch_after(event.block), last.from_epoch, history.epoch_of(forced)) + 1
        most, subject = ahead + MAX_SCHEDULE_DELAY, "an entry comes into force"
        report.expect_at_least("schedule", subject, timing.from_epoch, ahead, where(event))
        report.expect_at_least("schedule", f"{subject} soon", most, timing.from_epoch, where(event))
    history.timings.append(timing)


def _class_added(history: History, event: Event, report: Report) -> None:
    report.expect(
        "registry", "class ids are dense", event.args["classId"], len(history.classes), where(event)
    )
    history.classes[event.args["classId"]] = event.args["terms"]


def _registered(history: History, event: Event, report: Report) -> None:
    a = event.args
    subject, terms = f"device {a['device']}", history.classes[a["classId"]]
    bond = a["bondedGops"] * terms.bond_per_gops
    report.expect("registry", f"{subject}: bond", a["bond"], bond, where(event))
    report.expect(
        "registry", f"{subject}: first epoch", a["fromEpoch"], history.epoch_after(event.block), where(event)
    )
    unit = Unit(a["provider"], a["classId"], a["bondedGops"], a["fromEpoch"], bond, bond)
    history.units[a["device"]] = unit


def _retired(history: History, event: Event, report: Report) -> None:
    until = history.slots_of(history.epoch_after(event.block) + 1).start
    _end(history, event, until, report)


def _suspended(history: History, event: Event, report: Report) -> None:
    _end(history, event, history.slot_in(event.block) + 1, report)


def _end(history: History, event: Event, until: int, report: Report) -> None:
    device = event.args["device"]
    report.expect("registry", f"end of device {device}", event.args["untilSlot"], until, where(event))
    history.units[device].ends.append((event.block, event.args["untilSlot"]))


def _held(history: History, event: Event, report: Report) -> None:
    unit = history.units[event.args["device"]]
    begins = event.name == "DeviceHeld"
    report.expect("registry", f"device {event.args['device']} is held", unit.held, not begins, where(event))
    if begins:
        unit.holds.append((event.block, NEVER))
    elif unit.held:
        unit.holds[-1] = unit.holds[-1][0], event.block


def _operator_set(history: History, event: Event, report: Report) -> None:
    history.operators[event.args["provider"]] = event.args["operator"]


def _sealed(history: History, event: Event, report: Report) -> None:
    slot = event.args["slot"]
    report.expect("beacon", f"slot {slot} was sealed before", slot in history.beacons, False, where(event))
    history.beacons[slot] = event.args["beacon"]
    history.sealed_at[slot] = event.block


def _committed(history: History, event: Event, report: Report) -> None:
    a = event.args
    place = (a["device"], a["slot"])
    subject = f"device {place[0]} slot {place[1]}"
    taken = place in history.records or place in history.missed
    report.expect("commit", f"{subject}: committed before", taken, False, where(event))
    first, last = history.start_of(place[1]) + 1, history.start_of(place[1] + 1) - 2
    report.expect_at_least("commit", f"{subject}: block", event.block, first, where(event))
    report.expect_at_most("commit", f"{subject}: block", event.block, last, where(event))
    begun = history.units[place[0]].from_epoch <= history.epoch_of(place[1])
    report.expect("commit", f"{subject}: begun", begun, True, where(event))
    provider = history.units[place[0]].provider
    operator = history.operators.get(provider, provider)
    need = operator if int(operator, 16) else provider
    report.expect("commit", f"{subject}: key", a["key"], need, where(event))
    history.records[place] = Record(a["key"], a["commitment"], a["timestamp"], event.block)


def _debited(history: History, event: Event, report: Report) -> None:
    history.units[event.args["device"]].left -= event.args["amount"]


def _discharged(history: History, event: Event, report: Report) -> None:
    unit = history.units[event.args["device"]]
    until = unit.until(event.block)
    epoch = history.epoch_of(until - 1)
    timing = history.timing_of(epoch)
    subject = f"exit of device {event.args['device']}"
    settled = history.settled_through(event.block)
    report.expect_at_least("invariant 12", f"{subject}: settled epochs", settled, epoch + 1, where(event))
    provable = history.last_block(epoch) + timing.attest_blocks + 2 * timing.proof_blocks
    provable = max(provable, history.words[epoch].provable_until + timing.proof_blocks)
    for earlier, later in pairwise(history.timings):
        if later.from_block <= timing.from_block:
            end = later.from_block - 1
            provable = max(provable, end + earlier.attest_blocks + 2 * earlier.proof_blocks)
    report.expect_at_least("invariant 12", subject, event.block, provable + 1, where(event))
    unit.left = 0


def _miss_recorded(history: History, event: Event, report: Report) -> None:
    device, slot = event.args["device"], event.args["slot"]
    subject = f"device {device} slot {slot}"
    taken = (device, slot) in history.records or (device, slot) in history.missed
    report.expect("invariant 10", f"{subject}: a record where a miss is proven", taken, False, where(event))
    history.missed[device, slot] = event.block
    faults, epoch = history.units[device].faults, history.epoch_of(slot)
    if not faults.misses or epoch >= faults.miss_epoch + MISS_EPOCHS:
        faults.miss_epoch, faults.misses = epoch, 0
    counts = epoch >= faults.miss_epoch
    faults.misses += counts
    need = faults.misses if counts else 0
    report.expect("missed", f"{subject}: misses", event.args["misses"], need, where(event))


def _fault_recorded(history: History, event: Event, report: Report) -> None:
    device, slot = event.args["device"], event.args["slot"]
    subject = f"device {device} slot {slot}"
    mark, marks = event.args["mark"], history.marks[device, slot]
    paid = (device, slot) in history.faulted
    again = paid and (mark == 0 or mark in marks or len(marks) == 2)
    report.expect("invariant 4", f"{subject} paid before", again, False, where(event))
    unit, epoch = history.units[device], history.epoch_of(slot)
    faults = unit.faults
    if paid:
        faults.takes = "all" if marks else "nothing"
    else:
        repeated = bool(faults.slots) and abs(epoch - faults.last_epoch) <= FAULT_EPOCHS
        faults.takes = "all" if repeated else "share"
        faults.slots.append(slot)
        faults.last_epoch = max(epoch, faults.last_epoch)
    if faults.takes == "share":
        faults.failed = faults.staked = 0
        if unit.left:
            history.failed, faults.failed = history.failed.add(epoch, unit.left)
    if mark:
        marks.append(mark)
    history.faulted.add((device, slot))
    report.expect("fault", f"{subject}: faults", event.args["count"], len(faults.slots), where(event))


def _correlated(history: History, event: Event, report: Report) -> None:
    """What all stake was is checked against the books."""
    faults = history.units[event.args["device"]].faults
    subject = f"bond that failed before that of device {event.args['device']}"
    report.expect("fault", subject, event.args["failed"], faults.failed, where(event))
    faults.staked = event.args["staked"]


def _fault_paid(history: History, event: Event, report: Report) -> None:
    """What a proven fault costs; the device's bond has already been cut by it."""
    unit = history.units[event.args["device"]]
    terms, amount = history.classes[unit.class_id], event.args["amount"]
    before = unit.left + amount
    if event.name == "MissProven" and event.args["misses"] != MISS_LIMIT:
        need = min(terms.miss_penalty, before)
    else:
        bps = share_bps(terms.fault_bps, unit.faults.failed, unit.faults.staked)
        need = {"nothing": 0, "all": before, "share": min(before, share(unit.bond, bps))}[unit.faults.takes]
    subject = f"cost of {event.name} for device {event.args['device']} slot {event.args['slot']}"
    report.expect("invariant 4", subject, amount, need, where(event))
    if event.name == "BadItemEnforced":
        history.enforced.append(event)


def _accepted(history: History, event: Event, report: Report) -> None:
    job, device, slot = event.args["job"], event.args["device"], event.args["forcedSlot"]
    need = history.forced_slot(event.block)
    report.expect("escrow", f"forced slot of job {job}", slot, need, where(event))
    others = [draw.job for draw in history.forced[device, slot]]
    report.expect(
        "registry", f"other jobs that force device {device} in slot {slot}", others, [], where(event)
    )
    report.expect(
        "escrow",
        f"provider of job {job}",
        event.args["provider"],
        history.units[device].provider,
        where(event),
    )
    history.forced[device, slot].append(Draw(job, event.block))
    history._draws[job] = (device, slot)


def _job_closed(history: History, event: Event, report: Report) -> None:
    job, reason = event.args["job"], CloseReason(event.args["reason"])
    device, slot = history._draws.get(job, (0, 0))
    history.closings[job] = Closing(reason, event.block, device, slot)


def _claimed(history: History, event: Event, report: Report) -> None:
    epoch = event.args["epoch"]
    final = epoch < history.settled_through(event.block) and bool(history.words[epoch].flags & ATTESTED)
    report.expect("invariant 6", f"epoch {epoch} is final for a claim", final, True, where(event))
    history.claims[epoch].append(event)


def _joined(history: History, event: Event, report: Report) -> None:
    history.bonds[event.args["oracle"]].bonded = True
    history.bond = event.args["amount"]


def _left(history: History, event: Event, report: Report) -> None:
    oracle = event.args["oracle"]
    history.leave(oracle)
    bond = history.bonds[oracle]
    bond.exposed_until = event.block + history.timing_of(history.next_epoch).proof_blocks
    report.expect(
        "oracles", f"last epoch of {oracle}", event.args["leftEpoch"], bond.left_epoch, where(event)
    )
    need = bond.exposed_until
    report.expect("oracles", f"exposure of {oracle}", event.args["exposedUntil"], need, where(event))


def _bond_withdrawn(history: History, event: Event, report: Report) -> None:
    oracle = event.args["oracle"]
    bond = history.bonds[oracle]
    report.expect("oracles", f"{oracle} left", bond.left_epoch != 0, True, where(event))
    if bond.seated:
        settled = history.settled_through(event.block)
        report.expect_at_least(
            "invariant 12",
            f"epochs that {oracle} may have signed are settled",
            settled,
            bond.left_epoch,
            where(event),
        )
        report.expect_at_least(
            "invariant 12", f"exit of {oracle}", event.block, bond.exposed_until + 1, where(event)
        )
    history.bonds[oracle] = Bond()


def _oracle_slashed(history: History, event: Event, report: Report) -> None:
    oracle = event.args["oracle"]
    if not history.bonds[oracle].left_epoch:
        history.leave(oracle)
    history.bonds[oracle].bonded = False


def _seated(history: History, event: Event, report: Report) -> None:
    a, place = event.args, where(event)
    number, members = a["setId"], tuple(a["members"])
    report.expect("oracles", "set ids are dense", number, len(history.sets) + 1, place)
    content = [history.chain_id, history.attestations, number, a["threshold"], members]
    config = keccak(encode(["uint256", "address", "uint256", "uint256", "address[]"], content))
    report.expect("oracles", f"configuration of set {number}", a["configDigest"], config, place)
    distinct = len(set(members))
    report.expect("invariant 11", f"distinct members of set {number}", len(members), distinct, place)
    least = max(history.next_epoch, history.reached) + 1 if history.sets else history.next_epoch
    report.expect_at_least("invariant 11", f"first epoch of set {number}", a["fromEpoch"], least, place)
    for member in members:
        bond = history.bonds[member]
        report.expect("invariant 11", f"{member} is bonded", bond.bonded and not bond.left_epoch, True, place)
        bond.seated = True
    history.sets[number] = OracleSet(members, a["threshold"], a["fromEpoch"], a["configDigest"])


def _attested(history: History, event: Event, report: Report) -> None:
    a, place = event.args, where(event)
    epoch, number = a["epoch"], a["setId"]
    subject = f"epoch {epoch}"
    report.expect("invariant 11", "the attested epoch is the next", epoch, history.next_epoch, place)
    in_force = history.set_in_force(epoch)
    report.expect("invariant 11", f"{subject}: oracle set", number, in_force, place)
    oracles = history.sets[number]
    signers = [index for index in range(64) if a["signers"] >> index & 1]
    active = [
        index
        for index, member in enumerate(oracles.members)
        if not oracles.excluded >> index & 1
        and history.bonds[member].bonded
        and not history.bonds[member].left_epoch
    ]
    idle = sorted(set(signers) - set(active))
    report.expect("invariant 11", f"{subject}: signers that are not active members", idle, [], place)
    report.expect_at_least("invariant 11", f"{subject}: signers", len(signers), oracles.quorum, place)
    begin = history.last_block(epoch) + 1
    report.expect_at_least("invariant 11", f"{subject}: block of attestation", event.block, begin, place)
    report.expect_at_most(
        "invariant 11", f"{subject}: block of attestation", event.block, history.deadline, place
    )
    old = history.words.get(epoch, Word()).spent
    if old.flags:
        report.expect_at_least("invariant 11", f"{subject}: round", a["round"], old.round + 1, place)
    settled = history.settled_through(event.block)
    exposed = (epoch + 1 - settled) * emission(settled)
    most = oracles.quorum * history.bond
    report.expect_at_most("invariant 11", f"{subject}: emission that the bonds cover", exposed, most, place)
    window = event.block + history.timing_of(epoch).proof_blocks
    until = max(window, history.provable_through(epoch))
    history.words[epoch] = Word(
        a["root"], a["totalWeight"], until, number, a["round"], a["signers"], ATTESTED
    )
    history.attested[epoch] = event
    history.next_epoch = epoch + 1


def _voided(history: History, event: Event, report: Report) -> None:
    epoch = event.args["epoch"]
    report.expect("invariant 11", "the void epoch is the next", epoch, history.next_epoch, where(event))
    report.expect_at_least(
        "invariant 11", f"epoch {epoch}: block of closing", event.block, history.deadline + 1, where(event)
    )
    spent = history.words.get(epoch, Word()).spent
    history.words[epoch] = replace(
        spent,
        root=history.standing_root,
        provable_until=history.provable_through(epoch),
        flags=spent.flags | VOID,
    )
    history.next_epoch = epoch + 1


def _revoked(history: History, event: Event, report: Report) -> None:
    epoch = event.args["epoch"]
    word = history.words[epoch]
    report.expect("invariant 11", f"epoch {epoch} is attested", epoch in history.attested, True, where(event))
    report.expect_at_most(
        "invariant 11", f"epoch {epoch}: block of revocation", event.block, word.provable_until, where(event)
    )
    history.reached = max(history.reached, history.next_epoch)
    history.next_epoch, history.revived_block = epoch, event.block
    for later in [each for each in history.attested if each >= epoch]:
        del history.attested[later]


_ENTRIES: dict[tuple[str, str], Callable[[History, Event, Report], None]] = {
    ("DeviceRegistry", "TimingScheduled"): _timing_scheduled,
    ("DeviceRegistry", "ClassAdded"): _class_added,
    ("DeviceRegistry", "DeviceRegistered"): _registered,
    ("DeviceRegistry", "DeviceRetired"): _retired,
    ("DeviceRegistry", "DeviceSuspended"): _suspended,
    ("DeviceRegistry", "DeviceHeld"): _held,
    ("DeviceRegistry", "DeviceReleased"): _held,
    ("ProviderStaking", "OperatorSet"): _operator_set,
    ("Challenges", "SlotSealed"): _sealed,
    ("Challenges", "Committed"): _committed,
    ("Challenges", "FaultRecorded"): _fault_recorded,
    ("Challenges", "MissRecorded"): _miss_recorded,
    ("DeviceRegistry", "BondDebited"): _debited,
    ("DeviceRegistry", "DeviceDischarged"): _discharged,
    ("WorkDisputes", "FaultsCorrelated"): _correlated,
    ("WorkDisputes", "MissProven"): _fault_paid,
    ("WorkDisputes", "BadItemProven"): _fault_paid,
    ("WorkDisputes", "BadItemEnforced"): _fault_paid,
    ("WorkDisputes", "FaultProven"): _fault_paid,
    ("JobEscrow", "JobAccepted"): _accepted,
    ("JobEscrow", "JobSettled"): _job_closed,
    ("JobEscrow", "JobRefunded"): _job_closed,
    ("Rewards", "RewardClaimed"): _claimed,
    ("Attestations", "OracleJoined"): _joined,
    ("Attestations", "OracleLeft"): _left,
    ("Attestations", "BondWithdrawn"): _bond_withdrawn,
    ("Attestations", "OracleSlashed"): _oracle_slashed,
    ("Attestations", "SetSeated"): _seated,
    ("Attestations", "EpochAttested"): _attested,
    ("Attestations", "EpochVoided"): _voided,
    ("Attestations", "EpochRevoked"): _revoked,
}
