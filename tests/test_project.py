"""The project's own files agree: one compiler, one set of settings, documents that lead somewhere."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tensorbond.cli import NOUNS
from tests.anvil import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def test_compiler__in_every_configuration__is_the_same() -> None:
    ape = yaml.safe_load((ROOT / "ape-config.yaml").read_text())["solidity"]
    forge = tomllib.loads((ROOT / "foundry.toml").read_text())["profile"]["default"]
    packages = json.loads((ROOT / "package.json").read_text())["dependencies"]
    assert packages["solc"] == ape["version"]
    assert forge["evm_version"] == ape["evm_version"]
    assert forge["remappings"] == ape["import_remapping"]


def test_lint__of_contracts__takes_no_warning() -> None:
    lint = (ROOT / "Makefile").read_text().split("\nlint:")[1].split("\n\n")[0]
    assert re.search(r"solhint\.js --max-warnings 0 .*'contracts/\*\*/\*\.sol'", lint)


def test_lock_files__name__no_registry() -> None:
    for name in ("package-lock.json", "requirements/dev.txt", "requirements/uv.txt"):
        text = (ROOT / name).read_text()
        assert not re.search(r"registry\.|pythonhosted|index-url|find-links|\"resolved\"", text), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_document__every_link__leads_to_a_file(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)", text)
    missing = [link for link in links if not (document.parent / link).exists()]
    assert missing == []


def test_readme__commands_it_names__exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"tensorbond ([a-z]+)", text)) - {"is"} <= set(NOUNS)
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", text)) <= targets
