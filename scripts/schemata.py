"""Many mutants in one build: each is written beside what it replaces, and the balance of one account says
which of them is alive. So a mutant costs no compilation, only its tests.

An expression becomes `(Mutant.on(7) ? (a <= b) : (a < b))`, a statement
`{ if (Mutant.on(7)) { assert(true); } else { x += 1; } }`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import scripts.compile as compiler  # noqa: E402

# Whose balance, in wei, is the number of the mutant that is alive.
SWITCH = "0x000000000000000000000000006D7574616e7421"
LIBRARY = "contracts/libraries/Mutant.sol"
# A view that calls itself pure, so that no signature changes.
MUTANT = f"""// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

library Mutant {{
    function on(uint256 id) internal pure returns (bool) {{
        function(uint256) internal view returns (bool) looking = _on;
        function(uint256) internal pure returns (bool) blind;
        assembly ("memory-safe") {{
            blind := looking
        }}
        return blind(id);
    }}

    function _on(uint256 id) private view returns (bool) {{
        return address({SWITCH}).balance == id;
    }}
}}
"""

Node = dict[str, Any]

# What gambit asks of a compiler: the syntax tree of a file, in a folder.
_SOLC = """#!/bin/sh
while [ $# -gt 0 ]; do
    case "$1" in
        --ast-compact-json) file=$2 ;;
        --output-dir) folder=$2 ;;
    esac
    shift
done
mkdir -p "$folder"
cp "{tree}" "$folder/$(basename "$file")_json.ast"
"""

_SIMPLE = ("ExpressionStatement", "Return", "EmitStatement", "RevertStatement")
_CONDITIONAL = ("IfStatement", "WhileStatement", "DoWhileStatement", "ForStatement")
_HUNK = re.compile(r"^@@ -(\d+)")
# Above each mutant, and as many lines as the expression has.
_COMMENT = re.compile(rb"[ \t]*/// \w+\(`.*?`\) of: `[^\n]*`\n", re.DOTALL)


@dataclass(frozen=True)
class Change:
    """Bytes `start` to `end` of a source become `text`."""

    source: str
    start: int
    end: int
    text: bytes
    kind: str


@dataclass(frozen=True)
class Place:
    """What a change turns as a whole: an expression, or a statement with its semicolon."""

    start: int
    end: int
    is_expression: bool
    contract: str
    function: str
    in_constructor: bool


@dataclass(frozen=True)
class Mutant:
    number: int
    change: Change
    place: Place

    def described(self, original: bytes) -> str:
        before = original[self.place.start : self.place.end]
        after = self.mutated(original)
        return f"`{' '.join(before.decode().split())}` → `{' '.join(after.decode().split())}`"

    def mutated(self, original: bytes) -> bytes:
        change, place = self.change, self.place
        return original[place.start : change.start] + change.text + original[change.end : place.end]


# ---- What gambit would change


def changes_of(source: str, tree: Node, work: Path) -> list[Change]:
    """All of gambit's mutants of a file. Its syntax tree is known: gambit need not ask a compiler."""
    binary = next((ROOT / ".deep").glob("lib/python*/site-packages/certora_bins/gambit"), None)
    if binary is None:
        raise SystemExit("make .deep/.ready first: it installs gambit")
    folder = work / "gambit" / Path(source).stem
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    out, solc = folder / "out", folder / "solc"
    (folder / "tree.json").write_text(json.dumps(tree))
    solc.write_text(_SOLC.format(tree=folder / "tree.json"))
    solc.chmod(0o755)
    command: list[str | Path] = [
        binary,
        "mutate",
        "--filename",
        source,
        "--solc",
        solc,
        "--skip_validate",
        "--no_export",
        "--outdir",
        out,
    ]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    lines = (ROOT / source).read_bytes().splitlines(keepends=True)
    found = json.loads((out / "gambit_results.json").read_text())
    changes = [_change(source, lines, each["diff"], each["description"]) for each in found]
    return list(dict.fromkeys(changes))


def _change(source: str, lines: Sequence[bytes], diff: str, kind: str) -> Change:
    """The least stretch of bytes in which a mutant differs."""
    before, after, first, at = b"", b"", 0, 0
    for line in diff.splitlines(keepends=True)[2:]:
        hunk = _HUNK.match(line)
        if hunk:
            begin = int(hunk[1]) - 1
            if not at:
                first = at = begin
            between = b"".join(lines[at:begin])
            before, after, at = before + between, after + between, begin
        elif line.startswith("+"):
            after += line[1:].encode()
        else:
            before += lines[at]
            if line.startswith(" "):
                after += lines[at]
            at += 1
    after = _COMMENT.sub(b"", after, count=1)
    start, most = 0, min(len(before), len(after))
    while start < most and before[start] == after[start]:
        start += 1
    same = 0
    while same < most - start and before[-1 - same] == after[-1 - same]:
        same += 1
    offset = sum(map(len, lines[:first]))
    return Change(source, offset + start, offset + len(before) - same, after[start : len(after) - same], kind)


