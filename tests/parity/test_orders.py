"""Orders: the contract, `tensorbond.chain.orders` (eth-account) and viem give one hash and one signature."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
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
from tests.random_orders import random_order

VECTORS = json.loads((ROOT / "tests" / "vectors" / "orders.json").read_text(encoding="utf-8"))
KEY = "0x" + "11" * 32
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


def ask_viem(orders: Sequence[SignedOrder]) -> list[dict[str, str]]:
    told = json.dumps({"key": KEY, "orders": [json.loads(order.encode()) for order in orders]})
    command = [str(ROOT / ".venv/bin/nodejs"), str(ROOT / "tests/parity/orders.mjs")]
    done = subprocess.run(command, input=told, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, str]] = json.loads(done.stdout)
    return answers


@cache
def vectors() -> list[SignedOrder]:
    """Without the types, which all of a kind have in common."""
    found = []
    for each in VECTORS:
        types = json.loads(SignedOrder(random_order(0, each["order"]["primaryType"]), HERE).encode())["types"]
        found.append(SignedOrder.decode(json.dumps(each["order"] | {"types": types})))
    return found


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
    for each, answer in zip(VECTORS, ask_viem(vectors()), strict=True):
        assert answer == {"digest": each["digest"], "signature": each["order"]["signature"]}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**64))
def test_digest__of_any_order__is_the_contracts(system: Chain, seed: int) -> None:
    order = random_order(seed)
    assert signable(domain(system, "OrderBook"), order).digest == digest_of(system, order)


def test_digest__of_random_orders__is_viems() -> None:
    orders = [SignedOrder(random_order(seed), HERE) for seed in range(1000, 1060)]
    account = Account.from_key(KEY)
    for order, answer in zip(orders, ask_viem(orders), strict=True):
        assert answer["digest"] == "0x" + order.digest.hex()
        assert answer["signature"] == "0x" + order.sign(account).signature.hex()


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


def test_domain__read_back_by_erc_5267__is_what_is_signed_for(chain: Chain) -> None:
    here = domain(chain, "OrderBook")
    fields, name, version, chain_id, address, salt, extensions = chain.call("OrderBook", "eip712Domain")
    assert (fields, salt, extensions) == (b"\x0f", bytes(32), ())
    assert Domain(name, chain_id, address, version) == here
    separator = signable(here, random_order(0)).message.header
    assert chain.call("OrderBook", "domainSeparator") == separator


def test_digest__after_the_chain_changed_its_id__is_another(book: Chain) -> None:
    order, here = random_order(3), vectors()[0].domain
    before = digest_of(book, order)
    book.rpc.request("anvil_setChainId", 4242)
    after = digest_of(book, order)
    assert before != after
    assert after == signable(Domain(here.contract, 4242, here.address), order).digest
    assert book.call("OrderBook", "eip712Domain")[3] == 4242
