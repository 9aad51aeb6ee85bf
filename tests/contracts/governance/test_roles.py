"""The role × function matrix: docs/roles.md against the compiled ABIs and the chain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from tensorbond.chain.abi import Item, Parameter
from tensorbond.chain.artifacts import CONTRACTS
from tensorbond.chain.roles import GOVERNOR, GUARDIAN, verbs_of
from tests.anvil import ROOT
from tests.chain import Chain, Reverted, project_artifacts, system_artifacts
from tests.system import ROLES, oracle_accounts, role

_ROW = re.compile(r"^\| (`\w+`(?:, `\w+`)*) \| (.+?) \| (?:`(\w+)`|—) \|$", re.MULTILINE)


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


def verbs(contract: str) -> dict[str, Item]:
    """What changes state, by name. Overloads take turns."""
    functions = project_artifacts()[contract].abi.functions.values()
    return {item.name: item for item in functions if not item.is_view}


def zero(parameter: Parameter) -> Any:
    """The argument that says nothing."""
    if parameter.is_array:
        return []
    if parameter.components:
        return tuple(zero(component) for component in parameter.components)
    match parameter.type:
        case "address":
            return "0x" + "00" * 20
        case "bool":
            return False
        case "string":
            return ""
        case "bytes":
            return b""
    if parameter.type.startswith("bytes"):
        return bytes(int(parameter.type[5:]))
    return 0


def refusal(chain: Chain, contract: str, verb: Item, sender: str) -> tuple[str, dict[str, Any]]:
    """The error that a call with nothing in it gets, and its arguments; ("", {}) if it gets none."""
    try:
        chain.call(contract, verb.signature, *map(zero, verb.inputs), sender=sender)
    except Reverted as reverted:
        return reverted.error, dict(reverted.args_)
    return "", {}


@pytest.fixture
def actors(chain: Chain, guardian: str) -> dict[str, str]:
    """Every role and every contract, by the name that the table has for it."""
    people = {name: role(chain, name) for name in ROLES if name != "auditor"}
    return people | {
        "guardian": guardian,
        "oracle": oracle_accounts(chain, 1)[0],
        **{name: chain.address[name] for name in CONTRACTS},
    }


def test_table__every_verb_of_the_abis__has_a_row_and_no_other() -> None:
    need = {(contract, verb) for contract in CONTRACTS for verb in verbs(contract)}
    have = table().keys()
    assert sorted(need - have) == [], "docs/roles.md must say who may call these"
    assert sorted(have - need) == [], "docs/roles.md speaks of verbs that aren't there"


def test_table__every_error_it_names__is_one_of_the_contract() -> None:
    for (contract, verb), row in table().items():
        errors = {item.name for item in project_artifacts()[contract].abi.errors.values()}
        assert row.error == "" or row.error in errors, f"{contract}.{verb}: {row.error}"
        assert row.error or not row.fixed, f"{contract}.{verb} is {row.caller}'s alone: with which error?"


@pytest.mark.chain
@pytest.mark.parametrize(
    "contract", [c for c in CONTRACTS if any(r.fixed for k, r in table().items() if k[0] == c)]
)
def test_verb__of_a_role_or_a_peer__is_refused_to_everybody_else(
    chain: Chain, actors: dict[str, str], contract: str
) -> None:
    for verb in verbs(contract).values():
        row = table()[contract, verb.name]
        if not row.fixed:
            continue
        assert row.fixed <= actors.keys()
        for actor, address in actors.items():
            error, args = refusal(chain, contract, verb, address)
            where = f"{contract}.{verb.name} as {actor}: {error} {args}"
            if actor in row.fixed:
                assert error != row.error, where
            else:
                assert error == row.error, where
                assert next(iter(args.values())) == address, where


@pytest.mark.chain
def test_restricted__every_verb_under_the_manager__is_given_to_a_role(
    chain: Chain, stranger: str, guardian: str
) -> None:
    """What is `restricted` in code and what deployment wires are the same verbs, and the table's."""
    restricted = {
        (contract, verb.name)
        for contract in CONTRACTS
        if "authority" in project_artifacts()[contract].abi.functions
        for verb in verbs(contract).values()
        if refusal(chain, contract, verb, stranger) == ("AccessManagedUnauthorized", {"caller": stranger})
        and verb.name != "setAuthority"
    }
    for number, name in ((GOVERNOR, "governor"), (GUARDIAN, "guardian")):
        wired = {
            (contract, verb)
            for contract, found in verbs_of(number, system_artifacts()).items()
            for verb in found
            if contract != "AccessManager"
        }
        assert wired == {key for key in restricted if table()[key].caller == name}
        restricted -= wired
    assert restricted == set()
