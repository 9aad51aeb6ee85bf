"""What the governor does waits: scheduled in the open, made after the delay, cancelled by the guardian."""

from __future__ import annotations

import pytest

from tensorbond.chain.roles import GOVERNOR, GUARDIAN
from tests.chain import Chain, project_artifacts

from .conftest import DELAY, Operation

pytestmark = pytest.mark.chain

WEEK = 7 * 24 * 3600


def selector(contract: str, function: str) -> bytes:
    return project_artifacts()[contract].abi.function(function).selector


def test_set_fee__unscheduled__reverts(chain: Chain, set_fee: Operation) -> None:
    with chain.reverts("AccessManagerNotScheduled", operationId=set_fee.id):
        set_fee.make()
    assert chain.call("JobEscrow", "feeBps") == 100


def test_set_fee__after_the_delay__is_done_once(chain: Chain, set_fee: Operation) -> None:
    scheduled = set_fee.schedule()
    ready_at = chain.timestamp + DELAY
    assert scheduled.event("OperationScheduled") == {
        "operationId": set_fee.id,
        "nonce": 1,
        "schedule": ready_at,
        "caller": set_fee.caller,
        "target": chain.address["JobEscrow"],
        "data": set_fee.data,
    }

    chain.set_time(ready_at - 1)
    with chain.reverts("AccessManagerNotReady", operationId=set_fee.id):
        set_fee.make()
    chain.set_time(ready_at)
    sent = set_fee.make()

    assert sent.event("FeeSet") == {"feeBps": 200}
    assert sent.event("OperationExecuted") == {"operationId": set_fee.id, "nonce": 1}
    assert chain.call("JobEscrow", "feeBps") == 200
    with chain.reverts("AccessManagerNotScheduled", operationId=set_fee.id):
        set_fee.make()


def test_set_fee__through_the_manager_after_the_delay__is_done(chain: Chain, set_fee: Operation) -> None:
    set_fee.schedule()
    chain.set_time(chain.timestamp + DELAY)

    chain.send("AccessManager", "execute", chain.at("JobEscrow"), set_fee.data, sender=set_fee.caller)

    assert chain.call("JobEscrow", "feeBps") == 200


def test_set_fee__a_week_late__has_expired(chain: Chain, set_fee: Operation) -> None:
    set_fee.schedule()
    chain.set_time(chain.timestamp + DELAY + WEEK)
    with chain.reverts("AccessManagerExpired", operationId=set_fee.id):
        set_fee.make()


def test_set_fee__beyond_the_bound__is_refused_after_the_delay_too(chain: Chain, slow_governor: str) -> None:
    operation = Operation(chain, slow_governor, "JobEscrow", "setFee", (501,))
    operation.schedule()
    chain.set_time(chain.timestamp + DELAY)
    with chain.reverts("FeeTooHigh", have=501, most=500):
        operation.make()


def test_cancel__by_the_guardian__ends_it(chain: Chain, set_fee: Operation, guardian: str) -> None:
    set_fee.schedule()

    sent = set_fee.cancel(guardian)

    assert sent.event("OperationCanceled") == {"operationId": set_fee.id, "nonce": 1}
    chain.set_time(chain.timestamp + DELAY)
    with chain.reverts("AccessManagerNotScheduled", operationId=set_fee.id):
        set_fee.make()


def test_cancel__by_the_governor__ends_it(chain: Chain, set_fee: Operation) -> None:
    set_fee.schedule()
    set_fee.cancel(set_fee.caller)
    assert chain.call("AccessManager", "getSchedule", set_fee.id) == 0


def test_cancel__by_anyone_else__reverts(chain: Chain, set_fee: Operation, stranger: str) -> None:
    set_fee.schedule()
    with chain.reverts(
        "AccessManagerUnauthorizedCancel",
        msgsender=stranger,
        caller=set_fee.caller,
        target=chain.address["JobEscrow"],
        selector=selector("JobEscrow", "setFee"),
    ):
        set_fee.cancel(stranger)


@pytest.mark.parametrize("who", ["guardian", "stranger"])
def test_schedule__by_anyone_but_the_governor__reverts(
    chain: Chain, slow_governor: str, who: str, request: pytest.FixtureRequest
) -> None:
    caller = request.getfixturevalue(who)
    with chain.reverts(
        "AccessManagerUnauthorizedCall",
        caller=caller,
        target=chain.address["JobEscrow"],
        selector=selector("JobEscrow", "setFee"),
    ):
        Operation(chain, caller, "JobEscrow", "setFee", (200,)).schedule()


def test_grant_role__a_faster_governor__waits_and_can_be_cancelled(
    chain: Chain, slow_governor: str, guardian: str, stranger: str
) -> None:
    """A stolen key can't give itself, or a friend, a shorter delay behind the guardian's back."""
    for account in (slow_governor, stranger):
        grant = Operation(chain, slow_governor, "AccessManager", "grantRole", (GOVERNOR, account, 0))
        with chain.reverts("AccessManagerNotScheduled", operationId=grant.id):
            grant.make()
        grant.schedule()
        grant.cancel(guardian)
        chain.set_time(chain.timestamp + DELAY)
        with chain.reverts("AccessManagerNotScheduled", operationId=grant.id):
            grant.make()


def test_revoke_role__of_the_guardian__waits_but_the_guardian_cannot_cancel_it(
    chain: Chain, slow_governor: str, guardian: str
) -> None:
    """Else a guardian whose key was stolen would stand in the way of everything for ever."""
    dismissal = Operation(chain, slow_governor, "AccessManager", "revokeRole", (GUARDIAN, guardian))
    dismissal.schedule()
    with chain.reverts(
        "AccessManagerUnauthorizedCancel",
        msgsender=guardian,
        caller=slow_governor,
        target=chain.address["AccessManager"],
        selector=selector("AccessManager", "revokeRole"),
    ):
        dismissal.cancel(guardian)

    chain.set_time(chain.timestamp + DELAY)
    dismissal.make()

    assert chain.call("AccessManager", "hasRole", GUARDIAN, guardian) == (False, 0)
    with chain.reverts("AccessManagedUnauthorized", caller=guardian):
        chain.send("DeviceRegistry", "pause", sender=guardian)
