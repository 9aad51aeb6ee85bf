from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.acts import mine_to_slot
from tests.chain import Chain
from tests.system import role
from tests.work import Work, commit_work, device_as, first_slot_of, seal

CLASSES = ({}, {"r": 3}, {"r": 1}, {"profile": 1}, {"m": 512, "r": 2, "q": 5})
"""What differs from class 0: four rounds, and one padding leaf, no tree of rounds, W2, not square."""


@pytest.fixture(scope="module")
def works(system: Chain) -> Iterator[list[Work]]:
    """Honest work of each class, opened."""
    snapshot = system.snapshot()
    terms = system.call("DeviceRegistry", "classOf", 0)
    devices = []
    for changes in CLASSES:
        sent = system.send(
            "DeviceRegistry", "addClass", replace(terms, **changes), sender=role(system, "governor")
        )
        devices.append(device_as(system, role(system, "provider"), sent.event("ClassAdded")["classId"]))
    first = first_slot_of(system, devices[0])
    committed = [
        commit_work(system, role(system, "provider"), device, first + index)
        for index, device in enumerate(devices)
    ]
    mine_to_slot(system, committed[-1].slot + 1)
    yield [replace(work, evidence=work.proof.open(seal(system, work.slot + 1))) for work in committed]
    system.revert_to(snapshot)
