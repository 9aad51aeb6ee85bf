"""Is a network what its deployment file and this source say it is?

Code against the compiler's output, constructor arguments against the transactions that created the contracts,
roles against every grant that AccessManager has ever logged, parameters against the file, and so what a front
end reads. Nothing is believed because the file says it: whatever it says is compared with the chain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from tensorbond.chain.abi import Event, Parameter, decode_parameters
from tensorbond.chain.deploy import constructor_arguments
from tensorbond.chain.deployment import ESCROWS, SETTINGS, jsonable
from tensorbond.chain.errors import BlockUnknown
from tensorbond.chain.governing import scheduled
from tensorbond.chain.handover import MANAGER
from tensorbond.chain.network import BlockRef, Network
from tensorbond.chain.parameters import Parameters
from tensorbond.chain.publication import addresses_of
from tensorbond.chain.roles import ADMIN, GOVERNOR, GUARDIAN, LABELS, members_of, selectors_of

ROLE_NAMES = {ADMIN: "admin", **LABELS}


@dataclass(frozen=True)
class Finding:
    """One thing that isn't as it should be. `check`: code, arguments, roles, parameters or
    addresses."""

    check: str
    subject: str
    have: Any
    need: Any

    def __str__(self) -> str:
        return f"{self.check}: {self.subject} is {self.have}, need {self.need}"


@dataclass
class Report:
    """What a verification found. `notes`: what is allowed, but worth knowing: a pause, a scheduled call."""

    block: BlockRef
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    # By check, how many values were compared.
    compared: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.findings

    def compare(self, check: str, subject: str, have: Any, need: Any) -> None:
        self.compared[check] = self.compared.get(check, 0) + 1
        have, need = jsonable(have), jsonable(need)
        if have != need:
            self.findings.append(Finding(check, subject, have, need))


def verify(
    network: Network, parameters: Parameters | None = None, published: Mapping[str, Any] | None = None
) -> Report:
    """Compare the chain at its head with the deployment, and that with `parameters` and with what is
    `published` for a front end, if there are any.

    Raises `ChainError` where the node can't tell."""
    report = Report(network.head())
    _verify_code(network, report)
    if published is not None:
        _verify_published(network, published, report)
    if parameters is not None:
        _verify_plan(network, parameters, report)
    if any(finding.check == "code" for finding in report.findings):
        report.notes.append("with other code in place, what the contracts say of themselves was not asked")
        return report
    _verify_roles(network, report)
    _verify_parameters(network, report)
    return report


# Code and arguments


def _verify_code(network: Network, report: Report) -> None:
    records = network.deployment.contracts
    codes = network.rpc.batch([("eth_getCode", (record.address, "latest")) for record in records.values()])
    for (name, record), text in zip(records.items(), codes, strict=True):
        code = bytes.fromhex(text[2:])
        report.compare("code", f"{name}'s code hash", "0x" + keccak(code).hex(), record.code_hash)
        matches = network.artifacts[name].code_matches(code)
        report.compare("code", f"{name} made of this source", matches, True)
        _verify_creation(network, name, report)


def _verify_creation(network: Network, name: str, report: Report) -> None:
    record, artifact = network.deployment.contracts[name], network.artifacts[name]
    created, receipt = network.rpc.batch(
        [
            ("eth_getTransactionByHash", (record.transaction,)),
            ("eth_getTransactionReceipt", (record.transaction,)),
        ]
    )
    if created is None or receipt is None:
        raise BlockUnknown(f"the node knows no transaction {record.transaction}, which created {name}")
    address = str(receipt["contractAddress"] or "").lower()
    report.compare("code", f"{name}'s address", address, record.address.lower())
    report.compare("code", f"{name}'s block", int(receipt["blockNumber"], 16), record.block)
    data = bytes.fromhex(created["input"][2:])
    bytecode = artifact.bytecode
    report.compare("code", f"{name}'s creation code", keccak(data[: len(bytecode)]), keccak(bytecode))
    inputs = artifact.abi.constructor.inputs
    try:
        have = decode_parameters(inputs, data[len(bytecode) :])
    except DecodingError:
        report.compare("arguments", f"{name}'s constructor arguments", "unreadable", record.constructor)
        return
    told = list(record.constructor.items())
    report.compare("arguments", f"{name}'s number of arguments", len(inputs), len(told))
    for parameter, value, (title, need) in zip(inputs, have, told, strict=False):
        report.compare(
            "arguments", f"{name}'s {title}", _plain(parameter, jsonable(value)), _plain(parameter, need)
        )


