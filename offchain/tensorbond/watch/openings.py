"""Parts of signed evidence as the contracts' judges take them: an item or a header under an evidenceRoot, and
what memRoot has above an item's blocks."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from tensorbond.chain.types import HeaderOpening, ItemOpening, MemoryItemOpening
from tensorbond.proof.evidence import AnyEvidence, Evidence, evidence_path, parse_item
from tensorbond.proof.labels import step_states
from tensorbond.proof.memory import (
    LABEL_SAMPLES,
    PARENTS,
    SEGMENT_STEPS,
    label_samples,
)
from tensorbond.proof.memory_evidence import MemoryEvidence, parse_segment_item
from tensorbond.proof.workload import digest_tiles
from tensorbond.watch.fraud import binding_of
from tensorbond.watch.memory import cap_node
from tensorbond.watch.work import TileOpening


def open_header(evidence: AnyEvidence) -> HeaderOpening:
    return HeaderOpening(evidence.header, evidence_path(evidence, len(evidence.items)))


def open_item(evidence: Evidence, index: int) -> ItemOpening | None:
    """None where the evidence doesn't show what the commitment binds."""
    binding = binding_of(evidence)
    if binding is None:
        return None
    return ItemOpening(*binding, index, evidence.items[index], evidence_path(evidence, index))


def open_memory_item(evidence: MemoryEvidence, index: int) -> MemoryItemOpening:
    path = evidence_path(evidence, index)
    return MemoryItemOpening(evidence.mem_root, evidence.walk_root, index, evidence.items[index], path)


def caps(evidence: MemoryEvidence, index: int) -> bytes:
    """For each of an item's openings the path from the cap to memRoot; zeros where there is no parent."""
    nothing = bytes(32) * evidence.challenge.shape.cap_bits
    count = 1 + PARENTS if index < LABEL_SAMPLES else SEGMENT_STEPS
    if index < LABEL_SAMPLES:
        number = label_samples(evidence.commitment, evidence.sample_beacon, evidence.challenge.shape)[index]
        count = 1 if number.number < evidence.challenge.shape.W else count
    shown = [b"".join(cap_node(evidence, index, opening).path) for opening in range(count)]
    return b"".join(shown) + nothing * (1 + PARENTS - count if index < LABEL_SAMPLES else 0)


def open_sample(evidence: AnyEvidence, index: int) -> bytes:
    """What `Challenges.answerItem` takes for a sample, out of good evidence: without the proof."""
    raw = evidence.items[index]
    if isinstance(evidence, Evidence):
        item = parse_item(evidence.challenge.shape, raw)
        (leaf,) = digest_tiles(item.entries[None])
        path = item.tile_path, item.seed, item.round_path
        return TileOpening(item.round, item.tile, leaf, *path, evidence.final_seed).encode()
    opened = evidence.mem_root + evidence.walk_root + raw + caps(evidence, index)
    return opened if index < LABEL_SAMPLES else opened + _end_digest(evidence, raw)


def _end_digest(evidence: MemoryEvidence, raw: bytes) -> bytes:
    """H(state) where a segment item's steps lead."""
    item = parse_segment_item(evidence.challenge.shape, raw)
    blocks = [item.start, *(opening.block for opening in item.openings)]
    state, *read = (np.frombuffer(block, "<u4").astype(np.uint32)[None] for block in blocks)
    for block in read:
        state = step_states(state, block)
    return sha256(state.tobytes()).digest()
