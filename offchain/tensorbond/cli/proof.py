"""`tensorbond proof`: compute a benchmark, check evidence, print vectors. No chain is asked anything."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TypeVar

import click
from rich.console import Console
from rich.progress import Progress, TextColumn

from tensorbond.proof import (
    MAX_EVIDENCE_BYTES,
    Challenge,
    CpuProver,
    Evidence,
    EvidenceBad,
    Inputs,
    ItemBad,
    Proof,
    ProofError,
    Shape,
    Verified,
    choose_prover,
    compute_vector,
    evidence_name,
    evidence_root,
    parse_challenge,
    parse_requests,
    verify,
)
from tensorbond.proof.gpu.prover import GpuProver

Command = TypeVar("Command", bound=Callable[..., Any])


class Hex(click.ParamType):
    """Bytes of one length as hex, with or without 0x."""

    name = "hex"

    def __init__(self, length: int) -> None:
        self.length = length

    def convert(self, value: str | bytes, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        if isinstance(value, bytes):
            return value
        digits = value.removeprefix("0x")
        if len(digits) != 2 * self.length or set(digits.lower()) - set("0123456789abcdef"):
            self.fail(f"need {2 * self.length} hex digits, have {value!r}", param, ctx)
        return bytes.fromhex(digits)


SHAPE_OPTIONS = {
    "m": ("--m", "Rows of A: a power of two, 256 to 32768."),
    "n": ("--n", "Columns of B: a power of two, 256 to 32768."),
    "K": ("--k", "Products in one entry: a power of two, 1024 to 32768."),
    "R": ("--rounds", "Rounds, each on a fresh A."),
    "q": ("--samples", "Tiles that the sample beacon opens."),
}
PLACE_OPTIONS: dict[str, tuple[str, click.ParamType, str]] = {
    "beacon": ("--beacon", Hex(32), "The slot's beacon."),
    "chain_id": ("--chain-id", click.INT, "The chain's id."),
    "provider": ("--provider", Hex(20), "The provider's address."),
    "device": ("--device", click.INT, "The device's id."),
    "slot": ("--slot", click.INT, "The slot's number."),
}


def challenge_options(command: Command) -> Command:
    """Adds one option for each field of a challenge, None where it is not given."""
    for field, (name, text) in reversed(SHAPE_OPTIONS.items()):
        command = click.option(name, field, type=click.INT, help=text)(command)
    for field, (name, kind, text) in reversed(PLACE_OPTIONS.items()):
        command = click.option(name, field, type=kind, help=text)(command)
    return command


@click.group()
def proof() -> None:
    """Compute the GPOW1 benchmark, and check what others computed."""


@proof.command()
@click.argument("file", type=click.File("rb"))
def vector(file: BinaryIO) -> None:
    """Print every intermediate value of the proofs that FILE asks for ("-" reads stdin).

    FILE holds the inputs of a vector as a JSON object, or a list of them. Exits with 2 if they cannot be.
    """
    try:
        requests, is_list = parse_requests(file.read())
        vectors = [compute_vector(inputs) for inputs in requests]
    except ProofError as problem:
        _stop(problem)
    click.echo(json.dumps(vectors if is_list else vectors[0], indent=1))


@proof.command()
@click.option("--challenge", "file", type=click.File("rb"), help="The challenge as JSON: a vector's inputs.")
@challenge_options
@click.option("--sample-beacon", type=Hex(32), help="Opens the proof: the next slot's beacon.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write the evidence.")
@click.option("--workers", type=click.IntRange(1), help="Threads; every core that may be used by default.")
@click.option(
    "--prover", "where", default="cpu", show_default=True, help="cpu, cuda:NUMBER, or auto (a GPU if any)."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def run(
    file: BinaryIO | None,
    sample_beacon: bytes | None,
    out: Path | None,
    workers: int | None,
    where: str,
    as_json: bool,
    **fields: Any,
) -> None:
    """Compute a challenge on this machine and print its commitment.

    The challenge stands in a file or in options. With a sample beacon the proof is opened as well, and --out
    keeps the evidence, unsigned. Exits with 2 if the challenge cannot be, or the evidence not be written.
    """
    try:
        inputs = _read_challenge(file, fields)
    except ProofError as problem:
        _stop(problem)
    sample_beacon = sample_beacon or inputs.sample_beacon
    if out is not None and sample_beacon is None:
        raise click.UsageError("--out needs --sample-beacon: evidence is what the sample beacon opens")
    try:
        prover = choose_prover(where, workers)
        started = time.perf_counter()
        proven = _prove(inputs.challenge, prover)
        elapsed = time.perf_counter() - started
        evidence = proven.open(sample_beacon) if sample_beacon is not None else None
    except ProofError as problem:
        _stop(problem)
    report: dict[str, Any] = {
        "commitment": proven.commitment.hex(),
        "elapsed": round(elapsed, 6),
        "gops": round(inputs.challenge.shape.operations / elapsed / 1e9, 3),
    }
    if evidence is not None:
        data = evidence.encode()
        report["evidence_root"] = evidence_root(evidence).hex()
        report["bytes"] = len(data)
        report["name"] = _name(evidence)
        if out is not None:
            _write(out, data)
    _print_report(report, as_json)


@proof.command("verify")
@click.argument("file", type=click.File("rb"))
@challenge_options
@click.option("--sample-beacon", type=Hex(32), help="The beacon that asked for the samples.")
@click.option("--commitment", type=Hex(32), help="The commitment on the chain.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify_file(
    file: BinaryIO,
    sample_beacon: bytes | None,
    commitment: bytes | None,
    as_json: bool,
    **fields: Any,
) -> None:
    """Check the evidence in FILE ("-" reads stdin) against what you expect of it.

    What no option gives is taken from the file itself; the answer says which. The signature is not judged.
    Exits with 0 if the evidence proves the challenge, 1 if it does not, 2 if that cannot be told.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    given |= {"sample_beacon": sample_beacon} if sample_beacon is not None else {}
    given |= {"commitment": commitment} if commitment is not None else {}
    try:
        data = file.read(MAX_EVIDENCE_BYTES + 1)
    except OSError as problem:
        _stop(problem)
    try:
        evidence = Evidence.decode(data)
    except ProofError as problem:
        _answer_bad(Checked(given, None), problem, as_json)
    checked = Checked(given, evidence)
    try:
        challenge = _expect(evidence.challenge, given)
    except ProofError as problem:
        _stop(problem)
    try:
        verified = verify(
            challenge, commitment or evidence.commitment, sample_beacon or evidence.sample_beacon, evidence
        )
    except ProofError as problem:
        _answer_bad(checked, problem, as_json)
    _answer_verified(checked, verified, as_json)


