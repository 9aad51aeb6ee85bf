"""Evidence of classes too large to prove here, for measuring the verifier at their size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from hashlib import sha256

import numpy as np

from tensorbond.proof import merkle
from tensorbond.proof.challenge import Challenge, Shape, samples
from tensorbond.proof.evidence import Evidence, Item, encode_item
from tensorbond.proof.labels import label_of, next_blocks, parent_numbers, step_states
from tensorbond.proof.memory import (
    BLOCK_BYTES,
    BLOCK_LABELS,
    LABEL_BYTES,
    LABEL_SAMPLES,
    SEGMENT_SAMPLES,
    SEGMENT_STEPS,
    LabelSample,
    MemoryChallenge,
    MemoryShape,
    SegmentSample,
    memory_commitment,
    next_checkpoint,
)
from tensorbond.proof.memory_evidence import (
    LabelItem,
    MemoryEvidence,
    Opening,
    SegmentItem,
    encode_label_item,
    encode_segment_item,
)
from tensorbond.proof.verifier import follow_chain, multiply_samples


def unproven_evidence(shape: Shape) -> Evidence:
    """Evidence whose every entry is right, but of which nothing was ever proven: its paths are random.

    A verifier generates, multiplies, compares and folds all of it, as for a true proof, before it refuses
    the header. Proving such a shape would take a CPU hours.
    """
    random = np.random.default_rng(shape.K + shape.q)
    challenge = Challenge(random.bytes(32), 1, random.bytes(20), 1, 1, shape)
    roots = tuple(random.bytes(32) for _ in range(shape.R))
    commitment, beacon = random.bytes(32), random.bytes(32)
    chain = follow_chain(challenge, roots)
    asked = samples(commitment, beacon, shape)
    seeds = [chain.seeds[sample.round] for sample in asked]
    items = tuple(
        encode_item(
            shape,
            Item(
                round=sample.round,
                tile=sample.tile,
                entries=entries,
                tile_path=tuple(random.bytes(32) for _ in range(shape.tile_depth)),
                seed=seed,
                round_path=tuple(random.bytes(32) for _ in range(shape.round_depth)),
            ),
        )
        for sample, seed, entries in zip(asked, seeds, multiply_samples(challenge, asked, seeds), strict=True)
    )
    return Evidence(challenge, beacon, commitment, items, roots, chain.final_seed)


def sparse_evidence(
    shape: MemoryShape,
) -> tuple[MemoryEvidence, tuple[LabelSample, ...], tuple[SegmentSample, ...]]:
    """M-phase evidence in which everything is right, and the samples that it answers.

    Only what is opened was ever computed: the samples are chosen here, not by a commitment. The shape has so
    many labels that no opened one is another's parent by chance, and more than one segment.
    """
    random = np.random.default_rng(shape.labels)
    challenge = MemoryChallenge(random.bytes(32), 1, random.bytes(20), 1, 1, shape)
    blocks: defaultdict[int, bytes] = defaultdict(lambda: random.bytes(BLOCK_BYTES))
    labels = tuple(
        LabelSample(index, int(number))
        for index, number in enumerate(random.integers(shape.W, shape.labels, LABEL_SAMPLES))
    )
    families = [(each.number, *parent_numbers(challenge.salt, each.number, shape.W)) for each in labels]
    for number, *parents in families:
        known = [_label(blocks[parent // BLOCK_LABELS], parent) for parent in parents]
        own = bytearray(blocks[number // BLOCK_LABELS])
        place = LABEL_BYTES * (number % BLOCK_LABELS)
        own[place : place + LABEL_BYTES] = label_of(challenge.salt, number, known)
        blocks[number // BLOCK_LABELS] = bytes(own)
    walkers = random.permutation(shape.walkers)[:SEGMENT_SAMPLES].tolist()
    segments = tuple(
        SegmentSample(LABEL_SAMPLES + position, walker, int(random.integers(1, shape.segments)))
        for position, walker in enumerate(walkers)
    )
    walks = [_walk_segment(shape, blocks, random) for _ in segments]
    tree = _sparse_tree(
        {number: sha256(block).digest() for number, block in blocks.items()}, shape.lower, random
    )
    cap = tuple(tree[shape.lower][number] for number in range(1 << shape.cap_bits))
    later = [[random.bytes(32) for _ in range(shape.segments - 1 - each.segment)] for each in segments]
    # The chain of checkpoints starts at zeros: before segment 1 none other stands.
    before = [bytes(32) if each.segment == 1 else random.bytes(32) for each in segments]
    ends = {}
    for each, (start, end, _), digests, first in zip(segments, walks, later, before, strict=True):
        checkpoint = first
        for digest in (sha256(start).digest(), sha256(end).digest(), *digests):
            checkpoint = next_checkpoint(checkpoint, digest)
        ends[each.walker] = checkpoint
    walk_tree = _sparse_tree(ends, shape.walk_depth, random)

    def openings(numbers: Iterable[int]) -> tuple[Opening, ...]:
        return tuple(Opening(blocks[number], _path(tree, number, shape.lower)) for number in numbers)

    items = [
        encode_label_item(shape, LabelItem(family[0], openings(each // BLOCK_LABELS for each in family)))
        for family in families
    ]
    for each, (start, _, visited), digests, first in zip(segments, walks, later, before, strict=True):
        unused = [bytes(32)] * each.segment
        item = SegmentItem(
            walker=each.walker,
            segment=each.segment,
            before=first,
            start=start,
            openings=openings(visited),
            digests=(*digests, *unused),
            path=_path(walk_tree, each.walker, shape.walk_depth),
        )
        items.append(encode_segment_item(shape, item))
    mem_root, walk_root = merkle.root_of(cap), walk_tree[shape.walk_depth][0]
    commitment = memory_commitment(mem_root, walk_root)
    evidence = MemoryEvidence(challenge, random.bytes(32), commitment, tuple(items), mem_root, walk_root, cap)
    return evidence, labels, segments


def _label(block: bytes, number: int) -> bytes:
    place = LABEL_BYTES * (number % BLOCK_LABELS)
    return block[place : place + LABEL_BYTES]


def _walk_segment(
    shape: MemoryShape, blocks: defaultdict[int, bytes], random: np.random.Generator
) -> tuple[bytes, bytes, list[int]]:
    """A start state, the state after 64 steps from it, and the blocks read on the way."""
    start = random.bytes(BLOCK_BYTES)
    state, visited = np.frombuffer(start, np.uint32).reshape(1, -1), []
    for _ in range(SEGMENT_STEPS):
        visited.append(int(next_blocks(state, shape.blocks)[0]))
        state = step_states(state, np.frombuffer(blocks[visited[-1]], np.uint32).reshape(1, -1))
    return start, state.tobytes(), visited


class _Nodes(dict[int, bytes]):
    """One level of a tree; a node that nothing opened leads to is random."""

    def __init__(self, nodes: dict[int, bytes], random: np.random.Generator) -> None:
        super().__init__(nodes)
        self.random = random

    def __missing__(self, number: int) -> bytes:
        self[number] = self.random.bytes(32)
        return self[number]


def _sparse_tree(leaves: dict[int, bytes], depth: int, random: np.random.Generator) -> list[_Nodes]:
    levels = [_Nodes(leaves, random)]
    for _ in range(depth):
        below = levels[-1]
        above = {number >> 1 for number in below}
        joined = {number: merkle.join(below[2 * number], below[2 * number + 1]) for number in above}
        levels.append(_Nodes(joined, random))
    return levels


def _path(levels: list[_Nodes], number: int, depth: int) -> tuple[bytes, ...]:
    return tuple(levels[height][(number >> height) ^ 1] for height in range(depth))
