"""Share arithmetic against exact fractions: every rounding favours the pool, by less than one unit."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.chain import Chain

pytestmark = pytest.mark.chain

POOL = st.integers(1, 2**96 - 1)
SHARES = st.integers(1, 2**128 - 1)
EXAMPLES = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def harness(bare_chain: Chain) -> str:
    return bare_chain.deploy("SharesHarness")


@EXAMPLES
@given(amount=POOL, pool=POOL, shares=SHARES)
def test_to_shares_down__any_pool__is_the_floor(
    bare_chain: Chain, harness: str, amount: int, pool: int, shares: int
) -> None:
    assert bare_chain.call(harness, "toSharesDown", amount, pool, shares) == floor(
        Fraction(amount * shares, pool)
    )


def test_to_shares_down__empty_pool__is_one_to_one(bare_chain: Chain, harness: str) -> None:
    assert bare_chain.call(harness, "toSharesDown", 7, 0, 0) == 7


@EXAMPLES
@given(amount=POOL, pool=POOL, shares=SHARES)
def test_to_shares_up__any_pool__is_the_ceiling(
    bare_chain: Chain, harness: str, amount: int, pool: int, shares: int
) -> None:
    assert bare_chain.call(harness, "toSharesUp", amount, pool, shares) == ceil(
        Fraction(amount * shares, pool)
    )


@EXAMPLES
@given(part=SHARES, pool=POOL, shares=SHARES)
def test_to_amount_down__any_pool__is_the_floor(
    bare_chain: Chain, harness: str, part: int, pool: int, shares: int
) -> None:
    part = min(part, shares)

    assert bare_chain.call(harness, "toAmountDown", part, pool, shares) == floor(
        Fraction(part * pool, shares)
    )


@EXAMPLES
@given(amount=POOL, pool=POOL, shares=SHARES)
def test_to_amount_down__of_what_a_deposit_bought__is_never_more_than_the_deposit(
    bare_chain: Chain, harness: str, amount: int, pool: int, shares: int
) -> None:
    bought = bare_chain.call(harness, "toSharesDown", amount, pool, shares)
    assume(shares + bought < 2**128 and pool + amount < 2**96)

    assert bare_chain.call(harness, "toAmountDown", bought, pool + amount, shares + bought) <= amount


@pytest.mark.parametrize(
    ("left", "before", "spent"),
    [
        (0, 0, True),
        (0, 1, True),
        (1, 1, False),
        (1, 2**32 - 1, False),
        (1, 2**32, True),
        (10**9, 2**32 * 10**9, True),
        (10**9 + 1, 2**32 * 10**9, False),
    ],
)
def test_is_spent__at_the_limit__is_one_part_in_two_to_the_32(
    bare_chain: Chain, harness: str, left: int, before: int, spent: bool
) -> None:
    assert bare_chain.call(harness, "isSpent", left, before) is spent


@pytest.mark.parametrize(
    ("pool", "shares", "generations"),
    [
        (0, 0, 0),
        (0, 1, 1),
        (0, 2**128 - 1, 4),
        (1, 2**32 - 1, 0),
        (1, 2**32, 1),
        (1, 2**64 - 1, 1),
        (1, 2**96, 3),
        (2**32, 2**96, 2),
        (2**32 + 1, 2**96, 1),
        (2**90, 2**122 - 1, 0),
        (2**90, 2**122, 1),
    ],
)
def test_overdue__at_the_limits__is_as_often_as_a_share_is_worth_too_little(
    bare_chain: Chain, harness: str, pool: int, shares: int, generations: int
) -> None:
    assert bare_chain.call(harness, "overdue", pool, shares) == generations


def test_in_generation__of_parts__is_one_for_each_2_to_the_32(bare_chain: Chain, harness: str) -> None:
    part = 2**128 - 1
    for later, need in ((0, part), (1, 2**96 - 1), (3, 2**32 - 1), (4, 0), (8, 0), (2**32 - 1, 0)):
        assert bare_chain.call(harness, "inGeneration", part, 7, 7 + later) == need
