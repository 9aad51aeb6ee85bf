from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import HeaderOpening
from tests.acts import accept_as, fund_as
from tests.chain import Chain
from tests.memory_work import (
    MemoryWork,
    commit_memory,
    memory_device_as,
    open_memory,
    show_header,
    slot_of_phase,
)

pytestmark = pytest.mark.chain


def is_bad(chain: Chain, work: MemoryWork, header: bytes | None = None) -> bool:
    opened, root = show_header(work, header)
    bad, evidence_root = chain.call("MemoryProofs", "isBadHeader", *work.place, opened)
    assert evidence_root == root
    return bool(bad)


def test_is_bad_header__good_header__is_good(chain: Chain, honest: MemoryWork) -> None:
    assert not is_bad(chain, honest)


def test_is_bad_header__one_bit_anywhere__is_bad(chain: Chain, honest: MemoryWork) -> None:
    good = honest.memory.header
    for at in range(0, len(good), 32):
        header = bytearray(good)
        header[at] ^= 1
        assert is_bad(chain, honest, bytes(header))


@pytest.mark.parametrize("cut", ["empty", "roots only", "one short", "one long", "one level lower", "higher"])
def test_is_bad_header__another_length__is_bad(chain: Chain, honest: MemoryWork, cut: str) -> None:
    """A cap of another level leads to memRoot, too."""
    memory = honest.memory
    good, lower = memory.header, memory.dimensions.lower
    header = {
        "empty": b"",
        "roots only": good[:64],
        "one short": good[:-1],
        "one long": good + b"\0",
        "one level lower": good[:64] + b"".join(memory.tree[lower - 1]),
        "higher": good[:64] + b"".join(memory.tree[lower + 1]),
    }[cut]
    assert is_bad(chain, honest, header)


def test_is_bad_header__of_other_work__is_bad(chain: Chain, honest: MemoryWork) -> None:
    other = replace(honest.memory, salt=bytes(32))
    assert is_bad(chain, honest, other.header)


@pytest.mark.parametrize("depth", [0, 6, 8])
def test_is_bad_header__evidence_path_of_another_depth__reverts(
    chain: Chain, honest: MemoryWork, depth: int
) -> None:
    opened, _ = show_header(honest)
    path = (*opened.path, bytes(32))[:depth]
    with chain.reverts("EvidencePathMalformed", have=depth, need=7):
        chain.call("MemoryProofs", "isBadHeader", *honest.place, HeaderOpening(opened.header, path))


def test_is_bad_header__slot_of_the_c_phase__reverts(chain: Chain, honest: MemoryWork) -> None:
    slot = slot_of_phase(chain, honest.slot + 2, memory=False)
    with chain.reverts("PhaseMismatch", device=honest.device, slot=slot):
        is_bad(chain, replace(honest, slot=slot))


def test_is_bad_header__class_without_the_phase__reverts(
    chain: Chain, other_provider: str, honest: MemoryWork
) -> None:
    from tests.work import device_as

    device = device_as(chain, other_provider)
    with chain.reverts("PhaseMismatch", device=device, slot=honest.slot):
        is_bad(chain, replace(honest, device=device))


def test_is_bad_header__held_when_the_slot_began__reverts(
    chain: Chain, provider: str, requester: str
) -> None:
    """A held device proves the C-phase where a job forces it, and else nothing."""
    device = memory_device_as(chain, provider)
    work = open_memory(chain, commit_memory(chain, provider, device))
    class_id = chain.call("DeviceRegistry", "deviceOf", device).class_id
    job = fund_as(chain, requester, class_id=class_id, collateral=0)
    accept_as(chain, provider, job, device)
    assert not is_bad(chain, work)

    slot = slot_of_phase(chain, work.slot + 2, memory=True)
    assert chain.call("DeviceRegistry", "heldIn", device, slot)
    with chain.reverts("PhaseMismatch", device=device, slot=slot):
        is_bad(chain, replace(work, slot=slot))
