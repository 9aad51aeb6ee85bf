"""Any sequence of verbs against a model of the pools to the wei, with invariants 1, 3, 4, 5, 9 after each."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.acts import TBND, stake_as
from tests.chain import Chain
from tests.conftest import role

from .staking import lock_as, slash_as, stake_of, unlock_as

pytestmark = pytest.mark.chain

UNBONDING_BLOCKS = 10
# Mostly small, so that every rounding shows; sometimes as large as a pool gets.
AMOUNTS = st.one_of(st.integers(1, 50), st.integers(1, 10**5), st.integers(10**17, 10**22))
# The whole more often than by chance.
PERCENT = st.sampled_from([1, 7, 10, 33, 50, 99, 100])
BPS = st.integers(0, 2_500)

STEP = st.one_of(
    st.tuples(st.just("stake"), AMOUNTS),
    st.tuples(st.just("stake"), AMOUNTS),
    st.tuples(st.just("unlock"), PERCENT),
    st.tuples(st.just("lock"), PERCENT),
    st.tuples(st.just("unbond"), PERCENT),
    st.tuples(st.just("unbond"), PERCENT),
    st.tuples(st.just("withdraw"), st.integers(0, 2 * UNBONDING_BLOCKS)),
    st.tuples(st.just("slash"), PERCENT, BPS, BPS),
)
OWNER = st.sampled_from(["provider", "other_provider"])


@dataclass
class Pool:
    """Wei held in shares."""

    wei: int = 0
    shares: int = 0
    generation: int = 0

    def put(self, amount: int) -> int:
        bought = amount if self.shares == 0 else amount * self.shares // self.wei
        self.wei, self.shares = self.wei + amount, self.shares + bought
        return bought

    def take(self, amount: int) -> None:
        self.shares -= -(-amount * self.shares // self.wei)
        self.wei -= amount

    def redeem(self, shares: int) -> int:
        paid = shares * self.wei // self.shares
        self.wei, self.shares = self.wei - paid, self.shares - shares
        return paid

    def restart(self) -> None:
        self.shares, self.generation = self.wei, self.generation + 1


@dataclass
class Provider:
    active: Pool = field(default_factory=Pool)
    unbonding: Pool = field(default_factory=Pool)
    locked: int = 0
    # (number, shares, generation, matures at)
    queue: list[tuple[int, int, int, int]] = field(default_factory=list)
    asked: int = 0
    paid_in: int = 0
    paid_out: int = 0
    slashed: int = 0

    @property
    def free(self) -> int:
        return self.active.wei - self.locked

    def withdraw(self, block: int, most: int) -> list[tuple[int, int]]:
        """(request, amount) of each request paid."""
        paid = []
        while self.queue and len(paid) < most and self.queue[0][3] <= block:
            number, shares, generation, _ = self.queue.pop(0)
            valid = generation == self.unbonding.generation
            paid.append((number, self.unbonding.redeem(shares) if valid else 0))
        return paid

    def slash(self, amount: int) -> tuple[int, int]:
        """Wei from the active and from the unbonding pool."""
        pools = self.active.wei + self.unbonding.wei
        from_unbonding = amount * self.unbonding.wei // pools
        if (self.unbonding.wei - from_unbonding) * 2**32 <= self.unbonding.wei:
            from_unbonding = self.unbonding.wei
        before, from_active = self.active.wei, amount - from_unbonding
        self.unbonding.wei -= from_unbonding
        self.active.wei -= from_active
        self.locked -= amount
        if from_unbonding and self.unbonding.wei == 0:
            self.unbonding.restart()
        if from_active and self.active.wei * 2**32 <= before:
            self.active.restart()
        return from_active, from_unbonding


class Sequence:
    """The verbs, each done on the chain and to the model, and compared."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.models = {"provider": Provider(), "other_provider": Provider()}
        self.stranger, self.requester = role(chain, "stranger"), role(chain, "requester")
        self.peer = role(chain, "governor")
        self.burnt = 0
        self.supply = chain.call("TensorbondToken", "totalSupply")

    def account(self, owner: str) -> str:
        return role(self.chain, owner)

    def stake(self, owner: str, amount: int) -> None:
        amount = min(amount, self.chain.balance("TensorbondToken", self.account(owner)))
        event = stake_as(self.chain, self.account(owner), amount).event("StakeDeposited")

        model = self.models[owner]
        assert event["shares"] == model.active.put(amount)
        model.paid_in += amount

    def lock(self, owner: str, part: int) -> None:
        model = self.models[owner]
        amount = model.free * part // 100
        lock_as(self.chain, self.peer, self.account(owner), amount)
        model.locked += amount

    def unlock(self, owner: str, part: int) -> None:
        model = self.models[owner]
        amount = model.locked * part // 100
        unlock_as(self.chain, self.peer, self.account(owner), amount)
        model.locked -= amount

    def unbond(self, owner: str, part: int) -> None:
        model = self.models[owner]
        amount = -(-model.free * part // 100)
        if amount == 0:
            return
        sent = self.chain.send("ProviderStaking", "unbond", amount, sender=self.account(owner))

        event = sent.event("UnbondingStarted")
        model.active.take(amount)
        shares = model.unbonding.put(amount)
        matures_at = sent.block + UNBONDING_BLOCKS
        assert (event["request"], event["shares"], event["maturesAt"]) == (model.asked, shares, matures_at)
        model.queue.append((model.asked, shares, model.unbonding.generation, matures_at))
        model.asked += 1

    def withdraw(self, owner: str, wait: int) -> None:
        model, account = self.models[owner], self.account(owner)
        block = self.chain.mine(wait) + 1
        if not model.queue or model.queue[0][3] > block:
            error = "NothingMatured" if model.queue else "NothingUnbonding"
            args = {"blockNumber": block, "maturesAt": model.queue[0][3]} if model.queue else {}
            with self.chain.reverts(error, provider=account, **args):
                self.chain.send("ProviderStaking", "withdraw", sender=account)
            return
        before = self.chain.balance("TensorbondToken", account)
        sent = self.chain.send("ProviderStaking", "withdraw", sender=account)

        paid = model.withdraw(sent.block, 32)
        events = sent.all("StakeWithdrawn")
        assert [(event["request"], event["amount"]) for event in events] == paid
        model.paid_out += sum(amount for _, amount in paid)
        assert self.chain.balance("TensorbondToken", account) == before + sum(amount for _, amount in paid)

    def slash(self, owner: str, part: int, challenger_bps: int, victim_bps: int) -> None:
        """So much of what is locked; if nothing is, lock so much of what is free before."""
        model, account = self.models[owner], self.account(owner)
        if not model.locked:
            self.lock(owner, part)
            part = 100
        amount = model.locked * part // 100
        if amount == 0:
            return
        before = [self.chain.balance("TensorbondToken", who) for who in (self.stranger, self.requester)]
        event = slash_as(
            self.chain,
            self.peer,
            account,
            amount,
            challenger=self.stranger,
            challenger_bps=challenger_bps,
            victim=self.requester,
            victim_bps=victim_bps,
        ).event("StakeSlashed")
        after = [self.chain.balance("TensorbondToken", who) for who in (self.stranger, self.requester)]

        assert (event["fromActive"], event["fromUnbonding"]) == model.slash(amount)
        model.slashed += amount
        to_challenger, to_victim = amount * challenger_bps // 10_000, amount * victim_bps // 10_000
        assert [after[0] - before[0], after[1] - before[1]] == [to_challenger, to_victim]
        assert event["burned"] == amount - to_challenger - to_victim  # invariant 9
        self.burnt += event["burned"]

    def check(self) -> None:
        block = self.chain.block_number
        tracked = 0
        for owner, model in self.models.items():
            stake = stake_of(self.chain, self.account(owner))
            assert (stake.active, stake.shares, stake.generation) == (
                model.active.wei,
                model.active.shares,
                model.active.generation,
            )
            assert (stake.unbonding, stake.unbonding_shares, stake.unbonding_generation) == (
                model.unbonding.wei,
                model.unbonding.shares,
                model.unbonding.generation,
            )
            assert stake.locked == model.locked <= model.active.wei  # invariant 5
            assert stake.active + stake.unbonding == model.paid_in - model.paid_out - model.slashed  # 3
            tracked += stake.active + stake.unbonding
            withdrawable = self.chain.call("ProviderStaking", "withdrawableOf", self.account(owner))
            assert withdrawable == preview(model, block)  # invariant 4, with the model's own verbs
        assert self.chain.call("ProviderStaking", "totalStaked") == tracked  # invariant 1
        assert self.chain.balance("TensorbondToken", "ProviderStaking") == tracked
        assert self.chain.call("TensorbondToken", "totalSupply") == self.supply - self.burnt


def preview(model: Provider, block: int) -> int:
    pool = Pool(model.unbonding.wei, model.unbonding.shares, model.unbonding.generation)
    mature = Provider(unbonding=pool, queue=list(model.queue))
    return sum(amount for _, amount in mature.withdraw(block, len(model.queue)))


@pytest.fixture
def staking_chain(bare_chain: Chain) -> Chain:
    """Token and staking alone, with a short unbonding time; plain accounts are the peers."""
    peer, treasury = role(bare_chain, "governor"), role(bare_chain, "treasury")
    token = bare_chain.deploy("TensorbondToken", peer, treasury, 1_000_000 * TBND)
    bare_chain.deploy("ProviderStaking", token, peer, peer, peer, peer, peer, UNBONDING_BLOCKS)
    for owner in ("provider", "other_provider"):
        bare_chain.send(token, "transfer", role(bare_chain, owner), 500_000 * TBND, sender=treasury)
    return bare_chain


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    amounts=st.tuples(AMOUNTS, AMOUNTS),
    steps=st.lists(st.tuples(OWNER, STEP), min_size=25, max_size=35),
)
def test_sequences__any_verbs__keep_the_books_to_the_wei(
    staking_chain: Chain, amounts: tuple[int, int], steps: list[tuple[str, tuple[str, int]]]
) -> None:
    snapshot = staking_chain.snapshot()
    try:
        sequence = Sequence(staking_chain)
        for owner, amount in zip(sequence.models, amounts, strict=True):
            sequence.stake(owner, amount)
        for owner, (verb, *args) in steps:
            getattr(sequence, verb)(owner, *args)
            sequence.check()
    finally:
        staking_chain.revert_to(snapshot)
