"""`tensorbond proof bench`, on the shim and on this CPU, with shapes that take no time."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner

from tensorbond.cli import bench as cli
from tensorbond.cli import main
from tensorbond.cli.proof import proof as command
from tensorbond.proof import GpuUnavailable, MemoryShape, Shape, bench
from tensorbond.proof.evidence import evidence_length
from tensorbond.proof.gpu import bench as gpu
from tensorbond.proof.gpu import memory
from tensorbond.proof.gpu.memory import MemoryPlan

from .shim import ShimDevice

pytestmark = pytest.mark.unit

KERNELS = {"copy", "fill_lines", "join_nodes", "mix_tiles", "product"}
MEMORY_KERNELS = {
    "chain_states", "copy", "fill_labels", "hash_blocks", "join_nodes", "start_walkers", "walk_steps",
}  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(gpu, "DIMENSIONS", [(256, 256, 1024), (256, 512, 1024)])
    monkeypatch.setattr(gpu, "QUICK_SECONDS", 0.0)
    monkeypatch.setattr(gpu, "QUICK_STEPS", 64)
    monkeypatch.setattr(gpu, "WIDTH", 1024)
    monkeypatch.setattr(gpu, "WALKERS", 8)
    monkeypatch.setattr(memory, "CHUNK_BLOCKS", 256)
    monkeypatch.setattr(bench, "QUICK_SECONDS", 0.0)
    monkeypatch.setattr(bench, "QUICK_DEPTHS", [1024])
    monkeypatch.setattr(bench, "QUICK_SAMPLES", [2, 4])
    monkeypatch.setattr(bench, "QUICK_SHAPES", [(256, 256, 1024, 1)])
    monkeypatch.setattr(bench, "MEMORY_CLASS", MemoryShape(4096, 1 << 18, 64, 128))


@pytest.fixture
def shim(kernels):
    return ShimDevice(kernels, 3 << 20)


def test_measure_gpu__any_device__tells_rates_and_where_time_goes(small, shim):
    figures = gpu.measure_gpu(shim)
    assert (figures["device"], figures["total_bytes"]) == ("shim", 3 << 20)
    peak = max(row["bare_product_gops"] for row in figures["prove"])
    assert figures["peak"] == {"gops": peak, "measured": True}
    for row, (m, n, K) in zip(figures["prove"], gpu.DIMENSIONS, strict=True):
        assert (row["m"], row["n"], row["K"], row["R"]) == (m, n, K, 1)
        assert row["gops"] == pytest.approx(2 * m * n * K / row["seconds"] / 1e9)
        assert row["share_of_bare"] == pytest.approx(row["gops"] / row["bare_product_gops"])
        assert row["share_of_peak"] == pytest.approx(row["gops"] / peak)
        assert set(row["overhead"]) == KERNELS
        assert sum(row["overhead"].values()) == pytest.approx(1)
        assert row["evidence_bytes"] == evidence_length(Shape(m, n, K, 1))
    row = figures["prove_memory"]
    shape = MemoryShape(row["layers"], row["W"], row["walkers"], row["steps"])
    assert shape == MemoryShape(85, 1024, 8, 64)
    assert 0.88 <= row["share_of_memory"] < 0.91
    assert row["megabytes_per_second"] == pytest.approx(shape.bytes_moved / row["seconds"] / 1e6)
    assert set(row["overhead"]) == MEMORY_KERNELS
    assert shim.used_bytes == 0


def test_measure_gpu__peak_given__is_what_rates_are_shares_of(small, shim):
    figures = gpu.measure_gpu(shim, peak_gops=1000.0)
    assert figures["peak"] == {"gops": 1000.0, "measured": False}
    assert figures["prove"][0]["share_of_peak"] == pytest.approx(figures["prove"][0]["gops"] / 1000)


def test_largest_memory__all_free__fills_a_class_s_share():
    shape = gpu.largest_memory(80 << 30, 79 << 30, 1024)
    assert shape.layers == memory.layers_for(80 << 30, 1 << 18)


def test_largest_memory__some_taken__fits_what_is_free():
    free = 40 << 30
    shape = gpu.largest_memory(80 << 30, free, 1024)
    assert MemoryPlan(shape).bytes <= free < MemoryPlan(replace(shape, layers=shape.layers + 40)).bytes


def invoke(*arguments):
    return CliRunner(mix_stderr=False).invoke(command, ["bench", *map(str, arguments)])


def test_bench__cpu_as_json__has_exactly_the_agreed_fields(small):
    result = invoke("--device", "cpu", "--json")
    assert result.exit_code == 0
    figures = json.loads(result.stdout)
    assert list(figures) == [
        "verify", "verify_memory", "prove", "philox_elements_per_s", "dot_macs_per_s", "ceilings",
    ]  # fmt: skip
    assert [(row["K"], row["q"]) for row in figures["verify"]] == [(1024, 2), (1024, 4)]
    assert set(figures["verify"][0]) == {"K", "q", "ms_per_sample", "proofs_per_core_second"}
    assert set(figures["prove"][0]) == {"m", "n", "K", "R", "seconds", "gops", "bare_product_gops"}
    assert set(figures["ceilings"]) == {"philox_elements_per_s", "dot_macs_per_s"}
    assert figures["verify_memory"]["depth"] == 28
    assert "measuring: verify K=1024 q=2" in result.stderr


def test_bench__cpu__prints_tables(small):
    result = invoke("--device", "cpu", "--peak", 1000)
    assert result.exit_code == 0
    for text in ("Proving on the CPU", "256 × 256 × 1024", "Verifying, one core", "Kernels, one core"):
        assert text in result.stdout


@pytest.mark.parametrize("as_json", [False, True])
def test_bench__gpu__prints_all_of_it(small, shim, monkeypatch, as_json):
    monkeypatch.setattr(cli, "choose_gpu", lambda name: shim)
    result = invoke("--device", "cuda:0", *(["--json"] if as_json else []))
    assert result.exit_code == 0
    if as_json:
        assert json.loads(result.stdout)["device"] == "shim"
    else:
        for text in ("Proving on shim", "Proving memory", "256 × 512 × 1024", "mix_tiles", "85 × 1024"):
            assert text in result.stdout


def test_bench__auto_without_a_gpu__measures_the_cpu(small, monkeypatch):
    def no_gpu(index):
        raise GpuUnavailable("no GPU can be reached")

    choose = cli.choose_gpu
    monkeypatch.setattr(cli, "choose_gpu", lambda name: choose(name, no_gpu))
    result = invoke("--json")
    assert result.exit_code == 0
    assert "verify" in json.loads(result.stdout)


def test_bench__a_gpu_that_is_not_there__exits_with_2(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(SystemExit) as stopped:
        main(["proof", "bench", "--device", "cuda:7"])
    assert stopped.value.code == 2
    assert "install tensorbond[gpu]" in capsys.readouterr().err
