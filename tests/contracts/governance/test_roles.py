"""The role × function matrix: docs/roles.md against the compiled ABIs and the chain."""

from __future__ import annotations

from typing import Any

import pytest

from tensorbond.chain.abi import Item, Parameter
from tensorbond.chain.artifacts import CONTRACTS
from tensorbond.chain.roles import GOVERNOR, GUARDIAN, verbs_of
from tests.anvil import ROOT
from tests.chain import Chain, Reverted, project_artifacts, system_artifacts
from tests.system import ROLES, oracle_accounts, role

from .callers import ACCUSED, ELSEWHERE, PARTIES, TRIED
from .table import TABLED, rowless, table, verbs


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
    missing = {contract: found for contract in TABLED if (found := rowless(contract))}
    assert missing == {}, "docs/roles.md must say who may call these"
    there = {(contract, verb) for contract in TABLED for verb in verbs(contract)}
    assert sorted(table().keys() - there) == [], "docs/roles.md speaks of verbs that aren't there"


def test_table__every_row_of_one_party__is_tried_as_every_other() -> None:
    """Those of roles and peers are tried below, the others by the tests that `callers` names."""
    rows = table().items()
    need = {f"{contract}.{verb}": row for (contract, verb), row in rows if row.error and not row.fixed}
    assert TRIED.keys() & ELSEWHERE.keys() == set()
    assert need.keys() == TRIED.keys() | ELSEWHERE.keys()
    assert {need[verb].caller for verb in TRIED} == PARTIES.keys() | {ACCUSED}
    for verb, (path, name) in {**TRIED, **ELSEWHERE}.items():
        assert f"\ndef {name}(" in (ROOT / "tests" / "contracts" / path).read_text(encoding="utf-8"), verb


_ADDED = {"name": "withdraw", "outputs": [], "stateMutability": "nonpayable", "type": "function"}
_ACCOUNT = {"name": "to", "type": "address", "internalType": "address"}


@pytest.mark.parametrize(
    ("entry", "need"),
    [
        (_ADDED | {"inputs": [_ACCOUNT]}, {"withdraw()", "withdraw(address)"}),
        (_ADDED | {"inputs": [_ACCOUNT], "stateMutability": "payable"}, {"withdraw()", "withdraw(address)"}),
        (_ADDED | {"inputs": [], "name": "withdrawAll"}, {"withdrawAll"}),
        (_ADDED | {"inputs": [_ACCOUNT], "stateMutability": "view"}, set()),
        ({"type": "fallback", "stateMutability": "nonpayable"}, {"fallback"}),
        ({"type": "receive", "stateMutability": "payable"}, {"receive"}),
    ],
    ids=["overload", "payable overload", "new", "view", "fallback", "receive"],
)
def test_table__an_entry_that_an_abi_has_more__lacks_a_row(entry: dict[str, Any], need: set[str]) -> None:
    """The test of the test above."""
    entries = project_artifacts()["ProviderStaking"].entries
    assert rowless("ProviderStaking", [*entries, entry]) == need


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
    for key, verb in verbs(contract).items():
        row = table()[contract, key]
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
        (contract, key)
        for contract in CONTRACTS
        if "authority" in project_artifacts()[contract].abi.functions
        for key, verb in verbs(contract).items()
        if refusal(chain, contract, verb, stranger) == ("AccessManagedUnauthorized", {"caller": stranger})
        and key != "setAuthority"
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
