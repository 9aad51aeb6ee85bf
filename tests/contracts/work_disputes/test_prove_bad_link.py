from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import Link, SlashReason
from tensorbond.proof import commitment_of, merkle, round_leaf
from tests.chain import Chain
from tests.system import role
from tests.work import NOTHING, Work, commit_work, device_as, open_link, open_round

from .faults import assert_pays, prove
from .liars import LyingProver, flipped, wrong_final_seed, wrong_padding, wrong_root, wrong_seed

pytestmark = pytest.mark.chain


def three_rounds(chain: Chain) -> int:
    """A class of three rounds: its tree of rounds has one padding leaf."""
    terms = replace(chain.call("DeviceRegistry", "classOf", 0), r=3)
    sent = chain.send("DeviceRegistry", "addClass", terms, sender=role(chain, "governor"))
    return int(sent.event("ClassAdded")["classId"])


def assert_good(chain: Chain, work: Work, link: Link, sender: str) -> None:
    with chain.reverts("LinkGood", index=link.index):
        chain.call("WorkDisputes", "proveBadLink", work.commit, link, sender=sender)


def assert_unbound(chain: Chain, work: Work, link: Link, bound: bytes, sender: str) -> None:
    with chain.reverts("CommitmentMismatch", have=bound, need=work.proof.commitment):
        chain.call("WorkDisputes", "proveBadLink", work.commit, link, sender=sender)


