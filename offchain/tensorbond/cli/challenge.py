"""The options that name a challenge of either phase, and what they make of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, BinaryIO, TypeVar

import click

from tensorbond.proof import (
    PROFILES,
    AnyChallenge,
    Challenge,
    Inputs,
    MemoryChallenge,
    MemoryShape,
    Shape,
    WrongShape,
    parse_challenge,
)

Command = TypeVar("Command", bound=Callable[..., Any])


class Hex(click.ParamType):
    """Bytes of one length as hex, with or without 0x."""

    name = "hex"

    def __init__(self, length: int) -> None:
        self.length = length

    def convert(self, value: str | bytes, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        if isinstance(value, bytes):
            return value
        digits = value.removeprefix("0x")
        if len(digits) != 2 * self.length or set(digits.lower()) - set("0123456789abcdef"):
            self.fail(f"need {2 * self.length} hex digits, have {value!r}", param, ctx)
        return bytes.fromhex(digits)


class Profile(click.Choice):
    """A profile's name, as its number."""

    def __init__(self) -> None:
        super().__init__(PROFILES)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        return value if isinstance(value, int) else PROFILES.index(super().convert(value, param, ctx))


Options = dict[str, tuple[str, click.ParamType, str]]

PLACE_OPTIONS: Options = {
    "beacon": ("--beacon", Hex(32), "The slot's beacon."),
    "chain_id": ("--chain-id", click.INT, "The chain's id."),
    "provider": ("--provider", Hex(20), "The provider's address."),
    "device": ("--device", click.INT, "The device's id."),
    "slot": ("--slot", click.INT, "The slot's number."),
}
SHAPE_OPTIONS: Options = {
    "m": ("--m", click.INT, "Rows of A: a power of two, 256 to 32768."),
    "n": ("--n", click.INT, "Columns of B: a power of two, 256 to 32768."),
    "K": ("--k", click.INT, "Products in one entry: a power of two, 1024 to 32768."),
    "R": ("--rounds", click.INT, "Rounds, each on a fresh A."),
    "q": ("--samples", click.INT, "Tiles that the sample beacon opens."),
    "profile": ("--profile", Profile(), "What is multiplied: int8 (W1) or nine-bit values (W2)."),
}
MEMORY_OPTIONS: Options = {
    "layers": ("--layers", click.INT, "M-phase: layers of labels, 1 to 65535."),
    "W": ("--w", click.INT, "M-phase: labels in a layer, a power of two, 4 to 2^18."),
    "walkers": ("--walkers", click.INT, "M-phase: walkers, a power of two, 1 to 2^16."),
    "steps": ("--steps", click.INT, "M-phase: steps of a walker, a multiple of 64, 64 to 16384."),
}
OPTIONAL = {"q", "profile"}


def challenge_options(command: Command) -> Command:
    """Adds one option for each field of a challenge of either phase, None where it is not given."""
    for field, (name, kind, text) in reversed((PLACE_OPTIONS | SHAPE_OPTIONS | MEMORY_OPTIONS).items()):
        command = click.option(name, field, type=kind, help=text)(command)
    return command


def read_challenge(file: BinaryIO | None, fields: dict[str, Any]) -> Inputs:
    """The challenge in the file, or in the options' values."""
    given = {field: value for field, value in fields.items() if value is not None}
    if file is not None:
        if given:
            raise click.UsageError(f"--challenge already gives what {_names(given)} would")
        return parse_challenge(file.read())
    is_memory = bool(MEMORY_OPTIONS.keys() & given.keys())
    if is_memory and SHAPE_OPTIONS.keys() & given.keys():
        raise click.UsageError(f"{_names(given.keys() - PLACE_OPTIONS)} belong to two phases")
    dimensions = MEMORY_OPTIONS if is_memory else SHAPE_OPTIONS
    missing = [name for name in (*PLACE_OPTIONS, *dimensions) if name not in given and name not in OPTIONAL]
    if missing:
        raise click.UsageError(f"missing {_names(missing)} (or --challenge FILE)")
    place = {field: given[field] for field in PLACE_OPTIONS}
    shape = {field: given[field] for field in dimensions if field in given}
    if is_memory:
        return Inputs(MemoryChallenge(shape=MemoryShape(**shape), **place), None)
    return Inputs(Challenge(shape=Shape(**shape), **place), None)


def expect(declared: AnyChallenge, given: dict[str, Any]) -> AnyChallenge:
    """The declared challenge with what is expected otherwise.

    Raises WrongShape where a dimension of the other phase is expected, ShapeInvalid or FieldInvalid where
    nothing can be as expected.
    """
    is_memory = isinstance(declared, MemoryChallenge)
    own, other = (MEMORY_OPTIONS, SHAPE_OPTIONS) if is_memory else (SHAPE_OPTIONS, MEMORY_OPTIONS)
    if other.keys() & given.keys():
        raise WrongShape(declared.shape, f"one with {_names(other.keys() & given.keys())}")
    place = {field: given[field] for field in PLACE_OPTIONS if field in given}
    dimensions = {field: given[field] for field in own if field in given}
    if isinstance(declared, MemoryChallenge):
        return replace(declared, shape=replace(declared.shape, **dimensions), **place)
    return replace(declared, shape=replace(declared.shape, **dimensions), **place)


def _names(fields: Any) -> str:
    options = PLACE_OPTIONS | SHAPE_OPTIONS | MEMORY_OPTIONS
    return ", ".join(options[field][0] for field in options if field in fields)
