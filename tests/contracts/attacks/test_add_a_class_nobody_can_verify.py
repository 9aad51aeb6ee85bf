"""A class of a shape that no oracle's verifier takes: its devices could never pass, and every miss would
cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import DeviceClass
from tensorbond.proof import Shape
from tensorbond.proof.errors import ShapeInvalid
from tests.chain import Chain

pytestmark = pytest.mark.chain


def shape_of(terms: DeviceClass) -> Shape:
    return Shape(terms.m, terms.n, terms.k, terms.r, terms.q, terms.profile)


@pytest.mark.parametrize(
    ("field", "name", "have", "bound"),
    [("m", "m", 2**16 - 1, 2**15), ("n", "n", 2**16 - 1, 2**15)],
)
def test_add_a_class_nobody_can_verify__is_refused(
    chain: Chain, governor: str, field: str, name: str, have: int, bound: int
) -> None:
    terms = replace(chain.call("DeviceRegistry", "classOf", 0), **{name: have})
    with pytest.raises(ShapeInvalid):
        shape_of(terms)

    with chain.reverts("ClassTermsInvalid", field=field, have=have, bound=bound):
        chain.send("DeviceRegistry", "addClass", terms, sender=governor)
    assert chain.call("DeviceRegistry", "classCount") == 3


def test_add_a_class__largest_and_least_that_the_registry_takes__can_be_verified(
    chain: Chain, governor: str
) -> None:
    terms = chain.call("DeviceRegistry", "classOf", 0)
    largest = replace(terms, m=2**15, n=2**15, k=2**14, r=4_000, q=1024)
    least = replace(terms, m=2**8, n=2**8, k=2**10, r=1, q=1)
    wide = replace(largest, profile=1, k=2**12)
    for each in (largest, least, wide):
        chain.send("DeviceRegistry", "addClass", each, sender=governor)
        shape_of(each)
