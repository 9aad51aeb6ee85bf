from __future__ import annotations

from dataclasses import fields, replace

import pytest

from tensorbond.chain.types import Statement
from tensorbond.oracle.attestation import build_statement, equivocates, pack_signatures, quorum
from tests.offchain.oracle.epochs import word
from tests.offchain.oracle.test_leaves import PUBLISHED

pytestmark = pytest.mark.unit

STATEMENT = build_statement(PUBLISHED, 2, word("previous"), word("last"), word("config"))


def test_build_statement__leaf_data__carries_root_weight_and_digest():
    told = (STATEMENT.epoch, STATEMENT.root, STATEMENT.total_weight, STATEMENT.data_digest)
    assert told == (PUBLISHED.epoch, PUBLISHED.root, PUBLISHED.total_weight, PUBLISHED.data_digest)
    assert (STATEMENT.round, STATEMENT.previous_root) == (2, word("previous"))


@pytest.mark.parametrize("field", [field.name for field in fields(Statement)])
def test_equivocates__one_field_differs__only_the_last_four_count(field):
    value = getattr(STATEMENT, field)
    other = replace(STATEMENT, **{field: word("other") if isinstance(value, bytes) else value + 1})
    assert equivocates(STATEMENT, other) == (
        field in {"root", "total_weight", "data_digest", "config_digest"}
    )


def test_equivocates__the_same_statement_twice__does_not():
    assert not equivocates(STATEMENT, replace(STATEMENT))


@pytest.mark.parametrize(
    ("size", "threshold", "need"), [(1, 1, 1), (3, 1, 2), (3, 2, 2), (4, 3, 3), (4, 4, 4), (64, 3, 43)]
)
def test_quorum__size_and_threshold__is_the_greater_of_it_and_two_thirds(size, threshold, need):
    assert quorum(size, threshold) == need


def test_pack_signatures__members_in_any_order__ascend_by_index():
    told = {5: b"f" * 65, 0: b"a" * 65, 2: b"c" * 65}
    assert pack_signatures(told) == (0b100101, b"a" * 65 + b"c" * 65 + b"f" * 65)
    assert pack_signatures(told, 2) == (0b101, b"a" * 65 + b"c" * 65)


@pytest.mark.parametrize("told", [{64: b"a" * 65}, {-1: b"a" * 65}, {0: b"a" * 64}])
def test_pack_signatures__no_members_signature__refuses(told):
    with pytest.raises(ValueError, match="no signature"):
        pack_signatures(told)
