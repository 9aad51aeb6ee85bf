"""Which prover: the CPU's, or that of a GPU."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

from tensorbond.proof.errors import GpuUnavailable, InputInvalid
from tensorbond.proof.gpu.cuda import CudaDevice
from tensorbond.proof.gpu.device import Device
from tensorbond.proof.gpu.prover import GpuProver
from tensorbond.proof.prover import CpuProver

DEVICE_NAMES = "cpu, auto, cuda or cuda:NUMBER"


def choose_prover(
    device: str, workers: int | None = None, open_gpu: Callable[[int], Device] = CudaDevice
) -> CpuProver | GpuProver:
    """A prover that is ready: its kernels loaded and, on a GPU, compared with the CPU.

    "cpu" uses `workers` threads; "cuda:N" GPU number N ("cuda": 0), or raises GpuUnavailable; "auto" GPU 0 if
    there is one, else says on stderr why not and uses the CPU. Raises GpuWrong for a GPU that miscalculates,
    InputInvalid for another name.
    """
    gpu = choose_gpu(device, open_gpu)
    prover = CpuProver(workers) if gpu is None else GpuProver(gpu)
    prover.warm_up()
    return prover


def choose_gpu(device: str, open_gpu: Callable[[int], Device] = CudaDevice) -> Device | None:
    """The GPU that this name means, None for the CPU."""
    match = re.fullmatch(r"(cpu)|(auto)|cuda(?::(\d{1,4}))?", device)
    if match is None:
        raise InputInvalid("device", repr(device), DEVICE_NAMES)
    if match[1]:
        return None
    try:
        return open_gpu(int(match[3] or 0))
    except GpuUnavailable as error:
        if not match[2]:
            raise
        print(f"proving on the CPU: {error}", file=sys.stderr, flush=True)
        return None
