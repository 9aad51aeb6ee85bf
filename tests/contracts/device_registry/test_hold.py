from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tensorbond.chain.types import Device
from tests.acts import mine_to_slot, register_as
from tests.chain import Chain, Sent
from tests.system import role

from .registry import OPEN, as_peer, deploy_early, device_of, is_active

pytestmark = pytest.mark.chain


def hold(chain: Chain, device: int, slot: int) -> Sent:
    return as_peer(chain, "JobEscrow", "hold", device, slot)


@pytest.fixture
def active(chain: Chain, device: int) -> int:
    """A device in slot 5, active since slot 4."""
    mine_to_slot(chain, 5, 2)
    return device


def test_hold__an_active_device__binds_it(chain: Chain, provider: str, active: int) -> None:
    before = device_of(chain, active)

    sent = hold(chain, active, 7)

    assert sent.event("DeviceHeld") == {"device": active}
    assert device_of(chain, active) == before
    assert chain.call("DeviceRegistry", "isHeld", active)
    assert is_active(chain, active, 7)


def test_hold__with_a_call__returns_the_device(chain: Chain, provider: str, active: int) -> None:
    escrow = chain.address["JobEscrow"]

    found = chain.call("DeviceRegistry", "hold", active, 7, sender=escrow)

    assert found == Device(provider, 1, OPEN, 10, 0)


def test_hold__before_the_first_slot__is_for_that_slot(bare_chain: Chain) -> None:
    owner = bare_chain.accounts[0]
    registry = deploy_early(bare_chain, owner)
    register_as(bare_chain, owner)

    sent = bare_chain.send(registry, "hold", 1, 0, sender=owner)

    assert sent.event("DeviceHeld") == {"device": 1}
    assert bare_chain.call(registry, "isHeld", 1)
    assert bare_chain.call(registry, "heldIn", 1, 0)


@pytest.mark.parametrize("account", ["provider", "governor", "stranger"])
def test_hold__by_anyone_else__reverts(
    chain: Chain, active: int, account: str, request: pytest.FixtureRequest
) -> None:
    sender = request.getfixturevalue(account)

    with chain.reverts("EscrowOnly", account=sender):
        chain.send("DeviceRegistry", "hold", active, 7, sender=sender)


def test_hold__held_already__reverts(chain: Chain, active: int) -> None:
    hold(chain, active, 7)

    with chain.reverts("DeviceHeldAlready", device=active):
        hold(chain, active, 8)


@pytest.mark.parametrize("device_id", [0, 2])
def test_hold__unknown__reverts(chain: Chain, active: int, device_id: int) -> None:
    with chain.reverts("DeviceUnknown", device=device_id):
        hold(chain, device_id, 7)


def test_hold__for_a_slot_before_its_first_epoch__reverts(chain: Chain, device: int) -> None:
    with chain.reverts("DeviceNotActive", device=device, slot=3):
        hold(chain, device, 3)


def test_hold__for_its_first_slot__binds_it(chain: Chain, device: int) -> None:
    hold(chain, device, 4)

    assert chain.call("DeviceRegistry", "isHeld", device)


def test_hold__retiring_before_the_slot__reverts(chain: Chain, provider: str, active: int) -> None:
    chain.send("DeviceRegistry", "retire", active, sender=provider)

    with chain.reverts("DeviceNotActive", device=active, slot=12):
        hold(chain, active, 12)
    hold(chain, active, 11)


def test_hold__suspended__reverts(chain: Chain, active: int) -> None:
    as_peer(chain, "WorkDisputes", "suspend", active, 0)

    with chain.reverts("DeviceNotActive", device=active, slot=6):
        hold(chain, active, 6)


def held_in(chain: Chain, device: int, *slots: int) -> list[bool]:
    return [chain.call("DeviceRegistry", "heldIn", device, slot) for slot in slots]


def release(chain: Chain, device: int) -> None:
    as_peer(chain, "JobEscrow", "release", device)


YES, NO = True, False
EARLIER_HOLDS = 4
"""The storage slot of `_earlierHolds`."""


