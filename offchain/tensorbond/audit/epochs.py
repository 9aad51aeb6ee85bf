"""Every attestation judged anew: draws, proofs, outcomes, weights, rewards, root and signatures.

Facts come from logs and block headers, proofs from the evidence store. The formulas are written out here once
more on purpose: an error in the oracle's code isn't copied. Each is applied to what the attestation says of
the steps before, so that one lie is one finding and not one for each number that follows from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from fractions import Fraction

from tensorbond.audit.books import where
from tensorbond.audit.findings import AuditImpossible, Report
from tensorbond.audit.history import History, Record, Unit, emission
from tensorbond.audit.pinned import Pinned
from tensorbond.audit.proofs import NOTHING, Case, Verdict, judge
from tensorbond.audit.published import (
    LEAF_FIELDS,
    LeafDataUnreadable,
    LeafRow,
    Leaves,
    Row,
    digest_of,
    outcomes_root_of,
    read_published,
    root_of,
)
from tensorbond.chain import digests
from tensorbond.chain.abi import Event
from tensorbond.chain.errors import SignatureInvalid
from tensorbond.chain.network import BlockRef
from tensorbond.chain.types import CloseReason, DeviceClass, OutcomeKind, OutcomeResult, Statement
from tensorbond.proof import (
    Challenge,
    MemoryChallenge,
    MemoryShape,
    ProofError,
    Shape,
    is_drawn,
    is_memory_slot,
    is_roll_call,
)
from tensorbond.store import FileOversized, NameMissing, Store

GRAIN = 10**9
"""Wei in which rewards are claimed."""
IDLE_EPOCHS = 8
"""For how many epochs a kind with nothing due keeps its last ratio."""
IDLE_MOST = 65535

MEASURED = {OutcomeResult.PASSED, OutcomeResult.SLOW}
"""What good evidence gives: which of the two, only the clock says."""

_FORMULAS = {
    "provider": "badDevice",
    "class_id": "badDevice",
    "weight": "badWeight",
    "cumulative_reward": "badReward",
}
"""The fraud proof that a false field of a leaf calls for (design: §4); badOutcomes for all others."""

_CLOSED_BY = {
    CloseReason.OUTCOME_PASSED: OutcomeResult.PASSED,
    CloseReason.OUTCOME_MISSED: OutcomeResult.MISSED,
    CloseReason.OUTCOME_BAD: OutcomeResult.BAD_ITEM,
    CloseReason.OUTCOME_WITHHELD: OutcomeResult.WITHHELD,
    CloseReason.OUTCOME_SLOW: OutcomeResult.SLOW,
}


def check_epochs(pinned: Pinned, store: Store, history: History, report: Report) -> None:
    """Judge every standing attestation in order. Raises `AuditImpossible`, `StoreError`."""
    headers = pinned.headers(_blocks(history))
    check_facts(history, headers, report)
    check_signatures(pinned, history, report)
    examiner = Examiner(pinned, store, history, headers, report)
    for epoch in sorted(history.attested):
        examiner.examine(epoch)
        report.epochs_checked += 1
    examiner.finish()


def _blocks(history: History) -> Iterable[int]:
    """Every block whose hash or time is asked for."""
    for slot in history.beacons:
        yield history.start_of(slot)
    for _, slot in history.missed:
        yield history.start_of(slot)
    for (_, slot), record in history.records.items():
        yield record.block
        yield history.start_of(slot)
    for epoch in history.attested:
        slots = history.slots_of(epoch)
        yield history.last_block(epoch)
        yield from map(history.start_of, range(slots.start, slots.stop + 1))


def check_facts(history: History, headers: Mapping[int, BlockRef], report: Report) -> None:
    """What the contracts noted of blocks and draws, against the blocks themselves."""
    for slot, beacon in sorted(history.beacons.items()):
        report.expect("beacon", f"slot {slot}", beacon, headers[history.start_of(slot)].hash)
    for (device, slot), record in sorted(history.records.items()):
        time = headers[record.block].timestamp
        report.expect("badThroughput", f"device {device} slot {slot}: commit time", record.timestamp, time)
    for (device, slot), block in sorted(history.missed.items()):
        unit, beacon = history.units[device], headers[history.start_of(slot)].hash
        kind = draw_of(history, unit, device, slot, beacon)
        drawn = kind is not None and history.is_active(device, slot, block)
        report.expect(
            "invariant 10", f"device {device} was drawn in slot {slot}, which it missed", drawn, True
        )


def check_signatures(pinned: Pinned, history: History, report: Report) -> None:
    """Each attestation's statement and signatures, from the calldata that brought them."""
    events = history.attested
    told = pinned.calldata("Attestations", "attest", [event.transaction for event in events.values()])
    domain = pinned.network.domain("Attestations")
    previous_root = bytes(32)
    for epoch, event in sorted(events.items()):
        subject, oracles = f"epoch {epoch}", history.sets[event.args["setId"]]
        need = Statement(
            epoch=epoch,
            round=event.args["round"],
            previous_root=previous_root,
            last_block_hash=pinned.headers([history.last_block(epoch)])[history.last_block(epoch)].hash,
            root=event.args["root"],
            total_weight=event.args["totalWeight"],
            data_digest=event.args["dataDigest"],
            config_digest=oracles.config,
        )
        previous_root = event.args["root"]
        if event.transaction not in told:
            report.notes.append(
                f"{subject}: came by way of another contract, so its signatures weren't read again"
            )
            continue
        statement, _, signatures = told[event.transaction]
        report.expect("attestation", f"{subject}: signed statement", statement, need)
        signable = digests.attestation(domain, statement)
        signers = [index for index in range(len(oracles.members)) if event.args["signers"] >> index & 1]
        for place, index in enumerate(signers):
            try:
                have = signable.signer(signatures[65 * place : 65 * place + 65])
            except SignatureInvalid as error:
                have = str(error)
            report.expect("invariant 11", f"{subject}: signature {index}", have, oracles.members[index])


