"""Who governs: the roles of AccessManager, their members and delays, and the verbs that each role may call.

    governor ──(delay)──► parameters within the bounds in code, unpause; and, as AccessManager's admin, roles
    guardian ──(at once)─► pause; and cancel what the governor has scheduled, except its own dismissal

Everything else is nobody's: the deployer's rights end with the transaction that hands them over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tensorbond.chain.artifacts import CONTRACTS, Artifacts
from tensorbond.chain.errors import DeploymentInvalid

ADMIN, GOVERNOR, GUARDIAN = 0, 1, 2
LABELS = {GOVERNOR: "governor", GUARDIAN: "guardian"}

PARAMETER_VERBS: Mapping[str, tuple[str, ...]] = {
    "DeviceRegistry": ("addClass", "schedule"),
    "Attestations": ("seat",),
    "JobEscrow": ("allowToken", "setFee"),
    "LeaseEscrow": ("allowToken", "setFee"),
    # Changing roles is the admin's right whatever stands here; that it stands here lets the guardian cancel
    # it. All but `revokeRole`: else a guardian could not be dismissed.
    "AccessManager": (
        "grantRole",
        "labelRole",
        "setGrantDelay",
        "setRoleAdmin",
        "setRoleGuardian",
        "setTargetAdminDelay",
        "setTargetClosed",
        "setTargetFunctionRole",
        "updateAuthority",
    ),
}
PAUSE, UNPAUSE = "pause", "unpause"


@dataclass(frozen=True)
class Member:
    """An account in a role. `delay`: seconds from scheduling a call to the earliest time of making it."""

    role: int
    account: str
    delay: int


def verbs_of(role: int, artifacts: Artifacts) -> dict[str, list[str]]:
    """The restricted verbs by contract that a role may call."""
    if role == GOVERNOR:
        verbs = {name: list(PARAMETER_VERBS.get(name, ())) for name in CONTRACTS}
        for name, functions in _pausable(artifacts).items():
            verbs[name] += [UNPAUSE] if UNPAUSE in functions else []
        return {name: found for name, found in verbs.items() if found}
    if role == GUARDIAN:
        return {name: [PAUSE] for name in _pausable(artifacts)}
    return {}


def selectors_of(role: int, artifacts: Artifacts) -> dict[str, list[bytes]]:
    """The same as `setTargetFunctionRole` takes them."""
    found = {}
    for name, verbs in verbs_of(role, artifacts).items():
        functions = artifacts[name].abi.functions
        if missing := [verb for verb in verbs if verb not in functions]:
            raise DeploymentInvalid(f"{name} has no verb {', '.join(missing)} to give to a role")
        found[name] = [functions[verb].selector for verb in verbs]
    return found


def members_of(governor: str, governor_delay: int, guardian: str) -> list[Member]:
    """Everybody who is in a role. Only the governor's calls wait: a pause that waits helps nobody."""
    return [
        Member(ADMIN, governor, governor_delay),
        Member(GOVERNOR, governor, governor_delay),
        Member(GUARDIAN, guardian, 0),
    ]


def _pausable(artifacts: Artifacts) -> dict[str, set[str]]:
    return {
        name: set(artifacts[name].abi.functions)
        for name in CONTRACTS
        if name in artifacts and PAUSE in artifacts[name].abi.functions
    }
