"""Verbs of stake and of its delegators."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis.stateful import precondition

from ..model.books import ALL, ZERO_ADDRESS
from ..world import TBND
from .table import Table, verb


class StakeVerbs(Table):
    @verb
    def stake(self) -> None:
        provider = self.random.choice(self.stakers)
        amount = self.pick([self.amount(100 * TBND)], [0, 20_000 * TBND])
        self.allow(provider, amount)
        self.act("stake", "ProviderStaking", amount, by=provider, effect=lambda m: m.stake(provider, amount))

    @verb
    def stake_with_permit(self) -> None:
        provider = self.random.choice(self.stakers)
        amount, valid = self.amount(50 * TBND), self.mostly()
        nonce = self.chain.call("TensorbondToken", "nonces", provider)
        v, r, s = self.world.sign_permit(provider, amount, nonce if valid else nonce + 1, 2**40)
        self.act(
            "stakeWithPermit",
            "ProviderStaking",
            amount,
            2**40,
            v,
            r,
            s,
            by=provider,
            effect=lambda m: m.stake_with_permit(provider, amount, valid),
        )

    @verb
    def unbond(self) -> None:
        provider = self.random.choice(self.stakers)
        self.world.tend()
        after = deepcopy(self.model.position(provider))
        after.release(self.model.block)
        free = after.free
        good = [1, free // 9, free // 3, free - 1, free] if free > 8 else []
        amount = self.pick(good, [0, free + 1])
        self.act(
            "unbond",
            "ProviderStaking",
            amount,
            by=provider,
            effect=lambda m: m.unbond(provider, amount),
            tended=True,
        )
        if amount <= free:
            active = self.model.position(provider).active.amount
            assert active >= self.model.position(provider).locked, "an owner's unbond cut into locked"

    @precondition(lambda self: any(self.waiting(p) for p in self.stakers))
    @verb
    def rebond(self) -> None:
        provider = self.pick([p for p in self.stakers if self.waiting(p)], self.stakers)
        amount = self.part_of(self.model.position(provider).unbonding.amount)
        self.act(
            "rebond",
            "ProviderStaking",
            amount,
            by=provider,
            effect=lambda m: m.rebond(provider, provider, amount),
        )

    @verb
    def delegate(self) -> None:
        provider, delegator = self.random.choice(self.couples)
        amount = self.pick([self.amount(100 * TBND)], [0, 9_000_000 * TBND])
        self.allow(delegator, amount)
        self.act(
            "delegate",
            "ProviderStaking",
            provider,
            amount,
            by=delegator,
            effect=lambda m: m.delegate(provider, delegator, amount),
        )

    @precondition(lambda self: any(self.model.position(p).held.get(d) for p, d in self.couples))
    @verb
    def undelegate(self) -> None:
        held = [(p, d) for p, d in self.couples if self.model.position(p).held.get(d)]
        provider, delegator = self.pick(held, self.couples)
        amount = self.part_of(self.model.position(provider).worth_of(delegator, self.model.block))
        self.act(
            "undelegate",
            "ProviderStaking",
            provider,
            amount,
            by=delegator,
            effect=lambda m: m.undelegate(provider, delegator, amount),
        )

    @precondition(lambda self: any(self.waiting(*pair) for pair in self.couples))
    @verb
    def rebond_delegated(self) -> None:
        provider, delegator = self.pick([pair for pair in self.couples if self.waiting(*pair)], self.couples)
        amount = self.part_of(sum(each.shares for each in self.waiting(provider, delegator)))
        self.act(
            "rebondDelegated",
            "ProviderStaking",
            provider,
            amount,
            by=delegator,
            effect=lambda m: m.rebond(provider, delegator, amount),
        )

    @precondition(lambda self: any(self.waiting(*pair) for pair in self.couples))
    @verb
    def withdraw_delegated(self) -> None:
        provider, delegator = self.pick([pair for pair in self.couples if self.waiting(*pair)], self.couples)
        for request in self.waiting(provider, delegator)[:1]:
            self.wait_for(request.matures_at)
        self.act(
            "withdrawDelegated",
            "ProviderStaking",
            provider,
            by=delegator,
            effect=lambda m: m.withdraw(provider, delegator),
        )

    @verb
    def set_commission(self) -> None:
        provider = self.random.choice(self.stakers)
        bps = self.pick([self.random.randrange(3_001)], [3_001])
        self.act(
            "setCommission",
            "ProviderStaking",
            bps,
            by=provider,
            effect=lambda m: m.set_commission(provider, bps),
        )

    @verb
    def release(self) -> None:
        provider = self.random.choice(self.stakers)
        self.act(
            "release",
            "ProviderStaking",
            provider,
            by=self.cast.stranger,
            effect=lambda m: m.release(provider),
        )

    @precondition(lambda self: bool(self.uncovered()))
    @verb
    def suspend_uncovered(self) -> None:
        """Seldom: a provider must lock what delegators gave and they must leave; so no least share."""
        device = self.pick(self.uncovered(), list(self.model.devices))
        self.act(
            "suspendUncovered",
            "DeviceRegistry",
            device,
            by=self.cast.stranger,
            effect=lambda m: m.suspend_uncovered(device),
        )

    @precondition(lambda self: any(self.waiting(p) for p in self.stakers))
    @verb
    def withdraw(self) -> None:
        waiting = [p for p in self.stakers if self.waiting(p)]
        provider = self.pick(waiting, self.stakers)
        for request in self.waiting(provider)[:1]:
            self.wait_for(request.matures_at)
        self.act("withdraw", "ProviderStaking", by=provider, effect=lambda m: m.withdraw(provider, provider))

    @verb
    def set_operator(self) -> None:
        provider = self.random.choice(self.cast.providers)
        operator = self.random.choice([*self.cast.hot_keys, ZERO_ADDRESS])
        valid = self.mostly()
        signature = b""
        if operator != ZERO_ADDRESS:
            signature = self.world.sign_operator(provider if valid else self.cast.stranger, operator)
        self.act(
            "setOperator",
            "ProviderStaking",
            operator,
            signature,
            by=provider,
            effect=lambda m: m.set_operator(provider, operator, valid),
        )

    # Choosing

    def waiting(self, provider: str, holder: str | None = None) -> list[Any]:
        return self.model.position(provider).queues[holder or provider].waiting

    def part_of(self, amount: int) -> int:
        return self.pick([ALL, max(1, amount // 3), max(1, amount - 1)], [0, 2 * amount + 1])

    @property
    def couples(self) -> list[tuple[str, str]]:
        """(provider, delegator)"""
        return [(p, d) for p in self.stakers for d in self.cast.delegators if p != d]

    def uncovered(self) -> list[int]:
        model = self.model
        return [d for d, book in model.devices.items() if model.position(book.provider).short_since]
