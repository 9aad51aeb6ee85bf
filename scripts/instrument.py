"""Solidity sources, rewritten at the nodes of their syntax tree.

The compiler's own tree says where a statement or a condition begins and ends; what is inserted there is the
caller's business (`scripts/coverage.py` puts probes there). Positions are bytes, as the compiler counts them.

    sources = parse(contract_names())
    edits = Edits(sources["contracts/Rewards.sol"])
    for function in functions(edits.source.tree):
        edits.open_block(function["body"], "seen(7);")
    text = edits.text()

`pure` becomes `view` in what `Edits.text` returns, interfaces too, so that an insertion may read state:
whoever compiles one rewritten file has to rewrite all that it imports (`readable`).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import scripts.compile as compiler

Node = dict[str, Any]

# What may stand where a statement is expected, blocks apart.
STATEMENTS = frozenset(
    {
        "Break",
        "Continue",
        "DoWhileStatement",
        "EmitStatement",
        "ExpressionStatement",
        "ForStatement",
        "IfStatement",
        "InlineAssembly",
        "PlaceholderStatement",
        "Return",
        "RevertStatement",
        "TryStatement",
        "VariableDeclarationStatement",
        "WhileStatement",
    }
)
BLOCKS = frozenset({"Block", "UncheckedBlock"})
_LOOPS = frozenset({"DoWhileStatement", "ForStatement", "WhileStatement"})
_BODIES = ("trueBody", "falseBody", "body")
_BLANK = re.compile(rb"(?:\s|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_PURE = re.compile(r"\bpure\b")


@dataclass(frozen=True)
class Source:
    """A file as the compiler read it."""

    name: str
    data: bytes
    tree: Node

    def span(self, node: Node) -> tuple[int, int]:
        """Its first byte, and the one behind its last. A simple statement's semicolon is not its own."""
        start, length, _ = map(int, node["src"].split(":"))
        return start, start + length

    def text_of(self, node: Node) -> str:
        start, end = self.span(node)
        return self.data[start:end].decode()

    def line_of(self, node: Node) -> int:
        """From 1."""
        return bisect_right(self._lines, self.span(node)[0])

    def column_of(self, node: Node) -> int:
        """From 1, in bytes."""
        return self.span(node)[0] - self._lines[self.line_of(node) - 1] + 1

    def end_of(self, statement: Node) -> int:
        """Behind the statement and its semicolon."""
        kind = statement["nodeType"]
        if kind in BLOCKS or kind == "InlineAssembly":
            return self.span(statement)[1]
        if kind == "IfStatement":
            return self.end_of(statement.get("falseBody") or statement["trueBody"])
        if kind in ("ForStatement", "WhileStatement"):
            return self.end_of(statement["body"])
        if kind == "TryStatement":
            return self.span(statement["clauses"][-1]["block"])[1]
        end = self._behind(self.span(statement)[1])
        return end + 1 if self.data[end : end + 1] == b";" else self.span(statement)[1]

    def _behind(self, at: int) -> int:
        """The first byte of code from there on."""
        blank = _BLANK.match(self.data, at)
        assert blank is not None
        return blank.end()

    @cached_property
    def _lines(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer(rb"\n", self.data))]


@dataclass
class Edits:
    """Insertions and replacements in one source. They nest: what is wrapped later lies within."""

    source: Source
    _before: dict[int, list[str]] = field(default_factory=dict)
    _after: dict[int, list[str]] = field(default_factory=dict)
    _replaced: dict[tuple[int, int], str] = field(default_factory=dict)

    def wrap(self, node: Node, before: str, after: str) -> None:
        """Put an expression between two texts."""
        start, end = self.source.span(node)
        self.insert(start, before)
        self._after.setdefault(end, []).insert(0, after)

    def replace(self, node: Node, text: str) -> None:
        """Another text for the node. Nothing within it can be edited then."""
        self._replaced[self.source.span(node)] = text

    def insert(self, at: int, text: str) -> None:
        """Behind all that was inserted there before."""
        self._before.setdefault(at, []).append(text)

    def open_block(self, block: Node, text: str) -> None:
        """Begin a block (also one of assembly) with this."""
        start, end = self.source.span(block)
        self.insert(self.source.data.index(b"{", start, end) + 1, text)

    def precede(self, statement: Node, text: str, *, alone: bool = False) -> None:
        """Put text before a statement; `alone`: it is a body without braces, which it gets."""
        self.insert(self.source.span(statement)[0], ("{ " if alone else "") + text)
        if alone:
            self._after.setdefault(self.source.end_of(statement), []).insert(0, " }")

    def import_names(self, path: str, *names: str) -> None:
        """Import them, by the name of a source unit."""
        pragma = next(node for node in self.source.tree["nodes"] if node["nodeType"] == "PragmaDirective")
        text = f'\nimport {{{", ".join(names)}}} from "{path}";'
        self._after.setdefault(self.source.end_of(pragma), []).append(text)

    def text(self) -> str:
        """The source with all of it, `pure` read as `view`."""
        data, parts, at = self.source.data, [], 0
        replaced = {start: (end, text) for (start, end), text in self._replaced.items()}
        for place in sorted({*self._before, *self._after, *replaced}):
            assert place >= at, f"{self.source.name}: something is edited within what is replaced"
            parts += [data[at:place].decode(), *self._after.get(place, ()), *self._before.get(place, ())]
            end, text = replaced.get(place, (place, ""))
            parts.append(text)
            at = end
        parts.append(data[at:].decode())
        return readable("".join(parts))


