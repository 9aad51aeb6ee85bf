from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from tensorbond.proof import (
    FieldInvalid,
    Shape,
    ShapeInvalid,
    commitment_of,
    draw_word,
    is_drawn,
    is_roll_call,
    next_seed,
    round_leaf,
    samples,
)

pytestmark = pytest.mark.unit


def test_first_seed__golden_challenge__equals_the_vector(golden, challenge):
    assert challenge.first_seed.hex() == golden["seeds"][0]


def test_next_seed__golden_roots__walks_to_the_final_seed(golden):
    seed = bytes.fromhex(golden["seeds"][0])
    walked = []
    for index, root in enumerate(golden["roots"]):
        seed = next_seed(seed, index, bytes.fromhex(root))
        walked.append(seed.hex())
    assert walked == [*golden["seeds"][1:], golden["final_seed"]]


def test_commitment_of__golden_rounds__equals_the_vector(golden):
    final_seed, rounds_root = bytes.fromhex(golden["final_seed"]), bytes.fromhex(golden["rounds_root"])
    assert commitment_of(final_seed, rounds_root).hex() == golden["commitment"]


def test_round_leaf__seed_and_root__is_their_hash():
    assert round_leaf(b"s" * 32, b"r" * 32) == sha256(b"s" * 32 + b"r" * 32).digest()


def test_samples__golden_commitment__equal_the_vector(golden, challenge, sample_beacon):
    asked = samples(bytes.fromhex(golden["commitment"]), sample_beacon, challenge.shape)
    assert [(sample.index, sample.round, sample.tile) for sample in asked] == [
        (sample["i"], sample["round"], sample["tile"]) for sample in golden["samples"]
    ]


def test_samples__more_of_them__begin_with_the_same(challenge, sample_beacon):
    few = samples(bytes(32), sample_beacon, replace(challenge.shape, q=5))
    assert samples(bytes(32), sample_beacon, replace(challenge.shape, q=50))[:5] == few


@pytest.mark.parametrize(
    "field", [{"beacon": bytes(32)}, {"chain_id": 1}, {"provider": bytes(20)}, {"device": 4}, {"slot": 43}]
)
def test_first_seed__another_field__is_another_seed(challenge, field):
    assert replace(challenge, **field).first_seed != challenge.first_seed


@pytest.mark.parametrize("dimension", ["m", "n", "K", "R"])
def test_first_seed__another_dimension__is_another_seed(challenge, dimension):
    shape = replace(challenge.shape, **{dimension: 2 * getattr(challenge.shape, dimension)})
    assert replace(challenge, shape=shape).first_seed != challenge.first_seed


def test_first_seed__another_sample_count__is_the_same_seed(challenge):
    assert replace(challenge, shape=replace(challenge.shape, q=9)).first_seed == challenge.first_seed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("m", 128), ("m", 300), ("m", 65536), ("m", 0), ("m", -256),
        ("n", 255), ("n", 1 << 31), ("n", 0),
        ("K", 512), ("K", 65536), ("K", 3000), ("K", 0),
        ("R", 0), ("R", -1), ("R", 65537),
        ("q", 0), ("q", 16385),
    ],
)  # fmt: skip
def test_shape__dimension_out_of_bounds__is_refused_by_name(name, value):
    dimensions = {"m": 256, "n": 256, "K": 1024, "R": 1, "q": 1}
    with pytest.raises(ShapeInvalid, match=f"^{name} is {value}, need ") as refusal:
        Shape(**{**dimensions, name: value})
    assert (refusal.value.name, refusal.value.have) == (name, value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("beacon", bytes(31)), ("beacon", b""), ("provider", bytes(32)),
        ("chain_id", -1), ("device", 1 << 64), ("slot", 1 << 64),
    ],
)  # fmt: skip
def test_challenge__field_out_of_range__is_refused(challenge, field, value):
    with pytest.raises(FieldInvalid):
        replace(challenge, **{field: value})


def test_shape__oblong__counts_tiles_and_depths():
    shape = Shape(256, 1024, 2048, 5, 7)
    assert (shape.tiles, shape.tile_columns, shape.tile_depth, shape.round_depth) == (1024, 64, 10, 3)
    assert shape.operations == 2 * 256 * 1024 * 2048 * 5


def test_draw_word__spelled_out__is_the_first_word_of_the_hash():
    digest = sha256(b"GPOW1/draw" + bytes(range(32)) + (7).to_bytes(8, "little")).digest()
    assert draw_word(bytes(range(32)), 7) == int.from_bytes(digest[:4], "little")


def test_is_drawn__threshold_around_the_word__flips_just_above_it():
    word = draw_word(bytes(32), 1)
    assert [is_drawn(bytes(32), 1, word + step) for step in (-1, 0, 1)] == [False, False, True]


def test_is_drawn__threshold_at_its_ends__never_and_always():
    beacons = [bytes([i]) * 32 for i in range(50)]
    assert not any(is_drawn(beacon, 3, 0) for beacon in beacons)
    assert all(is_drawn(beacon, 3, 1 << 32) for beacon in beacons)


def test_is_roll_call__every_bound__is_monotone_and_starts_above_the_first_byte():
    first = sha256(b"GPOW1/roll" + bytes(32)).digest()[0]
    assert [is_roll_call(bytes(32), bound) for bound in range(257)] == [first < bound for bound in range(257)]


@pytest.mark.parametrize(
    "call",
    [
        lambda: is_roll_call(bytes(32), 257),
        lambda: is_roll_call(bytes(31), 1),
        lambda: is_drawn(bytes(32), 1, (1 << 32) + 1),
        lambda: draw_word(bytes(32), -1),
        lambda: draw_word(bytes(33), 1),
        lambda: samples(bytes(31), bytes(32), Shape(256, 256, 1024, 1)),
        lambda: samples(bytes(32), bytes(31), Shape(256, 256, 1024, 1)),
    ],
)
def test_draws_and_samples__argument_out_of_range__are_refused(call):
    with pytest.raises(FieldInvalid):
        call()
