"""The state diagrams of docs/protocol.md, read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from tests.anvil import ROOT

# As mermaid reads a line: a label ends at a semicolon or a second colon, and the words after become states.
LINE = re.compile(r" *(?:state \w+ \{|\}|(\[\*\]|\w+) --> (\[\*\]|\w+)(?:: ([^:;]+))?)")


@dataclass(frozen=True)
class Edge:
    """`source` and `target` in lower case; `[*]`: before the first, or after the last."""

    source: str
    target: str
    label: str

    @property
    def verbs(self) -> set[str]:
        """The words of the label, but for what stands in parentheses: who, and under which condition."""
        return set(re.findall(r"\w+", re.sub(r"\([^)]*\)", "", self.label)))


@cache
def protocol() -> str:
    return (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")


@cache
def states() -> dict[str, str]:
    """The text under each contract's heading in the chapter of states."""
    chapter = protocol().split("\n## States\n")[1].split("\n## ")[0]
    _, *sections = re.split(r"^### (?=\w+$)", chapter, flags=re.MULTILINE)
    return {section.split("\n", 1)[0]: section for section in sections}


def edges(text: str) -> list[Edge]:
    """Of every diagram in the text."""
    diagrams = "".join(re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", text, re.DOTALL))
    found = (LINE.fullmatch(line) for line in diagrams.splitlines())
    return [Edge(line[1].lower(), line[2].lower(), line[3] or "") for line in found if line and line[1]]
