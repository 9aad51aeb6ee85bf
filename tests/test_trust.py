"""docs/trust.md names the tests that stop each attack: they are there, and no attack's file is forgotten."""

from __future__ import annotations

import re

import pytest

from tests.anvil import ROOT

pytestmark = pytest.mark.unit

_ROW = re.compile(r"^\| .+ \| .+ \| `(tests/\S+?\.py)(?:::(\w+))?` \|$", re.MULTILINE)


def named() -> list[tuple[str, str]]:
    return _ROW.findall((ROOT / "docs" / "trust.md").read_text(encoding="utf-8"))


def test_attacks__every_test_that_the_docs_name__is_there() -> None:
    assert len(named()) >= 20
    for path, name in named():
        text = (ROOT / path).read_text(encoding="utf-8")
        assert f"def {name}(" in text if name else "def test_" in text, (path, name)


def test_attacks__every_file_of_one__is_named_by_the_docs() -> None:
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "tests/contracts/attacks").glob("test_*.py")}
    assert files - {path for path, _ in named()} == set()
