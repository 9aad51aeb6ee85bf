"""Loaded once by the server that the market's processes are forked from, so that each is there at once."""

from __future__ import annotations

from tensorbond.proof.prover import CpuProver
from tensorbond.proof.verifier import find_bad_item
from tensorbond.provider.agent import WARM_UP
from tests.flows.process import play

__all__ = ["play"]

_proof = CpuProver(1).prove(WARM_UP)
find_bad_item(WARM_UP, _proof.commitment, bytes(32), _proof.open(bytes(32)))
