"""Vectors: every intermediate value of a proof of either phase, in the form of the published vector file.

Another implementation computes the same inputs and compares. A vector is JSON; hex stands without 0x.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from tensorbond.proof.challenge import PROFILES, Challenge, Shape, row_seed, samples
from tensorbond.proof.errors import (
    VectorFieldMissing,
    VectorFieldRepeated,
    VectorFieldUnknown,
    VectorSyntax,
    VectorTypeWrong,
)
from tensorbond.proof.evidence import Item, parse_item
from tensorbond.proof.memory import MemoryChallenge, MemoryShape
from tensorbond.proof.memory_vector import describe_memory
from tensorbond.proof.prover import CpuProver
from tensorbond.proof.workload import digest_tiles, generate_lines

SHOWN_ELEMENTS = 32
"""Elements of the first row of A_0 and of the first column of B that a vector shows."""


@dataclass(frozen=True)
class Inputs:
    """What a vector is computed from; `sample_beacon` is None where the request may leave it out."""

    challenge: Challenge | MemoryChallenge
    sample_beacon: bytes | None


def parse_requests(text: str | bytes) -> tuple[list[Inputs], bool]:
    """The inputs in a JSON text, and whether there was more than one object to hold them.

    The text holds inputs or a vector (an object with inputs), a list of them, or a whole vector file
    ({"c_phase": [..], "m_phase": [..]}). Raises a VectorInvalid, FieldInvalid or ShapeInvalid that names the
    first thing wrong.
    """
    value = _load(text)
    if isinstance(value, dict) and _PHASES & value.keys():
        value = [entry for phase in value if phase in _PHASES for entry in _read_list(phase, value[phase])]
    if isinstance(value, list):
        return [_read_inputs(entry, f"inputs {i}", True) for i, entry in enumerate(value)], True
    return [_read_inputs(value, "inputs", True)], False


def parse_challenge(text: str | bytes) -> Inputs:
    """The inputs in a JSON text that holds one object, whose sample beacon may be left out."""
    return _read_inputs(_load(text), "inputs", False)


def compute_vector(inputs: Inputs, prover: CpuProver | None = None) -> dict[str, Any]:
    """Every field of a vector but its inputs.

    Raises VectorFieldMissing where a C-phase has no sample beacon.
    """
    challenge = inputs.challenge
    if isinstance(challenge, MemoryChallenge):
        proven = (prover or CpuProver()).prove(challenge)
        return describe_memory(proven, inputs.sample_beacon)
    if inputs.sample_beacon is None:
        raise VectorFieldMissing("inputs", ["sample_beacon"])
    shape = challenge.shape
    proof = (prover or CpuProver()).prove(challenge)
    evidence = proof.open(inputs.sample_beacon)
    asked = samples(proof.commitment, inputs.sample_beacon, shape)
    opened = [parse_item(shape, item) for item in evidence.items]
    return {
        "seeds": _hex(proof.seeds),
        "roots": _hex(proof.roots),
        "final_seed": proof.final_seed.hex(),
        "rounds_root": proof.rounds_root.hex(),
        "commitment": proof.commitment.hex(),
        "A0_row0_first32": _first_elements(row_seed(challenge.first_seed), shape),
        "B_col0_first32": _first_elements(challenge.column_seed, shape),
        "samples": [
            {"i": sample.index, **_describe_item(item)} for sample, item in zip(asked, opened, strict=True)
        ],
    }


def _describe_item(item: Item) -> dict[str, Any]:
    return {
        "round": item.round,
        "tile": item.tile,
        "entries_sha256": sha256(item.entries.astype("<i4").tobytes()).hexdigest(),
        "first_row": item.entries[0].tolist(),
        "leaf": digest_tiles(item.entries[None])[0].hex(),
        "path": _hex(item.tile_path),
        "round_path": _hex(item.round_path),
    }


def _first_elements(matrix_seed: bytes, shape: Shape) -> list[int]:
    line = generate_lines(matrix_seed, 0, 1, SHOWN_ELEMENTS, None, shape.profile)[0]
    elements: list[int] = line.tolist()
    return elements


def _hex(digests: tuple[bytes, ...]) -> list[str]:
    return [digest.hex() for digest in digests]


def _load(text: str | bytes) -> Any:
    def refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for name, value in pairs:
            if name in fields:
                raise VectorFieldRepeated(name)
            fields[name] = value
        return fields

    try:
        return json.loads(text, object_pairs_hook=refuse_repeats)
    except (ValueError, RecursionError) as problem:
        raise VectorSyntax(str(problem)) from problem


def _read_list(where: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise VectorTypeWrong(where, value, "a list of vectors")
    return value


def _read_inputs(value: Any, where: str, needs_samples: bool) -> Inputs:
    if isinstance(value, dict) and "inputs" in value:
        value = value["inputs"]
    if not isinstance(value, dict):
        raise VectorTypeWrong(where, value, "a JSON object")
    is_memory = "layers" in value
    readers = _PLACE | (_MEMORY if is_memory else _TILES)
    optional = {"profile"} if needs_samples and not is_memory else {"profile", "sample_beacon"}
    unknown = [name for name in value if name not in readers]
    if unknown:
        raise VectorFieldUnknown(where, unknown)
    missing = [name for name in readers if name not in value and name not in optional]
    if missing:
        raise VectorFieldMissing(where, missing)
    read = {name: readers[name](f"{where}: {name}", entry) for name, entry in value.items()}
    sample_beacon = read.pop("sample_beacon", None)
    dimensions = {name: read.pop(name) for name in (_MEMORY if is_memory else _TILES) if name in read}
    if is_memory:
        return Inputs(MemoryChallenge(shape=MemoryShape(**dimensions), **read), sample_beacon)
    return Inputs(Challenge(shape=Shape(**dimensions), **read), sample_beacon)


def _read_number(where: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise VectorTypeWrong(where, value, "an integer")
    return value


def _read_hex(length: int) -> Callable[[str, Any], bytes]:
    def read(where: str, value: Any) -> bytes:
        need = f"{2 * length} lower-case hex digits without 0x"
        if not isinstance(value, str) or len(value) != 2 * length or set(value) - set("0123456789abcdef"):
            raise VectorTypeWrong(where, value, need)
        return bytes.fromhex(value)

    return read


def _read_profile(where: str, value: Any) -> int:
    if value not in PROFILES:
        raise VectorTypeWrong(where, value, " or ".join(f'"{name}"' for name in PROFILES))
    return PROFILES.index(value)


_Readers = dict[str, Callable[[str, Any], Any]]

_PHASES = {"c_phase", "m_phase"}
_PLACE: _Readers = {
    "beacon": _read_hex(32),
    "sample_beacon": _read_hex(32),
    "chain_id": _read_number,
    "provider": _read_hex(20),
    "device": _read_number,
    "slot": _read_number,
}
_TILES: _Readers = {
    "m": _read_number,
    "n": _read_number,
    "K": _read_number,
    "R": _read_number,
    "q": _read_number,
    "profile": _read_profile,
}
_MEMORY: _Readers = dict.fromkeys(("layers", "W", "walkers", "steps"), _read_number)
