"""Every custom error that `contracts/` declares is expected by a test here, by its name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.anvil import ROOT

pytestmark = pytest.mark.unit

HERE = Path(__file__).parent
_ERROR = re.compile(r"^ *error (\w+)\(", re.MULTILINE)


def declared() -> dict[str, str]:
    """Where each is declared."""
    return {
        name: path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "contracts").rglob("*.sol"))
        for name in _ERROR.findall(path.read_text(encoding="utf-8"))
    }


def expected() -> set[str]:
    """The texts in all modules that expect a refusal: a test may take its error from a table above it."""
    found: set[str] = set()
    for path in sorted(HERE.rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        if any(isinstance(node, ast.Attribute) and node.attr == "reverts" for node in nodes):
            found.update(n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return found


def test_errors__every_one__is_expected_by_a_test_of_the_contracts() -> None:
    known = expected()
    assert len(declared()) > 200
    assert {name: place for name, place in declared().items() if name not in known} == {}
