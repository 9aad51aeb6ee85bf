"""Finding fraud in what lies open to everyone, and making of it the one transaction that proves it.

bad = bad_item_proof(network, store, device, slot)
if bad is not None:
    prove_bad_item(sender, bad)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tensorbond.chain import digests, slots
from tensorbond.chain.abi import Event
from tensorbond.chain.network import BlockRef, Network
from tensorbond.chain.sender import Receipt, Sender
from tensorbond.chain.types import BadItem, Device, DeviceClass, Statement, Timing
from tensorbond.errors import TensorbondError
from tensorbond.oracle.attestation import equivocates
from tensorbond.oracle.duties import challenge_for, kind_drawn
from tensorbond.oracle.facts import DeviceFact, in_memory_phase
from tensorbond.oracle.outcomes import read_signed
from tensorbond.oracle.reader import Reader, commit_of
from tensorbond.proof import merkle
from tensorbond.proof.challenge import Challenge, commitment_of, round_leaf, samples
from tensorbond.proof.evidence import (
    Evidence,
    evidence_length,
    evidence_name,
    evidence_path,
    parse_item,
)
from tensorbond.proof.verifier import find_bad_item, follow_chain
from tensorbond.proof.workload import digest_tiles
from tensorbond.store import FileOversized, NameMissing, Store

NO_RECORD = bytes(32)
CALLS_AT_ONCE = 200


class NoFraud(TensorbondError):
    """What was given does not prove what it is said to."""


@dataclass(frozen=True)
class Missed:
    """A drawn slot whose window closed without a record, ready for `WorkDisputes.proveMissed`."""

    device: int
    slot: int


@dataclass(frozen=True)
class Equivocation:
    """Arguments of `AttestationDisputes.proveEquivocation`, in its order."""

    first: Statement
    first_signature: bytes
    second: Statement
    second_signature: bytes
    set_id: int
    index: int


def bad_item_proof(network: Network, store: Store, device: int, slot: int) -> BadItem | None:
    """F1 for what the device committed in the slot, or None where its published evidence shows no bad item
    (or there is none yet, or only the header is bad, which an attestation has to say)."""
    committed = network.events("Challenges", "Committed", device=device, slot=slot)
    return _proof_of(network, store, committed[-1]) if committed else None


def find_bad_items(
    network: Network, store: Store, since: int | None = None, until: BlockRef | None = None
) -> Iterator[BadItem]:
    """F1 for every commitment made in these blocks whose published evidence has a bad item and which has
    not paid for a fault yet."""
    for event in network.events("Challenges", "Committed", since=since, until=until):
        proof = None if _has_paid(network, event) else _proof_of(network, store, event)
        if proof is not None:
            yield proof


def find_missed(network: Network, epoch: int, block: BlockRef | None = None) -> list[Missed]:
    """F0: the drawn slots of an epoch that are sealed, whose window is over and which have no record."""
    block = block or network.head()
    timing: Timing = network.call("DeviceRegistry", "timingOf", epoch, block=block)
    first = slots.first_slot(timing, epoch)
    over = [
        slot
        for slot in range(first, first + timing.epoch_slots)
        if slots.start_of(timing, slot + 1) - 2 <= block.number
    ]
    if not over:
        return []
    beacons = network.calls([("Challenges", "beaconOf", slot) for slot in over], block)
    sealed = {slot: beacon for slot, beacon in zip(over, beacons, strict=True) if any(beacon)}
    since = slots.start_of(timing, first)
    committed = {
        (event.args["device"], event.args["slot"])
        for event in network.events("Challenges", "Committed", since=since, until=block)
    }
    reader = Reader(network)

    def is_drawn(device: DeviceFact, slot: int) -> bool:
        terms, held = reader.device_class(device.class_id), device.is_held(slots.start_of(timing, slot))
        return kind_drawn(sealed[slot], timing.roll_call, device.device, terms, held) is not None

    found = [
        (device.device, slot)
        for device in reader.devices(block)
        for slot in sealed
        if device.from_epoch <= epoch
        and slot < device.until_slot
        and (device.device, slot) not in committed
        and is_drawn(device, slot)
    ]
    # A miss that was proven before has a record, too.
    return [
        Missed(*place)
        for start in range(0, len(found), CALLS_AT_ONCE)
        for place, record in _records(network, found[start : start + CALLS_AT_ONCE], block)
        if record == NO_RECORD
    ]


def equivocation_proof(
    network: Network,
    first: tuple[Statement, bytes],
    second: tuple[Statement, bytes],
    oracle: str | None = None,
) -> Equivocation:
    """F5 from two signed statements of one oracle, each with its signature.

    Raises NoFraud unless both bear the same member's signature and contradict each other.
    """
    domain = network.domain("Attestations")
    signers = {
        digests.attestation(domain, statement).signer(signature) for statement, signature in (first, second)
    }
    if len(signers) != 1 or (oracle is not None and signers != {oracle}):
        raise NoFraud(f"the two statements are signed by {', '.join(sorted(signers))}")
    if not equivocates(first[0], second[0]):
        raise NoFraud("the two statements do not contradict each other")
    set_id = network.call("Attestations", "setOf", first[0].epoch)
    members = network.call("Attestations", "membersOf", set_id)
    signer = signers.pop()
    if signer not in members:
        raise NoFraud(f"{signer} is no member of set {set_id}")
    return Equivocation(*first, *second, set_id, members.index(signer))


def prove_bad_item(sender: Sender, proof: BadItem) -> Receipt:
    return sender.send("WorkDisputes", "proveBadItem", proof)


def prove_missed(sender: Sender, missed: Missed) -> Receipt:
    return sender.send("WorkDisputes", "proveMissed", missed.device, missed.slot)


def prove_equivocation(sender: Sender, proof: Equivocation) -> Receipt:
    return sender.send(
        "AttestationDisputes",
        "proveEquivocation",
        proof.first,
        proof.first_signature,
        proof.second,
        proof.second_signature,
        proof.set_id,
        proof.index,
    )


def make_bad_item(
    evidence: Evidence, timestamp: int, key: str, bad_index: int, row: int | None, column: int | None
) -> BadItem | None:
    """F1 calldata for one item of signed evidence; None where nothing shows what the commitment binds."""
    binding = binding_of(evidence)
    if binding is None:
        return None
    final_seed, rounds_root = binding
    return BadItem(
        device=evidence.challenge.device,
        slot=evidence.challenge.slot,
        commitment=evidence.commitment,
        timestamp=timestamp,
        key=key,
        final_seed=final_seed,
        rounds_root=rounds_root,
        index=bad_index,
        item=evidence.items[bad_index],
        evidence_path=evidence_path(evidence, bad_index),
        signature=evidence.signature,
        row=row or 0,
        column=column or 0,
    )


def _proof_of(network: Network, store: Store, event: Event) -> BadItem | None:
    commit = commit_of(event)
    timings: list[Timing] = network.calls(
        [("DeviceRegistry", "timingAt", slot) for slot in (commit.slot, commit.slot + 1)]
    )
    starts = [slots.start_of(timing, commit.slot + index) for index, timing in enumerate(timings)]
    if starts[1] > network.head().number:
        return None
    beacon, sample_beacon = (network.block(start).hash for start in starts)
    state: Device = network.call("DeviceRegistry", "deviceOf", commit.device)
    terms: DeviceClass = network.call("DeviceRegistry", "classOf", state.class_id)
    held: bool = network.call("DeviceRegistry", "heldIn", commit.device, commit.slot)
    memory = in_memory_phase(beacon, terms, held)
    challenge = challenge_for(
        network.chain_id, state.provider, commit.device, commit.slot, beacon, terms, memory
    )
    if not isinstance(challenge, Challenge):
        return None
    name = evidence_name(network.chain_id, commit.device, commit.slot, commit.commitment)
    try:
        raw = store.get(name, evidence_length(challenge.shape))
    except (NameMissing, FileOversized):
        return None
    evidence = read_signed(raw, challenge, commit, sample_beacon, network.domain("Challenges"))
    if not isinstance(evidence, Evidence):
        return None
    bad = find_bad_item(challenge, commit.commitment, sample_beacon, evidence)
    if bad is None or bad.index == challenge.shape.q:
        return None
    return make_bad_item(evidence, commit.timestamp, commit.key, bad.index, bad.row, bad.col)


def binding_of(evidence: Evidence) -> tuple[bytes, bytes] | None:
    """The final seed and the roundsRoot under the commitment, if the header or an item shows them."""
    shape = evidence.challenge.shape
    chain = follow_chain(evidence.challenge, evidence.roots)
    roots = [chain.rounds_root]
    asked = samples(evidence.commitment, evidence.sample_beacon, shape)
    for sample, raw in zip(asked, evidence.items, strict=True):
        item = parse_item(shape, raw)
        (leaf,) = digest_tiles(item.entries[None])
        root = merkle.fold(leaf, sample.tile, item.tile_path, shape.tile_depth)
        roots.append(
            merkle.fold(round_leaf(item.seed, root), sample.round, item.round_path, shape.round_depth)
        )
    for final_seed in (chain.final_seed, evidence.final_seed):
        for rounds_root in dict.fromkeys(roots):
            if commitment_of(final_seed, rounds_root) == evidence.commitment:
                return final_seed, rounds_root
    return None


def _records(
    network: Network, places: list[tuple[int, int]], block: BlockRef
) -> list[tuple[tuple[int, int], bytes]]:
    told = network.calls([("Challenges", "recordOf", *place) for place in places], block)
    return list(zip(places, told, strict=True))


def _has_paid(network: Network, event: Event) -> bool:
    """Whether the (device, slot) has paid for a fault: bit 1 of its record's flags."""
    record: bytes = network.call("Challenges", "recordOf", event.args["device"], event.args["slot"])
    return bool(record[-1] & 2)
