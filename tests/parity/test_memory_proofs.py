"""`tensorbond.proof` and the contract MemoryProofs say the same of an M-phase, good or bad; and nothing that
anybody makes up takes anything from whoever proved it honestly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorbond.chain.types import CapNode, Commit
from tensorbond.proof.evidence import evidence_root
from tensorbond.proof.memory import MemoryChallenge, MemoryShape
from tensorbond.proof.memory_evidence import MemoryEvidence
from tensorbond.proof.memory_prover import MemoryCpuProver
from tensorbond.proof.memory_verifier import find_bad_memory_item
from tensorbond.watch.memory import cap_node as cap_node_of
from tensorbond.watch.memory import header_claim, item_claim
from tests.chain import Chain, Reverted
from tests.labels import STEPS, Dimensions
from tests.memory_work import (
    MemoryWork,
    cap_node,
    caps_of,
    commit_memory,
    commit_of,
    memory_device_as,
    open_memory,
    show_header,
    show_item,
    sign_root,
)
from tests.system import role
from tests.work import CHAIN_ID, seal

pytestmark = pytest.mark.chain

ODD = Dimensions(layers=5, layer_bits=4, walker_bits=2, segments=3)


@dataclass(frozen=True)
class Scene:
    """An honest M-phase on a chain, and what `tensorbond.proof` makes of the same challenge."""

    chain: Chain
    work: MemoryWork
    challenge: MemoryChallenge
    evidence: MemoryEvidence


@pytest.fixture(scope="module")
def scene(system: Chain) -> Iterator[Scene]:
    snapshot = system.snapshot()
    provider = role(system, "provider")
    work = open_memory(system, commit_memory(system, provider, memory_device_as(system, provider, ODD)))
    challenge = MemoryChallenge(
        beacon=seal(system, work.slot),
        chain_id=CHAIN_ID,
        provider=bytes.fromhex(provider[2:]),
        device=work.device,
        slot=work.slot,
        shape=MemoryShape(ODD.layers, 1 << ODD.layer_bits, ODD.walkers, STEPS * ODD.segments),
    )
    proof = MemoryCpuProver(workers=1, memory_limit=1 << 30).prove(challenge)
    yield Scene(system, work, challenge, proof.open(work.sample_beacon))
    system.revert_to(snapshot)


def test_evidence__of_a_challenge_on_chain__is_byte_for_byte_what_the_contract_is_tested_with(
    scene: Scene,
) -> None:
    work, evidence = scene.work, scene.evidence
    assert evidence.commitment == work.commitment
    assert evidence.header == work.memory.header
    assert list(evidence.items) == [work.item(index) for index in range(96)]


def test_openings__of_every_label_and_segment__are_what_the_contract_is_tested_with(scene: Scene) -> None:
    """What an agent answers with, on request."""
    proof = MemoryCpuProver(workers=1, memory_limit=1 << 30).prove(scene.challenge)
    memory = scene.work.memory
    for number in range(ODD.labels):
        assert proof.open_label(number) == memory.label_opening(number)
    for walker in range(ODD.walkers):
        for segment in range(ODD.segments):
            assert proof.open_segment(walker, segment) == memory.segment_opening(walker, segment)


indices = st.integers(0, 95)
few = settings(max_examples=40, deadline=None)


@few
@given(index=indices, at=st.integers(0, 2**32), bit=st.integers(0, 7), data=st.data())
def test_verdict__one_bit_of_an_item__is_the_same(
    scene: Scene, index: int, at: int, bit: int, data: st.DataObject
) -> None:
    """Anywhere: place, h, start, labels in use or not, paths, digests in use or not, walk path."""
    work, evidence = scene.work, scene.evidence
    item = bytearray(evidence.items[index])
    item[at % len(item)] ^= 1 << bit
    items = (*evidence.items[:index], bytes(item), *evidence.items[index + 1 :])
    told = find_bad_memory_item(
        scene.challenge, evidence.commitment, work.sample_beacon, replace(evidence, items=items)
    )
    assert told is not None
    assert told.index == index
    assert_judged(scene, index, bytes(item), bad=True, opening=told.opening or 0)


@few
@given(index=indices, opening=st.integers(0, 63))
def test_verdict__good_item__is_the_same(scene: Scene, index: int, opening: int) -> None:
    evidence = scene.evidence
    told = find_bad_memory_item(
        scene.challenge, evidence.commitment, scene.work.sample_beacon, scene.evidence
    )
    assert told is None
    count = len(scene.work.blocks(index))
    assert_judged(scene, index, evidence.items[index], bad=False, opening=opening % count)


@few
@given(index=indices, other=indices)
def test_verdict__item_of_another_sample__is_the_same(scene: Scene, index: int, other: int) -> None:
    """Good, where both samples ask for the same place."""
    evidence, items = scene.evidence, scene.evidence.items
    bad = items[other] != items[index]
    if (index < 64) == (other < 64):
        changed = replace(evidence, items=(*items[:index], items[other], *items[index + 1 :]))
        told = find_bad_memory_item(scene.challenge, evidence.commitment, scene.work.sample_beacon, changed)
        assert (told is not None) == bad
    assert_judged(scene, index, items[other], bad=bad, opening=0)


@few
@given(at=st.integers(0, 2**32), bit=st.integers(0, 7))
def test_verdict__one_bit_of_the_header__is_the_same(scene: Scene, at: int, bit: int) -> None:
    chain, work, evidence = scene.chain, scene.work, scene.evidence
    header = bytearray(evidence.header)
    header[at % len(header)] ^= 1 << bit
    nodes = [bytes(header[start : start + 32]) for start in range(0, len(header), 32)]
    changed = replace(evidence, mem_root=nodes[0], walk_root=nodes[1], cap=tuple(nodes[2:]))
    told = find_bad_memory_item(scene.challenge, evidence.commitment, work.sample_beacon, changed)
    assert told is not None
    assert told.index == 96
    assert chain.call("MemoryProofs", "isBadHeader", *work.place, show_header(work, bytes(header))[0])[0]
    assert not chain.call("MemoryProofs", "isBadHeader", *work.place, show_header(work)[0])[0]


def assert_judged(scene: Scene, index: int, item: bytes, *, bad: bool, opening: int) -> None:
    chain, work = scene.chain, scene.work
    opened, root = show_item(work, index, item)
    shown = cap_node(work, index, min(opening, len(work.blocks(index)) - 1))
    found = chain.call("MemoryProofs", "isBadItem", *work.place, opened, shown)
    assert tuple(found) == (bad, root)
    found = chain.call("MemoryProofs", "isGoodItem", *work.place, opened, caps_of(work, index))
    assert tuple(found) == (not bad, root)


# What a watcher makes of it


@few
@given(index=indices, at=st.integers(0, 2**32), bit=st.integers(0, 7))
def test_item_claim__of_signed_evidence_with_one_bit_wrong__is_proven(
    scene: Scene, index: int, at: int, bit: int
) -> None:
    chain, work = scene.chain, scene.work
    item = bytearray(scene.evidence.items[index])
    item[at % len(item)] ^= 1 << bit
    items = (*scene.evidence.items[:index], bytes(item), *scene.evidence.items[index + 1 :])
    evidence = replace(scene.evidence, items=items)
    signed = evidence.sign(sign_root(chain, work, evidence_root(evidence)))
    bad = find_bad_memory_item(scene.challenge, work.commitment, work.sample_beacon, signed)
    assert bad is not None
    claim = item_claim(signed, commit_of(work), bad)
    assert chain.call("WorkDisputes", "proveBadMemoryItem", *claim, sender=chain.accounts[5]) > 0


def test_header_claim__of_a_signed_cap_that_does_not_lead_to_its_root__is_proven(scene: Scene) -> None:
    chain, work = scene.chain, scene.work
    evidence = replace(scene.evidence, cap=scene.evidence.cap[::-1])
    signed = evidence.sign(sign_root(chain, work, evidence_root(evidence)))
    claim = header_claim(signed, commit_of(work))
    assert chain.call("WorkDisputes", "proveBadMemoryHeader", *claim, sender=chain.accounts[5]) > 0


@pytest.mark.parametrize("index", [0, 40, 63, 64, 95])
def test_cap_node__of_any_opening__is_what_mem_root_has_there(scene: Scene, index: int) -> None:
    for opening in range(len(scene.work.blocks(index))):
        assert cap_node_of(scene.evidence, index, opening) == cap_node(scene.work, index, opening)


# What an honest prover has to fear: nothing


def changed(data: st.DataObject, value: bytes) -> bytes:
    """The bytes with some of them changed, moved, cut or doubled; or as they are."""
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, max(len(value) - 1, 0)))
        match data.draw(st.sampled_from(["flip", "write", "copy", "cut", "grow"])):
            case "flip":
                value = value[:at] + bytes([value[at] ^ 1 << data.draw(st.integers(0, 7))]) + value[at + 1 :]
            case "write":
                word = data.draw(st.binary(min_size=1, max_size=128))
                value = (value[:at] + word + value[at + len(word) :])[: len(value)]
            case "copy":
                start = data.draw(st.integers(0, len(value) - 1))
                word = value[start : start + data.draw(st.sampled_from([8, 32, 128]))]
                value = (value[:at] + word + value[at + len(word) :])[: len(value)]
            case "cut":
                value = value[:at] + value[at + data.draw(st.sampled_from([1, 32])) :]
            case "grow":
                value = value[:at] + bytes(data.draw(st.sampled_from([1, 32]))) + value[at:]
    return value


def assert_refused(scene: Scene, verb: str, *args: Any) -> None:
    with pytest.raises(Reverted) as caught:
        scene.chain.call("WorkDisputes", verb, commit_of(scene.work), *args, sender=scene.chain.accounts[5])
    assert caught.value.error not in ("", "Error", "Panic"), str(caught.value)


numbers = st.integers(0, 2**16) | st.integers(0, 2**256 - 1)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(index=indices, data=st.data())
def test_prove_bad_memory_item__whatever_is_claimed_of_honest_work__reverts(
    scene: Scene, index: int, data: st.DataObject
) -> None:
    chain, work = scene.chain, scene.work
    opened, root = show_item(work, index)
    count = len(work.blocks(index))
    true = cap_node(work, index, data.draw(st.integers(0, count - 1)))
    opened = replace(
        opened,
        index=data.draw(st.sampled_from([index, index, index ^ 1]) | numbers),
        item=changed(data, opened.item),
        path=data.draw(st.sampled_from([opened.path, opened.path[1:], (*opened.path[:-1], bytes(32))])),
    )
    shown = CapNode(
        opening=data.draw(st.sampled_from([true.opening]) | numbers),
        node=data.draw(
            st.sampled_from([true.node, work.memory.mem_root]) | st.binary(min_size=32, max_size=32)
        ),
        path=data.draw(st.sampled_from([true.path, true.path[1:], (*true.path, bytes(32)), true.path[::-1]])),
    )
    assert_refused(scene, "proveBadMemoryItem", opened, shown, sign_root(chain, work, root))


@few
@given(data=st.data())
def test_prove_bad_memory_header__whatever_is_claimed_of_honest_work__reverts(
    scene: Scene, data: st.DataObject
) -> None:
    opened, root = show_header(scene.work)
    opened = replace(opened, header=changed(data, opened.header))
    assert_refused(scene, "proveBadMemoryHeader", opened, sign_root(scene.chain, scene.work, root))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(number=st.integers(0, ODD.labels - 1), data=st.data())
def test_prove_bad_label__whatever_is_claimed_of_honest_work__reverts(
    scene: Scene, number: int, data: st.DataObject
) -> None:
    opening = changed(data, scene.work.memory.label_opening(number))
    claimed = data.draw(st.sampled_from([number, number + 128, number + 512]) | numbers)
    if data.draw(st.booleans()):  # say what is claimed
        opening = opening[:64] + (claimed % 2**64).to_bytes(8, "little") + opening[72:]
    assert_refused(scene, "proveBadLabel", claimed, opening)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(walker=st.integers(0, ODD.walkers - 1), segment=st.integers(0, ODD.segments - 1), data=st.data())
def test_prove_bad_step__whatever_is_claimed_of_honest_work__reverts(
    scene: Scene, walker: int, segment: int, data: st.DataObject
) -> None:
    opening = changed(data, scene.work.memory.segment_opening(walker, segment))
    claimed = data.draw(st.sampled_from([walker, walker + ODD.walkers, 2**32]) | numbers)
    part = data.draw(st.sampled_from([segment, segment + 1, 0]) | numbers)
    if data.draw(st.booleans()):
        place = (claimed % 2**32).to_bytes(4, "little") + (part % 2**32).to_bytes(4, "little")
        opening = opening[:64] + place + opening[72:]
    assert_refused(scene, "proveBadStep", claimed, part, opening)


def test_scene__what_is_claimed_without_change__is_refused_for_being_good(scene: Scene) -> None:
    """So the refusals above are not for something else."""
    work, sender = scene.work, scene.chain.accounts[5]
    assert isinstance(commit_of(work), Commit)
    with scene.chain.reverts("LabelGood", number=70):
        opening = work.memory.label_opening(70)
        scene.chain.call("WorkDisputes", "proveBadLabel", commit_of(work), 70, opening, sender=sender)
    with scene.chain.reverts("SegmentGood", walker=1, segment=2):
        opening = work.memory.segment_opening(1, 2)
        scene.chain.call("WorkDisputes", "proveBadStep", commit_of(work), 1, 2, opening, sender=sender)
