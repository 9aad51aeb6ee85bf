"""Binary SHA-256 trees of a fixed depth: node = SHA-256(left ‖ right), leaves used raw.

A leaf and an inner node look alike, so `fold` takes the tree's exact depth and refuses any other path.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from tensorbond.proof.errors import FieldInvalid, LeafCountInvalid, LeafIndexInvalid, PathDepthWrong

Levels = tuple[tuple[bytes, ...], ...]

ZERO_LEAF = bytes(32)


def join(left: bytes, right: bytes) -> bytes:
    return sha256(left + right).digest()


def pad(leaves: Sequence[bytes]) -> tuple[bytes, ...]:
    """The leaves, followed by zero leaves up to the next power of two (at least one leaf)."""
    return (*leaves, *[ZERO_LEAF] * ((1 << depth_of(len(leaves))) - len(leaves)))


def depth_of(count: int) -> int:
    """Depth of the smallest tree with room for `count` ≥ 1 leaves."""
    if count < 1:
        raise LeafCountInvalid("leaf count", count, "at least 1")
    return (count - 1).bit_length()


def build(leaves: Sequence[bytes]) -> Levels:
    """All levels, from the leaves (32 bytes each, a power of two of them) to the one root."""
    if len(leaves) < 1 or len(leaves) & (len(leaves) - 1):
        raise LeafCountInvalid("leaf count", len(leaves), "a power of two")
    if any(len(leaf) != 32 for leaf in leaves):
        raise FieldInvalid("leaf length", sorted({len(leaf) for leaf in leaves}), "32 bytes each")
    levels = [tuple(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append(tuple(join(below[i], below[i + 1]) for i in range(0, len(below), 2)))
    return tuple(levels)


def root_of(leaves: Sequence[bytes]) -> bytes:
    return build(leaves)[-1][0]


def path_of(levels: Levels, index: int) -> tuple[bytes, ...]:
    """The siblings of leaf `index`, from the leaf to below the root."""
    if not 0 <= index < len(levels[0]):
        raise LeafIndexInvalid("leaf index", index, f"0..{len(levels[0]) - 1}")
    return tuple(level[(index >> height) ^ 1] for height, level in enumerate(levels[:-1]))


def fold(leaf: bytes, index: int, path: Sequence[bytes], depth: int) -> bytes:
    """The root of a tree of exactly `depth` levels in which `leaf` stands at `index` beside `path`."""
    if len(path) != depth:
        raise PathDepthWrong(len(path), depth)
    if not 0 <= index < 1 << depth:
        raise LeafIndexInvalid("leaf index", index, f"0..{(1 << depth) - 1}")
    if len(leaf) != 32 or any(len(sibling) != 32 for sibling in path):
        raise FieldInvalid("node length", sorted({len(leaf), *map(len, path)}), "32 bytes each")
    node = leaf
    for height, sibling in enumerate(path):
        node = join(sibling, node) if index >> height & 1 else join(node, sibling)
    return node
