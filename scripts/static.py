"""slither over the contracts, against the findings that were looked at before.

slither reads syntax trees: they take seconds, where its own compilation through via-IR takes many minutes.
`scripts/slither.json` has a reason for every high and medium finding that stands: high ones by place, those
of a harmless kind together (`*`). Another one, or a reason without a finding, exits 1.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from fnmatch import fnmatch
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
            parent = element["type_specific_fields"]["parent"]["name"]
            return f"{finding['check']} {parent}.{element['name']}"
    element = finding["elements"][0]
    return f"{finding['check']} {element['name']}"


def main() -> int:
    write_build_info()
    found: dict[str, str] = {}
    for each in findings():
        found.setdefault(name_of(each), f"{each['impact']}: {' '.join(each['description'].split())}")
    reasons: dict[str, str] = json.loads(TRIAGE.read_text())
    explained = {name: [key for key in reasons if fnmatch(name, key)] for name in found}
    unexplained = sorted(name for name, keys in explained.items() if not keys)
    for name in unexplained:
        print(f"unexplained: {name}\n    {found[name][:400]}")
    unused = sorted(reasons.keys() - {key for keys in explained.values() for key in keys})
    for key in unused:
        print(f"no longer found: {key}")
    print(f"slither: {len(found)} high and medium findings, {len(found) - len(unexplained)} explained")
    return 1 if unexplained or unused else 0


if __name__ == "__main__":
    sys.exit(main())
