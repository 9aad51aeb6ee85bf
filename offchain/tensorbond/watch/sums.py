"""Trees whose sums don't add up: what was attested over leaves that are all known, but whose root is another.

A quorum that raises the total weight states one sum too much somewhere. By how much, the total tells; where,
trying shows: there are as many places as nodes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tensorbond.chain.types import Leaf
from tensorbond.oracle.tree import ABSENT, DEPTH, SUM_LIMIT, Node, Tree, build_tree, join

MOST_LEAVES = 4096
"""Above this, trying takes minutes; leaves that can't be opened can still be asked for."""

Place = tuple[int, int]
"""(level, index): 0 the leaves, 20 the root."""


@dataclass(frozen=True)
class AttestedTree:
    """What stands under an attested root; `wrong`: the one node that states a false sum, if there is one."""

    tree: Tree
    wrong: Place | None = None

    @property
    def stated(self) -> int:
        """The false sum."""
        assert self.wrong is not None
        level, index = self.wrong
        return self.tree.total if level == DEPTH else self.tree.levels[level][index][1]


def recover(leaves: Iterable[Leaf], root: bytes, total_weight: int) -> AttestedTree | None:
    """The tree over these leaves with this root and total, be it that one false sum makes it."""
    tree = build_tree(leaves)
    excess = total_weight - tree.total
    if tree.root == root:
        if excess == 0:
            return AttestedTree(tree)
        return AttestedTree(Tree(root, total_weight, tree.levels), (DEPTH, 0))
    if excess == 0:
        return None
    if len(tree.levels[0]) > MOST_LEAVES:
        return None
    for level in range(DEPTH):
        for index in sorted({each ^ side for each in tree.levels[level] for side in (0, 1)}):
            digest, weight = tree.levels[level].get(index, ABSENT)
            if 0 <= weight + excess < SUM_LIMIT:
                above = _above(tree, level, index, (digest, weight + excess))
                if above[-1] == (root, total_weight):
                    levels = tuple(
                        nodes if at < level else {**nodes, index >> (at - level): above[at - level]}
                        for at, nodes in enumerate(tree.levels)
                    )
                    return AttestedTree(Tree(root, total_weight, levels), (level, index))
    return None


def node_path(tree: Tree, level: int, index: int) -> bytes:
    """The packed path of a node to the root: bit l of the bitmap is the sibling l levels above the node."""
    bitmap, siblings = 0, b""
    for step in range(DEPTH - level):
        sibling = tree.levels[level + step].get((index >> step) ^ 1)
        if sibling is not None:
            bitmap |= 1 << step
            siblings += sibling[0] + sibling[1].to_bytes(12, "big")
    return bitmap.to_bytes(3, "big") + siblings


def preimage(tree: Tree, level: int, index: int) -> bytes:
    """What is hashed into an inner node; nothing for an absent one."""
    if index not in tree.levels[level] or tree.levels[level][index][0] == ABSENT[0]:
        return b""
    below = tree.levels[level - 1]
    children = (below.get(2 * index + side, ABSENT) for side in (0, 1))
    return b"".join(digest + weight.to_bytes(12, "big") for digest, weight in children)


def _above(tree: Tree, level: int, index: int, node: Node) -> list[Node]:
    """The node in place of the tree's, and those above it as they follow, up to the root."""
    found = [node]
    for at in range(level, DEPTH):
        sibling = tree.levels[at].get(index ^ 1, ABSENT)
        found.append(join(sibling, found[-1]) if index & 1 else join(found[-1], sibling))
        index >>= 1
    return found
