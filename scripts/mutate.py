"""Change the contracts one small thing at a time, and see which test notices.

gambit (in the environment of `make deep`) says what to change; scripts/schemata.py writes many changes into
one build, and scripts/mutation_worker.py runs the tests that know a contract, those of the verb that was
changed first, until one fails. Who survives is listed with its change.

    python scripts/mutate.py                        a sample of every target
    python scripts/mutate.py --all                  every mutant of every target, in builds of 60 a file
    python scripts/mutate.py --only Shares --count 10 --workers 1
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import scripts.compile as compiler  # noqa: E402
from scripts.schemata import (  # noqa: E402
    LIBRARY,
    MUTANT,
    Mutant,
    Source,
    analyse,
    changes_of,
    faulty,
    syntax_trees,
    verbs_of,
    weave,
)

WORK = ROOT / ".build" / "mutation"
TREE = WORK / "tree"
SEED = 2_026
# Mutants of a file in one build: more of them, and the compiler takes too long.
PER_BUILD = 60
_TOO_DEEP = re.compile(r"too deep in the stack.*?--> (contracts/\S+?):(\d+):(\d+):", re.DOTALL)
_LISTED = re.compile(r"\b(?:usr\$|var_)(\w+?)(?:_\d+)?\b")
COPIED = ("contracts", "tests", "scripts", "ape-config.yaml", "pyproject.toml")
LINKED = (".venv", "node_modules", "deployments", "docs", "offchain")


@dataclass(frozen=True)
class Target:
    """A source file, how many of its mutants a sample takes, and who should notice."""

    source: str
    sample: int
    tests: tuple[str, ...]


def _contract(name: str, sample: int, *tests: str) -> Target:
    return Target(f"contracts/{name}.sol", sample, tuple(f"tests/{test}" for test in tests))


def _library(name: str, sample: int, *tests: str) -> Target:
    return _contract(f"libraries/{name}", sample, *tests)


TARGETS = (
    _contract(
        "ProviderStaking",
        16,
        "contracts/provider_staking",
        "contracts/attacks/test_commit_with_a_revoked_key.py",
    ),
    _contract(
        "JobEscrow",
        16,
        "contracts/job_escrow",
        "contracts/oracle_arbiter",
        "contracts/attacks/test_lock_what_delegators_took_away.py",
    ),
    _contract("LeaseEscrow", 16, "contracts/lease_escrow"),
    _contract(
        "WorkDisputes",
        12,
        "contracts/work_disputes",
        "contracts/attacks/test_spread_a_fraud_over_many_devices.py",
    ),
    _contract(
        "AttestationDisputes",
        12,
        "contracts/attestation_disputes",
        "contracts/attacks/test_save_the_signers_by_equivocating.py",
    ),
    _contract("Attestations", 14, "contracts/attestations", "contracts/attestation_disputes"),
    _contract("Challenges", 10, "contracts/challenges"),
    _contract("DeviceRegistry", 10, "contracts/device_registry", "contracts/challenges"),
    _contract("OrderBook", 10, "contracts/order_book", "parity/test_orders.py"),
    _contract("SealedAuction", 6, "contracts/sealed_auction", "parity/test_auctions.py"),
    _contract("Rewards", 6, "contracts/rewards"),
    _contract("MemoryProofs", 6, "contracts/memory_proofs", "parity/test_memory_proofs.py"),
    _contract("ComputeProofs", 6, "contracts/compute_proofs", "contracts/work_disputes"),
    _contract("LeafProofs", 6, "contracts/attestation_disputes"),
    _contract("OracleArbiter", 5, "contracts/oracle_arbiter"),
    _contract("Erc792Arbiter", 4, "contracts/erc792_arbiter"),
    _contract("TensorbondToken", 2, "contracts/tensorbond_token"),
    _library("Shares", 3, "contracts/shares", "contracts/provider_staking"),
    _library("Payments", 2, "contracts/job_escrow", "contracts/lease_escrow"),
    _library("Bps", 1, "contracts/job_escrow", "contracts/lease_escrow"),
    _library("Emission", 2, "contracts/rewards", "contracts/attestations"),
    _library("Slots", 4, "parity/test_slots.py"),
    _library("Vesting", 4, "contracts/provider_staking/test_rewards.py"),
    _library("Penalties", 4, "parity/test_penalties.py", "contracts/work_disputes"),
    _library("LeafRules", 6, "parity/test_leaf_rules.py"),
    _library(
        "MerkleSum", 4, "contracts/merkle_sum", "parity/test_merkle_sum.py", "parity/test_leaf_rules.py"
    ),
    _library("MerkleMany", 3, "contracts/rewards/test_claim_many.py"),
    _library("Requests", 4, "contracts/challenges", "contracts/attestation_disputes"),
    _library("Philox", 3, "parity/test_philox.py", "parity/test_label_proof.py"),
    _library("TileProof", 3, "parity/test_tile_proof.py"),
    _library("TileProduct", 3, "parity/test_tile_proof.py"),
    _library("LabelProof", 3, "parity/test_label_proof.py"),
    _library("BlockHeader", 3, "contracts/block_header"),
    _library(
        "LittleEndian", 2, "parity/test_digests.py", "parity/test_philox.py", "parity/test_label_proof.py"
    ),
)


@dataclass(frozen=True)
class Result:
    """What became of a mutant: killed or survived. `by`: the test that failed."""

    source: str
    line: int
    function: str
    fate: str
    kind: str
    change: str
    by: str
    seconds: float


@dataclass
class Tally:
    """Of one file."""

    found: int = 0
    stillborn: int = 0
    unplaced: int = 0


# ---- Choosing


def choose(
    targets: Sequence[Target], options: argparse.Namespace
) -> tuple[list[Mutant], dict[str, Source], dict[str, Tally]]:
    """The mutants to try, numbered, all of which compile together."""
    trees = syntax_trees([each.source for each in targets])
    sources = {each.source: Source(each.source, trees[each.source]) for each in targets}
    tallies: dict[str, Tally] = {}
    mutants: list[Mutant] = []
    counts = {each.source: 10_000 if options.all else (options.count or each.sample) for each in targets}
    for name, source in sources.items():
        changes = changes_of(name, trees[name], WORK)
        random.Random(SEED).shuffle(changes)
        tallies[name] = Tally(len(changes))
        typed = [each for each in changes if source.is_typed(each)]
        placed = [(change, place) for change in typed if (place := source.place_of(change)) is not None]
        tallies[name].stillborn = len(changes) - len(typed)
        tallies[name].unplaced = len(typed) - len(placed)
        # Some don't compile all the same.
        for change, place in placed[: 2 * counts[name]]:
            mutants.append(Mutant(len(mutants) + 1, change, place))
    sound = sound_ones(mutants, sources, tallies)
    chosen: list[Mutant] = []
    for name in sources:
        own = [each for each in sound if each.change.source == name]
        chosen += sorted(own[: counts[name]], key=lambda each: each.change.start)
    return chosen, sources, tallies


def sound_ones(
    mutants: Sequence[Mutant], sources: dict[str, Source], tallies: dict[str, Tally]
) -> list[Mutant]:
    """Those that compile."""
    sound = list(mutants)
    while True:
        regions = write_mutants(sound, sources)
        bad = faulty(analyse(TREE, list(sources)), regions)
        print(f"{len(sound)} mutants, {len(bad)} of them don't compile", file=sys.stderr, flush=True)
        if not bad:
            return sound
        for each in sound:
            tallies[each.change.source].stillborn += each.number in bad
        sound = [each for each in sound if each.number not in bad]


# ---- Building


def copy_tree() -> None:
    shutil.rmtree(TREE, ignore_errors=True)
    TREE.mkdir(parents=True)
    skip = shutil.ignore_patterns("__pycache__", ".cache", "symbolic", "forge")
    for name in COPIED:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, TREE / name, ignore=skip)
        else:
            shutil.copy(path, TREE / name)
    for name in LINKED:
        (TREE / name).symlink_to(ROOT / name)
    (TREE / ".build").mkdir()
    (TREE / ".build" / "solc").symlink_to(compiler.BUILD / "solc")
    write(LIBRARY, MUTANT.encode())


def write(name: str, text: bytes) -> None:
    (TREE / name).write_bytes(text)


def write_mutants(
    mutants: Sequence[Mutant], sources: dict[str, Source]
) -> dict[str, list[tuple[int, int, int]]]:
    """All of them into the copy of the tree. Returns where they are."""
    regions = {}
    for name, source in sources.items():
        own = [each for each in mutants if each.change.source == name]
        text, regions[name] = weave(source, own) if own else (source.text, [])
        write(name, text)
    return regions


def build(mutants: Sequence[Mutant], sources: dict[str, Source], tallies: dict[str, Tally]) -> list[Mutant]:
    """One build of them, but for those that make a function's stack too deep. Returns those in it."""
    kept = list(mutants)
    while True:
        regions = write_mutants(kept, sources)
        command = [sys.executable, "-m", "scripts.mutation_worker", "--build"]
        ended = subprocess.run(command, cwd=TREE, stderr=subprocess.PIPE, text=True)
        if ended.returncode == 0:
            return kept
        crowding = crowding_ones(ended.stderr, regions)
        if not crowding:
            raise SystemExit(ended.stderr)
        print(f"{len(crowding)} mutants less: the stack is too deep", file=sys.stderr, flush=True)
        for each in kept:
            tallies[each.change.source].unplaced += each.number in crowding
        kept = [each for each in kept if each.number not in crowding]


