"""A provider cheats with many devices at once, each of which would pay a first fault's share only. The more
bond fails in one window, the more each pays; whoever fails alone, or long after, doesn't pay for the
others."""

from __future__ import annotations

import pytest

from tensorbond.chain.penalties import WINDOW_EPOCHS, share_bps
from tests.acts import TBND, commit_as, mine_to_slot, register_as, stake_as
from tests.chain import Chain, Sent
from tests.contracts.provider_staking.staking import moving
from tests.work import BOND, sign_evidence

pytestmark = pytest.mark.chain

FAULT_BPS = 3_000
EPOCH_SLOTS = 4
FIRST_SLOT = 4


@pytest.fixture
def fleet(chain: Chain, provider: str) -> list[int]:
    stake_as(chain, provider, 5 * BOND)
    first = register_as(chain, provider, count=5)
    return list(range(first, first + 5))


def contradict(chain: Chain, provider: str, device: int, slot: int, sender: str) -> Sent:
    """The provider signs two evidences of a commitment, and the sender shows both."""
    commitment, roots = b"\x66" * 32, [b"\x44" * 32, b"\x55" * 32]
    event = commit_as(chain, provider, device, slot, commitment).event("Committed")
    record = (device, slot, commitment, event["timestamp"], provider)
    signatures = [sign_evidence(chain, provider, commitment, root) for root in roots]
    return chain.send("WorkDisputes", "proveTwoEvidences", record, roots, signatures, sender=sender)


def test_spread__device_after_device__each_pays_more(
    chain: Chain, provider: str, stranger: str, fleet: list[int]
) -> None:
    staked, taken = 5 * BOND, []
    stake_as(chain, provider, 15 * BOND)
    staked += 15 * BOND
    mine_to_slot(chain, FIRST_SLOT)
    for number, device in enumerate(fleet[:3]):
        failed = number * BOND
        need = BOND * share_bps(FAULT_BPS, failed, staked) // 10_000
        with moving(
            chain,
            total=-need,
            held=-need,
            supply=need // 4 - need,
            provider_active=-need,
            provider_locked=-need,
            stranger_balance=need // 4,
        ):
            sent = contradict(chain, provider, device, FIRST_SLOT, stranger)
        told = {"device": device, "epoch": 1, "failed": failed, "staked": staked}
        assert list(sent.all("FaultsCorrelated")) == ([told] if number else [])
        assert chain.call("WorkDisputes", "failedIn", 1) == failed + BOND
        staked -= need
        taken.append(need)
    assert taken == sorted(set(taken))
    assert taken[0] == BOND * FAULT_BPS // 10_000


def test_spread__a_third_of_all_stake__takes_whole_bonds(
    chain: Chain, provider: str, stranger: str, fleet: list[int]
) -> None:
    mine_to_slot(chain, FIRST_SLOT)
    amounts = [
        contradict(chain, provider, device, FIRST_SLOT, stranger).event("FaultProven")["amount"]
        for device in fleet[:3]
    ]
    assert amounts == [BOND * FAULT_BPS // 10_000, BOND * 9_382 // 10_000, BOND]


def test_spread__long_before__costs_an_honest_mistake_nothing(
    chain: Chain, provider: str, other_provider: str, stranger: str, fleet: list[int]
) -> None:
    stake_as(chain, other_provider, 100 * TBND)
    mistaken = register_as(chain, other_provider)
    mine_to_slot(chain, FIRST_SLOT)
    for device in fleet[:2]:
        contradict(chain, provider, device, FIRST_SLOT, stranger)
    later = (1 + 2 * WINDOW_EPOCHS) * EPOCH_SLOTS
    mine_to_slot(chain, later)
    sent = contradict(chain, other_provider, mistaken, later, stranger)
    assert sent.event("FaultProven")["amount"] == BOND * FAULT_BPS // 10_000
    assert sent.all("FaultsCorrelated") == []
