from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tensorbond.proof import (
    AnyEvidence,
    Challenge,
    CpuProver,
    Evidence,
    MemoryChallenge,
    MemoryEvidence,
    MemoryProof,
    MemoryShape,
    Proof,
    Shape,
    encode_item,
    parse_item,
)

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


@pytest.fixture(scope="session")
def golden_memory() -> dict[str, Any]:
    """The published M-phase vector."""
    return json.loads((VECTORS / "gpow1.json").read_text())["m_phase"][0]


@pytest.fixture(scope="session")
def memory_challenge(golden_memory: dict[str, Any]) -> MemoryChallenge:
    return memory_challenge_of(golden_memory["inputs"])


@pytest.fixture(scope="session")
def memory_proof(memory_challenge: MemoryChallenge) -> MemoryProof:
    return CpuProver().prove(memory_challenge)


@pytest.fixture(scope="session")
def memory_evidence(memory_proof: MemoryProof, sample_beacon: bytes) -> MemoryEvidence:
    return memory_proof.open(sample_beacon)


def challenge_of(inputs: dict[str, Any]) -> Challenge:
    return Challenge(
        beacon=bytes.fromhex(inputs["beacon"]),
        chain_id=inputs["chain_id"],
        provider=bytes.fromhex(inputs["provider"]),
        device=inputs["device"],
        slot=inputs["slot"],
        shape=Shape(*(inputs[name] for name in "mnKRq")),
    )


def memory_challenge_of(inputs: dict[str, Any]) -> MemoryChallenge:
    return MemoryChallenge(
        beacon=bytes.fromhex(inputs["beacon"]),
        chain_id=inputs["chain_id"],
        provider=bytes.fromhex(inputs["provider"]),
        device=inputs["device"],
        slot=inputs["slot"],
        shape=MemoryShape(*(inputs[name] for name in ("layers", "W", "walkers", "steps"))),
    )


def change_item(evidence: Evidence, index: int, **changes: Any) -> Evidence:
    """The evidence with some fields of item `index` changed."""
    shape = evidence.challenge.shape
    item = replace(parse_item(shape, evidence.items[index]), **changes)
    return replace_item(evidence, index, encode_item(shape, item))


def replace_item(evidence: AnyEvidence, index: int, data: bytes) -> Any:
    return replace(evidence, items=(*evidence.items[:index], data, *evidence.items[index + 1 :]))


def flip(data: bytes, bit: int = 0) -> bytes:
    """The bytes with one bit changed, counted from the lowest bit of the first byte."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
