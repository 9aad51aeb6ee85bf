from __future__ import annotations

import pytest

from tests.acts import commit_as
from tests.chain import Chain
from tests.work import device_as, first_slot_of

from .slots import mine_before, window_of
from .test_record_fault import COMMITMENT, record_fault

pytestmark = pytest.mark.chain


@pytest.fixture
def record(chain: Chain, provider: str) -> tuple[int, int, bytes, int, str]:
    """The arguments that name a record's parts."""
    device = device_as(chain, provider)
    slot = first_slot_of(chain, device)
    mine_before(chain, window_of(chain, slot)[0])
    event = commit_as(chain, provider, device, slot, COMMITMENT).event("Committed")
    return device, slot, COMMITMENT, event["timestamp"], provider


def test_require_record__its_parts__passes(chain: Chain, record: tuple) -> None:
    chain.call("Challenges", "requireRecord", *record)


def test_require_record__after_a_fault__passes(chain: Chain, record: tuple) -> None:
    record_fault(chain, *record[:2])
    chain.call("Challenges", "requireRecord", *record)


@pytest.mark.parametrize("part", [2, 3, 4])
def test_require_record__another_part__reverts(chain: Chain, stranger: str, record: tuple, part: int) -> None:
    other = {2: bytes.fromhex("c1" * 32), 3: record[3] + 1, 4: stranger}[part]
    parts = (*record[:part], other, *record[part + 1 :])
    with chain.reverts("RecordMismatch", device=record[0], slot=record[1]):
        chain.call("Challenges", "requireRecord", *parts)


@pytest.mark.parametrize("part", [0, 1])
def test_require_record__another_place__reverts(chain: Chain, record: tuple, part: int) -> None:
    parts = (*record[:part], record[part] + 1, *record[part + 1 :])
    with chain.reverts("RecordMissing", device=parts[0], slot=parts[1]):
        chain.call("Challenges", "requireRecord", *parts)
