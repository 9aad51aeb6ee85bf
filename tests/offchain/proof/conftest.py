from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tensorbond.proof import Challenge, CpuProver, Evidence, Proof, Shape, encode_item, parse_item

VECTORS = Path(__file__).parents[2] / "vectors"


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    """The published C-phase vector."""
    return json.loads((VECTORS / "gpow1.json").read_text())["c_phase"][0]


@pytest.fixture(scope="session")
def challenge(golden: dict[str, Any]) -> Challenge:
    return challenge_of(golden["inputs"])


@pytest.fixture(scope="session")
def sample_beacon(golden: dict[str, Any]) -> bytes:
    return bytes.fromhex(golden["inputs"]["sample_beacon"])


@pytest.fixture(scope="session")
def proof(challenge: Challenge) -> Proof:
    return CpuProver().prove(challenge)


@pytest.fixture(scope="session")
def evidence(proof: Proof, sample_beacon: bytes) -> Evidence:
    return proof.open(sample_beacon)


def challenge_of(inputs: dict[str, Any]) -> Challenge:
    return Challenge(
        beacon=bytes.fromhex(inputs["beacon"]),
        chain_id=inputs["chain_id"],
        provider=bytes.fromhex(inputs["provider"]),
        device=inputs["device"],
        slot=inputs["slot"],
        shape=Shape(*(inputs[name] for name in "mnKRq")),
    )


def change_item(evidence: Evidence, index: int, **changes: Any) -> Evidence:
    """The evidence with some fields of item `index` changed."""
    shape = evidence.challenge.shape
    item = replace(parse_item(shape, evidence.items[index]), **changes)
    return replace_item(evidence, index, encode_item(shape, item))


def replace_item(evidence: Evidence, index: int, data: bytes) -> Evidence:
    return replace(evidence, items=(*evidence.items[:index], data, *evidence.items[index + 1 :]))


def flip(data: bytes, bit: int = 0) -> bytes:
    """The bytes with one bit changed, counted from the lowest bit of the first byte."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
