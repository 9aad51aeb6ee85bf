"""The counts that `Challenges` keeps in a device's ledger; what they mean is tested where it records them."""

from __future__ import annotations

import pytest

from tensorbond.chain.types import Faults
from tests.acts import TBND
from tests.chain import Chain

from .registry import as_peer

pytestmark = pytest.mark.chain


def test_record__faults_misses_and_debits__share_a_word_and_leave_each_other_alone(
    chain: Chain, device: int
) -> None:
    as_peer(chain, "WorkDisputes", "debit", device, 3 * TBND)
    as_peer(chain, "Challenges", "recordFault", device, 9, 2)
    as_peer(chain, "Challenges", "recordMiss", device, 8)
    as_peer(chain, "WorkDisputes", "debit", device, 7 * TBND)
    as_peer(chain, "Challenges", "recordFault", device, 5, 1)

    assert chain.call("DeviceRegistry", "faultsOf", device) == Faults(5, True, 2, 2, 1, 2)
    assert chain.call("Challenges", "faultsOf", device) == Faults(5, True, 2, 2, 1, 2)
    assert chain.call("DeviceRegistry", "bondOf", device) == 0


@pytest.mark.parametrize(("verb", "args"), [("recordFault", (5, 1)), ("recordMiss", (5,))])
def test_record__not_by_challenges__reverts(
    chain: Chain, provider: str, governor: str, device: int, verb: str, args: tuple[int, ...]
) -> None:
    for sender in (provider, governor, chain.impersonate("WorkDisputes")):
        with chain.reverts("ChallengesOnly", account=sender):
            chain.send("DeviceRegistry", verb, device, *args, sender=sender)
    assert chain.call("DeviceRegistry", "faultsOf", device) == Faults(0, False, 0, 0, 0, 0)
