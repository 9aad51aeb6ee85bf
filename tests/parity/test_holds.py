"""When a device was held: what an oracle makes of the events, against what the registry remembers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorbond.chain import slots
from tensorbond.chain.network import Network
from tensorbond.oracle.reader import Reader
from tests.acts import TBND, current_slot, mine_to_slot, register_as, stake_as, timing
from tests.chain import Chain

pytestmark = pytest.mark.chain

spans = st.lists(st.integers(0, 12), max_size=24)
"""Blocks that pass before each hold and each release; a slot has ten."""


@settings(max_examples=8, deadline=None)
@given(spans=spans)
def test_holds__of_any_history__agree_with_the_registry(
    system: Chain, deployment_file: Path, spans: list[int]
) -> None:
    chain, here = system, system.snapshot()
    stake_as(chain, chain.accounts[2], 100 * TBND)
    device, escrow = register_as(chain, chain.accounts[2]), chain.impersonate("JobEscrow")
    mine_to_slot(chain, 5)
    for index, span in enumerate(spans):
        chain.mine_to(chain.block_number + span)
        if index % 2:
            chain.send("DeviceRegistry", "release", device, sender=escrow)
        else:
            chain.send("DeviceRegistry", "hold", device, 0, sender=escrow)
    chain.mine()

    with Network.connect([chain.url], deployment_file) as network:
        (fact,) = Reader(network).devices(network.head())
    for slot in range(4, current_slot(chain) + 1):
        held = fact.is_held(slots.start_of(timing(chain), slot))
        assert chain.call("DeviceRegistry", "heldIn", device, slot) == held, slot
    chain.revert_to(here)
