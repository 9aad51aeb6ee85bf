"""Somebody registers a device in an epoch's last block to be paid for it, or claims what another has
earned. A leaf of a device that hasn't begun costs every signer its bond, and a claim pays the provider
whoever sends it."""

from __future__ import annotations

import pytest

from tensorbond.chain.types import OracleFault
from tests.acts import TBND, attest, join_oracles, mine_to_final, mine_to_slot
from tests.chain import Chain
from tests.leaves import make_leaf
from tests.work import device_as

pytestmark = pytest.mark.chain


def test_snipe__device_of_the_epoch_s_last_block__is_no_device_of_it(
    chain: Chain, oracles: list[str], provider: str, stranger: str
) -> None:
    join_oracles(chain, oracles, from_epoch=0)
    mine_to_slot(chain, 3, 6)
    device = device_as(chain, provider)
    assert chain.call("DeviceRegistry", "deviceOf", device).from_epoch == 1
    lie = attest(chain, 0, [make_leaf(device, provider, weight=10, cumulative_reward=TBND)]).epoch
    with chain.reverts("EpochNotFinal", epoch=0):
        chain.send("Rewards", "claim", lie.leaf_proof(device), sender=provider)

    sent = chain.send("AttestationDisputes", "proveBadDevice", lie.leaf_proof(device), sender=stranger)

    assert sent.event("FraudProven")["fault"] == OracleFault.BAD_DEVICE
    assert len(sent.all("OracleSlashed")) == 3
    assert sent.event("EpochRevoked")["epoch"] == 0


def test_snipe__claim_of_another_s_reward__pays_who_earned_it(
    chain: Chain, oracles: list[str], provider: str, stranger: str
) -> None:
    join_oracles(chain, oracles, from_epoch=0)
    device = device_as(chain, provider)
    told = attest(chain, 1, [make_leaf(device, provider, weight=10, cumulative_reward=TBND)]).epoch
    mine_to_final(chain, 1)
    before = chain.balance("TensorbondToken", stranger)
    sent = chain.send("Rewards", "claim", told.leaf_proof(device), sender=stranger)
    assert (sent.event("RewardClaimed")["provider"], sent.event("RewardClaimed")["amount"]) == (
        provider,
        TBND,
    )
    assert chain.balance("TensorbondToken", stranger) == before
