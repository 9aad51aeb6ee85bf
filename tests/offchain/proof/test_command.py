from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from tensorbond.cli.proof import proof as command
from tensorbond.proof import Evidence

from .conftest import VECTORS, change_item, flip, replace_item
from .skipping import SloppyProver

pytestmark = pytest.mark.unit


def invoke(*arguments: object, stdin: str | bytes | None = None) -> Result:
    return CliRunner(mix_stderr=False).invoke(command, [str(argument) for argument in arguments], input=stdin)


@pytest.fixture
def request_file(golden, tmp_path):
    path = tmp_path / "inputs.json"
    path.write_text(json.dumps(golden["inputs"]))
    return path


@pytest.fixture
def evidence_file(evidence, tmp_path):
    path = tmp_path / "evidence"
    path.write_bytes(evidence.encode())
    return path


def test_vector__golden_inputs__prints_the_golden_fields(golden, request_file):
    result = invoke("vector", request_file)
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {name: value for name, value in golden.items() if name != "inputs"}


def test_vector__list_on_stdin__prints_a_list(golden):
    result = invoke("vector", "-", stdin=json.dumps([golden["inputs"]]))
    assert result.exit_code == 0
    assert [vector["commitment"] for vector in json.loads(result.stdout)] == [golden["commitment"]]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", "VectorSyntax"),
        (b"\xff\xff", "VectorSyntax"),
        ("{}", "VectorFieldMissing"),
        ('{"layers": 8}', "VectorFieldMissing"),
        ("7", "VectorTypeWrong"),
    ],
)
def test_vector__bad_request__exits_with_2_and_the_reason(text, error):
    result = invoke("vector", "-", stdin=text)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"Error: {error}: " in result.stderr


def test_vector__no_such_file__exits_with_2(tmp_path):
    assert invoke("vector", tmp_path / "none").exit_code == 2


def test_run__challenge_file__writes_the_evidence(golden, evidence, request_file, tmp_path):
    out = tmp_path / "out"
    result = invoke("run", "--challenge", request_file, "--out", out, "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert Evidence.decode(out.read_bytes()) == evidence
    assert report["commitment"] == golden["commitment"]
    assert report["bytes"] == len(evidence.encode())
    assert report["name"] == f"31337/3/42/{golden['commitment']}"
    assert report["elapsed"] > 0
    assert report["gops"] > 0


def options_of(inputs, *, without: str = "") -> list[object]:
    names = {
        "beacon": "--beacon", "chain_id": "--chain-id", "provider": "--provider", "device": "--device",
        "slot": "--slot", "m": "--m", "n": "--n", "K": "--k", "R": "--rounds", "q": "--samples",
    }  # fmt: skip
    return [part for name, option in names.items() if name != without for part in (option, inputs[name])]


def test_run__options_in_place_of_a_file__print_the_commitment(golden):
    result = invoke("run", *options_of(golden["inputs"]))
    assert result.exit_code == 0
    assert f"commitment: {golden['commitment']}\n" in result.stdout
    assert "bytes" not in result.stdout


@pytest.mark.parametrize("name", ["beacon", "slot", "R"])
def test_run__option_missing__exits_with_2_and_names_it(golden, name):
    result = invoke("run", *options_of(golden["inputs"], without=name))
    assert result.exit_code == 2
    assert f"missing {'--rounds' if name == 'R' else '--' + name}" in result.stderr


def test_run__file_and_options__exits_with_2(request_file):
    result = invoke("run", "--challenge", request_file, "--slot", 1)
    assert result.exit_code == 2
    assert "--challenge already gives what --slot would" in result.stderr


def test_run__out_without_a_sample_beacon__exits_with_2(golden, tmp_path):
    result = invoke("run", *options_of(golden["inputs"]), "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "--out needs --sample-beacon" in result.stderr


def test_run__impossible_shape__exits_with_2(golden):
    result = invoke("run", *options_of(golden["inputs"] | {"m": 100}))
    assert result.exit_code == 2
    assert "ShapeInvalid: m is 100, need a power of two" in result.stderr


def test_run__evidence_not_writable__exits_with_2(request_file, tmp_path):
    result = invoke("run", "--challenge", request_file, "--out", tmp_path / "none" / "out")
    assert result.exit_code == 2
    assert "FileNotFoundError" in result.stderr


def test_verify__honest_file__exits_with_0_and_says_against_what(golden, evidence_file):
    result = invoke("verify", evidence_file)
    assert result.exit_code == 0
    assert f"verified: 402653184 operations under {golden['commitment']}" in result.stdout
    assert "checked against the challenge that the file itself declares" in result.stdout
    assert "the signature was not judged" in result.stdout


def test_verify__expectations_met__exits_with_0(golden, evidence_file):
    result = invoke(
        "verify",
        evidence_file,
        *options_of(golden["inputs"]),
        "--commitment",
        "0x" + golden["commitment"],
        "--json",
    )
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (report["ok"], report["error"], report["index"]) == (True, None, None)
    assert report["declared"] == ["profile", "sample_beacon"]


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("--chain-id", 1, "WrongChain"),
        ("--provider", "00" * 20, "WrongProvider"),
        ("--device", 1, "WrongDevice"),
        ("--slot", 1, "WrongSlot"),
        ("--samples", 9, "WrongShape"),
        ("--beacon", "00" * 32, "WrongBeacon"),
        ("--sample-beacon", "00" * 32, "WrongSampleBeacon"),
        ("--commitment", "00" * 32, "WrongCommitment"),
    ],
)
def test_verify__expectation_not_met__exits_with_1(evidence_file, option, value, error):
    result = invoke("verify", evidence_file, option, value, "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (report["ok"], report["error"], report["index"]) == (False, error, None)
    assert len(report["expected"]) == 1


def test_verify__wrong_entry__exits_with_1_and_its_place(challenge, sample_beacon, tmp_path):
    path = tmp_path / "evidence"
    path.write_bytes(SloppyProver(2, 11).prove(challenge).open(sample_beacon).encode())
    result = invoke("verify", path, "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    place = [report[name] for name in ("ok", "error", "index", "reason", "row", "col")]
    assert place == [False, "ItemBad", 0, "entry", 2, 11]


def test_verify__bad_item__exits_with_1_and_says_so(evidence, tmp_path):
    path = tmp_path / "evidence"
    path.write_bytes(change_item(evidence, 4, tile=0).encode())
    result = invoke("verify", path)
    assert result.exit_code == 1
    assert "bad: ItemBad: item 4 is bad: tile is 0, need " in result.stdout


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda data: data[:-1], "EvidenceTruncated"),
        (lambda data: data + b"\0", "EvidenceTrailing"),
        (flip, "EvidenceMagicWrong"),
        (lambda data: b"", "EvidenceTruncated"),
    ],
)
def test_verify__malformed_file__exits_with_1_and_the_reason(evidence, change, error):
    result = invoke("verify", "-", "--json", stdin=change(evidence.encode()))
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"] == error


