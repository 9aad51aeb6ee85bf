"""A provider retires its device and asks for its bond back before anybody proves what it did last. Every
exit is slower than every proof that could touch it (invariant 12)."""

from __future__ import annotations

import pytest

from tests.chain import Chain
from tests.contracts.work_disputes.liars import LyingProver, wrong_seed
from tests.work import BOND, Work, commit_work, device_as, first_slot_of, open_link

pytestmark = pytest.mark.chain

SHARE = BOND * 3_000 // 10_000


@pytest.fixture
def last(chain: Chain, provider: str) -> Work:
    """Bad work in the last slot of a device that was retired as soon as it began."""
    device = device_as(chain, provider)
    chain.send("DeviceRegistry", "retire", device, sender=provider)
    until = chain.call("DeviceRegistry", "deviceOf", device).until_slot
    assert until > first_slot_of(chain, device)
    return commit_work(chain, provider, device, until - 1, LyingProver(wrong_seed(2)))


def test_retire__bond_asked_back_before_the_proof__is_refused_and_taken(
    chain: Chain, provider: str, stranger: str, last: Work
) -> None:
    free = {"provider": provider, "have": 0, "need": BOND}
    with chain.reverts("FreeStakeInsufficient", **free):
        chain.send("ProviderStaking", "unbond", BOND, sender=provider)
    epoch = last.slot // 4
    settled = chain.call("Attestations", "settledThrough")
    with chain.reverts("ProofStillPossible", device=last.device, have=settled, need=epoch + 1):
        chain.send("WorkDisputes", "discharge", last.device, sender=provider)
    sent = chain.send("WorkDisputes", "proveBadLink", last.commit, open_link(last, 2), sender=stranger)
    assert sent.event("FaultProven")["amount"] == SHARE
    assert chain.call("ProviderStaking", "stakeOf", provider).locked == BOND - SHARE


def test_retire__another_retires_in_its_name__is_refused(chain: Chain, stranger: str, last: Work) -> None:
    with chain.reverts("ProviderOnly", account=stranger, provider=last.provider):
        chain.send("DeviceRegistry", "retire", last.device, sender=stranger)
