from __future__ import annotations

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from tensorbond.chain import digests
from tensorbond.chain.types import SlashReason
from tensorbond.proof import evidence_root
from tests.acts import domain, set_operator_as
from tests.chain import Chain
from tests.work import Work, commit_work, open_work, sign_evidence

from .faults import assert_pays, prove
from .liars import flipped

pytestmark = pytest.mark.chain


def roots_of(work: Work) -> list[bytes]:
    assert work.evidence is not None
    root = evidence_root(work.evidence)
    return [root, flipped(root)]


def sign_all(chain: Chain, work: Work, roots: list[bytes], signer: str | None = None) -> list[bytes]:
    return [sign_evidence(chain, signer or work.key, work.proof.commitment, root) for root in roots]


def test_prove_two_evidences__of_one_commitment__slashes(chain: Chain, stranger: str, honest: Work) -> None:
    roots = roots_of(honest)
    assert_pays(
        chain,
        honest,
        "proveTwoEvidences",
        honest.commit,
        roots,
        sign_all(chain, honest, roots),
        sender=stranger,
        reason=SlashReason.TWO_EVIDENCES,
        evidence=keccak(b"".join(roots)),
    )


def test_prove_two_evidences__one_and_the_same__reverts(chain: Chain, stranger: str, honest: Work) -> None:
    root = roots_of(honest)[0]
    signatures = sign_all(chain, honest, [root, root])
    with chain.reverts("RootsEqual", root=root):
        prove(chain, "proveTwoEvidences", honest.commit, [root, root], signatures, sender=stranger)


@pytest.mark.parametrize("forged", [0, 1])
def test_prove_two_evidences__one_by_another_key__reverts(
    chain: Chain, stranger: str, auditor: str, honest: Work, forged: int
) -> None:
    roots = roots_of(honest)
    signatures = sign_all(chain, honest, roots)
    signatures[forged] = sign_all(chain, honest, roots, auditor)[forged]
    with chain.reverts("EvidenceSignerMismatch", have=auditor, need=honest.key):
        prove(chain, "proveTwoEvidences", honest.commit, roots, signatures, sender=stranger)


def test_prove_two_evidences__one_for_another_commitment__reverts(
    chain: Chain, provider: str, stranger: str, honest: Work
) -> None:
    later = open_work(chain, commit_work(chain, provider, honest.device, honest.slot + 2))
    roots = [roots_of(honest)[0], roots_of(later)[0]]
    signatures = [sign_all(chain, work, [root])[0] for work, root in zip((honest, later), roots, strict=True)]
    for work, other in ((honest, 1), (later, 0)):
        signable = digests.evidence(domain(chain, "Challenges"), work.proof.commitment, roots[other])
        signer = signable.signer(signatures[other])
        with chain.reverts("EvidenceSignerMismatch", have=signer, need=work.key):
            prove(chain, "proveTwoEvidences", work.commit, roots, signatures, sender=stranger)


def test_prove_two_evidences__one_by_the_operator_named_since__reverts(
    chain: Chain, provider: str, operator: str, stranger: str, honest: Work
) -> None:
    set_operator_as(chain, provider, operator)
    roots = roots_of(honest)
    signatures = [sign_all(chain, honest, roots)[0], sign_all(chain, honest, roots, operator)[1]]
    with chain.reverts("EvidenceSignerMismatch", have=operator, need=provider):
        prove(chain, "proveTwoEvidences", honest.commit, roots, signatures, sender=stranger)


def test_prove_two_evidences__parts_of_another_record__reverts(
    chain: Chain, stranger: str, auditor: str, honest: Work
) -> None:
    roots = roots_of(honest)
    with chain.reverts("RecordMismatch", device=honest.device, slot=honest.slot):
        prove(
            chain,
            "proveTwoEvidences",
            replace(honest.commit, key=auditor),
            roots,
            sign_all(chain, honest, roots, auditor),
            sender=stranger,
        )


def test_prove_two_evidences__by_the_committing_key__reverts(
    chain: Chain, provider: str, operator: str, device: int
) -> None:
    set_operator_as(chain, provider, operator)
    work = open_work(chain, commit_work(chain, operator, device))
    set_operator_as(chain, provider, chain.accounts[18])
    roots = roots_of(work)
    with chain.reverts("ChallengerIsAccused", challenger=operator):
        prove(chain, "proveTwoEvidences", work.commit, roots, sign_all(chain, work, roots), sender=operator)
