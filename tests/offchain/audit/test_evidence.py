"""Evidence and leaf data that were changed, lost or never published."""

from __future__ import annotations

from pathlib import Path

import pytest

from tensorbond.audit import Report
from tensorbond.oracle.leaves import data_name
from tensorbond.proof import Evidence, evidence_name
from tests.offchain.audit.market import Market, Worker
from tests.offchain.audit.story import HONEST, LIAR
from tests.system import role

pytestmark = pytest.mark.chain


def _found(report: Report) -> list[tuple[str, str]]:
    return [(finding.check, finding.subject) for finding in report.findings]


def _evidence_of(market: Market, device: int) -> Path:
    """The file of the device's first commitment in epoch 1."""
    first = next(e for e in market.chain.events("Challenges", "Committed") if e.args["device"] == device)
    name = evidence_name(31337, device, first.args["slot"], first.args["commitment"])
    return market.folder / name


@pytest.mark.parametrize("place", [0, 8, 60, 80, 5000, -1, -40, -200], ids=str)
def test_audit__bit_flipped_in_good_evidence__computes_the_benchmark_again(
    young_market: Market, place: int
) -> None:
    young_market.attest_honestly(1)
    path = _evidence_of(young_market, HONEST)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)

    report = young_market.audit()
    assert _found(report) == []
    if place == 80:  # what the file declares beside the signed parts is not believed anyway
        assert report.notes == []
    else:
        (note,) = report.notes
        assert note.startswith(f"device {HONEST} slot 4: the stored evidence ")
        assert note.endswith("; the whole benchmark was computed again")


@pytest.mark.parametrize("size", [0, 100, -1])
def test_audit__evidence_cut_short__computes_the_benchmark_again(young_market: Market, size: int) -> None:
    young_market.attest_honestly(1)
    path = _evidence_of(young_market, HONEST)
    path.write_bytes(path.read_bytes()[:size])
    report = young_market.audit()
    assert _found(report) == []
    assert len(report.notes) == 1


def test_audit__evidence_grown__computes_the_benchmark_again(young_market: Market) -> None:
    young_market.attest_honestly(1)
    path = _evidence_of(young_market, HONEST)
    path.write_bytes(path.read_bytes() + b"\0")
    report = young_market.audit()
    assert _found(report) == []
    assert "can't be read (FileOversized)" in report.notes[0]


def test_audit__evidence_signed_by_another_key__computes_the_benchmark_again(young_market: Market) -> None:
    market = young_market
    market.attest_honestly(1)
    path = _evidence_of(market, HONEST)
    evidence = Evidence.decode(path.read_bytes())
    path.unlink()
    market.publish(role(market.chain, "stranger"), evidence)
    report = market.audit()
    assert _found(report) == []
    assert "isn't signed by the committing key" in report.notes[0]


def test_audit__all_evidence_lost__computes_everything_again(young_market: Market) -> None:
    """The liar's commitment is wrong, so no pass is due; which item was bad, nobody can say any more."""
    market = young_market
    market.attest_honestly(1)
    committed = [event.args for event in market.chain.events("Challenges", "Committed")]
    for args in committed:
        name = evidence_name(31337, args["device"], args["slot"], args["commitment"])
        (market.folder / name).unlink()
    report = market.audit()
    assert _found(report) == []
    assert len(report.notes) == report.proofs_checked
    assert any(note.startswith(f"device {LIAR} ") for note in report.notes)


def test_audit__evidence_withheld__is_noted(young_market: Market) -> None:
    market = young_market
    market.attest_honestly(1)
    operator = market.workers[HONEST].key
    market.workers[HONEST] = Worker(operator, publishes=False)
    market.work(2)
    market.attest_honestly(2)
    report = market.audit()
    assert _found(report) == []
    assert report.notes
    assert all("it was found withheld and still is" in note for note in report.notes)


def test_audit__leaf_data_of_another_root__is_withheld_data(young_market: Market) -> None:
    market = young_market
    market.attest_honestly(1)
    path = market.folder / data_name(31337, 1, market.standing.root)
    path.write_bytes(path.read_bytes().replace(b'"idleM":0', b'"idleM":1', 1))
    assert _found(market.audit()) == [("withheldData", "epoch 1: leaf data under the root")]


@pytest.mark.parametrize(
    "raw", [b"", b"\xff", b"[]", b'{"leaves":7}', b'{"leaves":[{}]}', b"[" * 100_000, b'{"leaves":[null]}']
)
def test_audit__leaf_data_garbage__is_withheld_data(young_market: Market, raw: bytes) -> None:
    market = young_market
    market.attest_honestly(1)
    (market.folder / data_name(31337, 1, market.standing.root)).write_bytes(raw)
    assert _found(market.audit()) == [("withheldData", "epoch 1: leaf data")]


def test_audit__leaf_data_lost__recomputes_the_root(young_market: Market) -> None:
    market = young_market
    market.attest_honestly(1)
    (market.folder / data_name(31337, 1, market.standing.root)).unlink()
    report = market.audit()
    assert _found(report) == [("withheldData", "epoch 1: leaf data")]
    assert report.epochs_checked == 2
