"""What every fraud proof about a commitment does, and what every honest one must withstand."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from tensorbond.chain.types import SlashReason
from tests.acts import ZERO_ADDRESS
from tests.chain import Chain, Sent
from tests.contracts.provider_staking.staking import moving
from tests.work import BOND, Work

SHARE = BOND * 3_000 // 10_000
REWARD = SHARE // 4


def slashing(chain: Chain, taken: int, reward: int) -> AbstractContextManager[None]:
    """Within, so much of the provider's bond is taken, of which the stranger gets the reward and the rest
    burns; nothing else moves."""
    return moving(
        chain,
        total=-taken,
        held=-taken,
        supply=reward - taken,
        provider_active=-taken,
        provider_locked=-taken,
        stranger_balance=reward,
    )


def prove(chain: Chain, verb: str, *args: Any, sender: str) -> Sent:
    return chain.send("WorkDisputes", verb, *args, sender=sender)


def assert_pays(
    chain: Chain, work: Work, verb: str, *args: Any, sender: str, reason: SlashReason, evidence: bytes
) -> Sent:
    """The proof takes a share of the bond, pays the sender a quarter of it and ends the device; nobody can
    prove it again."""
    with slashing(chain, SHARE, REWARD):
        sent = prove(chain, verb, *args, sender=sender)
    place = {"device": work.device, "slot": work.slot}
    assert sent.event("FaultProven") == {
        **place,
        "challenger": sender,
        "reason": reason,
        "evidence": evidence,
        "amount": SHARE,
        "reward": REWARD,
    }
    slashed = sent.event("StakeSlashed")
    assert (slashed["provider"], slashed["challenger"], slashed["victim"]) == (
        work.provider,
        sender,
        ZERO_ADDRESS,
    )
    assert (slashed["reason"], slashed["evidence"]) == (reason, evidence)
    assert sent.event("FaultRecorded") == {**place, "count": 1, "mark": 0}
    assert sent.event("BondDebited") == {"device": work.device, "amount": SHARE, "bond": BOND - SHARE}
    assert sent.event("DeviceSuspended")["device"] == work.device
    with moving(chain), chain.reverts("FaultedAlready", **place):
        prove(chain, verb, *args, sender=sender)
    return sent
