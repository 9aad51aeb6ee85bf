"""Which lines, branches and functions of `contracts/` the tests run.

    python -m scripts.coverage                           the tests of contracts, then the table
    python -m scripts.coverage tests/contracts/rewards   these tests only; what others hit is kept
    python -m scripts.coverage --report                  the table of what was hit so far
    python -m scripts.coverage --fresh                   forget it first

Every statement gets a probe and every condition one for each outcome: a call to an address that names the
probe. The chain's traces show them, of transactions and of calls, and of what reverted.
The instrumented system is compiled apart, under `.build/coverage/`; `tests/probing.py` lets the tests run on
it. Ends with 1 below 98 % of the lines or 95 % of the branches.

A line counts as run if every statement that begins on it did. Branches are the outcomes of every condition of
an if, a loop, a ternary and a `require`, success and failure of a `try`, and every `if` and `case` in
assembly, whose statements and loops are not counted otherwise.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import scripts.compile as compiler
from scripts.instrument import (
    Edits,
    Source,
    assembly_branches,
    conditions,
    contract_names,
    functions,
    parse,
    readable,
    statements,
    title_of,
    walk,
)

BUILD = compiler.BUILD / "coverage"
LINES_WANTED, BRANCHES_WANTED = 98.0, 95.0
TESTS = ("tests/contracts", "tests/parity", "tests/attacks")
# By a part of a test's name.
LEFT_OUT = {
    "__starved_by_the_caller__": "it gives gas by the unit, and probes cost some",
    "test_wallet_that_burns_gas__": "it counts gas, and probes cost some",
    "__arbiter_starved_of_gas__": "it gives gas by the unit, and probes cost some",
    "within_the_gas_promised": "it gives gas by the unit, and probes cost some",
    "sponsored_requester__asks_the_token_once": "it gives gas by the unit, and probes cost some",
    "test_greedy_token__two_payments_in_one_stop": "it gives gas by the unit, and probes cost some",
}

# What nothing can run here, by its source and a part of its line in the list of what was missed.
_HEADER = "what has a known block hash is that block's header"
_HASHES = "SHA-256 fails only for want of gas, and then nothing is kept"
_BY_GAS = "the tests that reach it give gas by the unit, and are left out"
_FIELDS = "to read a field that holds more than its type reverts"
UNREACHABLE: dict[tuple[str, str], str] = {
    ("contracts/Challenges.sol", "ok && number == first + i - 1 is never false"): _HEADER,
    ("contracts/LeaseEscrow.sol", "ok is never false"): _HEADER,
    ("contracts/LeafProofs.sol", "!ok is never true"): _HEADER,
    ("contracts/LeafProofs.sol", "revert IChallenges.HeaderMalformed(0)"): _HEADER,
    (
        "contracts/Challenges.sol",
        "_beacons[slot] == 0 is never false",
    ): "to seal a slot within its window opens the window",
    ("contracts/JobEscrow.sol", "gasleft() >= need is never false"): _BY_GAS,
    (
        "contracts/Challenges.sol",
        "entry > 0 is never false",
    ): "the first timing begins at or before every slot",
    (
        "contracts/libraries/MerkleMany.sol",
        "or(or(root, sum), or(sibling, siblingSum)) is never false",
    ): "no leaf's digest is zero",
    ("contracts/libraries/MerkleSum.sol", "all > type(uint64).max is never true"): _FIELDS,
    ("contracts/libraries/MerkleSum.sol", "return false"): _FIELDS,
    ("contracts/libraries/TileProof.sol", "iszero(staticcall("): _HASHES,
    ("contracts/libraries/LabelProof.sol", "iszero(staticcall("): _HASHES,
    (
        "contracts/libraries/TileProduct.sol",
        "free <= CUT is never false",
    ): "what a judge hashes before is an item and its siblings, a few kilobytes of 32",
}
PAGE = compiler.ROOT / "docs" / "assurance.md"
BEGIN, END = "<!-- coverage -->", "<!-- /coverage -->"

PROBE = "contracts/libraries/CoverageProbe.sol"
MARKER = "c0de" * 8
# The first call of an address costs more: so a probe in a loop shows once in a transaction, or once more in
# what is reverted, and not a million times.
_TOUCH = f"""let coverageProbe := add(0x{MARKER}00000000, coverageId)
        let coverageLeft := gas()
        let coverageNothing := balance(coverageProbe)
        if gt(add(sub(coverageLeft, gas()), coverageNothing), 2000) {{
            pop(staticcall(0, coverageProbe, 0, 0, 0, 0))
        }}"""
PROBE_SOURCE = f"""// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

