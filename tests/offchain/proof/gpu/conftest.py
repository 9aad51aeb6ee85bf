from __future__ import annotations

import ctypes

import pytest

from .shim import ShimDevice, compile_kernels, find_compiler


@pytest.fixture(scope="session")
def kernels() -> ctypes.CDLL:
    compiler = find_compiler()
    if compiler is None:
        pytest.skip("no g++, clang++ or c++ is installed, so the GPU's kernels cannot be tried on the CPU")
    return compile_kernels(compiler)


@pytest.fixture
def device(kernels: ctypes.CDLL) -> ShimDevice:
    return ShimDevice(kernels)
