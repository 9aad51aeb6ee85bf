"""Real benchmarks of small devices, and what oracles say of them."""

from __future__ import annotations

from tensorbond.chain.types import Leaf, LeafProof, Outcome, OutcomeProof, OutcomeResult, Record
from tensorbond.oracle.leaves import EpochData
from tensorbond.oracle.tree import outcomes_root
from tests.acts import close_before, timing
from tests.chain import Chain
from tests.leaves import make_leaf
from tests.memory_work import MemoryWork
from tests.work import Work

from .epochs import CHAIN_ID, attest_data

Told = tuple[LeafProof, OutcomeProof, Record]


def epoch_of(chain: Chain, slot: int) -> int:
    return slot // timing(chain).epoch_slots


def attest_row(
    chain: Chain, work: Work | MemoryWork, result: OutcomeResult, witness: bytes, item: int = 0, kind: int = 0
) -> Told:
    """The epoch is attested with this outcome of the work; the leaf's other numbers don't matter here."""
    epoch = epoch_of(chain, work.slot)
    row = Outcome(work.slot, kind, int(result), 0, witness, item, 0)
    leaf: Leaf = make_leaf(work.device, work.provider, outcomes_root=outcomes_root([row]), outcome_count=1)
    data = EpochData(CHAIN_ID, epoch, {work.device: leaf}, {work.device: (row,)})
    close_before(chain, epoch)
    attest_data(chain, data)
    return data.leaf_proof(work.device), OutcomeProof(row, 0, ()), Record(*work.record)
