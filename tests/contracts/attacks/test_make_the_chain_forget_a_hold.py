"""Whether a device was held when a slot began decides which phase it proves there. A device is held again and
again by short jobs, its own or others', until nobody could tell what was so in a slot before: a quorum's lie
about an M-phase would stand, and a provider's own would go unpunished. The registry keeps every time of being
held."""

from __future__ import annotations

import pytest

from tensorbond.chain.types import OracleFault, OutcomeResult
from tensorbond.oracle.tree import leaf_hash
from tensorbond.proof import is_memory_slot, is_roll_call
from tests.acts import TBND, current_slot, mine_to_slot, mine_to_slot_with
from tests.chain import Chain
from tests.contracts.attestation_disputes.epochs import prove, punishing
from tests.contracts.attestation_disputes.works import attest_row, epoch_of
from tests.contracts.work_disputes.faults import slashing
from tests.memory_work import (
    MemoryWork,
    cap_node,
    caps_of,
    commit_memory,
    commit_of,
    memory_device_as,
    noise_item,
    open_memory,
    show_alone,
    show_item,
    sign_root,
)
from tests.work import BOND, first_slot_of, seal

pytestmark = pytest.mark.chain

SHARE = BOND * 3_000 // 10_000
PENALTY = TBND // 10
ROLL_CALL = 64
TIMES = 4
"""One more than fit the device's own word."""


@pytest.fixture
def work(chain: Chain, seated: list[str], provider: str) -> MemoryWork:
    """Good work of the M-phase."""
    return open_memory(chain, commit_memory(chain, provider, memory_device_as(chain, provider)))


def hold_again(chain: Chain, device: int, times: int = TIMES) -> None:
    """As short jobs do, one a slot."""
    escrow = chain.impersonate("JobEscrow")
    for _ in range(times):
        chain.send("DeviceRegistry", "hold", device, 0, sender=escrow)
        chain.send("DeviceRegistry", "release", device, sender=escrow)
        mine_to_slot(chain, current_slot(chain) + 1)


def test_forget__honest_work_called_bad__is_shown_to_be_good(chain: Chain, work: MemoryWork) -> None:
    index = work.index_of()
    opened, root = show_item(work, index)
    hold_again(chain, work.device)
    told = attest_row(chain, work, OutcomeResult.BAD_ITEM, root, item=index, kind=1)
    lie = (OracleFault.FALSE_FAIL, work.device, leaf_hash(told[0].leaf))
    with punishing(chain, epoch_of(chain, work.slot), *lie) as sent:
        sent.append(prove(chain, "proveFalseFailMemoryItem", *told, opened, caps_of(work, index)))
    assert chain.call("DeviceRegistry", "bondOf", work.device) == BOND


def test_forget__bad_work_called_good__takes_the_signers_bonds(chain: Chain, work: MemoryWork) -> None:
    index = work.index_of()
    opened, root = show_alone(work, index, noise_item(work, index))
    hold_again(chain, work.device)
    told = attest_row(chain, work, OutcomeResult.PASSED, root, kind=1)
    lie = (OracleFault.FALSE_PASS, work.device, leaf_hash(told[0].leaf))
    with punishing(chain, epoch_of(chain, work.slot), *lie) as sent:
        sent.append(prove(chain, "proveFalsePassMemoryItem", *told, opened, cap_node(work, index)))


def test_forget__bad_work__costs_its_share_all_the_same(
    chain: Chain, work: MemoryWork, stranger: str
) -> None:
    index = work.index_of()
    opened, root = show_alone(work, index, noise_item(work, index))
    hold_again(chain, work.device)
    proof = commit_of(work), opened, cap_node(work, index), sign_root(chain, work, root)
    with slashing(chain, SHARE, SHARE // 4):
        sent = chain.send("WorkDisputes", "proveBadMemoryItem", *proof, sender=stranger)
    assert sent.event("BadItemProven")["amount"] == SHARE


def test_forget__missed_slot__costs_the_fixed_sum_all_the_same(
    chain: Chain, provider: str, stranger: str
) -> None:
    device = memory_device_as(chain, provider)
    slot = first_slot_of(chain, device) + 1
    mine_to_slot_with(chain, slot, lambda beacon: is_memory_slot(beacon) and is_roll_call(beacon, ROLL_CALL))
    seal(chain, slot)
    hold_again(chain, device)
    assert chain.call("Challenges", "isDrawn", device, slot)
    with slashing(chain, PENALTY, PENALTY // 4):
        sent = chain.send("WorkDisputes", "proveMissed", device, slot, sender=stranger)
    assert sent.event("MissProven")["amount"] == PENALTY
