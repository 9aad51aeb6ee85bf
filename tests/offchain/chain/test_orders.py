"""Order files: what is written is read again, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tensorbond.chain.digests import Domain
from tensorbond.chain.errors import OrderInvalid
from tensorbond.chain.orders import ORDERS, SignedOrder
from tests.random_orders import random_order

HERE = Domain("OrderBook", 31337, "0x" + "00" * 19 + "01")
Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize("seed", range(12))
def test_decode__of_what_encode_wrote__is_the_order(seed: int) -> None:
    order = SignedOrder(random_order(seed), HERE, bytes([seed]) * 65)
    assert SignedOrder.decode(order.encode()) == order


def put(*path: str, value: object) -> Change:
    def change(told: dict[str, Any]) -> None:
        for name in path[:-1]:
            told = told[name]
        told[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("primaryType", value="Permit"), "is no order"),
        (put("primaryType", value="JobBid"), "types are not"),
        (lambda told: told["types"]["Order"].pop(), "types are not"),
        (lambda told: told["domain"].pop("version"), "domain has"),
        (put("domain", "chainId", value=-1), "not a uint256"),
        (lambda told: told["message"].pop("spec"), "has the fields"),
        (put("message", "more", value=1), "has the fields"),
        (put("message", "order", "price", value=str(2**96)), "not a uint96"),
        (put("message", "order", "price", value="01"), "not a uint96"),
        (put("message", "order", "price", value=1.0), "not a uint96"),
        (put("message", "order", "count", value=True), "not a uint16"),
        (put("message", "order", "token", value="0x12"), "not an address"),
        (
            put("message", "order", "token", value="0xABaBaBaBABabABabAbAbABAbABabababaBaBABaC"),
            "not an address",
        ),
        (put("message", "spec", value="0x1234"), "not 32 bytes"),
        (put("message", "order", value=None), "no order file"),
        (put("signature", value="0x123"), "even number"),
        (lambda told: told.pop("signature"), "no order file"),
    ],
)
def test_decode__of_anything_else__is_refused(change: Change, message: str) -> None:
    told = json.loads(SignedOrder(random_order(0, "JobAsk"), HERE).encode())
    change(told)
    with pytest.raises(OrderInvalid, match=message):
        SignedOrder.decode(json.dumps(told))


@pytest.mark.parametrize("kind", ORDERS)
def test_encode__numbers_that_javascript_would_round__are_text(kind: str) -> None:
    told = json.loads(SignedOrder(random_order(1, kind), HERE).encode())
    assert isinstance(told["message"]["order"]["price"], str)
    assert isinstance(told["message"]["order"]["classId"], int)


def test_decode__of_no_json__is_refused() -> None:
    with pytest.raises(OrderInvalid, match="no order file"):
        SignedOrder.decode("{")
