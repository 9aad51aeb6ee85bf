from __future__ import annotations

import pytest

from tensorbond.chain.types import Device
from tests.acts import TBND, current_epoch, mine_to_slot, register_as, set_operator_as, stake_as
from tests.chain import Chain

from .registry import OPEN, TERMS, add_class, bond_of, deploy_early, device_of, is_active, locked

pytestmark = pytest.mark.chain

HEAD = 1  # the registry's storage slot of counters and newest timing


def test_register__one__is_drawn_from_the_next_epoch_on(chain: Chain, provider: str) -> None:
    stake_as(chain, provider, 100 * TBND)
    add_class(chain, TERMS)
    epoch = current_epoch(chain)

    sent = chain.send("DeviceRegistry", "register", 3, 7, 1, sender=provider)

    assert sent.event("DeviceRegistered") == {
        "device": 1,
        "provider": provider,
        "classId": 3,
        "bondedGops": 7,
        "bond": 14 * TBND,
        "fromEpoch": epoch + 1,
    }
    assert sent.event("StakeLocked")["amount"] == 14 * TBND
    assert device_of(chain, 1) == Device(provider, epoch + 1, OPEN, 7, 3)
    assert bond_of(chain, 1) == 14 * TBND
    assert chain.call("DeviceRegistry", "deviceCount") == 1
    assert locked(chain, provider) == 14 * TBND
    first_slot = (epoch + 1) * 4
    assert not is_active(chain, 1, first_slot - 1)
    assert is_active(chain, 1, first_slot)


def test_register__in_an_epochs_last_block__is_drawn_one_block_later(chain: Chain, provider: str) -> None:
    stake_as(chain, provider, 100 * TBND)
    mine_to_slot(chain, 8, -2)

    register_as(chain, provider)

    assert device_of(chain, 1).from_epoch == 2
    assert is_active(chain, 1, 8)


def test_register__eight_at_once__have_dense_ids_and_one_lock(
    chain: Chain, provider: str, other_provider: str
) -> None:
    stake_as(chain, other_provider, 100 * TBND)
    register_as(chain, other_provider)
    stake_as(chain, provider, 100 * TBND)

    sent = chain.send("DeviceRegistry", "register", 0, 10, 8, sender=provider)

    assert [event["device"] for event in sent.all("DeviceRegistered")] == list(range(2, 10))
    assert [event["amount"] for event in sent.all("StakeLocked")] == [80 * TBND]
    assert {device_of(chain, each).provider for each in range(2, 10)} == {provider}
    assert device_of(chain, 1).provider == other_provider
    assert chain.call("DeviceRegistry", "deviceCount") == 9
    assert (locked(chain, provider), locked(chain, other_provider)) == (80 * TBND, 10 * TBND)


def test_register__with_a_call__returns_the_first_id(chain: Chain, provider: str) -> None:
    stake_as(chain, provider, 100 * TBND)
    register_as(chain, provider, count=3)

    assert chain.call("DeviceRegistry", "register", 0, 10, 2, sender=provider) == 4


def test_register__without_enough_free_stake__reverts(chain: Chain, provider: str) -> None:
    stake_as(chain, provider, 25 * TBND)
    register_as(chain, provider)

    with chain.reverts("FreeStakeInsufficient", provider=provider, have=15 * TBND, need=20 * TBND):
        chain.send("DeviceRegistry", "register", 0, 10, 2, sender=provider)
    assert chain.call("DeviceRegistry", "deviceCount") == 1


def test_register__by_the_operator__bonds_nothing_of_the_providers(
    chain: Chain, provider: str, operator: str
) -> None:
    stake_as(chain, provider, 100 * TBND)
    set_operator_as(chain, provider, operator)

    with chain.reverts("FreeStakeInsufficient", provider=operator, have=0, need=10 * TBND):
        chain.send("DeviceRegistry", "register", 0, 10, 1, sender=operator)


@pytest.mark.parametrize("count", [0, 65])
def test_register__count_out_of_range__reverts(chain: Chain, provider: str, count: int) -> None:
    stake_as(chain, provider, 1_000 * TBND)

    with chain.reverts("CountOutOfRange", have=count, most=64):
        chain.send("DeviceRegistry", "register", 0, 10, count, sender=provider)


def test_register__sixty_four__fit_into_one_transaction(chain: Chain, provider: str) -> None:
    stake_as(chain, provider, 1_000 * TBND)

    register_as(chain, provider, count=64)

    assert chain.call("DeviceRegistry", "deviceCount") == 64


@pytest.mark.parametrize("class_id", [3, 255, 256])
def test_register__unknown_class__reverts(chain: Chain, provider: str, class_id: int) -> None:
    stake_as(chain, provider, 100 * TBND)

    with chain.reverts("ClassUnknown", classId=class_id):
        chain.send("DeviceRegistry", "register", class_id, 10, 1, sender=provider)


@pytest.mark.parametrize("gops", [0, 4, 501, 2**24 + 7])
def test_register__gops_outside_the_class__reverts(chain: Chain, provider: str, gops: int) -> None:
    stake_as(chain, provider, 100 * TBND)
    add_class(chain, TERMS)

    with chain.reverts("BondedGopsOutOfRange", have=gops, least=5, most=500):
        chain.send("DeviceRegistry", "register", 3, gops, 1, sender=provider)


@pytest.mark.parametrize("gops", [5, 500])
def test_register__gops_at_the_classs_bounds__is_taken(chain: Chain, provider: str, gops: int) -> None:
    stake_as(chain, provider, 1_000 * TBND)
    add_class(chain, TERMS)

    register_as(chain, provider, class_id=3, gops=gops)

    assert bond_of(chain, 1) == gops * 2 * TBND


def test_register__beyond_the_attestation_tree__reverts(chain: Chain, provider: str) -> None:
    stake_as(chain, provider, 100 * TBND)
    head = int.from_bytes(chain.storage("DeviceRegistry", HEAD), "big")
    devices = 2**20 - 3
    chain.rpc.request(
        "anvil_setStorageAt", chain.address["DeviceRegistry"], hex(HEAD), f"0x{head | devices << 232:064x}"
    )
    assert chain.call("DeviceRegistry", "deviceCount") == devices

    with chain.reverts("RegistryFull", have=2**20, most=2**20 - 1):
        chain.send("DeviceRegistry", "register", 0, 10, 3, sender=provider)
    assert register_as(chain, provider, count=2) == devices + 1
    assert chain.call("DeviceRegistry", "timingCount") == 1


def test_register__before_the_first_block__is_drawn_from_epoch_zero(bare_chain: Chain) -> None:
    provider = bare_chain.accounts[0]
    registry = deploy_early(bare_chain, provider)

    register_as(bare_chain, provider)
    bare_chain.send(registry, "retire", 1, sender=provider)

    assert device_of(bare_chain, 1) == Device(provider, 0, 4, 10, 0)
    assert [is_active(bare_chain, 1, slot) for slot in (0, 3, 4)] == [True, True, False]
