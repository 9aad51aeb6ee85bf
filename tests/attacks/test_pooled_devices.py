"""Fewer cards than claims, and more: what a roll call leaves of either, by the oracle's own arithmetic.

A pool's cards prove one claim after another, which serves it best: the first is as fast as an honest one. But
all are due in one slot, and the chain is the stopwatch. The fewer claims fit the slot, the less is left to a
pool: a class should span less than 2 : 1 from its peak to its slowest card.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from tensorbond.chain.parameters import Parameters
from tensorbond.chain.types import DeviceClass
from tensorbond.oracle.outcomes import throughput_of
from tensorbond.proof import is_drawn, is_roll_call
from tests.anvil import ROOT

pytestmark = pytest.mark.unit

PEAK, SLOWEST = 500_000, 400_000
FIRST = 50
"""Seconds in which the fastest card does the work."""
WINDOW = 2 * FIRST * PEAK // SLOWEST
"""The slowest honest card fits twice."""


@pytest.fixture(scope="module")
def terms() -> DeviceClass:
    listed = Parameters.load(ROOT / "tests" / "network.toml").classes[0].to_struct()
    rounds = FIRST * PEAK * 10**9 // (2 * 16384**3)
    return replace(listed, m=16384, n=16384, k=16384, r=rounds, peak_gops=PEAK, min_gops=SLOWEST)


def weights(terms: DeviceClass, cards: int, claims: int) -> list[int]:
    """What a pool's claims weigh after a roll call, its cards taking turns; 0 past the window."""
    finished = [FIRST * (claim // cards + 1) for claim in range(claims)]
    return [throughput_of(terms, 0, end) if end <= WINDOW else 0 for end in finished]


def test_one_card__two_claims__weighs_half_as_much_for_the_second(terms, cost) -> None:
    first, second = weights(terms, 1, 2)
    assert second <= first // 2
    cost("one card for two claims", 1, 2, "cards", f"second weighs {second / first:.2f} of the first")


def test_one_card__any_number_of_claims__never_weighs_as_much_as_two_cards(terms, cost) -> None:
    honest = weights(terms, 1, 1)[0]
    for claims in range(1, 9):
        assert sum(weights(terms, 1, claims)) < 2 * honest
    three = weights(terms, 1, 3)
    assert three[2] == 0
    cost("one card for three claims", 1, 3, "cards", "third misses the window: MISSED")


def test_one_card__two_claims_of_a_class_with_a_bound__slow_for_the_second(terms, cost) -> None:
    bounded = replace(terms, slow_gops=PEAK // 2 + 1)
    honest = FIRST * PEAK // SLOWEST
    assert [throughput_of(bounded, 0, end) >= bounded.slow_gops for end in (FIRST, honest, 2 * FIRST)] == [
        True,
        True,
        False,
    ]
    cost("one card for two claims, slowGops above half the peak", 1, 2, "cards", "second is SLOW: no pass")


def test_pool__two_cards_for_three_claims__weighs_less_than_three(terms) -> None:
    assert sum(weights(terms, 2, 3)) < 2.6 * weights(terms, 1, 1)[0]


def test_pool__two_cards_behind_one_claim__weighs_one_peak(terms) -> None:
    assert throughput_of(terms, 0, FIRST // 2) == PEAK


def test_roll_call__over_many_slots__asks_both_ids_at_once() -> None:
    """By lot alone, one card could serve two ids that are rarely drawn together."""
    beacons = [sha256(index.to_bytes(4, "little")).digest() for index in range(4000)]
    threshold = 1 << 28
    drawn = [(is_drawn(b, 3, threshold), is_drawn(b, 4, threshold), is_roll_call(b, 16)) for b in beacons]
    by_lot = sum(first and second for first, second, _ in drawn)
    assert by_lot < 0.01 * len(beacons)
    assert sum(called for *_, called in drawn) == pytest.approx(len(beacons) / 16, rel=0.2)
