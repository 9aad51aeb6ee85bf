"""The codec: calls, results, events and errors of a contract's ABI, with structs as the dataclasses of
`chain.types`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from tensorbond.chain import types
from tensorbond.chain.errors import ContractRefused

_checksum = lru_cache(maxsize=65536)(to_checksum_address)

_STRUCTS: dict[str, Callable[..., Any]] = {
    name: found
    for name, found in vars(types).items()
    if isinstance(found, type) and dataclasses.is_dataclass(found)
}
_NAMES = {name: [each.name for each in dataclasses.fields(found)] for name, found in _STRUCTS.items()}  # type: ignore[arg-type]
_ARRAY = re.compile(r"\[\d*\]$")


@dataclass(frozen=True)
class Parameter:
    """One input, output or struct field, with its type as `eth_abi` spells it."""

    name: str
    type: str
    indexed: bool
    struct: str
    components: tuple[Parameter, ...]

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Parameter:
        components = tuple(map(cls.from_json, entry.get("components", ())))
        inner = ",".join(component.type for component in components)
        base = entry["type"].replace("tuple", f"({inner})") if components else entry["type"]
        internal = _ARRAY.sub("", entry.get("internalType", ""))
        struct = internal.removeprefix("struct ").split(".")[-1] if internal.startswith("struct ") else ""
        return cls(entry["name"], base, entry.get("indexed", False), struct, components)

    @cached_property
    def field_names(self) -> tuple[str, ...]:
        return tuple(snake(component.name) for component in self.components)

    @cached_property
    def is_dynamic(self) -> bool:
        """Whether an indexed event argument of this type is a hash of the value."""
        return self.type in ("bytes", "string") or self.type.endswith("]") or bool(self.components)

    @property
    def is_array(self) -> bool:
        return self.type.endswith("]")


@dataclass(frozen=True)
class Item:
    """A function, event or error."""

    contract: str
    name: str
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...] = ()
    is_view: bool = False
    is_anonymous: bool = False

    @cached_property
    def signature(self) -> str:
        return f"{self.name}({','.join(parameter.type for parameter in self.inputs)})"

    @cached_property
    def digest(self) -> bytes:
        return keccak(text=self.signature)

    @cached_property
    def selector(self) -> bytes:
        return self.digest[:4]

    @cached_property
    def plain_inputs(self) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.inputs if not parameter.indexed)

    @cached_property
    def indexed_inputs(self) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.inputs if parameter.indexed)


@dataclass(frozen=True)
class Event:
    """A decoded log. `args` has the ABI's own names."""

    contract: str
    name: str
    args: dict[str, Any]
    block: int = 0
    block_hash: bytes = b""
    log_index: int = 0
    transaction: str = ""
    address: str = ""


class Abi:
    """One contract's functions, events and errors by name, selector and topic."""

    def __init__(self, contract: str, entries: Iterable[Mapping[str, Any]]) -> None:
        self.contract = contract
        self.functions: dict[str, Item] = {}
        self.events: dict[bytes, Item] = {}
        self.errors: dict[bytes, Item] = {}
        self.constructor = Item(contract, "constructor", ())
        for entry in entries:
            kind = entry["type"]
            if kind not in ("constructor", "error", "event", "function"):
                continue
            item = Item(
                contract,
                entry.get("name", "constructor"),
                tuple(map(Parameter.from_json, entry["inputs"])),
                tuple(map(Parameter.from_json, entry.get("outputs", ()))),
                entry.get("stateMutability") in ("view", "pure"),
                entry.get("anonymous", False),
            )
            if kind == "function":
                self.functions.setdefault(item.name, item)
                self.functions[item.signature] = item
            elif kind == "event":
                self.events[item.digest] = item
            elif kind == "error":
                self.errors[item.selector] = item
            else:
                self.constructor = item

    def function(self, name: str) -> Item:
        try:
            return self.functions[name]
        except KeyError:
            raise LookupError(f"{self.contract} has no function {name}") from None

    def event(self, name: str) -> Item:
        for item in self.events.values():
            if item.name == name:
                return item
        raise LookupError(f"{self.contract} has no event {name}")

    def encode_call(self, function: str, args: Sequence[Any]) -> bytes:
        item = self.function(function)
        return item.selector + encode_parameters(item.inputs, args, item.signature)

    def encode_constructor(self, args: Sequence[Any]) -> bytes:
        return encode_parameters(self.constructor.inputs, args, f"{self.contract} constructor")

    def decode_call(self, function: str, data: bytes) -> tuple[Any, ...]:
        """The arguments of a call. Raises `LookupError` if the data call something else."""
        item = self.function(function)
        if data[:4] != item.selector:
            raise LookupError(f"0x{data[:4].hex()} is not {self.contract}.{function}")
        return tuple(decode_parameters(item.inputs, data[4:]))

    def decode_result(self, function: str, data: bytes) -> Any:
        """None, the one value, or a tuple of the values that the function returns."""
        outputs = self.function(function).outputs
        values = decode_parameters(outputs, data)
        return None if not values else values[0] if len(values) == 1 else tuple(values)

    def decode_event(self, topics: Sequence[bytes], data: bytes) -> tuple[Item, dict[str, Any]] | None:
        """The event and its arguments, or None if this contract has no such event."""
        item = self.events.get(topics[0]) if topics else None
        if item is None or len(item.indexed_inputs) != len(topics) - 1:
            return None
        plain = iter(decode_parameters(item.plain_inputs, data))
        indexed = iter(topics[1:])
        args = {
            parameter.name: _decode_topic(parameter, next(indexed)) if parameter.indexed else next(plain)
            for parameter in item.inputs
        }
        return item, args


