"""Outcomes that say something else than the evidence under their witness: C-phase and M-phase."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import OracleFault, OutcomeResult
from tensorbond.oracle.tree import leaf_hash
from tensorbond.proof import item_leaf
from tests.chain import Chain
from tests.contracts.attestations.epochs import moving
from tests.memory_work import MemoryWork, cap_node, caps_of, commit_memory, memory_device_as, open_memory
from tests.memory_work import show_header as show_memory_header
from tests.memory_work import show_item as show_memory_item
from tests.offchain.proof.skipping import SloppyProver
from tests.work import (
    Work,
    commit_work,
    device_as,
    evidence_path,
    header_of,
    item_opening,
    open_work,
    show_header,
    show_item,
)

from .epochs import prove, punishing
from .works import Told, attest_row, epoch_of

pytestmark = pytest.mark.chain

PASS, FAIL = OracleFault.FALSE_PASS, OracleFault.FALSE_FAIL
PASSED, BAD, SLOW = OutcomeResult.PASSED, OutcomeResult.BAD_ITEM, OutcomeResult.SLOW
OTHER = b"\x07" * 32
AnyWork = Work | MemoryWork


@pytest.fixture
def work(chain: Chain, seated: list[str], provider: str) -> Work:
    """Good work of class 0."""
    return open_work(chain, commit_work(chain, provider, device_as(chain, provider)))


@pytest.fixture
def sloppy(chain: Chain, seated: list[str], provider: str) -> Work:
    """Work whose entry (7, 9) of every tile is wrong."""
    device = device_as(chain, provider)
    return open_work(chain, commit_work(chain, provider, device, prover=SloppyProver(7, 9)))


@pytest.fixture
def memory(chain: Chain, seated: list[str], provider: str) -> MemoryWork:
    """Good work of the M-phase."""
    return open_memory(chain, commit_memory(chain, provider, memory_device_as(chain, provider)))


def root_of(work: Work, header: bytes | None = None) -> bytes:
    assert work.evidence is not None
    shown = [*work.evidence.items, header or header_of(work)]
    return evidence_path([item_leaf(index, item) for index, item in enumerate(shown)], 0)[1]


def wins(chain: Chain, work: AnyWork, fault: OracleFault, verb: str, told: Told, *args: object) -> None:
    epoch = epoch_of(chain, work.slot)
    with punishing(chain, epoch, fault, work.device, leaf_hash(told[0].leaf)) as found:
        found.append(prove(chain, verb, *told, *args))


def loses(chain: Chain, work: AnyWork, fault: OracleFault, verb: str, told: Told, *args: object) -> None:
    epoch = epoch_of(chain, work.slot)
    with chain.reverts("FaultNotShown", epoch=epoch, fault=fault), moving(chain):
        prove(chain, verb, *told, *args)


# The C-phase


def test_prove_false_pass_item__wrong_entry__slashes_and_revokes(chain: Chain, sloppy: Work) -> None:
    told = attest_row(chain, sloppy, PASSED, root_of(sloppy))
    opened = item_opening(show_item(chain, sloppy, 3))

    wins(chain, sloppy, PASS, "proveFalsePassItem", told, opened, 7, 9)


def test_prove_false_pass_item__good__reverts(chain: Chain, work: Work) -> None:
    told = attest_row(chain, work, PASSED, root_of(work))

    for index in range(4):
        opened = item_opening(show_item(chain, work, index))
        loses(chain, work, PASS, "proveFalsePassItem", told, opened, 7, 9)


def test_prove_false_pass_item__bad_item_that_nobody_witnessed__reverts(chain: Chain, sloppy: Work) -> None:
    """A provider may sign two; the oracles answer for the one that they name."""
    told = attest_row(chain, sloppy, PASSED, OTHER)
    opened = item_opening(show_item(chain, sloppy, 3))

    with chain.reverts("WitnessMismatch", have=root_of(sloppy), need=OTHER), moving(chain):
        prove(chain, "proveFalsePassItem", *told, opened, 7, 9)


def test_prove_false_pass_item__of_a_bad_item__reverts(chain: Chain, sloppy: Work) -> None:
    told = attest_row(chain, sloppy, BAD, root_of(sloppy), item=0)
    opened = item_opening(show_item(chain, sloppy, 3))

    with chain.reverts("ResultWrong", have=BAD), moving(chain):
        prove(chain, "proveFalsePassItem", *told, opened, 7, 9)


def test_prove_false_pass_header__another_final_seed__slashes_and_revokes(chain: Chain, work: Work) -> None:
    header = header_of(work)[:-32] + OTHER
    told = attest_row(chain, work, PASSED, root_of(work, header))

    wins(chain, work, PASS, "proveFalsePassHeader", told, show_header(chain, work, header)[0])


def test_prove_false_pass_header__good__reverts(chain: Chain, work: Work) -> None:
    told = attest_row(chain, work, PASSED, root_of(work))

    loses(chain, work, PASS, "proveFalsePassHeader", told, show_header(chain, work)[0])


def test_prove_false_fail_item__good__slashes_and_revokes(chain: Chain, work: Work) -> None:
    told = attest_row(chain, work, BAD, root_of(work), item=3)

    wins(chain, work, FAIL, "proveFalseFailItem", told, item_opening(show_item(chain, work, 3)))


def test_prove_false_fail_item__bad__reverts(chain: Chain, sloppy: Work) -> None:
    told = attest_row(chain, sloppy, BAD, root_of(sloppy), item=0)

    loses(chain, sloppy, FAIL, "proveFalseFailItem", told, item_opening(show_item(chain, sloppy, 0)))


def test_prove_false_fail_item__of_a_pass__reverts(chain: Chain, work: Work) -> None:
    told = attest_row(chain, work, PASSED, root_of(work))

    with chain.reverts("ResultWrong", have=PASSED), moving(chain):
        prove(chain, "proveFalseFailItem", *told, item_opening(show_item(chain, work, 3)))


def test_prove_false_fail_item__another_than_is_named__reverts(chain: Chain, work: Work) -> None:
    told = attest_row(chain, work, BAD, root_of(work), item=3)

    with chain.reverts("ItemNotNamed", have=2, need=3), moving(chain):
        prove(chain, "proveFalseFailItem", *told, item_opening(show_item(chain, work, 2)))


def test_prove_false_fail_header__good__slashes_and_revokes(chain: Chain, work: Work) -> None:
    told = attest_row(chain, work, BAD, root_of(work), item=work.shape.q)

    wins(chain, work, FAIL, "proveFalseFailHeader", told, show_header(chain, work)[0])


def test_prove_false_fail_header__bad__reverts(chain: Chain, work: Work) -> None:
    header = header_of(work)[:-32] + OTHER
    told = attest_row(chain, work, BAD, root_of(work, header), item=work.shape.q)

    loses(chain, work, FAIL, "proveFalseFailHeader", told, show_header(chain, work, header)[0])


def test_prove_false_fail_header__another_is_named__reverts(chain: Chain, work: Work) -> None:
    told = attest_row(chain, work, BAD, root_of(work), item=2)

    with chain.reverts("ItemNotNamed", have=work.shape.q, need=2), moving(chain):
        prove(chain, "proveFalseFailHeader", *told, show_header(chain, work)[0])


def test_prove_false_evidence__other_record__reverts(chain: Chain, work: Work) -> None:
    leaf, outcome, record = attest_row(chain, work, PASSED, root_of(work))
    opened = item_opening(show_item(chain, work, 3))

    for wrong in (replace(record, commitment=OTHER), replace(record, timestamp=1)):
        with chain.reverts("RecordMismatch", device=work.device, slot=work.slot), moving(chain):
            prove(chain, "proveFalsePassItem", leaf, outcome, wrong, opened, 7, 9)


# The M-phase


@pytest.mark.parametrize("result", [PASSED, SLOW])
def test_prove_false_pass_memory_item__another_label__slashes_and_revokes(
    chain: Chain, memory: MemoryWork, result: OutcomeResult
) -> None:
    index = memory.index_of()
    item = bytearray(memory.item(index))
    item[-1] ^= 1
    opened, root = show_memory_item(memory, index, bytes(item))
    told = attest_row(chain, memory, result, root, kind=1)

    wins(chain, memory, PASS, "proveFalsePassMemoryItem", told, opened, cap_node(memory, index, 16))


@pytest.mark.parametrize("segment", [False, True])
def test_prove_false_pass_memory_item__good__reverts(chain: Chain, memory: MemoryWork, segment: bool) -> None:
    index = memory.index_of(segment)
    opened, root = show_memory_item(memory, index)
    told = attest_row(chain, memory, PASSED, root, kind=1)

    loses(chain, memory, PASS, "proveFalsePassMemoryItem", told, opened, cap_node(memory, index))


def test_prove_false_pass_memory_header__bad__slashes_and_revokes(chain: Chain, memory: MemoryWork) -> None:
    header = bytearray(memory.memory.header)
    header[-1] ^= 1
    opened, root = show_memory_header(memory, bytes(header))
    told = attest_row(chain, memory, PASSED, root, kind=1)

    wins(chain, memory, PASS, "proveFalsePassMemoryHeader", told, opened)


def test_prove_false_pass_memory_header__good__reverts(chain: Chain, memory: MemoryWork) -> None:
    opened, root = show_memory_header(memory)
    told = attest_row(chain, memory, PASSED, root, kind=1)

    loses(chain, memory, PASS, "proveFalsePassMemoryHeader", told, opened)


@pytest.mark.parametrize("segment", [False, True])
def test_prove_false_fail_memory_item__good__slashes_and_revokes(
    chain: Chain, memory: MemoryWork, segment: bool
) -> None:
    index = memory.index_of(segment)
    opened, root = show_memory_item(memory, index)
    told = attest_row(chain, memory, BAD, root, item=index, kind=1)

    wins(chain, memory, FAIL, "proveFalseFailMemoryItem", told, opened, caps_of(memory, index))


def test_prove_false_fail_memory_item__bad__reverts(chain: Chain, memory: MemoryWork) -> None:
    index = memory.index_of()
    item = bytearray(memory.item(index))
    item[-1] ^= 1
    opened, root = show_memory_item(memory, index, bytes(item))
    told = attest_row(chain, memory, BAD, root, item=index, kind=1)

    loses(chain, memory, FAIL, "proveFalseFailMemoryItem", told, opened, caps_of(memory, index))


def test_prove_false_fail_memory_header__good__slashes_and_revokes(chain: Chain, memory: MemoryWork) -> None:
    opened, root = show_memory_header(memory)
    told = attest_row(chain, memory, BAD, root, item=96, kind=1)

    wins(chain, memory, FAIL, "proveFalseFailMemoryHeader", told, opened)


def test_prove_false_fail_memory_header__bad__reverts(chain: Chain, memory: MemoryWork) -> None:
    header = bytearray(memory.memory.header)
    header[-1] ^= 1
    opened, root = show_memory_header(memory, bytes(header))
    told = attest_row(chain, memory, BAD, root, item=96, kind=1)

    loses(chain, memory, FAIL, "proveFalseFailMemoryHeader", told, opened)


def test_prove_false_evidence__judge_of_the_other_phase__reverts(chain: Chain, memory: MemoryWork) -> None:
    opened, root = show_memory_header(memory)
    told = attest_row(chain, memory, BAD, root, item=96, kind=1)

    with chain.reverts("PhaseMismatch", device=memory.device, slot=memory.slot), moving(chain):
        prove(chain, "proveFalseFailHeader", *told, opened)