def syntax_trees(names: Sequence[str]) -> dict[str, Node]:
    return {name: found["ast"] for name, found in analyse(ROOT, names)["sources"].items()}


def analyse(root: Path, names: Sequence[str]) -> Node:
    """What the compiler says without making code."""
    import solcx

    config = compiler.load_config()
    before, compiler.ROOT = compiler.ROOT, root
    try:
        sources = compiler._unit(list(names), config).sources
    finally:
        compiler.ROOT = before
    request = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sources.items()},
        "settings": {
            "remappings": config.settings["remappings"],
            "outputSelection": {"*": {"": ["ast"]}},
        },
    }
    try:
        output: Node = solcx.compile_standard(request, solc_version=config.version)
    except solcx.exceptions.SolcError as error:
        output = json.loads(error.stdout_data or "{}")
    return output


# ---- Where each goes


class Source:
    """A file with the places in it that can be turned."""

    def __init__(self, name: str, tree: Node) -> None:
        self.name = name
        self.text = (ROOT / name).read_bytes()
        self.places = list(self._places(tree, "", "", False))
        self.callers = _callers(tree)
        nodes = list(_nodes(tree))
        self._operations = [each for each in nodes if each.get("nodeType") == "BinaryOperation"]
        self._values = [
            (each["rightHandSide"], each["leftHandSide"]["typeDescriptions"]["typeString"])
            for each in nodes
            if each.get("nodeType") == "Assignment"
        ] + [
            (each["initialValue"], each["declarations"][0]["typeDescriptions"]["typeString"])
            for each in nodes
            if _is_single(each)
        ]

    def is_typed(self, change: Change) -> bool:
        """False where the types alone say that a change can't compile: most of gambit's can't."""
        if change.kind == "BinaryOpMutation":
            holding = [each for each in self._operations if _holds(_range(each), change)]
            if not holding:
                return False
            node = min(holding, key=lambda each: int(each["src"].split(":")[1]))
            start, end = _range(node["leftExpression"])[1], _range(node["rightExpression"])[0]
            if change.start < start or change.end > end:
                return True
            return _is_operation(node, self._changed(start, end, change))
        if change.kind == "AssignmentMutation":
            for value, kind in self._values:
                if _holds(_range(value), change):
                    new = self._changed(*_range(value), change)
                    return new in _CONSTANTS.get(kind.rstrip("0123456789"), ())
            return False
        return True

    def _changed(self, start: int, end: int, change: Change) -> str:
        text = self.text[start : change.start] + change.text + self.text[change.end : end]
        return text.decode().strip()

    def place_of(self, change: Change) -> Place | None:
        """The least that holds the whole change; none where only a build of its own would do."""
        holding = [each for each in self.places if each.start <= change.start and change.end <= each.end]
        return min(holding, key=lambda each: each.end - each.start, default=None)

    def _places(self, node: Node, contract: str, function: str, constructing: bool) -> Iterator[Place]:
        kind = node.get("nodeType")
        if kind == "ContractDefinition":
            contract = node["name"]
        if kind == "FunctionDefinition":
            function = node["name"] or node["kind"]
            constructing = node["kind"] == "constructor"
        if kind == "ModifierDefinition":
            function = node["name"]

        def place(start: int, end: int, is_expression: bool) -> Place:
            return Place(start, end, is_expression, contract, function, constructing)

        if kind in _SIMPLE:
            start, end = _range(node)
            end = self.text.index(b";", end - 1) + 1
            yield place(start, end, False)
        elif kind in _CONDITIONAL and node.get("condition"):
            yield place(*_range(node["condition"]), True)
        elif _is_single(node):
            yield place(*_range(node["initialValue"]), True)
        for name, child in node.items():
            if kind == "ForStatement" and name == "loopExpression" and child:
                yield place(*_range(child["expression"]), True)
                continue
            for each in child if isinstance(child, list) else [child]:
                if isinstance(each, dict):
                    yield from self._places(each, contract, function, constructing)


_COMPARISONS = ("==", "!=", "<", ">", "<=", ">=")
_ARITHMETIC = ("+", "-", "*", "/", "%", "**", "&", "|", "^", "<<", ">>")
_CONSTANTS = {"uint": ("0", "1"), "bytes": ("0",), "bool": ("true", "false")}