def contract_names() -> list[str]:
    """All sources in `contracts/`."""
    return sorted(
        path.relative_to(compiler.ROOT).as_posix()
        for path in compiler.CONTRACTS.rglob("*.sol")
        if ".cache" not in path.parts
    )


def parse(names: Iterable[str]) -> dict[str, Source]:
    """The sources with their trees. Their imports are read too, and left out."""
    wanted = list(names)
    unit = compiler._unit(wanted, compiler.load_config())
    kept = compiler.BUILD / "syntax" / f"{unit.digest}.json"
    trees: dict[str, Node] | None = compiler._read_json(kept)
    if trees is None:
        trees = _trees(unit.sources, wanted)
        compiler._write_json(kept, trees)
    return {name: Source(name, unit.sources[name].encode(), trees[name]) for name in wanted}


def _trees(texts: Mapping[str, str], wanted: Iterable[str]) -> dict[str, Node]:
    import solcx  # here, because it is slow to import

    config = compiler.load_config()
    request = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in texts.items()},
        "settings": {
            "remappings": config.settings["remappings"],
            "outputSelection": {"*": {"": ["ast"]}},
        },
    }
    found = solcx.compile_standard(request, solc_version=config.version)["sources"]
    return {name: found[name]["ast"] for name in wanted}


def readable(text: str) -> str:
    """The text with every `pure` a `view`; as long as it was."""
    return _PURE.sub("view", text)


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, the outer first, each in the order of the tree."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(list(children(node)))


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below, assembly's included."""
    for value in node.values():
        for each in value if isinstance(value, list) else (value,):
            if isinstance(each, dict) and "nodeType" in each:
                yield each


def functions(tree: Node) -> Iterator[Node]:
    """Everything with a body: functions, free ones too, constructors and modifiers."""
    for node in walk(tree):
        if node["nodeType"] in ("FunctionDefinition", "ModifierDefinition") and node.get("body"):
            yield node


def title_of(function: Node) -> str:
    """Its name; `constructor`, `receive` and `fallback` have none of their own."""
    return str(function.get("name") or function.get("kind", ""))


def statements(body: Node) -> Iterator[tuple[Node, bool]]:
    """Every statement of a body, the outer first, and whether it is a body of its own without braces.

    Blocks are gone through. The head of a `for` belongs to the loop."""
    if body["nodeType"] in BLOCKS:
        for each in body["statements"]:
            yield from _statement(each, alone=False)
    else:
        yield from _statement(body, alone=True)


def _statement(node: Node, *, alone: bool) -> Iterator[tuple[Node, bool]]:
    if node["nodeType"] in BLOCKS:
        yield from statements(node)
        return
    yield node, alone
    for name in _BODIES:
        if node.get(name):
            yield from statements(node[name])
    for clause in node.get("clauses", ()):
        yield from statements(clause["block"])


def conditions(node: Node) -> Iterator[Node]:
    """Every condition below a body: of an if, a loop, a ternary, a `require` and an `assert`."""
    for each in walk(node):
        kind = each["nodeType"]
        if (kind in _LOOPS or kind in ("Conditional", "IfStatement")) and each.get("condition"):
            yield each["condition"]
        elif kind == "FunctionCall" and each["expression"].get("name") in ("assert", "require"):
            yield each["arguments"][0]


def assembly_branches(node: Node) -> Iterator[Node]:
    """Every `if` and every `case` in the assembly below."""
    return (each for each in walk(node) if each["nodeType"] in ("YulIf", "YulCase"))
