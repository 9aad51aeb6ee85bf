"""Delegators leave and withdraw while a job is open that is then never submitted: the slash finds too little.

What it did not find stayed locked for ever, and every deposit to cover it with it."""

from __future__ import annotations

import pytest

from tests.acts import (
    TBND,
    accept_as,
    current_slot,
    delegate_as,
    fund_as,
    mine_to_slot,
    register_as,
    stake_as,
)
from tests.chain import Chain

pytestmark = pytest.mark.chain

OWN, DELEGATED, COLLATERAL = 100 * TBND, 300 * TBND, 350 * TBND


def test_slash_of_collateral_that_has_left__no_job_is_open__locks_the_bond_and_no_more(
    chain: Chain, provider: str, other_provider: str, requester: str, stranger: str
) -> None:
    stake_as(chain, provider, OWN)
    device = register_as(chain, provider)
    delegate_as(chain, other_provider, provider, DELEGATED)
    mine_to_slot(chain, current_slot(chain) + 6)
    now = chain.block_number
    deadlines = {"accept_by": now + 20, "submit_by": now + 500, "refund_at": now + 5_000}
    job = accept_as(chain, provider, fund_as(chain, requester, collateral=COLLATERAL, **deadlines), device)
    chain.send("ProviderStaking", "undelegate", provider, DELEGATED, sender=other_provider)
    chain.mine(300)
    chain.send("ProviderStaking", "withdrawDelegated", provider, sender=other_provider)
    chain.mine_to(job.state.terms.submit_by)

    sent = chain.send("JobEscrow", "refund", job.number, job.state, sender=stranger)

    bond = chain.call("DeviceRegistry", "bondOf", device)
    assert sent.event("JobRefunded")["slashed"] == OWN
    assert sent.event("StakeSlashed")["locked"] == bond + COLLATERAL - OWN
    assert sent.event("StakeUnlocked") == {
        "provider": provider,
        "locker": chain.address["JobEscrow"],
        "amount": COLLATERAL - OWN,
        "locked": bond,
    }
    assert chain.call("ProviderStaking", "stakeOf", provider).locked == bond
    stake_as(chain, provider, bond + 7)
    assert chain.call("ProviderStaking", "freeOf", provider) == 7
    chain.send("ProviderStaking", "unbond", 7, sender=provider)
