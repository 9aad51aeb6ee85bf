"""`tensorbond proof`: compute a benchmark, check evidence, print vectors. Only `recompute` asks a chain."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import click
from rich.console import Console
from rich.progress import Progress, TextColumn

from tensorbond.cli.bench import bench
from tensorbond.cli.challenge import (
    MEMORY_OPTIONS,
    PLACE_OPTIONS,
    SHAPE_OPTIONS,
    Hex,
    challenge_options,
    expect,
    read_challenge,
)
from tensorbond.cli.recompute import recompute
from tensorbond.proof import (
    MAX_EVIDENCE_BYTES,
    AnyChallenge,
    AnyEvidence,
    CpuProver,
    EvidenceBad,
    ItemBad,
    MemoryChallenge,
    MemoryEvidence,
    MemoryProof,
    Proof,
    ProofError,
    Verified,
    WrongShape,
    choose_prover,
    compute_vector,
    decode_evidence,
    evidence_name,
    evidence_root,
    parse_requests,
    verify,
)
from tensorbond.proof.gpu.prover import GpuProver


@click.group()
def proof() -> None:
    """Compute the GPOW1 benchmark, and check what others computed."""


proof.add_command(recompute)
proof.add_command(bench)


@proof.command()
@click.argument("file", type=click.File("rb"))
def vector(file: BinaryIO) -> None:
    """Print every intermediate value of the proofs that FILE asks for ("-" reads stdin).

    FILE holds the inputs of a vector of either phase as a JSON object, a list of them, or a whole vector
    file. Exits with 2 if they cannot be.
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
        inputs = read_challenge(file, fields)
    except ProofError as problem:
        _stop(problem)
    sample_beacon = sample_beacon or inputs.sample_beacon
    if out is not None and sample_beacon is None:
        raise click.UsageError("--out needs --sample-beacon: evidence is what the sample beacon opens")
    try:
        prover = choose_prover(where, workers)
        started = time.perf_counter()
        proven = prove_with_progress(inputs.challenge, prover)
        elapsed = time.perf_counter() - started
        evidence = proven.open(sample_beacon) if sample_beacon is not None else None
    except ProofError as problem:
        _stop(problem)
    report: dict[str, Any] = {
        "commitment": proven.commitment.hex(),
        "elapsed": round(elapsed, 6),
        **_rate(inputs.challenge, elapsed),
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
        evidence = decode_evidence(data)
    except ProofError as problem:
        _answer_bad(Checked(given, None), problem, as_json)
    checked = Checked(given, evidence)
    try:
        challenge = expect(evidence.challenge, given)
    except WrongShape as problem:
        _answer_bad(checked, problem, as_json)
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
    evidence: AnyEvidence | None

    def describe(self) -> dict[str, Any]:
        names = [*PLACE_OPTIONS, *self._dimensions, "sample_beacon", "commitment"]
        described: dict[str, Any] = {
            "expected": [name for name in names if name in self.given],
            "declared": [name for name in names if name not in self.given],
        }
        if self.evidence is not None:
            described |= {"name": _name(self.evidence)}
        return described

    @property
    def _dimensions(self) -> list[str]:
        own = MEMORY_OPTIONS if isinstance(self.evidence, MemoryEvidence) else SHAPE_OPTIONS
        return [name for name in SHAPE_OPTIONS | MEMORY_OPTIONS if name in own or name in self.given]


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
        "opening": None,
        "operations": verified.operations,
        "bytes_moved": verified.bytes_moved,
    }
    if as_json:
        _print_report(result | checked.describe(), True)
        return
    work = (
        f"{verified.operations} operations" if verified.operations else f"{verified.bytes_moved} bytes moved"
    )
    click.echo(f"verified: {work} under {verified.commitment.hex()}")
    _echo_expectations(checked)


def _answer_bad(checked: Checked, problem: ProofError, as_json: bool) -> NoReturn:
    result = {
        "ok": False,
        "error": type(problem).__name__,
        "index": problem.index if isinstance(problem, EvidenceBad) else None,
        "reason": problem.reason.value if isinstance(problem, EvidenceBad) else None,
        "row": problem.row if isinstance(problem, ItemBad) else None,
        "col": problem.col if isinstance(problem, ItemBad) else None,
        "opening": problem.opening if isinstance(problem, ItemBad) else None,
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


def prove_with_progress(challenge: AnyChallenge, prover: CpuProver | GpuProver) -> Proof | MemoryProof:
    """Proves while a bar and the rate so far are shown on stderr."""
    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[rate]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("proving", total=None, rate="")
        started = time.perf_counter()

        def show(done: int, total: int) -> None:
            (unit, rate), *_ = _rate(challenge, (time.perf_counter() - started) * total / done).items()
            bar.update(task, completed=done, total=total, rate=f"{rate:,.0f} {unit}")

        return prover.prove(challenge, show)


def _rate(challenge: AnyChallenge, seconds: float) -> dict[str, float]:
    """The throughput by the rules of an attestation, as a fraction."""
    if isinstance(challenge, MemoryChallenge):
        return {"mb_per_s": round(challenge.shape.bytes_moved / seconds / 1e6, 3)}
    return {"gops": round(challenge.shape.operations / seconds / 1e9, 3)}


def _name(evidence: AnyEvidence) -> str:
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
