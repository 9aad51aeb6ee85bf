"""The M-phase's reference workload: labels and their parents, the walk's step, SHA-256 of many messages.

Every compiled function stands in this file: numba's cache of a function does not see changes in another file.
All release the GIL and none starts a thread. Labels, blocks and nodes are arrays of little-endian u32 words,
so that their bytes are the wire's.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types, uint32, uint64
from numpy.typing import NDArray

from tensorbond.proof.errors import LinesInvalid
from tensorbond.proof.memory import PARENTS, SEGMENT_STEPS
from tensorbond.proof.workload import compiled, generated, philox_words

Words = NDArray[np.uint32]

LABEL_START = struct.pack("<II", 0x4F504731, 0x4C)
PARENT_KEY = 0x4D
STATE_WORDS = 32
STEP_FACTOR = 0x9E3779B1
STEP_REACH = 9
STEP_TURN = 13
WORD_END = 1 << 32


def parent_numbers(salt: bytes, number: int, W: int) -> tuple[int, ...]:
    """The numbers of a label's 16 parents, p_0 first; none in layer 0. Exact beyond 64 bits of x_j·l·W."""
    layer, place = divmod(number, W)
    if layer == 0:
        return ()
    draws = _parent_draws(salt, layer, place, 1).transpose(1, 0, 2).reshape(PARENTS).tolist()
    return (number - W, *[draw * layer * W // WORD_END for draw in draws[1:]])


def label_of(salt: bytes, number: int, parents: Sequence[bytes]) -> bytes:
    """The label with this number from its parents' labels; layer 0 has none."""
    return sha256(LABEL_START + struct.pack("<Q", number) + salt[:16] + b"".join(parents)).digest()


def next_blocks(states: Words, blocks: int) -> NDArray[np.int64]:
    """For each walker's state, a row of 32 words, the number of the block that it reads next."""
    products = states[:, 0].astype(np.uint64) * np.uint64(blocks)
    return (products >> np.uint64(32)).astype(np.int64)


def step_states(states: Words, read: Words) -> Words:
    """Each walker's state after the step in which it reads the block beside it; both (walkers, 32)."""
    mixed = (states * np.uint32(STEP_FACTOR)) ^ read
    total = mixed + np.roll(mixed, -STEP_REACH, axis=1)
    return (total << np.uint32(STEP_TURN)) | (total >> np.uint32(32 - STEP_TURN))


def fill_labels(labels: Words, salt: bytes, layer: int, W: int, count: int, first: int) -> None:
    """Writes labels first .. first+count−1 of a layer into `labels` (all labels, 8).

    Earlier layers are there.
    """
    draws = _parent_draws(salt, layer, first, count)
    head = np.frombuffer(LABEL_START + bytes(8) + salt[:16], "<u4").astype(np.uint32)
    _fill(labels, layer * W + first, count, layer * W, W, draws, head)


def walk(blocks: Words, states: Words, segments: int) -> Words:
    """The last checkpoint hash of up to 16 walkers that start from `states` (walkers, 32): (walkers, 8)."""
    own = np.zeros((LANES, STATE_WORDS), np.uint32)
    own[: len(states)] = states
    ends = np.empty((LANES, 8), np.uint32)
    _walk(blocks, own, len(states), segments, ends)
    return ends[: len(states)]


def hash_blocks(blocks: Words) -> Words:
    """SHA-256 of each row of 32 words: the leaves under memRoot."""
    digests = np.empty((len(blocks), 8), np.uint32)
    _hash_rows(blocks, digests)
    return digests


def hash_pairs(nodes: Words, padding: Words) -> Words:
    """The nodes above `nodes` (count, 8); `padding` (8) stands after an odd last one."""
    above = np.empty(((len(nodes) + 1) // 2, 8), np.uint32)
    _hash_pairs(nodes, padding, above)
    return above


def fold_openings(openings: Words, numbers: NDArray[np.uint64], lower: int) -> Words:
    """The node to which each opening, a block and `lower` siblings, folds at the place of its block's number.

    `openings` is (count, 32 + 8·lower), the result (count, 8).
    """
    if openings.shape != (len(numbers), STATE_WORDS + 8 * lower):
        raise LinesInvalid("openings", openings.shape, f"shape {(len(numbers), STATE_WORDS + 8 * lower)}")
    tops = np.empty((len(openings), 8), np.uint32)
    _fold_openings(openings, numbers, lower, tops)
    return tops


def _parent_draws(salt: bytes, layer: int, first: int, count: int) -> Words:
    """x_j of labels first .. first+count−1 of a layer: (4, count, 4) words, j = 4·first + last index."""
    s0, s1, s2, _ = struct.unpack("<IIII", salt[:16])
    return np.stack(
        [philox_words((first, layer, quarter, s2), (s0, s1 ^ PARENT_KEY), count) for quarter in range(4)]
    )


LANES = 16
"""Messages that `_compress` hashes at once, one in each lane of a vector."""

_PRIMES = [p for p in range(2, 312) if all(p % d for d in range(2, p))]


def _root_words(power: int, count: int) -> list[int]:
    """SHA-256's constants: 32 bits behind the point of the first primes' square (2) or cube (3) roots."""
    words = []
    for prime in _PRIMES[:count]:
        low, high = 0, prime << 32
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if middle**power <= prime << (32 * power) else (low, middle)
        words.append(low & 0xFFFFFFFF)
    return words


_START = np.array(_root_words(2, 8), np.uint32)
_ROUND_WORDS = _root_words(3, 64)
_PAD = uint32(0x80)


@generated
def _compress_lanes(typing: Any, state: Any, block: Any) -> Any:
    """SHA-256's compression of 16 messages: `state` (8, 16) of values, `block` (16, 16) of raw words.

    Vectors of LLVM become whatever the machine has, AVX-512, AVX2 or NEON.
    """
    vector = ir.VectorType(ir.IntType(32), LANES)
    octets = ir.VectorType(ir.IntType(8), 4 * LANES)
    index = ir.IntType(64)
    turned = ir.Constant(
        ir.VectorType(ir.IntType(32), 4 * LANES), [4 * (i // 4) + 3 - i % 4 for i in range(4 * LANES)]
    )

    def constant(value: int) -> Any:
        return ir.Constant(vector, [value] * LANES)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def rows(position: int, count: int) -> list[Any]:
            array = context.make_array(signature.args[position])(context, builder, arguments[position])
            start = builder.bitcast(array.data, vector.as_pointer())
            return [builder.gep(start, [index(i)]) for i in range(count)]

        def turn_bytes(word: Any) -> Any:
            data = builder.bitcast(word, octets)
            data = builder.shuffle_vector(data, ir.Constant(octets, ir.Undefined), turned)
            return builder.bitcast(data, vector)

        def rotate(word: Any, count: int) -> Any:
            right = builder.lshr(word, constant(count))
            return builder.or_(right, builder.shl(word, constant(32 - count)))

        def mix(word: Any, *counts: int) -> Any:
            first, second, third = (rotate(word, count) for count in counts)
            return builder.xor(builder.xor(first, second), third)

        def mix_shifted(word: Any, first: int, second: int, shift: int) -> Any:
            turned_twice = builder.xor(rotate(word, first), rotate(word, second))
            return builder.xor(turned_twice, builder.lshr(word, constant(shift)))

        def add(*words: Any) -> Any:
            total = words[0]
            for word in words[1:]:
                total = builder.add(total, word)
            return total

        places = rows(0, 8)
        before = [builder.load(place, align=4) for place in places]
        message = [turn_bytes(builder.load(place, align=4)) for place in rows(1, 16)]
        a, b, c, d, e, f, g, h = before
        for t, round_word in enumerate(_ROUND_WORDS):
            if t >= 16:
                early, late = mix_shifted(message[t - 15], 7, 18, 3), mix_shifted(message[t - 2], 17, 19, 10)
                message.append(add(message[t - 16], early, message[t - 7], late))
            choice = builder.xor(g, builder.and_(e, builder.xor(f, g)))
            majority = builder.or_(builder.and_(a, b), builder.and_(c, builder.or_(a, b)))
            first = add(h, mix(e, 6, 11, 25), choice, constant(round_word), message[t])
            second = add(mix(a, 2, 13, 22), majority)
            a, b, c, d, e, f, g, h = add(first, second), a, b, c, add(d, first), e, f, g
        for place, old, new in zip(places, before, (a, b, c, d, e, f, g, h), strict=True):
            builder.store(builder.add(old, new), place, align=4)
        return context.get_dummy_value()

    return types.void(state, block), generate


@compiled
def _compress(state: Any, block: Any) -> None:
    _compress_lanes(state, block)


@compiled
def _turn(word: Any) -> Any:
    """The word with its four bytes in the other order."""
    outer = uint32(word << uint32(24)) | (word >> uint32(24))
    inner = uint32(uint32(word & uint32(0xFF00)) << uint32(8)) | ((word >> uint32(8)) & uint32(0xFF00))
    return outer | inner


@compiled
def _begin(state: Any) -> None:
    for i in range(8):
        for lane in range(LANES):
            state[i, lane] = _START[i]


@compiled
def _end(state: Any, block: Any, used: Any, words: Any) -> None:
    """Compresses the last block of messages of `words` words, of which it holds `used` already."""
    length = _turn(uint32(32 * words))
    for lane in range(LANES):
        for i in range(used, 15):
            block[i, lane] = uint32(0)
        block[used, lane] = _PAD
        block[15, lane] = length
    _compress(state, block)


@compiled
def _put(block: Any, at: Any, lane: Any, words: Any) -> None:
    for i in range(8):
        block[at + i, lane] = words[i]


@compiled
def _take(state: Any, lane: Any, out: Any) -> None:
    for i in range(8):
        out[i] = _turn(state[i, lane])


@compiled
def _fill(labels: Any, start: Any, count: Any, reach: Any, W: Any, draws: Any, head: Any) -> None:
    state, block = np.empty((8, LANES), np.uint32), np.empty((16, LANES), np.uint32)
    parents = np.empty((PARENTS, LANES), np.int64)
    whole, part = uint64(reach) >> uint64(32), uint64(reach) & uint64(0xFFFFFFFF)
    for group in range(0, count, LANES):
        lanes = min(LANES, count - group)
        _begin(state)
        for lane in range(lanes):
            number = start + group + lane
            for i in range(8):
                block[i, lane] = head[i]
            block[2, lane] = uint32(uint64(number) & uint64(0xFFFFFFFF))
            block[3, lane] = uint32(uint64(number) >> uint64(32))
        if reach == 0:
            _end(state, block, 8, 8)
        else:
            for lane in range(lanes):
                parents[0, lane] = start + group + lane - W
                for j in range(1, PARENTS):
                    draw = uint64(draws[j >> 2, group + lane, j & 3])
                    parents[j, lane] = draw * whole + ((draw * part) >> uint64(32))
                _put(block, 8, lane, labels[parents[0, lane]])
            _compress(state, block)
            for j in range(1, PARENTS - 1, 2):
                for lane in range(lanes):
                    _put(block, 0, lane, labels[parents[j, lane]])
                    _put(block, 8, lane, labels[parents[j + 1, lane]])
                _compress(state, block)
            for lane in range(lanes):
                _put(block, 0, lane, labels[parents[PARENTS - 1, lane]])
            _end(state, block, 8, 8 + 8 * PARENTS)
        for lane in range(lanes):
            _take(state, lane, labels[start + group + lane])


@compiled
def _hash_states(rows: Any, state: Any, block: Any) -> None:
    """SHA-256 of 16 rows of 32 words."""
    _begin(state)
    for half in range(2):
        for lane in range(LANES):
            for i in range(16):
                block[i, lane] = rows[lane, 16 * half + i]
        _compress(state, block)
    _end(state, block, 0, STATE_WORDS)


@compiled
def _join(state: Any, block: Any) -> None:
    """SHA-256 of 16 pairs of nodes that stand in `block`."""
    _begin(state)
    _compress(state, block)
    _end(state, block, 0, 16)


@compiled
def _walk(blocks: Any, states: Any, walkers: Any, segments: Any, ends: Any) -> None:
    state, block = np.empty((8, LANES), np.uint32), np.empty((16, LANES), np.uint32)
    mixed = np.empty(STATE_WORDS + STEP_REACH, np.uint32)
    ends[:] = uint32(0)
    for _ in range(segments):
        for _ in range(SEGMENT_STEPS):
            for walker in range(walkers):
                own = states[walker]
                read = blocks[(uint64(own[0]) * uint64(len(blocks))) >> uint64(32)]
                for k in range(STATE_WORDS):
                    mixed[k] = uint32(own[k] * uint32(STEP_FACTOR)) ^ read[k]
                for k in range(STEP_REACH):
                    mixed[STATE_WORDS + k] = mixed[k]
                for k in range(STATE_WORDS):
                    total = uint32(mixed[k] + mixed[k + STEP_REACH])
                    own[k] = uint32(total << uint32(STEP_TURN)) | (total >> uint32(32 - STEP_TURN))
        _hash_states(states, state, block)
        for lane in range(LANES):
            for i in range(8):
                block[8 + i, lane] = _turn(state[i, lane])
            _put(block, 0, lane, ends[lane])
        _join(state, block)
        for lane in range(LANES):
            _take(state, lane, ends[lane])


@compiled
def _hash_rows(rows: Any, digests: Any) -> None:
    state, block = np.empty((8, LANES), np.uint32), np.empty((16, LANES), np.uint32)
    group = np.zeros((LANES, STATE_WORDS), np.uint32)
    for first in range(0, len(rows), LANES):
        lanes = min(LANES, len(rows) - first)
        group[:lanes] = rows[first : first + lanes]
        _hash_states(group, state, block)
        for lane in range(lanes):
            _take(state, lane, digests[first + lane])


@compiled
def _hash_pairs(nodes: Any, padding: Any, above: Any) -> None:
    state, block = np.empty((8, LANES), np.uint32), np.zeros((16, LANES), np.uint32)
    for first in range(0, len(above), LANES):
        lanes = min(LANES, len(above) - first)
        for lane in range(lanes):
            left = 2 * (first + lane)
            _put(block, 0, lane, nodes[left])
            _put(block, 8, lane, nodes[left + 1] if left + 1 < len(nodes) else padding)
        _join(state, block)
        for lane in range(lanes):
            _take(state, lane, above[first + lane])


@compiled
def _fold_openings(openings: Any, numbers: Any, lower: Any, tops: Any) -> None:
    state, block = np.empty((8, LANES), np.uint32), np.empty((16, LANES), np.uint32)
    group = np.zeros((LANES, STATE_WORDS), np.uint32)
    for first in range(0, len(openings), LANES):
        lanes = min(LANES, len(openings) - first)
        group[:lanes] = openings[first : first + lanes, :STATE_WORDS]
        _hash_states(group, state, block)
        for height in range(lower):
            for lane in range(lanes):
                right = (numbers[first + lane] >> uint64(height)) & uint64(1)
                own, other = (8, 0) if right else (0, 8)
                start = STATE_WORDS + 8 * height
                for i in range(8):
                    block[own + i, lane] = _turn(state[i, lane])
                    block[other + i, lane] = openings[first + lane, start + i]
            _join(state, block)
        for lane in range(lanes):
            _take(state, lane, tops[first + lane])
