"""No dispute is won against an honest prover: whatever is shown of its work, changed in any way, the chain
refuses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorbond.chain.types import ItemOpening, Link, RoundOpening
from tensorbond.proof import encode_item, evidence_root, merkle, parse_item
from tests.chain import Chain, Reverted
from tests.system import role
from tests.work import (
    NOTHING,
    Work,
    item_opening,
    open_item,
    open_link,
    open_round,
    open_tile,
    show_header,
    show_item,
    sign_evidence,
)

from ..work_disputes.mix import second_preimage
from .conftest import CLASSES

pytestmark = pytest.mark.chain

whole = st.integers(0, 2**256 - 1)
Draw = Callable[[st.SearchStrategy[Any]], Any]


def change(draw: Draw, value: Any) -> Any:
    """The value with one thing about it changed; calldata of the same types."""
    if is_dataclass(value) and not isinstance(value, type):
        name = draw(st.sampled_from([each.name for each in fields(value)]))
        return replace(value, **{name: change(draw, getattr(value, name))})
    if isinstance(value, int):
        return draw(st.sampled_from([0, 1, value ^ 1, value + 1, abs(value - 1)]) | whole)
    if isinstance(value, str):
        return "0x" + draw(st.binary(min_size=20, max_size=20)).hex()
    if isinstance(value, bytes):
        return _change_bytes(draw, value)
    return _change_path(draw, value)


def _change_bytes(draw: Draw, value: bytes) -> bytes:
    """A word stays a word."""
    how = draw(st.sampled_from(["flip"] if len(value) == 32 else ["flip", "cut", "extend", "swap"]))
    if how == "extend" or not value:
        return value + draw(st.binary(min_size=1, max_size=33))
    at = draw(st.integers(0, len(value) - 1))
    if how == "cut":
        return value[:at]
    if how == "swap":
        return value[at:] + value[:at]
    return value[:at] + bytes([value[at] ^ draw(st.integers(1, 255))]) + value[at + 1 :]


def _change_path(draw: Draw, value: tuple[Any, ...] | list[Any]) -> tuple[Any, ...]:
    nodes = list(value)
    how = draw(st.sampled_from(["change", "drop", "double", "swap"])) if nodes else "extend"
    at = draw(st.integers(0, len(nodes) - 1)) if nodes else 0
    if how == "extend":
        nodes.append(draw(st.binary(min_size=32, max_size=32)))
    elif how == "change":
        nodes[at] = change(draw, nodes[at])
    elif how == "drop":
        del nodes[at]
    elif how == "double":
        nodes.insert(at, nodes[at])
    else:
        nodes[0], nodes[at] = nodes[at], nodes[0]
    return tuple(nodes)


def bad_item(chain: Chain, work: Work, draw: Draw) -> tuple[Any, ...]:
    entry, q = st.integers(0, 15), work.shape.q
    proof = show_item(chain, work, draw(st.integers(0, q - 1)), draw(entry), draw(entry))
    return (proof,)


def bad_header(chain: Chain, work: Work, draw: Draw) -> tuple[Any, ...]:
    return (work.commit, *show_header(chain, work))


def bad_link(chain: Chain, work: Work, draw: Draw) -> tuple[Any, ...]:
    leaves = 1 << work.shape.round_depth
    if draw(st.booleans()):
        return work.commit, open_link(work, draw(st.integers(0, leaves)))
    # Any two rounds, or padding, as if they were the ones in question.
    shown = st.sampled_from([NOTHING, *(open_round(work, index) for index in range(leaves))])
    return work.commit, Link(draw(st.integers(0, leaves)), work.proof.final_seed, draw(shown), draw(shown))


def bad_lane(chain: Chain, work: Work, draw: Draw) -> tuple[Any, ...]:
    place = draw(st.integers(0, work.shape.R - 1)), draw(st.integers(0, work.shape.tiles - 1))
    return work.commit, *place, draw(st.integers(0, 7)), open_tile(work, *place)


def two_evidences(chain: Chain, work: Work, draw: Draw) -> tuple[Any, ...]:
    assert work.evidence is not None
    root = evidence_root(work.evidence)
    signature = sign_evidence(chain, work.key, work.proof.commitment, root)
    return work.commit, (root, root), (signature, signature)


VERBS = {
    "proveBadItem": bad_item,
    "proveBadHeader": bad_header,
    "proveBadLink": bad_link,
    "proveBadLane": bad_lane,
    "proveTwoEvidences": two_evidences,
}


@pytest.mark.parametrize("verb", VERBS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_no_dispute__against_honest_work__is_won(
    system: Chain, works: list[Work], verb: str, data: st.DataObject
) -> None:
    args: Any = VERBS[verb](system, data.draw(st.sampled_from(works)), data.draw)
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(args) - 1))
        before = args[at]
        after = change(data.draw, before)
        # Two stay two.
        if isinstance(before, tuple) and len(after) != 2:
            continue
        args = (*args[:at], after, *args[at + 1 :])
    with pytest.raises(Reverted) as caught:
        system.call("WorkDisputes", verb, *args, sender=role(system, "stranger"))
    assert caught.value.error not in ("", "Error", "Panic"), str(caught.value)


@pytest.mark.parametrize("index", range(len(CLASSES)))
def test_every_item__of_honest_work__is_good_and_not_bad(
    system: Chain, works: list[Work], index: int
) -> None:
    work = works[index]
    assert work.evidence is not None
    root = evidence_root(work.evidence)
    for sample in range(0, work.shape.q, 5):
        place = (work.device, work.slot, work.proof.commitment)
        opening = item_opening(show_item(system, work, sample))
        assert list(system.call("ComputeProofs", "isGoodItem", *place, opening)) == [True, root]
        for entry in ((0, 0), (15, sample % 16)):
            assert list(system.call("ComputeProofs", "isBadItem", *place, opening, *entry)) == [False, root]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_is_good_item__of_anything_but_the_item__is_false(
    system: Chain, works: list[Work], data: st.DataObject
) -> None:
    """Nor does it take a second preimage of MIX, or a true tile that wasn't asked for."""
    work = data.draw(st.sampled_from(works))
    assert work.evidence is not None
    index = data.draw(st.integers(0, work.shape.q - 1))
    opening = item_opening(show_item(system, work, index))
    item = parse_item(work.shape, opening.item)
    how = data.draw(st.sampled_from(["changed", "second preimage", "another tile"]))
    if how == "changed":
        shown = _change_bytes(data.draw, opening.item)
    elif how == "second preimage":
        shown = encode_item(work.shape, replace(item, entries=second_preimage(item.entries)))
    else:
        shown = open_item(work, item.round, (item.tile + 1) % work.shape.tiles)
    if shown == opening.item:
        return
    good, root = system.call(
        "ComputeProofs",
        "isGoodItem",
        work.device,
        work.slot,
        work.proof.commitment,
        replace(opening, item=shown),
    )
    assert not good
    assert root != evidence_root(work.evidence)


