from __future__ import annotations

from dataclasses import replace

import pytest

from tests.acts import TBND
from tests.chain import Chain

from .registry import TERMS, add_class

pytestmark = pytest.mark.chain


def test_add_class__by_the_governor__is_the_next_class(chain: Chain) -> None:
    before = [chain.call("DeviceRegistry", "classOf", each) for each in range(3)]

    sent = add_class(chain, TERMS)

    assert sent.event("ClassAdded") == {"classId": 3, "terms": TERMS}
    assert chain.call("DeviceRegistry", "classOf", 3) == TERMS
    assert chain.call("DeviceRegistry", "classCount") == 4
    assert [chain.call("DeviceRegistry", "classOf", each) for each in range(3)] == before


@pytest.mark.parametrize("account", ["provider", "stranger", "treasury"])
def test_add_class__by_anyone_else__reverts(
    chain: Chain, account: str, request: pytest.FixtureRequest
) -> None:
    sender = request.getfixturevalue(account)

    with chain.reverts("AccessManagedUnauthorized", caller=sender):
        chain.send("DeviceRegistry", "addClass", TERMS, sender=sender)


@pytest.mark.parametrize(
    ("field", "name", "have", "bound"),
    [
        ("m", "m", 128, 256),
        ("m", "m", 384, 256),
        ("m", "m", 2**16 - 1, 2**15),
        ("n", "n", 0, 256),
        ("n", "n", 257, 256),
        ("n", "n", 2**16 - 1, 2**15),
        ("K", "k", 512, 1024),
        ("K", "k", 3072, 2048),
        ("K", "k", 32768, 16384),
        ("R", "r", 0, 1),
        ("R", "r", 4_001, 4_000),
        ("q", "q", 0, 1),
        ("q", "q", 1025, 1024),
        ("profile", "profile", 2, 1),
        ("layers", "layers", 1, 3),
        ("layers", "layers", 2, 3),
        ("layerBits", "layer_bits", 1, 2),
        ("layerBits", "layer_bits", 19, 18),
        ("walkerBits", "walker_bits", 17, 16),
        ("segments", "segments", 0, 1),
        ("segments", "segments", 257, 256),
        ("peakBandwidth", "peak_bandwidth", 0, 1),
        ("minBandwidth", "min_bandwidth", 10_001, 10_000),
        ("slowGops", "slow_gops", 501, 500),
        ("minGops", "min_gops", 0, 1),
        ("peakGops", "peak_gops", 4, 5),
        ("bondPerGops", "bond_per_gops", 0, 1),
        ("missPenalty", "miss_penalty", 10 * TBND + 1, 10 * TBND),
        ("faultBps", "fault_bps", 0, 1),
        ("faultBps", "fault_bps", 10_001, 10_000),
    ],
)
def test_add_class__terms_out_of_range__reverts(
    chain: Chain, field: str, name: str, have: int, bound: int
) -> None:
    with chain.reverts("ClassTermsInvalid", field=field, have=have, bound=bound):
        add_class(chain, replace(TERMS, **{name: have}))


def test_add_class__w2_of_more_than_its_sums_hold__reverts(chain: Chain) -> None:
    add_class(chain, replace(TERMS, profile=1, k=4096))
    with chain.reverts("ClassTermsInvalid", field="K", have=8192, bound=4096):
        add_class(chain, replace(TERMS, profile=1, k=8192))


@pytest.mark.parametrize(
    "change",
    [
        {"m": 256, "n": 256, "k": 1024, "r": 1, "q": 1, "draw_threshold": 0, "min_gops": 1, "fault_bps": 1},
        {"m": 2**15, "n": 2**15, "k": 2**14, "r": 4_000, "q": 1024, "draw_threshold": 2**32 - 1},
        {"bond_per_gops": 2**96 - 1, "miss_penalty": 2**96 - 1, "peak_gops": 2**24 - 1, "fault_bps": 10_000},
        {"peak_gops": 5, "miss_penalty": 10 * TBND},
    ],
    ids=["least", "largest shape", "most money", "one speed"],
)
def test_add_class__terms_at_their_bounds__are_taken(chain: Chain, change: dict[str, int]) -> None:
    terms = replace(TERMS, **change)

    add_class(chain, terms)

    assert chain.call("DeviceRegistry", "classOf", 3) == terms


def test_add_class__the_257th__reverts(chain: Chain) -> None:
    for _ in range(256 - 3):
        add_class(chain, TERMS)

    with chain.reverts("CountOutOfRange", have=257, most=256):
        add_class(chain, TERMS)
    assert chain.call("DeviceRegistry", "classOf", 255) == TERMS


def test_class_of__unknown__reverts(chain: Chain) -> None:
    with chain.reverts("ClassUnknown", classId=3):
        chain.call("DeviceRegistry", "classOf", 3)
