"""Reading in batches: smaller ones where the endpoint refuses, single calls where one is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tensorbond.audit.balances import Expected
from tensorbond.audit.findings import Report
from tensorbond.audit.pinned import Pinned, Unanswered
from tensorbond.chain.errors import ChainReorganised, ContractRefused, RpcError, RpcUnreachable
from tensorbond.chain.network import BlockRef

pytestmark = pytest.mark.unit

HERE = BlockRef(100, b"\1" * 32, 1_000)


class FakeNetwork:
    """Answers a call with its argument; refuses large batches, and those with a bad call."""

    def __init__(self, most: int = 1_000, bad: Sequence[int] = (), canonical: bool = True) -> None:
        self.most, self.bad, self.canonical = most, bad, canonical
        self.sizes: list[int] = []

    def calls(self, calls: Sequence[tuple[Any, ...]], block: BlockRef) -> list[Any]:
        assert block == HERE
        self.sizes.append(len(calls))
        if len(calls) > self.most:
            raise RpcUnreachable("a batch", {"http://node": "EndpointBusy"})
        if any(call[-1] in self.bad for call in calls):
            raise ContractRefused("DeviceUnknown", {"device": 3})
        return [call[-1] for call in calls]

    def blocks(self, numbers: Sequence[int]) -> list[BlockRef]:
        self.sizes.append(len(numbers))
        return [BlockRef(number, bytes([number % 256]) * 32, number) for number in numbers]

    def require_canonical(self, block: BlockRef) -> None:
        if not self.canonical:
            raise ChainReorganised(block.number, bytes(32), block.hash)


def _pinned(network: FakeNetwork) -> Pinned:
    return Pinned(network, HERE, lambda what, done, total: None)  # type: ignore[arg-type]


def _calls(count: int) -> list[tuple[Any, ...]]:
    return [("DeviceRegistry", "deviceOf", index) for index in range(count)]


def test_calls__many__go_in_batches() -> None:
    network = FakeNetwork()
    assert _pinned(network).calls(_calls(600), "") == list(range(600))
    assert network.sizes == [256, 256, 88]


def test_calls__endpoint_that_refuses_large_batches__gets_smaller_ones() -> None:
    network = FakeNetwork(most=100)
    assert _pinned(network).calls(_calls(300), "") == list(range(300))
    assert max(network.sizes[2:]) == 64


def test_calls__endpoint_that_refuses_all__raises() -> None:
    with pytest.raises(RpcUnreachable):
        _pinned(FakeNetwork(most=0)).calls(_calls(3), "")


def test_calls__block_gone_meanwhile__raises_that() -> None:
    with pytest.raises(ChainReorganised):
        _pinned(FakeNetwork(most=0, canonical=False)).calls(_calls(300), "")


def test_calls__one_refused__is_unanswered_alone() -> None:
    answers = _pinned(FakeNetwork(bad=[3])).calls(_calls(8), "")
    assert [index for index, answer in enumerate(answers) if answer != index] == [3]
    assert str(answers[3]) == "refused: DeviceUnknown(device = 3)"


def test_headers__asked_twice__are_read_once() -> None:
    network = FakeNetwork()
    pinned = _pinned(network)
    assert pinned.headers([5, 7, 5, 100])[7].timestamp == 7
    assert pinned.headers([7, 100])[100] == HERE
    assert network.sizes == [2]


def test_expected__unanswered__is_a_finding() -> None:
    report = Report(1, 100, bytes(32))
    Expected("registry", "device 3", ("DeviceRegistry", "deviceOf", 3), {"class_id": 0}).compare(
        Unanswered("refused: DeviceUnknown(device = 3)"), report
    )
    (finding,) = report.findings
    assert finding.have == "refused: DeviceUnknown(device = 3)"


def test_calls__rpc_error_for_a_single_call__raises() -> None:
    class Pruned(FakeNetwork):
        def calls(self, calls: Sequence[tuple[Any, ...]], block: BlockRef) -> list[Any]:
            raise RpcError("eth_call", -32000, "missing trie node")

    with pytest.raises(RpcError, match="missing trie node"):
        _pinned(Pruned()).calls(_calls(2), "")
