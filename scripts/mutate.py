"""Change the contracts one small thing at a time, and see which test notices.

gambit (in the environment of `make deep`) makes the mutants; each is compiled in a copy of the tree and given
to the tests that know its contract, until one fails. Who survives is listed with its change.

    python scripts/mutate.py                  a sample: a few mutants of each target
    python scripts/mutate.py --all            every mutant of every target
    python scripts/mutate.py --only Shares --count 10
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import scripts.compile as compiler  # noqa: E402

WORK = ROOT / ".build" / "mutation"
TREE = WORK / "tree"
SEED = 2_026
# A mutant that hangs the tests is as good as dead.
PATIENCE = 300
COPIED = ("contracts", "tests", "scripts", "offchain", "ape-config.yaml", "foundry.toml", "pyproject.toml")
LINKED = (".venv", "node_modules", "deployments", "docs")
# Of the tests in forge, those of the libraries: the plays need the whole market.
PROPERTIES = ("Leaves.t.sol", "Libraries.t.sol", "Trees.sol", "Vm.sol")


@dataclass(frozen=True)
class Target:
    """A source file, how many of its mutants a sample takes, and who should notice."""

    source: str
    sample: int
    forge: str = ""
    pytest: tuple[str, ...] = ()


TARGETS = (
    Target("contracts/libraries/Shares.sol", 8, forge="SharesTest"),
    Target("contracts/libraries/Bps.sol", 6, forge="BpsTest"),
    Target("contracts/libraries/Emission.sol", 6, forge="EmissionTest"),
    Target("contracts/libraries/Slots.sol", 8, forge="SlotsTest"),
    Target(
        "contracts/libraries/LeafRules.sol",
        10,
        forge="LeafRulesTest",
        pytest=("tests/parity/test_leaf_rules.py",),
    ),
    Target(
        "contracts/libraries/MerkleSum.sol", 8, forge="TreeTest", pytest=("tests/parity/test_merkle_sum.py",)
    ),
    Target("contracts/ProviderStaking.sol", 8, pytest=("tests/contracts/provider_staking",)),
    Target("contracts/JobEscrow.sol", 8, pytest=("tests/contracts/job_escrow",)),
    Target("contracts/WorkDisputes.sol", 6, pytest=("tests/contracts/work_disputes",)),
    Target("contracts/Attestations.sol", 8, pytest=("tests/contracts/attestations",)),
    Target("contracts/AttestationDisputes.sol", 4, pytest=("tests/contracts/attestation_disputes",)),
    Target("contracts/Challenges.sol", 4, pytest=("tests/contracts/challenges",)),
    Target("contracts/DeviceRegistry.sol", 6, pytest=("tests/contracts/device_registry",)),
    Target("contracts/Rewards.sol", 4, pytest=("tests/contracts/rewards",)),
)


@dataclass(frozen=True)
class Result:
    """What became of a mutant: killed, survived, or stillborn (it does not compile)."""

    source: str
    mutant: str
    fate: str
    change: str
    seconds: float


def mutants_of(source: str) -> list[tuple[str, str]]:
    """gambit's mutants of a file: (text, what was changed)."""
    binary = next((ROOT / ".deep").glob("lib/python*/site-packages/certora_bins/gambit"), None)
    if binary is None:
        raise SystemExit("make .deep/.ready first: it installs gambit")
    out = WORK / "gambit" / Path(source).stem
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    solc = WORK / "solc"
    solc.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" --as-solc "$@"\n')
    solc.chmod(0o755)
    command: list[str | Path] = [
        binary,
        "mutate",
        "--filename",
        source,
        "--solc",
        solc,
        "--skip_validate",
        "--outdir",
        out,
    ]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    found = json.loads((out / "gambit_results.json").read_text())
    return [((out / each["name"]).read_text(), _change(each["description"], each["diff"])) for each in found]


