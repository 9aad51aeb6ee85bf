"""The docs name the tests that show what they say: they are there, and no attack's file is forgotten."""

from __future__ import annotations

import re

import pytest

from tensorbond.chain.artifacts import CONTRACTS
from tests.anvil import ROOT

pytestmark = pytest.mark.unit

_TEST = re.compile(r"`(tests/[\w/.]+?\.(?:py|sol))(?:::(\w+))?`")


def page(document: str) -> str:
    return (ROOT / "docs" / document).read_text(encoding="utf-8")


def named(document: str) -> list[tuple[str, str]]:
    return _TEST.findall(page(document))


def invariants() -> dict[int, str]:
    """By number, as docs/protocol.md states them."""
    chapter = page("protocol.md").split("\n## Invariants\n")[1].split("\n### ")[0]
    return {int(number): text for number, text in re.findall(r"^(\d+)\. (.+)", chapter, re.MULTILINE)}


def checks() -> dict[int, list[str]]:
    """By the invariant's number the four cells of its row: plays in forge and of the model, tests, proofs."""
    table = page("protocol.md").split("\n### What checks each\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", table, re.MULTILINE)
    return {int(number): cells.split(" | ") for number, cells in rows}


@pytest.mark.parametrize(
    ("document", "least"),
    [
        ("trust.md", 30),
        ("features.md", 60),
        ("protocol.md", 50),
        ("assurance.md", 0),
        ("security-checklist.md", 60),
    ],
)
def test_docs__every_test_that_they_name__is_there(document: str, least: int) -> None:
    tests = named(document)
    assert len(tests) >= least
    for path, name in tests:
        text = (ROOT / path).read_text(encoding="utf-8")
        keyword = "def" if path.endswith(".py") else "function"
        assert (f"{keyword} {name}(" if name else "") in text, (path, name)


def test_attacks__every_file_of_one__is_named_by_the_docs() -> None:
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "tests/contracts/attacks").glob("test_*.py")}
    assert files - {path for path, _ in named("trust.md")} == set()


def test_checklist__every_group_and_risk__says_what_is_met_and_by_which_test() -> None:
    rows = re.findall(
        r"^\| (S\S+?)[ ,].* \| (\S+) \| .+ \| (.+) \|$", page("security-checklist.md"), re.MULTILINE
    )
    assert [name for name, _, _ in rows if name.startswith("SC")] == [f"SC{n:02}" for n in range(1, 11)]
    chapters = {re.match(r"S\d+", name)[0] for name, _, _ in rows if not name.startswith("SC")}  # type: ignore[index]
    assert chapters == {f"S{n}" for n in range(1, 12)}
    for name, met, tests in rows:
        assert met in ("yes", "partly", "no", "n/a"), name
        assert "`tests/" in tests or met in ("no", "n/a"), name
    assert {"no", "partly"} < {met for _, met, _ in rows}


def test_security__severities_and_scope__are_told() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    scope, severity = (text.split(f"\n## {name}\n")[1].split("\n## ")[0] for name in ("Scope", "Severity"))
    assert {name for name in (*CONTRACTS, "Erc792Arbiter") if f"`{name}`" not in scope} == set()
    assert re.findall(r"^\| (\w+) \|", severity, re.MULTILINE)[1:] == ["critical", "high", "medium", "low"]


def test_invariants__each__is_checked_in_every_play_and_by_tests() -> None:
    assert list(checks()) == list(invariants()) == list(range(1, len(invariants()) + 1))
    for number, (plays, model, tests, _) in checks().items():
        assert "`tests/forge/" in plays, number
        assert "`tests/" in tests, number
        assert "`tests/properties/" in model or number in (12, 13), number


@pytest.mark.parametrize("number", checks())
def test_invariant__what_checks_it_in_a_play__says_so(number: int) -> None:
    """In forge a failure begins with the number; each function that the row names has one that does."""
    for path, name in _TEST.findall(checks()[number][0]):
        text = (ROOT / path).read_text(encoding="utf-8")
        body = text.split(f"function {name}(", 1)[1].split("\n    }\n", 1)[0]
        assert f'"{number}: ' in body, (path, name)
