"""`tensorbond proof recompute` against the deployed system."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import DeviceClass
from tensorbond.cli.recompute import MOST_BYTES, MOST_OPERATIONS
from tensorbond.proof import CpuProver, MemoryChallenge, MemoryShape, is_memory_slot
from tests.acts import commit_as, mine_to_slot
from tests.chain import Chain
from tests.offchain.cli.conftest import Run
from tests.work import CHAIN_ID, challenge_of, commit_work, device_as, first_slot_of, seal

pytestmark = pytest.mark.chain

SHAPE = MemoryShape(4, 64, 4, 128)


@pytest.fixture
def memory_class(chain: Chain, governor: str) -> int:
    """A class like class 0 that has an M-phase."""
    terms: DeviceClass = chain.call("DeviceRegistry", "classOf", 0)
    memory = replace(
        terms,
        layers=SHAPE.layers,
        layer_bits=6,
        walker_bits=2,
        segments=SHAPE.segments,
        peak_bandwidth=1_000_000,
        min_bandwidth=0,
    )
    return int(
        chain.send("DeviceRegistry", "addClass", memory, sender=governor).event("ClassAdded")["classId"]
    )


def memory_slot_of(chain: Chain, device: int) -> int:
    """Mine to and seal slot after slot until one is of the M-phase."""
    slot = first_slot_of(chain, device)
    while True:
        mine_to_slot(chain, slot)
        if is_memory_slot(seal(chain, slot)):
            return slot
        slot += 1


def memory_challenge_of(chain: Chain, provider: str, device: int, slot: int) -> MemoryChallenge:
    return MemoryChallenge(seal(chain, slot), CHAIN_ID, bytes.fromhex(provider[2:]), device, slot, SHAPE)


def words_of(device: int, slot: int) -> tuple[object, ...]:
    return ("proof", "recompute", "--device", device, "--slot", slot)


def test_recompute__honest_commitment__is_equal(chain: Chain, run: Run, provider: str):
    work = commit_work(chain, provider, device_as(chain, provider))
    told = run(*words_of(work.device, work.slot), "--json")
    assert told.code == 0
    assert (told.json["equal"], told.json["phase"]) == (True, "C")
    assert told.json["committed"] == told.json["computed"] == "0x" + work.proof.commitment.hex()
    assert told.json["shape"] == {"m": 256, "n": 256, "K": 1024, "R": 4, "q": 16, "profile": 0}
    assert told.json["key"] == provider


def test_recompute__another_commitment__is_different(chain: Chain, run: Run, provider: str):
    device = device_as(chain, provider)
    slot = first_slot_of(chain, device)
    honest = CpuProver().prove(challenge_of(chain, device, slot)).commitment
    commit_as(chain, provider, device, slot, b"\x07" * 32)
    told = run(*words_of(device, slot))
    assert told.code == 1
    assert told.out.splitlines() == [
        f"different: device {device} slot {slot} (C-phase)",
        f"committed: {'07' * 32}",
        f"computed:  {honest.hex()}",
    ]


def test_recompute__chain_named_by_the_issue_s_option__is_the_network(
    chain: Chain, run: Run, provider: str, deployment_file
):
    work = commit_work(chain, provider, device_as(chain, provider))
    words = words_of(work.device, work.slot)
    assert run(*words, "--chain", deployment_file, env={"TENSORBOND_NETWORK": "nowhere"}).code == 0
    assert run(*words, "--chain", "nowhere").code == 2


def test_recompute__slot_of_the_memory_phase__is_equal(
    chain: Chain, run: Run, provider: str, memory_class: int
):
    device = device_as(chain, provider, memory_class)
    slot = memory_slot_of(chain, device)
    proof = CpuProver().prove(memory_challenge_of(chain, provider, device, slot))
    commit_as(chain, provider, device, slot, proof.commitment)
    told = run(*words_of(device, slot), "--json")
    assert (told.code, told.json["equal"], told.json["phase"]) == (0, True, "M")
    assert told.json["shape"] == {"layers": 4, "W": 64, "walkers": 4, "steps": 128}


def test_recompute__nothing_committed__cannot_tell(chain: Chain, run: Run, provider: str):
    device = device_as(chain, provider)
    told = run(*words_of(device, 1))
    assert (told.code, told.out) == (2, "")
    assert f"device {device} has committed to nothing in slot 1" in told.err


def test_recompute__large_benchmark__waits_for_a_yes(
    chain: Chain, run: Run, provider: str, monkeypatch: pytest.MonkeyPatch
):
    work = commit_work(chain, provider, device_as(chain, provider))
    assert work.shape.operations < MOST_OPERATIONS
    monkeypatch.setattr("tensorbond.cli.recompute.MOST_OPERATIONS", work.shape.operations - 1)
    told = run(*words_of(work.device, work.slot))
    assert told.code == 2
    assert "operations: say --yes-large" in told.err
    assert run(*words_of(work.device, work.slot), "--yes-large").code == 0


def test_recompute__large_memory_benchmark__waits_for_a_yes(
    chain: Chain, run: Run, provider: str, memory_class: int, monkeypatch: pytest.MonkeyPatch
):
    device = device_as(chain, provider, memory_class)
    slot = memory_slot_of(chain, device)
    commit_as(chain, provider, device, slot, b"\x07" * 32)
    assert SHAPE.bytes_moved < MOST_BYTES
    monkeypatch.setattr("tensorbond.cli.recompute.MOST_BYTES", SHAPE.bytes_moved - 1)
    told = run(*words_of(device, slot))
    assert told.code == 2
    assert "bytes moved in 8192 bytes of memory: say --yes-large" in told.err
    assert run(*words_of(device, slot), "--yes-large").code == 1


def test_recompute__no_chain__cannot_tell(run: Run):
    assert run(*words_of(1, 1), env={"TENSORBOND_RPC": "http://127.0.0.1:9"}).code == 2
