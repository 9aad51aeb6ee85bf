"""docs/protocol.md has what the code has: every verb under its contract, every state, what leads from one to
another, every reason."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tensorbond.chain.abi import Item, Parameter
from tensorbond.chain.artifacts import CONTRACTS
from tests.anvil import ROOT
from tests.chain import project_artifacts
from tests.diagrams import LINE, edges, protocol, states

# Those of the system, and one that whoever likes it deploys.
DRAWN = (*CONTRACTS, "Erc792Arbiter")
_DEMANDS = r"== \w+Status\.(\w+)|_requireStatus\([^;]*, \w+Status\.(\w+)\)"
_SETS = r"status = \w+Status\.(\w+)|_(?:advance|setStatus)\(job, JobStatus\.(\w+)|uint256\(JobStatus\.(\w+)\)"
_ENUM = re.compile(r"^enum (\w+) \{(.*?)^\}", re.MULTILINE | re.DOTALL)


def verbs(contract: str) -> set[str]:
    """What changes state."""
    functions = project_artifacts()[contract].abi.functions.values()
    return {item.name for item in functions if not item.is_view}


def fields(function: Item) -> Iterator[Parameter]:
    """Its arguments and results, and what they consist of."""
    waiting = [*function.inputs, *function.outputs]
    for parameter in waiting:
        waiting.extend(parameter.components)
        yield parameter


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


def test_diagrams__every_line__is_one_that_mermaid_draws() -> None:
    for document in sorted((ROOT / "docs").glob("*.md")):
        text = document.read_text(encoding="utf-8")
        for diagram in re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", text, re.DOTALL):
            unread = [line for line in diagram.splitlines() if not LINE.fullmatch(line)]
            assert unread == [], document.name


@pytest.mark.parametrize("contract", [name for name in DRAWN if verbs(name)])
def test_states__every_verb_of_a_contract__stands_under_its_diagram(contract: str) -> None:
    text = states()[contract]
    assert "```mermaid\nstateDiagram-v2\n" in text
    told_once = {"setAuthority", "pause", "unpause"}  # under AccessManager and DeviceRegistry
    missing = {verb for verb in verbs(contract) - told_once if verb not in words(text)}
    assert missing == set()


def test_states__every_contract_they_tell_of__is_one_of_ours() -> None:
    ours = {path.stem for path in (ROOT / "contracts").glob("*.sol")} | {"AccessManager"}
    assert states().keys() <= ours


def test_diagrams__every_verb_that_they_name__is_one_of_the_abis() -> None:
    """A word in mixed case, and the first of a label, unless the label tells of time."""
    abis = [artifact.abi for artifact in project_artifacts().values()]
    known = {name for abi in abis for name in abi.functions}
    known |= {each.name for abi in abis for function in abi.functions.values() for each in fields(function)}
    known |= {*DRAWN, "constructor", "EIP", "challenger"}
    time = {"a", "after", "an", "first", "its", "proof", "the"}
    named = set()
    for edge in edges(protocol()):
        words_ = re.findall(r"\w+", edge.label)
        named |= {word for word in words_ if re.search(r"[a-z][A-Z]", word)} | {*words_[:1]} - time
    assert len(named) > 100
    assert named - known == set()


@pytest.mark.parametrize("contract", ["JobEscrow", "LeaseEscrow"])
def test_transitions__of_each_verb__begin_and_end_where_its_code_says(contract: str) -> None:
    """Where a verb's arrows begin is what it demands of the status; where some end, what it makes of it
    itself."""
    source = (ROOT / "contracts" / f"{contract}.sol").read_text(encoding="utf-8")
    drawn = edges(states()[contract])
    asked = 0
    for verb in verbs(contract):
        arrows = [edge for edge in drawn if verb in edge.verbs]
        body = source.split(f"    function {verb}(")[-1].split("\n    }\n", 1)[0]
        demands = re.findall(_DEMANDS, body)
        demanded = {name.lower() for found in demands for name in found if name}
        demanded |= {"active", "ending"} if "_runs(" in body else set()
        assert {edge.source for edge in arrows} - {"[*]"} == demanded, verb
        sets = re.findall(_SETS, body)
        made = {name.lower() for found in sets for name in found if name}
        assert made <= {edge.target for edge in arrows}, verb
        asked += bool(demanded)
    assert asked >= 8


@pytest.mark.parametrize("name", [name for name in enums() if name.endswith("Status")])
def test_states__every_status__is_a_state_of_a_diagram(name: str) -> None:
    diagrams = "".join(re.findall(r"```mermaid\n(.*?)```", protocol(), re.DOTALL)).lower()
    assert {member for member in enums()[name] if member.lower() not in words(diagrams)} == set()


@pytest.mark.parametrize("name", [name for name in enums() if not name.endswith("Status")])
def test_reasons__every_member_of_an_enum__has_a_row(name: str) -> None:
    section = protocol().split("\n## Reasons\n")[1].split("\n## ")[0]
    rows = set(re.findall(rf"^\| `{name}` \| `(\w+)` \| .+ \|$", section, re.MULTILINE))
    assert rows == set(enums()[name])
