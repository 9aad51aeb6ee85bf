"""Each kernel of kernels.cu, compiled as C++, beside plain Python."""

from __future__ import annotations

import ctypes
import hashlib
import re
import struct

import numpy as np
import pytest

from tensorbond.proof import generate_lines
from tensorbond.proof.gpu.device import KERNELS

from .. import memory_reference, reference
from .shim import HERE

pytestmark = pytest.mark.unit

NUMBERS = [0, 1, 2**32 - 5]


def random_bytes(number: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, shape, np.uint8)


def sha(data) -> bytes:
    return hashlib.sha256(bytes(data)).digest()


def on(device, data) -> np.ndarray:
    array = device.empty(np.asarray(data).nbytes)
    device.write(array, np.asarray(data))
    return array


def words_of(seed: bytes) -> list[np.uint32]:
    return list(np.frombuffer(seed, "<u4", 4).astype(np.uint32))


def test_kernels__in_the_source__are_each_exported_by_the_shim():
    declared = re.findall(r"^KERNEL (\w+)", KERNELS.read_text(), re.MULTILINE)
    exported = re.findall(r"^EXPORT\((\w+),", (HERE / "shim.cpp").read_text(), re.MULTILINE)
    assert declared == exported


@pytest.mark.parametrize("first", NUMBERS)
@pytest.mark.parametrize("K", [16, 64])
def test_fill_lines__any_seed_and_place__equal_plain_python(device, first, K):
    seed = random_bytes(first, 32).tobytes()
    blocks, shift = 3 * K // 16, (K // 16).bit_length() - 1
    lines = device.empty(3 * K)
    device.launch(
        "fill_lines", blocks, lines, np.uint64(blocks), np.uint32(shift), np.uint32(first), *words_of(seed)
    )
    have = device.read(lines).view(np.int8).reshape(3, K)
    assert have.tolist() == [reference.line(seed, first + i, K) for i in range(3)]


def test_fill_lines__whole_matrix__equals_the_cpu_s(device):
    lines, blocks = device.empty(48 * 1024), 48 * 64
    device.launch(
        "fill_lines", blocks, lines, np.uint64(blocks), np.uint32(6), np.uint32(7), *words_of(b"seed" * 8)
    )
    have = device.read(lines).view(np.int8).reshape(48, 1024)
    assert (have == generate_lines(b"seed" * 8, 7, 48, 1024)).all()