def test_is_bad_link__inner_nodes_as_rounds__are_refused(system: Chain, works: list[Work]) -> None:
    work = works[0]
    leaves = work.proof.round_leaves
    path = open_round(work, 0).path
    posing = RoundOpening(leaves[0], leaves[1], path[1:])
    assert merkle.fold(merkle.join(leaves[0], leaves[1]), 0, path[1:], 1) == work.proof.rounds_root
    with system.reverts("RoundPathMalformed", have=1, need=2):
        system.call(
            "ComputeProofs",
            "isBadLink",
            work.device,
            work.slot,
            work.proof.commitment,
            Link(0, work.proof.final_seed, NOTHING, posing),
        )


def test_is_good_item__roots_of_another_commitment__reverts(system: Chain, works: list[Work]) -> None:
    work, other = works[0], works[1]
    opening: ItemOpening = item_opening(show_item(system, work))
    with system.reverts("CommitmentMismatch", have=work.proof.commitment, need=other.proof.commitment):
        system.call("ComputeProofs", "isGoodItem", other.device, other.slot, other.proof.commitment, opening)


def test_judge__slot_not_sealed__reverts(system: Chain, works: list[Work]) -> None:
    work = works[0]
    later = works[-1].slot + 2
    with system.reverts("SlotNotSealed", slot=later):
        system.call(
            "ComputeProofs",
            "isBadLink",
            work.device,
            later,
            work.proof.commitment,
            open_link(work, 0),
        )
