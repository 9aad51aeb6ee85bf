"""The table of docs/roles.md that says who calls what anyone may: complete, and true of what it names."""

from __future__ import annotations

import re

import click
import pytest

from tensorbond.cli import main
from tensorbond.watch.kinds import KINDS
from tests.anvil import ROOT

from .test_roles import table, verbs

pytestmark = pytest.mark.unit

_ROW = re.compile(r"^\| `(\w+)\.(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
_PROCESSES = {"watch": "watch", "oracle run": "oracle", "provider run": "provider"}
"""By command, the package in which it finds what to call."""
_OWN = {"permit", "multicall"}


def rows() -> list[tuple[str, ...]]:
    text = (ROOT / "docs" / "roles.md").read_text().split("\n## Who calls what anyone may\n")[1]
    return _ROW.findall(text.split("\n## ")[0])


def command_of(words: str) -> click.Command | None:
    command: click.Command | None = main
    for word in words.split():
        assert isinstance(command, click.Group), words
        command = command.get_command(click.Context(command), word)
    return command


def sources_of(package: str) -> str:
    folder = ROOT / "offchain" / "tensorbond" / package
    return "".join(path.read_text() for path in sorted(folder.glob("*.py")))


def test_callers__every_verb_that_anyone_may_call__has_one_row_and_no_other_has() -> None:
    told = [(contract, verb) for contract, verb, *_ in rows()]
    anyones = {
        (contract, verb)
        for (contract, verb), row in table().items()
        if "anyone" in row.caller and contract not in ("AccessManager", "TensorbondToken")
    }
    assert len(told) == len(set(told))
    assert set(told) == {each for each in anyones if each[1] not in _OWN and not each[1].startswith("prove")}
    assert {(contract, verb) for contract, verb in told if verb not in verbs(contract)} == set()


def test_callers__each_process_and_command__is_there_and_calls_the_verb() -> None:
    for contract, verb, _, process, command in rows():
        for named in re.findall(r"`([a-z][a-z -]*)`", process):
            package = _PROCESSES[named]
            assert command_of(named) is not None
            calls = f'"{contract}", "{verb}"' in re.sub(r"\s+", " ", sources_of(package))
            kinds = {(kind.contract, kind.function) for kind in KINDS.values()}
            assert calls or (package == "watch" and (contract, verb) in kinds), (contract, verb, named)
        for named in re.findall(r"`([a-z][a-z -]*)`", command):
            assert command_of(named) is not None, named
            sources = (ROOT / "offchain/tensorbond/cli" / f"{named.split()[0]}.py").read_text()
            assert f'"{verb}"' in sources or f"{verb}(" in sources, (contract, verb, named)
