"""The reference workload: Philox lines, exact integer products, 16×16 tiles and their digests (proof.md §2).

Every compiled function stands in this file: numba's cache of a function does not see changes in another file.
All release the GIL and none starts a thread, so a caller may run them from threads and from forked processes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types, uint32, uint64
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from tensorbond.proof.challenge import TILE, U32_END, W1, check_bytes
from tensorbond.proof.errors import LinesInvalid

Lines = NDArray[np.signedinteger[Any]]
"""Rows of A or columns of B, one a line: shape (count, K), elements of their profile's type."""
ELEMENTS = (np.dtype(np.int8), np.dtype(np.int16))
"""By profile, the type of an element."""
Entries = NDArray[np.int32]
"""The entries of a tile: shape (16, 16), row-major."""

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """The function as machine code; its callers in this package stand in its own file."""
    return cast(Function, njit(cache=True, nogil=True)(function))


def generated(function: Callable[..., Any]) -> Any:
    """A function whose LLVM code it writes itself, for compiled functions to call."""
    return intrinsic(function)


def philox4x32(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Philox4x32-10 of Random123: one block of four u32 words."""
    a, b, c, d = philox_words(counter, key, 1)[0].tolist()
    return a, b, c, d


def philox_words(counter: tuple[int, int, int, int], key: tuple[int, int], count: int) -> NDArray[np.uint32]:
    """Blocks whose counters' first words are counter[0] .. counter[0]+count−1: (count, 4)."""
    words = np.empty((count, 4), np.uint32)
    high = np.array(counter[2:], np.uint32)
    _write_blocks(high, np.array(key, np.uint32), counter[1], counter[0], np.uint32(0), words.reshape(-1))
    return words


def generate_lines(
    matrix_seed: bytes, first: int, count: int, K: int, out: Lines | None = None, profile: int = W1
) -> Lines:
    """Lines first .. first+count−1 of the matrix with this 32-byte seed, into `out` (count, K) if given.

    Raises LinesInvalid when a line number is no u32, K is no multiple of 16, or `out` has another shape or
    type.
    """
    check_bytes("matrix seed", matrix_seed, 32)
    if not (first >= 0 and count >= 1 and first + count <= U32_END):
        raise LinesInvalid("line range", f"{first}..{first + count - 1}", "at least one line, each a u32")
    if K < 16 or K % 16:
        raise LinesInvalid("K", K, "a positive multiple of 16")
    element = ELEMENTS[profile]
    lines: Lines = empty_lines(count, K, profile) if out is None else out
    if lines.shape != (count, K) or lines.dtype != element or not lines.flags.c_contiguous:
        raise LinesInvalid("line buffer", lines.shape, f"contiguous {element} of shape {(count, K)}")
    words = np.frombuffer(matrix_seed, "<u4", 4).astype(np.uint32)
    if profile == W1:
        _write_lines(words[2:], words[:2], first, SIGNED, lines.view(np.uint32))
    else:
        _write_lines(words[2:], words[:2], first, uint32(0), lines.view(np.uint32))
        _narrow(lines)
    return lines


def empty_lines(count: int, K: int, profile: int) -> Lines:
    """A buffer for `generate_lines`."""
    return np.empty((count, K), ELEMENTS[profile])


def multiply_tile(rows: Lines, columns: Lines) -> Entries:
    """The exact products of 16 rows of A and 16 columns of B, both of shape (16, K)."""
    if (
        rows.shape != columns.shape
        or rows.shape[0] != TILE
        or rows.shape[1] % LANES
        or (rows.dtype != columns.dtype)
    ):
        raise LinesInvalid("tile operands", (rows.shape, columns.shape), f"two of (16, K), K % {LANES} = 0")
    entries = np.empty((TILE, TILE), np.int32)
    _multiply_tile(rows, columns, entries)
    return entries


def digest_tiles(entries: NDArray[np.int32]) -> list[bytes]:
    """MIX32x8 of each tile of `entries` (count, 16, 16): 32 bytes each."""
    digests = np.empty((len(entries), 8), np.uint32)
    _mix_tiles(np.array(entries, np.int32, order="C"), digests)
    return [digest.tobytes() for digest in digests]


def digest_product(rows: Lines, columns: Lines, digests: NDArray[np.uint32]) -> None:
    """Writes MIX32x8 of every tile of rows·columns into `digests` (tile rows, tile columns, 8).

    `rows` is (16·tile rows, K), `columns` is (16·tile columns, K).
    """
    need = (rows.shape[0] // TILE, columns.shape[0] // TILE, 8)
    if digests.shape != need or rows.shape[1] != columns.shape[1] or rows.shape[1] % LANES:
        raise LinesInvalid("digest buffer", digests.shape, f"shape {need} and one K, K % {LANES} = 0")
    _digest_product(rows, columns, digests)


def multiply_lines(rows: Lines, columns: Lines, entries: NDArray[np.int32]) -> None:
    """Writes the bare product of `rows` (m, K) and `columns` (n, K) into `entries` (m, n), tile by tile."""
    need = (rows.shape[0], columns.shape[0])
    fits = (
        rows.shape[1] == columns.shape[1] and rows.shape[1] % LANES == 0 and not any(x % TILE for x in need)
    )
    if entries.shape != need or not fits:
        raise LinesInvalid("product buffer", entries.shape, f"shape {need}, whole tiles, K % {LANES} = 0")
    _multiply_lines(rows, columns, entries)


PHILOX_M0 = uint64(0xD2511F53)
PHILOX_M1 = uint64(0xCD9E8D57)
PHILOX_W0 = uint32(0x9E3779B9)
PHILOX_W1 = uint32(0xBB67AE85)
HALF = uint64(32)
SIGNED = uint32(0x80808080)
"""Flips the top bit of each byte of a word: byte − 128, as an int8."""


@compiled
def _write_blocks(high: Any, key: Any, second: Any, first: Any, flip: Any, out: Any) -> None:
    """Blocks of counter (first + b, second, high[0], high[1]) into `out`, four words each, XOR flip."""
    for b in range(out.size // 4):
        c0, c1, c2, c3 = uint32(first + b), uint32(second), high[0], high[1]
        k0, k1 = key[0], key[1]
        for _ in range(10):
            p0, p1 = PHILOX_M0 * uint64(c0), PHILOX_M1 * uint64(c2)
            c0, c1, c2, c3 = (
                uint32(p1 >> HALF) ^ c1 ^ k0,
                uint32(p1),
                uint32(p0 >> HALF) ^ c3 ^ k1,
                uint32(p0),
            )
            k0, k1 = uint32(k0 + PHILOX_W0), uint32(k1 + PHILOX_W1)
        out[4 * b] = c0 ^ flip
        out[4 * b + 1] = c1 ^ flip
        out[4 * b + 2] = c2 ^ flip
        out[4 * b + 3] = c3 ^ flip


@compiled
def _write_lines(high: Any, key: Any, first: Any, flip: Any, out: Any) -> None:
    for i in range(out.shape[0]):
        _write_blocks(high, key, first + i, 0, flip, out[i])


@compiled
def _narrow(lines: Any) -> None:
    """Makes each 16-bit element the nine-bit value of W2: its low nine bits − 256."""
    for i in range(lines.shape[0]):
        for k in range(lines.shape[1]):
            lines[i, k] = (lines[i, k] & 511) - 256


LANES = 16
"""Products that one vector operation of `_multiply_block` makes."""
BLOCK = 4
"""Rows and columns that share their loads in `_multiply_block`: 16 accumulators stay in registers."""


@generated
def _multiply_block(typing: Any, rows: Any, columns: Any, entries: Any) -> Any:
    """entries[i, j] = Σ_k rows[i, k]·columns[j, k] for 4×4 lines; K must be a multiple of LANES.

    LLVM's loop vectoriser multiplies int8 as int32. Written as widened vectors whose neighbours are added at
    once, the same sum becomes one multiply-add of int16 pairs per LANES products: five times as fast.
    """
    word, index, element = ir.IntType(32), ir.IntType(64), ir.IntType(rows.dtype.bitwidth)
    wide, half = ir.VectorType(word, LANES), ir.VectorType(word, LANES // 2)

    def pick(builder: Any, vector: Any, lanes: list[int]) -> Any:
        mask = ir.Constant(ir.VectorType(word, len(lanes)), lanes)
        return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), mask)

    def add_neighbours(builder: Any, vector: Any) -> Any:
        count = vector.type.count
        even, odd = list(range(0, count, 2)), list(range(1, count, 2))
        return builder.add(pick(builder, vector, even), pick(builder, vector, odd))

    def line_starts(builder: Any, array: Any) -> list[Any]:
        base = builder.bitcast(array.data, ir.IntType(8).as_pointer())
        stride = builder.extract_value(array.strides, 0)
        return [builder.gep(base, [builder.mul(stride, index(i))]) for i in range(BLOCK)]

    def load_widened(builder: Any, start: Any, k: Any) -> Any:
        offset = builder.mul(k, index(element.width // 8))
        place = builder.bitcast(builder.gep(start, [offset]), ir.VectorType(element, LANES).as_pointer())
        return builder.sext(builder.load(place, align=1), wide)

    def start_sum(builder: Any) -> Any:
        with builder.goto_entry_block():
            total = builder.alloca(half)
        builder.store(ir.Constant(half, None), total)
        return total

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b, c = (
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args, arguments, strict=True)
        )
        a_lines, b_lines, c_lines = (line_starts(builder, array) for array in (a, b, c))
        sums = [[start_sum(builder) for _ in range(BLOCK)] for _ in range(BLOCK)]
        depth = builder.extract_value(a.shape, 1)
        with cgutils.for_range_slice(builder, index(0), depth, index(LANES)) as (k, _):
            a_words = [load_widened(builder, line, k) for line in a_lines]
            b_words = [load_widened(builder, line, k) for line in b_lines]
            for a_word, row in zip(a_words, sums, strict=True):
                for b_word, total in zip(b_words, row, strict=True):
                    pairs = add_neighbours(builder, builder.mul(a_word, b_word))
                    builder.store(builder.add(builder.load(total), pairs), total)
        for line, row in zip(c_lines, sums, strict=True):
            place = builder.bitcast(line, word.as_pointer())
            for j, total in enumerate(row):
                vector = builder.load(total)
                while vector.type.count > 1:
                    vector = add_neighbours(builder, vector)
                entry = builder.extract_element(vector, word(0))
                builder.store(entry, builder.gep(place, [index(j)]))
        return context.get_dummy_value()

    return types.void(rows, columns, entries), generate


@compiled
def _multiply_tile(rows: Any, columns: Any, entries: Any) -> None:
    for i in range(0, TILE, BLOCK):
        for j in range(0, TILE, BLOCK):
            _multiply_block(
                rows[i : i + BLOCK], columns[j : j + BLOCK], entries[i : i + BLOCK, j : j + BLOCK]
            )


@compiled
def _multiply_lines(rows: Any, columns: Any, entries: Any) -> None:
    for tj in range(0, columns.shape[0], TILE):
        for ti in range(0, rows.shape[0], TILE):
            _multiply_tile(
                rows[ti : ti + TILE], columns[tj : tj + TILE], entries[ti : ti + TILE, tj : tj + TILE]
            )


MIX_START = uint32(0x9E3779B9)
MIX_C1 = uint32(0xCC9E2D51)
MIX_C2 = uint32(0x1B873593)
MIX_ADD = uint32(0xE6546B64)
MIX_FIVE = uint32(5)


@compiled
def _rotate(word: Any, count: Any) -> Any:
    return uint32(word << uint32(count)) | (word >> uint32(32 - count))


@compiled
def _mix_tile(entries: Any, digest: Any) -> None:
    for lane in range(8):
        digest[lane] = uint32(MIX_START + uint32(lane))
    for i in range(4):
        for j in range(8):
            for lane in range(8):
                entry = uint32(entries[4 * (lane >> 1) + i, 8 * (lane & 1) + j])
                mixed = uint32(_rotate(uint32(entry * MIX_C1), 15) * MIX_C2)
                digest[lane] = uint32(_rotate(digest[lane] ^ mixed, 13) * MIX_FIVE + MIX_ADD)


@compiled
def _mix_tiles(entries: Any, digests: Any) -> None:
    for i in range(entries.shape[0]):
        _mix_tile(entries[i], digests[i])


@compiled
def _digest_product(rows: Any, columns: Any, digests: Any) -> None:
    entries = np.empty((TILE, TILE), np.int32)
    for tj in range(digests.shape[1]):
        for ti in range(digests.shape[0]):
            _multiply_tile(rows[TILE * ti : TILE * ti + TILE], columns[TILE * tj : TILE * tj + TILE], entries)
            _mix_tile(entries, digests[ti, tj])
