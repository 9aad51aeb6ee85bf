"""A GPU through CuPy (memory, kernels) and PyTorch (the matrix product).

On NVIDIA CuPy compiles the kernels with NVRTC. On AMD CuPy's and PyTorch's ROCm builds go by the same names,
and CuPy compiles the same file with hipRTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorbond.proof.errors import GpuLost, GpuMemoryExhausted, GpuUnavailable
from tensorbond.proof.gpu.device import KERNELS, Argument, Array, Bytes, Product, Run

BLOCK_THREADS = 256
RESERVED_BYTES = 1 << 28
"""Left to what the libraries allocate for themselves."""


class CudaDevice:
    """GPU number `index`, as CuPy and PyTorch both count them. Raises GpuUnavailable."""

    def __init__(self, index: int = 0) -> None:
        self._cupy = _import("cupy")
        self._torch = _import("torch")
        self._index = index
        runtime = self._cupy.cuda.runtime
        try:
            count = runtime.getDeviceCount()
        except RuntimeError as error:
            raise GpuUnavailable(f"no GPU can be reached: {error}") from error
        if not 0 <= index < count or self._torch.cuda.device_count() <= index:
            raise GpuUnavailable(f"there is no GPU {index}, only {count} of them")
        try:
            with self._cupy.cuda.Device(index):
                name = runtime.getDeviceProperties(index)["name"]
                self.total_bytes = int(runtime.memGetInfo()[1])
                module = self._cupy.RawModule(code=KERNELS.read_text(), options=("-std=c++17",))
                module.compile()
        except (RuntimeError, self._cupy.cuda.compiler.CompileException) as error:
            raise GpuUnavailable(f"GPU {index} cannot run the kernels: {error}") from error
        self.name = name.decode() if isinstance(name, bytes) else str(name)
        self._module = module
        self._kernels: dict[str, Any] = {}

    def free_bytes(self) -> int:
        with self._guard():
            return self._free_bytes()

    def empty(self, size: int) -> Array:
        with self._guard(size):
            return self._cupy.empty(size, np.uint8)

    def write(self, target: Array, data: Bytes) -> None:
        with self._guard():
            target.set(np.ascontiguousarray(data).reshape(-1).view(np.uint8))

    def copy(self, target: Array, source: Array) -> None:
        with self._guard():
            target[...] = source

    def read(self, source: Array) -> Bytes:
        with self._guard():
            data: Bytes = source.get()
            return data

    def read_rows(self, source: Array, width: int, numbers: NDArray[np.int64]) -> Bytes:
        with self._guard():
            rows: Bytes = source.reshape(-1, width)[self._cupy.asarray(numbers)].get()
            return rows

    def launch(self, kernel: str, threads: int, *arguments: Argument) -> None:
        with self._guard():
            if kernel not in self._kernels:
                self._kernels[kernel] = self._module.get_function(kernel)
            self._kernels[kernel]((-(-threads // BLOCK_THREADS),), (BLOCK_THREADS,), arguments)

    def prepare(self, product: Product, rows: Array, columns: Array, entries: Array) -> Run:
        torch = self._torch
        with self._guard():
            # PyTorch reads no CuPy bfloat16: the bytes are handed over as int16 and named anew.
            kind = np.int16 if product.wide else np.int8
            a, b = (
                torch.from_dlpack(lines.view(kind).reshape(count, product.K))
                for lines, count in ((rows, product.m), (columns, product.n))
            )
            out = np.float32 if product.wide else np.int32
            c = torch.from_dlpack(entries.view(out).reshape(product.m, product.n))
            if product.wide:
                a, b = a.view(torch.bfloat16), b.view(torch.bfloat16)

        def multiply() -> None:
            with self._guard():
                if product.wide:
                    torch.mm(a, b.t(), out_dtype=torch.float32, out=c)
                else:
                    torch._int_mm(a, b.t(), out=c)

        return multiply

    def synchronize(self) -> None:
        with self._guard():
            self._cupy.cuda.get_current_stream().synchronize()

    def _free_bytes(self) -> int:
        self._cupy.get_default_memory_pool().free_all_blocks()
        self._torch.cuda.empty_cache()
        return max(0, int(self._cupy.cuda.runtime.memGetInfo()[0]) - RESERVED_BYTES)

    @contextmanager
    def _guard(self, need: int = 0) -> Iterator[None]:
        """On this GPU, with both packages' errors told as ours."""
        try:
            with self._cupy.cuda.Device(self._index), self._torch.cuda.device(self._index):
                yield
        except (MemoryError, RuntimeError) as error:
            if is_exhausted(error):
                raise GpuMemoryExhausted(self._free_or_zero(), need) from error
            raise GpuLost(self.name, f"{type(error).__name__}: {error}") from error

    def _free_or_zero(self) -> int:
        try:
            return self._free_bytes()
        except (MemoryError, RuntimeError):
            return 0


def is_exhausted(error: Exception) -> bool:
    """Whether CuPy or PyTorch says that the memory is full, and not that the device failed.

    Both name it in the type where they allocate, and in the text where a library below them does.
    """
    text = str(error).lower()
    named = isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__
    return named or any(
        phrase in text for phrase in ("out of memory", "memoryallocation", "status_alloc_failed")
    )


def _import(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        # CuPy frames its advice in rules.
        reason = next((line for line in str(error).splitlines() if line.strip(" =")), "no reason given")
        raise GpuUnavailable(
            f"{name} cannot be imported ({reason}): install tensorbond[gpu], or on AMD the ROCm builds of "
            "cupy and torch"
        ) from error
