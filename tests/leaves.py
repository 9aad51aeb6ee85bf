"""An attestation's data for tests: leaves, their tree and paths, straight from the encoding in MerkleSum.sol.

On purpose not `tensorbond.oracle`: the contracts are tested against a second reading of the format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property

from eth_utils.crypto import keccak

from tensorbond.chain.types import Leaf, LeafProof, Outcome, OutcomeProof
from tests.words import words

DEPTH = 20
ZERO = bytes(32)

Node = tuple[bytes, int]


def make_leaf(device: int, provider: str, **values: int | bytes) -> Leaf:
    """A leaf that is zero but for what is given."""
    zeros: dict[str, object] = {each.name: 0 for each in fields(Leaf)}
    given = {"device": device, "provider": provider, "outcomes_root": ZERO}
    return Leaf(**(zeros | given | values))  # type: ignore[arg-type]


def make_outcome(slot: int, kind: int = 0, result: int = 1, **values: int | bytes) -> Outcome:
    """An outcome that is zero but for what is given."""
    zeros: dict[str, object] = {"throughput": 0, "witness": ZERO, "item": 0, "job": 0}
    given = {"slot": slot, "kind": kind, "result": result}
    return Outcome(**(zeros | given | values))  # type: ignore[arg-type]


def encode_leaf(leaf: Leaf) -> bytes:
    return words(leaf)


def encode_outcome(outcome: Outcome) -> bytes:
    return words(outcome)


def folded(proof: LeafProof) -> bytes:
    """What the leaf folds to, by a second reading of MerkleSum.sol."""
    bitmap, at = int.from_bytes(proof.path[:3], "big"), 3
    node, total = keccak(encode_leaf(proof.leaf)), proof.leaf.weight
    for level in range(DEPTH):
        sibling, weight = ZERO, 0
        if bitmap >> level & 1:
            sibling, weight = proof.path[at : at + 32], int.from_bytes(proof.path[at + 32 : at + 44], "big")
            at += 44
        pair = [(node, total), (sibling, weight)]
        if proof.leaf.device >> level & 1:
            pair.reverse()
        node = keccak(b"".join(part + part_sum.to_bytes(12, "big") for part, part_sum in pair))
        total += weight
    return node


def folded_outcome(proof: OutcomeProof) -> bytes:
    """Likewise the outcome."""
    node = keccak(encode_outcome(proof.outcome))
    for level, sibling in enumerate(proof.path):
        node = keccak(sibling + node if proof.index >> level & 1 else node + sibling)
    return node


@dataclass(frozen=True)
class Epoch:
    """The leaves of an epoch by device, and the outcomes behind them."""

    number: int
    leaves: Mapping[int, Leaf]
    outcomes: Mapping[int, Sequence[Outcome]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, number: int, leaves: Sequence[Leaf], outcomes: Mapping[int, Sequence[Outcome]] | None = None
    ) -> Epoch:
        """`leaves` get the root and count of their device's `outcomes`."""
        outcomes = outcomes or {}
        filled = {}
        for leaf in leaves:
            rows = [encode_outcome(row) for row in outcomes.get(leaf.device, ())]
            root = _root([keccak(row) for row in rows])
            values = {each.name: getattr(leaf, each.name) for each in fields(Leaf)}
            if rows:
                values |= {"outcomes_root": root, "outcome_count": len(rows)}
            filled[leaf.device] = Leaf(**values)
        return cls(number, filled, outcomes)

    @property
    def root(self) -> bytes:
        return self._levels[DEPTH].get(0, (ZERO, 0))[0]

    @property
    def total_weight(self) -> int:
        return sum(leaf.weight for leaf in self.leaves.values())

    @property
    def data_digest(self) -> bytes:
        data = b""
        for device in sorted(self.leaves):
            data += encode_leaf(self.leaves[device])
            data += b"".join(encode_outcome(row) for row in self.outcomes.get(device, ()))
        return keccak(data)

    def node(self, level: int, index: int) -> Node:
        return self._levels[level].get(index, (ZERO, 0))

    def leaf_proof(self, device: int) -> LeafProof:
        return LeafProof(self.number, self.leaves[device], self.path_of(device))

    def path_of(self, device: int) -> bytes:
        """Of a place, empty or not."""
        bitmap, siblings = 0, b""
        for level in range(DEPTH):
            sibling = self._levels[level].get((device >> level) ^ 1)
            if sibling is not None:
                bitmap |= 1 << level
                siblings += sibling[0] + sibling[1].to_bytes(12, "big")
        return bitmap.to_bytes(3, "big") + siblings

    def leaves_proof(self, devices: Sequence[int]) -> tuple[list[Leaf], bytes]:
        """Several leaves, in order of device, and `MerkleMany.foldMany`'s path."""
        known, path = list(devices), b""
        for level in range(DEPTH):
            for index in known:
                if index ^ 1 in known:
                    continue
                sibling = self._levels[level].get(index ^ 1)
                path += b"\0" if sibling is None else b"\1" + sibling[0] + sibling[1].to_bytes(12, "big")
            known = list(dict.fromkeys(index >> 1 for index in known))
        return [self.leaves[device] for device in devices], path

    def outcome_proof(self, device: int, index: int) -> OutcomeProof:
        rows = self.outcomes[device]
        level, path, at = _padded([keccak(encode_outcome(row)) for row in rows]), [], index
        while len(level) > 1:
            path.append(level[at ^ 1])
            level, at = _halved(level), at >> 1
        return OutcomeProof(rows[index], index, tuple(path))

    @cached_property
    def _levels(self) -> list[dict[int, Node]]:
        levels = [{device: (keccak(encode_leaf(leaf)), leaf.weight) for device, leaf in self.leaves.items()}]
        for _ in range(DEPTH):
            below, above = levels[-1], {}
            for index in {index >> 1 for index in below}:
                left, right = below.get(2 * index, (ZERO, 0)), below.get(2 * index + 1, (ZERO, 0))
                packed = left[0] + left[1].to_bytes(12, "big") + right[0] + right[1].to_bytes(12, "big")
                above[index] = (keccak(packed), left[1] + right[1])
            levels.append(above)
        return levels


def _root(hashes: list[bytes]) -> bytes:
    level = _padded(hashes)
    while len(level) > 1:
        level = _halved(level)
    return level[0] if level else ZERO


def _padded(hashes: list[bytes]) -> list[bytes]:
    size = 1 << (len(hashes) - 1).bit_length() if hashes else 0
    return hashes + [ZERO] * (size - len(hashes))


def _halved(level: list[bytes]) -> list[bytes]:
    return [keccak(level[i] + level[i + 1]) for i in range(0, len(level), 2)]
