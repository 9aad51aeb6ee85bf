"""What a GpuProver needs of a device: memory, the kernels of kernels.cu, and a matrix product."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

KERNELS = Path(__file__).with_name("kernels.cu")

Array = Any
"""Memory of a device as a flat array of bytes (uint8); a slice of it shares its memory."""
Bytes = NDArray[np.uint8]
Argument = Array | np.uint32 | np.uint64
Run = Callable[[], None]


@dataclass(frozen=True)
class Product:
    """entries = rows · columnsᵀ: (m, K) and (n, K) lines into (m, n) words.

    int8 into int32, or if `wide` bfloat16 into float32 (profile W2).
    """

    m: int
    n: int
    K: int
    wide: bool


class Device(Protocol):
    """One device. Work is queued and done in order; `read` and `read_rows` wait for it.

    Every method raises GpuLost when the device fails, and `empty` GpuMemoryExhausted when it is full.
    """

    name: str
    """The public name of its model."""
    total_bytes: int
    """Its whole memory."""

    def free_bytes(self) -> int:
        """What `empty` can still give, once nothing lies unused in a cache."""

    def empty(self, size: int) -> Array:
        """Memory with anything in it."""

    def write(self, target: Array, data: Bytes) -> None: ...

    def copy(self, target: Array, source: Array) -> None: ...

    def read(self, source: Array) -> Bytes: ...

    def read_rows(self, source: Array, width: int, numbers: NDArray[np.int64]) -> Bytes:
        """The rows with these numbers of `source` as rows of `width` bytes: (count, width)."""

    def launch(self, kernel: str, threads: int, *arguments: Argument) -> None: ...

    def prepare(self, product: Product, rows: Array, columns: Array, entries: Array) -> Run:
        """What multiplies, in this memory, whenever it is called."""

    def synchronize(self) -> None:
        """Waits until nothing is left to do."""


def join_levels(device: Device, tree: Array, count: int, height: int) -> Array:
    """Writes `height` levels behind the `count` leaves at the start of `tree`; returns the last level."""
    start = 0
    for _ in range(height):
        middle, half = start + count, count // 2
        below, above = tree[32 * start : 32 * middle], tree[32 * middle : 32 * (middle + half)]
        device.launch("join_nodes", half, below, above, np.uint64(half))
        start, count = middle, half
    return tree[32 * start : 32 * (start + count)]


@dataclass
class TimedDevice:
    """A device that does one thing at a time, and says in `seconds` how long each kind of thing took."""

    device: Device
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def __post_init__(self) -> None:
        self.name = self.device.name
        self.total_bytes = self.device.total_bytes
        self.free_bytes = self.device.free_bytes
        self.empty = self.device.empty
        self.synchronize = self.device.synchronize

    def write(self, target: Array, data: Bytes) -> None:
        self._time("copy", lambda: self.device.write(target, data))

    def copy(self, target: Array, source: Array) -> None:
        self._time("copy", lambda: self.device.copy(target, source))

    def read(self, source: Array) -> Bytes:
        found: list[Bytes] = []
        self._time("copy", lambda: found.append(self.device.read(source)))
        return found[0]

    def read_rows(self, source: Array, width: int, numbers: NDArray[np.int64]) -> Bytes:
        found: list[Bytes] = []
        self._time("copy", lambda: found.append(self.device.read_rows(source, width, numbers)))
        return found[0]

    def launch(self, kernel: str, threads: int, *arguments: Argument) -> None:
        self._time(kernel, lambda: self.device.launch(kernel, threads, *arguments))

    def prepare(self, product: Product, rows: Array, columns: Array, entries: Array) -> Run:
        multiply = self.device.prepare(product, rows, columns, entries)
        return lambda: self._time("product", multiply)

    def _time(self, name: str, run: Run) -> None:
        self.device.synchronize()
        started = time.perf_counter()
        run()
        self.device.synchronize()
        self.seconds[name] += time.perf_counter() - started
