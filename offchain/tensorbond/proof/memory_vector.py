"""The M-phase's part of the vectors."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np

from tensorbond.proof.labels import parent_numbers
from tensorbond.proof.memory import BLOCK_LABELS, LABEL_BYTES, LABEL_SAMPLES, MemoryShape
from tensorbond.proof.memory_evidence import parse_label_item, parse_segment_item
from tensorbond.proof.memory_prover import MemoryProof

SHOWN_LABEL = 5
"""Of the last layer, the label that a vector shows."""
SHOWN_WALKER = 3


def describe_memory(proof: MemoryProof, sample_beacon: bytes | None) -> dict[str, Any]:
    """Every field of an M-phase vector but its inputs; the samples too if there is a sample beacon.

    The walker is left out where a shape has no such walker.
    """
    challenge, shape = proof.challenge, proof.challenge.shape
    shown = shape.labels - shape.W + SHOWN_LABEL
    vector: dict[str, Any] = {
        "salt": challenge.salt.hex(),
        "label_0_0": read_label(proof, 0).hex(),
        "label_last_5": read_label(proof, shown).hex(),
        "parents_last_5": list(parent_numbers(challenge.salt, shown, shape.W)),
        "mem_root": proof.mem_root.hex(),
        "walk_root": proof.walk_root.hex(),
    }
    if shape.walkers > SHOWN_WALKER:
        states, _ = proof.replay([SHOWN_WALKER])
        vector["walker3_final_state_sha256"] = sha256(states[-1, 0].tobytes()).hexdigest()
    vector["commitment"] = proof.commitment.hex()
    if sample_beacon is not None:
        items = proof.open(sample_beacon).items
        vector["samples"] = [{"i": i, **describe_item(shape, i, item)} for i, item in enumerate(items)]
    return vector


def describe_item(shape: MemoryShape, index: int, data: bytes) -> dict[str, Any]:
    """What raw item `index` opens: a label, or a walker's segment."""
    item_sha256 = sha256(data).hexdigest()
    if index < LABEL_SAMPLES:
        label = parse_label_item(shape, data)
        own = label.openings[0]
        start = LABEL_BYTES * (label.number % BLOCK_LABELS)
        return {
            "number": label.number,
            "label": own.block[start : start + LABEL_BYTES].hex(),
            "leaf": sha256(own.block).hexdigest(),
            "path": [node.hex() for node in own.path],
            "item_sha256": item_sha256,
        }
    segment = parse_segment_item(shape, data)
    return {
        "walker": segment.walker,
        "segment": segment.segment,
        "before": segment.before.hex(),
        "start_sha256": sha256(segment.start).hexdigest(),
        "walk_path": [node.hex() for node in segment.path],
        "item_sha256": item_sha256,
    }


def read_label(proof: MemoryProof, number: int) -> bytes:
    """A label as it was committed to."""
    block = proof.memory.blocks(np.array([number // BLOCK_LABELS]))[0].tobytes()
    start = LABEL_BYTES * (number % BLOCK_LABELS)
    return bytes(block[start : start + LABEL_BYTES])