def test_hold__for_the_slot_that_its_last_job_forced__reverts(chain: Chain, active: int) -> None:
    hold(chain, active, 7)
    release(chain, active)

    with chain.reverts("DeviceForcedAlready", device=active, slot=7):
        hold(chain, active, 7)
    hold(chain, active, 8)


def test_held_in__never_held__in_no_slot(chain: Chain, active: int) -> None:
    assert held_in(chain, active, 0, 5, 6) == [NO, NO, NO]


def test_held_in__while_held__from_the_next_slot_on(chain: Chain, active: int) -> None:
    hold(chain, active, 7)

    assert held_in(chain, active, 4, 5, 6, 7, 1_000) == [NO, NO, YES, YES, YES]


def test_held_in__held_and_released_in_the_first_block_of_a_slot__counts_that_block(
    chain: Chain, active: int
) -> None:
    mine_to_slot(chain, 6, -1)
    hold(chain, active, 8)
    mine_to_slot(chain, 8, -1)
    release(chain, active)

    assert held_in(chain, active, 5, 6, 7, 8) == [NO, YES, YES, NO]


def hold_every_other_slot(chain: Chain, device: int, times: int) -> list[int]:
    """Held in slots 6, 8, 10 and so on, and not in those between."""
    slots = list(range(6, 6 + 2 * times, 2))
    for slot in slots:
        hold(chain, device, slot + 2)
        mine_to_slot(chain, slot, 2)
        release(chain, device)
        mine_to_slot(chain, slot + 1, 2)
    return slots


@pytest.mark.parametrize("times", [3, 4, 7, 11])
def test_held_in__many_times__forgets_none(chain: Chain, active: int, times: int) -> None:
    slots = hold_every_other_slot(chain, active, times)

    every = range(slots[-1] + 3)
    assert held_in(chain, active, *every) == [slot in slots for slot in every]


def test_held_in__goes_on_after_the_word_is_full__is_kept_once_it_ends(chain: Chain, active: int) -> None:
    hold_every_other_slot(chain, active, 2)
    hold(chain, active, 12)
    release(chain, active)
    hold(chain, active, 13)
    mine_to_slot(chain, 12, 2)
    release(chain, active)
    mine_to_slot(chain, 13, 2)
    for slot in (15, 17):
        hold(chain, active, slot)
        mine_to_slot(chain, slot - 1, 2)
        release(chain, active)
        mine_to_slot(chain, slot, 2)

    held = [6, 8, 10, 11, 12, 14, 16]
    assert held_in(chain, active, *range(18)) == [slot in held for slot in range(18)]


def test_held_in__a_million_words_ago__costs_little(chain: Chain, active: int) -> None:
    """A device that was held every few slots for years doesn't push a proof over the gas limit."""
    hold_every_other_slot(chain, active, 3)
    place = int.from_bytes(keccak(encode(["uint256", "uint256"], [active, EARLIER_HOLDS])), "big")
    chain.rpc.request("anvil_setStorageAt", chain.address["DeviceRegistry"], hex(place), f"0x{1 << 20:064x}")

    sent = chain.send("DeviceRegistry", "heldIn", active, 5, sender=role(chain, "stranger"))

    assert sent.gas_used < 21_000 + 70_000


def test_held_in__a_job_after_another_in_one_slot__goes_on(chain: Chain, active: int) -> None:
    hold(chain, active, 7)
    mine_to_slot(chain, 7, 2)
    release(chain, active)
    hold(chain, active, 9)
    mine_to_slot(chain, 9, 2)
    release(chain, active)

    assert held_in(chain, active, 5, 6, 7, 8, 9, 10) == [NO, YES, YES, YES, YES, NO]


def test_held_in__released_in_the_slot_it_began_in__was_never_held(chain: Chain, active: int) -> None:
    hold(chain, active, 7)
    release(chain, active)

    assert held_in(chain, active, 4, 5, 6, 7) == [NO, NO, NO, NO]