@dataclass(frozen=True)
class Checked:
    """An evidence file, if it could be read as one, and what the caller expected of it."""

    given: dict[str, Any]
    evidence: Evidence | None

    def describe(self) -> dict[str, Any]:
        names = [*PLACE_OPTIONS, *SHAPE_OPTIONS, "sample_beacon", "commitment"]
        described: dict[str, Any] = {
            "expected": [name for name in names if name in self.given],
            "declared": [name for name in names if name not in self.given],
        }
        if self.evidence is not None:
            described |= {"name": _name(self.evidence)}
        return described


def _answer_verified(checked: Checked, verified: Verified, as_json: bool) -> None:
    result = {
        "ok": True,
        "error": None,
        "index": None,
        "reason": None,
        "row": None,
        "col": None,
        "commitment": verified.commitment.hex(),
        "evidence_root": verified.evidence_root.hex(),
        "operations": verified.operations,
    }
    if as_json:
        _print_report(result | checked.describe(), True)
        return
    click.echo(f"verified: {verified.operations} operations under {verified.commitment.hex()}")
    _echo_expectations(checked)


def _answer_bad(checked: Checked, problem: ProofError, as_json: bool) -> NoReturn:
    result = {
        "ok": False,
        "error": type(problem).__name__,
        "index": problem.index if isinstance(problem, EvidenceBad) else None,
        "reason": problem.reason.value if isinstance(problem, EvidenceBad) else None,
        "row": problem.row if isinstance(problem, ItemBad) else None,
        "col": problem.col if isinstance(problem, ItemBad) else None,
        "message": str(problem),
    }
    if as_json:
        _print_report(result | checked.describe(), True)
    else:
        click.echo(f"bad: {type(problem).__name__}: {problem}")
        _echo_expectations(checked)
    sys.exit(1)


def _echo_expectations(checked: Checked) -> None:
    expected = checked.describe()["expected"]
    if expected:
        click.echo(f"as you expected: {', '.join(expected)}; the rest as the file declares it")
    else:
        click.echo("checked against the challenge that the file itself declares; nothing else was expected")
    click.echo("the signature was not judged")


def _read_challenge(file: BinaryIO | None, fields: dict[str, Any]) -> Inputs:
    options = {field: option[0] for field, option in PLACE_OPTIONS.items()}
    options |= {field: option[0] for field, option in SHAPE_OPTIONS.items()}
    given = [options[field] for field in options if fields[field] is not None]
    if file is not None:
        if given:
            raise click.UsageError(f"--challenge already gives what {', '.join(given)} would")
        return parse_challenge(file.read())
    missing = [options[field] for field in options if fields[field] is None and field != "q"]
    if missing:
        raise click.UsageError(f"missing {', '.join(missing)} (or --challenge FILE)")
    dimensions = {field: fields[field] for field in SHAPE_OPTIONS if fields[field] is not None}
    place = {field: fields[field] for field in PLACE_OPTIONS}
    return Inputs(Challenge(shape=Shape(**dimensions), **place), None)


def _expect(declared: Challenge, given: dict[str, Any]) -> Challenge:
    place = {field: given[field] for field in PLACE_OPTIONS if field in given}
    dimensions = {field: given[field] for field in SHAPE_OPTIONS if field in given}
    return replace(declared, shape=replace(declared.shape, **dimensions), **place)


def _prove(challenge: Challenge, prover: CpuProver | GpuProver) -> Proof:
    each = challenge.shape.operations / challenge.shape.R / 1e9
    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[gops]:,.0f} gops"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("rounds", total=challenge.shape.R, gops=0.0)
        started = time.perf_counter()

        def show(done: int, _: int) -> None:
            bar.update(task, completed=done, gops=done * each / (time.perf_counter() - started))

        return prover.prove(challenge, show)


def _name(evidence: Evidence) -> str:
    challenge = evidence.challenge
    return evidence_name(challenge.chain_id, challenge.device, challenge.slot, evidence.commitment)


def _write(out: Path, data: bytes) -> None:
    try:
        out.write_bytes(data)
    except OSError as problem:
        _stop(problem)


def _print_report(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report, indent=1))
        return
    for name, value in report.items():
        click.echo(f"{name.replace('_', ' ')}: {value}")


def _stop(problem: Exception) -> NoReturn:
    """Could not tell: exit code 2."""
    error = click.ClickException(f"{type(problem).__name__}: {problem}")
    error.exit_code = 2
    raise error
