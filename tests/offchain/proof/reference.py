"""The C-phase in plain Python and NumPy, from proof.md §2 alone: slow, sharing nothing with the package."""

from __future__ import annotations

import hashlib
import struct

import numpy as np

MASK = 0xFFFFFFFF


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def u64(value: int) -> bytes:
    return struct.pack("<Q", value)


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & MASK, (p0 >> 32) ^ c[3] ^ k[1], p0 & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return tuple(c)


def line(matrix_seed: bytes, number: int, K: int, profile: str = "W1") -> list[int]:
    s0, s1, s2, s3 = struct.unpack("<IIII", matrix_seed[:16])
    blocks = K // (8 if profile == "W2" else 16)
    data = b"".join(struct.pack("<IIII", *philox((b, number, s2, s3), (s0, s1))) for b in range(blocks))
    if profile == "W2":
        return [(word & 511) - 256 for (word,) in struct.iter_unpack("<H", data)]
    return [byte - 128 for byte in data]


def rotl(word: int, count: int) -> int:
    return ((word << count) | (word >> (32 - count))) & MASK


def mix(tile) -> bytes:
    digest = b""
    for lane in range(8):
        h = (0x9E3779B9 + lane) & MASK
        for row in range(4 * (lane >> 1), 4 * (lane >> 1) + 4):
            for col in range(8 * (lane & 1), 8 * (lane & 1) + 8):
                v = rotl((int(tile[row][col]) * 0xCC9E2D51) & MASK, 15) * 0x1B873593 & MASK
                h = (rotl(h ^ v, 13) * 5 + 0xE6546B64) & MASK
        digest += u32(h)
    return digest


def merkle(leaves: list[bytes]) -> bytes:
    while len(leaves) > 1:
        leaves = [sha(leaves[i], leaves[i + 1]) for i in range(0, len(leaves), 2)]
    return leaves[0]


def padded(leaves: list[bytes]) -> list[bytes]:
    size = 1
    while size < len(leaves):
        size *= 2
    return leaves + [bytes(32)] * (size - len(leaves))


def commit(inputs: dict) -> tuple[list[bytes], list[bytes], bytes, bytes]:
    """seeds, roots, roundsRoot and commitment for the inputs of a vector."""
    m, n, K, R = (inputs[name] for name in "mnKR")
    profile = inputs.get("profile", "W1")
    seed = sha(
        b"GPOW1/S",
        bytes.fromhex(inputs["beacon"]),
        u64(inputs["chain_id"]),
        bytes.fromhex(inputs["provider"]),
        u64(inputs["device"]),
        u64(inputs["slot"]),
        *(u32(value) for value in (m, n, K, R)),
    )
    B = np.array([line(sha(b"GPOW1/B", seed), j, K, profile) for j in range(n)], np.int64)
    seeds, roots, leaves = [], [], []
    for t in range(R):
        A = np.array([line(sha(b"GPOW1/A", seed), i, K, profile) for i in range(m)], np.int64)
        C = A @ B.T
        tiles = [C[i : i + 16, j : j + 16].tolist() for i in range(0, m, 16) for j in range(0, n, 16)]
        root = merkle([mix(tile) for tile in tiles])
        seeds.append(seed)
        roots.append(root)
        leaves.append(sha(seed, root))
        seed = sha(b"GPOW1/N", seed, u32(t), root)
    rounds_root = merkle(padded(leaves))
    return seeds, roots, rounds_root, sha(b"GPOW1/C", seed, rounds_root)
