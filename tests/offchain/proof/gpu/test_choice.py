"""Which prover is chosen, and how the GPU's two packages' errors are told as ours."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from tensorbond.proof import (
    CpuProver,
    GpuLost,
    GpuMemoryExhausted,
    GpuUnavailable,
    GpuWrong,
    InputInvalid,
    choose_prover,
)
from tensorbond.proof.gpu.cuda import CudaDevice, is_exhausted
from tensorbond.proof.gpu.prover import GpuProver

from .test_prover import FlippingDevice

pytestmark = pytest.mark.unit


def test_choose_prover__cpu__asks_for_no_gpu():
    def open_gpu(index):
        raise AssertionError("asked for a GPU")

    prover = choose_prover("cpu", 3, open_gpu)
    assert isinstance(prover, CpuProver)
    assert prover.workers == 3


@pytest.mark.parametrize(("name", "index"), [("auto", 0), ("cuda", 0), ("cuda:0", 0), ("cuda:3", 3)])
def test_choose_prover__a_gpu__proves_on_it(device, name, index, capsys):
    asked = []

    def open_gpu(number):
        asked.append(number)
        return device

    prover = choose_prover(name, None, open_gpu)
    assert isinstance(prover, GpuProver)
    assert prover.device is device
    assert asked == [index]
    assert "fill_lines" in device.launches
    assert capsys.readouterr().err == ""


def no_gpu(index):
    raise GpuUnavailable("no GPU can be reached")


def test_choose_prover__auto_without_a_gpu__says_so_and_takes_the_cpu(capsys):
    assert isinstance(choose_prover("auto", 1, no_gpu), CpuProver)
    assert capsys.readouterr().err == "proving on the CPU: no GPU can be reached\n"


def test_choose_prover__a_gpu_that_is_not_there__is_an_error():
    with pytest.raises(GpuUnavailable):
        choose_prover("cuda:0", None, no_gpu)


@pytest.mark.parametrize("name", ["auto", "cuda:0"])
def test_choose_prover__a_gpu_that_miscalculates__is_never_passed_over(kernels, name):
    with pytest.raises(GpuWrong):
        choose_prover(name, None, lambda index: FlippingDevice(kernels))


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "CPU", "cuda:0 "])
def test_choose_prover__another_name__is_refused(name):
    with pytest.raises(InputInvalid, match="need cpu, auto, cuda or cuda:NUMBER"):
        choose_prover(name)


def test_choose_prover__package_missing__tells_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(GpuUnavailable, match=r"^cupy cannot be imported .*: install tensorbond\[gpu\]"):
        choose_prover("cuda:0")


class OutOfMemoryError(MemoryError):
    """As CuPy's is."""


class CUDARuntimeError(RuntimeError):
    """As CuPy's is."""


class TorchOutOfMemoryError(RuntimeError):
    """As PyTorch's is, but for its name."""


TorchOutOfMemoryError.__name__ = "OutOfMemoryError"


@pytest.mark.parametrize(
    ("error", "exhausted"),
    [
        (OutOfMemoryError("Out of memory allocating 1,024 bytes"), True),
        (TorchOutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (CUDARuntimeError("cudaErrorMemoryAllocation: out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (CUDARuntimeError("cudaErrorIllegalAddress: an illegal memory access was encountered"), False),
        (CUDARuntimeError("cudaErrorDevicesUnavailable: CUDA-capable device(s) is/are busy"), False),
        (RuntimeError("CUDA error: unspecified launch failure"), False),
    ],
)
def test_is_exhausted__errors_of_cupy_and_torch__are_told_apart(error, exhausted):
    assert is_exhausted(error) is exhausted


class Scope:
    def __init__(self, index):
        assert index == 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


@pytest.fixture
def packages(monkeypatch):
    """CuPy and PyTorch as far as a CudaDevice asks them before it computes; one error at a time is told."""
    state = SimpleNamespace(error=None, count=2, broken=False)

    class CompileException(Exception):
        pass

    class Module:
        def __init__(self, code, options):
            assert "KERNEL fill_lines" in code
            assert options == ("-std=c++17",)

        def compile(self):
            if state.broken:
                raise CompileException("nvrtc: error")

        def get_function(self, name):
            def launch(grid, block, arguments):
                if state.error:
                    raise state.error
                state.launched = name, grid, block, arguments

            return launch

    def empty(size, kind):
        if state.error:
            raise state.error
        return np.empty(size, kind)

    def count():
        if state.count is None:
            raise CUDARuntimeError("cudaErrorInsufficientDriver")
        return state.count

    cupy, torch = ModuleType("cupy"), ModuleType("torch")
    cupy.cuda = SimpleNamespace(
        runtime=SimpleNamespace(
            getDeviceCount=count,
            getDeviceProperties=lambda index: {"name": b"Some GPU"},
            memGetInfo=lambda: (5 << 30, 8 << 30),
        ),
        Device=Scope,
        compiler=SimpleNamespace(CompileException=CompileException),
    )
    cupy.RawModule, cupy.empty = Module, empty
    cupy.get_default_memory_pool = lambda: SimpleNamespace(free_all_blocks=lambda: None)
    torch.cuda = SimpleNamespace(
        device=Scope, device_count=lambda: state.count or 0, empty_cache=lambda: None
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "torch", torch)
    return state


def test_cuda_device__there__tells_its_model_and_memory(packages):
    device = CudaDevice(1)
    assert (device.name, device.total_bytes) == ("Some GPU", 8 << 30)
    assert device.free_bytes() == (5 << 30) - (1 << 28)


def test_cuda_device__launch__rounds_blocks_up(packages):
    CudaDevice(1).launch("fill_lines", 513, np.uint32(1))
    assert packages.launched == ("fill_lines", (3,), (256,), (np.uint32(1),))


def test_cuda_device__memory_full__says_how_much(packages):
    device = CudaDevice(1)
    packages.error = OutOfMemoryError("Out of memory")
    with pytest.raises(GpuMemoryExhausted) as caught:
        device.empty(1 << 34)
    assert (caught.value.have, caught.value.need) == ((5 << 30) - (1 << 28), 1 << 34)


def test_cuda_device__fails__is_lost(packages):
    device = CudaDevice(1)
    packages.error = CUDARuntimeError("cudaErrorIllegalAddress")
    with pytest.raises(GpuLost, match="GPU Some GPU failed: CUDARuntimeError: cudaErrorIllegalAddress"):
        device.launch("fill_lines", 1)


@pytest.mark.parametrize(
    ("count", "reason"), [(None, "InsufficientDriver"), (0, "no GPU 1"), (1, "no GPU 1")]
)
def test_cuda_device__not_there__is_unavailable(packages, count, reason):
    packages.count = count
    with pytest.raises(GpuUnavailable, match=reason):
        CudaDevice(1)


def test_cuda_device__kernels_do_not_compile__is_unavailable(packages):
    packages.broken = True
    with pytest.raises(GpuUnavailable, match="GPU 1 cannot run the kernels: nvrtc: error"):
        CudaDevice(1)
