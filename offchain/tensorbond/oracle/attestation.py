"""The signed statement of an epoch: building it, counting for it, packing its signatures."""

from __future__ import annotations

from collections.abc import Mapping

from tensorbond.chain.types import Statement
from tensorbond.oracle.leaves import EpochData

SIGNATURE_BYTES = 65
MAX_MEMBERS = 64
MAX_ROUND = 255

Key = tuple[int, int, bytes, bytes]
"""(epoch, round, previous root, last block's hash): nobody may sign two statements that agree in it."""


def build_statement(
    data: EpochData, round: int, previous_root: bytes, last_block_hash: bytes, config_digest: bytes
) -> Statement:
    return Statement(
        epoch=data.epoch,
        round=round,
        previous_root=previous_root,
        last_block_hash=last_block_hash,
        root=data.root,
        total_weight=data.total_weight,
        data_digest=data.data_digest,
        config_digest=config_digest,
    )


def key_of(statement: Statement) -> Key:
    return statement.epoch, statement.round, statement.previous_root, statement.last_block_hash


def equivocates(first: Statement, second: Statement) -> bool:
    """Whether signing both costs the bond."""
    return first != second and key_of(first) == key_of(second)


def quorum(size: int, threshold: int) -> int:
    """max(threshold, ⌈2·size/3⌉)."""
    return max(threshold, -(-2 * size // 3))


def pack_signatures(signatures: Mapping[int, bytes], need: int | None = None) -> tuple[int, bytes]:
    """`attest`'s bitmap and bytes, ascending by member index; only the first `need` of them if given."""
    for index, signature in signatures.items():
        if not 0 <= index < MAX_MEMBERS or len(signature) != SIGNATURE_BYTES:
            raise ValueError(f"no signature of a member: index {index}, {len(signature)} bytes")
    chosen = sorted(signatures)[:need]
    return sum(1 << index for index in chosen), b"".join(signatures[index] for index in chosen)
