from __future__ import annotations

import pytest

from tests.chain import Chain
from tests.memory_work import MemoryWork, commit_memory, memory_device_as, open_memory


@pytest.fixture
def honest(chain: Chain, provider: str) -> MemoryWork:
    """A good M-phase, opened."""
    return open_memory(chain, commit_memory(chain, provider, memory_device_as(chain, provider)))
