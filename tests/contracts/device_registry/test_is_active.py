from __future__ import annotations

from dataclasses import replace

import pytest

from tests.acts import mine_to_slot, register_as, timing
from tests.chain import Chain

from .registry import OPEN, device_of, is_active, schedule

pytestmark = pytest.mark.chain


@pytest.mark.parametrize(
    ("slot", "active"), [(0, False), (3, False), (4, True), (OPEN - 1, True), (OPEN, False)]
)
def test_is_active__open_device__is_from_its_first_epoch_on(
    chain: Chain, device: int, slot: int, active: bool
) -> None:
    assert is_active(chain, device, slot) is active


@pytest.mark.parametrize("device_id", [0, 2, 2**20])
def test_is_active__unknown__is_not(chain: Chain, device: int, device_id: int) -> None:
    assert not is_active(chain, device_id, 4)


def test_is_active__first_epoch_under_a_later_entry__counts_by_that_entry(
    chain: Chain, provider: str, device: int
) -> None:
    schedule(chain, replace(timing(chain), from_epoch=3, epoch_slots=2))
    mine_to_slot(chain, 12)  # epoch 3
    later = register_as(chain, provider)

    assert device_of(chain, later).from_epoch == 4
    assert [is_active(chain, later, slot) for slot in (12, 13, 14)] == [False, False, True]


@pytest.mark.parametrize("device_id", [0, 2])
def test_device_of__unknown__reverts(chain: Chain, device: int, device_id: int) -> None:
    with chain.reverts("DeviceUnknown", device=device_id):
        device_of(chain, device_id)
