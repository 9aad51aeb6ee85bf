"""The oracle: what an epoch's benchmarks gave, agreed on by a quorum and signed. Here: its pure core."""

from __future__ import annotations

from tensorbond.oracle.attestation import build_statement, equivocates, pack_signatures, quorum
from tensorbond.oracle.config import OracleConfig
from tensorbond.oracle.emission import emission_at
from tensorbond.oracle.leaves import EpochData, data_name, load_epoch
from tensorbond.oracle.tree import build_tree, fold, leaf_hash, outcome_hash, outcome_path, outcomes_root

__all__ = [
    "EpochData",
    "OracleConfig",
    "build_statement",
    "build_tree",
    "data_name",
    "emission_at",
    "equivocates",
    "fold",
    "leaf_hash",
    "load_epoch",
    "outcome_hash",
    "outcome_path",
    "outcomes_root",
    "pack_signatures",
    "quorum",
]