def _is_operation(node: Node, new: str) -> bool:
    old, kind = node["operator"], node["leftExpression"]["typeDescriptions"]["typeString"]
    is_number = kind.startswith(("uint", "int_const"))
    if old in ("&&", "||"):
        return new in ("&&", "||", "==", "!=")
    if old in _COMPARISONS:
        ordered = is_number or kind.startswith(("address", "bytes", "enum"))
        return new in (_COMPARISONS if ordered else ("==", "!="))
    if new in ("/", "%") and node["rightExpression"].get("value") == "0":
        return False
    return new in (_ARITHMETIC if is_number else ("&", "|", "^"))


def _is_single(node: Node) -> bool:
    """Whether it declares one variable, with its value."""
    found = node.get("nodeType") == "VariableDeclarationStatement" and node.get("initialValue")
    return bool(found) and len(node["declarations"]) == 1


def _holds(place: tuple[int, int], change: Change) -> bool:
    return place[0] <= change.start and change.end <= place[1]


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.values():
        for each in child if isinstance(child, list) else [child]:
            if isinstance(each, dict):
                yield from _nodes(each)


def _range(node: Node) -> tuple[int, int]:
    start, length, _ = map(int, node["src"].split(":"))
    return start, start + length


def _callers(tree: Node) -> dict[str, set[str]]:
    """Who calls each function of a file, directly."""
    names: dict[int, str] = {}
    calls: list[tuple[str, int]] = []

    def visit(node: Node, inside: str) -> None:
        kind = node.get("nodeType")
        if kind in ("FunctionDefinition", "ModifierDefinition"):
            inside = node["name"] or node.get("kind", "")
            names[node["id"]] = inside
        if "referencedDeclaration" in node and inside and isinstance(node["referencedDeclaration"], int):
            calls.append((inside, node["referencedDeclaration"]))
        for child in node.values():
            for each in child if isinstance(child, list) else [child]:
                if isinstance(each, dict):
                    visit(each, inside)

    visit(tree, "")
    callers: dict[str, set[str]] = {}
    for caller, called in calls:
        if called in names:
            callers.setdefault(names[called], set()).add(caller)
    return callers


def verbs_of(source: Source, function: str) -> set[str]:
    """All of the file from which a function is reached, itself included."""
    known, waiting = set[str](), [function]
    while waiting:
        name = waiting.pop()
        if name not in known:
            known.add(name)
            waiting += source.callers.get(name, ())
    return known


# ---- One build of them all


def weave(source: Source, mutants: Sequence[Mutant]) -> tuple[bytes, list[tuple[int, int, int]]]:
    """The source with all of its mutants, and the bytes of each in it: (start, end, number)."""
    spots: dict[Place, list[Mutant]] = {}
    for mutant in mutants:
        spots.setdefault(mutant.place, []).append(mutant)
    out, regions, at = bytearray(), list[tuple[int, int, int]](), 0
    for place in sorted(spots, key=lambda each: each.start):
        original = source.text[place.start : place.end]
        out += source.text[at : place.start]
        at = place.end
        out += b"(" if place.is_expression else b"{ "
        for mutant in spots[place]:
            begin = len(out)
            text = mutant.mutated(source.text)
            if place.is_expression:
                out += b"Mutant.on(%d) ? (%s\n) : (" % (mutant.number, text)
            else:
                out += b"if (Mutant.on(%d)) { %s\n} else { " % (mutant.number, text)
            regions.append((begin, len(out), mutant.number))
        out += original + b"\n"
        out += (b")" if place.is_expression else b" }") * (len(spots[place]) + 1)
    out += source.text[at:]

    depth = source.name.count("/") - 1
    path = "./" * (depth == 0) + "../" * depth
    line = f'import {{Mutant}} from "{path}libraries/Mutant.sol";\n'.encode()
    begin = out.index(b"\n", out.index(b"pragma solidity")) + 1
    out[begin:begin] = line
    moved = [
        (start + len(line) * (start >= begin), end + len(line) * (end >= begin), number)
        for start, end, number in regions
    ]
    return bytes(out), moved


def faulty(output: Node, regions: Mapping[str, Sequence[tuple[int, int, int]]]) -> set[int]:
    """The mutants in which the compiler finds errors."""
    found: set[int] = set()
    for issue in output.get("errors", ()):
        if issue["severity"] != "error":
            continue
        place = issue.get("sourceLocation", {})
        near = [
            (abs(start - place.get("start", -1)), number)
            for start, end, number in regions.get(place.get("file", ""), ())
            if start - 1 <= place["start"] < end
        ]
        if not near:
            raise SystemExit(issue["formattedMessage"])
        found.add(min(near)[1])
    return found
