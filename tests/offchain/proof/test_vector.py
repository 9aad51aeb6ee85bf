from __future__ import annotations

import json

import pytest

from tensorbond.proof import (
    FieldInvalid,
    Inputs,
    ShapeInvalid,
    VectorFieldMissing,
    VectorFieldRepeated,
    VectorFieldUnknown,
    VectorSyntax,
    VectorTypeWrong,
    compute_vector,
    parse_challenge,
    parse_requests,
)

from . import reference

pytestmark = pytest.mark.unit


def test_compute_vector__golden_inputs__equals_the_file_to_the_order_of_keys(golden):
    (inputs,), is_list = parse_requests(json.dumps(golden["inputs"]))
    expected = {name: value for name, value in golden.items() if name != "inputs"}
    assert not is_list
    assert json.dumps(compute_vector(inputs)) == json.dumps(expected)


def test_compute_vector__oblong_and_odd_rounds__equals_plain_python(golden):
    request = golden["inputs"] | {"m": 512, "n": 256, "K": 1024, "R": 5, "q": 11}
    (inputs,), _ = parse_requests(json.dumps(request))
    vector = compute_vector(inputs)
    seeds, roots, rounds_root, commitment = reference.commit(request)
    assert vector["seeds"] == [seed.hex() for seed in seeds]
    assert vector["roots"] == [root.hex() for root in roots]
    assert vector["rounds_root"] == rounds_root.hex()
    assert vector["commitment"] == commitment.hex()
    assert [sample["i"] for sample in vector["samples"]] == list(range(11))
    assert {len(sample["path"]) for sample in vector["samples"]} == {9}
    assert {len(sample["round_path"]) for sample in vector["samples"]} == {3}


def test_compute_vector__one_round__has_empty_round_paths(golden):
    (inputs,), _ = parse_requests(json.dumps(golden["inputs"] | {"R": 1, "q": 2}))
    assert [sample["round_path"] for sample in compute_vector(inputs)["samples"]] == [[], []]


def test_compute_vector__without_a_sample_beacon__is_refused(challenge):
    with pytest.raises(VectorFieldMissing, match="lacks sample_beacon"):
        compute_vector(Inputs(challenge, None))


def test_parse_requests__list__keeps_its_order(golden):
    entries = [golden["inputs"] | {"slot": slot} for slot in (5, 4)]
    requests, is_list = parse_requests(json.dumps(entries))
    assert is_list
    assert [request.challenge.slot for request in requests] == [5, 4]


def test_parse_challenge__without_a_sample_beacon__is_read(golden, challenge):
    fields = {name: value for name, value in golden["inputs"].items() if name != "sample_beacon"}
    assert parse_challenge(json.dumps(fields)) == Inputs(challenge, None)


@pytest.mark.parametrize("text", ["", "{", "nonsense", "[" * 100_000, b"\xff\xfe\xff", "9" * 5000])
def test_parse_requests__no_json__is_refused(text):
    with pytest.raises(VectorSyntax, match="not valid JSON"):
        parse_requests(text)


@pytest.mark.parametrize("text", ["3", '"x"', "null", "[[]]", "[3]"])
def test_parse_requests__no_object__is_refused(text):
    with pytest.raises(VectorTypeWrong, match="need a JSON object"):
        parse_requests(text)


@pytest.mark.parametrize("name", ["beacon", "sample_beacon", "chain_id", "provider", "m", "K", "q"])
def test_parse_requests__field_missing__is_refused_by_name(golden, name):
    fields = {key: value for key, value in golden["inputs"].items() if key != name}
    with pytest.raises(VectorFieldMissing, match=f"lacks {name}"):
        parse_requests(json.dumps(fields))


def test_parse_requests__unknown_field__is_refused_by_name(golden):
    with pytest.raises(VectorFieldUnknown, match="unknown fields: k"):
        parse_requests(json.dumps(golden["inputs"] | {"k": 1024}))


