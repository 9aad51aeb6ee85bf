"""Any sequence of verbs against a model of the pools to the wei, with invariants 1, 3, 4, 5, 9 after each."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.acts import TBND, delegate_as, stake_as
from tests.chain import Chain
from tests.conftest import role

from .staking import lock_as, slash_as, stake_of, unlock_as

pytestmark = pytest.mark.chain

UNBONDING_BLOCKS = 10
ALL = 2**256 - 1
# Mostly small, so that every rounding shows; sometimes as large as a pool gets.
AMOUNTS = st.one_of(st.integers(1, 50), st.integers(1, 10**5), st.integers(10**17, 10**22))
# The whole more often than by chance.
PERCENT = st.sampled_from([1, 7, 10, 33, 50, 99, 100])
SPLIT = st.integers(0, 2_500)
WAIT = st.integers(0, 2 * UNBONDING_BLOCKS)
DELEGATOR = st.sampled_from(["operator", "auditor"])

STEP = st.one_of(
    st.tuples(st.just("stake"), AMOUNTS),
    st.tuples(st.just("delegate"), DELEGATOR, AMOUNTS),
    st.tuples(st.just("delegate"), DELEGATOR, AMOUNTS),
    st.tuples(st.just("undelegate"), DELEGATOR, PERCENT),
    st.tuples(st.just("rebond"), PERCENT),
    st.tuples(st.just("rebond_delegated"), DELEGATOR, PERCENT),
    st.tuples(st.just("withdraw_delegated"), DELEGATOR, WAIT),
    st.tuples(st.just("distribute"), AMOUNTS, st.integers(0, UNBONDING_BLOCKS)),
    st.tuples(st.just("set_commission"), st.integers(0, 3_000)),
    st.tuples(st.just("unlock"), PERCENT),
    st.tuples(st.just("lock"), PERCENT),
    st.tuples(st.just("unbond"), PERCENT),
    st.tuples(st.just("withdraw"), WAIT),
    st.tuples(st.just("slash"), PERCENT, SPLIT),
    st.tuples(st.just("ruin"), st.sampled_from([20, 31, 32, 64])),
)
OWNER = st.sampled_from(["provider", "provider", "other_provider"])
# What random steps hardly ever come to: a pool a share of which is worth little more than 2⁻³² wei, or less.
ACTIVE = [("delegate", "operator", 10**18), ("ruin", 31), ("stake", 10**21), ("delegate", "auditor", 10**21)]
UNBONDING = [("unbond", 1), ("ruin", 64), ("stake", 10**22), ("ruin", 64), ("stake", 10**21)]
OPENING = st.sampled_from([[], ACTIVE, UNBONDING])


Step = tuple[str | int, ...]


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

    def take(self, amount: int) -> int:
        burned = -(-amount * self.shares // self.wei)
        self.wei, self.shares = self.wei - amount, self.shares - burned
        return burned

    def redeem(self, shares: int) -> int:
        paid = shares * self.wei // self.shares if shares else 0
        self.wei, self.shares = self.wei - paid, self.shares - shares
        return paid

    def go_on(self) -> int:
        """As long as a share is worth 2⁻³² wei or less, a new generation. Returns what one share was."""
        scale = 1
        while self.shares and self.wei * 2**32 <= self.shares:
            self.shares, self.generation, scale = self.shares // 2**32, self.generation + 1, scale * 2**32
        return scale


@dataclass
class Ticket:
    number: int
    shares: int
    matures_at: int


@dataclass
class Provider:
    name: str = ""
    active: Pool = field(default_factory=Pool)
    unbonding: Pool = field(default_factory=Pool)
    held: Counter[str] = field(default_factory=Counter)
    """Shares by delegator; the rest is the owner's, but for what nobody has since a generation ended."""
    lost: int = 0
    lost_unbonding: int = 0
    locked: int = 0
    queues: dict[str, list[Ticket]] = field(default_factory=dict)
    next: Counter[str] = field(default_factory=Counter)
    commission: int = 0
    rise: tuple[int, int] | None = None
    pot: tuple[int, int, int] = (0, 0, 0)
    """Wei that vest, since, until."""
    vested: int = 0
    short: int = 0
    paid_in: int = 0
    paid_out: int = 0
    slashed: int = 0

    @property
    def free(self) -> int:
        return max(0, self.active.wei - self.locked)

    @property
    def delegated(self) -> int:
        return sum(self.held.values()) + self.lost

    @property
    def delegated_unbonding(self) -> int:
        """The delegators' shares of the unbonding pool."""
        queues = [queue for holder, queue in self.queues.items() if holder != self.name]
        return sum(each.shares for queue in queues for each in queue) + self.lost_unbonding

    @property
    def others(self) -> int:
        """The delegators' shares, and how many what they have unbonding would buy, rounded up."""
        part, pool, active = self.delegated_unbonding, self.unbonding, self.active
        amount = -(-part * pool.wei // pool.shares) if part else 0
        return self.delegated + (-(-amount * active.shares // active.wei) if active.wei else amount)

    def come(self, block: int) -> int:
        amount, since, until = self.pot
        return amount if block >= until else amount * (block - since) // (until - since)

    def distribute(self, amount: int, block: int) -> None:
        came = self.come(block)
        left, until = self.pot[0] - came, self.pot[2]
        wait = (left * max(0, until - block) + amount * UNBONDING_BLOCKS) // (left + amount)
        self.vested += came
        self.pot = left + amount, block, block + wait

    def rate(self, block: int) -> int:
        return self.rise[0] if self.rise and block >= self.rise[1] else self.commission

    def release(self, block: int) -> None:
        came = self.come(block)
        amount, self.vested = self.vested + came, 0
        if not amount:
            return
        self.pot = self.pot[0] - came, block, self.pot[2]
        if not self.delegated:
            self.active.wei += amount
            self.active.shares += amount
        else:
            part = amount * self.rate(block) // 10_000
            self.active.wei += amount - part
            self.active.put(part)
        self.settle()

    def settle(self, block: int = 0) -> None:
        """Without delegators every share is the owner's: one a wei. Who is short, and since when."""
        if not self.delegated:
            self.active.shares = self.active.wei
        if self.active.wei >= self.locked:
            self.short = 0
        elif block:
            self.short = self.short or block

    def enqueue(self, holder: str, amount: int, block: int) -> Ticket:
        shares = self.unbonding.put(amount)
        ticket = Ticket(self.next[holder], shares, block + UNBONDING_BLOCKS)
        self.queues.setdefault(holder, []).append(ticket)
        self.next[holder] += 1
        return ticket

    def dequeue(self, holder: str, amount: int) -> None:
        queue = self.queues[holder]
        while amount:
            ticket = queue[-1]
            worth = ticket.shares * self.unbonding.wei // self.unbonding.shares if ticket.shares else 0
            if worth <= amount:
                amount -= self.unbonding.redeem(ticket.shares)
                self.next[holder] = queue.pop().number
            else:
                ticket.shares -= self.unbonding.take(amount)
                amount = 0

    def worth_of_queue(self, holder: str) -> int:
        """What the newest 32 requests are worth, one after the other."""
        pool, worth = Pool(self.unbonding.wei, self.unbonding.shares), 0
        for ticket in reversed(self.queues.get(holder, [])[-32:]):
            worth += pool.redeem(ticket.shares)
        return worth

    def withdraw(self, holder: str, block: int, most: int) -> list[tuple[int, int]]:
        """(request, amount) of each request paid."""
        paid: list[tuple[int, int]] = []
        queue = self.queues.get(holder, [])
        while queue and len(paid) < most and queue[0].matures_at <= block:
            ticket = queue.pop(0)
            paid.append((ticket.number, self.unbonding.redeem(ticket.shares)))
        return paid

    def slash(self, amount: int) -> tuple[int, int, int]:
        """Wei from what vests, from the active and from the unbonding pool."""
        from_pot = min(amount, self.pot[0])
        self.pot = self.pot[0] - from_pot, *self.pot[1:]
        rest = amount - from_pot
        pools = self.active.wei + self.unbonding.wei
        from_unbonding = rest * self.unbonding.wei // pools if rest else 0
        from_active = rest - from_unbonding
        self.unbonding.wei -= from_unbonding
        self.active.wei -= from_active
        self.locked -= amount
        if from_unbonding:
            delegated, scale = self.delegated_unbonding, self.unbonding.go_on()
            for queue in self.queues.values():
                for ticket in queue:
                    ticket.shares //= scale
            self.lost_unbonding = 0
            self.lost_unbonding = delegated // scale - self.delegated_unbonding
        if rest and self.delegated:
            delegated, scale = self.delegated, self.active.go_on()
            self.held = Counter({holder: shares // scale for holder, shares in self.held.items()})
            self.lost = delegated // scale - sum(self.held.values())
        self.settle()
        return from_pot, from_active, from_unbonding


class Sequence:
    """The verbs, each done on the chain and to the model, and compared."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.models = {name: Provider(name) for name in ("provider", "other_provider")}
        self.stranger, self.requester = role(chain, "stranger"), role(chain, "requester")
        self.peer = role(chain, "governor")
        self.burnt = self.minted = 0
        self.supply = chain.call("TensorbondToken", "totalSupply")

    def account(self, name: str) -> str:
        return role(self.chain, name)

    @property
    def block(self) -> int:
        """Of the next transaction."""
        return self.chain.block_number + 1

    def balance(self, name: str) -> int:
        return self.chain.balance("TensorbondToken", self.account(name))

    def stake(self, owner: str, amount: int) -> None:
        amount = min(amount, self.balance(owner))
        model, block = self.models[owner], self.block + 1
        if not self.buys(model, amount, block):
            with self.chain.reverts("SharesZero", provider=self.account(owner), amount=amount):
                stake_as(self.chain, self.account(owner), amount)
            return
        sent = stake_as(self.chain, self.account(owner), amount)
        assert sent.block == block
        model.release(block)
        assert sent.event("StakeDeposited")["shares"] == model.active.put(amount)
        model.settle()
        model.paid_in += amount

    def delegate(self, owner: str, delegator: str, amount: int) -> None:
        amount = min(amount, self.balance(delegator))
        model, block = self.models[owner], self.block + 1
        if not self.buys(model, amount, block):
            with self.chain.reverts("SharesZero", provider=self.account(owner), amount=amount):
                delegate_as(self.chain, self.account(delegator), self.account(owner), amount)
            return
        if not self.would_fit(model, amount, block):
            have, need = self.own_share(model, amount, block)
            with self.chain.reverts("OwnShareTooSmall", provider=self.account(owner), have=have, need=need):
                delegate_as(self.chain, self.account(delegator), self.account(owner), amount)
            return
        sent = delegate_as(self.chain, self.account(delegator), self.account(owner), amount)
        assert sent.block == block
        model.release(block)
        bought = model.active.put(amount)
        assert sent.event("StakeDelegated")["shares"] == bought
        model.held[delegator] += bought
        model.settle()
        model.paid_in += amount

    def buys(self, model: Provider, amount: int, block: int) -> bool:
        """Whether so much is worth a share at all."""
        twin = deepcopy(model)
        twin.release(block)
        return twin.active.put(amount) > 0

    def would_fit(self, model: Provider, amount: int, block: int, rebonding: str = "") -> bool:
        have, need = self.own_share(model, amount, block, rebonding)
        return have >= need

    def own_share(self, model: Provider, amount: int, block: int, rebonding: str = "") -> tuple[int, int]:
        """The owner's shares, and how many it needs beside so much more of others', new or taken back."""
        twin = deepcopy(model)
        twin.release(block)
        if rebonding:
            twin.dequeue(rebonding, amount)
        own, others = twin.active.shares - twin.delegated, twin.others
        return own, max(10**18, -(-(others + twin.active.put(amount)) // 3))

    def undelegate(self, owner: str, delegator: str, part: int) -> None:
        model = self.models[owner]
        worth = self.chain.call(
            "ProviderStaking", "delegatedOf", self.account(owner), self.account(delegator)
        )
        amount = ALL if part == 100 else worth * part // 100
        if not worth or not amount:
            return
        sent = self.chain.send(
            "ProviderStaking", "undelegate", self.account(owner), amount, sender=self.account(delegator)
        )
        event = sent.event("DelegationUnbonding")
        model.release(sent.block)
        held = model.held[delegator]
        worth = held * model.active.wei // model.active.shares
        if amount in (ALL, worth):
            amount = model.active.redeem(held)
            model.held[delegator] = 0
        else:
            model.held[delegator] -= model.active.take(amount)
        model.settle(sent.block)
        ticket = model.enqueue(delegator, amount, sent.block)
        assert (event["amount"], event["request"], event["shares"]) == (amount, ticket.number, ticket.shares)

    def rebond(self, owner: str, part: int) -> None:
        self._rebond(owner, owner, part, "rebond")

    def rebond_delegated(self, owner: str, delegator: str, part: int) -> None:
        self._rebond(owner, delegator, part, "rebondDelegated", self.account(owner))

    def _rebond(self, owner: str, holder: str, part: int, verb: str, *args: str) -> None:
        model = self.models[owner]
        worth = model.worth_of_queue(holder)
        amount = worth * part // 100
        if not amount:
            return
        account = self.account(holder)
        if not self.buys(model, amount, self.block):
            with self.chain.reverts("SharesZero", provider=self.account(owner), amount=amount):
                self.chain.send("ProviderStaking", verb, *args, amount, sender=account)
            return
        if holder != owner and not self.would_fit(model, amount, self.block, holder):
            have, need = self.own_share(model, amount, self.block, holder)
            with self.chain.reverts("OwnShareTooSmall", provider=self.account(owner), have=have, need=need):
                self.chain.send("ProviderStaking", verb, *args, amount, sender=account)
            return
        sent = self.chain.send("ProviderStaking", verb, *args, amount, sender=account)
        event = sent.event("StakeRebonded")
        model.release(sent.block)
        model.dequeue(holder, amount)
        bought = model.active.put(amount)
        if holder != owner:
            model.held[holder] += bought
        model.settle()
        assert (event["amount"], event["shares"], event["nextRequest"]) == (
            amount,
            bought,
            model.next[holder],
        )

    def distribute(self, owner: str, amount: int, wait: int) -> None:
        self.chain.send(
            "TensorbondToken", "mint", self.chain.address["ProviderStaking"], amount, sender=self.peer
        )
        sent = self.chain.send("ProviderStaking", "distribute", self.account(owner), amount, sender=self.peer)
        self.models[owner].distribute(amount, sent.block)
        self.minted += amount
        self.chain.mine(wait)
        sent = self.chain.send("ProviderStaking", "release", self.account(owner), sender=self.stranger)
        self.models[owner].release(sent.block)

    def set_commission(self, owner: str, bps: int) -> None:
        model = self.models[owner]
        sent = self.chain.send("ProviderStaking", "setCommission", bps, sender=self.account(owner))
        model.release(sent.block)
        present = model.rate(sent.block)
        rises = bps > present
        model.commission = present if rises else bps
        model.rise = (bps, sent.block + UNBONDING_BLOCKS) if rises else None

    def lock(self, owner: str, part: int) -> None:
        model = self.models[owner]
        amount = model.free * part // 100
        if model.active.wei < model.locked:
            with self.chain.reverts("FreeStakeInsufficient", provider=self.account(owner), have=0, need=0):
                lock_as(self.chain, self.peer, self.account(owner), 0)
            return
        lock_as(self.chain, self.peer, self.account(owner), amount)
        model.locked += amount

    def unlock(self, owner: str, part: int) -> None:
        model = self.models[owner]
        amount = model.locked * part // 100
        unlock_as(self.chain, self.peer, self.account(owner), amount)
        model.locked -= amount
        model.settle()

    def unbond(self, owner: str, part: int) -> None:
        """So much of what the owner may take."""
        model = self.models[owner]
        own = model.active.shares - model.delegated
        movable = max(0, (3 * own - model.others) // 3)
        worth = movable * model.active.wei // model.active.shares if movable else 0
        amount = -(-min(model.free, worth) * part // 100)
        if amount == 0 or (model.others and amount == worth):
            return
        sent = self.chain.send("ProviderStaking", "unbond", amount, sender=self.account(owner))

        event = sent.event("UnbondingStarted")
        model.release(sent.block)
        model.active.take(amount)
        model.settle()
        ticket = model.enqueue(owner, amount, sent.block)
        assert (event["request"], event["shares"], event["maturesAt"]) == (
            ticket.number,
            ticket.shares,
            ticket.matures_at,
        )

    def withdraw(self, owner: str, wait: int) -> None:
        self._withdraw(owner, owner, wait, "withdraw", "StakeWithdrawn")

    def withdraw_delegated(self, owner: str, delegator: str, wait: int) -> None:
        verb, account = "withdrawDelegated", self.account(owner)
        self._withdraw(owner, delegator, wait, verb, "DelegationWithdrawn", account)

    def _withdraw(self, owner: str, holder: str, wait: int, verb: str, name: str, *args: str) -> None:
        model, account = self.models[owner], self.account(holder)
        block = self.chain.mine(wait) + 1
        queue = model.queues.get(holder, [])
        if not queue or queue[0].matures_at > block:
            error = "NothingMatured" if queue else "NothingUnbonding"
            extra = {"blockNumber": block, "maturesAt": queue[0].matures_at} if queue else {}
            with self.chain.reverts(error, holder=account, **extra):
                self.chain.send("ProviderStaking", verb, *args, sender=account)
            return
        before = self.chain.balance("TensorbondToken", account)
        sent = self.chain.send("ProviderStaking", verb, *args, sender=account)

        paid = model.withdraw(holder, sent.block, 32)
        assert [(event["request"], event["amount"]) for event in sent.all(name)] == paid
        model.paid_out += sum(amount for _, amount in paid)
        assert self.chain.balance("TensorbondToken", account) == before + sum(amount for _, amount in paid)

    def slash(self, owner: str, part: int, challenger_bps: int) -> None:
        """So much of what is locked; if nothing is, lock so much of what is free before."""
        model = self.models[owner]
        if not model.locked:
            self.lock(owner, part)
            part = 100
        if amount := model.locked * part // 100:
            self._slash(owner, amount, challenger_bps)

    def ruin(self, owner: str, bits: int) -> None:
        """All but 2⁻ᵇⁱᵗˢ of what there is, as far as it can be locked."""
        model = self.models[owner]
        self.lock(owner, 100)
        whole = model.pot[0] + model.vested + model.active.wei + model.unbonding.wei
        if amount := min(model.locked, whole - (whole >> bits)):
            self._slash(owner, amount, 2_500)

    def _slash(self, owner: str, amount: int, challenger_bps: int) -> None:
        model, account = self.models[owner], self.account(owner)
        victim_bps = 2_500 - challenger_bps
        before = [self.chain.balance("TensorbondToken", who) for who in (self.stranger, self.requester)]
        sent = slash_as(
            self.chain,
            self.peer,
            account,
            amount,
            challenger=self.stranger,
            challenger_bps=challenger_bps,
            victim=self.requester,
            victim_bps=victim_bps,
        )
        after = [self.chain.balance("TensorbondToken", who) for who in (self.stranger, self.requester)]

        model.release(sent.block)
        event = sent.event("StakeSlashed")
        amount = min(amount, model.pot[0] + model.active.wei + model.unbonding.wei)
        taken = (event["fromVesting"], event["fromActive"], event["fromUnbonding"])
        assert taken == model.slash(amount)
        model.slashed += amount
        to_challenger, to_victim = amount * challenger_bps // 10_000, amount * victim_bps // 10_000
        assert [after[0] - before[0], after[1] - before[1]] == [to_challenger, to_victim]
        assert event["burned"] == amount - to_challenger - to_victim  # invariant 9
        self.burnt += event["burned"]

    def check(self) -> None:
        call = self.chain.call
        block = self.chain.block_number
        tracked = waiting = 0
        for owner, model in self.models.items():
            account = self.account(owner)
            stake = stake_of(self.chain, account)
            active, unbonding = model.active, model.unbonding
            assert (stake.active, stake.shares, stake.generation) == (
                active.wei,
                active.shares,
                active.generation,
            )
            assert (stake.unbonding, stake.unbonding_shares, stake.unbonding_generation) == (
                unbonding.wei,
                unbonding.shares,
                unbonding.generation,
            )
            assert stake.delegated_shares == model.delegated
            assert stake.delegated_unbonding_shares == model.delegated_unbonding
            assert (stake.vesting, stake.vested) == (model.pot[0], model.vested)
            assert stake.locked == model.locked
            assert call("ProviderStaking", "shortSince", account) == model.short
            assert model.locked <= active.wei or model.short  # invariant 5
            for pool in (active, unbonding):
                assert pool.shares < 2**32 * pool.wei or not pool.shares
            tracked += stake.active + stake.unbonding
            waiting += stake.vesting + stake.vested
            for holder in (owner, "operator", "auditor"):
                view, args = "withdrawableOf", [account]
                if holder != owner:
                    view, args = "withdrawableDelegatedOf", [account, self.account(holder)]
                    found = call("ProviderStaking", "delegationOf", *args)
                    assert found.shares == model.held[holder]
                assert call("ProviderStaking", view, *args) == preview(model, holder, block)  # invariant 4
        assert call("ProviderStaking", "totalStaked") == tracked  # invariant 1
        models = self.models.values()
        kept = self.minted + sum(each.paid_in - each.paid_out - each.slashed for each in models)
        assert tracked + waiting == kept  # invariant 3
        assert self.chain.balance("TensorbondToken", "ProviderStaking") == kept
        assert call("TensorbondToken", "totalSupply") == self.supply + self.minted - self.burnt


def preview(model: Provider, holder: str, block: int) -> int:
    pool = Pool(model.unbonding.wei, model.unbonding.shares, model.unbonding.generation)
    queue = list(model.queues.get(holder, []))
    mature = Provider(unbonding=pool, queues={holder: queue})
    return sum(amount for _, amount in mature.withdraw(holder, block, len(queue)))


@pytest.fixture
def staking_chain(bare_chain: Chain) -> Chain:
    """Token and staking alone, with a short unbonding time; plain accounts are the peers."""
    peer, treasury = role(bare_chain, "governor"), role(bare_chain, "treasury")
    token = bare_chain.deploy("TensorbondToken", peer, treasury, 1_000_000 * TBND)
    bare_chain.deploy("ProviderStaking", token, peer, peer, peer, peer, peer, UNBONDING_BLOCKS)
    for holder in ("provider", "other_provider", "operator", "auditor"):
        bare_chain.send(token, "transfer", role(bare_chain, holder), 200_000 * TBND, sender=treasury)
    return bare_chain


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    amounts=st.tuples(AMOUNTS, AMOUNTS),
    opening=OPENING,
    steps=st.lists(st.tuples(OWNER, STEP), min_size=20, max_size=30),
)
def test_sequences__any_verbs__keep_the_books_to_the_wei(
    staking_chain: Chain, amounts: tuple[int, int], opening: list[Step], steps: list[tuple[str, Step]]
) -> None:
    snapshot = staking_chain.snapshot()
    try:
        sequence = Sequence(staking_chain)
        for owner, amount in zip(sequence.models, amounts, strict=True):
            sequence.stake(owner, 2 * TBND + amount)
        for owner, (verb, *args) in [("provider", step) for step in opening] + steps:
            getattr(sequence, verb)(owner, *args)
            sequence.check()
    finally:
        staking_chain.revert_to(snapshot)
