"""Less memory than claimed: garbage is caught by samples, regeneration by the clock.

A dropped block comes back from 16 parents for each of its four labels, some of which were dropped as well. So
dropping a share φ of the data makes a walk read 1 + 15φ times as much or more, and the fill as well. A class
bounds the bandwidth from below, which turns that into SLOW.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from hashlib import sha256

import numpy as np
import pytest

from tensorbond.chain.parameters import Parameters
from tensorbond.oracle.duties import memory_shape_of
from tensorbond.oracle.outcomes import bandwidth_of
from tensorbond.proof import (
    Fault,
    HostMemory,
    ItemBad,
    MemoryChallenge,
    MemoryCpuProver,
    MemoryProof,
    MemoryShape,
    label_of,
    label_samples,
    parent_numbers,
    verify,
)
from tensorbond.proof.labels import Words, fill_labels
from tensorbond.proof.memory import BLOCK_LABELS, LABEL_BYTES, next_checkpoint
from tensorbond.proof.memory_prover import Numbers, Tree
from tests.anvil import ROOT

from .forging import beacon, ended, refusal_of

pytestmark = pytest.mark.unit

SHAPE = MemoryShape(layers=32, W=64, walkers=16, steps=128)


@pytest.fixture(scope="module")
def question() -> MemoryChallenge:
    return MemoryChallenge(beacon("memory"), 31337, b"\x11" * 20, 3, 42, SHAPE)


@pytest.fixture(scope="module")
def filled(question: MemoryChallenge) -> MemoryProof:
    return MemoryCpuProver(1, 1 << 26).prove(question)


# Without regenerating


class GarbageProver(MemoryCpuProver):
    """Never computes `share` of the labels; whatever hangs on them is true to the garbage in their place."""

    def __init__(self, share: float) -> None:
        super().__init__(1, 1 << 26)
        self.garbage = set(np.random.default_rng(1).permutation(SHAPE.labels)[: int(share * SHAPE.labels)])

    def fill(self, challenge: MemoryChallenge, pool: ThreadPoolExecutor, count: Callable[[], None]) -> Words:
        labels = np.empty((SHAPE.labels, 8), np.uint32)
        for layer in range(SHAPE.layers):
            fill_labels(labels, challenge.salt, layer, SHAPE.W, SHAPE.W, 0)
            own = range(layer * SHAPE.W, (layer + 1) * SHAPE.W)
            labels[[number for number in own if number in self.garbage]] = 0
        return labels


class HollowProver(MemoryCpuProver):
    """Fills and hashes everything, then keeps zeros for `share` of the blocks, and walks over those."""

    def __init__(self, share: float) -> None:
        super().__init__(1, 1 << 26)
        self.share = share

    def walk(
        self,
        challenge: MemoryChallenge,
        memory: HostMemory,
        pool: ThreadPoolExecutor,
        count: Callable[[], None],
    ) -> Words:
        dropped = np.random.default_rng(2).permutation(SHAPE.blocks)[: int(self.share * SHAPE.blocks)]
        memory.labels.reshape(-1, 32)[dropped] = 0
        return super().walk(challenge, memory, pool, count)


class ShortWalkProver(MemoryCpuProver):
    """Walks half of the way."""

    def __init__(self) -> None:
        super().__init__(1, 1 << 26)

    def walk(
        self,
        challenge: MemoryChallenge,
        memory: HostMemory,
        pool: ThreadPoolExecutor,
        count: Callable[[], None],
    ) -> Words:
        half = MemoryShape(SHAPE.layers, SHAPE.W, SHAPE.walkers, SHAPE.steps // 2)
        short = MemoryChallenge(b"\0" * 32, 0, b"\0" * 20, 0, 0, half)
        return super().walk(short, memory, pool, count)


def test_garbage_prover__some_labels_never_computed__is_caught_exactly_when_a_sample_hits(
    question, cost
) -> None:
    prover = GarbageProver(0.05)
    proof = prover.prove(question)
    caught = 0
    for index in range(60):
        evidence = proof.open(beacon("sample", index))
        asked = label_samples(proof.commitment, evidence.sample_beacon, SHAPE)
        hit = next((sample.index for sample in asked if sample.number in prover.garbage), None)
        if hit is None:
            verify(question, proof.commitment, evidence.sample_beacon, evidence)
            continue
        refusal = refusal_of(question, evidence)
        assert (refusal.index, refusal.reason) == (hit, Fault.LABEL)
        caught += 1
    assert caught >= 60 * 0.9
    cost("5 % of the labels never computed", 0.95 * SHAPE.labels, SHAPE.labels, "labels", ended(refusal))


def test_hollow_prover__some_blocks_forgotten__is_caught(question, cost) -> None:
    refusal = refusal_of(question, HollowProver(0.05).prove(question).open(beacon("sample")))
    assert isinstance(refusal, ItemBad)
    assert refusal.reason is Fault.OPENING
    cost("5 % of the memory zeros, walked over", 0.95 * SHAPE.blocks, SHAPE.blocks, "blocks", ended(refusal))


def test_short_walk_prover__half_of_the_steps__is_caught(question, cost) -> None:
    refusal = refusal_of(question, ShortWalkProver().prove(question).open(beacon("sample")))
    assert (refusal.index, refusal.reason) == (64, Fault.WALK)
    steps = SHAPE.walkers * SHAPE.steps
    cost("half of the walk skipped", steps / 2, steps, "steps", ended(refusal))


# With regenerating


@dataclass(eq=False)
class PartialMemory:
    """Labels of which some blocks were dropped once hashed; what is read of them is computed again."""

    challenge: MemoryChallenge
    labels: Words
    tree: Tree
    dropped: frozenset[int]
    reads: int = field(default=0)
    """Labels read, 32 bytes each."""

    def blocks(self, numbers: Numbers) -> Words:
        found = [[self.label(BLOCK_LABELS * block + i) for i in range(BLOCK_LABELS)] for block in numbers]
        return np.frombuffer(b"".join(map(b"".join, found)), "<u4").astype(np.uint32).reshape(-1, 32)

    def nodes(self, height: int, numbers: Numbers) -> Words:
        return self.tree.nodes(height, numbers)

    def label(self, number: int) -> bytes:
        if number // BLOCK_LABELS not in self.dropped:
            self.reads += 1
            return self.labels[number].tobytes()
        parents = parent_numbers(self.challenge.salt, number, SHAPE.W)
        return label_of(self.challenge.salt, number, [self.label(parent) for parent in parents])


def any_blocks(share: float) -> frozenset[int]:
    order = np.random.default_rng(3).permutation(SHAPE.blocks)
    return frozenset(order[: round(share * SHAPE.blocks)].tolist())


def every_other_layer(share: float) -> frozenset[int]:
    """From the last downwards: p_0 is always kept, and the fewest labels hang on what is dropped."""
    layers = range(SHAPE.layers - 1, SHAPE.layers - 1 - 2 * round(share * SHAPE.layers), -2)
    size = SHAPE.W // BLOCK_LABELS
    return frozenset(block for layer in layers for block in range(layer * size, (layer + 1) * size))


def walk_with(filled: MemoryProof, dropped: frozenset[int]) -> tuple[MemoryProof, PartialMemory]:
    """The honest commitment, from a memory that is smaller."""
    memory = filled.memory
    assert isinstance(memory, HostMemory)
    kept = memory.labels.copy()
    kept.reshape(-1, 32)[sorted(dropped)] = 0
    partial = PartialMemory(filled.challenge, kept, memory.tree, dropped)
    unwalked = MemoryProof(filled.challenge, filled.mem_root, bytes(32), partial, filled.walks)
    states, _ = unwalked.replay(range(SHAPE.walkers))
    ends = []
    for walker in range(SHAPE.walkers):
        checkpoint = bytes(32)
        for state in states[1:, walker]:
            checkpoint = next_checkpoint(checkpoint, sha256(state.tobytes()).digest())
        ends.append(checkpoint)
    walks = Tree.over(np.frombuffer(b"".join(ends), "<u4").astype(np.uint32).reshape(-1, 8), SHAPE.walk_depth)
    return MemoryProof(filled.challenge, filled.mem_root, walks.root, partial, walks), partial


@pytest.mark.parametrize("choose", [any_blocks, every_other_layer])
@pytest.mark.parametrize("share", [1 / 32, 1 / 16, 1 / 8])
def test_partial_memory__dropped_blocks_computed_again__is_right_and_slow(
    question, filled, cost, share, choose
) -> None:
    proof, memory = walk_with(filled, choose(share))
    reads, honest = memory.reads, BLOCK_LABELS * SHAPE.walkers * SHAPE.steps

    assert proof.commitment == filled.commitment
    verify(question, proof.commitment, beacon("sample"), proof.open(beacon("sample")))
    assert len(memory.dropped) == round(share * SHAPE.blocks)
    assert reads / honest > 1 + 12 * share
    name = choose.__name__.replace("_", " ")
    kept = f"{100 * (1 - share):.1f} % of the memory kept, {name} dropped"
    ending = "passes, unless SLOW"
    cost(kept, LABEL_BYTES * reads, LABEL_BYTES * honest, "bytes read", ending)


def test_partial_memory__first_layer_dropped__costs_hashes_only(question, filled, cost) -> None:
    """One layer has no parents to read. It is one part in `layers`: of 80 GB, 8 MB."""
    first = frozenset(range(SHAPE.W // BLOCK_LABELS))
    proof, memory = walk_with(filled, first)
    reads, honest = memory.reads, BLOCK_LABELS * SHAPE.walkers * SHAPE.steps
    verify(question, proof.commitment, beacon("sample"), proof.open(beacon("sample")))
    assert honest * (1 - 2 / SHAPE.layers) < reads < honest
    kept = f"all but the first of {SHAPE.layers} layers kept"
    cost(kept, LABEL_BYTES * reads, LABEL_BYTES * honest, "bytes read", "passes: free, 1/layers of the data")


# A class as large as a card


STEPS_A_LABEL = 0.5
"""65,536 walkers of 16,384 steps on 69 GB of labels; fewer steps leave more to the fill."""
BANDWIDTHS = {"peak_bandwidth": 50_000, "min_bandwidth": 35_000}


def reads_of(shape: MemoryShape, salt: bytes, dropped: frozenset[int]) -> tuple[float, float]:
    """Labels read for one label of the fill, and for one block of the walk: exact, by counting upwards."""
    numbers = range(shape.W, shape.labels)
    parents = np.array([parent_numbers(salt, number, shape.W) for number in numbers])
    gone = np.repeat([block in dropped for block in range(shape.blocks)], BLOCK_LABELS)
    reads = np.where(gone[: shape.W], 0.0, 1.0)
    fill = 0.0
    for start in range(0, len(parents), shape.W):
        again = reads[parents[start : start + shape.W]].sum(axis=1)
        fill += again.sum()
        reads = np.append(reads, np.where(gone[shape.W + start :][: shape.W], again, 1.0))
    return fill / shape.labels, BLOCK_LABELS * reads.mean()


def test_reads_of__small_memory__are_those_of_the_walk(question, filled) -> None:
    dropped = every_other_layer(1 / 8)
    _, memory = walk_with(filled, dropped)
    _, block = reads_of(SHAPE, question.salt, dropped)
    assert block == pytest.approx(memory.reads / (SHAPE.walkers * SHAPE.steps), rel=0.1)


def test_reads_of__many_layers__no_more_than_the_unattested_share_is_affordable(question, cost) -> None:
    """An attestation claims 92 % of the data. To keep less than that takes more than 1.4 times as long."""
    shape = MemoryShape(layers=256, W=64, walkers=1, steps=64)
    size = shape.W // BLOCK_LABELS
    honest = 544 + 128 * STEPS_A_LABEL
    listed = Parameters.load(ROOT / "tests" / "network.toml").classes[0].to_struct()
    terms = replace(listed, layers=8192, layer_bits=18, walker_bits=16, segments=256, **BANDWIDTHS)
    elapsed = memory_shape_of(terms).bytes_moved / (terms.peak_bandwidth * 10**6)
    assert bandwidth_of(terms, 0, round(elapsed)) >= terms.min_bandwidth
    for share, least in ((0.08, 1.4), (0.125, 2.2), (0.2, 7.0)):
        layers = range(shape.layers - 1, shape.layers - 1 - 2 * round(share * shape.layers), -2)
        dropped = frozenset(b for layer in layers for b in range(layer * size, (layer + 1) * size))
        fill, block = reads_of(shape, question.salt, dropped)
        moved = LABEL_BYTES * (1 + fill + STEPS_A_LABEL * block)
        assert moved / honest > least
        assert bandwidth_of(terms, 0, int(elapsed * moved / honest)) < terms.min_bandwidth
        name = f"{100 * share:g} % of a card's data dropped, every other layer, fill and walk"
        cost(name, moved, honest, "bytes a label", "SLOW, at 0.7 of the peak")
