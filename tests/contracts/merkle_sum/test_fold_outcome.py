"""OutcomeTree.fold: exact depth, padding is nobody's, and the place is part of the proof."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import OutcomeProof
from tests.chain import Chain
from tests.leaves import Epoch, make_leaf, make_outcome

pytestmark = pytest.mark.chain

OWNER = "0x" + "aa" * 20
LONGEST = (1 << 16) - 1


@pytest.fixture
def harness(bare_chain: Chain) -> Chain:
    bare_chain.deploy("MerkleSumHarness")
    return bare_chain


def of(count: int) -> Epoch:
    """One device with `count` outcomes."""
    rows = [make_outcome(slot, kind=slot % 4, throughput=slot) for slot in range(count)]
    return Epoch.of(0, [make_leaf(1, OWNER)], {1: rows})


def fold(chain: Chain, proof: OutcomeProof, count: int) -> bytes:
    found: bytes = chain.call(
        "MerkleSumHarness", "foldOutcome", proof.outcome, proof.index, count, list(proof.path)
    )
    return found


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9, 17])
def test_fold_outcome__every_place__gives_the_root(harness: Chain, count: int) -> None:
    epoch = of(count)

    for index in range(count):
        assert fold(harness, epoch.outcome_proof(1, index), count) == epoch.leaves[1].outcomes_root


@pytest.mark.parametrize(("count", "depth"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (LONGEST, 16)])
def test_fold_outcome__path_of_another_depth__reverts(harness: Chain, count: int, depth: int) -> None:
    proof = of(1).outcome_proof(1, 0)
    for have in (depth - 1, depth + 1):
        if have >= 0:
            with harness.reverts("OutcomePathMalformed", have=have, need=depth):
                fold(harness, replace(proof, path=(bytes(32),) * have), count)


@pytest.mark.parametrize("index", [5, 7, 8, (1 << 256) - 1])
def test_fold_outcome__place_in_the_padding_or_beyond__reverts(harness: Chain, index: int) -> None:
    proof = of(5).outcome_proof(1, 4)

    with harness.reverts("OutcomePathMalformed", have=3, need=3):
        fold(harness, replace(proof, index=index), 5)


def test_fold_outcome__no_outcomes__reverts(harness: Chain) -> None:
    with harness.reverts("OutcomePathMalformed", have=0, need=0):
        fold(harness, of(1).outcome_proof(1, 0), 0)


def test_fold_outcome__another_place__gives_another_root(harness: Chain) -> None:
    epoch = of(8)
    proof = epoch.outcome_proof(1, 3)

    for index in range(8):
        same = fold(harness, replace(proof, index=index), 8) == epoch.leaves[1].outcomes_root
        assert same == (index == 3)
