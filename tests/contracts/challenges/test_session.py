from __future__ import annotations

import pytest

from tensorbond.chain.types import Session
from tests.acts import TBND, ZERO_ADDRESS, commit_as, register_as, set_operator_as, stake_as
from tests.chain import Chain, Sent
from tests.work import device_as, first_slot_of

from .slots import mine_before, window_of

pytestmark = pytest.mark.chain

COMMITMENT = bytes.fromhex("c0" * 32)
NONE = Session(0, 0, 0)


@pytest.fixture
def device(chain: Chain, provider: str, operator: str) -> int:
    """The first of three that are registered at once."""
    stake_as(chain, provider, 30 * TBND)
    set_operator_as(chain, provider, operator)
    return register_as(chain, provider, count=3)


def open_session(chain: Chain, key: str, first: int, count: int) -> Sent:
    return chain.send("Challenges", "openSession", first, count, sender=key)


def session_of(chain: Chain, key: str) -> Session:
    found: Session = chain.call("Challenges", "sessionOf", key)
    return found


def open_window(chain: Chain, device: int) -> int:
    """Mine into the window of a slot in which the device is active."""
    slot = first_slot_of(chain, device)
    mine_before(chain, window_of(chain, slot)[0])
    return slot


def test_open_session__by_the_operator__lets_it_commit_for_each(
    chain: Chain, operator: str, device: int
) -> None:
    from_epoch = chain.call("DeviceRegistry", "deviceOf", device).from_epoch
    sent = open_session(chain, operator, device, 3)

    told = {"key": operator, "first": device, "count": 3, "fromEpoch": from_epoch}
    assert [(event.name, event.args) for event in sent.events] == [("SessionOpened", told)]
    assert session_of(chain, operator) == Session(device, device + 3, from_epoch)
    slot = open_window(chain, device)
    for each in range(device, device + 3):
        committed = commit_as(chain, operator, each, slot, COMMITMENT).event("Committed")
        assert (committed["device"], committed["key"]) == (each, operator)


def test_open_session__again__takes_the_place_of_the_one_before(
    chain: Chain, operator: str, device: int
) -> None:
    open_session(chain, operator, device, 3)
    open_session(chain, operator, device + 1, 1)
    assert session_of(chain, operator).first == device + 1
    slot = open_window(chain, device)
    for each in range(device, device + 3):  # those outside are looked up
        commit_as(chain, operator, each, slot, COMMITMENT)


def test_commit__in_a_session_for_another_s_device__reverts(
    chain: Chain, operator: str, other_provider: str, device: int
) -> None:
    open_session(chain, operator, device, 3)
    other = device_as(chain, other_provider)
    slot = open_window(chain, other)
    with chain.reverts("OperatorOnly", account=operator, operator=other_provider):
        commit_as(chain, operator, other, slot, COMMITMENT)


def test_commit__in_a_session_before_the_devices_begin__reverts(
    chain: Chain, operator: str, device: int
) -> None:
    open_session(chain, operator, device, 3)
    slot = first_slot_of(chain, device) - 1
    mine_before(chain, window_of(chain, slot)[0])
    with chain.reverts("DeviceNotActive", device=device, slot=slot):
        commit_as(chain, operator, device, slot, COMMITMENT)


def test_commit__in_a_session_for_a_device_that_has_ended__counts_for_nothing(
    chain: Chain, operator: str, device: int
) -> None:
    open_session(chain, operator, device, 3)
    slot = open_window(chain, device)
    chain.send("DeviceRegistry", "suspend", device, slot, sender=chain.impersonate("WorkDisputes"))
    mine_before(chain, window_of(chain, slot + 1)[0])
    commit_as(chain, operator, device, slot + 1, COMMITMENT)
    assert not chain.call("Challenges", "isDrawn", device, slot + 1)


@pytest.mark.parametrize("named", ["stranger", None])
def test_set_operator__another_or_none__ends_the_session_at_once(
    chain: Chain, provider: str, operator: str, device: int, named: str | None, request: pytest.FixtureRequest
) -> None:
    open_session(chain, operator, device, 3)
    slot = open_window(chain, device)
    if named is None:
        sent = chain.send("ProviderStaking", "setOperator", ZERO_ADDRESS, b"", sender=provider)
    else:
        sent = set_operator_as(chain, provider, request.getfixturevalue(named))
    assert sent.event("SessionEnded") == {"key": operator}
    assert session_of(chain, operator) == NONE
    need = provider if named is None else request.getfixturevalue(named)
    with chain.reverts("OperatorOnly", account=operator, operator=need):
        commit_as(chain, operator, device, slot, COMMITMENT)


def test_set_operator__by_an_owner_with_a_session__ends_it(
    chain: Chain, other_provider: str, stranger: str
) -> None:
    device = device_as(chain, other_provider)
    open_session(chain, other_provider, device, 1)
    set_operator_as(chain, other_provider, stranger)
    assert session_of(chain, other_provider) == NONE


def test_set_operator__of_a_key_without_a_session__ends_none(
    chain: Chain, other_provider: str, stranger: str
) -> None:
    sent = set_operator_as(chain, other_provider, stranger)
    assert [event.name for event in sent.events] == ["OperatorSet"]


def test_open_session__one_of_another_provider__reverts(
    chain: Chain, operator: str, other_provider: str, device: int
) -> None:
    assert device_as(chain, other_provider) == device + 3
    with chain.reverts("OperatorOnly", account=operator, operator=other_provider):
        open_session(chain, operator, device, 4)
    assert session_of(chain, operator) == NONE


@pytest.mark.parametrize("count", [0, 65])
def test_open_session__none_or_too_many__reverts(
    chain: Chain, operator: str, device: int, count: int
) -> None:
    with chain.reverts("SessionSizeInvalid", have=count, most=64):
        open_session(chain, operator, device, count)


def test_end_session__by_anyone_else__reverts(
    chain: Chain, operator: str, provider: str, device: int
) -> None:
    open_session(chain, operator, device, 3)
    with chain.reverts("StakingOnly", account=provider):
        chain.send("Challenges", "endSession", operator, sender=provider)
