"""The M-phase in plain Python, from proof.md §3 alone: slow, sharing nothing with the package."""

from __future__ import annotations

import struct

from .reference import MASK, merkle, padded, philox, rotl, sha, u32, u64


def parents(salt: bytes, number: int, W: int) -> list[int]:
    layer, i = divmod(number, W)
    if layer == 0:
        return []
    s0, s1, s2, _ = struct.unpack("<IIII", salt[:16])
    numbers = [(layer - 1) * W + i]
    for j in range(1, 16):
        x = philox((i, layer, j >> 2, s2), (s0, s1 ^ 0x4D))[j & 3]
        numbers.append(x * layer * W // 2**32)
    return numbers


def fill(salt: bytes, layers: int, W: int) -> list[bytes]:
    labels: list[bytes] = []
    for number in range(layers * W):
        before = [labels[parent] for parent in parents(salt, number, W)]
        labels.append(sha(u32(0x4F504731), u32(0x4C), u64(number), salt[:16], *before))
    return labels


def step(state: list[int], block: list[int]) -> list[int]:
    y = [((s * 0x9E3779B1) & MASK) ^ word for s, word in zip(state, block, strict=True)]
    return [rotl((y[k] + y[(k + 9) & 31]) & MASK, 13) for k in range(32)]


def words(data: bytes) -> list[int]:
    return list(struct.unpack("<32I", data))


def walk(root: bytes, blocks: list[bytes], walker: int, steps: int) -> tuple[bytes, list[int]]:
    """The last checkpoint hash and the last state."""
    state = words(b"".join(sha(b"GPOW1/W", root, u32(walker), u32(j)) for j in range(4)))
    checkpoint = bytes(32)
    for done in range(1, steps + 1):
        state = step(state, words(blocks[state[0] * len(blocks) >> 32]))
        if done % 64 == 0:
            checkpoint = sha(checkpoint, sha(struct.pack("<32I", *state)))
    return checkpoint, state


def commit(inputs: dict) -> tuple[bytes, bytes, bytes]:
    """memRoot, walkRoot and commitment for the inputs of a vector."""
    salt = sha(
        b"GPOW1/M",
        bytes.fromhex(inputs["beacon"]),
        u64(inputs["chain_id"]),
        bytes.fromhex(inputs["provider"]),
        u64(inputs["device"]),
        u64(inputs["slot"]),
        u32(inputs["layers"]),
    )
    labels = fill(salt, inputs["layers"], inputs["W"])
    blocks = [b"".join(labels[i : i + 4]) for i in range(0, len(labels), 4)]
    mem_root = merkle(padded([sha(block) for block in blocks]))
    ends = [walk(mem_root, blocks, walker, inputs["steps"])[0] for walker in range(inputs["walkers"])]
    walk_root = merkle(padded(ends))
    return mem_root, walk_root, sha(b"GPOW1/MC", mem_root, walk_root)
