"""slither over the contracts, against the findings that were looked at before.

slither reads syntax trees: they take seconds, where its own compilation through via-IR takes many minutes.
`scripts/slither.json` has a reason for every high and medium finding that stands, by kind, contract and
function; several of one kind in one function say how many (`x2`). Another one, or a reason without a finding,
exits 1.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import scripts.compile as compiler  # noqa: E402

WORK = ROOT / ".build" / "slither"
TRIAGE = ROOT / "scripts" / "slither.json"
EXPLAINED = ("High", "Medium")


def write_build_info() -> None:
    """What `forge build --build-info` would write, of what slither asks for."""
    import solcx

    config = compiler.load_config()
    project = compiler.compile_project()["contracts"]
    names = sorted(path.relative_to(ROOT).as_posix() for path in compiler.CONTRACTS.rglob("*.sol"))
    request = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in compiler._unit(names, config).sources.items()},
        "settings": config.settings | {"outputSelection": {"*": {"": ["ast"]}}},
    }
    output = solcx.compile_standard(request, solc_version=config.version)
    contracts: dict[str, dict[str, Any]] = {}
    for name, artifact in project.items():
        if artifact["source"] not in output["sources"]:
            continue
        code = {
            kind: {"object": artifact[key].removeprefix("0x"), "sourceMap": "", "opcodes": ""}
            for kind, key in (("bytecode", "bytecode"), ("deployedBytecode", "deployed_bytecode"))
        }
        contracts.setdefault(artifact["source"], {})[name] = {"abi": artifact["abi"], "evm": code}
    folder = WORK / "out" / "build-info"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    info = {
        "id": "contracts",
        "solcVersion": config.version,
        "input": request,
        "output": {"sources": output["sources"], "contracts": contracts},
    }
    (folder / "contracts.json").write_text(json.dumps(info))


def findings() -> list[dict[str, Any]]:
    report = WORK / "report.json"
    report.unlink(missing_ok=True)
    command: list[str | Path] = [
        ROOT / ".deep/bin/slither",
        ".",
        "--compile-force-framework",
        "foundry",
        "--foundry-out-directory",
        ".build/slither/out",
        "--ignore-compile",
        "--filter-paths",
        "node_modules|tests/",
        "--exclude-dependencies",
        "--json",
        str(report),
    ]
    path = f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    if not report.exists():
        raise SystemExit(done.stderr[-4_000:])
    found = json.loads(report.read_text())["results"].get("detectors", [])
    return [each for each in found if each["impact"] in EXPLAINED]


def name_of(finding: dict[str, Any]) -> str:
    """Detector and place, without line numbers: an edit elsewhere changes nothing."""
    for element in finding["elements"]:
        if element["type"] == "function":
            return f"{finding['check']} {_place(element)}"
    element = finding["elements"][0]
    around = element["type_specific_fields"]["parent"]
    return f"{finding['check']} {_place(around)} {element['name']}"


def _place(function: dict[str, Any]) -> str:
    return f"{function['type_specific_fields']['parent']['name']}.{function['name']}"


def main() -> int:
    write_build_info()
    told: dict[str, list[str]] = {}
    for each in findings():
        text = f"{each['impact']}: {' '.join(each['description'].split())}"
        told.setdefault(name_of(each), []).append(text)
    found = {f"{name} x{len(each)}" if len(each) > 1 else name: each for name, each in told.items()}
    reasons: dict[str, str] = json.loads(TRIAGE.read_text())
    unexplained = sorted(found.keys() - reasons.keys())
    for name in unexplained:
        print(f"unexplained: {name}", *(f"    {each[:400]}" for each in found[name]), sep="\n")
    unused = sorted(reasons.keys() - found.keys())
    for name in unused:
        print(f"no longer found: {name}")
    count = sum(len(each) for each in found.values())
    explained = count - sum(len(found[name]) for name in unexplained)
    print(f"slither: {count} high and medium findings, {explained} explained")
    return 1 if unexplained or unused else 0


if __name__ == "__main__":
    sys.exit(main())
