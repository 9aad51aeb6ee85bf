"""Orders: the contract, `tensorbond.chain.orders` (eth-account), viem and `cast` give one hash and one
signature."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorbond.chain.digests import Domain
from tensorbond.chain.orders import MEMBERS, ORDERS, AnyOrder, SignedOrder, signable
from tests.acts import domain
from tests.anvil import ROOT
from tests.chain import Chain
from tests.parity.wallets import KEY, ask_cast, ask_viem, examples
from tests.random_orders import random_order

VECTORS = json.loads((ROOT / "tests" / "vectors" / "orders.json").read_text(encoding="utf-8"))
TOLD = ("domain", "primaryType", "message")
HERE = Domain("OrderBook", 10, "0x" + "00" * 19 + "01")


def digest_of(chain: Chain, order: AnyOrder) -> bytes:
    """The contract's."""
    kind = type(order).__name__
    found: bytes = chain.call("OrderBook", f"{kind[0].lower()}{kind[1:]}Digest", order)
    return found


def another(value: Any) -> Any:
    """A value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value ^ 1
    return bytes([value[0] ^ 1]) + value[1:] if isinstance(value, bytes) else "0x" + "Bb" * 20


def told(order: SignedOrder) -> dict[str, Any]:
    """As a wallet is told."""
    return {name: each for name, each in json.loads(order.encode()).items() if name in TOLD}


@cache
def vectors() -> list[SignedOrder]:
    """Without the types, which all of a kind have in common."""
    found = []
    for each in VECTORS:
        types = json.loads(SignedOrder(random_order(0, each["order"]["primaryType"]), HERE).encode())["types"]
        found.append(SignedOrder.decode(json.dumps(each["order"] | {"types": types})))
    return found


@cache
def at_random() -> list[SignedOrder]:
    account = Account.from_key(KEY)
    return [SignedOrder(random_order(seed), HERE).sign(account) for seed in range(1000, 1000 + examples(60))]


@cache
def viems() -> list[dict[str, str]]:
    """Of the vectors, then of those at random: node takes long to start."""
    return ask_viem([told(order) for order in (*vectors(), *at_random())])


@pytest.fixture
def book(chain: Chain) -> Iterator[Chain]:
    """The order book's code at the vectors' address."""
    address = vectors()[0].domain.address
    code = chain.rpc.request("eth_getCode", chain.address["OrderBook"], "latest")
    chain.rpc.request("anvil_setCode", address, code)
    chain.register("OrderBook", address)
    yield chain
    chain.rpc.request("anvil_setChainId", 31337)


def test_vectors__there_are__enough_of_each_kind() -> None:
    kinds = [order.kind for order in vectors()]
    assert len(kinds) >= 20
    assert min(kinds.count(kind) for kind in ORDERS) >= 6
    assert len({order.digest for order in vectors()}) == len(kinds)


def test_vectors__hashed_by_eth_account__are_theirs() -> None:
    account = Account.from_key(KEY)
    for each, order in zip(VECTORS, vectors(), strict=True):
        assert "0x" + order.digest.hex() == each["digest"]
        assert order == order.sign(account)
        assert signable(order.domain, order.order).signer(order.signature) == account.address
        assert json.loads(order.encode()).items() >= each["order"].items()


def test_vectors__hashed_by_the_contract__are_theirs(book: Chain) -> None:
    for each, order in zip(VECTORS, vectors(), strict=True):
        book.rpc.request("anvil_setChainId", order.domain.chain_id)
        assert "0x" + digest_of(book, order.order).hex() == each["digest"]


def test_vectors__hashed_and_signed_by_viem__are_theirs() -> None:
    theirs = [{"digest": each["digest"], "signature": each["order"]["signature"]} for each in VECTORS]
    assert viems()[: len(VECTORS)] == theirs


def test_vectors__signed_by_cast__are_theirs() -> None:
    signatures = ask_cast([told(order) for order in vectors()])
    assert signatures == [each["order"]["signature"] for each in VECTORS]


@settings(max_examples=examples(30), deadline=None)
@given(seed=st.integers(0, 2**64))
def test_digest__of_any_order__is_the_contracts(system: Chain, seed: int) -> None:
    order = random_order(seed)
    assert signable(domain(system, "OrderBook"), order).digest == digest_of(system, order)


def test_digest__of_random_orders__is_viems_and_casts() -> None:
    signed = [f"0x{order.signature.hex()}" for order in at_random()]
    hashed = [f"0x{order.digest.hex()}" for order in at_random()]
    answers = viems()[len(VECTORS) :]
    assert [each["digest"] for each in answers] == hashed
    assert [each["signature"] for each in answers] == signed
    some = examples(8)
    assert ask_cast([told(order) for order in at_random()[:some]]) == signed[:some]


@pytest.mark.parametrize("kind", ORDERS)
def test_digest__of_an_order_with_one_other_value__is_another(kind: str) -> None:
    order = random_order(1, kind)
    digests = {signable(HERE, order).digest}
    changed = []
    for name in vars(order).keys() - {"order"}:
        changed.append(replace(order, **{name: another(getattr(order, name))}))
    for name in vars(order.order):
        inner = replace(order.order, **{name: another(getattr(order.order, name))})
        changed.append(replace(order, order=inner))
    digests |= {signable(HERE, each).digest for each in changed}
    assert len(digests) == len(changed) + 1


def test_types__in_orders_sol__are_the_same_text() -> None:
    text = (ROOT / "contracts" / "libraries" / "Orders.sol").read_text(encoding="utf-8")
    told = [
        "".join(re.findall(r'"([^"]*)"', body))
        for body in re.findall(r"keccak256\(((?:\s*\"[^\"]*\")+)", text)
    ]
    order = f"Order({MEMBERS['Order']})"
    assert told == [order, *(f"{kind}({MEMBERS[kind]}){order}" for kind in ORDERS)]
