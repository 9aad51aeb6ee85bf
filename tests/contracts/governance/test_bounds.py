"""The table of bounds in docs/roles.md: complete, and true at both ends of what one call can try.

How many classes and entries there may be, and the caps, are tried beside their verbs."""

from __future__ import annotations

import re
from dataclasses import asdict
from functools import cache
from typing import Any

import pytest

from tensorbond.chain.abi import snake
from tensorbond.chain.roles import GOVERNOR, verbs_of
from tests.anvil import ROOT
from tests.chain import Chain, Reverted, project_artifacts, system_artifacts

from ..device_registry.registry import TERMS

_ROW = re.compile(r"^\| (?:`(\w+\.\w+)`)? ?\| (.+?) \| (.+?) \| (.+?) \| (?:`(\w+)`|–) \|$", re.MULTILINE)


@cache
def bounds() -> list[tuple[str, str, str, str, str]]:
    """(verb, parameter, least, most, error), the verb repeated in every row."""
    section = (ROOT / "docs" / "roles.md").read_text().split("\n## Bounds\n")[1].split("\n## ")[0]
    rows, verb = [], ""
    for name, parameter, least, most, error in _ROW.findall(section):
        verb = name or verb
        rows.append((verb, parameter, least, most, error))
    return rows


TRIED = (
    "Attestations.seat",
    "DeviceRegistry.addClass",
    "DeviceRegistry.schedule",
    "JobEscrow.setFee",
    "LeaseEscrow.setFee",
)
NUMERIC = [
    (verb, parameter, number, outside, error)
    for verb, parameter, least, most, error in bounds()
    for number, outside in ((least, -1), (most, 1))
    if number.isdigit() and verb in TRIED and not parameter.startswith(("number of", "sets to come"))
]


def tried(chain: Chain, governor: str, verb: str, parameter: str, value: int) -> tuple[str, dict[str, Any]]:
    """The refusal of a call that is right but for this parameter; ("", {}) if there is none."""
    contract, function = verb.split(".")
    argument: Any = value
    more: tuple[int, ...] = ()
    if function == "addClass":
        argument = asdict(TERMS) | {snake(parameter): value}
    elif function == "schedule":
        timing = chain.call("DeviceRegistry", "timingEntry", 0)
        argument = asdict(timing) | {"from_epoch": 1_000, snake(parameter): value}
    elif function == "seat":
        argument, more = [f"0x{number + 1:040x}" for number in range(value)], (min(value, 1), 1)
    try:
        chain.call(contract, function, argument, *more, sender=governor)
    except Reverted as reverted:
        return reverted.error, dict(reverted.args_)
    return "", {}


def test_table__every_verb_of_the_governor__has_its_bounds() -> None:
    wired = verbs_of(GOVERNOR, system_artifacts())
    need = {
        f"{contract}.{verb}"
        for contract, verbs in wired.items()
        if contract != "AccessManager"
        for verb in verbs
    }
    assert {verb for verb, *_ in bounds()} == need
    for verb, _, _, _, error in bounds():
        errors = {item.name for item in project_artifacts()[verb.split(".")[0]].abi.errors.values()}
        assert error == "" or error in errors, f"{verb}: {error}"


@pytest.mark.chain
def test_bound__of_every_numeric_row__holds_exactly(chain: Chain, governor: str) -> None:
    assert len(NUMERIC) > 20
    for verb, parameter, number, outside, error in NUMERIC:
        bound, where = int(number), f"{verb} {parameter} {number}"
        name, args = tried(chain, governor, verb, parameter, bound)
        assert not _about(name, args, error, parameter), f"{where} is refused: {name} {args}"
        beyond = bound * 2 if outside > 0 and parameter in ("m", "n", "K") else bound + outside
        if beyond < 0 or beyond > 65_535:
            continue  # no value of the type
        name, args = tried(chain, governor, verb, parameter, beyond)
        assert _about(name, args, error, parameter), f"{where}: {beyond} gives {name} {args}"
        assert {beyond, bound} <= set(args.values()), f"{where}: {args}"


def _about(name: str, args: dict[str, Any], error: str, parameter: str) -> bool:
    field = args.get("field")
    need = "size" if parameter == "members" else parameter
    return name == error and (field is None or field.rstrip(b"\0").decode() == need)