_BUILT_IN = Abi(
    "",
    [
        {"type": "error", "name": "Error", "inputs": [{"name": "message", "type": "string"}]},
        {"type": "error", "name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
    ],
)


def decode_error(data: bytes, abis: Iterable[Abi], contract: str = "", function: str = "") -> ContractRefused:
    """The refusal that revert data tells of. The first ABI that knows the selector names the arguments."""
    for abi in [*abis, _BUILT_IN]:
        item = abi.errors.get(data[:4])
        if item is None:
            continue
        try:
            values = decode_parameters(item.inputs, data[4:])
        except DecodingError:
            continue
        args = {parameter.name: value for parameter, value in zip(item.inputs, values, strict=True)}
        return ContractRefused(item.name, args, contract=contract, function=function)
    args = {"data": data} if data else {}
    return ContractRefused("UnknownError" if data else "", args, contract=contract, function=function)


def encode_topic(parameter: Parameter, value: Any) -> bytes:
    return encode([parameter.type], [to_abi(parameter, value)])


def encode_parameters(parameters: Sequence[Parameter], args: Sequence[Any], what: str) -> bytes:
    if len(parameters) != len(args):
        raise TypeError(f"{what} takes {len(parameters)} arguments, not {len(args)}")
    values = [to_abi(parameter, value) for parameter, value in zip(parameters, args, strict=True)]
    return encode([parameter.type for parameter in parameters], values)


def decode_parameters(parameters: Sequence[Parameter], data: bytes) -> list[Any]:
    values = decode([parameter.type for parameter in parameters], data)
    return [from_abi(parameter, value) for parameter, value in zip(parameters, values, strict=True)]


def to_abi(parameter: Parameter, value: Any) -> Any:
    """What `eth_abi` takes for `value`: dataclasses and mappings become tuples, hex strings bytes."""
    if parameter.is_array:
        element = _element(parameter)
        return [to_abi(element, each) for each in value]
    if parameter.components:
        return tuple(
            to_abi(component, each)
            for component, each in zip(parameter.components, _fields(parameter, value), strict=True)
        )
    if parameter.type.startswith("bytes") and isinstance(value, str):
        return bytes.fromhex(value.removeprefix("0x"))
    return value


def from_abi(parameter: Parameter, value: Any) -> Any:
    """The value as Python code wants it: EIP-55 addresses, dataclasses for known structs, tuples for
    arrays."""
    if parameter.type == "address":
        return _checksum(value)
    if parameter.is_array:
        element = _element(parameter)
        return tuple(from_abi(element, each) for each in value)
    if parameter.components:
        values = [from_abi(c, each) for c, each in zip(parameter.components, value, strict=True)]
        struct = _STRUCTS.get(parameter.struct)
        if struct is not None:
            return struct(**dict(zip(_NAMES[parameter.struct], values, strict=True)))
        return dict(zip(parameter.field_names, values, strict=True))
    return value


@lru_cache(maxsize=4096)
def snake(name: str) -> str:
    """`fromEpoch` → `from_epoch`, `classId` → `class_id`, `K` → `k`, `dueC` → `due_c`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().lstrip("_")


def _fields(parameter: Parameter, value: Any) -> Sequence[Any]:
    if isinstance(value, Mapping):
        by_name = {snake(name): each for name, each in value.items()}
        return [by_name[name] for name in parameter.field_names]
    if dataclasses.is_dataclass(value):
        return [getattr(value, name) for name in parameter.field_names]
    fields: Sequence[Any] = value
    return fields


@lru_cache(maxsize=4096)
def _element(parameter: Parameter) -> Parameter:
    return dataclasses.replace(parameter, type=_ARRAY.sub("", parameter.type))


def _decode_topic(parameter: Parameter, topic: bytes) -> Any:
    if parameter.is_dynamic:
        return topic
    return from_abi(parameter, decode([parameter.type], topic)[0])