CHANGES = {
    "first seed": (wrong_seed(0), [0, 1]),
    "middle seed": (wrong_seed(2), [2, 3]),
    "last seed": (wrong_seed(3), [3, 4]),
    "root": (wrong_root(1), [2]),
    "last root": (wrong_root(3), [4]),
    "final seed": (wrong_final_seed, [4]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_prove_bad_link__wrong__slashes_at_just_those_links(
    chain: Chain, provider: str, stranger: str, device: int, change: str
) -> None:
    lie, bad = CHANGES[change]
    work = commit_work(chain, provider, device, prover=LyingProver(lie))
    for index in set(range(work.shape.R + 1)) - set(bad):
        assert_good(chain, work, open_link(work, index), stranger)
    for index in bad[1:]:
        assert chain.call(
            "WorkDisputes", "proveBadLink", work.commit, open_link(work, index), sender=stranger
        )
    assert_pays(
        chain,
        work,
        "proveBadLink",
        work.commit,
        open_link(work, bad[0]),
        sender=stranger,
        reason=SlashReason.BAD_LINK,
        evidence=work.proof.commitment,
    )


def test_prove_bad_link__padding_that_is_not_zero__slashes(
    chain: Chain, provider: str, stranger: str
) -> None:
    device = device_as(chain, provider, three_rounds(chain))
    work = commit_work(chain, provider, device, prover=LyingProver(wrong_padding))
    assert_pays(
        chain,
        work,
        "proveBadLink",
        work.commit,
        open_link(work, 4),
        sender=stranger,
        reason=SlashReason.BAD_LINK,
        evidence=work.proof.commitment,
    )


@pytest.mark.parametrize("class_id", [0, 1, 2, 3])
def test_prove_bad_link__every_good_link__reverts(
    chain: Chain, provider: str, stranger: str, class_id: int
) -> None:
    """Classes of four, two, one and three rounds."""
    assert three_rounds(chain) == 3
    work = commit_work(chain, provider, device_as(chain, provider, class_id))
    for index in range((1 << work.shape.round_depth) + 1):
        assert_good(chain, work, open_link(work, index), stranger)


@pytest.mark.parametrize("index", [5, 6, 2**255])
def test_prove_bad_link__beyond_the_tree__reverts(
    chain: Chain, provider: str, stranger: str, device: int, index: int
) -> None:
    work = commit_work(chain, provider, device)
    with chain.reverts("LinkOutOfRange", index=index, most=4):
        prove(chain, "proveBadLink", work.commit, replace(open_link(work, 4), index=index), sender=stranger)


def test_prove_bad_link__round_posing_as_padding__reverts(chain: Chain, provider: str, stranger: str) -> None:
    work = commit_work(chain, provider, device_as(chain, provider, three_rounds(chain)))
    last = open_round(work, 2)
    leaf = round_leaf(last.seed, last.root)
    bound = commitment_of(work.proof.final_seed, merkle.fold(leaf, 3, last.path, 2))
    link = Link(4, work.proof.final_seed, NOTHING, replace(last, root=leaf))
    assert_unbound(chain, work, link, bound, stranger)


def test_prove_bad_link__rounds_at_other_places__reverts(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    work = commit_work(chain, provider, device)
    for index, before, here in ((1, 1, 1), (1, 0, 2), (2, 0, 2), (0, 0, 1)):
        link = Link(
            index,
            work.proof.final_seed,
            open_round(work, before) if index else NOTHING,
            open_round(work, here),
        )
        place = index - 1 if index and before != index - 1 else index
        moved = open_round(work, before if place != index else here)
        root = merkle.fold(round_leaf(moved.seed, moved.root), place, moved.path, 2)
        assert_unbound(chain, work, link, commitment_of(work.proof.final_seed, root), stranger)


def test_prove_bad_link__inner_node_as_a_round__reverts(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    work = commit_work(chain, provider, device)
    leaves = work.proof.round_leaves
    # The first two leaves hash to the node above them, which is the "leaf" of a round (leaf 0, leaf 1) ...
    posing = replace(open_round(work, 0), seed=leaves[0], root=leaves[1], path=open_round(work, 0).path[1:])
    with chain.reverts("RoundPathMalformed", have=1, need=2):
        # ... but lies one level too high.
        prove(
            chain,
            "proveBadLink",
            work.commit,
            Link(0, work.proof.final_seed, NOTHING, posing),
            sender=stranger,
        )


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_prove_bad_link__path_of_another_depth__reverts(
    chain: Chain, provider: str, stranger: str, device: int, depth: int
) -> None:
    work = commit_work(chain, provider, device)
    for part in ("before", "here"):
        link = open_link(work, 2)
        opened = getattr(link, part)
        link = replace(link, **{part: replace(opened, path=(*opened.path, bytes(32))[:depth])})
        with chain.reverts("RoundPathMalformed", have=depth, need=2):
            prove(chain, "proveBadLink", work.commit, link, sender=stranger)


def test_prove_bad_link__seeds_and_roots_that_were_not_committed__reverts(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    work = commit_work(chain, provider, device)
    final_seed = work.proof.final_seed
    for part, place in (("before", 1), ("here", 2)):
        for word in ("seed", "root"):
            link = open_link(work, 2)
            opened = getattr(link, part)
            opened = replace(opened, **{word: flipped(getattr(opened, word))})
            root = merkle.fold(round_leaf(opened.seed, opened.root), place, opened.path, 2)
            bound = commitment_of(final_seed, root)
            assert_unbound(chain, work, replace(link, **{part: opened}), bound, stranger)
    forged = flipped(final_seed)
    bound = commitment_of(forged, work.proof.rounds_root)
    for index in range(5):
        assert_unbound(chain, work, replace(open_link(work, index), final_seed=forged), bound, stranger)


def test_prove_bad_link__parts_of_another_record__reverts(
    chain: Chain, provider: str, stranger: str, auditor: str, device: int
) -> None:
    work = commit_work(chain, provider, device, prover=LyingProver(wrong_final_seed))
    with chain.reverts("RecordMismatch", device=device, slot=work.slot):
        prove(
            chain,
            "proveBadLink",
            replace(work.commit, key=auditor),
            open_link(work, 4),
            sender=stranger,
        )


def test_prove_bad_link__by_the_provider__reverts(chain: Chain, provider: str, device: int) -> None:
    work = commit_work(chain, provider, device, prover=LyingProver(wrong_final_seed))
    with chain.reverts("ChallengerIsAccused", challenger=provider):
        prove(chain, "proveBadLink", work.commit, open_link(work, 4), sender=provider)
