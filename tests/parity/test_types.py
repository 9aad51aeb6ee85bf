"""`tensorbond.chain.types` against the contracts: every struct that crosses the border, every enum."""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Iterator

import pytest

from tensorbond.chain import types
from tensorbond.chain.abi import Parameter, snake
from tensorbond.chain.artifacts import CONTRACTS
from tests.anvil import ROOT
from tests.chain import project_artifacts

# Structs of OpenZeppelin's that only its own functions take.
FOREIGN: set[str] = set()


def structs() -> dict[str, tuple[str, ...]]:
    """By name: the fields of every struct in an argument, result, event or error of ours."""
    found: dict[str, tuple[str, ...]] = {}
    for parameter in parameters():
        if parameter.struct and parameter.struct not in FOREIGN:
            fields = tuple(component.name for component in parameter.components)
            assert found.setdefault(parameter.struct, fields) == fields, parameter.struct
    return found


def parameters() -> Iterator[Parameter]:
    artifacts = project_artifacts()
    for contract in CONTRACTS:
        abi = artifacts[contract].abi
        for item in [*abi.functions.values(), *abi.events.values(), *abi.errors.values(), abi.constructor]:
            for parameter in (*item.inputs, *item.outputs):
                yield from nested(parameter)


def nested(parameter: Parameter) -> Iterator[Parameter]:
    yield parameter
    for component in parameter.components:
        yield from nested(component)


def enums() -> dict[str, list[str]]:
    """By name: the members of every enum in contracts/, as Python spells them."""
    found = {}
    for path in (ROOT / "contracts").rglob("*.sol"):
        text = re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for name, body in re.findall(r"\benum\s+(\w+)\s*\{([^}]*)\}", text):
            found[name] = [snake(member.strip()).upper() for member in body.split(",") if member.strip()]
    return found


def dataclasses_of_types() -> dict[str, type]:
    return {
        name: found
        for name, found in vars(types).items()
        if isinstance(found, type) and dataclasses.is_dataclass(found)
    }


# Not enums in Solidity: they are written into the leaf's outcomes as numbers (MerkleSum.sol says which).
OUTCOME_ENUMS = {"OutcomeKind", "OutcomeResult"}


def test_types__the_structs_of_the_contracts__are_exactly_the_dataclasses() -> None:
    assert structs().keys() == dataclasses_of_types().keys()


@pytest.mark.parametrize("name", sorted(dataclasses_of_types()))
def test_types__each_struct__has_its_fields_in_order(name: str) -> None:
    fields = dataclasses.fields(dataclasses_of_types()[name])
    assert tuple(field.name for field in fields) == tuple(map(snake, structs()[name]))


@pytest.mark.parametrize("name", sorted(dataclasses_of_types()))
def test_types__each_dataclass__is_frozen(name: str) -> None:
    assert dataclasses_of_types()[name].__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_types__the_enums_of_the_contracts__are_exactly_the_enums() -> None:
    ours = {
        name: [member.name for member in found]
        for name, found in vars(types).items()
        if isinstance(found, type) and issubclass(found, enum.IntEnum) and found is not enum.IntEnum
    }
    assert {name: members for name, members in ours.items() if name not in OUTCOME_ENUMS} == enums()
    for name in ours.keys() - OUTCOME_ENUMS:
        assert [member.value for member in vars(types)[name]] == list(range(len(ours[name])))


def test_types__outcome_numbers__are_those_that_merkle_sum_tells() -> None:
    text = (ROOT / "contracts" / "libraries" / "MerkleSum.sol").read_text(encoding="utf-8")
    kind, result = re.findall(r"/// ((?:\d [^\n]*))\n\s+uint8 (?:kind|result);", text)
    for told, ours in ((kind, types.OutcomeKind), (result, types.OutcomeResult)):
        assert [int(number) for number in re.findall(r"\b(\d) ", told)] == [member.value for member in ours]
