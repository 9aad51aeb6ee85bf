"""docs/protocol.md has what the code has: every verb under its contract, every state, every reason."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tensorbond.chain.artifacts import CONTRACTS
from tests.anvil import ROOT
from tests.chain import project_artifacts

_ENUM = re.compile(r"^enum (\w+) \{(.*?)^\}", re.MULTILINE | re.DOTALL)


@cache
def protocol() -> str:
    return (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")


@cache
def states() -> dict[str, str]:
    """The text under each contract's heading in the chapter of states."""
    chapter = protocol().split("\n## States\n")[1].split("\n## ")[0]
    _, *sections = re.split(r"^### (?=\w+$)", chapter, flags=re.MULTILINE)
    return {section.split("\n", 1)[0]: section for section in sections}


def verbs(contract: str) -> set[str]:
    """What changes state."""
    functions = project_artifacts()[contract].abi.functions.values()
    return {item.name for item in functions if not item.is_view}


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def enums() -> dict[str, list[str]]:
    """By name the members, but for the first if it says that there is nothing."""
    found = {}
    for path in sorted((ROOT / "contracts").rglob("*.sol")):
        for name, body in _ENUM.findall(path.read_text(encoding="utf-8")):
            members = re.findall(r"\w+", re.sub(r"//.*", "", body))
            found[name] = [member for member in members if member != "None"]
    return found


# As mermaid reads it: a label ends at a semicolon or a second colon, and the words after become states.
_LINE = re.compile(r" *(?:state \w+ \{|\}|(?:\[\*\]|\w+) --> (?:\[\*\]|\w+)(?:: [^:;]+)?)")


def test_diagrams__every_line__is_one_that_mermaid_draws() -> None:
    for document in sorted((ROOT / "docs").glob("*.md")):
        text = document.read_text(encoding="utf-8")
        for diagram in re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", text, re.DOTALL):
            unread = [line for line in diagram.splitlines() if not _LINE.fullmatch(line)]
            assert unread == [], document.name


@pytest.mark.parametrize("contract", [name for name in CONTRACTS if verbs(name)])
def test_states__every_verb_of_a_contract__stands_under_its_diagram(contract: str) -> None:
    text = states()[contract]
    assert "```mermaid\nstateDiagram-v2\n" in text
    told_once = {"setAuthority", "pause", "unpause"}  # under AccessManager and DeviceRegistry
    missing = {verb for verb in verbs(contract) - told_once if verb not in words(text)}
    assert missing == set()


def test_states__every_contract_they_tell_of__is_one_of_ours() -> None:
    ours = {path.stem for path in (ROOT / "contracts").glob("*.sol")} | {"AccessManager"}
    assert states().keys() <= ours


@pytest.mark.parametrize("name", [name for name in enums() if name.endswith("Status")])
def test_states__every_status__is_a_state_of_a_diagram(name: str) -> None:
    diagrams = "".join(re.findall(r"```mermaid\n(.*?)```", protocol(), re.DOTALL)).lower()
    assert {member for member in enums()[name] if member.lower() not in words(diagrams)} == set()


@pytest.mark.parametrize("name", [name for name in enums() if not name.endswith("Status")])
def test_reasons__every_member_of_an_enum__has_a_row(name: str) -> None:
    section = protocol().split("\n## Reasons\n")[1].split("\n## ")[0]
    rows = set(re.findall(rf"^\| `{name}` \| `(\w+)` \| .+ \|$", section, re.MULTILINE))
    assert rows == set(enums()[name])
