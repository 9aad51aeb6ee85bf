"""A change of what a verb costs shows in tests/gas.json, or fails here."""

from __future__ import annotations

import json

import pytest

from scripts import gas
from tests.forge.verbs import verbs
from tests.gas import MOST_ROWS


@pytest.mark.chain
@pytest.mark.slow
def test_gas__every_verb__is_within_two_percent_of_what_is_kept() -> None:
    """But with a leaf of the longest epoch, which takes long: `make gas`."""
    have = gas.measure(longest=False)
    kept = json.loads(gas.KEPT.read_text())
    short = {key: cost for key, cost in kept.items() if f":rows-{MOST_ROWS}" not in key}
    assert len(short) == len(kept) - 3
    assert gas.differences(have, short) == []
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


# Verbs whose key has another name.
MEASURED_AS = {
    "JobEscrow.approvePart": "JobEscrow.settle:part-of-10",
    "LeaseEscrow.openFor": "LeaseEscrow.open:for-the-order-book",
    "OrderBook.matchJobs": "JobEscrow.match",
    "ProviderStaking.delegate": "ProviderStaking.stake:delegate",
}
_BY_GOVERNOR = "for the governor or the guardian alone, at no stated time"
_BY_PEERS = "for a peer alone, as part of its own verb, which is measured"
_IN_MULTICALL = "sent within `multicall`, which is measured"
UNMEASURED = {
    "setAuthority": _BY_GOVERNOR,
    "pause": _BY_GOVERNOR,
    "unpause": _BY_GOVERNOR,
    "setFee": _BY_GOVERNOR,
    "allowToken": _BY_GOVERNOR,
    "DeviceRegistry.addClass": _BY_GOVERNOR,
    "DeviceRegistry.schedule": _BY_GOVERNOR,
    "Attestations.revoke": _BY_PEERS,
    "Attestations.slashOracle": _BY_PEERS,
    "Challenges.endSession": _BY_PEERS,
    "Challenges.recordFault": _BY_PEERS,
    "Challenges.recordMiss": _BY_PEERS,
    "DeviceRegistry.debit": _BY_PEERS,
    "DeviceRegistry.discharge": _BY_PEERS,
    "DeviceRegistry.force": _BY_PEERS,
    "DeviceRegistry.hold": _BY_PEERS,
    "DeviceRegistry.recordFault": _BY_PEERS,
    "DeviceRegistry.recordMiss": _BY_PEERS,
    "DeviceRegistry.release": _BY_PEERS,
    "DeviceRegistry.suspend": _BY_PEERS,
    "JobEscrow.open": _BY_PEERS,
    "ProviderStaking.distribute": _BY_PEERS,
    "ProviderStaking.lock": _BY_PEERS,
    "ProviderStaking.slash": _BY_PEERS,
    "ProviderStaking.unlock": _BY_PEERS,
    "TensorbondToken.mint": _BY_PEERS,
    "JobEscrow.permit": _IN_MULTICALL,
    "LeaseEscrow.permit": _IN_MULTICALL,
    "OrderBook.permit": _IN_MULTICALL,
}
"""Verbs, of one contract or of any, that nobody is told the gas of, and why."""


def test_gas__every_verb_of_a_deployed_contract__is_measured_or_listed() -> None:
    keys = set(json.loads(gas.KEPT.read_text()))
    measured = {_verb_of(key) for key in keys}
    missing = {
        verb
        for verb in verbs() - measured - UNMEASURED.keys()
        if verb.partition(".")[2] not in UNMEASURED and MEASURED_AS.get(verb) not in keys
    }
    assert missing == set()


def test_gas__what_is_said_of_verbs__is_of_verbs_that_there_are() -> None:
    known = verbs() | {verb.partition(".")[2] for verb in verbs()}
    assert (MEASURED_AS.keys() | UNMEASURED.keys()) - known == set()
    assert UNMEASURED.keys() & {_verb_of(key) for key in json.loads(gas.KEPT.read_text())} == set()


def _verb_of(key: str) -> str:
    """`WorkDisputes.badItem:K4096` is of proveBadItem."""
    contract, _, verb = key.split(":")[0].partition(".")
    proof = f"{contract}.prove{verb[0].upper()}{verb[1:]}"
    return proof if proof in verbs() else f"{contract}.{verb}"
