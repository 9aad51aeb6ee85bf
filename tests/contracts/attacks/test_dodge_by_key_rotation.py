"""A provider names another operator, or itself, once it has committed to rubbish, and says that the key was
not its own. Who committed answers for it: the record binds the key, and the bond is the provider's."""

from __future__ import annotations

import pytest

from tests.acts import set_operator_as
from tests.chain import Chain
from tests.contracts.provider_staking.staking import moving
from tests.contracts.work_disputes.liars import LyingProver, wrong_seed
from tests.work import BOND, commit_work, device_as, open_link, sign_evidence

pytestmark = pytest.mark.chain

SHARE = BOND * 3_000 // 10_000
SLASHED = {
    "total": -SHARE,
    "held": -SHARE,
    "supply": SHARE // 4 - SHARE,
    "provider_active": -SHARE,
    "provider_locked": -SHARE,
    "stranger_balance": SHARE // 4,
}


def test_dodge__operator_replaced_after_the_commitment__pays_all_the_same(
    chain: Chain, provider: str, operator: str, requester: str, stranger: str
) -> None:
    device = device_as(chain, provider)
    set_operator_as(chain, provider, operator)
    work = commit_work(chain, operator, device, prover=LyingProver(wrong_seed(2)))
    set_operator_as(chain, provider, requester)

    with moving(chain, **SLASHED):
        chain.send("WorkDisputes", "proveBadLink", work.commit, open_link(work, 2), sender=stranger)


def test_dodge__evidence_signed_by_the_key_named_since__is_not_the_committing_key_s(
    chain: Chain, provider: str, operator: str, requester: str, stranger: str
) -> None:
    """Nor can a new key be used to frame the old commitment."""
    device = device_as(chain, provider)
    set_operator_as(chain, provider, operator)
    work = commit_work(chain, operator, device)
    set_operator_as(chain, provider, requester)
    roots = [b"\x44" * 32, b"\x55" * 32]
    signatures = [sign_evidence(chain, requester, work.proof.commitment, root) for root in roots]
    with (
        moving(chain),
        chain.reverts("EvidenceSignerMismatch", have=requester, need=operator),
    ):
        chain.send("WorkDisputes", "proveTwoEvidences", work.commit, roots, signatures, sender=stranger)