def has_memory(history: History, unit: Unit, slot: int, beacon: bytes) -> bool:
    """Whether the device's class has an M-phase and the slot's beacon asks for it."""
    return history.classes[unit.class_id].layers > 0 and is_memory_slot(beacon)


def draw_of(history: History, unit: Unit, device: int, slot: int, beacon: bytes) -> OutcomeKind | None:
    """Why the slot's beacon draws the device, or None where it doesn't; no M-phase is due of a held one."""
    memory = has_memory(history, unit, slot, beacon)
    if memory and unit.is_held(history.start_of(slot)):
        return None
    if is_roll_call(beacon, history.timing_at(slot).roll_call):
        return OutcomeKind.ROLL_CALL
    if not is_drawn(beacon, device, history.classes[unit.class_id].draw_threshold):
        return None
    return OutcomeKind.DRAWN_M if memory else OutcomeKind.DRAWN_C


@dataclass
class Examiner:
    """Goes through the epochs in order, and remembers what the next ones rest on."""

    pinned: Pinned
    store: Store
    history: History
    headers: Mapping[int, BlockRef]
    report: Report
    previous: Leaves = field(default_factory=dict)
    """The leaves under the last standing root."""
    forced: dict[int, tuple[int, OutcomeResult]] = field(default_factory=dict)
    """job → (epoch, how its draw ended)"""
    bad_items: set[tuple[int, int, int]] = field(default_factory=set)
    """(epoch, device, slot)"""
    judged: int = 0

    def examine(self, epoch: int) -> None:
        event = self.history.attested[epoch]
        told = self._published(epoch, event)
        due = self._due(epoch, event)
        rows = self._judge(epoch, due, told or {})
        if told is None:
            leaves = self._recompute(epoch, rows)
            root, weight = root_of(leaves)
            self.report.expect("attestation", f"epoch {epoch}: root", event.args["root"], root)
        else:
            leaves = told
            self._compare_rows(epoch, told, rows)
            self._compare_leaves(epoch, told, rows)
            root, weight = root_of(told)
        self.report.expect("badSum", f"epoch {epoch}: total weight", event.args["totalWeight"], weight)
        self._check_claims(epoch, leaves)
        self._remember(epoch, leaves)

    def finish(self) -> None:
        """What was done because of an outcome, against the outcomes."""
        for job, closing in sorted(self.history.closings.items()):
            if closing.reason in _CLOSED_BY:
                epoch, result = self.forced.get(job, (-1, None))
                subject = f"outcome that closed job {job}"
                self.report.expect("invariant 7", subject, result, _CLOSED_BY[closing.reason])
                self._expect_final(epoch, closing.block, subject)
        for event in self.history.enforced:
            place = (event.args["epoch"], event.args["device"], event.args["slot"])
            subject = f"bad item of device {place[1]} slot {place[2]}"
            self.report.expect("invariant 10", subject, place in self.bad_items, True, where(event))
            self._expect_final(place[0], event.block, subject)

    def _expect_final(self, epoch: int, block: int, subject: str) -> None:
        word = self.history.words.get(epoch)
        if word is not None:
            self.report.expect_at_least(
                "invariant 11", f"{subject}: after the proof window", block, word.provable_until + 1
            )

    def _published(self, epoch: int, event: Event) -> Leaves | None:
        """The leaves under the attested root; None, with a finding, where the store hasn't got them."""
        subject = f"epoch {epoch}: leaf data"
        try:
            told = read_published(self.store, self.report.chain_id, epoch, event.args["root"])
        except NameMissing as error:
            if self.store.is_local and not self.store.list():
                raise AuditImpossible(
                    f"{self.store.url} holds nothing: is it the network's evidence store?"
                ) from error
            self.report.expect("withheldData", subject, str(error), "published")
            return None
        except (FileOversized, LeafDataUnreadable) as error:
            self.report.expect("withheldData", subject, str(error), "published")
            return None
        root_matches = root_of(told)[0] == event.args["root"]
        if not self.report.expect("withheldData", f"{subject} under the root", root_matches, True):
            return None
        self.report.expect("attestation", f"{subject}: digest", event.args["dataDigest"], digest_of(told))
        return told

    def _due(self, epoch: int, event: Event) -> dict[int, list[tuple[int, OutcomeKind, int]]]:
        """By device with a leaf, what was due: (slot, kind, job), the natural draws first."""
        history = self.history
        slots, last_block = history.slots_of(epoch), history.last_block(epoch)
        due: dict[int, list[tuple[int, OutcomeKind, int]]] = {}
        for device, unit in sorted(history.units.items()):
            if unit.from_epoch > epoch:
                continue
            natural = [
                (slot, kind, 0)
                for slot in slots
                if history.is_active(device, slot, last_block)
                if (kind := draw_of(history, unit, device, slot, self._beacon(slot))) is not None
            ]
            forced = [
                (slot, OutcomeKind.FORCED, draw.job)
                for slot in slots
                for draw in sorted(history.forced.get((device, slot), ()), key=lambda draw: draw.job)
                if draw.block <= last_block
            ]
            due[device] = [*natural, *forced]
        asked = sorted({slot for duties in due.values() for slot, _, _ in duties})
        for slot in asked:
            sealed = history.sealed_at.get(slot, event.block + 1) <= event.block
            self.report.expect("badOutcomes", f"epoch {epoch}: slot {slot} was sealed before", sealed, True)
        return due

    def _judge(
        self, epoch: int, due: Mapping[int, Sequence[tuple[int, OutcomeKind, int]]], told: Leaves
    ) -> dict[int, tuple[Row, ...]]:
        """The rows as they ought to be."""
        cases: dict[tuple[int, int], Case] = {}
        for device, duties in due.items():
            claims = {row.slot: row for row in (told[device].rows if device in told else ())}
            for slot in sorted({slot for slot, _, _ in duties}):
                record = self.history.records.get((device, slot))
                if record is None:
                    continue
                case = self._case(device, slot, record, claims.get(slot))
                if case is not None:
                    cases[device, slot] = case
        domain = self.pinned.network.domain("Challenges")
        verdicts: dict[tuple[int, int], Verdict] = {}
        with ThreadPoolExecutor() as pool:
            judged = pool.map(lambda case: judge(case, self.store, domain), cases.values())
            for place, verdict in zip(cases, judged, strict=True):
                verdicts[place] = verdict
                self.judged += 1
                self.report.proofs_checked += 1
                self.pinned.tell("proofs", self.judged, max(self.judged, len(self.history.records)))
                if verdict.note:
                    self.report.notes.append(f"{cases[place].subject}: {verdict.note}")
                if verdict.missing:
                    self.report.expect("withheldData", cases[place].subject, verdict.missing, "evidence")
        return {
            device: tuple(self._row(device, duty, verdicts.get((device, duty[0]))) for duty in duties)
            for device, duties in due.items()
        }

    def _case(self, device: int, slot: int, record: Record, told: Row | None) -> Case | None:
        unit = self.history.units[device]
        terms = self.history.classes[unit.class_id]
        place = self._beacon(slot), self.report.chain_id, bytes.fromhex(unit.provider[2:]), device, slot
        challenge: Challenge | MemoryChallenge
        try:
            if self._is_memory(device, slot):
                size = 1 << terms.layer_bits, 1 << terms.walker_bits, 64 * terms.segments
                challenge = MemoryChallenge(*place, MemoryShape(terms.layers, *size))
            else:
                challenge = Challenge(
                    *place, Shape(terms.m, terms.n, terms.k, terms.r, terms.q, terms.profile)
                )
        except ProofError as error:
            self.report.notes.append(
                f"device {device} slot {slot}: no proof can have its class's shape ({error})"
            )
            return None
        return Case(challenge, record.commitment, record.key, self._beacon(slot + 1), told)

    def _row(self, device: int, duty: tuple[int, OutcomeKind, int], verdict: Verdict | None) -> Row:
        slot, kind, job = duty
        record = self.history.records.get((device, slot))
        if record is None:
            return Row(slot, kind, OutcomeResult.MISSED, 0, NOTHING, 0, job)
        memory = self._is_memory(device, slot)
        if verdict is None or (memory and kind == OutcomeKind.FORCED):
            # Forced, and of the M-phase all the same: its job was over before the slot began.
            return Row(slot, kind, OutcomeResult.WITHHELD, 0, NOTHING, 0, job)
        result, throughput = verdict.result, 0
        if result == OutcomeResult.PASSED:
            begun = self.headers[self.history.start_of(slot)].timestamp
            elapsed = self.headers[record.block].timestamp - begun
            terms = self.history.classes[self.history.units[device].class_id]
            throughput = bandwidth_of(terms, elapsed) if memory else throughput_of(terms, elapsed)
            if throughput < (terms.min_bandwidth if memory else terms.slow_gops):
                result = OutcomeResult.SLOW
        return Row(slot, kind, result, throughput, verdict.witness, verdict.item, job)

    def _is_memory(self, device: int, slot: int) -> bool:
        """Whether what the device proves in the slot is the M-phase: not while a job holds it."""
        unit = self.history.units[device]
        held = unit.is_held(self.history.start_of(slot))
        return has_memory(self.history, unit, slot, self._beacon(slot)) and not held

    def _compare_rows(self, epoch: int, told: Leaves, need: Mapping[int, Sequence[Row]]) -> None:
        for device, rows in need.items():
            if device not in told:
                continue
            subject = f"epoch {epoch}: device {device}"
            have = told[device].rows
            due = [row.duty for row in rows]
            if not self.report.expect(
                "badOutcomes", f"{subject}: what was due", [row.duty for row in have], due
            ):
                continue
            for said, row in zip(have, rows, strict=True):
                self.report.expect(_lie(said, row), f"{subject} slot {row.slot}", said, row)

    def _compare_leaves(self, epoch: int, told: Leaves, rows: Mapping[int, Sequence[Row]]) -> None:
        for device in sorted(told.keys() | rows.keys()):
            subject = f"epoch {epoch}: leaf of device {device}"
            there, due = device in told, device in rows
            self.report.expect(
                "badDevice", subject, "there" if there else "left out", "there" if due else "none"
            )
        total = sum(leaf.weight for leaf in told.values())
        for device in sorted(told.keys() & rows.keys()):
            leaf = told[device]
            need = self._leaf(epoch, device, leaf.rows)
            before = self.previous[device].cumulative_reward if device in self.previous else 0
            earned = emission(epoch) * leaf.weight // total if total else 0
            need = replace(need, cumulative_reward=before + earned)
            for name in LEAF_FIELDS:
                subject, check = f"epoch {epoch}: device {device}: {name}", _FORMULAS.get(name, "badOutcomes")
                self.report.expect(check, subject, getattr(leaf, name), getattr(need, name))
            self.report.expect_at_least(
                "invariant 6", f"epoch {epoch}: reward of device {device}", leaf.cumulative_reward, before
            )

    def _recompute(self, epoch: int, rows: Mapping[int, tuple[Row, ...]]) -> Leaves:
        """The leaves as they ought to be, where none are published."""
        leaves = {device: self._leaf(epoch, device, each) for device, each in rows.items()}
        total = sum(leaf.weight for leaf in leaves.values())
        return {
            device: replace(
                leaf,
                cumulative_reward=(self.previous[device].cumulative_reward if device in self.previous else 0)
                + (emission(epoch) * leaf.weight // total if total else 0),
            )
            for device, leaf in leaves.items()
        }

    def _leaf(self, epoch: int, device: int, rows: tuple[Row, ...]) -> LeafRow:
        unit, slots = self.history.units[device], self.history.slots_of(epoch)
        active = self.history.is_active(device, slots[-1], self.history.last_block(epoch))
        memory = {row.slot for row in rows if self._is_memory(device, row.slot)}
        terms = self.history.classes[unit.class_id]
        return leaf_of(device, unit, terms, rows, memory, self.previous.get(device), active)

    def _check_claims(self, epoch: int, leaves: Leaves) -> None:
        for event in self.history.claims.get(epoch, ()):
            device = event.args["device"]
            earned = leaves[device].cumulative_reward if device in leaves else 0
            need = earned - earned % GRAIN
            self.report.expect(
                "badReward",
                f"claimed by device {device}, by its leaf",
                event.args["claimed"],
                need,
                where(event),
            )

    def _remember(self, epoch: int, leaves: Leaves) -> None:
        self.previous = leaves
        for device, leaf in leaves.items():
            for row in leaf.rows:
                if row.kind == OutcomeKind.FORCED:
                    self.forced[row.job] = (epoch, OutcomeResult(row.result))
                if row.result == OutcomeResult.BAD_ITEM:
                    self.bad_items.add((epoch, device, row.slot))

    def _beacon(self, slot: int) -> bytes:
        return self.headers[self.history.start_of(slot)].hash


def throughput_of(terms: DeviceClass, elapsed: int) -> int:
    """Gops by the chain's own clock, at most the class's peak. `elapsed` in seconds."""
    operations = 2 * terms.m * terms.n * terms.k * terms.r
    return min(terms.peak_gops, operations // (max(1, elapsed) * 10**9))


def bandwidth_of(terms: DeviceClass, elapsed: int) -> int:
    """MB/s by the chain's own clock, at most the class's peak. `elapsed` in seconds."""
    labels = terms.layers << terms.layer_bits
    steps = (terms.segments * 64) << terms.walker_bits
    return min(terms.peak_bandwidth, (544 * labels + 128 * steps) // (max(1, elapsed) * 10**6))


def leaf_of(
    device: int,
    unit: Unit,
    terms: DeviceClass,
    rows: tuple[Row, ...],
    memory: Collection[int],
    previous: LeafRow | None,
    active: bool,
) -> LeafRow:
    """The leaf that the rows give (docs/protocol.md, "Leaf"), its cumulative reward not yet set.

    `memory`: the slots in which the device proved the M-phase. `active`: in the epoch's last slot.
    """
    before = previous or LeafRow(device, unit.provider, unit.class_id)
    due_c, passed_c, idle_c, ratio_c = _tally(
        rows, OutcomeKind.DRAWN_C, before.due_c, before.passed_c, before.idle_c, 1
    )
    due_roll, passed_roll, idle_roll, ratio_roll = _tally(
        rows, OutcomeKind.ROLL_CALL, before.due_roll, before.passed_roll, before.idle_roll, 0
    )
    natural = [row for row in rows if row.kind != OutcomeKind.FORCED]
    compute = [row for row in natural if row.slot not in memory]
    min_gops = _slowest(compute, before.min_gops, min(idle_c, idle_roll))
    leaf = LeafRow(
        device=device,
        provider=unit.provider,
        class_id=unit.class_id,
        due_c=due_c,
        passed_c=passed_c,
        idle_c=idle_c,
        due_roll=due_roll,
        passed_roll=passed_roll,
        idle_roll=idle_roll,
        min_gops=min_gops,
        outcomes_root=outcomes_root_of(rows),
        outcome_count=len(rows),
    )
    ratio = min(ratio_c, ratio_roll)
    if terms.layers:
        due_m, passed_m, idle_m, ratio_m = _tally(
            rows, OutcomeKind.DRAWN_M, before.due_m, before.passed_m, before.idle_m, 1
        )
        labelled = [row for row in natural if row.slot in memory]
        idle, ratio = min(idle_m, idle_roll), min(ratio, ratio_m)
        vram = _slowest(labelled, before.vram, idle)
        if any(row.result == OutcomeResult.PASSED for row in labelled):
            vram = (92 * 32 * terms.layers << terms.layer_bits) // 100
        leaf = replace(
            leaf,
            due_m=due_m,
            passed_m=passed_m,
            idle_m=idle_m,
            min_bandwidth=_slowest(labelled, before.min_bandwidth, idle),
            vram=vram,
        )
    exact = min(min_gops, unit.bonded_gops) * ratio
    return replace(leaf, weight=exact.numerator // exact.denominator if active else 0)


def _slowest(rows: Sequence[Row], before: int, idle: int) -> int:
    """The least throughput of a phase's passed rows, 0 if none; without rows, for a while, as before."""
    if not rows:
        return before if idle <= IDLE_EPOCHS else 0
    return min((row.throughput for row in rows if row.result == OutcomeResult.PASSED), default=0)


def _tally(
    rows: Sequence[Row], kind: OutcomeKind, due: int, passed: int, idle: int, untested: int
) -> tuple[int, int, int, Fraction]:
    """Due, passed, idle and ratio of a kind; `untested`: its ratio while nothing was ever due."""
    these = [row for row in rows if row.kind == kind]
    if these:
        due, passed, idle = len(these), sum(row.result == OutcomeResult.PASSED for row in these), 0
    else:
        idle = min(idle + 1, IDLE_MOST)
    if idle > IDLE_EPOCHS:
        return due, passed, idle, Fraction(0)
    return due, passed, idle, Fraction(passed, due) if due else Fraction(untested)


def _lie(told: Row, need: Row) -> str:
    """The fraud proof that a false row calls for."""
    alike = told.result == need.result or {told.result, need.result} <= MEASURED
    if alike and (told.witness, told.item) == (need.witness, need.item):
        return "badThroughput"
    return "falsePass" if told.result in MEASURED else "falseFail"
