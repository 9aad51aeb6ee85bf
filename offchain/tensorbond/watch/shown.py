"""What single items of an evidence prove that nobody shows as a whole: each is judged by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from tensorbond.chain.types import (
    HeaderOpening,
    ItemOpening,
    MemoryItemOpening,
    Outcome,
    OutcomeResult,
)
from tensorbond.oracle.archive import Case
from tensorbond.proof.challenge import Challenge, commitment_of
from tensorbond.proof.evidence import Evidence, item_length
from tensorbond.proof.memory import MEMORY_ITEMS, MemoryChallenge
from tensorbond.proof.memory_evidence import MemoryEvidence, memory_header_length, memory_item_length
from tensorbond.proof.memory_verifier import judge_memory_item
from tensorbond.proof.verifier import follow_chain, judge_tile
from tensorbond.proof.wire import split
from tensorbond.watch.answers import ShownItem
from tensorbond.watch.fraud import binding_of
from tensorbond.watch.memory import cap_node
from tensorbond.watch.openings import caps

Parts = Mapping[int, ShownItem]
"""By index; the header behind the last item."""

Found = Iterator[tuple[str, tuple[Any, ...]]]
"""Kinds of disputes, each with the arguments that follow leaf, outcome and record."""


def judge_parts(case: Case, parts: Parts, row: Outcome, final_seeds: Collection[bytes] = ()) -> Found:
    """What these parts under the row's witness prove against it. `final_seeds`: of the commitment, so far as
    answers opened it."""
    if isinstance(case.challenge, Challenge):
        yield from _judge_compute(case, case.challenge, parts, row, final_seeds)
    else:
        yield from _judge_memory(case, case.challenge, parts, row)


def _judge_compute(
    case: Case, challenge: Challenge, parts: Parts, row: Outcome, final_seeds: Collection[bytes]
) -> Found:
    shape, commitment = challenge.shape, case.commit.commitment
    count, length = shape.q, item_length(shape)
    header, items = parts.get(count), {index: part for index, part in parts.items() if index < count}
    roots, stated = (bytes(32),) * shape.R, None
    if header is not None and len(header.item) == 32 * (shape.R + 1):
        *told, stated = split(header.item, 32)
        roots = tuple(told)
    raw = tuple(
        items[index].item if index in items and len(items[index].item) == length else bytes(length)
        for index in range(count)
    )
    binding = None
    for final_seed in (stated or bytes(32), *final_seeds):
        evidence = Evidence(challenge, case.sample_beacon, commitment, raw, roots, final_seed)
        binding = binding or binding_of(evidence)
    if header is not None:
        chain = follow_chain(challenge, roots)
        reached = commitment_of(chain.final_seed, chain.rounds_root)
        is_good = stated == chain.final_seed and reached == commitment
        yield from _header(header, is_good, count, row)
    if binding is None:
        return
    for index, part in items.items():
        opened = ItemOpening(*binding, index, part.item, part.path)
        bad = None
        if is_whole := len(part.item) == length:
            bad = judge_tile(challenge, commitment, case.sample_beacon, index, part.item, binding[1])
        if bad is not None or not is_whole:
            if row.result != OutcomeResult.BAD_ITEM:
                yield "falsePassItem", (opened, (bad and bad.row) or 0, (bad and bad.col) or 0)
        elif row.result == OutcomeResult.BAD_ITEM and row.item == index:
            yield "falseFailItem", (opened,)


def _judge_memory(case: Case, challenge: MemoryChallenge, parts: Parts, row: Outcome) -> Found:
    shape, commitment, header = challenge.shape, case.commit.commitment, parts.get(MEMORY_ITEMS)
    if header is None:
        return
    if len(header.item) != memory_header_length(shape):
        yield from _header(header, False, MEMORY_ITEMS, row, "Memory")
        return
    lengths = [memory_item_length(shape, index) for index in range(MEMORY_ITEMS)]
    raw = tuple(
        parts[index].item if index in parts and len(parts[index].item) == length else bytes(length)
        for index, length in enumerate(lengths)
    )
    mem_root, walk_root, *cap = split(header.item, 32)
    evidence = MemoryEvidence(challenge, case.sample_beacon, commitment, raw, mem_root, walk_root, tuple(cap))
    about = challenge, commitment, case.sample_beacon, evidence
    is_good = (bad := judge_memory_item(*about, 0)) is None or bad.index != MEMORY_ITEMS
    yield from _header(header, is_good, MEMORY_ITEMS, row, "Memory")
    if not is_good:
        return
    for index, part in parts.items():
        if index == MEMORY_ITEMS:
            continue
        opened = MemoryItemOpening(mem_root, walk_root, index, part.item, part.path)
        is_whole = len(part.item) == lengths[index]
        bad = judge_memory_item(*about, index) if is_whole else None
        if bad is not None or not is_whole:
            if row.result != OutcomeResult.BAD_ITEM:
                shown = cap_node(evidence, index, (bad and bad.opening) or 0)
                yield "falsePassMemoryItem", (opened, shown)
        elif row.result == OutcomeResult.BAD_ITEM and row.item == index:
            yield "falseFailMemoryItem", (opened, caps(evidence, index))


def _header(part: ShownItem, is_good: bool, index: int, row: Outcome, phase: str = "") -> Found:
    opened = HeaderOpening(part.item, part.path)
    if row.result != OutcomeResult.BAD_ITEM:
        if not is_good:
            yield f"falsePass{phase}Header", (opened,)
    elif is_good and row.item == index:
        yield f"falseFail{phase}Header", (opened,)
