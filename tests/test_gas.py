"""A change of what a verb costs shows in tests/gas.json, or fails here."""

from __future__ import annotations

import json

import pytest

from scripts import gas


@pytest.mark.chain
@pytest.mark.slow
def test_gas__every_verb__is_within_two_percent_of_what_is_kept() -> None:
    have = gas.measure()
    assert gas.differences(have, json.loads(gas.KEPT.read_text())) == []
    assert gas.too_large(have) == []


def test_targets__every_one__is_measured() -> None:
    assert gas.TARGETS.keys() <= json.loads(gas.KEPT.read_text()).keys()


@pytest.mark.parametrize(("have", "complaints"), [(102, 0), (98, 0), (103, 1), (97, 1)])
def test_differences__more_than_two_percent__are_told(have: int, complaints: int) -> None:
    assert len(gas.differences({"a": have}, {"a": 100})) == complaints


def test_differences__another_set_of_keys__is_told() -> None:
    assert gas.differences({"new": 1}, {"old": 1}) == ["new: not in gas.json", "old: no longer measured"]


def test_too_large__less_than_a_twentieth_of_a_transaction_left__is_told() -> None:
    assert gas.too_large({"fits": 15_938_355, "no": 15_938_356}) == [
        "no: 15,938,356 gas, the most is 15,938,355"
    ]


def test_table__over_a_must__says_so() -> None:
    told = gas.table({"JobEscrow.submit": 36_001, "Challenges.commit": 49_001, "more": 5})
    assert [line.split()[-1] for line in told.splitlines()[1:]] == ["MUST", "aim", "5"]


def test_table__a_share_of_an_attestation__is_told_by_itself() -> None:
    told = gas.table({gas.ATTEST: 150_999})
    assert told.splitlines()[-1].split()[-6:] == ["150", "100", "150", "over", "the", "aim"]
