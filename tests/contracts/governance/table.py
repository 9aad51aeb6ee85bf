"""The table of docs/roles.md, and the verbs that it must have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tensorbond.chain.abi import Abi, Item
from tensorbond.chain.artifacts import CONTRACTS
from tests.anvil import ROOT
from tests.chain import project_artifacts

# With what isn't deployed by the system, but beside it.
TABLED = (*CONTRACTS, "Erc792Arbiter")

# A verb is its name; where several have one, each is its signature: `withdraw(address)`.
_VERB = r"`\w+(?:\([^` ]*\))?`"
_ROW = re.compile(rf"^\| ({_VERB}(?:, {_VERB})*) \| (.+?) \| (?:`(\w+)`|—) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """Who may call a verb, and the error that everybody else gets; "" if state and arguments decide."""

    caller: str
    error: str

    @property
    def fixed(self) -> set[str]:
        """The roles or peer contracts that may call it, if it is theirs alone."""
        if self.caller in ("governor", "guardian"):
            return {self.caller}
        names = self.caller.split(", ")
        is_peers = all(re.fullmatch(r"`\w+`", name) for name in names)
        return {name.strip("`") for name in names} if is_peers else set()


@cache
def table() -> dict[tuple[str, str], Row]:
    """By contract and verb, as docs/roles.md has them."""
    rows: dict[tuple[str, str], Row] = {}
    _, *sections = re.split(r"^### (?=\w+$)", (ROOT / "docs" / "roles.md").read_text(), flags=re.MULTILINE)
    for section in sections:
        contract = section.split("\n", 1)[0]
        for verbs, caller, error in _ROW.findall(section.split("\n## ")[0]):
            for verb in verbs.replace("`", "").split(", "):
                assert (contract, verb) not in rows, f"{contract}.{verb} has two rows"
                rows[contract, verb] = Row(caller, error)
    return rows


def verbs(contract: str, entries: Sequence[Mapping[str, Any]] | None = None) -> dict[str, Item]:
    """What changes state, by name, or by signature where several have that name; `fallback` and `receive` are
    verbs, too. `entries`: the ABI, if it isn't the compiler's."""
    entries = project_artifacts()[contract].entries if entries is None else entries
    functions = set(Abi(contract, entries).functions.values())
    acting = [item for item in functions if not item.is_view]
    count = Counter(item.name for item in acting)
    found = {item.signature if count[item.name] > 1 else item.name: item for item in acting}
    unnamed = {entry["type"] for entry in entries} & {"fallback", "receive"}
    return found | {kind: Item(contract, kind, ()) for kind in unnamed}


def rowless(contract: str, entries: Sequence[Mapping[str, Any]] | None = None) -> set[str]:
    """The verbs of which the table doesn't say who may call them."""
    return {verb for verb in verbs(contract, entries) if (contract, verb) not in table()}
