from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import Timing
from tests.chain import Chain

pytestmark = pytest.mark.chain

TIMING = Timing(
    from_epoch=7,
    from_slot=9,
    from_block=1_000,
    slot_blocks=10,
    epoch_slots=4,
    attest_blocks=60,
    proof_blocks=30,
    roll_call=64,
)
EXPOSED = 10 * 4 + 60 + 2 * 30


def deploy(chain: Chain, timing: Timing, unbonding_blocks: int = EXPOSED) -> str:
    peer = chain.accounts[0]
    staking = chain.deploy("ProviderStaking", peer, peer, peer, peer, peer, peer, unbonding_blocks)
    return chain.deploy("DeviceRegistry", peer, staking, peer, peer, peer, peer, timing)


def test_constructor__first_entry__starts_with_epoch_and_slot_zero(bare_chain: Chain) -> None:
    registry = deploy(bare_chain, TIMING)

    first = replace(TIMING, from_epoch=0, from_slot=0)
    assert bare_chain.call(registry, "timingEntry", 0) == first
    assert bare_chain.call(registry, "timingCount") == 1
    assert bare_chain.call(registry, "timingNow") == first  # before its first block too
    (event,) = bare_chain.events(registry, "TimingScheduled")
    assert event.args == {"entry": 0, "timing": first}


def test_constructor__genesis_in_the_past__reverts(bare_chain: Chain) -> None:
    past = bare_chain.block_number

    with bare_chain.reverts("TimingInvalid", field="fromBlock", have=past, bound=past + 2):
        deploy(bare_chain, replace(TIMING, from_block=past))


@pytest.mark.parametrize(
    ("field", "change", "have", "bound"),
    [
        ("slotBlocks", {"slot_blocks": 3}, 3, 4),
        ("epochSlots", {"epoch_slots": 0}, 0, 1),
        ("epochSlots", {"epoch_slots": 257}, 257, 256),
        ("attestBlocks", {"attest_blocks": 19}, 19, 20),
        ("attestBlocks", {"attest_blocks": 8_001}, 8_001, 8_000),
        ("proofBlocks", {"proof_blocks": 9}, 9, 10),
        ("rollCall", {"roll_call": 257}, 257, 256),
    ],
)
def test_constructor__timing_out_of_range__reverts(
    bare_chain: Chain, field: str, change: dict[str, int], have: int, bound: int
) -> None:
    with bare_chain.reverts("TimingInvalid", field=field, have=have, bound=bound):
        deploy(bare_chain, replace(TIMING, **change), unbonding_blocks=10**6)


def test_constructor__unbonding_shorter_than_every_proof__reverts(bare_chain: Chain) -> None:
    with bare_chain.reverts("TimingInvalid", field="unbondingBlocks", have=EXPOSED - 1, bound=EXPOSED):
        deploy(bare_chain, TIMING, unbonding_blocks=EXPOSED - 1)


@pytest.mark.parametrize(
    "change",
    [
        {"slot_blocks": 4, "attest_blocks": 8, "proof_blocks": 4, "epoch_slots": 1, "roll_call": 0},
        {"attest_blocks": 8_000, "roll_call": 256},
    ],
    ids=["least", "most"],
)
def test_constructor__timing_at_its_bounds__is_taken(bare_chain: Chain, change: dict[str, int]) -> None:
    timing = replace(TIMING, from_epoch=0, from_slot=0, **change)

    registry = deploy(bare_chain, timing, unbonding_blocks=10**6)

    assert bare_chain.call(registry, "timingNow") == timing
