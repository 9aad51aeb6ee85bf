"""Provers whose commitment is wrong in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tensorbond.proof import Challenge, CpuProver, Proof

Change = Callable[[Proof], Proof]


class LyingProver(CpuProver):
    """Computes honestly and commits to something else."""

    def __init__(self, change: Change) -> None:
        super().__init__(workers=1)
        self.change = change

    def prove(self, challenge: Challenge, *args: object) -> Proof:  # type: ignore[override]
        return self.change(super().prove(challenge))


def flipped(word: bytes) -> bytes:
    return bytes([word[0] ^ 1]) + word[1:]


def wrong_seed(index: int) -> Change:
    """seed_index under the commitment is another one; its rounds stay."""

    def change(proof: Proof) -> Proof:
        seeds = list(proof.seeds)
        seeds[index] = flipped(seeds[index])
        return replace(proof, seeds=tuple(seeds))

    return change


def wrong_root(index: int) -> Change:
    """root_index under the commitment is not the one that the chain went on with."""

    def change(proof: Proof) -> Proof:
        roots = list(proof.roots)
        roots[index] = flipped(roots[index])
        return replace(proof, roots=tuple(roots))

    return change


def wrong_final_seed(proof: Proof) -> Proof:
    return replace(proof, final_seed=flipped(proof.final_seed))


@dataclass(frozen=True, eq=False)
class _Padded(Proof):
    @property
    def round_leaves(self) -> tuple[bytes, ...]:
        return (*super().round_leaves[: self.challenge.shape.R], b"\x01" + bytes(31))


def wrong_padding(proof: Proof) -> Proof:
    """The one padding leaf behind three rounds isn't zero."""
    return _Padded(**{name: getattr(proof, name) for name in Proof.__dataclass_fields__})