function coverageHit(uint256 coverageId) view {{
    assembly ("memory-safe") {{
        {_TOUCH}
    }}
}}

function coverageBranch(bool value, uint256 id) view returns (bool) {{
    coverageHit(value ? id : id + 1);
    return value;
}}
"""
_CALLED = f"0x{MARKER}"
_TOO_LARGE = "size is"
# Of the optimizer's steps the few that inline nothing: probes take room on the stack, which is soon used up.
_STEPS = "dhfoDgvulfnTUtnIf:fDnTOcmu"
PROBES_PER_SOURCE = 1 << 12


@dataclass(frozen=True)
class Probe:
    """Something that can happen at a place. `kind`: function, statement, or of a branch true, false or (a
    `case`) taken."""

    source: str
    line: int
    column: int
    kind: str
    text: str

    @property
    def is_branch(self) -> bool:
        return self.kind in ("true", "false", "taken")

    def __str__(self) -> str:
        outcome = f" is never {self.kind}" if self.is_branch else ""
        return f"{self.source}:{self.line}:{self.column} {self.text}{outcome}"


@dataclass(frozen=True)
class Instrumented:
    """A rewritten source, and its probes by number. The numbers are its own: no other file changes them."""

    name: str
    text: str
    probes: dict[int, Probe]

    @property
    def folder(self) -> Path:
        """Where the hits of this very text are kept."""
        return BUILD / "hits" / hashlib.sha256(self.text.encode()).hexdigest()[:16]

    def hits(self) -> set[int]:
        return {number for path in self.folder.glob("*.json") for number in json.loads(path.read_text())}

    def add_hits(self, seen: Iterable[int], writer: str) -> None:
        """`writer`: who else writes hits uses another name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{writer}.json").write_text(json.dumps(sorted(self.probes.keys() & set(seen))))


@cache
def instrument() -> dict[str, Instrumented]:
    """All of `contracts/`, probed."""
    made: dict[str, Instrumented] = {}
    for name, source in parse(contract_names()).items():
        probes: list[Probe] = []
        base = first_number(name)
        text = probed(source, probes, base)
        assert len(probes) <= PROBES_PER_SOURCE, name
        made[name] = Instrumented(name, text, dict(enumerate(probes, start=base)))
    assert len({first_number(name) for name in made}) == len(made)
    return made


def first_number(name: str) -> int:
    return zlib.crc32(name.encode()) // PROBES_PER_SOURCE * PROBES_PER_SOURCE


def probed(source: Source, probes: list[Probe], base: int) -> str:
    """The source with probes, which it adds; their numbers begin with `base`."""
    edits = Edits(source)

    def add(node: dict[str, Any], *kinds: str, text: str | None = None) -> int:
        text = text or " ".join(source.text_of(node).split())
        place = source.name, source.line_of(node), source.column_of(node)
        probes.extend(Probe(*place, kind, text if len(text) < 80 else text[:77] + "...") for kind in kinds)
        return base + len(probes) - len(kinds)

    for function in functions(source.tree):
        body = function["body"]
        title = title_of(function)
        edits.open_block(body, f" coverageHit({add(function, 'function', text=title)});")
        for statement, alone in statements(body):
            edits.precede(statement, f"coverageHit({add(statement, 'statement')}); ", alone=alone)
        for condition in conditions(body):
            edits.wrap(condition, "coverageBranch(", f", {add(condition, 'true', 'false')})")
        for attempt in (node for node in walk(body) if node["nodeType"] == "TryStatement"):
            number = add(attempt["externalCall"], "true", "false")
            for place, clause in enumerate(attempt["clauses"]):
                edits.open_block(clause["block"], f" coverageHit({number + min(place, 1)});")
        for assembly in (node for node in walk(body) if node["nodeType"] == "InlineAssembly"):
            _probe_assembly(edits, assembly["AST"], add)
    if probes:
        edits.import_names(PROBE, "coverageHit", "coverageBranch")
    return edits.text()


