"""From the deployer to the governor: what is left to call on AccessManager until the roles are as the
deployment says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tensorbond.chain.network import Network
from tensorbond.chain.roles import ADMIN, GOVERNOR, GUARDIAN, LABELS, Member, members_of, selectors_of

MANAGER = "AccessManager"


def handover_due(network: Network) -> list[tuple[str, tuple[Any, ...]]]:
    """Calls of AccessManager, in order; nothing if every verb, member and delay is in place already.

    The admin comes last, for from then on its calls wait; and after it the deployer gives up what it had."""
    due = [*_verbs_due(network), *_guardian_due(network)]
    deployment = network.deployment
    members = members_of(deployment.governor, deployment.governor_delay, deployment.guardian)
    admins = [member for member in members if member.role == ADMIN]
    others = [member for member in members if member.role != ADMIN]
    due += [*_members_due(network, others), *_members_due(network, admins)]
    if deployment.deployer not in [admin.account for admin in admins]:
        is_admin, _ = network.call(MANAGER, "hasRole", ADMIN, deployment.deployer)
        due += [("renounceRole", (ADMIN, deployment.deployer))] if is_admin else []
    return due


def _verbs_due(network: Network) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for role in (GOVERNOR, GUARDIAN):
        for contract, selectors in selectors_of(role, network.artifacts).items():
            target = network.address(contract)
            have = network.calls([(MANAGER, "getTargetFunctionRole", target, each) for each in selectors])
            missing = [each for each, now in zip(selectors, have, strict=True) if now != role]
            if missing:
                yield "setTargetFunctionRole", (target, missing, role)


def _guardian_due(network: Network) -> Iterator[tuple[str, tuple[Any, ...]]]:
    if network.call(MANAGER, "getRoleGuardian", GOVERNOR) != GUARDIAN:
        for role, label in LABELS.items():
            yield "labelRole", (role, label)
        yield "setRoleGuardian", (GOVERNOR, GUARDIAN)


def _members_due(network: Network, members: list[Member]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    have = network.calls([(MANAGER, "hasRole", member.role, member.account) for member in members])
    for member, (is_member, delay) in zip(members, have, strict=True):
        if not is_member or delay != member.delay:
            yield "grantRole", (member.role, member.account, member.delay)