@pytest.mark.parametrize("first", NUMBERS)
def test_fill_wide_lines__any_seed_and_place__are_9_bits_as_bfloat16(device, first):
    seed, K = random_bytes(first + 1, 32).tobytes(), 64
    blocks = 3 * K // 8
    lines = device.empty(2 * 3 * K)
    device.launch(
        "fill_wide_lines", blocks, lines, np.uint64(blocks), np.uint32(3), np.uint32(first), *words_of(seed)
    )
    have = (device.read(lines).view(np.uint16).astype(np.uint32) << 16).view(np.float32).reshape(3, K)
    s0, s1, s2, s3 = struct.unpack("<IIII", seed[:16])
    for i in range(3):
        data = b"".join(
            struct.pack("<IIII", *reference.philox((b, first + i, s2, s3), (s0, s1))) for b in range(K // 8)
        )
        assert have[i].tolist() == [(half & 511) - 256 for half in struct.unpack(f"<{K}H", data)]


@pytest.mark.parametrize(("m", "n"), [(16, 16), (32, 64), (64, 32)])
@pytest.mark.parametrize("kernel", ["mix_tiles", "mix_wide_tiles"])
def test_mix_tiles__any_entries__equal_plain_python(device, kernel, m, n):
    limit = 2**31 if kernel == "mix_tiles" else 2**24
    entries = np.random.default_rng(m).integers(-limit, limit, (m, n)).astype(np.int32)
    data = entries if kernel == "mix_tiles" else entries.astype(np.float32)
    digests = device.empty(m * n // 8)
    lanes, shift = m * n // 32, (n // 8).bit_length() - 1
    device.launch(kernel, lanes, on(device, data), digests, np.uint64(lanes), np.uint32(shift))
    tiles = [entries[i : i + 16, j : j + 16] for i in range(0, m, 16) for j in range(0, n, 16)]
    assert device.read(digests).tobytes() == b"".join(reference.mix(tile.tolist()) for tile in tiles)


@pytest.mark.parametrize("count", [1, 5, 100])
def test_join_nodes__any_nodes__equal_hashlib(device, count):
    below, above = random_bytes(count, count, 64), device.empty(32 * count)
    device.launch("join_nodes", count, on(device, below), above, np.uint64(count))
    assert device.read(above).tobytes() == b"".join(sha(pair) for pair in below)


@pytest.mark.parametrize("count", [1, 5, 100])
def test_hash_blocks__any_labels__equal_hashlib(device, count):
    blocks, nodes = random_bytes(count, count, 128), device.empty(32 * count)
    device.launch("hash_blocks", count, on(device, blocks), nodes, np.uint64(count))
    assert device.read(nodes).tobytes() == b"".join(sha(block) for block in blocks)


@pytest.mark.parametrize(("layers", "W"), [(1, 16), (5, 16), (3, 128)])
def test_fill_labels__layer_by_layer__equal_plain_python(device, layers, W):
    salt = random_bytes(layers, 32).tobytes()
    labels = device.empty(32 * layers * W)
    for layer in range(layers):
        device.launch("fill_labels", W, labels, np.uint32(layer), np.uint32(W), *words_of(salt))
    assert device.read(labels).tobytes() == b"".join(memory_reference.fill(salt, layers, W))


@pytest.mark.parametrize("count", [1, 2**32 - 1, 2**32, 3 * 2**32 + 12345, 65535 * 2**18])
def test_scale__memory_of_any_size__is_exact(kernels, count):
    kernels.scale_word.restype = ctypes.c_uint64
    for word in (0, 1, 0x80000001, 0xFFFFFFFF):
        have = kernels.scale_word(ctypes.c_uint32(word), ctypes.c_uint64(count))
        assert have == word * count >> 32


def test_start_walkers__any_root__equal_plain_python(device):
    root, walkers = random_bytes(1, 32), 70000
    states = device.empty(128 * walkers)
    device.launch("start_walkers", 4 * walkers, on(device, root), states, np.uint64(4 * walkers))
    have = device.read(states).reshape(walkers, 4, 32)
    for walker in (0, 1, 255, 256, 65535, 65536, 69999):
        for quarter in range(4):
            data = b"GPOW1/W" + root.tobytes() + struct.pack("<II", walker, quarter)
            assert have[walker, quarter].tobytes() == sha(data)


@pytest.mark.parametrize(("walkers", "block_count", "steps"), [(1, 3, 5), (3, 64, 64), (16, 1000, 20)])
def test_walk_steps__any_labels__equal_plain_python(device, walkers, block_count, steps):
    blocks, states = random_bytes(steps, block_count, 128), random_bytes(walkers, walkers, 128)
    walked = on(device, states)
    device.launch(
        "walk_steps",
        8 * walkers,
        on(device, blocks),
        np.uint64(block_count),
        walked,
        np.uint64(walkers),
        np.uint32(steps),
    )
    expected = []
    for start in states:
        state = memory_reference.words(start.tobytes())
        for _ in range(steps):
            block = blocks[state[0] * block_count >> 32]
            state = memory_reference.step(state, memory_reference.words(block.tobytes()))
        expected.append(struct.pack("<32I", *state))
    assert device.read(walked).tobytes() == b"".join(expected)


def test_chain_states__any_states__equal_hashlib(device):
    states, before = random_bytes(2, 9, 128), random_bytes(3, 9, 32)
    chain = on(device, before)
    device.launch("chain_states", 9, on(device, states), chain, np.uint64(9))
    expected = [sha(h.tobytes() + sha(state)) for h, state in zip(before, states, strict=True)]
    assert device.read(chain).tobytes() == b"".join(expected)