def _probe_assembly(edits: Edits, tree: dict[str, Any], add: Callable[..., int]) -> None:
    """Assembly calls no function of Solidity, and its names end with its block: it gets functions of its own,
    with the number of the first probe in their names."""
    first = 0
    for branch in assembly_branches(tree):
        if branch["nodeType"] == "YulCase":
            case = branch["value"]
            number = add(branch, "taken", text="default" if case == "default" else f"case {case['value']}")
            first = first or number
            edits.open_block(branch["body"], f" coverageHit{first}({number})")
        else:
            number = add(branch["condition"], "true", "false")
            first = first or number
            edits.wrap(branch["condition"], f"coverageBranch{first}(", f", {number})")
    if first:
        hit = f" function coverageHit{first}(coverageId) {{ {' '.join(_TOUCH.split())} }}"
        same = f"coverageSame := coverageValue coverageHit{first}(add(coverageId, iszero(coverageValue)))"
        head = f"function coverageBranch{first}(coverageValue, coverageId) -> coverageSame"
        edits.open_block(tree, f"{hit} {head} {{ {same} }}")


def use_instrumented() -> dict[str, Instrumented]:
    """Let this process compile the probed sources, into a place of their own."""
    made = instrument()
    own_source, own_run, config = compiler.read_source, compiler._run_solc, compiler.load_config()

    def read(name: str) -> str:
        if name == PROBE:
            return PROBE_SOURCE
        if name in made:
            return made[name].text
        text = own_source(name)
        # A test's contract calls the libraries, which read the chain now.
        return text if name.startswith("node_modules/") else readable(text)

    def run(unit: compiler.Unit, config: compiler.Config) -> tuple[dict[str, compiler.Artifact], list[str]]:
        artifacts, faults = own_run(unit, config)
        return artifacts, [fault for fault in faults if _TOO_LARGE not in fault]

    details = {"yul": True, "yulDetails": {"stackAllocation": True, "optimizerSteps": _STEPS}}
    optimizer = {"enabled": True, "runs": 1, "details": details}
    hasty = replace(config, settings=config.settings | {"optimizer": optimizer})
    compiler.read_source, compiler._run_solc = read, run
    compiler.load_config = lambda: hasty  # type: ignore[assignment]
    compiler.BUILD, compiler.ARTIFACTS = BUILD, BUILD / "contracts.json"
    return made


class Hits:
    """Collects the probes that the traces of a chain name."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def read(self, trace: dict[str, Any]) -> None:
        """A call and all below it, as the `callTracer` tells them."""
        waiting = [trace]
        while waiting:
            call = waiting.pop()
            waiting += call.get("calls", ())
            if str(call.get("to")).startswith(_CALLED):
                self.seen.add(int(call["to"][len(_CALLED) :], 16))


@dataclass(frozen=True)
class Share:
    hit: int
    all: int

    @property
    def percent(self) -> float:
        return 100 * self.hit / self.all if self.all else 100.0

    def __str__(self) -> str:
        return f"{self.hit}/{self.all} {self.percent:5.1f} %"


@dataclass(frozen=True)
class Row:
    """One file's figures."""

    source: str
    lines: Share
    branches: Share
    functions: Share


