"""A provider whose evidence has two bad items pays for a lesser fault of that slot first, through a friend,
so that (device, slot) has paid: the first fault's share in place of the whole bond. The items must still
take the rest."""

from __future__ import annotations

import pytest

from tests.chain import Chain
from tests.contracts.work_disputes.conftest import WRONG_COLUMN, WRONG_ROW
from tests.offchain.proof.skipping import SloppyProver
from tests.work import BOND, Work, commit_work, device_as, open_work, show_item, sign_evidence

pytestmark = pytest.mark.chain

SHARE = BOND * 3_000 // 10_000


@pytest.fixture
def rescued(chain: Chain, provider: str, stranger: str) -> Work:
    """Sloppy work, of which the provider's friend has proven that it was signed twice."""
    prover = SloppyProver(WRONG_ROW, WRONG_COLUMN)
    work = open_work(chain, commit_work(chain, provider, device_as(chain, provider), prover=prover))
    roots = [b"\x44" * 32, b"\x55" * 32]
    signatures = [sign_evidence(chain, provider, work.proof.commitment, root) for root in roots]
    sent = chain.send("WorkDisputes", "proveTwoEvidences", work.commit, roots, signatures, sender=stranger)
    assert sent.event("FaultProven")["amount"] == SHARE
    return work


def prove(chain: Chain, work: Work, index: int, sender: str) -> int:
    proof = show_item(chain, work, index, WRONG_ROW, WRONG_COLUMN)
    sent = chain.send("WorkDisputes", "proveBadItem", proof, sender=sender)
    return int(sent.event("BadItemProven")["amount"])


def test_rescue__two_bad_items_after_all__take_the_rest(chain: Chain, auditor: str, rescued: Work) -> None:
    args = rescued.device, rescued.slot, rescued.proof.commitment
    places = [chain.call("ComputeProofs", "placeOf", *args, index) for index in range(16)]
    second = next(index for index in range(1, 16) if places[index] != places[0])
    assert prove(chain, rescued, 0, auditor) == 0
    assert chain.call("DeviceRegistry", "bondOf", rescued.device) == BOND - SHARE
    assert prove(chain, rescued, second, auditor) == BOND - SHARE
    assert chain.call("DeviceRegistry", "bondOf", rescued.device) == 0


def test_rescue__one_bad_item__costs_no_more(chain: Chain, auditor: str, rescued: Work) -> None:
    assert prove(chain, rescued, 3, auditor) == 0
    with chain.reverts("FaultedAlready", device=rescued.device, slot=rescued.slot):
        prove(chain, rescued, 3, auditor)
    assert chain.call("ProviderStaking", "stakeOf", rescued.provider).locked == BOND - SHARE
