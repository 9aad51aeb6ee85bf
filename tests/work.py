"""Benchmarks for tests of the contracts: commit to one, open it, and show one of its items to the chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from tensorbond.chain import digests
from tensorbond.chain.types import BadItem
from tensorbond.proof import Challenge, CpuProver, Evidence, Proof, Shape, encode_item, item_leaf, parse_item
from tests.acts import TBND, commit_as, domain, mine_to_slot, register_as, stake_as
from tests.chain import Chain

GOPS = 10
BOND = GOPS * TBND
CHAIN_ID = 31337


@dataclass(frozen=True)
class Work:
    """A benchmark that was committed to on chain, and, once opened, its evidence."""

    device: int
    slot: int
    provider: str
    key: str
    timestamp: int
    proof: Proof
    evidence: Evidence | None = None

    @property
    def shape(self) -> Shape:
        return self.proof.challenge.shape

    @property
    def record(self) -> tuple[bytes, int, str]:
        """The parts of the commit record."""
        return self.proof.commitment, self.timestamp, self.key


def device_as(chain: Chain, provider: str, class_id: int = 0) -> int:
    """Stake just enough for one device and register it."""
    stake_as(chain, provider, BOND)
    return register_as(chain, provider, class_id, GOPS)


def first_slot_of(chain: Chain, device: int) -> int:
    """The first slot in which a device may be drawn."""
    from_epoch = chain.call("DeviceRegistry", "deviceOf", device).from_epoch
    timing = chain.call("DeviceRegistry", "timingOf", from_epoch)
    return int(timing.from_slot + (from_epoch - timing.from_epoch) * timing.epoch_slots)


def drawn_slot_of(chain: Chain, device: int, since: int | None = None) -> int:
    """Mine to and seal slot after slot until one draws the device."""
    slot = first_slot_of(chain, device) if since is None else since
    while True:
        mine_to_slot(chain, slot)
        seal(chain, slot)
        if chain.call("Challenges", "isDrawn", device, slot):
            return slot
        slot += 1


def seal(chain: Chain, slot: int) -> bytes:
    """Seal the slot if nobody has."""
    beacon: bytes = chain.call("Challenges", "beaconOf", slot)
    if beacon == bytes(32):
        beacon = chain.send("Challenges", "seal", slot, sender=chain.accounts[19]).event("SlotSealed")[
            "beacon"
        ]
    return beacon


def challenge_of(chain: Chain, device: int, slot: int) -> Challenge:
    """What the slot asks of the device. Mines to the slot if it isn't there yet."""
    found = chain.call("DeviceRegistry", "deviceOf", device)
    terms = chain.call("DeviceRegistry", "classOf", found.class_id)
    timing = chain.call("DeviceRegistry", "timingAt", slot)
    start = timing.from_block + (slot - timing.from_slot) * timing.slot_blocks
    chain.mine_to(max(start, chain.block_number))
    return Challenge(
        beacon=chain.block_hash(start),
        chain_id=CHAIN_ID,
        provider=bytes.fromhex(found.provider[2:]),
        device=device,
        slot=slot,
        shape=Shape(terms.m, terms.n, terms.k, terms.r, terms.q),
    )


def commit_work(
    chain: Chain, key: str, device: int, slot: int | None = None, prover: CpuProver | None = None
) -> Work:
    """Mine to a slot in which the device is active, do its benchmark and commit to it with `key`."""
    slot = first_slot_of(chain, device) if slot is None else slot
    challenge = challenge_of(chain, device, slot)
    proof = (prover or CpuProver()).prove(challenge)
    event = commit_as(chain, key, device, slot, proof.commitment).event("Committed")
    provider = chain.call("DeviceRegistry", "deviceOf", device).provider
    return Work(device, slot, provider, key, event["timestamp"], proof)


def open_work(chain: Chain, work: Work) -> Work:
    """Mine into the next slot, seal it and open what it asks for."""
    mine_to_slot(chain, work.slot + 1)
    return replace(work, evidence=work.proof.open(seal(chain, work.slot + 1)))


def sign_evidence(chain: Chain, key: str, commitment: bytes, root: bytes) -> bytes:
    return digests.evidence(domain(chain, "Challenges"), commitment, root).sign(chain.key(key))


def evidence_path(leaves: Sequence[bytes], index: int) -> tuple[tuple[bytes, ...], bytes]:
    """The path of a leaf in a padded SHA-256 tree, and the root."""
    level, path = list(leaves), []
    while len(level) & (len(level) - 1):
        level.append(bytes(32))
    while len(level) > 1:
        path.append(level[index ^ 1])
        level = [sha256(level[i] + level[i + 1]).digest() for i in range(0, len(level), 2)]
        index >>= 1
    return tuple(path), level[0]


def show_item(
    chain: Chain,
    work: Work,
    index: int = 0,
    row: int = 0,
    column: int = 0,
    *,
    item: bytes | None = None,
    items: Sequence[bytes] | None = None,
    signer: str | None = None,
) -> BadItem:
    """A call of proveBadItem about item `index`.

    `item` or `items`: what the key signed in place of the evidence's own."""
    assert work.evidence is not None
    shown = list(items or work.evidence.items)
    if item is not None:
        shown[index] = item
    header = b"".join((*work.proof.roots, work.proof.final_seed))
    leaves = [item_leaf(i, each) for i, each in enumerate([*shown, header])]
    path, root = evidence_path(leaves, index)
    return BadItem(
        device=work.device,
        slot=work.slot,
        commitment=work.proof.commitment,
        timestamp=work.timestamp,
        key=work.key,
        final_seed=work.proof.final_seed,
        rounds_root=work.proof.rounds_root,
        index=index,
        item=shown[index],
        evidence_path=path,
        signature=sign_evidence(chain, signer or work.key, work.proof.commitment, root),
        row=row,
        column=column,
    )


def change_item(work: Work, index: int = 0, **changes: object) -> bytes:
    """Item `index` with some fields changed."""
    assert work.evidence is not None
    item = replace(parse_item(work.shape, work.evidence.items[index]), **changes)  # type: ignore[arg-type]
    return encode_item(work.shape, item)
