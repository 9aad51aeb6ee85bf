"""Judges M-phase evidence; trusts nothing in the file.

The header is judged first: a bad one is the answer whatever the items are, since they fold to its cap.
Shares with the prover the challenge, the reference workload and the Merkle file, and no other computation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from tensorbond.proof import merkle
from tensorbond.proof.bad_item import BadItem
from tensorbond.proof.errors import Fault
from tensorbond.proof.labels import (
    STATE_WORDS,
    Words,
    fold_openings,
    hash_pairs,
    label_of,
    next_blocks,
    parent_numbers,
    step_states,
)
from tensorbond.proof.memory import (
    BLOCK_BYTES,
    BLOCK_LABELS,
    LABEL_BYTES,
    LABEL_SAMPLES,
    MEMORY_ITEMS,
    PARENTS,
    SEGMENT_STEPS,
    LabelSample,
    MemoryChallenge,
    MemoryShape,
    SegmentSample,
    label_samples,
    memory_commitment,
    next_checkpoint,
    segment_samples,
    walk_start,
)
from tensorbond.proof.memory_evidence import (
    MemoryEvidence,
    opening_length,
    openings_bytes,
    parse_segment_frame,
)


def find_bad_memory_item(
    challenge: MemoryChallenge, commitment: bytes, sample_beacon: bytes, evidence: MemoryEvidence
) -> BadItem | None:
    """The header if that is bad, else the first bad item, else None. The evidence is about this challenge."""
    shape = challenge.shape
    labels = label_samples(commitment, sample_beacon, shape)
    return find_bad_sample(challenge, labels, segment_samples(commitment, sample_beacon, shape), evidence)


def find_bad_sample(
    challenge: MemoryChallenge,
    labels: Sequence[LabelSample],
    segments: Sequence[SegmentSample],
    evidence: MemoryEvidence,
) -> BadItem | None:
    """As `find_bad_memory_item`, for evidence that was asked for these samples."""
    return (
        _find_bad_header(evidence)
        or _find_bad_label(challenge, labels, evidence)
        or _find_bad_segment(challenge, segments, evidence)
    )


def judge_memory_item(
    challenge: MemoryChallenge, commitment: bytes, sample_beacon: bytes, evidence: MemoryEvidence, index: int
) -> BadItem | None:
    """What is bad about the header, or about this item under it; the other items may be anything."""
    shape, item = challenge.shape, evidence.items[index]
    # Its neighbours are judged alike, so they are all made the same.
    if index < LABEL_SAMPLES:
        items = (item,) * LABEL_SAMPLES + evidence.items[LABEL_SAMPLES:]
        label = label_samples(commitment, sample_beacon, shape)[index]
        found = _find_bad_label(challenge, [label] * LABEL_SAMPLES, replace(evidence, items=items))
    else:
        count = len(evidence.items) - LABEL_SAMPLES
        items = evidence.items[:LABEL_SAMPLES] + (item,) * count
        segment = segment_samples(commitment, sample_beacon, shape)[index - LABEL_SAMPLES]
        found = _find_bad_segment(challenge, [segment] * count, replace(evidence, items=items))
    return _find_bad_header(evidence) or found


def _find_bad_header(evidence: MemoryEvidence) -> BadItem | None:
    reached = memory_commitment(evidence.mem_root, evidence.walk_root)
    if reached != evidence.commitment:
        return BadItem(MEMORY_ITEMS, Fault.COMMITMENT, evidence.commitment.hex(), reached.hex())
    nodes = _words(b"".join(evidence.cap), 8)
    while len(nodes) > 1:
        nodes = hash_pairs(nodes, nodes[0])
    if nodes.tobytes() != evidence.mem_root:
        return BadItem(MEMORY_ITEMS, Fault.CAP, nodes.tobytes().hex(), evidence.mem_root.hex())
    return None


def _find_bad_label(
    challenge: MemoryChallenge, asked: Sequence[LabelSample], evidence: MemoryEvidence
) -> BadItem | None:
    shape, salt = challenge.shape, challenge.salt
    openings = _openings(shape, evidence.items[:LABEL_SAMPLES], 0).reshape(LABEL_SAMPLES, 1 + PARENTS, -1)
    families = np.zeros((LABEL_SAMPLES, 1 + PARENTS), np.int64)
    for row, sample in zip(families, asked, strict=True):
        row[0] = sample.number
        parents = parent_numbers(salt, sample.number, shape.W)
        row[1 : 1 + len(parents)] = parents
    tops = _fold(shape, openings, families // BLOCK_LABELS)
    needs = _words(b"".join(evidence.cap), 8)[(families // BLOCK_LABELS) >> shape.lower]
    wrong = (tops != needs).any(axis=2)
    for sample, item, opened, family, bad, top, need in zip(
        asked, evidence.items, openings, families, wrong, tops, needs, strict=False
    ):
        number, first = int.from_bytes(item[:8], "little"), sample.number < shape.W
        if number != sample.number:
            return BadItem(sample.index, Fault.LABEL_NUMBER, str(number), str(sample.number))
        if first:
            bad[1:] = False
        if bad.any():
            return _bad_opening(sample.index, int(bad.argmax()), top, need)
        if first and opened[1:].any():
            return BadItem(sample.index, Fault.PARENTS, "other bytes", "zeros in layer 0")
        labels = [
            block[LABEL_BYTES * (place % BLOCK_LABELS) :][:LABEL_BYTES]
            for block, place in zip(map(bytes, opened[:, :BLOCK_BYTES]), family.tolist(), strict=True)
        ]
        expected = label_of(salt, sample.number, [] if first else labels[1:])
        if labels[0] != expected:
            return BadItem(sample.index, Fault.LABEL, labels[0].hex(), expected.hex())
    return None


def _find_bad_segment(
    challenge: MemoryChallenge, asked: Sequence[SegmentSample], evidence: MemoryEvidence
) -> BadItem | None:
    shape, raw = challenge.shape, evidence.items[LABEL_SAMPLES:]
    items = [parse_segment_frame(shape, data) for data in raw]
    openings = _openings(shape, raw, LABEL_SAMPLES).reshape(len(raw), SEGMENT_STEPS, -1)
    blocks = openings[:, :, :BLOCK_BYTES].copy().view("<u4")
    state = _words(b"".join(item.start for item in items), STATE_WORDS)
    numbers = np.empty((len(raw), SEGMENT_STEPS), np.int64)
    for step in range(SEGMENT_STEPS):
        numbers[:, step] = next_blocks(state, shape.blocks)
        state = step_states(state, blocks[:, step])
    tops = _fold(shape, openings, numbers)
    needs = _words(b"".join(evidence.cap), 8)[numbers >> shape.lower]
    wrong = (tops != needs).any(axis=2)
    for sample, item, end, bad, top, need in zip(asked, items, state, wrong, tops, needs, strict=True):
        index = sample.index
        if item.walker != sample.walker:
            return BadItem(index, Fault.WALKER, str(item.walker), str(sample.walker))
        if item.segment != sample.segment:
            return BadItem(index, Fault.SEGMENT, str(item.segment), str(sample.segment))
        # h_0 is zero: it stands before segment 1, and segment 0 has nothing before it.
        if item.segment < 2 and item.before != bytes(32):
            return BadItem(index, Fault.BEFORE, item.before.hex(), bytes(32).hex())
        if item.segment == 0:
            start = walk_start(evidence.mem_root, item.walker)
            if item.start != start:
                return BadItem(index, Fault.START, item.start.hex(), start.hex())
        if bad.any():
            return _bad_opening(index, int(bad.argmax()), top, need)
        later = shape.segments - 1 - item.segment
        if any(b"".join(item.digests[later:])):
            return BadItem(index, Fault.UNUSED, "other bytes", "zeros")
        checkpoint = item.before
        if item.segment:
            checkpoint = next_checkpoint(checkpoint, sha256(item.start).digest())
        for digest in (sha256(end.tobytes()).digest(), *item.digests[:later]):
            checkpoint = next_checkpoint(checkpoint, digest)
        reached = merkle.fold(checkpoint, item.walker, item.path, shape.walk_depth)
        if reached != evidence.walk_root:
            return BadItem(index, Fault.WALK, reached.hex(), evidence.walk_root.hex())
    return None


def _openings(shape: MemoryShape, items: Sequence[bytes], first: int) -> NDArray[np.uint8]:
    """All openings of items `first`.. in order, one a row."""
    data = b"".join(openings_bytes(shape, first, item) for item in items)
    return np.frombuffer(data, np.uint8).reshape(-1, opening_length(shape))


def _fold(shape: MemoryShape, openings: NDArray[np.uint8], numbers: NDArray[np.int64]) -> Words:
    """The cap node to which each opening folds from the place of its block: numbers' shape, 8 words each."""
    rows = np.ascontiguousarray(openings).view("<u4").reshape(numbers.size, -1).astype(np.uint32)
    folded = fold_openings(rows, numbers.reshape(-1).astype(np.uint64), shape.lower)
    return folded.reshape(*numbers.shape, 8)


def _words(data: bytes, width: int) -> Words:
    return np.frombuffer(data, "<u4").astype(np.uint32).reshape(-1, width)


def _bad_opening(index: int, opening: int, tops: Words, needs: Words) -> BadItem:
    have, need = tops[opening].tobytes().hex(), needs[opening].tobytes().hex()
    return BadItem(index, Fault.OPENING, have, need, opening=opening)
