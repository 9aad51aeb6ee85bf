"""The table that the play is played at: how a verb is drawn, chosen, done and checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from random import Random
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, RuleStrategy, initialize, invariant, rule

from tensorbond.chain.types import JobBid, LeaseBid
from tests.chain import Sent

from ..model.orders import Ask
from ..tally import Tally
from ..views import differences, expected
from ..world import TBND, World

T = TypeVar("T")
P = TypeVar("P", bound="Table")

LUCK = st.integers(0, 2**64 - 1)
# Verbs that need others before them come up more often.
WEIGHTS = {
    "accept": 8,
    "approve": 2,
    "assign": 6,
    "approve_part": 3,
    "attest_verdict": 8,
    "accept_lease": 6,
    "award": 20,
    "block": 3,
    "claim_many": 2,
    "collect": 8,
    "commit": 5,
    "commit_bid": 40,
    "discharge": 2,
    "dispute": 16,
    "enforce": 3,
    "fund": 6,
    "halt": 20,
    "match_jobs": 10,
    "match_leases": 8,
    "open_auction": 16,
    "open_lease": 6,
    "open_session": 2,
    "prove_revoked": 60,
    "prove_withheld": 8,
    "rebond_delegated": 4,
    "redeem": 3,
    "request_item": 20,
    "return_deposit": 4,
    "refund_by_outcome": 6,
    "refund_funder": 8,
    "register": 2,
    "resolve": 10,
    "reveal_bid": 24,
    "settle": 10,
    "settle_lease": 4,
    "stop": 4,
    "submit": 8,
    "sweep": 2,
    "top_up": 10,
    "withdraw": 3,
    "withdraw_bond": 3,
    "withdraw_delegated": 4,
}


def verb(method: Callable[[P], None]) -> Callable[[P], None]:
    """A rule whose choices all follow from one number."""

    @rule(luck=LUCK)
    @wraps(method)
    def play(self: P, luck: int) -> None:
        # What hypothesis draws is often the same, and mostly small. A play that repeats itself, or another,
        # is no use: what comes depends on all that was drawn before.
        self.random = Random(f"{luck} {self.past}")
        self.past = self.random.getrandbits(64)
        method(self)

    return play  # type: ignore[no-any-return]


class EveryRule(RuleStrategy):
    """Any rule that can be played now. Hypothesis would switch off half of them in each play, but a market
    has nothing to say where nobody funds or nobody attests."""

    def do_draw(self, data: Any) -> Any:
        random = Random(f"{data.draw(LUCK)} {getattr(self.machine, 'past', 0)}")
        weights = [WEIGHTS.get(each.function.__name__, 1) for each in self.rules]
        chosen = None
        while chosen is None or not all(holds(self.machine) for holds in chosen.preconditions):
            chosen = random.choices(self.rules, weights)[0]
        return chosen, {name: data.draw(given) for name, given in chosen.arguments_strategies.items()}


class Table(RuleBasedStateMachine):
    """One play. The world outlives it and goes back to the beginning for the next."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._rules_strategy = EveryRule(self)
        self.world = world
        self.chain, self.cast = world.chain, world.cast

    @initialize(luck=LUCK)
    def begin(self, luck: int) -> None:
        self.random = Random(luck)
        self.past = self.random.getrandbits(64)
        self.world.begin(Random(luck))
        self.model = self.world.model
        self.tally = Tally(self.world)
        self.seen = -1
        # What was signed off the chain.
        self.asks: list[Ask] = []
        self.job_bids: list[JobBid] = []
        self.lease_bids: list[LeaseBid] = []
        # What was sealed in an auction, by job and provider: device, price, salt.
        self.sealed: dict[tuple[int, str], tuple[int, int, bytes]] = {}
        # A block's hash follows from its number: begin at another one, and others are drawn.
        self.world.advance_to(self.world.head + self.random.randrange(40))

    # Chance

    @verb
    def wait(self) -> None:
        self.world.advance_to(self.world.head + self.random.randint(1, 24))

    @verb
    def send_by_mistake(self) -> None:
        """Money that nobody accounts for."""
        self.world.tend()
        model, requester, wei = self.model, self.cast.requesters[0], self.random.randint(1, 1_000)
        if self.random.random() < 0.5:
            to = self.random.choice([model.at.staking, model.at.attestations, model.at.escrow])
            self.chain.send("TensorbondToken", "transfer", to, wei, sender=self.cast.treasury)
            model.move_tbnd(self.cast.treasury, to, wei)
        else:
            token = self.chain.address["TestDollar"]
            to = self.random.choice([model.at.escrow, model.at.lease_escrow])
            self.chain.send(token, "transfer", to, wei, sender=requester)
            model.tokens[token].move(requester, to, wei)
        self.world._mined(1)

    @verb
    def block(self) -> None:
        """The second token blocks an account, or no more."""
        self.world.tend()
        account = self.random.choice([*self.cast.requesters, *self.cast.providers])
        token = self.chain.address["BlacklistToken"]
        blocked = account not in self.model.tokens[token].blocked
        self.chain.send("BlacklistToken", "setBlocked", account, blocked, sender=self.cast.stranger)
        self.world._mined(1)
        book = self.model.tokens[token].blocked
        book.add(account) if blocked else book.discard(account)

    def relent(self, account: str, token: str) -> None:
        if account in self.model.tokens[token].blocked:
            self.world.tend()
            self.chain.send("BlacklistToken", "setBlocked", account, False, sender=self.cast.stranger)
            self.world._mined(1)
            self.model.tokens[token].blocked.discard(account)

    # What must hold after every step

    @invariant()
    def chain_is_what_the_model_says(self) -> None:
        if not hasattr(self, "tally") or self.seen == self.world.head:
            return
        self.seen = self.world.head
        coin = {account: self.world.coin_of(account) for account in self.model.coin}
        assert coin == self.model.coin
        need = expected(self.world)
        have = self.world.look(need)
        assert not (differing := differences(have, need)), "\n".join(differing)
        self.tally.check(have)

    # Choosing

    @property
    def careful(self) -> int:
        return self.cast.careful_device

    @property
    def stakers(self) -> list[str]:
        return [*self.cast.providers, self.cast.careful]

    def mostly(self) -> bool:
        return self.random.random() < 0.85

    def pick(self, good: Sequence[T], rest: Sequence[T]) -> T:
        """Mostly what should work, if there is any."""
        return self.random.choice(list(good if good and (not rest or self.mostly()) else rest))

    def amount(self, most: int) -> int:
        """Odd wei or whole coins."""
        return self.random.choice([self.random.randint(1, most), TBND * self.random.randint(1, most // TBND)])

    def wait_for(self, block: int, most: int = 40) -> None:
        """Mostly until the next transaction is in `block`, if that isn't far."""
        if self.mostly() and self.model.block < block <= self.model.block + most:
            self.world.advance_to(block - 1)

    def allow(self, provider: str, amount: int) -> None:
        if self.model.allowance[provider] >= amount:
            return
        self.world.tend()
        spender = self.model.at.staking
        self.chain.send("TensorbondToken", "approve", spender, 2**256 - 1, sender=provider)
        self.world._mined(1)
        self.model.allowance[provider] = 2**256 - 1

    def act(
        self,
        verb: str,
        contract: str,
        *args: Any,
        by: str,
        effect: Callable[[Any], object],
        tended: bool = False,
        name: str = "",
        value: int = 0,
    ) -> None:
        """`name`: what the play calls a verb that two contracts have."""
        if not tended:
            self.world.tend()
        self.world.act(name or verb, contract, verb, *args, sender=by, effect=effect, value=value)

    def attempted(self, verb: str, sent: Sent | None) -> None:
        self.world.attempts[verb] += 1
        self.world.successes[verb] += sent is not None
