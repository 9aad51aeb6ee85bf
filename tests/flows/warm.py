"""Loaded once by the server that the market's processes are forked from, so that each is there at once."""

from __future__ import annotations

from tensorbond.proof.prover import CpuProver
from tensorbond.proof.verifier import find_bad_item
from tensorbond.provider.agent import WARM_UP
from tests.flows.process import play

__all__ = ["play"]

for _challenge in WARM_UP:
    _proof = CpuProver(1).prove(_challenge)
    find_bad_item(_challenge, _proof.commitment, bytes(32), _proof.open(bytes(32)))
