"""Verbs where not the caller counts but what it holds, has signed, or is called through."""

from __future__ import annotations

import pytest

from tensorbond.chain import digests
from tensorbond.chain.roles import GUARDIAN
from tests.acts import domain
from tests.chain import Chain, project_artifacts

from ..permits import send_permit, sign_permit
from .callers import ORACLES, actors, refusal
from .conftest import DELAY, Operation

pytestmark = pytest.mark.chain

_ASKED = "isConsumingScheduledOp"


def test_consume_scheduled_op__by_whom_nothing_was_called_through__is_refused(
    chain: Chain, set_fee: Operation
) -> None:
    """Only the contract that the scheduled call is of, while it is called."""
    set_fee.schedule()
    chain.set_time(chain.timestamp + DELAY)
    chain.mine()
    for name, account in actors(chain).items():
        found = refusal(
            chain, "AccessManager", "consumeScheduledOp", set_fee.caller, set_fee.data, sender=account
        )
        # Whoever can't even be asked is refused without a reason.
        is_managed = name in project_artifacts() and _ASKED in project_artifacts()[name].abi.functions
        assert found == (
            ("AccessManagerUnauthorizedConsume", {"target": account}) if is_managed else ("", {})
        ), name
    assert chain.call("AccessManager", "getSchedule", set_fee.id) != 0
    assert set_fee.make().event("OperationExecuted") == {"operationId": set_fee.id, "nonce": 1}


def test_renounce_role__for_another__is_refused(chain: Chain, guardian: str) -> None:
    for name, account in actors(chain).items():
        found = refusal(chain, "AccessManager", "renounceRole", GUARDIAN, guardian, sender=account)
        assert found == (None if account == guardian else ("AccessManagerBadConfirmation", {})), name
    assert chain.call("AccessManager", "hasRole", GUARDIAN, guardian) == (True, 0)
    chain.send("AccessManager", "renounceRole", GUARDIAN, guardian, sender=guardian)
    assert chain.call("AccessManager", "hasRole", GUARDIAN, guardian) == (False, 0)


def test_tokens__of_another__stay(chain: Chain, treasury: str, stranger: str, auditor: str) -> None:
    """Whoever sends or burns does so with its own; whoever was not approved takes nothing."""
    all_of_it = chain.balance("TensorbondToken", treasury)
    chain.send("TensorbondToken", "approve", stranger, all_of_it, sender=treasury)
    for name, account in actors(chain).items():
        balance = chain.balance("TensorbondToken", account)
        short = "ERC20InsufficientBalance", {"sender": account, "balance": balance, "needed": all_of_it}
        barred = "ERC20InsufficientAllowance", {"spender": account, "allowance": 0, "needed": all_of_it}
        for verb, args, may, need in (
            ("burn", (all_of_it,), treasury, short),
            ("transfer", (auditor, all_of_it), treasury, short),
            ("transferFrom", (treasury, auditor, all_of_it), stranger, barred),
        ):
            found = refusal(chain, "TensorbondToken", verb, *args, sender=account)
            assert found == (None if account == may else need), f"{verb} as {name}"
    chain.send("TensorbondToken", "transferFrom", treasury, auditor, all_of_it, sender=stranger)
    chain.send("TensorbondToken", "transfer", stranger, all_of_it, sender=auditor)
    chain.send("TensorbondToken", "burn", all_of_it, sender=stranger)
    assert [chain.balance("TensorbondToken", each) for each in (treasury, auditor, stranger)] == [0, 0, 0]


def test_permit__signed_by_another__is_refused(chain: Chain, provider: str, stranger: str) -> None:
    for name, account in _people(chain).items():
        permit = sign_permit(chain, provider, stranger, 5, signer=account)
        args = (provider, stranger, 5, permit.deadline, permit.v, permit.r, permit.s)
        found = refusal(chain, "TensorbondToken", "permit", *args, sender=account)
        refused = "ERC2612InvalidSigner", {"signer": account, "owner": provider}
        assert found == (None if account == provider else refused), name
    assert chain.call("TensorbondToken", "allowance", provider, stranger) == 0
    send_permit(chain, sign_permit(chain, provider, stranger, 5), sender=stranger)
    assert chain.call("TensorbondToken", "allowance", provider, stranger) == 5


def test_set_operator__with_a_consent_to_another__is_refused(
    chain: Chain, provider: str, operator: str
) -> None:
    where = domain(chain, "ProviderStaking")
    consent = digests.operator(where, provider, operator, 0).sign(chain.key(operator))
    for name, account in actors(chain).items():
        # Read as a consent to the sender, it is somebody's who never was.
        recovered = digests.operator(where, account, operator, 0).signer(consent)
        found = refusal(chain, "ProviderStaking", "setOperator", operator, consent, sender=account)
        refused = "OperatorSignatureInvalid", {"operator": operator, "recovered": recovered}
        assert found == (None if account == provider else refused), name
    assert chain.call("ProviderStaking", "operatorOf", provider) == provider
    chain.send("ProviderStaking", "setOperator", operator, consent, sender=provider)
    assert chain.call("ProviderStaking", "operatorOf", provider) == operator


def _people(chain: Chain) -> dict[str, str]:
    """Those with a key."""
    return {name: each for name, each in actors(chain).items() if each in chain.accounts or name in ORACLES}
