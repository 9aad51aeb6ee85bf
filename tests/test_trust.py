"""The docs name the tests that show what they say: they are there, and no attack's file is forgotten."""

from __future__ import annotations

import re

import pytest

from tests.anvil import ROOT

pytestmark = pytest.mark.unit

_TEST = re.compile(r"`(tests/\S+?\.py)(?:::(\w+))?`")


def named(document: str) -> list[tuple[str, str]]:
    return _TEST.findall((ROOT / "docs" / document).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("document", "least"), [("trust.md", 30), ("features.md", 60), ("protocol.md", 0), ("assurance.md", 0)]
)
def test_docs__every_test_that_they_name__is_there(document: str, least: int) -> None:
    tests = named(document)
    assert len(tests) >= least
    for path, name in tests:
        text = (ROOT / path).read_text(encoding="utf-8")
        assert (f"def {name}(" if name else "") in text, (path, name)


def test_attacks__every_file_of_one__is_named_by_the_docs() -> None:
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "tests/contracts/attacks").glob("test_*.py")}
    assert files - {path for path, _ in named("trust.md")} == set()
