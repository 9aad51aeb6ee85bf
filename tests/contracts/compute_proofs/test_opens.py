from __future__ import annotations

import pytest

from tensorbond.chain.types import Place, PlaceKind
from tensorbond.proof import is_memory_slot
from tests.acts import mine_to_slot, mine_to_slot_with
from tests.chain import Chain
from tests.memory_work import memory_device_as
from tests.work import Work, first_slot_of, open_tile, seal

pytestmark = pytest.mark.chain

SAMPLE, TILE = Place(PlaceKind.SAMPLE, 0, 0), Place(PlaceKind.TILE, 1, 3)


def test_opens__a_tile_of_another_length_or_place__does_not(system: Chain, works: list[Work]) -> None:
    work = works[0]
    place, opening = (work.device, work.slot, work.record[0]), open_tile(work, 1, 3)
    assert system.call("ComputeProofs", "opens", *place, TILE, opening)
    for wrong in (b"", opening[:-1], opening + b"\0"):
        assert not system.call("ComputeProofs", "opens", *place, TILE, wrong)
    assert not system.call("ComputeProofs", "opens", *place, Place(PlaceKind.TILE, 1, 2), opening)


@pytest.mark.parametrize(
    "place",
    [
        Place(PlaceKind.SAMPLE, 16, 0),
        Place(PlaceKind.SAMPLE, 0, 1),
        Place(PlaceKind.TILE, 4, 0),
        Place(PlaceKind.TILE, 0, 256),
        Place(PlaceKind.LABEL, 0, 0),
        Place(PlaceKind.SEGMENT, 0, 0),
    ],
    ids=str,
)
def test_opening_length__no_such_place__reverts(system: Chain, works: list[Work], place: Place) -> None:
    with system.reverts("PlaceUnknown", kind=place.kind, first=place.first, second=place.second):
        system.call("ComputeProofs", "openingLength", works[0].device, works[0].slot, place)


@pytest.mark.parametrize("held", [False, True], ids=["free", "held"])
def test_opening_length__memory_slot__is_of_the_c_phase_where_held(
    chain: Chain, provider: str, held: bool
) -> None:
    """Who works for a job proves tiles in every slot."""
    device = memory_device_as(chain, provider)
    slot = first_slot_of(chain, device) + 1
    mine_to_slot(chain, slot - 1)
    if held:
        chain.send("DeviceRegistry", "hold", device, 0, sender=chain.impersonate("JobEscrow"))
    mine_to_slot_with(chain, slot, is_memory_slot)
    seal(chain, slot)

    if held:
        assert chain.call("ComputeProofs", "openingLength", device, slot, SAMPLE) > 0
        with chain.reverts("PhaseMismatch", device=device, slot=slot):
            chain.call("MemoryProofs", "openingLength", device, slot, SAMPLE)
    else:
        assert chain.call("MemoryProofs", "openingLength", device, slot, SAMPLE) > 0
        with chain.reverts("PhaseMismatch", device=device, slot=slot):
            chain.call("ComputeProofs", "openingLength", device, slot, SAMPLE)
