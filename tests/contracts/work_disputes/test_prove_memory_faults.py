"""F1 and F4 of the M-phase: who pays, and who can't be made to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tensorbond.chain import digests
from tensorbond.chain.types import CapNode, MemoryItemOpening, SlashReason
from tests.acts import ZERO_ADDRESS, domain, mine_to_slot, set_operator_as
from tests.chain import Chain
from tests.contracts.provider_staking.staking import moving
from tests.labels import SAMPLES, Dimensions, H, Memory
from tests.memory_work import (
    MemoryWork,
    cap_node,
    commit_memory,
    commit_of,
    memory_device_as,
    open_memory,
    show_header,
    show_item,
    sign_root,
)
from tests.work import BOND

from .faults import REWARD, SHARE, assert_pays, prove, slashing

pytestmark = pytest.mark.chain

LABEL, WALKER, SEGMENT = 200, 5, 1
NOTHING = CapNode(0, bytes(32), ())

Claim = tuple[Any, ...]


def stray(dimensions: Dimensions, salt: bytes) -> Memory:
    """One label and one walk wrong."""
    ends = {(WALKER, SEGMENT): list(range(32))}
    return Memory(dimensions, salt, wrong_labels={LABEL: bytes(32)}, wrong_ends=ends)


@pytest.fixture
def device(chain: Chain, provider: str) -> int:
    return memory_device_as(chain, provider)


@pytest.fixture
def honest(chain: Chain, provider: str, device: int) -> MemoryWork:
    return open_memory(chain, commit_memory(chain, provider, device))


@pytest.fixture
def wrong(chain: Chain, provider: str, device: int) -> MemoryWork:
    return open_memory(chain, commit_memory(chain, provider, device, prover=stray))


def item_claim(
    chain: Chain, work: MemoryWork, index: int, item: bytes | None = None, shown: CapNode = NOTHING
) -> tuple[Claim, bytes]:
    """Arguments of proveBadMemoryItem about signed evidence with this item, and the root that is signed."""
    opened, root = show_item(work, index, item)
    return (commit_of(work), opened, shown, sign_root(chain, work, root)), root


def header_claim(chain: Chain, work: MemoryWork, header: bytes | None = None) -> tuple[Claim, bytes]:
    opened, root = show_header(work, header)
    return (commit_of(work), opened, sign_root(chain, work, root)), root


def label_claim(work: MemoryWork, number: int = LABEL) -> Claim:
    return commit_of(work), number, work.memory.label_opening(number)


def step_claim(work: MemoryWork, walker: int = WALKER, segment: int = SEGMENT) -> Claim:
    return commit_of(work), walker, segment, work.memory.segment_opening(walker, segment)


def every_claim(chain: Chain, work: MemoryWork) -> dict[str, Claim]:
    """One claim of each verb about wrong work whose evidence is signed wrong as well."""
    return {
        "proveBadMemoryItem": item_claim(chain, work, 0, b"bad")[0],
        "proveBadMemoryHeader": header_claim(chain, work, b"bad")[0],
        "proveBadLabel": label_claim(work),
        "proveBadStep": step_claim(work),
    }


VERBS = ["proveBadMemoryItem", "proveBadMemoryHeader", "proveBadLabel", "proveBadStep"]


# What is bad pays


@pytest.mark.parametrize("index", [0, 63, 64, 95])
def test_prove_bad_memory_item__bad_bytes_signed__slashes_a_share(
    chain: Chain, provider: str, stranger: str, honest: MemoryWork, index: int
) -> None:
    claim, root = item_claim(chain, honest, index, honest.item(index)[:-1] + b"\xee")
    with slashing(chain, SHARE, REWARD):
        claim = (*claim[:2], cap_node(honest, index, min(16, len(honest.blocks(index)) - 1)), claim[3])
        sent = prove(chain, "proveBadMemoryItem", *claim, sender=stranger)
    assert sent.event("BadItemProven") == {
        "device": honest.device,
        "slot": honest.slot,
        "challenger": stranger,
        "index": index,
        "amount": SHARE,
        "reward": REWARD,
    }
    slashed = sent.event("StakeSlashed")
    assert (slashed["provider"], slashed["challenger"], slashed["victim"]) == (
        provider,
        stranger,
        ZERO_ADDRESS,
    )
    assert (slashed["reason"], slashed["evidence"]) == (SlashReason.BAD_ITEM, root)
    assert sent.event("FaultRecorded")["count"] == 1
    assert chain.call("DeviceRegistry", "bondOf", honest.device) == BOND - SHARE


def test_prove_bad_memory_item__opening_under_another_node__slashes(
    chain: Chain, stranger: str, honest: MemoryWork
) -> None:
    index = honest.index_of(segment=True)
    item = bytearray(honest.item(index))
    item[168 + 128] ^= 1
    claim, _ = item_claim(chain, honest, index, bytes(item), cap_node(honest, index))
    assert prove(chain, "proveBadMemoryItem", *claim, sender=stranger).event("BadItemProven")


def test_prove_bad_memory_item__next_slot_unsealed__seals_it(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    committed = commit_memory(chain, provider, device)
    mine_to_slot(chain, committed.slot + 1)
    start = chain.block_number
    work = replace(committed, sample_beacon=chain.block_hash(start))
    claim, _ = item_claim(chain, work, 3, b"bad")
    sent = prove(chain, "proveBadMemoryItem", *claim, sender=stranger)
    assert sent.event("SlotSealed") == {"slot": work.slot + 1, "beacon": chain.block_hash(start)}


@pytest.mark.parametrize("header", [b"", b"\0" * 320], ids=["empty", "zeros"])
def test_prove_bad_memory_header__not_the_commitments__slashes(
    chain: Chain, stranger: str, honest: MemoryWork, header: bytes
) -> None:
    claim, root = header_claim(chain, honest, header)
    assert_pays(
        chain,
        honest,
        "proveBadMemoryHeader",
        *claim,
        sender=stranger,
        reason=SlashReason.BAD_HEADER,
        evidence=root,
    )


def test_prove_bad_label__made_of_nothing__slashes(chain: Chain, stranger: str, wrong: MemoryWork) -> None:
    assert_pays(
        chain,
        wrong,
        "proveBadLabel",
        *label_claim(wrong),
        sender=stranger,
        reason=SlashReason.BAD_LABEL,
        evidence=wrong.commitment,
    )


def test_prove_bad_step__to_another_end__slashes(chain: Chain, stranger: str, wrong: MemoryWork) -> None:
    assert_pays(
        chain,
        wrong,
        "proveBadStep",
        *step_claim(wrong),
        sender=stranger,
        reason=SlashReason.BAD_STEP,
        evidence=wrong.commitment,
    )


def test_prove_bad_step__next_slot_never_sealed__slashes(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    """F4 rests on the commitment alone."""
    work = commit_memory(chain, provider, device, prover=stray)
    assert chain.call("Challenges", "beaconOf", work.slot + 1) == bytes(32)
    assert prove(chain, "proveBadStep", *step_claim(work), sender=stranger).event("FaultProven")


# What is good does not


@pytest.mark.parametrize("index", [0, 30, 63, 64, 80, 95])
def test_prove_bad_memory_item__good__reverts(
    chain: Chain, stranger: str, honest: MemoryWork, index: int
) -> None:
    for opening in {0, len(honest.blocks(index)) - 1}:
        claim, _ = item_claim(chain, honest, index, shown=cap_node(honest, index, opening))
        with moving(chain), chain.reverts("MemoryItemGood", index=index, opening=opening):
            prove(chain, "proveBadMemoryItem", *claim, sender=stranger)


def test_prove_bad_memory_header__good__reverts(chain: Chain, stranger: str, honest: MemoryWork) -> None:
    claim, _ = header_claim(chain, honest)
    with moving(chain), chain.reverts("HeaderGood"):
        prove(chain, "proveBadMemoryHeader", *claim, sender=stranger)


def test_prove_bad_label__good__reverts(chain: Chain, stranger: str, honest: MemoryWork) -> None:
    for number in (0, LABEL):
        with moving(chain), chain.reverts("LabelGood", number=number):
            prove(chain, "proveBadLabel", *label_claim(honest, number), sender=stranger)


def test_prove_bad_step__good__reverts(chain: Chain, stranger: str, honest: MemoryWork) -> None:
    for segment in range(3):
        with moving(chain), chain.reverts("SegmentGood", walker=WALKER, segment=segment):
            prove(chain, "proveBadStep", *step_claim(honest, segment=segment), sender=stranger)


# What nobody signed or committed to


def test_prove_bad_memory_item__bytes_that_nobody_signed__reverts(
    chain: Chain, stranger: str, honest: MemoryWork
) -> None:
    (commit, opened, shown, signature), _ = item_claim(chain, honest, 70)
    inner = H(b"GPOW1/E", (70).to_bytes(4, "little"), opened.item) + opened.path[0]
    forgeries: list[MemoryItemOpening] = [
        replace(opened, item=b""),
        replace(opened, item=opened.item + b"\0"),
        replace(opened, item=opened.item[:-1] + b"\xee"),
        replace(opened, item=inner),
        replace(opened, index=71),
        replace(opened, path=(*opened.path[:-1], bytes(32))),
    ]
    for forged in forgeries:
        node = H(b"GPOW1/E", forged.index.to_bytes(4, "little"), forged.item)
        for level, sibling in enumerate(forged.path):
            node = H(sibling, node) if forged.index >> level & 1 else H(node, sibling)
        signable = digests.evidence(domain(chain, "Challenges"), honest.commitment, node)
        with chain.reverts("EvidenceSignerMismatch", have=signable.signer(signature), need=honest.key):
            prove(chain, "proveBadMemoryItem", commit, forged, shown, signature, sender=stranger)


@pytest.mark.parametrize("what", ["item", "header"])
def test_prove_bad_memory_evidence__signed_by_another_or_for_another__reverts(
    chain: Chain, stranger: str, auditor: str, honest: MemoryWork, what: str
) -> None:
    item = what == "item"
    claim, root = item_claim(chain, honest, 0, b"bad") if item else header_claim(chain, honest, b"bad")
    verb = "proveBadMemoryItem" if item else "proveBadMemoryHeader"
    by_another = sign_root(chain, honest, root, auditor)
    with chain.reverts("EvidenceSignerMismatch", have=auditor, need=honest.key):
        prove(chain, verb, *claim[:-1], by_another, sender=stranger)
    domain_ = domain(chain, "Challenges")
    for_another = digests.evidence(domain_, bytes(32), root).sign(chain.key(honest.key))
    signer = digests.evidence(domain_, honest.commitment, root).signer(for_another)
    with chain.reverts("EvidenceSignerMismatch", have=signer, need=honest.key):
        prove(chain, verb, *claim[:-1], for_another, sender=stranger)


@pytest.mark.parametrize("verb", VERBS)
def test_prove_memory_fault__parts_of_another_record__reverts(
    chain: Chain, stranger: str, auditor: str, wrong: MemoryWork, verb: str
) -> None:
    commit, *rest = every_claim(chain, wrong)[verb]
    for changes in ({"key": auditor}, {"timestamp": wrong.timestamp + 1}, {"commitment": bytes(32)}):
        with chain.reverts("RecordMismatch", device=wrong.device, slot=wrong.slot):
            prove(chain, verb, replace(commit, **changes), *rest, sender=stranger)
    with chain.reverts("RecordMissing", device=wrong.device, slot=wrong.slot + 1):
        prove(chain, verb, replace(commit, slot=wrong.slot + 1), *rest, sender=stranger)


@pytest.mark.parametrize("verb", VERBS)
def test_prove_memory_fault__by_the_accused__reverts(
    chain: Chain, provider: str, operator: str, device: int, verb: str
) -> None:
    set_operator_as(chain, provider, operator)
    work = open_memory(chain, commit_memory(chain, operator, device, prover=stray))
    claim = every_claim(chain, work)[verb]
    set_operator_as(chain, provider, chain.accounts[18])
    for sender in (operator, provider, chain.accounts[18]):
        with chain.reverts("ChallengerIsAccused", challenger=sender):
            prove(chain, verb, *claim, sender=sender)
    assert chain.call("Challenges", "faultsOf", device).count == 0


def test_prove_bad_memory_item__after_another_fault_of_the_slot__costs_nothing_yet(
    chain: Chain, stranger: str, auditor: str, wrong: MemoryWork
) -> None:
    claims = every_claim(chain, wrong)
    prove(chain, "proveBadLabel", *claims["proveBadLabel"], sender=stranger)
    with moving(chain):
        sent = prove(chain, "proveBadMemoryItem", *claims["proveBadMemoryItem"], sender=auditor)
    told = sent.event("BadItemProven")
    assert (told["amount"], told["reward"]) == (0, 0)
    assert sent.event("FaultRecorded")["mark"] == told["index"] + 1


@pytest.mark.parametrize("segment", [False, True], ids=["label", "segment"])
def test_prove_bad_memory_item__second_of_the_slot__is_of_another_place_and_takes_what_is_left(
    chain: Chain, stranger: str, auditor: str, honest: MemoryWork, segment: bool
) -> None:
    indices = range(64, SAMPLES) if segment else range(64)
    places = [honest.sample(index) for index in indices]
    first, again = next((places.index(p), i) for i, p in enumerate(places) if places.index(p) != i)
    other = next(i for i, place in enumerate(places) if place != places[first])

    def claim(at: int) -> Claim:
        return item_claim(chain, honest, indices[at], b"bad")[0]

    prove(chain, "proveBadMemoryItem", *claim(first), sender=stranger)
    refused = {"device": honest.device, "slot": honest.slot, "index": indices[first]}
    with moving(chain), chain.reverts("PlaceProvenAlready", **refused):
        prove(chain, "proveBadMemoryItem", *claim(again), sender=auditor)
    sent = prove(chain, "proveBadMemoryItem", *claim(other), sender=auditor)
    assert sent.event("BadItemProven")["amount"] == BOND - SHARE
    assert chain.call("DeviceRegistry", "bondOf", honest.device) == 0


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "proveBadMemoryItem"])
def test_prove_memory_fault__after_another_of_the_slot__reverts(
    chain: Chain, stranger: str, auditor: str, wrong: MemoryWork, verb: str
) -> None:
    claims = every_claim(chain, wrong)
    other = next(other for other in VERBS if other != verb)
    prove(chain, other, *claims[other], sender=stranger)
    with moving(chain), chain.reverts("FaultedAlready", device=wrong.device, slot=wrong.slot):
        prove(chain, verb, *claims[verb], sender=auditor)
