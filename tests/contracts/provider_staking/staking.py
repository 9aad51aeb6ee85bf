"""What the tests of stake say again and again: acting as a peer, and whose numbers move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tensorbond.chain.types import SlashReason, Stake
from tests.acts import TBND, ZERO_ADDRESS, delegate_as
from tests.chain import Chain, Sent
from tests.conftest import role

EVIDENCE = bytes.fromhex("e1" * 32)
UNBONDING_BLOCKS = 300
ALL = 2**256 - 1
PARTIES = ("provider", "other_provider", "stranger", "requester", "operator")


def lock_as(chain: Chain, locker: str, provider: str, amount: int) -> Sent:
    """Lock, acting as the registry or the escrow."""
    return chain.send("ProviderStaking", "lock", provider, amount, sender=chain.impersonate(locker))


def unlock_as(chain: Chain, locker: str, provider: str, amount: int) -> Sent:
    return chain.send("ProviderStaking", "unlock", provider, amount, sender=chain.impersonate(locker))


def unbond_as(chain: Chain, provider: str, amount: int) -> int:
    """Returns the request's number."""
    sent = chain.send("ProviderStaking", "unbond", amount, sender=provider)
    return int(sent.event("UnbondingStarted")["request"])


def undelegate_as(chain: Chain, delegator: str, provider: str, amount: int = ALL) -> Sent:
    return chain.send("ProviderStaking", "undelegate", provider, amount, sender=delegator)


def reward_as(chain: Chain, provider: str, amount: int) -> Sent:
    """Mint and distribute, acting as `Rewards`."""
    rewards = chain.impersonate("Rewards")
    chain.send("TensorbondToken", "mint", chain.address["ProviderStaking"], amount, sender=rewards)
    return chain.send("ProviderStaking", "distribute", provider, amount, sender=rewards)


def worth_of(chain: Chain, delegator: str, provider: str) -> int:
    return int(chain.call("ProviderStaking", "delegatedOf", provider, delegator))


def withdraw_as(chain: Chain, provider: str) -> Sent:
    return chain.send("ProviderStaking", "withdraw", sender=provider)


def slash_as(
    chain: Chain,
    slasher: str,
    provider: str,
    amount: int,
    *,
    challenger: str = ZERO_ADDRESS,
    challenger_bps: int = 0,
    victim: str = ZERO_ADDRESS,
    victim_bps: int = 0,
    reason: SlashReason = SlashReason.BAD_ITEM,
) -> Sent:
    """Slash, acting as the disputes or the escrow."""
    return chain.send(
        "ProviderStaking",
        "slash",
        provider,
        amount,
        challenger,
        challenger_bps,
        victim,
        victim_bps,
        reason,
        EVIDENCE,
        sender=chain.impersonate(slasher),
    )


def lock_and_slash(chain: Chain, provider: str, amount: int) -> Sent:
    lock_as(chain, "DeviceRegistry", provider, amount)
    return slash_as(chain, "JobEscrow", provider, amount)


def take_both_pools(chain: Chain, provider: str, delegator: str) -> None:
    """Slash a provider of all that is active and unbonding: a delegator that left made it short."""
    stake = stake_of(chain, provider)
    both = stake.active + stake.unbonding
    delegate_as(chain, delegator, provider, 500 * TBND)
    lock_as(chain, "DeviceRegistry", provider, both)
    undelegate_as(chain, delegator, provider)
    chain.mine(UNBONDING_BLOCKS)
    chain.send("ProviderStaking", "withdrawDelegated", provider, sender=delegator)
    slash_as(chain, "JobEscrow", provider, both)


def stake_of(chain: Chain, provider: str) -> Stake:
    found: Stake = chain.call("ProviderStaking", "stakeOf", provider)
    return found


def books(chain: Chain) -> dict[str, int]:
    """Every number that a verb of staking can move."""
    found = {
        "total": chain.call("ProviderStaking", "totalStaked"),
        "held": chain.balance("TensorbondToken", "ProviderStaking"),
        "supply": chain.call("TensorbondToken", "totalSupply"),
    }
    for name in PARTIES:
        account = role(chain, name)
        stake = stake_of(chain, account)
        found |= {
            f"{name}.balance": chain.balance("TensorbondToken", account),
            f"{name}.active": stake.active,
            f"{name}.locked": stake.locked,
            f"{name}.unbonding": stake.unbonding,
        }
    return found


@contextmanager
def moving(chain: Chain, **moves: int) -> Iterator[None]:
    """Within, exactly these numbers change, by so much: `moving(chain, total=5, provider_active=5)`."""
    before = books(chain)
    yield
    after = books(chain)
    expected = {_name(key): move for key, move in moves.items() if move}
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == expected


def _name(key: str) -> str:
    party, _, number = key.rpartition("_")
    return f"{party}.{number}" if party else key
