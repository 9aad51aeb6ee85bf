"""The test network's governor acts at once and is its own guardian. Here its calls wait, another guards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tensorbond.chain.roles import ADMIN, GOVERNOR, GUARDIAN
from tests.chain import Chain, Sent, project_artifacts

DELAY = 2 * 24 * 3600


@pytest.fixture
def guardian(chain: Chain, governor: str, auditor: str) -> str:
    chain.send("AccessManager", "grantRole", GUARDIAN, auditor, 0, sender=governor)
    chain.send("AccessManager", "revokeRole", GUARDIAN, governor, sender=governor)
    return auditor


@pytest.fixture
def slow_governor(chain: Chain, guardian: str, governor: str) -> str:
    chain.send("AccessManager", "grantRole", GOVERNOR, governor, DELAY, sender=governor)
    chain.send("AccessManager", "grantRole", ADMIN, governor, DELAY, sender=governor)
    return governor


@dataclass
class Operation:
    """A governor's call, to be scheduled, made or cancelled."""

    chain: Chain
    caller: str
    contract: str
    function: str
    args: tuple[Any, ...]

    @property
    def data(self) -> bytes:
        return project_artifacts()[self.contract].abi.encode_call(self.function, self.args)

    @property
    def id(self) -> bytes:
        found: bytes = self.chain.call(
            "AccessManager", "hashOperation", self.caller, self.chain.at(self.contract), self.data
        )
        return found

    def schedule(self) -> Sent:
        return self.chain.send(
            "AccessManager", "schedule", self.chain.at(self.contract), self.data, 0, sender=self.caller
        )

    def make(self) -> Sent:
        return self.chain.send(self.contract, self.function, *self.args, sender=self.caller)

    def cancel(self, sender: str) -> Sent:
        return self.chain.send(
            "AccessManager", "cancel", self.caller, self.chain.at(self.contract), self.data, sender=sender
        )


@pytest.fixture
def set_fee(chain: Chain, slow_governor: str) -> Operation:
    return Operation(chain, slow_governor, "JobEscrow", "setFee", (200,))
