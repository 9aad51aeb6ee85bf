"""Reading the chain for the oracle: every read of a cycle is pinned to one block."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tensorbond.chain import slots
from tensorbond.chain.abi import Event
from tensorbond.chain.network import BlockRef, Network
from tensorbond.chain.types import DeviceClass, OracleSet, Timing
from tensorbond.follower import Follower
from tensorbond.oracle.attestation import MAX_ROUND
from tensorbond.oracle.errors import FactsContradict, FactsIncomplete
from tensorbond.oracle.facts import CommitFact, DeviceFact, EpochFacts, ForcedDraw, SlotFact

OPEN_SLOT = (1 << 32) - 1
OPEN_BLOCK = 1 << 64
DEVICE_EVENTS = (
    "DeviceRegistered",
    "DeviceRetired",
    "DeviceSuspended",
    "DeviceHeld",
    "DeviceReleased",
)
MIN_ROUND_BLOCKS = 4
NO_SET = 0


@dataclass(frozen=True)
class Turn:
    """The epoch that is next to be attested, and who may.

    last_block ── one slot ──► opened ── round 0 ── round 1 ── … ──► deadline
    the epoch ends             it can be judged, and it is its turn
    """

    epoch: int
    timing: Timing
    last_block: int
    opened: int
    deadline: int
    least_round: int
    round_blocks: int
    previous_root: bytes
    set_id: int
    members: tuple[str, ...] = ()
    """Ascending by address; their indices are the signers' bits."""
    excluded: int = 0
    quorum: int = 0
    config_digest: bytes = b""

    def round_at(self, block: int) -> int:
        """The voting round that `block` lies in; it must not precede `opened`."""
        return min(self.least_round + (block - self.opened) // self.round_blocks, MAX_ROUND)

    @property
    def active(self) -> dict[str, int]:
        """The indices of the members that may sign."""
        return {member: index for index, member in enumerate(self.members) if not self.excluded >> index & 1}


class Reader:
    """What an oracle asks of the chain."""

    def __init__(self, network: Network, round_blocks: int | None = None) -> None:
        self._network = network
        self._round_blocks = round_blocks
        self._devices = Follower(network, "DeviceRegistry", DEVICE_EVENTS)
        self._oracles = Follower(network, "Attestations", ("OracleJoined",))
        self._classes: dict[int, DeviceClass] = {}

    def turn(self, pinned: BlockRef) -> Turn:
        network = self._network
        epoch, deadline, previous_root = network.calls(
            [("Attestations", name) for name in ("nextEpoch", "deadline", "standingRoot")], pinned
        )
        timing, after, (_, record), set_id = network.calls(
            [
                ("DeviceRegistry", "timingOf", epoch),
                ("DeviceRegistry", "timingOf", epoch + 1),
                ("Attestations", "attestedOf", epoch),
                ("Attestations", "setOf", epoch),
            ],
            pinned,
        )
        last_block = slots.last_block(timing, epoch)
        members: tuple[str, ...] = ()
        excluded, quorum, config_digest = 0, 0, b""
        if set_id != NO_SET:
            found: OracleSet
            members, quorum, config_digest, found = network.calls(
                [
                    ("Attestations", name, set_id)
                    for name in ("membersOf", "quorumOf", "configDigestOf", "oracleSet")
                ],
                pinned,
            )
            excluded = found.excluded
        return Turn(
            epoch=epoch,
            timing=timing,
            last_block=last_block,
            opened=max(last_block + 1 + after.slot_blocks, self._became_next(epoch, timing, pinned)),
            deadline=deadline,
            least_round=record.round + 1 if record.flags else 0,
            round_blocks=self._round_blocks or max(MIN_ROUND_BLOCKS, timing.attest_blocks // 8),
            previous_root=previous_root,
            set_id=set_id,
            members=members,
            excluded=excluded,
            quorum=quorum,
            config_digest=config_digest,
        )

    def epoch_facts(self, epoch: int, pinned: BlockRef) -> EpochFacts:
        """Of an epoch that is over. Raises FactsIncomplete while a slot isn't sealed, FactsContradict where
        reads disagree."""
        timing: Timing = self._network.call("DeviceRegistry", "timingOf", epoch, block=pinned)
        first = slots.first_slot(timing, epoch)
        begun = self._slot_facts(timing, range(first, first + timing.epoch_slots))
        self._require_sealed(begun, pinned)
        last = self._network.block(slots.last_block(timing, epoch))
        return self._facts(epoch, timing, begun, last, pinned)

    def preview(self, turn: Turn, pinned: BlockRef) -> EpochFacts | None:
        """Of the turn's epoch so far: the slots whose sample beacon is there. None before there is one."""
        timing = turn.timing
        first = slots.first_slot(timing, turn.epoch)
        known = min(slots.slot_at(timing, pinned.number), first + timing.epoch_slots)
        if known <= first:
            return None
        until = self._network.block(min(pinned.number, turn.last_block))
        return self._facts(turn.epoch, timing, self._slot_facts(timing, range(first, known)), until, pinned)

    def _facts(
        self, epoch: int, timing: Timing, known: tuple[SlotFact, ...], until: BlockRef, pinned: BlockRef
    ) -> EpochFacts:
        network = self._network
        since = slots.start_of(timing, known[0].slot)
        commits = network.events("Challenges", "Committed", since=since, until=until)
        oldest = self._oldest_accept(epoch, pinned)
        accepts = network.events("JobEscrow", "JobAccepted", since=oldest, until=until)
        devices = self.devices(until)
        network.require_canonical(pinned)
        return EpochFacts(
            chain_id=network.chain_id,
            epoch=epoch,
            timing=timing,
            slots=known,
            devices=tuple(devices),
            classes={each.class_id: self.device_class(each.class_id) for each in devices},
            commits={(event.args["device"], event.args["slot"]): commit_of(event) for event in commits},
            forced=tuple(
                ForcedDraw(event.args["job"], event.args["device"], event.args["forcedSlot"])
                for event in accepts
            ),
        )

    def _slot_facts(self, timing: Timing, wanted: range) -> tuple[SlotFact, ...]:
        """By the hashes of the slots' first blocks; the slot after the last must have begun."""
        numbers = range(wanted.start, wanted.stop + 1)
        starts = self._network.blocks(slots.start_of(timing, slot) for slot in numbers)
        return tuple(
            SlotFact(slot, starts[index].hash, starts[index + 1].hash, starts[index].timestamp)
            for index, slot in enumerate(wanted)
        )

    def _require_sealed(self, begun: Sequence[SlotFact], pinned: BlockRef) -> None:
        hashes = {fact.slot: fact.beacon for fact in begun}
        hashes[begun[-1].slot + 1] = begun[-1].sample_beacon
        beacons = self._network.calls([("Challenges", "beaconOf", slot) for slot in hashes], pinned)
        for (slot, block_hash), beacon in zip(hashes.items(), beacons, strict=True):
            if beacon == bytes(32):
                raise FactsIncomplete(f"slot {slot} is not sealed")
            if beacon != block_hash:
                raise FactsContradict(
                    f"slot {slot} is sealed with 0x{beacon.hex()}, its first block is 0x{block_hash.hex()}"
                )

    def devices(self, block: BlockRef) -> list[DeviceFact]:
        """Every device ever registered, as known at `block`."""
        found: dict[int, DeviceFact] = {}
        holds: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for event in self._devices.until(block):
            args, device = event.args, event.args["device"]
            if event.name == "DeviceRegistered":
                found[device] = DeviceFact(
                    device,
                    args["provider"],
                    args["classId"],
                    args["bondedGops"],
                    args["fromEpoch"],
                    OPEN_SLOT,
                )
            elif event.name == "DeviceHeld":
                holds[device].append((event.block, OPEN_BLOCK))
            elif event.name == "DeviceReleased":
                holds[device][-1] = holds[device][-1][0], event.block
            else:
                found[device] = replace(found[device], until_slot=args["untilSlot"])
        for device, times in holds.items():
            found[device] = replace(found[device], holds=tuple(times))
        return list(found.values())

    def device_class(self, class_id: int) -> DeviceClass:
        """A class never changes, so it is read once."""
        if class_id not in self._classes:
            self._classes[class_id] = self._network.call("DeviceRegistry", "classOf", class_id)
        return self._classes[class_id]

    def endpoints(self, members: Sequence[str], pinned: BlockRef) -> dict[str, str]:
        """Where each member said it listens when it last joined."""
        wanted = set(members)
        return {
            event.args["oracle"]: event.args["endpoint"]
            for event in self._oracles.until(pinned)
            if event.args["oracle"] in wanted
        }

    def epoch_of_root(self, root: bytes, before: int, pinned: BlockRef) -> int:
        """The last epoch below `before` that was attested with this root; raises FactsIncomplete."""
        found = self._network.events("Attestations", "EpochAttested", until=pinned, root=root)
        epochs = [event.args["epoch"] for event in found if event.args["epoch"] < before]
        if not epochs:
            raise FactsIncomplete(f"no epoch before {before} was attested with the root 0x{root.hex()}")
        return int(epochs[-1])

    def _became_next(self, epoch: int, timing: Timing, pinned: BlockRef) -> int:
        """The block after the one that made `epoch` the next to be attested; none precedes its start."""
        since = slots.start_of(timing, slots.first_slot(timing, epoch))
        told = [("EpochRevoked", epoch), ("EpochAttested", epoch - 1), ("EpochVoided", epoch - 1)]
        turns = [
            event.block
            for name, number in told
            if number >= 0
            for event in self._network.events("Attestations", name, since=since, until=pinned, epoch=number)
        ]
        return max(turns, default=0) + 1

    def _oldest_accept(self, epoch: int, pinned: BlockRef) -> int:
        """No accept before this block forces a draw in the epoch: it forces one of the next two slots, which
        may lie two epochs and as many schedule entries later."""
        entries: list[Timing] = self._network.calls(
            [("DeviceRegistry", "timingOf", max(0, epoch - back)) for back in (2, 1, 0)], pinned
        )
        timing = entries[-1]
        start = slots.start_of(timing, slots.first_slot(timing, epoch))
        longest = max(entry.slot_blocks for entry in entries)
        return max(self._network.deployment.first_block, start - 2 * longest)


def commit_of(event: Event) -> CommitFact:
    args = event.args
    return CommitFact(args["device"], args["slot"], args["key"], args["commitment"], args["timestamp"])