def crowding_ones(said: str, regions: Mapping[str, Sequence[tuple[int, int, int]]]) -> set[int]:
    """The mutants nearest to each place where the compiler ran out of stack. Where it tells none, those of
    the file that has most of the variables which it lists."""
    found: set[int] = set()
    for name, line, column in _TOO_DEEP.findall(said):
        if regions.get(name):
            lines = (TREE / name).read_bytes().splitlines(keepends=True)
            at = sum(map(len, lines[: int(line) - 1])) + int(column) - 1
            found.add(min((abs(start - at), number) for start, _, number in regions[name])[1])
    listed = set(_LISTED.findall(said))
    if listed and not found:
        counts = {name: _variables(name, listed) for name in regions if regions[name]}
        most = max(counts.values(), default=0)
        found = {each[2] for name in counts if counts[name] == most > 0 for each in regions[name]}
    return found


def _variables(name: str, listed: Iterable[str]) -> int:
    text = (TREE / name).read_text()
    return sum(bool(re.search(rf"\b{each}\b", text)) for each in listed)


# ---- Trying


def tests_of(target: Target, source: Source, mutant: Mutant) -> list[str]:
    """Files, those of the verbs that the change is reached from first."""
    names = [f"test_{_snake(verb)}.py" for verb in verbs_of(source, mutant.place.function)]
    files: list[Path] = []
    for test in target.tests:
        path = TREE / test
        files += sorted(path.glob("test_*.py")) if path.is_dir() else [path]
    files.sort(key=lambda path: path.name not in names)
    return [path.relative_to(TREE).as_posix() for path in files]


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).strip("_")