@dataclass(frozen=True)
class Report:
    rows: list[Row]
    missed: list[Probe]

    @property
    def total(self) -> Row:
        def sum_of(name: str) -> Share:
            shares: list[Share] = [getattr(row, name) for row in self.rows]
            return Share(sum(each.hit for each in shares), sum(each.all for each in shares))

        return Row("all", sum_of("lines"), sum_of("branches"), sum_of("functions"))

    @property
    def suffices(self) -> bool:
        return self.total.lines.percent >= LINES_WANTED and self.total.branches.percent >= BRANCHES_WANTED


def report_on(made: Iterable[Instrumented]) -> Report:
    rows, missed = [], []
    for each in made:
        if each.probes:
            hits = each.hits()
            rows.append(_row(each, hits))
            missed += [probe for number, probe in each.probes.items() if number not in hits]
    return Report(rows, sorted(missed, key=lambda probe: (probe.source, probe.line, probe.column)))


def _row(made: Instrumented, hits: set[int]) -> Row:
    lines: dict[int, bool] = {}
    found = [(probe, number in hits) for number, probe in made.probes.items()]
    for probe, hit in found:
        if probe.kind == "statement":
            lines[probe.line] = lines.get(probe.line, True) and hit
    branches = [hit for probe, hit in found if probe.is_branch]
    named = [hit for probe, hit in found if probe.kind == "function"]
    return Row(made.name, *(Share(sum(each), len(each)) for each in ([*lines.values()], branches, named)))


def _reason(probe: Probe) -> str:
    """Why nothing can run it, if that is known."""
    return next(
        (why for (source, text), why in UNREACHABLE.items() if probe.source == source and text in str(probe)),
        "",
    )


def _lines(report: Report) -> Iterator[str]:
    for probe in report.missed:
        yield f"{probe} ({why})" if (why := _reason(probe)) else f"{probe}"
    yield f"{'':45} {'lines':>17} {'branches':>17} {'functions':>17}"
    for row in (*report.rows, report.total):
        yield f"{row.source:45} {row.lines!s:>17} {row.branches!s:>17} {row.functions!s:>17}"


def write_page(report: Report) -> None:
    """The chapter of `docs/assurance.md`."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=compiler.ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    lines = [
        f"By `make coverage` at {commit}, {datetime.now(UTC):%Y-%m-%d}:",
        "",
        "| File | Lines | Branches | Functions |",
        "|---|---|---|---|",
    ]
    for row in (*report.rows, report.total):
        name = row.source.removeprefix("contracts/") if row.source != "all" else "**all**"
        lines.append(f"| {name} | {row.lines} | {row.branches} | {row.functions} |")
    lines += ["", "What no test reaches:", "", "| Place | Why |", "|---|---|"]
    for probe in report.missed:
        text = str(probe).removeprefix("contracts/").replace("|", "\\|")
        lines.append(f"| `{text}` | {_reason(probe) or '–'} |")
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + "\n".join([BEGIN, *lines, END]) + rest.partition(END)[2])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--report", action="store_true", help="run nothing")
    parser.add_argument("--fresh", action="store_true", help="forget what was hit before")
    parser.add_argument("--json", action="store_true", help="the figures and what was missed, as JSON")
    parser.add_argument("--compile", action="store_true", help="compile the probed contracts only")
    parser.add_argument("--write", action="store_true", help="write the table of docs/assurance.md")
    options, rest = parser.parse_known_args(arguments)

    made = use_instrumented()
    if options.fresh:
        for path in (path for each in made.values() for path in each.folder.glob("*.json")):
            path.unlink()
    failed = 0
    if not options.report:
        compiler.compile_project()
        if options.compile:
            return 0
        command = [sys.executable, "-m", "pytest", "-p", "tests.probing", "-q", "-rsfE", *(rest or TESTS)]
        failed = subprocess.run(command, cwd=compiler.ROOT, check=False).returncode

    report = report_on(made.values())
    if options.json:
        rows = [asdict(row) for row in (*report.rows, report.total)]
        print(json.dumps({"rows": rows, "missed": [asdict(probe) for probe in report.missed]}))
    else:
        print("\n".join(_lines(report)))
    if options.write:
        write_page(report)
    return failed or int(not report.suffices)


if __name__ == "__main__":
    sys.exit(main())
