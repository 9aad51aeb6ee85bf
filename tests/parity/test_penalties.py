"""`tensorbond.chain.penalties` against `Penalties.sol` and the table of docs/protocol.md, and what the
formula promises."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorbond.chain import penalties
from tensorbond.chain.penalties import BPS, CORRELATION, WINDOW_EPOCHS, Failed, share_bps
from tests.anvil import ROOT
from tests.chain import Chain

wei = st.integers(0, 10**27)
shares = st.integers(1, BPS)
faults = st.lists(st.tuples(st.integers(0, 6 * WINDOW_EPOCHS), wei), max_size=8)


@pytest.fixture(scope="module")
def harness(bare_system: Chain) -> Chain:
    bare_system.deploy("PenaltiesHarness")
    return bare_system


def play(told: list[tuple[int, int]]) -> tuple[list[int], Failed]:
    known, met = Failed(), []
    for epoch, bond in told:
        known, failed = known.add(epoch, bond)
        met.append(failed)
    return met, known


@settings(max_examples=25, deadline=None)
@given(bps=shares, failed=wei, staked=wei, told=faults)
def test_penalties__any_faults__agree_with_solidity(
    harness: Chain, bps: int, failed: int, staked: int, told: list[tuple[int, int]]
) -> None:
    assert harness.call("PenaltiesHarness", "shareBps", bps, failed, staked) == share_bps(bps, failed, staked)
    met, known = play(told)
    answer = harness.call("PenaltiesHarness", "play", [e for e, _ in told], [b for _, b in told])
    assert [list(part) for part in answer] == [met, [known.window, known.here, known.before]]


@given(bps=shares, less=wei, more=wei, staked=wei)
def test_share_bps__more_failed__never_costs_less_and_never_more_than_all(
    bps: int, less: int, more: int, staked: int
) -> None:
    less, more = sorted((less, more))
    assert bps <= share_bps(bps, less, staked) <= share_bps(bps, more, staked) <= BPS


@given(bps=shares, failed=wei)
def test_share_bps__a_third_of_all_stake_failed__takes_all(bps: int, failed: int) -> None:
    assert share_bps(bps, 0, failed) == bps
    if failed:
        assert share_bps(bps, failed, CORRELATION * failed) == BPS


@given(told=faults)
def test_failed__any_order__is_never_more_than_what_lies_within_two_windows(
    told: list[tuple[int, int]],
) -> None:
    met, _ = play(told)
    for number, (epoch, _) in enumerate(told):
        window = epoch // WINDOW_EPOCHS
        near = [b for e, b in told[:number] if window - 1 <= e // WINDOW_EPOCHS <= window]
        assert met[number] <= sum(near)


@given(told=faults)
def test_failed__in_order__is_all_that_lies_within_two_windows(told: list[tuple[int, int]]) -> None:
    told = sorted(told)
    met, _ = play(told)
    for number, (epoch, _) in enumerate(told):
        near = [b for e, b in told[:number] if e // WINDOW_EPOCHS >= epoch // WINDOW_EPOCHS - 1]
        assert met[number] == sum(near)


def test_penalties__table_of_the_docs__has_the_constants_of_the_code() -> None:
    text = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `([A-Z_]+)` \| ([\d,]+) \|", text, flags=re.MULTILINE))
    code = (ROOT / "contracts/libraries/Penalties.sol").read_text(encoding="utf-8")
    constants = dict(re.findall(r"uint256 internal constant (\w+) = ([\d_]+);", code))
    told = {name: int(value.replace(",", "")) for name, value in table.items()}
    assert told == {name: int(value) for name, value in constants.items()}
    assert told == {name: getattr(penalties, name) for name in constants}
