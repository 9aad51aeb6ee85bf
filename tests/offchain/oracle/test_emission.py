from __future__ import annotations

import pytest

from tensorbond.oracle.emission import HALVING, INITIAL, emission_at


@pytest.mark.unit
@pytest.mark.parametrize(
    ("epoch", "wei"),
    [
        (0, INITIAL),
        (HALVING - 1, INITIAL),
        (HALVING, INITIAL // 2),
        (HALVING * 2, INITIAL // 4),
        (HALVING * 69, 1),
        (HALVING * 70, 0),
        (HALVING * 300, 0),
    ],
)
def test_emission_at__around_a_halving__halves(epoch, wei):
    assert emission_at(epoch) == wei


@pytest.mark.unit
def test_emission_at__over_all_epochs__stays_below_half_the_cap():
    assert sum(HALVING * emission_at(HALVING * step) for step in range(257)) < 500_000_000 * 10**18


@pytest.mark.chain
def test_emission_at__random_epochs__equals_the_contract(chain):
    steps = [HALVING * step + around for step in (0, 1, 2, 69, 70, 255, 256, 300) for around in (-1, 0, 1)]
    for epoch in [step for step in steps if step >= 0]:
        assert emission_at(epoch) == chain.call("Rewards", "emissionOf", epoch)
