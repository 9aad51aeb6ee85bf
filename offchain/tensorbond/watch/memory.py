"""F1 of the M-phase out of evidence: the arguments of `proveBadMemoryItem` and `proveBadMemoryHeader`."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tensorbond.chain.types import CapNode, Commit, HeaderOpening, MemoryItemOpening
from tensorbond.proof import merkle
from tensorbond.proof.bad_item import BadItem
from tensorbond.proof.evidence import evidence_path
from tensorbond.proof.labels import STATE_WORDS, next_blocks, parent_numbers, step_states
from tensorbond.proof.memory import (
    BLOCK_BYTES,
    BLOCK_LABELS,
    LABEL_SAMPLES,
    MemoryShape,
    label_samples,
)
from tensorbond.proof.memory_evidence import MemoryEvidence, parse_segment_item

HeaderClaim = tuple[Commit, HeaderOpening, bytes]
ItemClaim = tuple[Commit, MemoryItemOpening, CapNode, bytes]


def header_claim(evidence: MemoryEvidence, commit: Commit) -> HeaderClaim:
    """Arguments of proveBadMemoryHeader."""
    opened = HeaderOpening(evidence.header, evidence_path(evidence, len(evidence.items)))
    return commit, opened, evidence.signature


def item_claim(evidence: MemoryEvidence, commit: Commit, bad: BadItem) -> ItemClaim:
    """Arguments of proveBadMemoryItem about evidence whose header is good."""
    opened = MemoryItemOpening(
        mem_root=evidence.mem_root,
        walk_root=evidence.walk_root,
        index=bad.index,
        item=evidence.items[bad.index],
        path=evidence_path(evidence, bad.index),
    )
    return commit, opened, cap_node(evidence, bad.index, bad.opening or 0), evidence.signature


def cap_node(evidence: MemoryEvidence, index: int, opening: int) -> CapNode:
    """What memRoot has above an opening of an item, out of the header."""
    shape = evidence.challenge.shape
    place = block_asked(evidence, index, opening) >> shape.lower
    levels = merkle.build(evidence.cap)
    return CapNode(opening, evidence.cap[place], merkle.path_of(levels, place))


def block_asked(evidence: MemoryEvidence, index: int, opening: int) -> int:
    """The number of the block that an opening of an item must be of."""
    challenge, shape = evidence.challenge, evidence.challenge.shape
    if index < LABEL_SAMPLES:
        asked = label_samples(evidence.commitment, evidence.sample_beacon, shape)[index]
        family = (asked.number, *parent_numbers(challenge.salt, asked.number, shape.W))
        return int(family[opening]) // BLOCK_LABELS
    return _blocks_walked(shape, evidence.items[index])[opening]


@lru_cache(maxsize=32)
def _blocks_walked(shape: MemoryShape, item: bytes) -> list[int]:
    """By step, the block that the state before it asks for."""
    parsed = parse_segment_item(shape, item)
    state = np.frombuffer(parsed.start, "<u4").astype(np.uint32).reshape(1, STATE_WORDS)
    numbers = []
    for opened in parsed.openings:
        numbers.append(int(next_blocks(state, shape.blocks)[0]))
        block = np.frombuffer(opened.block, "<u4").astype(np.uint32).reshape(1, BLOCK_BYTES // 4)
        state = step_states(state, block)
    return numbers
