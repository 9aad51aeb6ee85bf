from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chain import Chain
from tests.memory_work import MemoryWork, commit_memory, memory_device_as, open_memory
from tests.system import isolated


@pytest.fixture
def chain(system: Chain, request: pytest.FixtureRequest) -> Iterator[Chain]:
    """The system; where a test wants an honest M-phase, done already."""
    if "honest" in request.fixturenames:
        request.getfixturevalue("opened")
    yield from isolated(system)


@pytest.fixture
def honest(chain: Chain, opened: MemoryWork) -> MemoryWork:
    """A good M-phase, opened."""
    return opened


@pytest.fixture(scope="module")
def opened(system: Chain, provider: str) -> Iterator[MemoryWork]:
    """Opened once a module: every test begins there."""
    for chain in isolated(system):
        yield open_memory(chain, commit_memory(chain, provider, memory_device_as(chain, provider)))