def dump_ast(arguments: list[str]) -> int:
    """What gambit asks of a compiler: the syntax tree of each file, in a folder."""
    import solcx

    name = str(Path(arguments[arguments.index("--ast-compact-json") + 1]))
    folder = Path(arguments[arguments.index("--output-dir") + 1])
    config = compiler.load_config()
    sources = compiler._unit([name], config).sources
    request = {
        "language": "Solidity",
        "sources": {path: {"content": text} for path, text in sources.items()},
        "settings": {
            "remappings": config.settings["remappings"],
            "outputSelection": {"*": {"": ["ast"]}},
        },
    }
    found = solcx.compile_standard(request, solc_version=config.version)["sources"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{Path(name).name}_json.ast").write_text(json.dumps(found[name]["ast"]))
    return 0


def copy_tree() -> None:
    shutil.rmtree(TREE, ignore_errors=True)
    TREE.mkdir(parents=True)
    skip = shutil.ignore_patterns("__pycache__", ".cache")
    for name in COPIED:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, TREE / name, ignore=skip)
        else:
            shutil.copy(path, TREE / name)
    for name in LINKED:
        (TREE / name).symlink_to(ROOT / name)
    shutil.copytree(compiler.BUILD / "solc", TREE / ".build" / "solc")
    # The library's properties compile in seconds without the whole market.
    for path in (TREE / "tests" / "forge").glob("*.sol"):
        if path.name not in PROPERTIES:
            path.unlink()


def try_mutant(target: Target, text: str) -> str:
    """Put it into the copy, compile, and run who should notice, the fastest first."""
    path = TREE / target.source
    original = (ROOT / target.source).read_text()
    path.write_text(text)
    try:
        if target.forge:
            (TREE / ".build" / "forge" / "tally").mkdir(parents=True, exist_ok=True)
            said = _run(
                str(ROOT / ".venv/bin/forge"),
                "test",
                "--match-contract",
                target.forge,
                FOUNDRY_FUZZ_RUNS="256",
            )
            if "Compiler run failed" in said[1]:
                return "stillborn"
            if said[0]:
                return "killed"
        if target.pytest:
            if not target.forge and _run(sys.executable, "scripts/compile.py")[0]:
                return "stillborn"
            if _run(sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", *target.pytest)[0]:
                return "killed"
        return "survived"
    finally:
        path.write_text(original)


def _run(*command: str, **environment: str) -> tuple[int, str]:
    try:
        done = subprocess.run(
            command,
            cwd=TREE,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 124, ""
    return done.returncode, done.stdout


def _change(description: str, diff: str) -> str:
    lines = [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    code = [" ".join(line[1:].split()) for line in lines if "Mutation(" not in line]
    return f"{description}: {' → '.join(code)}"


def main() -> int:
    if "--as-solc" in sys.argv:
        return dump_ast(sys.argv)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", action="store_true", help="every mutant, not a sample")
    parser.add_argument("--only", default="", help="targets whose path contains this")
    parser.add_argument("--count", type=int, help="mutants of each target")
    parser.add_argument("--minutes", type=float, default=10_000, help="stop after so many")
    options = parser.parse_args()

    copy_tree()
    begun, results = time.monotonic(), []
    for target in (each for each in TARGETS if options.only in each.source):
        mutants = mutants_of(target.source)
        if try_mutant(target, (ROOT / target.source).read_text()) != "survived":
            raise SystemExit(f"{target.source}: the tests fail without a mutant")
        chosen = list(enumerate(mutants, start=1))
        if not options.all:
            count = min(options.count or target.sample, len(chosen))
            chosen = sorted(random.Random(SEED).sample(chosen, count))
        for number, (text, change) in chosen:
            if time.monotonic() - begun > 60 * options.minutes:
                break
            started = time.monotonic()
            fate = try_mutant(target, text)
            results.append(
                Result(target.source, f"{number} of {len(mutants)}", fate, change, time.monotonic() - started)
            )
            print(f"{fate:9} {target.source} {number}/{len(mutants)} {change}", flush=True)
        (WORK / "results.json").write_text(json.dumps([asdict(each) for each in results], indent=1))

    dead = sum(each.fate == "killed" for each in results)
    alive = sum(each.fate == "survived" for each in results)
    share, stillborn = 100 * dead / max(1, dead + alive), len(results) - dead - alive
    print(f"killed {dead} of {dead + alive} ({share:.0f} %), {stillborn} stillborn")
    return 0


if __name__ == "__main__":
    sys.exit(main())