class Worker:
    """A process with a chain of its own, to which it puts one question after the other."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scripts.mutation_worker"],
            cwd=TREE,
            env=os.environ | {"PYTHONHASHSEED": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        into, out = _pipe(self.process.stdin), _pipe(self.process.stdout)
        into.write(json.dumps(question) + "\n")
        into.flush()
        line = out.readline()
        if not line:
            raise SystemExit("a worker has died")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        _pipe(self.process.stdin).close()
        self.process.wait()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def try_all(
    mutants: Sequence[Mutant], sources: dict[str, Source], options: argparse.Namespace, end: float
) -> Iterator[Result]:
    targets = {each.source: each for each in TARGETS}
    waiting, done, lock = list(mutants), list[Result](), threading.Condition()
    # So that what is tried before the time is over is a sample, too.
    random.Random(SEED).shuffle(waiting)
    left = options.workers

    def work() -> None:
        nonlocal left
        worker = Worker()
        try:
            while True:
                with lock:
                    if not waiting or time.monotonic() > end:
                        break
                    mutant = waiting.pop()
                source = sources[mutant.change.source]
                began = time.monotonic()
                answer = worker.ask(
                    {
                        "mutant": mutant.number,
                        "fresh": mutant.place.in_constructor,
                        "tests": tests_of(targets[source.name], source, mutant),
                    }
                )
                with lock:
                    done.append(
                        Result(
                            source.name,
                            source.text.count(b"\n", 0, mutant.change.start) + 1,
                            mutant.place.function,
                            answer["fate"],
                            mutant.change.kind,
                            mutant.described(source.text),
                            answer["by"],
                            round(time.monotonic() - began, 1),
                        )
                    )
                    lock.notify()
        finally:
            worker.end()
            with lock:
                left -= 1
                lock.notify()

    for _ in range(options.workers):
        threading.Thread(target=work).start()
    while True:
        with lock:
            while not done and left:
                lock.wait()
            ready, done[:] = list(done), []
            over = not left
        yield from ready
        if over and not ready:
            return


def report(results: Sequence[Result], tallies: dict[str, Tally]) -> None:
    rows = []
    for name in dict.fromkeys(each.source for each in results):
        own = [each for each in results if each.source == name]
        dead = sum(each.fate == "killed" for each in own)
        rows.append(f"| `{Path(name).name}` | {dead} of {len(own)} | {tallies[name].found} |")
    print("\n".join(["", "| File | Killed | Mutants that gambit finds |", "|---|---|---|", *rows, ""]))
    dead = sum(each.fate == "killed" for each in results)
    share = 100 * dead / max(1, len(results))
    stillborn = sum(each.stillborn for each in tallies.values())
    unplaced = sum(each.unplaced for each in tallies.values())
    print(
        f"killed {dead} of {len(results)} mutants ({share:.0f} %); beside them {stillborn} did not compile, "
        f"{unplaced} have no place in a common build"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", action="store_true", help="every mutant, not a sample")
    parser.add_argument(
        "--only", default="", help="targets whose path contains one of these, with commas between"
    )
    parser.add_argument("--count", type=int, help="mutants of each target")
    parser.add_argument("--minutes", type=float, default=10_000, help="stop after so many")
    parser.add_argument("--workers", type=int, default=2, help="processes that run tests")
    parser.add_argument("--least", type=float, default=0, help="fail below this share killed, in percent")
    options = parser.parse_args()

    began = time.monotonic()
    end = began + 60 * options.minutes
    names = options.only.split(",")
    targets = [each for each in TARGETS if any(name in each.source for name in names)]
    copy_tree()
    mutants, sources, tallies = choose(targets, options)
    results, chosen = list[Result](), len(mutants)
    while mutants and time.monotonic() < end:
        now, later, taken = list[Mutant](), list[Mutant](), dict[str, int]()
        for mutant in mutants:
            count = taken[mutant.change.source] = taken.get(mutant.change.source, 0) + 1
            (now if count <= PER_BUILD else later).append(mutant)
        chosen -= len(now)
        now = build(now, sources, tallies)
        chosen += len(now)
        print(f"built {len(now)} mutants ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
        for result in try_all(now, sources, options, end):
            results.append(result)
            print(
                f"{result.fate:9} {result.source}:{result.line} {result.function} ({result.seconds} s) "
                f"{result.change} {result.by}",
                flush=True,
            )
            (WORK / "results.json").write_text(json.dumps([asdict(each) for each in results], indent=1))
        mutants = later
    report(results, tallies)
    if len(results) < chosen:
        print(f"{chosen - len(results)} were not tried")
        if time.monotonic() < end:
            return 2  # a worker has died
    dead = sum(each.fate == "killed" for each in results)
    return int(100 * dead < options.least * len(results))


if __name__ == "__main__":
    sys.exit(main())
