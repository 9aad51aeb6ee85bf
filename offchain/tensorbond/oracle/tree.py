"""The attestation tree and the outcome tree: the twin of `contracts/libraries/MerkleSum.sol`.

Attestation tree: depth 20, leaf number = device id, every node carries the sum of the weights below it; a
node over two absent children is absent itself. Outcome tree: one leaf's outcomes in order, zero-padded to a
power of two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from eth_utils.crypto import keccak

from tensorbond.chain.types import Leaf, Outcome

DEPTH = 20
SUM_LIMIT = 1 << 96
ZERO = bytes(32)

Node = tuple[bytes, int]
ABSENT: Node = (ZERO, 0)


class PathMalformed(ValueError):
    """A path's bytes are not what its bitmap announces, or the index has no place in the tree."""


class TreeInvalid(ValueError):
    """Two leaves for one device, a device out of range, or weights that overflow 96 bits."""


def encode_leaf(leaf: Leaf) -> bytes:
    """abi.encode(leaf): 608 bytes."""
    return _words(leaf)


def encode_outcome(outcome: Outcome) -> bytes:
    """abi.encode(outcome): 224 bytes."""
    return _words(outcome)


def leaf_hash(leaf: Leaf) -> bytes:
    return keccak(encode_leaf(leaf))


def outcome_hash(outcome: Outcome) -> bytes:
    return keccak(encode_outcome(outcome))


@dataclass(frozen=True)
class Tree:
    """All nodes that are not absent: `levels[0]` the leaves by device, `levels[20]` the root."""

    root: bytes
    total: int
    levels: tuple[dict[int, Node], ...]

    def path(self, device: int) -> bytes:
        """MerkleSum's packed path of leaf number `device`; the leaf itself may be absent."""
        _require_index(device)
        bitmap = 0
        siblings = b""
        for level in range(DEPTH):
            sibling = self.levels[level].get((device >> level) ^ 1)
            if sibling is not None:
                bitmap |= 1 << level
                siblings += sibling[0] + sibling[1].to_bytes(12, "big")
        return bitmap.to_bytes(3, "big") + siblings

    def paths(self, devices: Iterable[int]) -> bytes:
        """MerkleMany's packed path of several leaves."""
        known = sorted(set(devices))
        for device in known:
            _require_index(device)
        packed = b""
        for level in range(DEPTH):
            for index in known:
                if index ^ 1 not in known:
                    sibling = self.levels[level].get(index ^ 1)
                    packed += b"\x00" if sibling is None else b"\x01" + sibling[0] + _sum_bytes(sibling[1])
            known = sorted({index >> 1 for index in known})
        return packed


def build_tree(leaves: Iterable[Leaf]) -> Tree:
    nodes: dict[int, Node] = {}
    for leaf in leaves:
        if leaf.device in nodes:
            raise TreeInvalid(f"two leaves for device {leaf.device}")
        if leaf.device >> DEPTH:
            raise TreeInvalid(f"device {leaf.device} has no place in a tree of depth {DEPTH}")
        nodes[leaf.device] = (leaf_hash(leaf), leaf.weight)
    total = sum(weight for _, weight in nodes.values())
    if total >= SUM_LIMIT:
        raise TreeInvalid(f"total weight {total} does not fit 96 bits")

    levels = [nodes]
    for _ in range(DEPTH):
        below = levels[-1]
        levels.append(
            {
                parent: join(below.get(2 * parent, ABSENT), below.get(2 * parent + 1, ABSENT))
                for parent in sorted({index >> 1 for index in below})
            }
        )
    root, _ = levels[DEPTH].get(0, ABSENT)
    return Tree(root, total, tuple(levels))


def fold(leaf_hash: bytes, weight: int, index: int, path: bytes) -> tuple[bytes, int]:
    """The root and the total weight that a leaf folds to by its packed path; raises PathMalformed."""
    _require_index(index)
    bitmap = int.from_bytes(path[:3], "big") if len(path) >= 3 else 0
    need = 3 + 44 * (bitmap & ((1 << DEPTH) - 1)).bit_count()
    if len(path) != need or bitmap >> DEPTH:
        raise PathMalformed(f"a path of {len(path)} bytes where its bitmap announces {need}")
    node: Node = (leaf_hash, weight)
    at = 3
    for level in range(DEPTH):
        sibling = ABSENT
        if bitmap >> level & 1:
            sibling = (path[at : at + 32], int.from_bytes(path[at + 32 : at + 44], "big"))
            at += 44
        node = join(sibling, node) if index >> level & 1 else join(node, sibling)
    return node


def outcomes_root(outcomes: Sequence[Outcome]) -> bytes:
    """Zero where there are none."""
    return _outcome_levels(outcomes)[-1][0] if outcomes else ZERO


def outcome_path(outcomes: Sequence[Outcome], index: int) -> tuple[bytes, ...]:
    """Siblings of outcome `index`, leaf to root; as many as the tree is deep."""
    if not 0 <= index < len(outcomes):
        raise PathMalformed(f"outcome {index} of {len(outcomes)}")
    levels = _outcome_levels(outcomes)[:-1]
    return tuple(nodes[(index >> level) ^ 1] for level, nodes in enumerate(levels))


def fold_outcome(outcome: Outcome, index: int, count: int, path: Sequence[bytes]) -> bytes:
    """The root that outcome `index` of `count` folds to; raises PathMalformed."""
    depth = max(0, count - 1).bit_length()
    if len(path) != depth or not 0 <= index < count:
        raise PathMalformed(f"outcome {index} of {count} with a path of {len(path)}, not {depth}")
    node = outcome_hash(outcome)
    for level, sibling in enumerate(path):
        node = keccak(sibling + node if index >> level & 1 else node + sibling)
    return node


def _outcome_levels(outcomes: Sequence[Outcome]) -> list[list[bytes]]:
    width = 1 << max(0, len(outcomes) - 1).bit_length()
    levels = [[outcome_hash(outcome) for outcome in outcomes] + [ZERO] * (width - len(outcomes))]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([keccak(below[i] + below[i + 1]) for i in range(0, len(below), 2)])
    return levels


def join(left: Node, right: Node) -> Node:
    """The node over two."""
    if left == ABSENT and right == ABSENT:
        return ABSENT
    packed = left[0] + _sum_bytes(left[1]) + right[0] + _sum_bytes(right[1])
    return keccak(packed), left[1] + right[1]


def _sum_bytes(weight: int) -> bytes:
    """The lowest 96 bits, as Solidity's uint96() takes them; only a path that nobody built can hold more."""
    return (weight % SUM_LIMIT).to_bytes(12, "big")


def _require_index(index: int) -> None:
    if not 0 <= index < 1 << DEPTH:
        raise PathMalformed(f"index {index} has no place in a tree of depth {DEPTH}")


def _words(struct: Leaf | Outcome) -> bytes:
    """abi.encode of a struct of static fields, one word each: bytes are bytes32, strings addresses."""
    words = []
    for field in fields(struct):
        value = getattr(struct, field.name)
        if isinstance(value, str):
            value = int(value, 16)
        words.append(value if isinstance(value, bytes) else value.to_bytes(32, "big"))
    encoded = b"".join(words)
    if len(encoded) != 32 * len(words):
        raise ValueError(f"a bytes32 of {type(struct).__name__} is not 32 bytes long")
    return encoded
