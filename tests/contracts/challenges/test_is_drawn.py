from __future__ import annotations

import pytest

from tensorbond.proof import is_drawn, is_memory_slot, is_roll_call
from tests.acts import mine_to_slot, mine_to_slot_with, timing
from tests.chain import Chain
from tests.memory_work import memory_device_as
from tests.work import device_as, first_slot_of, seal

from .slots import mine_before, start_of

pytestmark = pytest.mark.chain

SLOTS = 24


@pytest.fixture
def devices(chain: Chain, provider: str, other_provider: str) -> list[int]:
    return [device_as(chain, provider), device_as(chain, other_provider, class_id=1)]


def test_is_drawn__slot_after_slot__is_what_the_beacon_says(chain: Chain, devices: list[int]) -> None:
    first = max(first_slot_of(chain, device) for device in devices)
    mine_before(chain, start_of(chain, first + SLOTS))
    roll_call = timing(chain).roll_call
    threshold = chain.call("DeviceRegistry", "classOf", 0).draw_threshold
    seen = set()
    for slot in range(first, first + SLOTS):
        beacon = seal(chain, slot)
        called = is_roll_call(beacon, roll_call)
        assert chain.call("Challenges", "isRollCall", slot) == called
        for device in devices:
            drawn = called or is_drawn(beacon, device, threshold)
            assert chain.call("Challenges", "isDrawn", device, slot) == drawn
            seen.add((called, drawn))
    assert seen == {(True, True), (False, True), (False, False)}


def test_is_drawn__before_the_device_is_active__is_false(chain: Chain, devices: list[int]) -> None:
    first = first_slot_of(chain, devices[0])
    mine_before(chain, start_of(chain, first + 1))
    for slot in range(first):
        seal(chain, slot)
        assert not chain.call("Challenges", "isDrawn", devices[0], slot)


def test_is_drawn__once_the_device_has_ended__is_false(
    chain: Chain, provider: str, devices: list[int]
) -> None:
    device = devices[0]
    mine_before(chain, start_of(chain, first_slot_of(chain, device)))
    chain.send("DeviceRegistry", "retire", device, sender=provider)
    end = chain.call("DeviceRegistry", "deviceOf", device).until_slot
    mine_before(chain, start_of(chain, end + 12))
    for slot in range(end, end + 12):
        seal(chain, slot)
        assert not chain.call("Challenges", "isDrawn", device, slot)


@pytest.mark.parametrize("memory", [False, True], ids=["C-phase", "M-phase"])
@pytest.mark.parametrize("held", [False, True], ids=["free", "held"])
@pytest.mark.parametrize("has_memory", [False, True], ids=["class of the C-phase", "class of both"])
def test_is_drawn__roll_call__is_not_for_a_held_devices_memory(
    chain: Chain, provider: str, has_memory: bool, held: bool, memory: bool
) -> None:
    device = memory_device_as(chain, provider) if has_memory else device_as(chain, provider)
    slot = first_slot_of(chain, device) + 1
    mine_to_slot(chain, slot - 1)
    if held:
        chain.send("DeviceRegistry", "hold", device, 0, sender=chain.impersonate("JobEscrow"))
    called = timing(chain).roll_call
    mine_to_slot_with(chain, slot, lambda seen: is_memory_slot(seen) == memory and is_roll_call(seen, called))
    seal(chain, slot)

    assert chain.call("Challenges", "isDrawn", device, slot) is not (has_memory and held and memory)


def test_is_drawn__slot_unsealed__reverts(chain: Chain, devices: list[int]) -> None:
    slot = first_slot_of(chain, devices[0])
    mine_before(chain, start_of(chain, slot) + 2)
    for function, args in ("isDrawn", (devices[0], slot)), ("isRollCall", (slot,)):
        with chain.reverts("SlotNotSealed", slot=slot):
            chain.call("Challenges", function, *args)


def test_is_drawn__unknown_device__reverts(chain: Chain, devices: list[int]) -> None:
    slot = first_slot_of(chain, devices[0])
    mine_before(chain, start_of(chain, slot) + 2)
    seal(chain, slot)
    with chain.reverts("DeviceUnknown", device=devices[1] + 1):
        chain.call("Challenges", "isDrawn", devices[1] + 1, slot)