def _plain(parameter: Parameter, value: Any) -> Any:
    """Values of a JSON file and of calldata, told alike: numbers as numbers, addresses in lower case."""
    if isinstance(value, Mapping):
        components = zip(parameter.field_names, parameter.components, strict=True)
        return {name: _plain(component, value.get(name)) for name, component in components}
    if isinstance(value, str):
        return int(value) if parameter.type.startswith(("uint", "int")) else value.lower()
    return value


def _verify_plan(network: Network, parameters: Parameters, report: Report) -> None:
    deployment = network.deployment
    at = {name: record.address for name, record in deployment.contracts.items()}
    governor = parameters.governor or deployment.deployer
    for name, record in deployment.contracts.items():
        genesis = deployment.timing.from_block
        need = constructor_arguments(name, parameters, deployment.deployer, at, genesis)
        for key, value in need.items():
            report.compare(
                "arguments", f"{name}'s {key} in the file", record.constructor.get(key), jsonable(value)
            )
    guardian = parameters.guardian or governor
    classes = tuple(terms.to_struct() for terms in parameters.classes)
    report.compare("roles", "the governor in the file", deployment.governor, governor)
    report.compare("roles", "its delay in the file", deployment.governor_delay, parameters.governor_delay)
    report.compare("roles", "the guardian in the file", deployment.guardian, guardian)
    report.compare("parameters", "the classes in the file", deployment.classes, classes)
    _verify_planned_tokens(network, parameters, report)


def _verify_planned_tokens(network: Network, parameters: Parameters, report: Report) -> None:
    deployment = network.deployment
    planned = {token.symbol: token for token in parameters.tokens}
    report.compare("parameters", "the tokens in the file", sorted(deployment.tokens), sorted(planned))
    for symbol in sorted(deployment.tokens.keys() & planned.keys()):
        token, address = planned[symbol], deployment.tokens[symbol].lower()
        need = (token.address or address).lower()
        report.compare("parameters", f"{symbol}'s address in the file", address, need)
        for escrow in ESCROWS:
            cap = deployment.caps[escrow][symbol]
            report.compare("parameters", f"{escrow}'s cap of {symbol} in the file", cap, token.cap)


# What a front end reads


def _verify_published(network: Network, published: Mapping[str, Any], report: Report) -> None:
    have, need = dict(_leaves(published)), dict(_leaves(addresses_of(network.deployment)))
    for name in sorted(have.keys() | need.keys()):
        report.compare("addresses", f"addresses.json's {name}", have.get(name), need.get(name))


