"""Benchmarks for tests of the contracts: commit to one, open it, and show one of its items to the chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from tensorbond.chain import digests
from tensorbond.chain.types import BadItem, Commit, HeaderOpening, ItemOpening, Link, RoundOpening
from tensorbond.proof import (
    Challenge,
    CpuProver,
    Evidence,
    Item,
    Proof,
    Round,
    Shape,
    digest_tiles,
    encode_item,
    item_leaf,
    merkle,
    parse_item,
)
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

    @property
    def commit(self) -> Commit:
        return Commit(self.device, self.slot, *self.record)


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
        shape=Shape(terms.m, terms.n, terms.k, terms.r, terms.q, terms.profile),
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


def header_of(work: Work) -> bytes:
    return b"".join((*work.proof.roots, work.proof.final_seed))


def show_header(chain: Chain, work: Work, header: bytes | None = None) -> tuple[HeaderOpening, bytes]:
    """A header under a root that the key signed, and the signature.

    `header`: what it signed in place of the work's own."""
    assert work.evidence is not None
    leaves = [item_leaf(i, item) for i, item in enumerate(work.evidence.items)]
    shown = header_of(work) if header is None else header
    path, root = evidence_path([*leaves, item_leaf(len(leaves), shown)], len(leaves))
    return HeaderOpening(shown, path), sign_evidence(chain, work.key, work.proof.commitment, root)


def item_opening(proof: BadItem) -> ItemOpening:
    """What a judge is asked about a bad item."""
    return ItemOpening(proof.final_seed, proof.rounds_root, proof.index, proof.item, proof.evidence_path)


NOTHING = RoundOpening(bytes(32), bytes(32), ())


def open_round(work: Work, index: int) -> RoundOpening:
    """Round `index` under roundsRoot, or, from R on, the padding leaf as its root."""
    proof = work.proof
    path = merkle.path_of(merkle.build(proof.round_leaves), index)
    if index >= work.shape.R:
        return RoundOpening(bytes(32), proof.round_leaves[index], path)
    return RoundOpening(proof.seeds[index], proof.roots[index], path)


def open_link(work: Work, index: int) -> Link:
    """Link `index` of the seed chain, as it was committed to."""
    rounds = work.shape.R
    before = open_round(work, index - 1) if 0 < index <= rounds else NOTHING
    here = NOTHING if index == rounds else open_round(work, index - (index > rounds))
    return Link(index, work.proof.final_seed, before, here)


def open_tile(work: Work, round_index: int, tile: int) -> bytes:
    """The opening of any tile, as it was committed to."""
    item = _opened(work, round_index, tile)
    (leaf,) = digest_tiles(item.entries[None])
    return b"".join((leaf, *item.tile_path, item.seed, *item.round_path, work.proof.final_seed))


def open_item(work: Work, round_index: int, tile: int) -> bytes:
    """A true item for any tile of the work."""
    return encode_item(work.shape, _opened(work, round_index, tile))


def _opened(work: Work, round_index: int, tile: int) -> Item:
    proof = work.proof
    done = Round(proof.challenge, round_index, proof.seeds[round_index])
    ((entries, tile_path),) = proof.prover.open_tiles(done, proof.kept[round_index], [tile])
    round_path = merkle.path_of(merkle.build(proof.round_leaves), round_index)
    return Item(round_index, tile, entries, tile_path, done.seed, round_path)
