"""Whoever stole an operator key opens a session with it, which spares the look at registry and staking, and
goes on committing rubbish, and signing it, after the owner has named another key. The session must end with
the key."""

from __future__ import annotations

import pytest

from tests.acts import commit_as, mine_to_slot, set_operator_as
from tests.chain import Chain
from tests.work import device_as, first_slot_of

pytestmark = pytest.mark.chain


def test_revoked_key__with_a_session__commits_no_more(
    chain: Chain, provider: str, operator: str, stranger: str
) -> None:
    device = device_as(chain, provider)
    set_operator_as(chain, provider, operator)
    chain.send("Challenges", "openSession", device, 1, sender=operator)
    slot = first_slot_of(chain, device)
    mine_to_slot(chain, slot)
    set_operator_as(chain, provider, stranger)

    with chain.reverts("OperatorOnly", account=operator, operator=stranger):
        commit_as(chain, operator, device, slot, b"\x66" * 32)
    with chain.reverts("OperatorOnly", account=operator, operator=stranger):
        chain.send("Challenges", "openSession", device, 1, sender=operator)
    commit_as(chain, stranger, device, slot, b"\x77" * 32)