def _leaves(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """What is in nested mappings, by dotted name."""
    for key, each in value.items():
        if isinstance(each, Mapping) and each:
            yield from _leaves(each, f"{path}{key}.")
        else:
            yield f"{path}{key}", each


# Roles


def _verify_roles(network: Network, report: Report) -> None:
    events = network.events(MANAGER, until=report.block)
    _verify_members(network, events, report)
    _verify_role_settings(network, events, report)
    _verify_verbs(network, events, report)
    _verify_targets(network, report)
    _note_scheduled(network, report)


def _verify_members(network: Network, events: list[Event], report: Report) -> None:
    deployment = network.deployment
    members = members_of(deployment.governor, deployment.governor_delay, deployment.guardian)
    need = {(member.role, member.account.lower()): member.delay for member in members}
    named = {
        (event.args["roleId"], event.args["account"].lower())
        for event in events
        if event.name == "RoleGranted"
    }
    pairs = sorted(named | need.keys())
    access = network.calls([(MANAGER, "getAccess", *pair) for pair in pairs], report.block)
    for (role, account), (since, delay, pending, effect) in zip(pairs, access, strict=True):
        title = f"{ROLE_NAMES.get(role, f'role {role}')} {account}"
        is_needed = (role, account) in need
        report.compare("roles", f"{title}: member", since != 0, is_needed)
        if since and is_needed:
            report.compare("roles", f"{title}: delay", delay, need[role, account])
            if effect:
                report.compare("roles", f"{title}: delay to come", pending, need[role, account])


def _verify_role_settings(network: Network, events: list[Event], report: Report) -> None:
    roles = {ADMIN, GOVERNOR, GUARDIAN}
    roles |= {event.args["roleId"] for event in events if "roleId" in event.args}
    for role in sorted(roles):
        admin, guardian, grant_delay = network.calls(
            [(MANAGER, f"getRole{what}", role) for what in ("Admin", "Guardian", "GrantDelay")], report.block
        )
        title = ROLE_NAMES.get(role, f"role {role}")
        report.compare("roles", f"{title}'s admin role", admin, ADMIN)
        report.compare("roles", f"{title}'s guardian role", guardian, GUARDIAN if role == GOVERNOR else ADMIN)
        report.compare("roles", f"{title}'s grant delay", grant_delay, 0)


def _verify_verbs(network: Network, events: list[Event], report: Report) -> None:
    """Every verb of the contracts under AccessManager, and whatever else was ever given to a role."""
    need: dict[tuple[str, bytes], int] = {}
    titles: dict[tuple[str, bytes], str] = {}
    for name, functions in _managed(network):
        for item in functions:
            key = network.address(name).lower(), item.selector
            need[key], titles[key] = ADMIN, f"{name}.{item.name}"
    for role in (GOVERNOR, GUARDIAN):
        for name, selectors in selectors_of(role, network.artifacts).items():
            need |= {(network.address(name).lower(), selector): role for selector in selectors}
    for event in events:
        if event.name == "TargetFunctionRoleUpdated":
            need.setdefault((event.args["target"].lower(), event.args["selector"]), ADMIN)
    have = network.calls([(MANAGER, "getTargetFunctionRole", *key) for key in need], report.block)
    for (key, role), found in zip(need.items(), have, strict=True):
        title = titles.get(key, f"{key[0]}.0x{key[1].hex()}")
        report.compare(
            "roles", f"{title}'s role", ROLE_NAMES.get(found, found), ROLE_NAMES.get(role, str(role))
        )


def _verify_targets(network: Network, report: Report) -> None:
    manager = network.address(MANAGER)
    for name, _ in _managed(network):
        target = network.address(name)
        closed, delay = network.calls(
            [(MANAGER, "isTargetClosed", target), (MANAGER, "getTargetAdminDelay", target)], report.block
        )
        report.compare("roles", f"{name} closed", closed, False)
        report.compare("roles", f"{name}'s admin delay", delay, 0)
        if name != MANAGER:
            authority = network.call(name, "authority", block=report.block)
            report.compare("roles", f"{name}'s authority", authority, manager)


def _note_scheduled(network: Network, report: Report) -> None:
    for call in scheduled(network, report.block):
        report.notes.append(
            f"scheduled by {call.caller}: {call.contract}.{call.function}{call.args}, "
            f"possible from {call.ready_at} on"
        )


def _managed(network: Network) -> Iterator[tuple[str, list[Any]]]:
    """The contracts under AccessManager, itself included, and their verbs."""
    for name in network.deployment.contracts:
        functions = network.abi(name).functions
        if name == MANAGER or "authority" in functions:
            verbs = {item.signature: item for item in functions.values() if not item.is_view}
            yield name, list(verbs.values())


# Parameters


def _verify_parameters(network: Network, report: Report) -> None:
    deployment, block = network.deployment, report.block
    entries = (deployment.timing, *deployment.schedule)
    _verify_list(network, ("timingCount", "timingEntry"), "timing entry", entries, report)
    _verify_list(network, ("classCount", "classOf"), "class", deployment.classes, report)
    for setting in SETTINGS:
        contract, view = setting.split(".")
        have = network.call(contract, view, block=block)
        report.compare("parameters", setting, have, deployment.settings[setting])
    for escrow in ESCROWS:
        _verify_caps(network, escrow, report)
    for name in deployment.contracts:
        functions = network.abi(name).functions
        if name == "Attestations":
            _note_oracles(network, report)
        if "paused" in functions and network.call(name, "paused", block=block):
            report.notes.append(f"{name} is paused: nothing new begins")


def _note_oracles(network: Network, report: Report) -> None:
    """Who attests is the governor's choice, and no file's."""
    for event in network.events("Attestations", "SetSeated", until=report.block)[-1:]:
        told = event.args
        report.notes.append(
            f"oracle set {told['setId']}, from epoch {told['fromEpoch']} on: "
            f"{len(told['members'])} members, threshold {told['threshold']}"
        )


def _verify_list(
    network: Network, views: tuple[str, str], title: str, need: tuple[Any, ...], report: Report
) -> None:
    count, entry = views
    have = network.call("DeviceRegistry", count, block=report.block)
    report.compare("parameters", f"DeviceRegistry.{count}", have, len(need))
    for index, wanted in enumerate(need[:have]):
        found = network.call("DeviceRegistry", entry, index, block=report.block)
        report.compare("parameters", f"{title} {index}", found, wanted)


def _verify_caps(network: Network, escrow: str, report: Report) -> None:
    """Of every token in the file, and of every other that was ever allowed: none of that may be held."""
    deployment = network.deployment
    need = {
        (symbol, address.lower()): deployment.caps[escrow][symbol]
        for symbol, address in deployment.tokens.items()
    }
    known = {address for _, address in need}
    named = {
        event.args["token"].lower() for event in network.events(escrow, "TokenAllowed", until=report.block)
    }
    need |= {(token, token): 0 for token in sorted(named - known)}
    for (title, token), cap in need.items():
        have = network.call(escrow, "ledgerOf", token, block=report.block).cap
        report.compare("parameters", f"{escrow}'s cap of {title}", have, cap)
