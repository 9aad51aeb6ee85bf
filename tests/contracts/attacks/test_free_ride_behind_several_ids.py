"""One card registers as two devices, computes once and commits to the same proof for both. Every seed is
bound to its (provider, device, slot): the second commitment's first link is wrong, from the commitment
alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.acts import commit_as
from tests.chain import Chain
from tests.contracts.provider_staking.staking import moving
from tests.work import BOND, commit_work, device_as, open_link

pytestmark = pytest.mark.chain

SHARE = BOND * 3_000 // 10_000


def test_free_ride__one_proof_for_two_devices__costs_the_second_its_bond(
    chain: Chain, provider: str, stranger: str
) -> None:
    first, second = device_as(chain, provider), device_as(chain, provider)
    work = commit_work(chain, provider, first)
    event = commit_as(chain, provider, second, work.slot, work.proof.commitment).event("Committed")
    copied = replace(work.commit, device=second, timestamp=event["timestamp"])

    with moving(chain), chain.reverts("LinkGood", index=0):
        chain.send("WorkDisputes", "proveBadLink", work.commit, open_link(work, 0), sender=stranger)
    with moving(
        chain,
        total=-SHARE,
        held=-SHARE,
        supply=SHARE // 4 - SHARE,
        provider_active=-SHARE,
        provider_locked=-SHARE,
        stranger_balance=SHARE // 4,
    ):
        chain.send("WorkDisputes", "proveBadLink", copied, open_link(work, 0), sender=stranger)
    assert chain.call("DeviceRegistry", "bondOf", first) == BOND
    assert chain.call("DeviceRegistry", "bondOf", second) == BOND - SHARE
