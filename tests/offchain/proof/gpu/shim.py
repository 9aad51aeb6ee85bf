"""A device made of kernels.cu compiled as C++, for computers without a GPU; the product is NumPy's."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import weakref
from pathlib import Path

import numpy as np

from tensorbond.proof import GpuMemoryExhausted
from tensorbond.proof.gpu.device import KERNELS, Product
from tests.anvil import ROOT

HERE = Path(__file__).parent
SOURCES = [KERNELS, HERE / "shim.h", HERE / "shim.cpp"]
BLOCK_THREADS = 64


def find_compiler() -> str | None:
    return next((found for name in ("g++", "clang++", "c++") if (found := shutil.which(name))), None)


def compile_kernels(compiler: str) -> ctypes.CDLL:
    """Compiled once for these sources; two test processes may do it at once."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in SOURCES)).hexdigest()[:16]
    library = ROOT / ".build" / f"kernels-{digest}.so"
    if not library.exists():
        library.parent.mkdir(exist_ok=True)
        partial = library.with_suffix(f".{os.getpid()}")
        options = [
            "-std=c++17",
            "-O2",
            "-shared",
            "-fPIC",
            "-Wall",
            "-Wextra",
            "-Wno-unknown-pragmas",
            "-Werror",
        ]
        command = [compiler, *options, f"-I{KERNELS.parent}"]
        subprocess.run([*command, str(HERE / "shim.cpp"), "-o", str(partial)], check=True)
        partial.replace(library)
    return ctypes.CDLL(str(library))


class ShimDevice:
    """Has `total_bytes` of memory, and says so when they are gone."""

    name = "shim"

    def __init__(self, library: ctypes.CDLL, total_bytes: int = 1 << 28) -> None:
        self.library = library
        self.total_bytes = total_bytes
        self.used_bytes = 0
        self.launches: list[str] = []

    def free_bytes(self) -> int:
        return self.total_bytes - self.used_bytes

    def empty(self, size: int) -> np.ndarray:
        if size > self.free_bytes():
            raise GpuMemoryExhausted(self.free_bytes(), size)
        array = np.full(size, 0xA5, np.uint8)
        self.used_bytes += size
        weakref.finalize(array, self._give_back, size)
        return array

    def _give_back(self, size: int) -> None:
        self.used_bytes -= size

    def write(self, target, data) -> None:
        target[...] = np.ascontiguousarray(data).reshape(-1).view(np.uint8)

    def copy(self, target, source) -> None:
        target[...] = source

    def read(self, source) -> np.ndarray:
        return source.copy()

    def read_rows(self, source, width, numbers) -> np.ndarray:
        return source.reshape(-1, width)[numbers]

    def launch(self, kernel: str, threads: int, *arguments) -> None:
        self.launches.append(kernel)
        values = [_c_value(argument) for argument in arguments]
        pointers = (ctypes.c_void_p * len(values))(
            *(ctypes.cast(ctypes.pointer(value), ctypes.c_void_p) for value in values)
        )
        launch = getattr(self.library, f"launch_{kernel}")
        launch(ctypes.c_uint(-(-threads // BLOCK_THREADS)), ctypes.c_uint(BLOCK_THREADS), pointers)

    def prepare(self, product: Product, rows, columns, entries):
        m, n, K = product.m, product.n, product.K

        def values(lines, count):
            if not product.wide:
                return lines.view(np.int8).reshape(count, K).astype(np.int32)
            return (lines.view(np.uint16).reshape(count, K).astype(np.uint32) << 16).view(np.float32)

        def multiply() -> None:
            result = values(rows, m) @ values(columns, n).T
            entries[...] = result.reshape(-1).view(np.uint8)

        return multiply

    def synchronize(self) -> None:
        pass


def _c_value(argument):
    if isinstance(argument, np.uint32):
        return ctypes.c_uint32(int(argument))
    if isinstance(argument, np.uint64):
        return ctypes.c_uint64(int(argument))
    assert isinstance(argument, np.ndarray)
    assert argument.dtype == np.uint8
    assert argument.flags.c_contiguous
    return ctypes.c_void_p(argument.ctypes.data)
