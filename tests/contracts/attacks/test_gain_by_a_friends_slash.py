"""An owner lets a friend prove its fault: the friend gets a share of the slash, most of which others pay.
Whatever the owner did to have less of the pools than they, it loses as much as the friend gets."""

from __future__ import annotations

import pytest

from tests.acts import TBND, ZERO_ADDRESS, delegate_as, stake_as
from tests.chain import Chain, Reverted

pytestmark = pytest.mark.chain

ALL = 2**256 - 1
UNBONDING_BLOCKS = 300


def worth_of(chain: Chain, provider: str) -> int:
    """What the owner would get out of both pools in the end, rounded down, and has got already."""
    stake = chain.call("ProviderStaking", "stakeOf", provider)
    own = stake.shares - stake.delegated_shares
    unbonding = stake.unbonding_shares - stake.delegated_unbonding_shares
    worth = own * stake.active // stake.shares + chain.balance("TensorbondToken", provider)
    return int(worth + (unbonding * stake.unbonding // stake.unbonding_shares if unbonding else 0))


@pytest.mark.parametrize(
    "course",
    [
        "",
        "delegators leave",
        "delegators leave, owner unbonds",
        "delegators leave, owner unbonds, wait, owner withdraws",
        "owner unbonds, delegators leave, wait, owner withdraws, owner unbonds",
        "delegators leave, others come",
        "delegators leave, others come, others leave, others come",
        "delegators leave, slash, owner unbonds, others come",
        "delegators leave, reward, others come, slash, wait, owner unbonds, owner withdraws",
    ],
)
def test_slash__by_a_friend__pays_no_more_than_the_owner_loses(
    chain: Chain, provider: str, other_provider: str, requester: str, stranger: str, course: str
) -> None:
    registry, rewards = chain.impersonate("DeviceRegistry"), chain.impersonate("Rewards")
    staking = chain.address["ProviderStaking"]

    def slash(amount: int, challenger: str) -> None:
        call = provider, amount, challenger, 2_500, ZERO_ADDRESS, 0, 3, bytes(32)
        chain.send("ProviderStaking", "slash", *call, sender=chain.impersonate("WorkDisputes"))

    def as_much_as_allowed(verb: str, amount: int, sender: str, *of: str) -> None:
        """The most, of some steps from a wei to `amount`, that is not refused."""
        for part in (100, 99, 75, 67, 50, 34, 25, 10, 1):
            try:
                chain.send("ProviderStaking", verb, *of, amount * part // 100, sender=sender)
            except Reverted as reverted:
                if reverted.error not in ("OwnShareTooSmall", "FreeStakeInsufficient"):
                    raise
            else:
                return

    chain.send("TensorbondToken", "approve", staking, 2**256 - 1, sender=requester)
    stake_as(chain, provider, 1_000 * TBND)
    delegate_as(chain, other_provider, provider, 3_000 * TBND)
    chain.send("ProviderStaking", "lock", provider, 200 * TBND, sender=registry)
    for act in filter(None, course.split(", ")):
        match act:
            case "delegators leave":
                chain.send("ProviderStaking", "undelegate", provider, ALL, sender=other_provider)
            case "others come":
                as_much_as_allowed("delegate", 3_000 * TBND, requester, provider)
            case "others leave":
                if chain.call("ProviderStaking", "delegatedOf", provider, requester):
                    chain.send("ProviderStaking", "undelegate", provider, ALL, sender=requester)
            case "owner unbonds":
                as_much_as_allowed("unbond", 1_000 * TBND, provider)
            case "owner withdraws":
                if chain.call("ProviderStaking", "withdrawableOf", provider):
                    chain.send("ProviderStaking", "withdraw", sender=provider)
            case "reward":
                chain.send("TensorbondToken", "mint", staking, 500 * TBND, sender=rewards)
                chain.send("ProviderStaking", "distribute", provider, 500 * TBND, sender=rewards)
            case "slash":
                slash(100 * TBND, ZERO_ADDRESS)
            case _:
                chain.mine(UNBONDING_BLOCKS)
    chain.send("ProviderStaking", "release", provider, sender=provider)
    before = worth_of(chain, provider), chain.balance("TensorbondToken", stranger)

    slash(100 * TBND, stranger)

    lost = before[0] - worth_of(chain, provider)
    assert chain.balance("TensorbondToken", stranger) - before[1] == 25 * TBND
    assert lost >= 25 * TBND - 1
