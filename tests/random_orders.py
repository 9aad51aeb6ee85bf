"""Orders of any values at all, by their types."""

from __future__ import annotations

from random import Random
from typing import Any

from eth_utils.address import to_checksum_address

from tensorbond.chain import types
from tensorbond.chain.abi import snake
from tensorbond.chain.orders import MEMBERS, ORDERS, AnyOrder


def random_order(seed: int, kind: str | None = None) -> AnyOrder:
    """One kind after the other, the same for the same seed; every sixth value is the least or the most."""
    random = Random(seed)
    found: AnyOrder = _struct(random, kind or list(ORDERS)[seed % len(ORDERS)])
    return found


def _struct(random: Random, kind: str) -> Any:
    pairs = (member.split(" ") for member in MEMBERS[kind].split(","))
    return getattr(types, kind)(**{snake(name): _value(random, solidity) for solidity, name in pairs})


def _value(random: Random, solidity: str) -> Any:
    return _struct(random, solidity) if solidity in MEMBERS else random_value(random, solidity)


def random_value(random: Random, solidity: str) -> Any:
    """A sixth of the numbers is the least or the most."""
    if solidity == "bool":
        return random.random() < 0.5
    edge = random.randrange(12)
    if solidity == "address":
        return to_checksum_address(bytes(20) if edge == 0 else random.randbytes(20))
    if solidity == "bytes32":
        return bytes(32) if edge == 0 else random.randbytes(32)
    most = (1 << int(solidity.removeprefix("uint"))) - 1
    return (0, most)[edge] if edge < 2 else random.randint(0, most)
