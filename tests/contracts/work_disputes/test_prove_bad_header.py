from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain import digests
from tensorbond.chain.types import SlashReason
from tensorbond.proof import evidence_root, item_leaf
from tests.acts import domain, set_operator_as
from tests.chain import Chain
from tests.work import Work, commit_work, evidence_path, header_of, open_work, show_header, sign_evidence

from .faults import assert_pays, prove
from .liars import LyingProver, flipped, wrong_final_seed, wrong_root, wrong_seed

pytestmark = pytest.mark.chain


def root_with(work: Work, header: bytes) -> bytes:
    assert work.evidence is not None
    leaves = [item_leaf(i, item) for i, item in enumerate(work.evidence.items)]
    return evidence_path([*leaves, item_leaf(len(leaves), header)], 0)[1]


@pytest.mark.parametrize(
    "change",
    [
        lambda header: b"",
        lambda header: header[:-1],
        lambda header: header + b"\0",
        lambda header: header[32:],
        lambda header: flipped(header),
        lambda header: header[:-32] + flipped(header[-32:]),
        lambda header: header[32:64] + header[:32] + header[64:],
    ],
    ids=["empty", "short", "long", "a root less", "a root", "final seed", "roots swapped"],
)
def test_prove_bad_header__not_the_commitments__slashes(
    chain: Chain, stranger: str, honest: Work, change
) -> None:
    header = change(header_of(honest))
    opening, signature = show_header(chain, honest, header)
    assert_pays(
        chain,
        honest,
        "proveBadHeader",
        honest.commit,
        opening,
        signature,
        sender=stranger,
        reason=SlashReason.BAD_HEADER,
        evidence=root_with(honest, header),
    )


@pytest.mark.parametrize("change", [wrong_seed(0), wrong_seed(2), wrong_root(1), wrong_final_seed])
def test_prove_bad_header__commitment_to_a_broken_chain__slashes(
    chain: Chain, provider: str, stranger: str, device: int, change
) -> None:
    work = open_work(chain, commit_work(chain, provider, device, prover=LyingProver(change)))
    sent = prove(chain, "proveBadHeader", work.commit, *show_header(chain, work), sender=stranger)
    assert sent.event("FaultProven")["reason"] == SlashReason.BAD_HEADER


def test_prove_bad_header__good__reverts(chain: Chain, stranger: str, honest: Work) -> None:
    assert honest.evidence is not None
    opening, signature = show_header(chain, honest)
    assert root_with(honest, opening.header) == evidence_root(honest.evidence)
    with chain.reverts("HeaderGood"):
        prove(chain, "proveBadHeader", honest.commit, opening, signature, sender=stranger)


def test_prove_bad_header__bytes_that_nobody_signed__reverts(
    chain: Chain, stranger: str, honest: Work
) -> None:
    opening, signature = show_header(chain, honest)
    for header in (b"", opening.header[:-1], opening.header + b"\0", flipped(opening.header)):
        signable = digests.evidence(
            domain(chain, "Challenges"), honest.proof.commitment, root_with(honest, header)
        )
        with chain.reverts("EvidenceSignerMismatch", have=signable.signer(signature), need=honest.key):
            prove(
                chain,
                "proveBadHeader",
                honest.commit,
                replace(opening, header=header),
                signature,
                sender=stranger,
            )


@pytest.mark.parametrize("depth", [0, 4, 6])
def test_prove_bad_header__path_of_another_depth__reverts(
    chain: Chain, stranger: str, honest: Work, depth: int
) -> None:
    opening, signature = show_header(chain, honest)
    shown = replace(opening, path=(*opening.path, bytes(32))[:depth])
    with chain.reverts("EvidencePathMalformed", have=depth, need=5):
        prove(chain, "proveBadHeader", honest.commit, shown, signature, sender=stranger)


def test_prove_bad_header__signed_for_another_commitment__reverts(
    chain: Chain, stranger: str, honest: Work
) -> None:
    header = b"bad"
    opening, _ = show_header(chain, honest, header)
    root = root_with(honest, header)
    signature = sign_evidence(chain, honest.key, bytes(32), root)
    signable = digests.evidence(domain(chain, "Challenges"), honest.proof.commitment, root)
    with chain.reverts("EvidenceSignerMismatch", have=signable.signer(signature), need=honest.key):
        prove(chain, "proveBadHeader", honest.commit, opening, signature, sender=stranger)


def test_prove_bad_header__parts_of_another_record__reverts(
    chain: Chain, stranger: str, auditor: str, honest: Work
) -> None:
    opening, signature = show_header(chain, honest, b"bad")
    for changes in ({"key": auditor}, {"timestamp": honest.timestamp + 1}, {"commitment": bytes(32)}):
        with chain.reverts("RecordMismatch", device=honest.device, slot=honest.slot):
            commit = replace(honest.commit, **changes)
            prove(chain, "proveBadHeader", commit, opening, signature, sender=stranger)
    with chain.reverts("RecordMissing", device=honest.device, slot=honest.slot + 1):
        commit = replace(honest.commit, slot=honest.slot + 1)
        prove(chain, "proveBadHeader", commit, opening, signature, sender=stranger)


@pytest.mark.parametrize("sender", ["provider", "operator"])
def test_prove_bad_header__by_the_accused__reverts(
    chain: Chain, provider: str, operator: str, device: int, sender: str
) -> None:
    set_operator_as(chain, provider, operator)
    work = open_work(chain, commit_work(chain, operator, device))
    account = provider if sender == "provider" else operator
    with chain.reverts("ChallengerIsAccused", challenger=account):
        prove(chain, "proveBadHeader", work.commit, *show_header(chain, work, b"bad"), sender=account)


def test_prove_bad_header__key_rotated_since__slashes_the_provider(
    chain: Chain, provider: str, operator: str, stranger: str, device: int
) -> None:
    set_operator_as(chain, provider, operator)
    work = open_work(chain, commit_work(chain, operator, device))
    set_operator_as(chain, provider, chain.accounts[18])
    sent = prove(chain, "proveBadHeader", work.commit, *show_header(chain, work, b"bad"), sender=stranger)
    assert sent.event("StakeSlashed")["provider"] == provider