@pytest.mark.parametrize(
    "arguments", [("--m", 100), ("--beacon", "00"), ("--beacon", "zz" * 32), ("--slot", -1)]
)
def test_verify__impossible_expectation__exits_with_2(evidence_file, arguments):
    assert invoke("verify", evidence_file, *arguments).exit_code == 2


def test_verify__no_such_file__exits_with_2(tmp_path):
    assert invoke("verify", tmp_path / "none").exit_code == 2


def memory_options_of(inputs) -> list[object]:
    names = {
        "beacon": "--beacon", "chain_id": "--chain-id", "provider": "--provider", "device": "--device",
        "slot": "--slot", "layers": "--layers", "W": "--w", "walkers": "--walkers", "steps": "--steps",
    }  # fmt: skip
    return [part for name, option in names.items() for part in (option, inputs[name])]


def test_vector__whole_vector_file__prints_every_vector(golden, golden_memory):
    result = invoke("vector", VECTORS / "gpow1.json")
    printed = json.loads(result.stdout)
    assert [vector["commitment"] for vector in printed] == [golden["commitment"], golden_memory["commitment"]]


def test_run__memory_challenge__writes_evidence_that_verify_takes(golden_memory, tmp_path):
    out = tmp_path / "out"
    options = memory_options_of(golden_memory["inputs"])
    result = invoke("run", *options, "--sample-beacon", "07" * 32, "--out", out, "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert report["commitment"] == golden_memory["commitment"]
    assert report["mb_per_s"] > 0
    result = invoke("verify", out, *options)
    assert result.exit_code == 0
    assert f"verified: {544 * 8192 + 128 * 64 * 256} bytes moved under" in result.stdout


def test_run__options_of_two_phases__exits_with_2(golden_memory):
    result = invoke("run", *memory_options_of(golden_memory["inputs"]), "--k", 1024)
    assert result.exit_code == 2
    assert "--k, --layers, --w, --walkers, --steps belong to two phases" in result.stderr


def test_verify__dimension_of_the_other_phase__is_another_shape(memory_evidence, evidence_file, tmp_path):
    path = tmp_path / "memory"
    path.write_bytes(memory_evidence.encode())
    for file, option in ((path, ("--k", 1024)), (evidence_file, ("--layers", 8))):
        result = invoke("verify", file, *option, "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["error"] == "WrongShape"


def test_verify__bad_memory_item__exits_with_1_and_its_opening(memory_evidence, tmp_path):
    path = tmp_path / "memory"
    item = flip(memory_evidence.items[70], 8 * 168)
    path.write_bytes(replace_item(memory_evidence, 70, item).encode())
    report = json.loads(invoke("verify", path, "--json").stdout)
    place = [report[name] for name in ("ok", "error", "index", "reason", "opening")]
    assert place == [False, "ItemBad", 70, "opening", 0]


def test_run__profile_w2__is_proven_and_verified(golden, tmp_path):
    out = tmp_path / "out"
    options = [*options_of(golden["inputs"]), "--profile", "W2"]
    result = invoke("run", *options, "--sample-beacon", "07" * 32, "--out", out, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["commitment"] != golden["commitment"]
    assert invoke("verify", out, *options).exit_code == 0
    report = json.loads(invoke("verify", out, "--profile", "W1", "--json").stdout)
    assert (report["ok"], report["error"]) == (False, "WrongShape")


@pytest.mark.parametrize("name", ["vector", "run", "verify"])
def test_help__every_command__tells_its_exit_codes(name):
    result = invoke(name, "--help")
    assert result.exit_code == 0
    assert "Exits with" in " ".join(result.output.split())
