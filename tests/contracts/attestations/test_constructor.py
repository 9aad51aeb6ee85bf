from __future__ import annotations

import pytest

from tests.chain import Chain

from .epochs import BOND, ZERO

pytestmark = pytest.mark.chain


def test_constructor__fresh__holds_nothing_and_waits_for_epoch_0(chain: Chain) -> None:
    def call(name: str) -> object:
        return chain.call("Attestations", name)

    assert (call("BOND"), call("CHALLENGER_BPS"), call("MAX_SEAT_DELAY")) == (BOND, 2_500, 1_024)
    assert (call("totalBonded"), call("setCount"), call("nextEpoch"), call("standingRoot")) == (0, 0, 0, ZERO)
    assert (call("settledThrough"), call("finalEmission")) == (0, 0)


def test_constructor__bond_that_no_word_holds__reverts(chain: Chain, governor: str) -> None:
    at = chain.address
    with chain.reverts("SafeCastOverflowedUintDowncast", bits=96, value=1 << 96):
        chain.call_constructor(
            "Attestations",
            at["AccessManager"],
            at["TensorbondToken"],
            at["DeviceRegistry"],
            at["AttestationDisputes"],
            1 << 96,
            sender=governor,
        )