def test_parse_requests__field_given_twice__is_refused_by_name(golden):
    text = json.dumps(golden["inputs"])
    with pytest.raises(VectorFieldRepeated, match="field slot is given twice"):
        parse_requests(text[:-1] + ', "slot": 42}')


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("slot", "42"), ("slot", 42.0), ("slot", True), ("slot", None), ("m", [256]),
        ("beacon", 7), ("beacon", "00"), ("beacon", "0x" + "00" * 31), ("beacon", "zz" * 32),
        ("beacon", "AA" * 32), ("provider", "00" * 32), ("sample_beacon", None),
    ],
)  # fmt: skip
def test_parse_requests__value_of_another_type__is_refused_by_name(golden, name, value):
    with pytest.raises(VectorTypeWrong, match=f"^inputs: {name} is "):
        parse_requests(json.dumps(golden["inputs"] | {name: value}))


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("m", 257, ShapeInvalid), ("K", 512, ShapeInvalid), ("R", 0, ShapeInvalid), ("q", -1, ShapeInvalid),
        ("slot", -1, FieldInvalid), ("device", 2**64, FieldInvalid), ("chain_id", 10**40, FieldInvalid),
    ],
)  # fmt: skip
def test_parse_requests__number_out_of_range__is_refused(golden, name, value, error):
    with pytest.raises(error):
        parse_requests(json.dumps(golden["inputs"] | {name: value}))


def test_compute_vector__golden_memory_inputs__equals_the_file_to_the_order_of_keys(golden_memory):
    (inputs,), _ = parse_requests(json.dumps(golden_memory["inputs"]))
    expected = {name: value for name, value in golden_memory.items() if name != "inputs"}
    assert json.dumps(compute_vector(inputs)) == json.dumps(expected)


def test_compute_vector__few_walkers__leaves_the_shown_one_out(golden_memory):
    (inputs,), _ = parse_requests(json.dumps(golden_memory["inputs"] | {"walkers": 2, "layers": 1}))
    vector = compute_vector(inputs)
    assert "walker3_final_state_sha256" not in vector
    assert vector["parents_last_5"] == []


def test_parse_requests__whole_vector_file__gives_every_vector_s_inputs(golden, golden_memory, challenge):
    file = json.dumps({"note": "", "c_phase": [golden, golden["inputs"]], "m_phase": [golden_memory]})
    requests, is_list = parse_requests(file)
    assert is_list
    assert [type(request.challenge).__name__ for request in requests] == [
        "Challenge", "Challenge", "MemoryChallenge",
    ]  # fmt: skip
    assert requests[0].challenge == challenge
    assert requests[2].sample_beacon is None


def test_parse_requests__phase_that_is_no_list__is_refused():
    with pytest.raises(VectorTypeWrong, match=r"^c_phase is 3, need a list of vectors"):
        parse_requests('{"c_phase": 3}')


@pytest.mark.parametrize("name", ["W", "walkers", "steps", "beacon"])
def test_parse_requests__memory_field_missing__is_refused_by_name(golden_memory, name):
    fields = {key: value for key, value in golden_memory["inputs"].items() if key != name}
    with pytest.raises(VectorFieldMissing, match=rf"lacks {name}$"):
        parse_requests(json.dumps(fields))


def test_parse_requests__field_of_the_other_phase__is_refused_by_name(golden_memory):
    for name in ("K", "q", "profile"):
        with pytest.raises(VectorFieldUnknown, match=f"unknown fields: {name}"):
            parse_requests(json.dumps(golden_memory["inputs"] | {name: 1}))


def test_parse_requests__memory_number_out_of_range__is_refused(golden_memory):
    for name, value in {"layers": 0, "W": 3, "walkers": 0, "steps": 65}.items():
        with pytest.raises(ShapeInvalid, match=rf"^{name} is {value}"):
            parse_requests(json.dumps(golden_memory["inputs"] | {name: value}))


@pytest.mark.parametrize("value", ["w2", 1, None, "W3"])
def test_parse_requests__unknown_profile__is_refused(golden, value):
    with pytest.raises(VectorTypeWrong, match=r"profile is .*, need "):
        parse_requests(json.dumps(golden["inputs"] | {"profile": value}))
